package conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/conntest"
)

// finishPeer ends the peer's side of a closed connection as RFC 6455, 7.1.1 says: the server ends first.
func finishPeer(p *conntest.Peer, role Role) {
	if role == RoleServer {
		p.WantEOF("the server ends its stream first")
	}
	p.Close()
}

func TestClose(t *testing.T) {
	bothRoles(t, "7.1.2/we_close", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		if c.CloseInfo() != nil {
			t.Errorf("CloseInfo of an open connection is %v", c.CloseInfo())
		}
		done := make(chan error, 1)
		go func() { done <- c.Close(4000, "why") }()
		p.WantClose("our close with code and reason", 4000, "why")
		if c.State() != StateClosing {
			t.Errorf("state is %v", c.State())
		}
		p.Send(text("a"), text("b")) // what still comes is discarded
		p.SendClose(4000, "answer")
		finishPeer(p, role)
		if err := <-done; err != nil {
			t.Errorf("Close returns %v", err)
		}
		if c.State() != StateClosed {
			t.Errorf("state is %v", c.State())
		}
		_, err := c.Read()
		e, ok := errors.AsType[*CloseError](err)
		if !ok || !e.Local || *e.Sent != (Close{4000, "why"}) || *e.Received != (Close{4000, "answer"}) || !e.Clean() {
			t.Errorf("Read returns %+v", err)
		}
		if !errors.Is(err, io.EOF) || !errors.Is(err, net.ErrClosed) {
			t.Errorf("%v matches the wrong errors", err)
		}
		if err := c.Close(1000, ""); err != nil {
			t.Errorf("a second Close returns %v", err)
		}
		if err := c.Wait(t.Context()); err != nil {
			t.Errorf("Wait returns %v", err)
		}
		if c.CloseInfo() != e {
			t.Errorf("CloseInfo is %v", c.CloseInfo())
		}
	})
	bothRoles(t, "7.1.2/empty_close", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		go c.Close(frame.StatusNoStatusRcvd, "")
		p.WantClose("a close without a code", 1005, "")
	})
	bothRoles(t, "7.1.3/both_close_at_once", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		p.SendClose(1001, "theirs")
		done := make(chan error, 1)
		go func() { done <- c.Close(1000, "ours") }()
		p.WantClose("one close, ours", 1000, "ours")
		finishPeer(p, role)
		if err := <-done; err != nil {
			t.Error(err)
		}
		e, _ := errors.AsType[*CloseError](c.ended())
		if e.Received.Code != 1001 || e.Sent.Code != 1000 {
			t.Errorf("%v", e)
		}
	})
	bothRoles(t, "7.1.1/server_ends_the_stream_first", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		got := readAll(c)
		p.SendClose(1000, "")
		p.WantClose("answer", 1000, "")
		if role == RoleServer {
			p.WantEOF("the server ends its stream at once")
			if c.State() != StateClosing {
				t.Errorf("while the peer's side is open, the state is %v", c.State())
			}
			p.CloseWrite()
		} else {
			p.WantIdle("the client waits for the server")
			p.CloseWrite()
			p.WantEOF("and then ends its side")
		}
		<-got
		synctest.Wait()
		if c.State() != StateClosed {
			t.Errorf("state is %v", c.State())
		}
	})
	bothRoles(t, "5.5.1/frames_after_close_are_discarded", func(t *testing.T, role Role) { // F11
		c, p := talk(t, role, nil)
		got := readAll(c)
		p.Send(conntest.Frame{Fin: true, Opcode: conntest.Close, Payload: conntest.ClosePayload(1000, "")}, text("late"),
			conntest.Frame{Fin: true, Opcode: conntest.Ping}, conntest.Frame{Fin: true, RSV: 7, Opcode: 15})
		p.WantClose("exactly one close", 1000, "")
		if role == RoleServer {
			p.WantEOF("and nothing else")
		} else {
			p.WantIdle("and nothing else")
		}
		if o := <-got; o.err != nil || len(o.messages) != 0 {
			t.Errorf("got %q, %v", o.messages, o.err)
		}
	})
}

func TestCloseRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := talk(t, RoleServer, nil)
		for _, tt := range []struct {
			code   frame.StatusCode
			reason string
			want   error
		}{
			{0, "", frame.ErrStatusCode}, {999, "", frame.ErrStatusCode}, {1004, "", frame.ErrStatusCode}, {1006, "", frame.ErrStatusCode},
			{1015, "", frame.ErrStatusCode}, {1016, "", frame.ErrStatusCode}, {5000, "", frame.ErrStatusCode}, {1010, "", frame.ErrStatusCode},
			{1000, strings.Repeat("x", 124), frame.ErrReasonTooLong}, {1000, "\xff", frame.ErrReasonNotUTF8}, {1005, "x", frame.ErrReasonWithoutCode},
		} {
			if err := c.Close(tt.code, tt.reason); !errors.Is(err, tt.want) {
				t.Errorf("7.4/Close(%d, %q) returns %v", tt.code, tt.reason, err)
			}
		}
		p.WantIdle("nothing was sent")
		if c.State() != StateOpen {
			t.Errorf("state is %v", c.State())
		}
	})
}

// TestCloseDeadline is C2 and C3: one absolute deadline, whatever the peer does.
func TestCloseDeadline(t *testing.T) {
	for _, tt := range []struct {
		name string
		peer func(p *conntest.Peer)
	}{
		{"silent", func(p *conntest.Peer) {}},
		{"half_a_frame", func(p *conntest.Peer) { p.SendBytes([]byte{0x82}) }},
		{"messages", func(p *conntest.Peer) {
			for range 100 {
				p.SendText("more")
				time.Sleep(time.Second)
			}
		}},
		{"one_byte_a_second", func(p *conntest.Peer) {
			b := masked(conntest.Frame{Fin: true, Opcode: conntest.Binary, Payload: pattern(100)}).Append(nil)
			for i := range b {
				p.SendBytes(b[i : i+1])
				time.Sleep(time.Second)
			}
		}},
		{"answers_and_does_not_end", func(p *conntest.Peer) { p.SendClose(1000, "") }},
	} {
		for _, timeout := range []time.Duration{0, 2 * time.Second} {
			t.Run(fmt.Sprintf("7.1.1/%s/%v", tt.name, timeout), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ours, theirs := conntest.Pipe(64 << 10)
					c := New(ours, RoleServer, nil, &Config{CloseTimeout: timeout})
					gone := make(chan struct{})
					go func() { // the peer reads nothing and hears nothing
						defer close(gone)
						defer func() { recover() }()
						tt.peer(conntest.NewPeer(ignoreFailures{t}, theirs, true))
					}()
					start := time.Now()
					err := c.Close(1000, "")
					want := DefaultCloseTimeout
					if timeout != 0 {
						want = timeout
					}
					if took := time.Since(start); took != want {
						t.Errorf("Close took %v, want %v", took, want)
					}
					answered := tt.name == "answers_and_does_not_end"
					if (err == nil) != answered || err != nil && (!errors.Is(err, os.ErrDeadlineExceeded) || !errors.Is(err, net.ErrClosed)) {
						t.Errorf("Close returns %v", err)
					}
					theirs.Close()
					<-gone
				})
			})
		}
	}
	bothRoles(t, "7.1.1/violation_and_the_peer_does_not_end", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		start := time.Now()
		p.Send(conntest.Frame{Fin: true, Opcode: 3})
		if _, err := c.Read(); time.Since(start) != 0 || err == nil {
			t.Errorf("Read returned %v after %v", err, time.Since(start))
		}
		p.WantClose("fail", 1002, nil)
		p.WantEOF("our side ends")
		<-c.done()
		if took := time.Since(start); took != DefaultCloseTimeout {
			t.Errorf("the transport was closed after %v, want %v", took, DefaultCloseTimeout)
		}
	})
	bothRoles(t, "7.1.1/stuck_writer", func(t *testing.T, role Role) {
		ours, theirs := conntest.Pipe(100)
		c, _ := talkOver(t, ours, theirs, role, &Config{WriteTimeout: -1})
		go c.Write(Binary, pattern(1000))
		synctest.Wait()
		start := time.Now()
		if err := c.Close(1000, ""); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Close returns %v", err)
		}
		if took := time.Since(start); took != DefaultCloseTimeout {
			t.Errorf("Close took %v, want %v", took, DefaultCloseTimeout)
		}
	})
}

// ignoreFailures is for a peer of whose failures the test knows.
type ignoreFailures struct{ testing.TB }

func (ignoreFailures) Helper()               {}
func (ignoreFailures) Fatalf(string, ...any) { panic("the connection is gone") }
func (ignoreFailures) Errorf(string, ...any) {}
func (ignoreFailures) Fatal(...any)          { panic("the connection is gone") }
func (ignoreFailures) Error(...any)          {}

// TestCloseInALoop: Close returns when its frame is sent; the loop takes what still comes and ends when the answer does.
func TestCloseInALoop(t *testing.T) {
	bothRoles(t, "3/the_loop_goes_on", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		p.SendText("a")
		go func() {
			p.WantClose("close", 1000, "")
			p.SendText("b")
			p.SendClose(1000, "")
			finishPeer(p, role)
		}()
		var got []string
		for m, err := range c.Messages() {
			if err != nil {
				t.Errorf("yielded %v", err)
			}
			if got = append(got, string(m.Data)); len(got) == 1 {
				if err := c.Close(1000, ""); err != nil {
					t.Errorf("Close in the loop returns %v", err)
				}
			}
		}
		if !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("got %q", got)
		}
		<-c.done()
	})
	bothRoles(t, "3/leaving_the_loop_finishes_the_handshake", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		p.SendText("a")
		go func() {
			p.WantClose("close", 1000, "")
			p.SendText("b")
			p.SendClose(1000, "")
			finishPeer(p, role)
		}()
		for _, err := range c.Messages() {
			if err != nil {
				t.Errorf("yielded %v", err)
			}
			c.Close(1000, "")
			break
		}
		if err := c.ended(); !isClean(err) {
			t.Errorf("after the loop was left: %v", err)
		}
		<-c.done()
	})
	bothRoles(t, "3/from_another_goroutine", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		got := readAll(c)
		synctest.Wait()
		start := time.Now()
		if err := c.Close(1000, ""); err != nil {
			t.Error(err)
		}
		if time.Since(start) != 0 {
			t.Errorf("Close took %v", time.Since(start))
		}
		p.WantClose("close", 1000, "")
		p.SendText("last")
		p.SendClose(1000, "")
		if o := <-got; o.err != nil || !slices.Equal(o.messages, []string{`text "last"`}) {
			t.Errorf("got %q, %v", o.messages, o.err)
		}
		finishPeer(p, role)
	})
	bothRoles(t, "3/close_after_a_violation_in_the_loop", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		p.Send(conntest.Frame{Fin: true, Opcode: 3})
		for _, err := range c.Messages() {
			if got := c.Close(1000, ""); got != err {
				t.Errorf("Close returns %v, want %v", got, err)
			}
		}
	})
}

// TestCloseAsTheLoopIsLeft: a loop that is being left no longer counts as one. Otherwise a Close at that moment would leave the rest of the handshake to a loop that has
// already looked, and nobody would read.
func TestCloseAsTheLoopIsLeft(t *testing.T) {
	bothRoles(t, "3/close_as_the_loop_is_left", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		p.SendText("a")
		left := make(chan struct{})
		go func() {
			defer close(left)
			for range c.Messages() {
				c.Close(1000, "")
				break // waits for the peer's Close
			}
		}()
		synctest.Wait()
		closed := make(chan error, 1)
		go func() { closed <- c.Close(1000, "") }()
		synctest.Wait()
		select {
		case err := <-closed:
			t.Errorf("Close returns %v before the connection has ended", err)
		default:
		}
		p.WantClose("one close", 1000, "")
		p.SendClose(1000, "")
		finishPeer(p, role)
		<-left
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})
}

// TestCloseWhileReading: a Read that waits gets the message that comes, and Close takes over after it.
func TestCloseWhileReading(t *testing.T) {
	bothRoles(t, "3/beside_a_read", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		read := make(chan Message, 1)
		go func() {
			m, err := c.Read()
			if err != nil {
				t.Error(err)
			}
			read <- m
		}()
		synctest.Wait()
		closed := make(chan error, 1)
		go func() { closed <- c.Close(1000, "") }()
		p.WantClose("close", 1000, "")
		p.Send(text("a"), text("b"))
		p.SendClose(1000, "")
		finishPeer(p, role)
		if m := <-read; string(m.Data) != "a" {
			t.Errorf("Read got %q", m.Data)
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
	})
}

func TestCloseNow(t *testing.T) {
	bothRoles(t, "3/everything_returns", func(t *testing.T, role Role) {
		ours, theirs := conntest.Pipe(100)
		c, _ := talkOver(t, ours, theirs, role, nil)
		start := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := c.Read(); !errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) {
				t.Errorf("Read returns %v", err)
			}
		})
		for range 2 {
			wg.Go(func() {
				if err := c.Write(Binary, pattern(1000)); !errors.Is(err, net.ErrClosed) {
					t.Errorf("Write returns %v", err)
				}
			})
		}
		wg.Go(func() {
			if err := c.Wait(context.Background()); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Wait returns %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() { c.Close(1000, "") })
		synctest.Wait()
		if err := c.CloseNow(); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if time.Since(start) != 0 {
			t.Errorf("it took %v", time.Since(start))
		}
		if err := c.CloseNow(); err != nil {
			t.Error(err)
		}
		for _, err := range c.Messages() {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("a loop afterwards yields %v", err)
			}
		}
	})
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := talk(t, RoleServer, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait returns %v", err)
		}
		p.SendClose(1000, "")
		go c.Read()
		synctest.Wait()
		if c.State() != StateClosing {
			t.Errorf("state is %v", c.State())
		}
		p.Close()
		if err := c.Wait(context.Background()); err != nil {
			t.Errorf("Wait returns %v", err)
		}
	})
}

// TestLingering: a client in the middle of a 4 MiB write against a 1 MiB limit ends its write without an error, and reads 1009: no reset destroys the Close frame.
func TestLingering(t *testing.T) {
	conntest.CheckLeaks(t)
	for range 20 {
		ours, theirs := tcpPair(t)
		server, client := New(ours, RoleServer, nil, nil), New(theirs, RoleClient, nil, nil)
		result := make(chan error, 1)
		go func() { result <- echo(server) }()
		if err := client.Write(Binary, make([]byte, 4<<20)); err != nil {
			t.Fatalf("Write: %v", err)
		}
		_, err := client.Read()
		if e, ok := errors.AsType[*CloseError](err); !ok || e.Received == nil || e.Received.Code != frame.StatusMessageTooBig {
			t.Fatalf("Read: %v", err)
		}
		if err := <-result; !strings.Contains(err.Error(), "limit") {
			t.Fatalf("server: %v", err)
		}
		<-client.done()
		<-server.done()
	}
}

// TestNoHalfClose: over a transport that cannot be half-closed, a clean end does not wait for a peer that waits for us.
func TestNoHalfClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		s, c := New(ours, RoleServer, nil, nil), New(theirs, RoleClient, nil, nil)
		go echo(s)
		start := time.Now()
		if err := c.Write(Text, []byte("a")); err != nil {
			t.Fatal(err)
		}
		if m, err := c.Read(); err != nil || string(m.Data) != "a" {
			t.Fatal(err)
		}
		if err := c.Close(1000, ""); err != nil {
			t.Error(err)
		}
		s.Wait(t.Context())
		if took := time.Since(start); took != 0 {
			t.Errorf("the end took %v", took)
		}
	})
}

// TestCloseRaces is C6: reads, writes, closes from all sides at once; everything returns, and everybody is told the same.
func TestCloseRaces(t *testing.T) {
	n := 2000
	if testing.Short() || conntest.RaceEnabled {
		n = 500
	}
	for i := range n {
		synctest.Test(t, func(t *testing.T) {
			x, y := conntest.Pipe(64 << 10)
			cfg := &Config{WriteTimeout: time.Second, CloseTimeout: time.Second}
			a, b := New(conntest.Tap(t, x, conntest.Client), RoleClient, nil, cfg), New(conntest.Tap(t, y, conntest.Server), RoleServer, nil, cfg)
			var wg sync.WaitGroup
			for _, c := range []*Conn{a, b} {
				wg.Go(func() {
					for range c.Messages() {
					}
				})
				wg.Go(func() {
					for c.Write(Binary, pattern(i)) == nil {
					}
				})
				wg.Go(func() { c.Close(1000, "") })
				if i%3 == 0 {
					wg.Go(func() { c.Close(1001, "") })
				}
			}
			if i%5 == 0 {
				wg.Go(func() { a.CloseNow() })
			}
			wg.Wait()
			a.Wait(t.Context())
			b.Wait(t.Context())
			for _, c := range []*Conn{a, b} {
				first := c.ended()
				if _, err := c.Read(); err != first {
					t.Errorf("Read %v, want %v", err, first)
				}
				if !errors.Is(first, ErrClosed) {
					t.Errorf("%v", first)
				}
			}
		})
	}
}

// TestFailures: what a peer may do wrong and what it is told (RELIABILITY 2.1, 2.4): the code, and the section in the reason.
func TestFailures(t *testing.T) {
	f := func(f conntest.Frame) []conntest.Frame { return []conntest.Frame{f} }
	for _, tt := range []struct {
		name   string
		frames []conntest.Frame
		code   uint16
	}{
		{"5.2/rsv", f(conntest.Frame{Fin: true, RSV: conntest.RSV3, Opcode: conntest.Text}), 1002},
		{"5.2/rsv1_not_negotiated", f(conntest.Frame{Fin: true, RSV: conntest.RSV1, Opcode: conntest.Text}), 1002},
		{"5.2/reserved_opcode", f(conntest.Frame{Fin: true, Opcode: 3}), 1002},
		{"5.2/reserved_control_opcode", f(conntest.Frame{Fin: true, Opcode: 11}), 1002},
		{"5.2/length_in_too_many_bytes", f(conntest.Frame{Fin: true, Opcode: conntest.Text, Payload: []byte("a"), LengthForm: 3}), 1002},
		{"5.4/continuation_first", f(conntest.Frame{Fin: true, Opcode: conntest.Continuation}), 1002},
		{"5.4/message_in_message", []conntest.Frame{{Opcode: conntest.Text}, {Fin: true, Opcode: conntest.Text}}, 1002},
		{"5.5/fragmented_ping", f(conntest.Frame{Opcode: conntest.Ping}), 1002},
		{"5.5/long_ping", f(conntest.Frame{Fin: true, Opcode: conntest.Ping, Payload: pattern(126)}), 1002},
		{"5.5.1/one_byte_close", f(conntest.Frame{Fin: true, Opcode: conntest.Close, Payload: []byte{3}}), 1002},
		{"7.4.1/reserved_code", f(conntest.Frame{Fin: true, Opcode: conntest.Close, Payload: []byte{3, 0xed}}), 1002},
		{"5.5.1/reason_not_UTF-8", f(conntest.Frame{Fin: true, Opcode: conntest.Close, Payload: []byte{3, 0xe8, 0xff}}), 1007},
		{"8.1/text_not_UTF-8", f(conntest.Frame{Fin: true, Opcode: conntest.Text, Payload: []byte("a\xff")}), 1007},
		{"8.1/text_cut", []conntest.Frame{{Opcode: conntest.Text, Payload: []byte("\xe2\x82")}, {Fin: true, Opcode: conntest.Continuation}}, 1007},
		{"7.4.1/too_big", f(conntest.Frame{Fin: true, Opcode: conntest.Binary, Payload: pattern(1025)}), 1009},
	} {
		bothRoles(t, tt.name, func(t *testing.T, role Role) {
			c, p := talk(t, role, &Config{MessageLimit: 1024})
			got := readAll(c)
			p.Send(tt.frames...)
			p.WantClose("the peer is told", tt.code, nil)
			p.WantEOF("and the stream ends")
			o := <-got
			pe, ok := errors.AsType[*frame.ProtocolError](o.err)
			if !ok || uint16(pe.Code) != tt.code || len(o.messages) != 0 {
				t.Fatalf("got %q, %v", o.messages, o.err)
			}
			e, _ := errors.AsType[*CloseError](o.err)
			if e.Sent == nil || uint16(e.Sent.Code) != tt.code || !strings.Contains(e.Sent.Reason, pe.Section) {
				t.Errorf("sent %v, which does not name %s", e.Sent, pe.Section)
			}
			if e.Local || e.Received != nil || e.Clean() {
				t.Errorf("%+v", e)
			}
		})
	}
	// The masking rules are each role's own.
	for _, tt := range []struct {
		name string
		role Role
		f    conntest.Frame
	}{
		{"5.1/client_does_not_mask", RoleServer, conntest.Frame{Fin: true, Opcode: conntest.Text, Payload: []byte("hello")}},
		{"5.1/client_does_not_mask_nothing", RoleServer, conntest.Frame{Fin: true, Opcode: conntest.Text}},
		{"5.1/server_masks", RoleClient, masked(conntest.Frame{Fin: true, Opcode: conntest.Text, Payload: []byte("hello")})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p := talk(t, tt.role, nil)
				go c.Read()
				p.SendExactly(tt.f)
				p.WantClose("the connection is failed", 1002, nil)
			})
		})
	}
}

func TestTruncate(t *testing.T) {
	for _, tt := range []struct {
		s    string
		n    int
		want string
	}{{"abc", 3, "abc"}, {"abcd", 3, "abc"}, {"aκ", 2, "a"}, {"€uro", 2, ""}} {
		if got := truncate(tt.s, tt.n); got != tt.want {
			t.Errorf("truncate(%q, %d) = %q, want %q", tt.s, tt.n, got, tt.want)
		}
	}
}

// TestAbsoluteDeadline: the one deadline begins when the Close frame is due, and nothing that happens later begins another.
func TestAbsoluteDeadline(t *testing.T) {
	bothRoles(t, "7.1.1/the_answer_comes_late_and_the_end_never", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		start := time.Now()
		go c.Close(1000, "")
		p.WantClose("close", 1000, "")
		timer := c.closeTimer()
		time.Sleep(3 * time.Second)
		p.SendClose(1000, "")
		synctest.Wait()
		if c.closeTimer() != timer {
			t.Error("the answer has started another timer")
		}
		c.Wait(t.Context())
		if took := time.Since(start); took != DefaultCloseTimeout {
			t.Errorf("the connection ended after %v, want %v", took, DefaultCloseTimeout)
		}
	})
	bothRoles(t, "7.1.1/the_peer_closes_and_does_not_end", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		got := readAll(c)
		start := time.Now()
		p.SendClose(1000, "")
		p.WantClose("answer", 1000, "")
		<-got
		c.Wait(t.Context())
		if took := time.Since(start); took != DefaultCloseTimeout {
			t.Errorf("the connection ended after %v, want %v", took, DefaultCloseTimeout)
		}
	})
	bothRoles(t, "7.1.1/none", func(t *testing.T, role Role) {
		c, p := talk(t, role, &Config{CloseTimeout: -1})
		closed := make(chan error, 1)
		go func() { closed <- c.Close(1000, "") }()
		p.WantClose("close", 1000, "")
		time.Sleep(time.Hour)
		p.SendClose(1000, "")
		finishPeer(p, role)
		if err := <-closed; err != nil {
			t.Errorf("an hour later Close returns %v", err)
		}
	})
	bothRoles(t, "7.1.1/no_timer_is_left", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		p.SendClose(1000, "")
		c.Read()
		p.Close()
		c.Wait(t.Context())
		if c.closeTimer().Stop() {
			t.Error("the close timer still runs")
		}
		c.mu.Lock()
		c.extra.timer = nil
		c.startCloseTimer()
		c.mu.Unlock()
		if c.closeTimer() != nil {
			t.Error("a connection that has ended starts a close timer")
		}
	})
}

// TestCloseOverABrokenWrite: a Close frame that cannot be written is an error of Close, in a loop and outside.
func TestCloseOverABrokenWrite(t *testing.T) {
	broken := errors.New("broken")
	for _, loop := range []bool{false, true} {
		t.Run(fmt.Sprintf("7.1.2/in_a_loop_%v", loop), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := conntest.Pipe(1 << 10)
				c := New(&brokenWriter{Conn: ours, err: broken}, RoleServer, nil, nil)
				p := conntest.NewPeer(t, theirs, true)
				p.SendText("a")
				if loop {
					for range c.Messages() {
						if err := c.Close(1000, ""); !errors.Is(err, broken) {
							t.Errorf("Close returns %v", err)
						}
						go p.Close()
					}
				} else {
					start := time.Now()
					if err := c.Close(1000, ""); !errors.Is(err, broken) || !errors.Is(err, net.ErrClosed) {
						t.Errorf("Close returns %v", err)
					}
					if took := time.Since(start); took != DefaultCloseTimeout {
						t.Errorf("Close took %v", took)
					}
				}
				if c.State() == StateOpen {
					t.Error("the connection is open")
				}
				c.CloseNow()
				p.Close()
			})
		})
	}
	bothRoles(t, "7.1.7/failed_connection", func(t *testing.T, role Role) {
		ours, theirs := conntest.Pipe(1 << 10)
		c := New(&brokenWriter{Conn: ours, err: broken}, role, nil, nil)
		p := conntest.NewPeer(t, theirs, role == RoleServer)
		start := time.Now()
		p.Send(conntest.Frame{Fin: true, Opcode: 3})
		c.Read()
		c.Wait(t.Context())
		if took := time.Since(start); took != 0 {
			t.Errorf("a Close frame that cannot be written was lingered for %v", took)
		}
		p.Close()
	})
}

// brokenWriter fails each Write after the first `after` ones.
type brokenWriter struct {
	net.Conn
	after int
	err   error
}

func (b *brokenWriter) Write(p []byte) (int, error) {
	if b.after--; b.after < 0 {
		return 0, b.err
	}
	return b.Conn.Write(p)
}

// TestACutMessageIsNoCleanEnd: a message whose Write failed is lost, so a Close that comes afterwards does not make a clean end.
func TestACutMessageIsNoCleanEnd(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		name string
		end  func(c *Conn, p *conntest.Peer)
	}{
		{"7.1.4/the_peer_closes", func(c *Conn, p *conntest.Peer) { p.SendClose(1000, "") }},
		{"7.2.1/the_stream_ends", func(c *Conn, p *conntest.Peer) { p.CloseWrite() }},
		{"7.1.1/the_timer_ends", func(c *Conn, p *conntest.Peer) {}},
		{"7.2.1/we_cut", func(c *Conn, p *conntest.Peer) { c.CloseNow() }},
	} {
		bothRoles(t, tt.name, func(t *testing.T, role Role) {
			ours, theirs := conntest.Pipe(1 << 10)
			c := New(&brokenWriter{Conn: ours, err: broken}, role, nil, nil)
			p := conntest.NewPeer(t, theirs, role == RoleServer)
			first := c.Write(Text, []byte("lost"))
			if !errors.Is(first, broken) || !errors.Is(first, ErrClosed) {
				t.Errorf("Write returns %v", first)
			}
			if c.State() != StateClosing {
				t.Errorf("after a failed Write the state is %v", c.State())
			}
			tt.end(c, p)
			_, err := c.Read()
			if !errors.Is(err, broken) || isClean(err) {
				t.Errorf("Read returns %v", err)
			}
			if again := c.Write(Text, nil); again != err {
				t.Errorf("Write returns %v, want what Read returned", again)
			}
			c.CloseNow()
			p.Close()
		})
	}
}

// TestEOFOfAWrite: an io.EOF that a transport's Write returns does not look like a clean end.
func TestEOFOfAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := conntest.Pipe(1 << 10)
		c := New(&brokenWriter{Conn: ours, err: fmt.Errorf("channel: %w", io.EOF)}, RoleServer, nil, nil)
		if err := c.Write(Text, nil); errors.Is(err, io.EOF) || err == nil {
			t.Errorf("Write returns %v", err)
		}
		theirs.Close()
		if _, err := c.Read(); errors.Is(err, io.EOF) || err == nil {
			t.Errorf("Read returns %v", err)
		}
	})
}

// TestPanicWhileClosing: a panic in the body goes through at once, without a handshake.
func TestPanicWhileClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := talk(t, RoleServer, nil)
		p.SendText("a")
		start := time.Now()
		func() {
			defer func() { recover() }()
			for range c.Messages() {
				c.Close(1000, "")
				panic("body")
			}
		}()
		if took := time.Since(start); took != 0 {
			t.Errorf("the panic was held up for %v", took)
		}
		p.SendClose(1000, "")
		p.Close()
		if err := c.Close(1000, ""); err != nil {
			t.Errorf("Close after the panic: %v", err)
		}
	})
}

// TestHalfCloseOrder: who fails the connection shuts down at once, in both roles; over a transport that cannot be half-closed it waits for the peer.
func TestHalfCloseOrder(t *testing.T) {
	bothRoles(t, "7.1.7/no_half_close", func(t *testing.T, role Role) {
		ours, theirs := net.Pipe()
		c := New(ours, role, nil, nil)
		p := conntest.NewPeer(t, theirs, role == RoleServer)
		go c.Read()
		p.Send(conntest.Frame{Fin: true, Opcode: 3})
		p.WantClose("fail", 1002, nil)
		start := time.Now()
		p.SendBytes(pattern(1000)) // is taken: an answer may be on its way
		time.Sleep(time.Second)
		p.Close()
		c.Wait(t.Context())
		if took := time.Since(start); took != time.Second {
			t.Errorf("the connection ended after %v", took)
		}
	})
}

// TestWaitPrefersTheEnd: a context that has ended too does not hide how the connection ended.
func TestWaitPrefersTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := talk(t, RoleServer, nil)
		c.CloseNow()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 100 {
			if err := c.Wait(ctx); !errors.Is(err, net.ErrClosed) {
				t.Fatalf("Wait returns %v", err)
			}
		}
	})
}

// stuckStream is a transport whose calls outlive its Close.
type stuckStream struct{ release chan struct{} }

func (s stuckStream) Read([]byte) (int, error)  { <-s.release; return 0, io.EOF }
func (s stuckStream) Write([]byte) (int, error) { <-s.release; return 0, io.ErrClosedPipe }
func (s stuckStream) Close() error              { return nil }

// TestStuckTransport: calls that wait for their turn return when the connection has ended, even if the one whose turn it is does not.
func TestStuckTransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stuckStream{make(chan struct{})}
		c := New(s, RoleServer, nil, nil)
		go c.Read()
		go c.Write(Text, nil)
		synctest.Wait()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := c.Read(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Read: %v", err)
			}
		})
		wg.Go(func() {
			if err := c.Write(Text, nil); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Write: %v", err)
			}
		})
		wg.Go(func() {
			for _, err := range c.Messages() {
				if !errors.Is(err, net.ErrClosed) {
					t.Errorf("Messages: %v", err)
				}
			}
		})
		wg.Go(func() {
			if err := c.Close(1000, ""); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Close: %v", err)
			}
		})
		synctest.Wait()
		c.CloseNow()
		wg.Wait()
		close(s.release)
	})
}

// emptyReads is a transport that returns neither bytes nor errors.
type emptyReads struct{ stuckStream }

func (emptyReads) Read([]byte) (int, error)    { return 0, nil }
func (emptyReads) Write(p []byte) (int, error) { return len(p), nil }

func TestEmptyReads(t *testing.T) {
	c := New(emptyReads{}, RoleServer, nil, nil)
	if _, err := c.Read(); !errors.Is(err, io.ErrNoProgress) || !errors.Is(err, ErrClosed) {
		t.Errorf("Read: %v", err)
	}
}
