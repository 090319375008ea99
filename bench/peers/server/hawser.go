//go:build linux

package main

import (
	"net"

	"github.com/hawser-go/hawser"
)

// The echo loop of hawser's README, on the raw listener, with the default Config. Its write timeout is on, as it is by default. Compression is off by default; each mode has
// its Config.Compression, whose level is the default, too.
var hawserAdapter = adapter{
	Name:     "hawser",
	Module:   "github.com/hawser-go/hawser",
	Compress: []string{"context", "nocontext"},
	Settings: "hawser.Server on the raw listener with the default Config; Messages and Write, as in the README. Broadcast: Prepare once, then hawser.Broadcast.",
	serve: func(ln net.Listener, s *setup) error {
		var all set[*hawser.Conn]
		cfg := &hawser.Config{}
		if s.compress != "off" {
			takeover := s.compress == "context"
			cfg.Compression = &hawser.Compression{ServerContextTakeover: takeover, ClientContextTakeover: takeover}
		}
		return (&hawser.Server{Config: cfg, Handler: func(c *hawser.Conn) {
			if s.handler == "broadcast" {
				all.add(c)
				defer all.remove(c)
			}
			s.conns.Add(1)
			defer s.conns.Add(-1)
			for m, err := range c.Messages() {
				if err != nil {
					return
				}
				s.work(m.Data)
				if s.handler == "broadcast" {
					if p, err := hawser.Prepare(m.Type, m.Data); err == nil {
						hawser.Broadcast(p, func(yield func(*hawser.Conn) bool) { all.each(func(c *hawser.Conn) { yield(c) }) })
					}
				} else if c.Write(m.Type, m.Data) != nil {
					return
				}
			}
		}}).Serve(s.wrap(ln))
	},
}
