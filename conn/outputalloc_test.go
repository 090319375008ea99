package conn

import (
	"context"
	"io"
	"iter"
	"testing"

	"github.com/hawser-go/hawser/internal/conntest"
)

// TestOutputAllocations: a message that the socket takes at once costs no allocation, however it is sent.
func TestOutputAllocations(t *testing.T) {
	for _, role := range []Role{RoleServer, RoleClient} {
		a, b := tcpPair(t)
		go io.Copy(io.Discard, b)
		c := New(a, role, nil, nil)
		t.Cleanup(func() { c.CloseNow() })
		ctx, cancel := context.WithCancel(t.Context())
		t.Cleanup(cancel)
		p := pattern(1000)
		m, err := Prepare(Text, p)
		if err != nil {
			t.Fatal(err)
		}
		var one iter.Seq[*Conn] = func(yield func(*Conn) bool) { yield(c) }
		for name, send := range map[string]func() error{
			"Write":        func() error { return c.Write(Text, p) },
			"WriteContext": func() error { return c.WriteContext(ctx, Text, p) },
			"Send":         func() error { return c.Send(Text, p) },
			"SendContext":  func() error { return c.SendContext(ctx, Text, p) },
			"SendPrepared": func() error { return c.SendPrepared(m) },
			"Broadcast": func() error {
				if Broadcast(m, one) != 0 {
					return c.CloseInfo()
				}
				return nil
			},
			"WritePrepared": func() error { return c.WritePrepared(m) },
		} {
			t.Run("3/"+name+"/"+[...]string{"server", "client"}[role], func(t *testing.T) {
				conntest.ShouldNotAllocate(t, func() {
					if err := send(); err != nil {
						t.Fatal(err)
					}
				})
			})
		}
	}
}
