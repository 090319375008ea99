//go:build linux

package main

import (
	"net"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"
)

// _examples/echo/fasthttp of the repository: the zero FastHTTPUpgrader on fasthttp's server. The library is a fork of gorilla/websocket; compression and
// PreparedMessage are documented as there.
var fasthttpAdapter = adapter{
	Name:     "fasthttp",
	Module:   "github.com/fasthttp/websocket",
	Compress: []string{"nocontext"},
	Settings: "_examples/echo/fasthttp: the zero FastHTTPUpgrader on fasthttp.Serve, ReadMessage and WriteMessage. Broadcast: WritePreparedMessage with a write deadline.",
	serve: func(ln net.Listener, s *setup) error {
		var all set[*websocket.Conn]
		upgrader := websocket.FastHTTPUpgrader{EnableCompression: s.compress != "off"}
		return fasthttp.Serve(s.wrap(ln), func(ctx *fasthttp.RequestCtx) {
			upgrader.Upgrade(ctx, func(c *websocket.Conn) {
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
			})
		})
	},
}
