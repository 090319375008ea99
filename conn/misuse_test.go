package conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/internal/conntest"
)

// This file is what an application may do wrong, and what is hard to do right: 2.9 and F9. What it has to do with many goroutines at once is in concurrency_test.go.

// TestContextInThePast: a call whose context has ended does nothing, and says so at once; the connection goes on.
func TestContextInThePast(t *testing.T) {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	for _, tt := range []struct {
		name string
		call func(c *Conn) error
	}{
		{"WriteContext", func(c *Conn) error { return c.WriteContext(over, Text, []byte("late")) }},
		{"SendContext", func(c *Conn) error { return c.SendContext(over, Text, []byte("late")) }},
		{"ReadContext", func(c *Conn) error {
			_, err := c.ReadContext(over)
			return err
		}},
		{"MessagesContext", func(c *Conn) error {
			for _, err := range c.MessagesContext(over) {
				return err
			}
			return nil
		}},
		{"Writer", func(c *Conn) error {
			_, err := c.Writer(over, Text)
			return err
		}},
	} {
		bothRoles(t, "2.9/"+tt.name, func(t *testing.T, role Role) {
			c, p := talk(t, role, nil)
			p.SendText("waits")
			start := time.Now()
			if err := tt.call(c); !errors.Is(err, context.Canceled) || errors.Is(err, ErrClosed) {
				t.Errorf("returns %v", err)
			}
			if took := time.Since(start); took != 0 {
				t.Errorf("took %v", took)
			}
			p.WantIdle("nothing has been sent")
			if m, err := c.Read(); string(m.Data) != "waits" {
				t.Errorf("then read %q, %v", m.Data, err)
			}
			if err := c.Write(Text, []byte("on")); err != nil {
				t.Error(err)
			}
			p.WantText("the connection goes on", "on")
		})
	}
}

// TestWriterNeverClosed: a message that nobody completes keeps other messages back, but no control frame, no context and no end.
func TestWriterNeverClosed(t *testing.T) {
	bothRoles(t, "2.9/never_closed", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		got := readAll(c)
		w, err := c.Writer(t.Context(), Text)
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]byte("half"))
		w.Flush()
		p.WantFrame("its first fragment", conntest.Frame{Opcode: conntest.Text, Payload: []byte("half")})
		p.SendPing("still there?")
		p.WantPong("control frames go between fragments", "still there?")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.WriteContext(ctx, Text, []byte("other")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("another message: %v", err)
		}
		waiting := make(chan error, 1)
		go func() { waiting <- c.Write(Text, []byte("other")) }()
		synctest.Wait()
		start := time.Now()
		closed := make(chan error, 1)
		go func() { closed <- c.Close(1001, "") }()
		<-c.done()
		if took := time.Since(start); took > DefaultCloseTimeout {
			t.Errorf("the end came after %v", took)
		}
		<-closed
		if err := <-waiting; !errors.Is(err, ErrClosed) {
			t.Errorf("the message that waited: %v", err)
		}
		if _, err := w.Write([]byte("more")); err == nil {
			if err := w.Close(); !errors.Is(err, ErrClosed) {
				t.Errorf("the end of the message: %v", err)
			}
		}
		<-got
	})
}

// TestLimitsDoNotWrap: a limit beyond 32 bits is not taken for a small one, or for none.
func TestLimitsDoNotWrap(t *testing.T) {
	for _, limit := range []int64{1<<32 - 1, 1 << 32, 1<<32 + 1, 1<<63 - 1} {
		c := (&Config{MessageLimit: limit, SendQueue: limit}).resolved()
		if want := min(limit, maxMessage); c.MessageLimit != want || c.SendQueue != want || messageLimits(c.MessageLimit).Message != uint64(want) {
			t.Errorf("2.9/a limit of %d becomes %d and %d", limit, c.MessageLimit, c.SendQueue)
		}
	}
	if c := (&Config{MessageLimit: -1 << 63, WriteTimeout: -1, PingInterval: -1, HandshakeTimeout: -1, CloseTimeout: -1}).resolved(); c.MessageLimit != maxMessage || c.WriteTimeout != 0 || c.PingInterval != 0 || c.HandshakeTimeout != 0 || c.CloseTimeout != 0 {
		t.Errorf("2.9/negative limits become %+v", c)
	}
}

// TestFragmentsOfText is F9: the Greek word of RELIABILITY 2.4 in all its 2^10 fragmentations, with a ping between every two fragments or not, compressed or not: control frames touch neither the
// mask's offset, nor the state of the validator or the inflater.
func TestFragmentsOfText(t *testing.T) {
	const word = "κόσμε"
	for _, compressed := range []bool{false, true} {
		for _, pings := range []bool{false, true} {
			t.Run(fmt.Sprintf("5.4/F9/compressed_%v/pings_%v", compressed, pings), func(t *testing.T) {
				payload := []byte(word)
				if compressed {
					payload = newPacker(0, false).pack(payload)
				}
				for cuts := range 1 << 10 {
					f := newFeeder(1 << 20)
					if compressed {
						f = newInflatingFeeder(1<<20, 15, false)
					}
					var want []string
					frames := fragmentsAt(payload, cuts)
					if frames[0].Opcode = conntest.Text; compressed {
						frames[0].RSV = conntest.RSV1
					}
					for i, fr := range frames {
						if pings && i > 0 {
							f.feed(masked(conntest.Frame{Fin: true, Opcode: conntest.Ping, Payload: []byte{byte(i)}}).Append(nil), 3)
							want = append(want, fmt.Sprintf("event 3 %q", []byte{byte(i)}))
						}
						f.feed(masked(fr).Append(nil), 7)
					}
					want = append(want, fmt.Sprintf("text %d %x", len(word), word))
					if !slices.Equal(f.trace, want) {
						t.Fatalf("cuts %010b: got %q, want %q", cuts, f.trace, want)
					}
					f.in.discard()
				}
			})
		}
	}
}

// fragmentsAt cuts p after each byte whose bit is set.
func fragmentsAt(p []byte, cuts int) (frames []conntest.Frame) {
	start := 0
	for i := range len(p) - 1 {
		if cuts>>(i%10)&1 == 1 {
			frames = append(frames, conntest.Frame{Payload: p[start : i+1]})
			start = i + 1
		}
	}
	return append(frames, conntest.Frame{Fin: true, Payload: p[start:]})
}

// TestCloseAsAConnectionIsHandedOver: the Server is closed at the moment at which a connection becomes net/http's. It is closed, too, by whoever has it.
func TestCloseAsAConnectionIsHandedOver(t *testing.T) {
	conntest.CheckLeaks(t)
	for range 300 {
		s := &Server{Handler: echoAll, HTTP: http.NotFoundHandler()}
		o := serveOne(s, 4<<10, nil)
		go io.WriteString(o.peer, plainRequest)
		runtime.Gosched()
		s.Close()
		<-o.err
		o.peer.Close()
	}
}
