package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/hawser-go/hawser"
)

// styles are the two ways in which a server takes messages.
var styles = map[string]http.Handler{
	"pull": hawser.Handler(echo, config),
	"push": hawser.EventHandler(&hawser.Events{
		Message: func(c *hawser.Conn, m hawser.Message) { c.Write(m.Type, m.Data) },
	}, config),
}

// serve echoes to everyone who connects to addr, in a style, until ctx is done.
func serve(ctx context.Context, addr, style string, stdout io.Writer) error {
	h, ok := styles[style]
	if !ok {
		return fmt.Errorf("%q is no style: pull or push", style)
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "ws://%s\n", ln.Addr())
	s := &http.Server{Handler: h}
	defer context.AfterFunc(ctx, func() { s.Close() })()
	if err := s.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
