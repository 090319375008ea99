// Command client is the engine's client in front of a WebSocket server of somebody else's:
// the servers in ../peers, which send every message back twice, first whole and then in
// fragments, after a ping whose pong they wait for.
//
//	client [-compress off|takeover|no-takeover] ws://127.0.0.1:PORT
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/hawser-go/hawser"
)

func main() {
	mode := flag.String("compress", "off", "offer permessage-deflate, which the server must accept: off, takeover or no-takeover of the context")
	smallest := flag.Int("smallest", 0, "the size of the smallest message")
	flag.Parse()
	cfg := &hawser.Config{Subprotocols: []string{"echo"}, MessageLimit: 16 << 20}
	switch *mode {
	case "takeover":
		cfg.Compression = &hawser.Compression{ServerContextTakeover: true, ClientContextTakeover: true}
	case "no-takeover":
		cfg.Compression = &hawser.Compression{}
	}
	if flag.NArg() != 1 || *mode != "off" && cfg.Compression == nil {
		fmt.Fprintln(os.Stderr, "usage: client [-compress off|takeover|no-takeover] [-smallest N] URL")
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := converse(ctx, flag.Arg(0), cfg, *smallest); err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}

// The sizes on both sides of every form of the payload length (RFC 6455, 5.2), and larger ones.
var sizes = []int{0, 1, 125, 126, 127, 65535, 65536, 1 << 20, 4 << 20}

// converse has one connection that it closes itself, and one that the server closes.
func converse(ctx context.Context, url string, cfg *hawser.Config, smallest int) error {
	c, err := dial(ctx, url, cfg)
	if err != nil {
		return err
	}
	defer c.CloseNow()
	if c.Subprotocol() != "echo" {
		return fmt.Errorf("the subprotocol is %q, not echo", c.Subprotocol())
	}
	if (c.Extensions() != "") != (cfg.Compression != nil) {
		return fmt.Errorf("the server agreed on the extensions %q", c.Extensions())
	}
	for _, n := range sizes {
		if n < smallest {
			continue
		}
		text := bytes.Repeat([]byte("é"), n/2+1)[:n-n%2]
		if n%2 == 1 {
			text = append(text, '.')
		}
		binary := make([]byte, n)
		for i := range binary {
			binary[i] = byte(i * 7)
		}
		for _, m := range []hawser.Message{{Type: hawser.Text, Data: text}, {Type: hawser.Binary, Data: binary}} {
			if err := exchange(c, m); err != nil {
				return fmt.Errorf("%v of %d bytes: %w", m.Type, n, err)
			}
		}
	}
	if err := c.Close(4000, "the client's reason"); err != nil {
		return err
	}

	c, err = dial(ctx, url, cfg)
	if err != nil {
		return err
	}
	defer c.CloseNow()
	if err := c.Write(hawser.Text, []byte("close")); err != nil {
		return err
	}
	_, err = c.Read()
	e, ok := errors.AsType[*hawser.CloseError](err)
	if !ok || e.Received == nil || *e.Received != (hawser.Close{Code: 4001, Reason: "the server's reason"}) || e.Local {
		return fmt.Errorf("the server closed with 4001, but: %w", err)
	}
	return nil
}

// dial is bounded by ctx for good: a server that hangs does not hang the client.
func dial(ctx context.Context, url string, cfg *hawser.Config) (*hawser.Conn, error) {
	c, err := hawser.Dial(ctx, url, cfg)
	if err == nil {
		context.AfterFunc(ctx, func() { c.CloseNow() })
	}
	return c, err
}

// exchange sends m and reads it back twice.
func exchange(c *hawser.Conn, m hawser.Message) error {
	if err := c.Write(m.Type, m.Data); err != nil {
		return err
	}
	for _, way := range []string{"whole", "in fragments"} {
		got, err := c.Read()
		if err != nil {
			return err
		}
		if got.Type != m.Type || !bytes.Equal(got.Data, m.Data) {
			return fmt.Errorf("got other than what was sent: %v of %d bytes, %s", got.Type, len(got.Data), way)
		}
	}
	return nil
}
