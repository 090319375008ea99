//go:build linux

package main

import (
	"net"

	"github.com/hawser-go/hawser/conn"
	"github.com/hawser-go/hawser/deflate"
)

// The push style of hawser on the raw listener, with the default Config: plain TCP is driven by the event loop, TLS by a goroutine for each connection.
var hawserPushAdapter = adapter{
	Name:     "hawser-push",
	Module:   "github.com/hawser-go/hawser",
	Compress: []string{"context", "nocontext"},
	Settings: "hawser.Server with Events on the raw listener with the default Config; Write in Message. Broadcast: Prepare once, WritePrepared to each.",
	serve: func(ln net.Listener, s *setup) error {
		var all set[*conn.Conn]
		cfg := &conn.Config{}
		if s.compress != "off" {
			takeover := s.compress == "context"
			cfg.Compression = &deflate.Config{ServerContextTakeover: takeover, ClientContextTakeover: takeover}
		}
		events := &conn.Events{
			Open: func(c *conn.Conn) {
				s.conns.Add(1)
				if s.handler == "broadcast" {
					all.add(c)
				}
			},
			Message: func(c *conn.Conn, m conn.Message) {
				s.work(m.Data)
				if s.handler == "broadcast" {
					if p, err := conn.Prepare(m.Type, m.Data); err == nil {
						all.each(func(c *conn.Conn) { c.WritePrepared(p) })
					}
				} else {
					c.Write(m.Type, m.Data)
				}
			},
			Close: func(c *conn.Conn, _ *conn.CloseError) {
				if s.handler == "broadcast" {
					all.remove(c)
				}
				s.conns.Add(-1)
			},
		}
		return (&conn.Server{Config: cfg, Events: events}).Serve(s.wrap(ln))
	},
}
