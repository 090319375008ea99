package main

import (
	"context"
	"io"
	"net"
	"net/http"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

func gobwasServe(w http.ResponseWriter, r *http.Request) {
	c, rw, _, err := ws.UpgradeHTTP(r, w)
	if err != nil {
		return
	}
	gobwasEcho(c, rw, ws.StateServerSide, false)
}

func gobwasDial(url string, answer bool) ([]byte, error) {
	c, br, _, err := ws.Dial(context.Background(), url)
	if err != nil {
		return nil, err
	}
	var r io.Reader = c
	if br != nil {
		r = br
	}
	return gobwasEcho(c, struct {
		io.Reader
		io.Writer
	}{r, c}, ws.StateClientSide, answer)
}

// gobwasEcho is the library's own example: wsutil reads whole messages and answers control
// frames.
func gobwasEcho(c net.Conn, rw io.ReadWriter, state ws.State, answer bool) ([]byte, error) {
	defer c.Close()
	both := struct {
		io.Reader
		io.Writer
	}{rw, c}
	for {
		b, op, err := wsutil.ReadData(both, state)
		if err != nil || answer {
			return b, err
		}
		if err := wsutil.WriteMessage(c, state, op, b); err != nil {
			return nil, err
		}
	}
}
