package conn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/internal/bufpool"
	"github.com/hawser-go/hawser/internal/conntest"
)

// This file is ends: C1, C5, C7 and D11, and T-LEAK, what is left of others' bytes in buffers that are used again.

// gatedConn is a transport each of whose writes, half-closes and closes waits until it is let through.
type gatedConn struct {
	*conntest.PipeConn
	waits chan chan struct{}
	open  chan struct{} // closed: nothing waits any more
}

func (g gatedConn) pass() {
	gate := make(chan struct{})
	select {
	case g.waits <- gate:
		select {
		case <-gate:
		case <-g.open:
		}
	case <-g.open:
	}
}

func (g gatedConn) Write(p []byte) (int, error) {
	g.pass()
	return g.PipeConn.Write(p)
}

func (g gatedConn) CloseWrite() error {
	g.pass()
	return g.PipeConn.CloseWrite()
}

func (g gatedConn) Close() error {
	g.pass()
	return g.PipeConn.Close()
}

// TestCloseInterleavings is C1: both sides close at once, and what each does to its transport happens in every order there is. Both ends are clean, with one Close frame each.
func TestCloseInterleavings(t *testing.T) {
	var choices []int // which of those that wait goes first, at each step
	orders := 0
	for more := true; more; orders++ {
		var options []int
		synctest.Test(t, func(t *testing.T) { options = closeInOrder(t, choices) })
		if t.Failed() {
			t.Fatalf("7.1.3/C1/the order is %v", choices)
		}
		// The next one: the last step that has another choice takes it.
		for len(choices) < len(options) {
			choices = append(choices, 0)
		}
		more = false
		for i := len(options) - 1; i >= 0 && !more; i-- {
			if more = choices[i]+1 < options[i]; more {
				choices = append(choices[:i], choices[i]+1)
			}
		}
	}
	t.Logf("7.1.3/C1/%d orders", orders)
	if orders < 4 { // each frame first, and then each half-close: the rest waits for the other side
		t.Errorf("only %d orders: the gates do not hold", orders)
	}
}

// closeInOrder returns how many there were to choose from, at each step.
func closeInOrder(t *testing.T, choices []int) (options []int) {
	x, y := conntest.Pipe(4 << 10)
	open := make(chan struct{})
	gates := []gatedConn{{x, make(chan chan struct{}, 1), open}, {y, make(chan chan struct{}, 1), open}}
	taps := []*conntest.TappedConn{conntest.Tap(t, gates[0], conntest.Client), conntest.Tap(t, gates[1], conntest.Server)}
	ends := []*Conn{New(taps[0], RoleClient, nil, nil), New(taps[1], RoleServer, nil, nil)}
	returned := make(chan error, 2)
	for _, c := range ends {
		go func() { returned <- c.Close(1000, "") }()
	}
	for {
		synctest.Wait()
		var waiting []int
		for i, g := range gates {
			if len(g.waits) > 0 {
				waiting = append(waiting, i)
			}
		}
		if len(waiting) == 0 {
			break
		}
		chosen := 0
		if len(options) < len(choices) {
			chosen = choices[len(options)]
		}
		options = append(options, len(waiting))
		close(<-gates[waiting[chosen]].waits)
	}
	close(open)
	for range ends {
		if err := <-returned; err != nil {
			t.Errorf("Close returns %v", err)
		}
	}
	for i, c := range ends {
		<-c.done()
		if e := c.CloseInfo(); e == nil || !e.Clean() || e.Sent == nil || e.Received == nil {
			t.Errorf("the end is %+v", e)
		}
		taps[i].Inspect(func(w *conntest.Wire) {
			if n := len(w.Frames()); n != 1 || !w.Closed() {
				t.Errorf("%d frames, want one Close", n)
			}
		})
	}
	return options
}

// TestCutAnywhere is C5: the stream ends, or is reset, at each byte of a conversation. What is delivered is a prefix of it, never a part of a message, and the error says where it ended.
func TestCutAnywhere(t *testing.T) {
	for _, compressed := range []bool{false, true} {
		for _, way := range []string{"EOF", "reset"} {
			bothRoles(t, fmt.Sprintf("7.1.5/C5/%s/compressed_%v", way, compressed), func(t *testing.T, role Role) {
				var whole []byte
				var boundaries []int // where a message, and nothing else, has ended
				var messages []string
				frames := []conntest.Frame{
					{Fin: true, Opcode: conntest.Text, Payload: []byte("Hello")},
					{Fin: true, Opcode: conntest.Binary, Payload: pattern(130)},
					{Opcode: conntest.Binary, Payload: []byte("ab")}, {Fin: true, Opcode: conntest.Ping, Payload: []byte("p")}, {Fin: true, Payload: []byte("cd")},
					{Fin: true, Opcode: conntest.Text},
				}
				texts := []string{`text "Hello"`, fmt.Sprintf("binary %q", pattern(130)), `binary "abcd"`, `text ""`}
				if compressed {
					z := newPacker(9, true)
					frames[0] = compressedFrame(conntest.Text, z.pack([]byte("Hello")))
					frames[1] = compressedFrame(conntest.Binary, z.pack(pattern(130)))
				}
				counts := []int{0}
				boundaries = append(boundaries, 0)
				open := false
				for _, f := range frames {
					whole = append(whole, by(role, f)...)
					if open = !f.Fin || open && f.Opcode == conntest.Ping; !open && f.Opcode != conntest.Ping {
						messages = texts[:len(messages)+1]
						boundaries, counts = append(boundaries, len(whole)), append(counts, len(messages))
					}
				}
				for cut := range len(whole) + 1 {
					cutAt(t, role, compressed, way, whole[:cut], texts[:counts[delivered(boundaries, cut)]], slices.Contains(boundaries, cut))
				}
			})
		}
	}
}

// delivered returns the index of the last boundary that is not behind cut.
func delivered(boundaries []int, cut int) (last int) {
	for i, b := range boundaries {
		if b <= cut {
			last = i
		}
	}
	return last
}

func cutAt(t *testing.T, role Role, compressed bool, way string, sent []byte, want []string, boundary bool) {
	cfg := &Config{Compression: &deflate.Config{}}
	c, theirs := raw(role, cfg)
	if compressed {
		c.compress(takeover, "")
	}
	got := readAll(c)
	send(t, theirs, sent...)
	synctest.Wait()
	if way == "reset" {
		theirs.Reset()
	} else {
		theirs.CloseWrite()
	}
	o := <-got
	e, _ := errors.AsType[*CloseError](o.err)
	switch {
	case !slices.Equal(o.messages, want):
		t.Errorf("cut at %d: got %q, want %q", len(sent), o.messages, want)
	case e == nil || e.Clean() || e.Received != nil || errors.Is(e, io.EOF):
		t.Errorf("cut at %d: the end is %v", len(sent), o.err)
	case way == "EOF" && (boundary != (e.EOF == EOFBoundary) || boundary == errors.Is(e, io.ErrUnexpectedEOF)):
		t.Errorf("cut at %d: the end is %v, at a boundary: %v", len(sent), e, boundary)
	case way == "reset" && !errors.Is(e, syscall.ECONNRESET):
		t.Errorf("cut at %d: the end is %v", len(sent), e)
	}
	theirs.Close()
	<-c.done()
}

// TestCloseInsideAMessage is C7: a Close frame between fragments is answered, and what has come of the message is dropped.
func TestCloseInsideAMessage(t *testing.T) {
	bothRoles(t, "5.4/C7/close_between_fragments", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		got := readAll(c)
		p.Send(conntest.Frame{Opcode: conntest.Text, Payload: []byte("half")})
		p.SendClose(1001, "gone")
		p.WantClose("the code comes back", 1001, nil)
		finishPeer(p, role)
		if o := <-got; len(o.messages) != 0 || o.err != nil {
			t.Errorf("got %q, %v", o.messages, o.err)
		}
		<-c.done()
	})
}

// TestRapidConnections is D11: connections that come and go, each in one of the ways there are, leave nothing: no goroutine, no descriptor, nothing on the heap, and in the pools nothing that is lent.
func TestRapidConnections(t *testing.T) {
	n := 50_000
	if testing.Short() || conntest.RaceEnabled {
		n = 1_000
	}
	conntest.CheckLeaks(t)
	s := &Server{Handler: echoAll, Config: &Config{Logger: slog.New(slog.DiscardHandler), Compression: &deflate.Config{}}}
	hello := string(masked(conntest.Frame{Fin: true, Opcode: conntest.Text, Payload: []byte("Hello")}).Append(nil))
	closing := string(masked(conntest.Frame{Fin: true, Opcode: conntest.Close, Payload: []byte{3, 0xe8}}).Append(nil))
	said := []string{"", openingRequest[:50], openingRequest, openingRequest + hello, openingRequest + hello[:7], openingRequest + hello + closing, "GET / HTTP/1.1\r\n\r\n",
		openingRequest + "\xff\xff\xff\xff", strings.Replace(openingRequest, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 1) + hello}
	round := func() int64 {
		var group sync.WaitGroup
		for worker := range 2 {
			group.Go(func() {
				for i := worker; i < n; i += 2 {
					o := serveOne(s, 4<<10, nil)
					if text := said[i%len(said)]; text != "" {
						io.WriteString(o.peer, text)
					}
					if i%4 < 2 {
						o.peer.Reset()
					}
					o.peer.Close()
					<-o.err
				}
			})
		}
		group.Wait()
		runtime.GC() // a sync.Pool keeps what it has for two
		return heapObjects()
	}
	before, _ := bufpool.Lent()
	round()
	first := round()
	second := round()
	if after, _ := bufpool.Lent(); after != before {
		t.Errorf("2.2/D11/%d buffers are lent", after-before)
	}
	allPutBack(t)
	if grown := second - first; grown > int64(n) && !conntest.RaceEnabled {
		t.Errorf("2.2/D11/%d connections leave %d bytes", n, grown)
	} else {
		t.Logf("2.2/D11/%d connections leave %d bytes", n, grown)
	}
}

// TestNothingLeaks is T-LEAK: every buffer of the pool is full of 0xA5 before it is used. No run of it is ever on the wire or in a message: in whatever is sent or received, short or long, plain or
// compressed, whole or in pieces, and in control frames.
func TestNothingLeaks(t *testing.T) {
	for _, compressed := range []bool{false, true} {
		bothRoles(t, fmt.Sprintf("10.3/T-LEAK/compressed_%v", compressed), func(t *testing.T, role Role) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // each processor has pools of its own
			poisonPools()
			ours, theirs := conntest.Pipe(1 << 20)
			cfg := &Config{Compression: &deflate.Config{Threshold: -1}}
			tap := conntest.Tap(t, ours, conntest.Role(role))
			c, p := New(tap, role, nil, cfg), New(theirs, 1-role, nil, cfg)
			if compressed {
				tap.Inspect(func(w *conntest.Wire) { w.PermessageDeflate(true) })
				c.compress(takeover, "")
				p.compress(takeover, "")
			}
			clean := func(what string, b []byte) {
				if bytes.Contains(b, bytes.Repeat([]byte{0xA5}, 6)) {
					t.Errorf("%s of %d bytes has what was in a buffer before", what, len(b))
				}
			}
			peer := make(chan error, 1)
			go func() {
				for m, err := range p.Messages() {
					if err != nil {
						peer <- err
						return
					}
					clean("a message", m.Data)
					p.Write(m.Type, m.Data)
				}
				peer <- nil
			}()
			read := make(chan []byte, 100)
			go func() {
				defer close(read)
				for {
					m, err := c.Read()
					if err != nil {
						return
					}
					read <- m.Data
				}
			}()
			sent := 0
			for _, n := range []int{0, 1, 125, 126, 500, 513, 4000, 4097, 9000, 65536, 70000} {
				poisonPools()
				if err := c.Write(Binary, pattern(n)); err != nil {
					t.Fatal(err)
				}
				m, _ := Prepare(Text, pattern(n))
				c.WritePrepared(m)
				c.Send(Binary, pattern(n))
				w, err := c.Writer(context.Background(), Binary)
				if err != nil {
					t.Fatal(err)
				}
				w.Write(pattern(n))
				w.Flush()
				w.Close()
				c.Ping(t.Context())
				p.Ping(t.Context())
				sent += 4
				synctest.Wait()
			}
			p.Close(4000, "a reason")
			got := 0
			for data := range read {
				got++
				clean("an echo", data)
			}
			if got != sent {
				t.Errorf("%d of %d echoes", got, sent)
			}
			c.CloseNow()
			<-peer
			tap.Inspect(func(w *conntest.Wire) {
				for _, f := range w.Frames() {
					clean("a frame", f.Payload)
				}
			})
		})
	}
	inBubble(t, "4.2.2/T-LEAK/handshake", func(t *testing.T) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		for _, request := range []string{openingRequest, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "garbage\r\n\r\n", browserRequest} {
			poisonPools()
			o := serveOne(&Server{Handler: func(*Conn) {}, Config: &Config{Logger: slog.New(slog.DiscardHandler)}}, 4<<10, nil)
			io.WriteString(o.peer, request)
			o.peer.SetReadDeadline(time.Now().Add(10 * time.Second))
			var answer bytes.Buffer
			io.Copy(&answer, struct{ io.Reader }{o.peer})
			o.peer.Close()
			<-o.err
			if bytes.IndexByte(answer.Bytes(), 0xA5) >= 0 || answer.Len() == 0 {
				t.Errorf("the answer to %.20q is %q", request, answer.Bytes())
			}
		}
	})
}

// poisonPools fills buffers of every size with 0xA5, as race builds do at each Put.
func poisonPools() {
	poison := bytes.Repeat([]byte{0xA5}, 1<<20)
	for size := bufpool.Smallest; size <= 1<<20; size *= 2 {
		var lent []*[]byte
		for range 4 {
			b := bufpool.Get(size)
			copy(*b, poison)
			lent = append(lent, b)
		}
		for _, b := range lent {
			bufpool.Put(b)
		}
	}
}

var _ net.Conn = gatedConn{}
