package conntest

import (
	"strings"
	"syscall"
	"testing"
)

func TestTap(t *testing.T) {
	t.Run("clean_output", func(t *testing.T) {
		for name, pieces := range Chop([]byte("HTTP/1.1 101 \r\n\r\n\x81\x02hi\x88\x00")) {
			a, b := Pipe(100)
			c := Tap(t, a, Server)
			c.SkipHead()
			for _, p := range pieces {
				if n, err := c.Write(p); n != len(p) || err != nil {
					t.Errorf("%s: %d, %v", name, n, err)
				}
			}
			c.Inspect(func(w *Wire) {
				if len(w.Frames()) != 2 || !w.Closed() {
					t.Errorf("%s: %v", name, w.Frames())
				}
			})
			must(t, c.CloseWrite())
			if b.Buffered() != 23 {
				t.Errorf("%s: %d bytes", name, b.Buffered())
			}
			c.Reset()
			_, err := c.Write([]byte{1})
			wantErr(t, err, syscall.ECONNRESET)
		}
	})
	t.Run("violation_is_said_once", func(t *testing.T) {
		got := failure(func(t testing.TB) {
			a, _ := Pipe(100)
			c := Tap(t, a, Client)
			c.Write(Hex("81 00"))
			c.Write(Hex("81 00"))
		})
		if !strings.HasPrefix(got, "frame 0 of the client") || strings.Count(got, "RFC 6455, 5.1") != 1 {
			t.Error(got)
		}
	})
	t.Run("only_what_was_written", func(t *testing.T) {
		a, _ := Pipe(100)
		f := NewFaultConn(a, 0, ShortWrite)
		c := Tap(t, f, Server)
		n, err := c.Write(Hex("81 02 6869"))
		wantErr(t, err, ErrInjected)
		c.Write(Hex("81 02 6869")[n:])
		c.Inspect(func(w *Wire) {
			if err := w.End(); err != nil || len(w.Frames()) != 1 {
				t.Error(err, w.Frames())
			}
		})
	})
}
