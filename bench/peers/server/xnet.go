//go:build linux

package main

import (
	"net"
	"time"

	"golang.org/x/net/websocket"
)

// websocket.Handler, as the package's example. The example copies with io.Copy, which cuts messages at 32 KiB and makes text of binary ones, so messages are received
// and sent whole with a Codec, the package's own way, that keeps the type.
var xnetAdapter = adapter{
	Name:     "x/net",
	Module:   "golang.org/x/net",
	Settings: "websocket.Handler as in the package's example; a Codec that keeps the message's type, because the example's io.Copy does not keep messages. Broadcast: Codec.Send to each with a write deadline.",
	serve: func(ln net.Listener, s *setup) error {
		type message struct {
			data []byte
			typ  byte
		}
		codec := websocket.Codec{
			Marshal: func(v any) ([]byte, byte, error) {
				m := v.(*message)
				return m.data, m.typ, nil
			},
			Unmarshal: func(data []byte, typ byte, v any) error {
				*v.(*message) = message{data, typ}
				return nil
			},
		}
		var all set[*websocket.Conn]
		return s.serveHTTP(ln, websocket.Handler(func(c *websocket.Conn) {
			if s.handler == "broadcast" {
				all.add(c)
				defer all.remove(c)
			}
			s.conns.Add(1)
			defer s.conns.Add(-1)
			var m message
			for {
				if codec.Receive(c, &m) != nil {
					return
				}
				s.work(m.data)
				if s.handler == "broadcast" {
					all.each(func(c *websocket.Conn) {
						c.SetWriteDeadline(time.Now().Add(writeTimeout))
						codec.Send(c, &m)
					})
				} else if codec.Send(c, &m) != nil {
					return
				}
			}
		}))
	},
}
