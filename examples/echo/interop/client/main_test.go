package main

import (
	"bytes"
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hawser-go/hawser"
)

// serve starts a server that plays the peers' part, with the engine itself: reply makes the
// messages that go back for one that came.
func serve(t *testing.T, closed hawser.Close, reply func(m hawser.Message) []hawser.Message) string {
	t.Helper()
	s := httptest.NewServer(hawser.Handler(func(c *hawser.Conn) {
		for m, err := range c.Messages() {
			if err != nil {
				return
			}
			if string(m.Data) == "close" {
				c.Close(closed.Code, closed.Reason)
				continue
			}
			for _, r := range reply(m) {
				c.Write(r.Type, r.Data)
			}
		}
	}, compressing))
	t.Cleanup(s.Close)
	return "ws" + strings.TrimPrefix(s.URL, "http")
}

func twice(m hawser.Message) []hawser.Message { return []hawser.Message{m, m} }

var asAgreed = hawser.Close{Code: 4001, Reason: "the server's reason"}

var (
	plain       = &hawser.Config{Subprotocols: []string{"echo"}, MessageLimit: 16 << 20}
	compressing = &hawser.Config{Subprotocols: []string{"echo"}, MessageLimit: 16 << 20, Compression: &hawser.Compression{ServerContextTakeover: true, ClientContextTakeover: true}}
)

func TestConverse(t *testing.T) {
	for name, cfg := range map[string]*hawser.Config{"plain": plain, "compressed": compressing} {
		t.Run(name, func(t *testing.T) {
			if err := converse(t.Context(), serve(t, asAgreed, twice), cfg, 0); err != nil {
				t.Error(err)
			}
		})
	}
}

// The client has to notice what a peer does wrong.
func TestConverseComplains(t *testing.T) {
	other := func(m hawser.Message) []hawser.Message {
		if len(m.Data) == 126 {
			m.Data = bytes.ToUpper(append(m.Data[:125:125], 0xff))
			m.Type = hawser.Binary
		}
		return twice(m)
	}
	for _, test := range []struct{ name, url, want string }{
		{"other_data", serve(t, asAgreed, other), "text of 126 bytes: got other than what was sent"},
		{"other_code", serve(t, hawser.Close{Code: 4002, Reason: asAgreed.Reason}, twice), "4002"},
		{"other_reason", serve(t, hawser.Close{Code: 4001}, twice), "the server closed with 4001, but"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := converse(t.Context(), test.url, plain, 0); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
	t.Run("server_without_empty_messages", func(t *testing.T) {
		url := serve(t, asAgreed, func(m hawser.Message) []hawser.Message {
			if len(m.Data) == 0 {
				m.Data = []byte{0}
			}
			return twice(m)
		})
		if err := converse(t.Context(), url, plain, 0); err == nil {
			t.Error("nothing was wrong with an answer that was not empty")
		}
		if err := converse(t.Context(), url, plain, 1); err != nil {
			t.Error(err)
		}
	})
	t.Run("server_that_declines", func(t *testing.T) {
		s := httptest.NewServer(hawser.Handler(func(c *hawser.Conn) { c.Read() }, plain))
		t.Cleanup(s.Close)
		if err := converse(t.Context(), "ws"+strings.TrimPrefix(s.URL, "http"), compressing, 0); err == nil || !strings.Contains(err.Error(), "extensions") {
			t.Errorf("got %v, want an error about the extensions", err)
		}
	})
	t.Run("silence", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		url := serve(t, asAgreed, func(hawser.Message) []hawser.Message {
			cancel() // a deadline, made to pass now
			return nil
		})
		if err := converse(ctx, url, plain, 0); !errors.Is(err, hawser.ErrClosed) {
			t.Errorf("got %v, want an error that matches ErrClosed", err)
		}
	})
}
