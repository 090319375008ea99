//go:build linux

package main

import (
	"net"
	"net/http"
	"time"

	"github.com/lxzan/gws"
)

// examples/echo of the repository: an Upgrader on net/http, CheckUtf8Enabled and Recovery, ReadLoop in a goroutine ("Blocking prevents the context from being GC"). The
// README's "Best Practice" also sets ParallelEnabled, which runs the messages of one connection at the same time: an echo must keep their order, so it stays off, as
// in examples/echo. Context takeover: both sides, windows at gws's defaults. Broadcast: the README's Broadcaster.
var gwsAdapter = adapter{
	Name:     "gws",
	Module:   "github.com/lxzan/gws",
	Compress: []string{"context", "nocontext"},
	Settings: "examples/echo: Upgrader on net/http, CheckUtf8Enabled, Recovery, ReadLoop in a goroutine; ParallelEnabled off, which would reorder. Compression at default windows and thresholds. Broadcast: Broadcaster with a write deadline.",
	serve: func(ln net.Listener, s *setup) error {
		option := &gws.ServerOption{CheckUtf8Enabled: true, Recovery: gws.Recovery}
		switch s.compress {
		case "context":
			option.PermessageDeflate = gws.PermessageDeflate{Enabled: true, ServerContextTakeover: true, ClientContextTakeover: true}
		case "nocontext":
			option.PermessageDeflate = gws.PermessageDeflate{Enabled: true}
		}
		upgrader := gws.NewUpgrader(&gwsHandler{s: s}, option)
		return s.serveHTTP(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := upgrader.Upgrade(w, r)
			if err != nil {
				return
			}
			go c.ReadLoop()
		}))
	},
}

type gwsHandler struct {
	gws.BuiltinEventHandler
	s   *setup
	all set[*gws.Conn]
}

func (h *gwsHandler) OnOpen(c *gws.Conn) {
	if h.s.handler == "broadcast" {
		h.all.add(c)
	}
	h.s.conns.Add(1)
}

func (h *gwsHandler) OnClose(c *gws.Conn, _ error) {
	h.s.conns.Add(-1)
	if h.s.handler == "broadcast" {
		h.all.remove(c)
	}
}

func (h *gwsHandler) OnPing(c *gws.Conn, payload []byte) { c.WritePong(payload) }

func (h *gwsHandler) OnMessage(c *gws.Conn, message *gws.Message) {
	defer message.Close()
	h.s.work(message.Bytes())
	if h.s.handler != "broadcast" {
		c.WriteMessage(message.Opcode, message.Bytes())
		return
	}
	b := gws.NewBroadcaster(message.Opcode, message.Bytes())
	defer b.Close()
	h.all.each(func(c *gws.Conn) {
		c.SetWriteDeadline(time.Now().Add(writeTimeout))
		b.Broadcast(c)
	})
}
