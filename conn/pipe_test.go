package conn

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/frame"
)

// pipeEnds returns the two ends of a pipe.
func pipeEnds() (a, b *pipeEnd) {
	client, server := Pipe(nil)
	return client.transport.rwc.(*pipeEnd), server.transport.rwc.(*pipeEnd)
}

// inBubble runs f as a sub-test in a bubble.
func inBubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

// wantPrompt makes the test fail unless f returns n and an error that matches err, after exactly d.
func wantPrompt(t *testing.T, d time.Duration, n int, err error, f func() (int, error)) {
	t.Helper()
	start := time.Now()
	gotN, gotErr := f()
	if took := time.Since(start); took != d {
		t.Errorf("returned after %v, want %v", took, d)
	}
	if gotN != n || !errors.Is(gotErr, err) {
		t.Errorf("returned %d and %v, want %d and %v", gotN, gotErr, n, err)
	}
}

func TestPipeEnds(t *testing.T) {
	inBubble(t, "1.1/bytes_go_both_ways", func(t *testing.T) {
		a, b := pipeEnds()
		for _, ends := range [][2]*pipeEnd{{a, b}, {b, a}} {
			p := make([]byte, 8)
			wantPrompt(t, 0, 5, nil, func() (int, error) { return ends[0].Write([]byte("hello")) })
			wantPrompt(t, 0, 2, nil, func() (int, error) { return ends[1].Read(p[:2]) })
			wantPrompt(t, 0, 3, nil, func() (int, error) { return ends[1].Read(p[2:]) })
			if string(p[:5]) != "hello" {
				t.Errorf("read %q", p[:5])
			}
		}
	})
	inBubble(t, "1.1/all_bytes_in_order_at_any_size", func(t *testing.T) {
		a, b := pipeEnds()
		sent := make([]byte, 5*pipeCapacity+123)
		for i := range sent {
			sent[i] = byte(i ^ i>>8 ^ i>>16)
		}
		go func() {
			for rest, n := sent, 1; len(rest) > 0; n = n*3 + 1 {
				n = min(n, len(rest))
				if got, err := a.Write(rest[:n]); got != n || err != nil {
					t.Errorf("Write of %d: %d, %v", n, got, err)
				}
				rest = rest[n:]
			}
			a.Close()
		}()
		got, err := io.ReadAll(b)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("read %d bytes, %v, want the %d that were written", len(got), err, len(sent))
		}
	})
	inBubble(t, "1.1/addresses", func(t *testing.T) {
		a, _ := pipeEnds()
		for _, addr := range []net.Addr{a.LocalAddr(), a.RemoteAddr()} {
			if addr.Network() != "pipe" || addr.String() != "pipe" {
				t.Errorf("address is %v %v", addr.Network(), addr)
			}
		}
	})
	inBubble(t, "7.1.1/half-close", func(t *testing.T) {
		a, b := pipeEnds()
		p := make([]byte, 8)
		a.Write([]byte("last"))
		if err := a.CloseWrite(); err != nil {
			t.Error(err)
		}
		if err := a.CloseWrite(); err != nil {
			t.Errorf("second CloseWrite: %v", err)
		}
		wantPrompt(t, 0, 0, io.ErrClosedPipe, func() (int, error) { return a.Write(p) })
		wantPrompt(t, 0, 0, io.ErrClosedPipe, func() (int, error) { return a.tryWrite(p) })
		wantPrompt(t, 0, 4, nil, func() (int, error) { return b.Read(p) })
		wantPrompt(t, 0, 0, io.EOF, func() (int, error) { return b.Read(p) })
		wantPrompt(t, 0, 0, io.EOF, func() (int, error) { return b.Read(p) })
		// The other direction goes on.
		wantPrompt(t, 0, 6, nil, func() (int, error) { return b.Write([]byte("answer")) })
		wantPrompt(t, 0, 6, nil, func() (int, error) { return a.Read(p) })
	})
	inBubble(t, "7.1.1/close", func(t *testing.T) {
		a, b := pipeEnds()
		p := make([]byte, 8)
		a.Write([]byte("last"))
		b.Write([]byte("unread"))
		for range 2 {
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		}
		wantPrompt(t, 0, 0, net.ErrClosed, func() (int, error) { return a.Read(p) })
		wantPrompt(t, 0, 0, io.ErrClosedPipe, func() (int, error) { return a.Write(p) })
		wantPrompt(t, 0, 4, nil, func() (int, error) { return b.Read(p) })
		wantPrompt(t, 0, 0, io.EOF, func() (int, error) { return b.Read(p) })
		wantPrompt(t, 0, 0, io.ErrClosedPipe, func() (int, error) { return b.Write(p) })
		if a.in.b != nil {
			t.Error("the closed end keeps what nobody can read")
		}
	})
	inBubble(t, "7.1.1/close_ends_a_read", func(t *testing.T) {
		a, _ := pipeEnds()
		time.AfterFunc(time.Minute, func() { a.Close() })
		wantPrompt(t, time.Minute, 0, net.ErrClosed, func() (int, error) { return a.Read(make([]byte, 1)) })
	})
	inBubble(t, "7.1.1/close_ends_a_write", func(t *testing.T) {
		a, _ := pipeEnds()
		time.AfterFunc(time.Minute, func() { a.Close() })
		wantPrompt(t, time.Minute, pipeCapacity, io.ErrClosedPipe, func() (int, error) { return a.Write(make([]byte, pipeCapacity+1)) })
	})
	inBubble(t, "7.1.1/close_of_the_peer_ends_a_read", func(t *testing.T) {
		a, b := pipeEnds()
		time.AfterFunc(time.Minute, func() { b.Close() })
		wantPrompt(t, time.Minute, 0, io.EOF, func() (int, error) { return a.Read(make([]byte, 1)) })
	})
	inBubble(t, "7.1.1/close_of_the_peer_ends_a_write", func(t *testing.T) {
		a, b := pipeEnds()
		time.AfterFunc(time.Minute, func() { b.Close() })
		wantPrompt(t, time.Minute, pipeCapacity, io.ErrClosedPipe, func() (int, error) { return a.Write(make([]byte, pipeCapacity+1)) })
	})
	inBubble(t, "2.2/capacity", func(t *testing.T) {
		a, b := pipeEnds()
		full := make([]byte, pipeCapacity)
		wantPrompt(t, 0, pipeCapacity, nil, func() (int, error) { return a.Write(full) })
		// A read of one byte makes room for one byte.
		time.AfterFunc(time.Minute, func() { b.Read(make([]byte, 1)) })
		wantPrompt(t, time.Minute, 1, nil, func() (int, error) { return a.Write(full[:1]) })
		if n := len(a.out.b); n != pipeCapacity {
			t.Errorf("the pipe holds %d bytes", n)
		}
	})
	inBubble(t, "2.2/tryWrite_takes_what_there_is_room_for", func(t *testing.T) {
		a, b := pipeEnds()
		full := make([]byte, pipeCapacity-3)
		a.SetWriteDeadline(time.Now().Add(-time.Hour)) // does not matter
		wantPrompt(t, 0, len(full), nil, func() (int, error) { return a.tryWrite(full) })
		wantPrompt(t, 0, 3, nil, func() (int, error) { return a.tryWrite(full[:8]) })
		wantPrompt(t, 0, 0, nil, func() (int, error) { return a.tryWrite(full[:8]) })
		io.ReadFull(b, full)
		wantPrompt(t, 0, 8, nil, func() (int, error) { return a.tryWrite(full[:8]) })
		b.Close()
		wantPrompt(t, 0, 0, io.ErrClosedPipe, func() (int, error) { return a.tryWrite(full[:8]) })
	})
}

func TestPipeDeadlines(t *testing.T) {
	set := map[string]func(*pipeEnd, time.Time) error{
		"SetDeadline": (*pipeEnd).SetDeadline, "SetReadDeadline": (*pipeEnd).SetReadDeadline, "SetWriteDeadline": (*pipeEnd).SetWriteDeadline,
	}
	calls := []struct {
		name    string
		setters []string
		wait    int // what the call returns when it has waited in vain
		call    func(*pipeEnd) (int, error)
	}{
		{"read", []string{"SetDeadline", "SetReadDeadline"}, 0, func(e *pipeEnd) (int, error) { return e.Read(make([]byte, 1)) }},
		{"write", []string{"SetDeadline", "SetWriteDeadline"}, pipeCapacity, func(e *pipeEnd) (int, error) { return e.Write(make([]byte, pipeCapacity+1)) }},
	}
	for _, c := range calls {
		for name, deadline := range set {
			applies := slices.Contains(c.setters, name)
			test := func(what string, f func(t *testing.T, a *pipeEnd, set func(time.Duration))) {
				inBubble(t, "2.9/"+c.name+"/"+name+"/"+what, func(t *testing.T) {
					a, _ := pipeEnds()
					f(t, a, func(d time.Duration) {
						at := time.Time{}
						if d != 0 {
							at = time.Now().Add(d)
						}
						if err := deadline(a, at); err != nil {
							t.Error(err)
						}
					})
				})
			}
			if !applies {
				test("is_of_the_other_direction", func(t *testing.T, a *pipeEnd, set func(time.Duration)) {
					set(time.Second)
					time.AfterFunc(time.Hour, func() { a.Close() })
					start := time.Now()
					c.call(a)
					if took := time.Since(start); took != time.Hour {
						t.Errorf("returned after %v", took)
					}
				})
				continue
			}
			test("exactly", func(t *testing.T, a *pipeEnd, set func(time.Duration)) {
				set(time.Second)
				wantPrompt(t, time.Second, c.wait, os.ErrDeadlineExceeded, func() (int, error) { return c.call(a) })
			})
			test("in_the_past", func(t *testing.T, a *pipeEnd, set func(time.Duration)) {
				set(-time.Second)
				wantPrompt(t, 0, c.wait, os.ErrDeadlineExceeded, func() (int, error) { return c.call(a) })
			})
			test("moved_further_while_it_waits", func(t *testing.T, a *pipeEnd, set func(time.Duration)) {
				set(time.Second)
				time.AfterFunc(time.Second/2, func() { set(time.Minute) })
				wantPrompt(t, time.Minute+time.Second/2, c.wait, os.ErrDeadlineExceeded, func() (int, error) { return c.call(a) })
			})
			test("moved_nearer_while_it_waits", func(t *testing.T, a *pipeEnd, set func(time.Duration)) {
				set(time.Hour)
				time.AfterFunc(time.Second, func() { set(-1) })
				wantPrompt(t, time.Second, c.wait, os.ErrDeadlineExceeded, func() (int, error) { return c.call(a) })
			})
			test("set_while_it_waits", func(t *testing.T, a *pipeEnd, set func(time.Duration)) {
				time.AfterFunc(time.Second, func() { set(time.Second) })
				wantPrompt(t, 2*time.Second, c.wait, os.ErrDeadlineExceeded, func() (int, error) { return c.call(a) })
			})
			test("none_again", func(t *testing.T, a *pipeEnd, set func(time.Duration)) {
				set(time.Second)
				set(0)
				time.AfterFunc(time.Hour, func() { a.Close() })
				start := time.Now()
				c.call(a)
				if took := time.Since(start); took != time.Hour {
					t.Errorf("returned after %v", took)
				}
			})
			test("usable_after_it_has_passed", func(t *testing.T, a *pipeEnd, set func(time.Duration)) {
				set(time.Second)
				wantPrompt(t, time.Second, c.wait, os.ErrDeadlineExceeded, func() (int, error) { return c.call(a) })
				time.Sleep(time.Hour)
				set(time.Second)
				wantPrompt(t, time.Second, 0, os.ErrDeadlineExceeded, func() (int, error) { return c.call(a) })
			})
		}
	}
}

func TestPipe(t *testing.T) {
	inBubble(t, "1.1/roles_and_state", func(t *testing.T) {
		client, server := Pipe(nil)
		if client.Role() != RoleClient || server.Role() != RoleServer {
			t.Errorf("roles are %v and %v", client.Role(), server.Role())
		}
		for _, c := range []*Conn{client, server} {
			if c.State() != StateOpen || c.Subprotocol() != "" || c.RemoteAddr().String() != "pipe" || c.LocalAddr().String() != "pipe" {
				t.Errorf("state %v, subprotocol %q, %v to %v", c.State(), c.Subprotocol(), c.LocalAddr(), c.RemoteAddr())
			}
		}
	})
	inBubble(t, "1.9/subprotocol", func(t *testing.T) {
		client, server := Pipe(&Config{Subprotocols: []string{"b", "a"}})
		if client.Subprotocol() != "b" || server.Subprotocol() != "b" {
			t.Errorf("subprotocols are %q and %q", client.Subprotocol(), server.Subprotocol())
		}
	})
	inBubble(t, "5.6/echo_and_closing_handshake", func(t *testing.T) {
		client, server := Pipe(&Config{MessageLimit: -1})
		ended := make(chan error, 1)
		go func() {
			for m, err := range server.Messages() {
				if err == nil {
					err = server.Write(m.Type, m.Data)
				}
				if err != nil {
					ended <- err
					return
				}
			}
			ended <- nil
		}()
		for _, n := range []int{0, 1, 125, 126, 65535, 65536, 10 * pipeCapacity} {
			p := bytes.Repeat([]byte("p"), n)
			// The message does not fit the pipe, so somebody must read the echo meanwhile.
			written := make(chan error, 1)
			go func() { written <- client.Write(Binary, p) }()
			m, err := client.Read()
			if err != nil || m.Type != Binary || !bytes.Equal(m.Data, p) {
				t.Fatalf("%d bytes came back as %d bytes, %v", n, len(m.Data), err)
			}
			if err := <-written; err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		if err := client.Close(frame.StatusNormalClosure, "done"); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := server.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("closing took %v", took)
		}
		if client.State() != StateClosed || server.State() != StateClosed {
			t.Errorf("states are %v and %v", client.State(), server.State())
		}
	})
	inBubble(t, "2.2/a_reader_that_sleeps_stops_the_writer_at_64_KiB", func(t *testing.T) {
		client, server := Pipe(&Config{WriteTimeout: time.Minute})
		start := time.Now()
		var err error
		n := 0
		for ; err == nil; n += 1000 {
			err = server.Write(Binary, make([]byte, 1000))
		}
		if took := time.Since(start); took != time.Minute || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("writing ended after %v with %v", took, err)
		}
		if n < pipeCapacity-1000 || n > pipeCapacity+1000 {
			t.Errorf("%d bytes were written", n)
		}
		client.CloseNow()
	})
}
