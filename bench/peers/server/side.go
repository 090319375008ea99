//go:build linux

package main

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
)

// serveSide serves what a process does beside WebSocket: GET /healthz on net/http, and a TLS echo with a goroutine for each connection. It is the same code for every
// library: what it measures is how the library treats the rest of its process.
func serveSide() (health, echo string, err error) {
	hl, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	go http.Serve(hl, mux)

	pair, err := newCertificate()
	if err != nil {
		return "", "", err
	}
	cfg, err := pair.config()
	if err != nil {
		return "", "", err
	}
	tl, err := tls.Listen("tcp", "127.0.0.1:0", cfg)
	if err != nil {
		return "", "", err
	}
	go func() {
		for {
			c, err := tl.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	return hl.Addr().String(), tl.Addr().String(), nil
}
