//go:build linux

package main

import (
	"io"
	"net"
	"time"

	"github.com/gobwas/ws"
)

// "The lower-level example without wsutil" of the README: a raw listener, ws.Upgrade, ReadHeader, ReadFull, Cipher, WriteHeader, Write, straight on the connection.
// It has no compression here: the README's wsflate helpers for frames make a compressor for each message, so compression is measured with wsutil, where they are reused.
// For a broadcast the frame is compiled once (ws.CompileFrame).
var gobwasAdapter = adapter{
	Name:     "gobwas",
	Module:   "github.com/gobwas/ws",
	Settings: "README, the lower-level example without wsutil: ws.Upgrade on a raw listener, ReadHeader and WriteHeader on the connection. Compression: see wsutil. Broadcast: CompileFrame, then Write with a write deadline.",
	serve: func(ln net.Listener, s *setup) error {
		var all set[net.Conn]
		ln = s.wrap(ln)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return err
			}
			// The README upgrades in the accept loop. A goroutine keeps a client that is slow with its request from holding up the others.
			go serveGobwas(conn, s, &all)
		}
	},
}

func serveGobwas(conn net.Conn, s *setup, all *set[net.Conn]) {
	defer conn.Close()
	if _, err := ws.Upgrade(conn); err != nil {
		return
	}
	if s.handler == "broadcast" {
		all.add(conn)
		defer all.remove(conn)
	}
	s.conns.Add(1)
	defer s.conns.Add(-1)
	for {
		header, err := ws.ReadHeader(conn)
		if err != nil {
			return
		}
		payload := make([]byte, header.Length)
		if _, err := io.ReadFull(conn, payload); err != nil {
			return
		}
		if header.Masked {
			ws.Cipher(payload, header.Mask, 0)
		}
		header.Masked = false
		s.work(payload)
		if s.handler == "broadcast" && !header.OpCode.IsControl() {
			frame, err := ws.CompileFrame(ws.Frame{Header: header, Payload: payload})
			if err != nil {
				return
			}
			all.each(func(c net.Conn) {
				c.SetWriteDeadline(time.Now().Add(writeTimeout))
				c.Write(frame)
			})
		} else {
			if ws.WriteHeader(conn, header) != nil {
				return
			}
			if _, err := conn.Write(payload); err != nil {
				return
			}
		}
		if header.OpCode == ws.OpClose {
			return
		}
	}
}
