package conn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/conntest"
)

// This file is floods of frames: T-FRAG and D1 to D4 and D10. What is bounded is counted: bytes on the heap, garbage included, objects, goroutines, and calls.

// floodSize is how many frames a flood has.
func floodSize() int {
	if testing.Short() || conntest.RaceEnabled {
		return 5_000
	}
	return 1_000_000
}

// A heapMeter takes the heap before an attack and its peak.
type heapMeter struct {
	sample       []metrics.Sample
	before, peak int64
	mallocs      uint64
}

// newHeapMeter switches the collection of garbage off until the test is over: garbage counts. And all runs on one processor, for each has pools of its own.
func newHeapMeter(t *testing.T) *heapMeter {
	t.Helper()
	percent, processors := debug.SetGCPercent(-1), runtime.GOMAXPROCS(1)
	t.Cleanup(func() {
		debug.SetGCPercent(percent)
		runtime.GOMAXPROCS(processors)
	})
	m := &heapMeter{sample: []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}}
	m.before = heapObjects()
	m.mallocs = mallocs()
	return m
}

func (m *heapMeter) look() {
	metrics.Read(m.sample)
	m.peak = max(m.peak, int64(m.sample[0].Value.Uint64())-m.before)
}

// check says what the attack has cost. The race detector allocates, so under it nothing is judged.
func (m *heapMeter) check(t *testing.T, most int64, mostObjects int) {
	t.Helper()
	m.look()
	objects := int(mallocs() - m.mallocs)
	t.Logf("the heap grew by %d bytes at most, %d objects were made", m.peak, objects)
	if conntest.RaceEnabled {
		return
	}
	if m.peak > most {
		t.Errorf("the heap grew by %d bytes, more than %d", m.peak, most)
	}
	if objects > mostObjects {
		t.Errorf("%d objects were made, more than %d", objects, mostObjects)
	}
}

func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}

// flood feeds n frames, as many in each read as perRead says, and looks at the heap now and then.
func flood(peer *fedConn, m *heapMeter, one []byte, n, perRead int) {
	block := bytes.Repeat(one, perRead)
	for i := 0; i < n; i += perRead {
		if !peer.feed(block) {
			return
		}
		if i/perRead%64 == 0 {
			m.look()
		}
	}
}

// by returns a frame as the peer of a connection in the given role sends it.
func by(role Role, f conntest.Frame) []byte {
	f.Masked = role == RoleServer
	return f.Append(nil)
}

// TestFragmentFlood is T-FRAG, D1: a million fragments, empty ones or of one byte, are refused at the documented number, whole and in writes of their own, compressed or not. Until then and after
// that the heap has no more than what came.
func TestFragmentFlood(t *testing.T) {
	const limit = 64 << 10
	const budget = 1024 + limit/64
	for _, tt := range []struct {
		name       string
		payload    string
		perRead    int
		compressed bool
	}{
		{"a_empty", "", 1000, false},
		{"b_one_byte", "a", 1000, false},
		{"c_each_in_a_write_of_its_own", "", 1, false},
		{"c_one_byte_each_in_a_write_of_its_own", "a", 1, false},
		{"d_compressed_empty", "", 1000, true},
		{"d_compressed_one_byte", "\x00", 1000, true},
	} {
		bothRoles(t, "10.4/T-FRAG/"+tt.name, func(t *testing.T, role Role) {
			peer := newFedConn()
			cfg := &Config{MessageLimit: limit}
			first := conntest.Frame{Opcode: conntest.Text, Payload: []byte("a")}
			if tt.compressed {
				cfg.Compression = &deflate.Config{}
				// The beginning of a block with no compression: a byte each for LEN and NLEN, and then for 64 KiB of data, which would fit.
				first = conntest.Frame{RSV: conntest.RSV1, Opcode: conntest.Binary, Payload: []byte{0}}
			}
			c := New(peer, role, nil, cfg)
			if tt.compressed {
				c.compress(noTakeover, "")
			}
			m := newHeapMeter(t)
			ended := make(chan error, 1)
			go func() {
				_, err := c.Read()
				ended <- err
			}()
			peer.feed(by(role, first))
			peer.feed(nil) // what came before it has been taken
			if tt.compressed && tt.payload != "" {
				peer.feed(by(role, conntest.Frame{Payload: []byte{0xff, 0xff, 0, 0}})) // LEN is 65,535
			}
			flood(peer, m, by(role, conntest.Frame{Payload: []byte(tt.payload)}), floodSize(), tt.perRead)
			err := <-ended
			if p, _ := errors.AsType[*frame.ProtocolError](err); p == nil || p.Code != frame.StatusPolicyViolation {
				t.Errorf("the flood ended with %v", err)
			}
			m.check(t, 2*(budget+1)+64<<10, 500)
			peer.end()
			<-c.done()
		})
	}
}

// TestTinyMessages is D2: a million empty messages cost nothing each, and no goroutine.
func TestTinyMessages(t *testing.T) {
	for _, size := range []int{0, 1} {
		bothRoles(t, fmt.Sprintf("5.4/D2/messages_of_%d_bytes", size), func(t *testing.T, role Role) {
			peer := newFedConn()
			c := New(peer, role, nil, nil)
			n := floodSize()
			ended := make(chan int, 1)
			routines := 0
			go func() {
				got := 0
				for m, err := range c.Messages() {
					if err != nil || len(m.Data) != size {
						break
					}
					if got++; got%1000 == 0 {
						routines = max(routines, runtime.NumGoroutine())
					}
				}
				ended <- got
			}()
			synctest.Wait()
			before := runtime.NumGoroutine()
			m := newHeapMeter(t)
			flood(peer, m, by(role, conntest.Frame{Fin: true, Opcode: conntest.Binary, Payload: pattern(size)}), n, 1000)
			peer.feed(nil)
			m.check(t, 128<<10, 200) // read buffers of 64 and of 8 KiB
			peer.end()
			if got := <-ended; got != n {
				t.Errorf("%d of %d messages were delivered", got, n)
			}
			if routines > before {
				t.Errorf("%d goroutines, %d before", routines, before)
			}
			<-c.done()
		})
	}
}

// TestPongFlood is D10: pongs that nobody asked for leave nothing.
func TestPongFlood(t *testing.T) {
	for _, size := range []int{0, 8, 125} {
		bothRoles(t, fmt.Sprintf("5.5.3/D10/pongs_of_%d_bytes", size), func(t *testing.T, role Role) {
			peer := newFedConn()
			c := New(peer, role, nil, nil)
			ended := make(chan error, 1)
			go func() {
				_, err := c.Read()
				ended <- err
			}()
			m := newHeapMeter(t)
			flood(peer, m, by(role, conntest.Frame{Fin: true, Opcode: conntest.Pong, Payload: pattern(size)}), floodSize(), 100)
			peer.feed(nil)
			m.check(t, 128<<10, 200)
			if c.State() != StateOpen {
				t.Errorf("state is %v", c.State())
			}
			peer.end()
			if err := <-ended; !errors.Is(err, ErrClosed) {
				t.Error(err)
			}
			<-c.done()
		})
	}
}

// unreadConn is a transport that is fed, and whose peer reads nothing: the pipe behind it is small.
type unreadConn struct {
	*fedConn
	out *conntest.PipeConn
}

func newUnreadConn() unreadConn {
	out, _ := conntest.Pipe(100)
	return unreadConn{newFedConn(), out}
}

func (d unreadConn) Write(p []byte) (int, error)        { return d.out.Write(p) }
func (d unreadConn) SetWriteDeadline(t time.Time) error { return d.out.SetWriteDeadline(t) }
func (d unreadConn) CloseWrite() error                  { return d.out.CloseWrite() }

func (d unreadConn) Close() error {
	d.out.Close()
	return d.fedConn.Close()
}

// TestPingFlood is D3: 100,000 pings of 125 bytes from a peer that reads nothing leave one pong, and the peer is cut off when the write timeout has passed.
func TestPingFlood(t *testing.T) {
	bothRoles(t, "5.5.2/D3/nothing_is_read", func(t *testing.T, role Role) {
		peer := newUnreadConn()
		c := New(peer, role, nil, nil)
		start := time.Now()
		ended := make(chan error, 1)
		go func() {
			_, err := c.Read()
			ended <- err
		}()
		m := newHeapMeter(t)
		flood(peer.fedConn, m, by(role, conntest.Frame{Fin: true, Opcode: conntest.Ping, Payload: pattern(125)}), floodSize()/10, 30)
		peer.feed(nil)
		m.check(t, 64<<10, 300)
		if took := time.Since(start); took != 0 {
			t.Fatalf("the flood took %v: the reader waited for the writer", took)
		}
		<-c.done()
		if took := time.Since(start); took != DefaultWriteTimeout {
			t.Errorf("the peer was cut off after %v, want %v", took, DefaultWriteTimeout)
		}
		peer.end()
		if err := <-ended; !isTimeout(err) {
			t.Error(err)
		}
	})
}

func isTimeout(err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout()
}

// TestSlowReader is D4: whatever sends to a peer that never reads returns when its context ends, or the write timeout, and holds no more than its bound.
func TestSlowReader(t *testing.T) {
	large := pattern(DefaultSendQueue)
	for _, tt := range []struct {
		name    string
		send    func(ctx context.Context, c *Conn) error
		context bool // it ends with the context, which is 3 s; else with the write timeout
	}{
		{"Write", func(_ context.Context, c *Conn) error { return c.Write(Binary, large) }, false},
		{"WriteContext", func(ctx context.Context, c *Conn) error { return c.WriteContext(ctx, Binary, large) }, true},
		{"WritePrepared", func(_ context.Context, c *Conn) error {
			m, err := Prepare(Binary, large)
			if err != nil {
				return err
			}
			return c.WritePrepared(m)
		}, false},
		{"Writer", func(ctx context.Context, c *Conn) error {
			w, err := c.Writer(ctx, Binary)
			if err != nil {
				return err
			}
			_, err = w.Write(large)
			return err
		}, true},
		{"Writer.Close", func(ctx context.Context, c *Conn) error {
			w, err := c.Writer(ctx, Binary)
			if err != nil {
				return err
			}
			w.Write(large[:100])
			return w.Close()
		}, false},
		{"SendContext", func(ctx context.Context, c *Conn) error {
			for {
				if err := c.SendContext(ctx, Binary, large[:100_000]); err != nil {
					return err
				}
			}
		}, true},
		{"Ping", func(ctx context.Context, c *Conn) error {
			_, err := c.Ping(ctx)
			return err
		}, true},
	} {
		bothRoles(t, "10.4/D4/"+tt.name, func(t *testing.T, role Role) {
			peer := newUnreadConn()
			c := New(peer, role, nil, nil)
			read := make(chan error, 1)
			go func() {
				_, err := c.Read()
				read <- err
			}()
			peer.out.Write(make([]byte, 100)) // its buffer is full from the start
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			err := tt.send(ctx, c)
			took, want := time.Since(start), DefaultWriteTimeout
			if tt.context {
				want = 3 * time.Second
			}
			if took != want || err == nil {
				t.Errorf("returned %v after %v, want %v", err, took, want)
			}
			if tt.context != errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("returned %v", err)
			}
			if held := c.BufferedAmount(); held > DefaultSendQueue+frameOverhead {
				t.Errorf("%d bytes are held", held)
			}
			c.CloseNow()
			peer.end()
			<-read
		})
	}
	bothRoles(t, "10.4/D4/Send", func(t *testing.T, role Role) {
		peer := newUnreadConn()
		c := New(peer, role, nil, &Config{WriteTimeout: -1})
		start := time.Now()
		full := 0
		for range 1000 {
			if err := c.Send(Binary, large[:10_000]); errors.Is(err, ErrSendQueueFull) {
				full++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != 0 || full < 1000-DefaultSendQueue/10_000-2 {
			t.Errorf("Send took %v, and %d of 1,000 messages found the queue full", took, full)
		}
		if held := c.BufferedAmount(); held > DefaultSendQueue+20_000 {
			t.Errorf("%d bytes are held", held)
		}
		c.CloseNow()
		peer.end()
	})
}

// TestFloodOfHeads: what a client sends in place of a request is refused within the size of a head, however long it goes on (D7, T-HDR). What is read after that is the lingering close's, which has a
// deadline.
func TestFloodOfHeads(t *testing.T) {
	for name, block := range map[string]string{
		"one_line":    strings.Repeat("a", 1000),
		"many_fields": strings.Repeat("X: a\r\n", 100),
	} {
		inBubble(t, "10.4/D7/"+name, func(t *testing.T) {
			peer := newFedConn()
			ended := make(chan error, 1)
			start := time.Now()
			go func() { ended <- (&Server{Handler: echoAll}).ServeConn(peer) }()
			m := newHeapMeter(t)
			peer.feed([]byte("GET / HTTP/1.1\r\n"))
			fed := make(chan struct{})
			go func() {
				defer close(fed)
				for b := []byte(block); peer.feed(b); {
					time.Sleep(10 * time.Millisecond)
				}
			}()
			err := <-ended
			<-fed
			if e, ok := errors.AsType[*HandshakeError](err); !ok || e.Status != 431 && e.Status != 414 && e.Status != 400 {
				t.Errorf("the flood ended with %v", err)
			}
			if took := time.Since(start); took > DefaultHandshakeTimeout+DefaultCloseTimeout {
				t.Errorf("the flood was borne for %v", took)
			}
			m.check(t, 128<<10, 5000) // with the timers of the flood, and the buffer of the lingering close
		})
	}
}
