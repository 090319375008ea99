//go:build linux

package main

import (
	"context"
	"net"
	"net/http"

	"github.com/coder/websocket"
)

// The README's server: Accept with default options, and "Use of r.Context() is not recommended". Read and Write, whole messages at a time; the repository's echo
// example copies from Reader to Writer instead, which sends a message in several frames. The read limit is 32 KiB by default and is raised to 2 MiB, because larger
// messages are measured. Compression is off by default; each mode has its CompressionMode.
var coderAdapter = adapter{
	Name:     "coder",
	Module:   "github.com/coder/websocket",
	Compress: []string{"context", "nocontext"},
	Settings: "README: Accept with default options, a context of its own, Read and Write; SetReadLimit(2 MiB), because the default of 32 KiB is less than is measured. Broadcast: Write to each with one context with a timeout.",
	serve: func(ln net.Listener, s *setup) error {
		var all set[*websocket.Conn]
		var opts websocket.AcceptOptions
		switch s.compress {
		case "context":
			opts.CompressionMode = websocket.CompressionContextTakeover
		case "nocontext":
			opts.CompressionMode = websocket.CompressionNoContextTakeover
		}
		return s.serveHTTP(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := websocket.Accept(w, r, &opts)
			if err != nil {
				return
			}
			defer c.CloseNow()
			c.SetReadLimit(2 << 20)
			if s.handler == "broadcast" {
				all.add(c)
				defer all.remove(c)
			}
			s.conns.Add(1)
			defer s.conns.Add(-1)
			ctx := context.Background()
			for {
				typ, message, err := c.Read(ctx)
				if err != nil {
					return
				}
				s.work(message)
				if s.handler == "broadcast" {
					bctx, cancel := context.WithTimeout(ctx, writeTimeout)
					all.each(func(c *websocket.Conn) { c.Write(bctx, typ, message) })
					cancel()
				} else if c.Write(ctx, typ, message) != nil {
					return
				}
			}
		}))
	},
}
