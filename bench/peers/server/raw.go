//go:build linux

package main

import (
	"net"
	"time"
)

// The reference: a bare TCP echo, a goroutine for each connection, Read and then Write. It understands nothing: the load generator sends it the same bytes as it
// sends to the others, and expects as many back. What a library costs beside it is the price of WebSocket.
var rawAdapter = adapter{
	Name:     "raw",
	Raw:      true,
	Settings: "Reference: a goroutine for each connection, Read and Write with one buffer (64 KiB; 256 KiB for messages of 1 MiB; 4 KiB with 1,000 connections or more, and where memory or handshakes are measured). Broadcast: Write to each with a write deadline.",
	serve: func(ln net.Listener, s *setup) error {
		var all set[net.Conn]
		ln = s.wrap(ln)
		for {
			c, err := ln.Accept()
			if err != nil {
				return err
			}
			go func() {
				defer c.Close()
				if s.handler == "broadcast" {
					all.add(c)
					defer all.remove(c)
				}
				s.conns.Add(1)
				defer s.conns.Add(-1)
				buf := make([]byte, s.buffer)
				for {
					n, err := c.Read(buf)
					if err != nil {
						return
					}
					s.workFrame(buf[:n])
					if s.handler == "broadcast" {
						all.each(func(c net.Conn) {
							c.SetWriteDeadline(time.Now().Add(writeTimeout))
							c.Write(buf[:n])
						})
					} else if _, err := c.Write(buf[:n]); err != nil {
						return
					}
				}
			}()
		}
	},
}
