package conn

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/internal/conntest"
)

// outputs are the ways to send a message, one each.
var outputs = map[string]func(c *Conn, p []byte) error{
	"WriteContext": func(c *Conn, p []byte) error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		return c.WriteContext(ctx, Binary, p)
	},
	"Send": func(c *Conn, p []byte) error { return c.Send(Binary, p) },
	"SendContext": func(c *Conn, p []byte) error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		return c.SendContext(ctx, Binary, p)
	},
	"Writer": func(c *Conn, p []byte) error {
		w, err := c.Writer(context.Background(), Binary)
		if err != nil {
			return err
		}
		for _, b := range [][]byte{p[:len(p)/3], p[len(p)/3:]} {
			w.Write(b) // whose error Close returns, too
			w.Flush()
		}
		return w.Close()
	},
	"Broadcast": func(c *Conn, p []byte) error {
		m, err := Prepare(Binary, p)
		if err == nil && Broadcast(m, slices.Values([]*Conn{c})) != 0 {
			err = c.SendPrepared(m)
		}
		return err
	},
}

// TestOutputFaults fails operation 0, 1, 2, ... of the transport in each way while messages are sent, in each way that there is, to a peer that reads. Whatever fails: every call returns within the timeouts,
// the peer gets a part of the messages, each whole, once and in order, and all of them if the end was clean; the wire has no frame behind one that was cut.
func TestOutputFaults(t *testing.T) {
	for name, output := range outputs {
		for _, role := range []Role{RoleServer, RoleClient} {
			for _, kind := range []string{"plain", "compressed"} {
				for _, way := range []string{"waits", "now"} {
					t.Run(name+"/"+[...]string{"server", "client"}[role]+"/"+kind+"/"+way, func(t *testing.T) {
						cfg := &Config{SendQueue: 100 << 10}
						if kind == "compressed" {
							cfg.Compression = &deflate.Config{}
						}
						kinds := conntest.Kinds()
						if kind == "compressed" || testing.Short() || conntest.RaceEnabled { // compressing takes time
							kinds = []conntest.Kind{conntest.Error, conntest.Stall, conntest.PartialError}
						}
						if way == "now" { // which cannot stall
							kinds = slices.DeleteFunc(kinds, func(k conntest.Kind) bool { return k == conntest.Stall })
						}
						injectAll(t, kinds, func(f *conntest.Fault) {
							synctest.Test(t, func(t *testing.T) { faultyOutput(t, role, cfg, way == "now", output, f) })
						})
					})
				}
			}
		}
	}
}

func faultyOutput(t *testing.T, role Role, cfg *Config, now bool, output func(c *Conn, p []byte) error, f *conntest.Fault) {
	ours, theirs := conntest.Pipe(16 << 10)
	tap := conntest.Tap(t, f.Wrap(ours), conntest.Role(role))
	c, p := New(tap, role, nil, cfg), New(theirs, 1-role, nil, cfg)
	if now {
		c.transport.tryWrite = func(b []byte) (int, error) { // takes a part at most, as a full socket does
			if len(b) == 0 || theirs.Buffered() > 12000 {
				return 0, nil
			}
			n, err := tap.Write(b[:min(len(b), 3000)])
			if err != nil {
				n = 0 // as a socket
			}
			return n, err
		}
	}
	if cfg.Compression != nil {
		tap.Inspect(func(w *conntest.Wire) { w.PermessageDeflate(true) })
		c.compress(takeover, "")
		p.compress(takeover, "")
	}
	start := time.Now()
	var got [][]byte
	read := make(chan error, 1)
	go func() {
		for m, err := range p.Messages() {
			if err != nil {
				read <- err
				return
			}
			got = append(got, bytes.Clone(m.Data))
		}
		read <- nil
	}()
	sizes := []int{0, 5000, 40000, 20000, 7}
	taken := make([]bool, len(sizes)) // the connection has promised to send it
	for i, n := range sizes {
		err := output(c, stamped(1, i, n))
		e, interrupted := errors.AsType[*InterruptedError](err)
		taken[i] = err == nil || interrupted && e.Kept
		if err != nil && !interrupted && err != ErrSendQueueFull && !errors.Is(err, ErrClosed) {
			t.Errorf("message %d: %v", i, err)
		}
		if i == 2 {
			synctest.Wait()
		}
	}
	err := c.Close(1000, "")
	if c.CloseNow(); err != nil && !errors.Is(err, ErrClosed) {
		t.Errorf("Close returned %v", err)
	}
	if again := output(c, nil); !errors.Is(again, ErrClosed) {
		t.Errorf("after the end: %v", again)
	}
	readErr := <-read
	p.CloseNow()
	synctest.Wait()
	next := 0
	for _, b := range got {
		_, n, bad := checkStamp(b)
		if bad != nil || n >= len(sizes) {
			t.Errorf("message %d: %v", n, bad)
			break
		}
		for next < n {
			if taken[next] {
				t.Errorf("message %d did not come, and %d did", next, n)
			}
			next++
		}
		if n != next || len(b) != 8+sizes[n] {
			t.Errorf("message %d has %d bytes and came for %d", n, len(b), next)
		}
		next++
	}
	if err == nil && readErr == nil && slices.Contains(taken[min(next, len(taken)):], true) {
		t.Errorf("the end was clean, and %d of %v came", next, taken)
	}
	if n := c.BufferedAmount(); n != 0 {
		t.Errorf("BufferedAmount is %d", n)
	}
	if took, most := time.Since(start), 2*(DefaultPingInterval+DefaultPongTimeout); took > most {
		t.Errorf("it took %v, more than %v", took, most)
	}
	if q := c.queue.Load(); q != nil && (q.cost != 0 || q.writing != 0) {
		t.Errorf("the queue counts %d, %d of it being written", q.cost, q.writing)
	}
}
