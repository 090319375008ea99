//go:build linux

package main

import (
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// examples/echo of the repository: the zero Upgrader ("use default options"), ReadMessage and WriteMessage in the HTTP handler. Buffers are then those of net/http, as
// doc.go says under "Buffers". doc.go: EnableCompression; there is no context takeover. PreparedMessage: "Use PreparedMessage to efficiently send a message payload to
// multiple connections"; examples/chat sets a write deadline of 10 s before each write.
var gorillaAdapter = adapter{
	Name:     "gorilla",
	Module:   "github.com/gorilla/websocket",
	Compress: []string{"nocontext"},
	Settings: "examples/echo: the zero Upgrader, ReadMessage and WriteMessage in the HTTP handler. Broadcast: WritePreparedMessage with a write deadline.",
	serve: func(ln net.Listener, s *setup) error {
		var all set[*websocket.Conn]
		upgrader := websocket.Upgrader{EnableCompression: s.compress != "off"}
		return s.serveHTTP(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := upgrader.Upgrade(w, r, nil)
			if err != nil {
				return
			}
			defer c.Close()
			if s.handler == "broadcast" {
				all.add(c)
				defer all.remove(c)
			}
			s.conns.Add(1)
			defer s.conns.Add(-1)
			for {
				mt, message, err := c.ReadMessage()
				if err != nil {
					return
				}
				s.work(message)
				if s.handler == "broadcast" {
					pm, err := websocket.NewPreparedMessage(mt, message)
					if err != nil {
						return
					}
					all.each(func(c *websocket.Conn) {
						c.SetWriteDeadline(time.Now().Add(writeTimeout))
						c.WritePreparedMessage(pm)
					})
				} else if c.WriteMessage(mt, message) != nil {
					return
				}
			}
		}))
	},
}
