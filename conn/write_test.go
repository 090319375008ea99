package conn

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/internal/conntest"
)

var writeSizes = []int{0, 1, 125, 126, 127, 4096, copyLimit, copyLimit + 1, 65535, 65536, maskChunk + 1, 200000}

// TestWrite: every size, in both roles, over each kind of transport, is one frame with the payload, and the caller's bytes are untouched.
func TestWrite(t *testing.T) {
	for _, transport := range []string{"pipe", "socket", "rwc"} {
		for _, role := range []Role{RoleServer, RoleClient} {
			for _, n := range writeSizes {
				t.Run(fmt.Sprintf("5.6/%s/%s/%d_bytes", transport, [...]string{"server", "client"}[role], n), func(t *testing.T) {
					conntest.CheckLeaks(t)
					var ours, theirs net.Conn
					if transport == "socket" {
						ours, theirs = tcpPair(t)
					} else {
						ours, theirs = conntest.Pipe(1 << 20)
					}
					rwc := io.ReadWriteCloser(ours)
					if transport == "rwc" {
						rwc = struct{ io.ReadWriteCloser }{ours}
					}
					c := New(rwc, role, nil, nil)
					p := conntest.NewPeer(t, theirs, role == RoleServer)
					payload := pattern(n)
					for _, typ := range []MessageType{Text, Binary} {
						if err := c.Write(typ, payload); err != nil {
							t.Fatal(err)
						}
						if typ == Text {
							p.WantFrame("the message in one frame", conntest.Frame{Fin: true, Opcode: conntest.Text, Payload: pattern(n)})
						} else {
							p.WantFrame("the message in one frame", conntest.Frame{Fin: true, Opcode: conntest.Binary, Payload: pattern(n)})
						}
					}
					if !bytes.Equal(payload, pattern(n)) {
						t.Error("Write has modified the caller's bytes")
					}
					c.CloseNow()
					p.Close()
				})
			}
		}
	}
}

// TestOneWrite: a message that is not large leaves in one write, header and payload together.
func TestOneWrite(t *testing.T) {
	for _, role := range []Role{RoleServer, RoleClient} {
		for _, n := range []int{0, 100, 4096, copyLimit} {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := conntest.Pipe(1 << 20)
				c, p := talkOver(t, ours, theirs, role, nil)
				if err := c.Write(Binary, pattern(n)); err != nil {
					t.Fatal(err)
				}
				p.WantBinary("the message", pattern(n))
				writes := 0
				for _, e := range ours.Events() {
					if e.Op == "write" {
						writes++
					}
				}
				if writes != 1 {
					t.Errorf("%d bytes left in %d writes", n, writes)
				}
			})
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := talk(t, RoleServer, nil)
		for _, typ := range []MessageType{0, 3, 8, 9, 10} {
			if err := c.Write(typ, nil); err != ErrInvalidMessageType {
				t.Errorf("5.6/type %d: %v", typ, err)
			}
		}
		for _, s := range []string{"\xff", "a\xc0\x80", "\xed\xa0\x80", "\xe2\x82"} {
			if err := c.Write(Text, []byte(s)); err != ErrInvalidUTF8 {
				t.Errorf("5.6/text %q: %v", s, err)
			}
		}
		p.WantIdle("nothing of it was sent")
		if err := c.Write(Text, []byte("still open")); err != nil {
			t.Error(err)
		}
		p.WantText("the connection is still open", "still open")
	})
}

// TestWritesAreAtomic: messages written at the same time from many goroutines do not mix.
func TestWritesAreAtomic(t *testing.T) {
	bothRoles(t, "5.4/concurrent_writes", func(t *testing.T, role Role) {
		ours, theirs := conntest.Pipe(1000)
		c, p := talkOver(t, ours, theirs, role, nil)
		var wg sync.WaitGroup
		const writers, each = 8, 10
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					if err := c.Write(Text, bytes.Repeat([]byte{byte('a' + w)}, 1+i*700)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		// A ping in between must come out between two messages.
		go c.Read()
		p.SendPing("between")
		pongs, next := 0, [writers]int{}
		for range writers*each + 1 {
			f := nextFrame(t, p)
			if f.Opcode == conntest.Pong {
				pongs++
				continue
			}
			w := int(f.Payload[0] - 'a')
			if want := bytes.Repeat(f.Payload[:1], 1+next[w]*700); !bytes.Equal(f.Payload, want) {
				t.Fatalf("message %d of writer %d has %d bytes, want %d of %c", next[w], w, len(f.Payload), len(want), f.Payload[0])
			}
			next[w]++
		}
		wg.Wait()
		if pongs != 1 {
			t.Errorf("%d pongs, want 1", pongs)
		}
	})
}

// nextFrame reads one frame of the engine's, whatever it is.
func nextFrame(t *testing.T, p *conntest.Peer) conntest.Frame {
	t.Helper()
	before := len(p.Wire().Frames())
	buf := make([]byte, 16<<10)
	for len(p.Wire().Frames()) == before {
		p.Conn().SetReadDeadline(time.Now().Add(5 * time.Second))
		n, err := p.Conn().Read(buf[:1])
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Wire().Feed(buf[:n]); err != nil {
			t.Fatal(err)
		}
	}
	return p.Wire().Frames()[before]
}

// TestWriteTimeout is D4: a peer that does not read ends the connection after the timeout, not before, and not while it reads a little.
func TestWriteTimeout(t *testing.T) {
	bothRoles(t, "3/peer_does_not_read", func(t *testing.T, role Role) {
		ours, theirs := conntest.Pipe(1000)
		c, _ := talkOver(t, ours, theirs, role, nil)
		start := time.Now()
		err := c.Write(Binary, pattern(100000))
		if took := time.Since(start); took != DefaultWriteTimeout {
			t.Errorf("Write took %v, want %v", took, DefaultWriteTimeout)
		}
		if !errors.Is(err, ErrClosed) || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Write returns %v", err)
		}
		if ne, ok := errors.AsType[net.Error](err); !ok || !ne.Timeout() {
			t.Errorf("%v is no timeout", err)
		}
		if c.State() != StateClosed {
			t.Errorf("state is %v", c.State())
		}
		if again := c.Write(Binary, nil); again != err {
			t.Errorf("the next Write returns %v", again)
		}
	})
	bothRoles(t, "3/no_deadlines", func(t *testing.T, role Role) {
		ours, theirs := conntest.Pipe(1000)
		c := New(struct{ io.ReadWriteCloser }{ours}, role, nil, &Config{WriteTimeout: 3 * time.Second})
		start := time.Now()
		read := make(chan error, 1)
		go func() { // notices the closing first, and must not take that for the cause
			_, err := c.Read()
			read <- err
		}()
		err := c.Write(Binary, pattern(100000))
		if rerr := <-read; rerr != err {
			t.Errorf("Read returns %v, Write %v", rerr, err)
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("Write took %v, want 3s", took)
		}
		if !errors.Is(err, ErrClosed) || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Write returns %v", err)
		}
		theirs.Close()
	})
	bothRoles(t, "3/waiting_writers_return_too", func(t *testing.T, role Role) {
		ours, theirs := conntest.Pipe(1000)
		c, _ := talkOver(t, ours, theirs, role, nil)
		start := time.Now()
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if err := c.Write(Binary, pattern(5000)); !errors.Is(err, ErrClosed) || !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("Write returns %v", err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(start); took != DefaultWriteTimeout {
			t.Errorf("all writers returned after %v, want %v", took, DefaultWriteTimeout)
		}
	})
	bothRoles(t, "3/none", func(t *testing.T, role Role) {
		ours, theirs := conntest.Pipe(1000)
		c, p := talkOver(t, ours, theirs, role, &Config{WriteTimeout: -1})
		done := make(chan error, 1)
		go func() { done <- c.Write(Binary, pattern(5000)) }()
		time.Sleep(time.Hour)
		p.WantBinary("an hour later", pattern(5000))
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestWriteAfterEnd: the error says how the connection ended, or that it is closing.
func TestWriteAfterEnd(t *testing.T) {
	bothRoles(t, "5.5.1/after_our_close", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		closed := make(chan error, 1)
		go func() { closed <- c.Close(1000, "") }()
		synctest.Wait()
		err := c.Write(Text, []byte("late"))
		if !errors.Is(err, ErrClosed) || !errors.Is(err, net.ErrClosed) {
			t.Errorf("Write while closing returns %v", err)
		}
		p.WantClose("our close", 1000, "")
		p.SendClose(1000, "")
		if role == RoleClient {
			p.CloseWrite()
		} else {
			p.WantEOF("the server ends its stream, and nothing came after its close")
			p.Close()
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
		if err := c.Write(Text, []byte("later")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Write afterwards returns %v", err)
		}
	})
	bothRoles(t, "5.5.1/after_the_peer's_close", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		p.SendClose(1001, "bye")
		c.Read()
		err := c.Write(Text, []byte("late"))
		if e, ok := errors.AsType[*CloseError](err); !ok || e.Received == nil || e.Received.Code != 1001 || errors.Is(err, net.ErrClosed) {
			t.Errorf("Write returns %v", err)
		}
		p.WantClose("the answer", 1001, "")
	})
}

// TestBrokenPipe: what the peer sent before it went away is still read after a write has failed.
func TestBrokenPipe(t *testing.T) {
	bothRoles(t, "7.2.1/write_fails_reading_goes_on", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		p.SendText("still there")
		p.SendClose(4001, "moved")
		p.Close()
		synctest.Wait()
		err := c.Write(Text, []byte("x"))
		if err == nil || !errors.Is(err, ErrClosed) {
			t.Errorf("Write to a closed peer returns %v", err)
		}
		if m, err := c.Read(); err != nil || string(m.Data) != "still there" {
			t.Errorf("Read: %q, %v", m.Data, err)
		}
		_, err = c.Read()
		if e, ok := errors.AsType[*CloseError](err); !ok || e.Received == nil || e.Received.Code != 4001 {
			t.Errorf("Read: %v", err)
		}
		if !strings.Contains(err.Error(), "moved") {
			t.Errorf("%v does not say what was received", err)
		}
	})
	bothRoles(t, "7.2.1/nobody_reads", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		p.Close()
		synctest.Wait()
		c.Write(Text, []byte("x"))
		start := time.Now()
		<-c.done()
		if took := time.Since(start); took != DefaultCloseTimeout {
			t.Errorf("after a failed write the connection ended after %v, want %v", took, DefaultCloseTimeout)
		}
	})
}

// BenchmarkWrite is what copyLimit was chosen with: one message over loopback to a peer that discards.
func BenchmarkWrite(b *testing.B) {
	for _, n := range []int{125, 1024, 4096, 16 << 10, 64 << 10, 1 << 20} {
		for _, role := range []Role{RoleServer, RoleClient} {
			b.Run(fmt.Sprintf("%s/%d", [...]string{"server", "client"}[role], n), func(b *testing.B) {
				ours, theirs := tcpPair(b)
				go io.Copy(io.Discard, theirs)
				c := New(ours, role, nil, nil)
				defer c.CloseNow()
				p := pattern(n)
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					if err := c.Write(Binary, p); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
