package conn

import (
	"errors"
	"io"
	"math"
	"testing"

	"github.com/hawser-go/hawser/internal/conntest"
	"github.com/hawser-go/hawser/internal/protocol"
)

func TestSetMessageLimit(t *testing.T) {
	bothRoles(t, "10.4/small_before_login_larger_after", func(t *testing.T, role Role) {
		c, p := talk(t, role, &Config{MessageLimit: 100})
		p.SendBinary(pattern(100))
		if m, err := c.Read(); err != nil || len(m.Data) != 100 {
			t.Fatal(err)
		}
		c.SetMessageLimit(200)
		p.SendBinary(pattern(200))
		if m, err := c.Read(); err != nil || len(m.Data) != 200 {
			t.Fatal(err)
		}
		c.SetMessageLimit(1000)
		c.SetMessageLimit(50)
		p.SendBinary(pattern(51))
		if _, err := c.Read(); !errors.Is(err, protocol.ErrMessageTooBig) {
			t.Errorf("Read returns %v", err)
		}
		p.WantClose("the message is too big", 1009, nil)
	})
	bothRoles(t, "10.4/a_message_that_has_begun_keeps_its_limit", func(t *testing.T, role Role) {
		c, p := talk(t, role, &Config{MessageLimit: 100})
		p.Send(conntest.Frame{Opcode: conntest.Text, Payload: pattern(60)})
		_, r, err := c.Reader(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c.SetMessageLimit(10)
		p.SendPing("")
		p.Send(conntest.Frame{Fin: true, Opcode: conntest.Continuation, Payload: pattern(40)})
		if b, err := io.ReadAll(r); len(b) != 100 || err != nil {
			t.Errorf("%d bytes, %v", len(b), err)
		}
		p.Send(text("0123456789"), text("0123456789x"))
		if m, err := c.Read(); err != nil || len(m.Data) != 10 {
			t.Errorf("%q, %v", m.Data, err)
		}
		if _, err := c.Read(); !errors.Is(err, protocol.ErrMessageTooBig) {
			t.Errorf("Read returns %v", err)
		}
	})
	bothRoles(t, "10.4/fragments", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		c.SetMessageLimit(1)
		o := readAll(c)
		p.Send(conntest.Frame{Opcode: conntest.Text})
		for range 1023 {
			p.Send(conntest.Frame{Opcode: conntest.Continuation})
		}
		p.WantIdle("as many fragments as the limit allows")
		p.Send(conntest.Frame{Opcode: conntest.Continuation})
		p.WantClose("too many", 1008, nil)
		<-o
	})
	bothRoles(t, "RFC_7692_6/compressed", func(t *testing.T, role Role) {
		for _, limit := range []int64{5000, 50_000} {
			c, p := talkCompressed(t, role, takeover, &Config{MessageLimit: 10_000})
			c.SetMessageLimit(limit)
			z := newPacker(6, true)
			p.Send(compressedFrame(conntest.Binary, z.pack(noise(int(limit)))))
			if m, err := c.Read(); err != nil || len(m.Data) != int(limit) {
				t.Errorf("at the limit: %d bytes, %v", len(m.Data), err)
			}
			p.Send(compressedFrame(conntest.Binary, z.pack(pattern(int(limit)+1))))
			if _, err := c.Read(); !errors.Is(err, protocol.ErrMessageTooBig) {
				t.Errorf("over the limit: %v", err)
			}
			p.WantClose("the message is too big", 1009, nil)
		}
		allPutBack(t)
	})
	for _, tt := range []struct {
		name    string
		n, want int64
	}{
		{"2.9/zero_is_the_default", 0, DefaultMessageLimit},
		{"2.9/negative_is_none", -1, maxMessage},
		{"2.9/more_than_a_slice_holds", math.MaxInt64, maxMessage},
		{"2.9/set", 7, 7},
	} {
		inBubble(t, tt.name, func(t *testing.T) {
			c, p := talk(t, RoleServer, &Config{MessageLimit: 1})
			c.SetMessageLimit(tt.n)
			if l := c.in.limits.Load(); l.message != tt.want {
				t.Errorf("limits %+v", l)
			}
			p.SendText("longer"[:min(6, tt.want)])
			if _, err := c.Read(); err != nil || c.in.limits.Load() != nil || c.in.wire().Message != uint64(tt.want) || c.in.wire().Fragments != 1024+uint64(tt.want)/64 {
				t.Errorf("Read returns %v", err)
			}
		})
	}
	t.Run("3/from_any_goroutine", func(t *testing.T) {
		a, b := Pipe(nil)
		defer a.CloseNow()
		defer b.CloseNow()
		o := readAll(b)
		done := later(func() error {
			for i := range 1000 {
				b.SetMessageLimit(int64(1000 + i))
			}
			return nil
		})
		for range 1000 {
			if err := a.Write(Binary, pattern(1000)); err != nil {
				t.Fatal(err)
			}
		}
		<-done
		a.Close(1000, "")
		if got := <-o; got.err != nil || len(got.messages) != 1000 {
			t.Errorf("%d messages, %v", len(got.messages), got.err)
		}
	})
}
