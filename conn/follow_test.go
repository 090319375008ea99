package conn

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/internal/conntest"
)

// TestContextOfALoopWhosePeerNeverPauses: there are always bytes to read, so the loop never waits, and ends all the same.
func TestContextOfALoopWhosePeerNeverPauses(t *testing.T) {
	eachTransport(t, func(t *testing.T, ours, theirs net.Conn) {
		c := New(ours, RoleClient, nil, nil)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		flood := make([]byte, 0, 64<<10)
		for len(flood) < cap(flood) {
			flood = append(flood, 0x82, 0)
		}
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				if _, err := theirs.Write(flood); err != nil {
					return
				}
			}
		}()
		const enough = 1000 + bulkBufferSize // more than has been read
		n := 0
		var err error
		for _, err = range c.MessagesContext(ctx) {
			if n++; n == 1000 {
				cancel()
				for !c.watch.cancelled.Load() {
					runtime.Gosched()
				}
				c.watch.mu.Lock() // until the deadline is set, too
				_ = c.watch.followed
				c.watch.mu.Unlock()
			}
			if n == enough {
				break
			}
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("after %d messages the loop ends with %v", n, err)
		}
		c.CloseNow()
		theirs.Close()
		<-stopped
	})
}

// TestContextDoesNotKeepAConn: a context lives as long as the server, the connections that were read with it do not.
func TestContextDoesNotKeepAConn(t *testing.T) {
	ends := map[string]func(c *Conn, p *conntest.Peer){
		"CloseNow": func(c *Conn, _ *conntest.Peer) { c.CloseNow() },
		"Close_received": func(c *Conn, p *conntest.Peer) {
			p.SendClose(1000, "")
			p.Close()
			<-c.done()
		},
		"lost": func(c *Conn, p *conntest.Peer) { p.Close() },
	}
	for name, end := range ends {
		bothRoles(t, "3/"+name, func(t *testing.T, role Role) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ours, theirs := conntest.Pipe(64 << 10)
			c := New(ours, role, nil, nil)
			p := conntest.NewPeer(t, theirs, role == RoleServer)
			p.SendText("x")
			if _, err := c.ReadContext(ctx); err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(time.Second, func() { end(c, p) })
			if _, err := c.ReadContext(ctx); !errors.Is(err, ErrClosed) {
				t.Errorf("the read returns %v", err)
			}
			<-c.done()
			if _, err := c.ReadContext(ctx); !errors.Is(err, ErrClosed) {
				t.Errorf("a read after the end returns %v", err)
			}
			if f := c.watch.followed; f != nil && f.stop() {
				t.Error("the context's callback is still registered")
			}
			p.Close()
		})
	}
}

// TestContextDoesNotCutLinger: a handler cancels its context when its loop has ended. The peer is still sending then, and an early close would destroy our Close frame on its way.
func TestContextDoesNotCutLinger(t *testing.T) {
	bothRoles(t, "7.1.7/cancelled_behind_the_loop", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		ctx, cancel := context.WithCancel(t.Context())
		p.SendBytes([]byte{0xF0, 0x80, 0, 0, 0, 0})
		for range c.MessagesContext(ctx) {
		}
		cancel()
		if _, err := c.ReadContext(ctx); !errors.Is(err, context.Canceled) && !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		again, cancelAgain := context.WithCancel(t.Context())
		c.ReadContext(again)
		cancelAgain()
		synctest.Wait()
		if c.State() == StateClosed {
			t.Error("the transport is closed before the peer has ended its side")
		}
		p.WantClose("the Close", 1002, nil)
		p.Close()
		wait(t, c)
	})
	bothRoles(t, "7.1.7/keepalive", func(t *testing.T, role Role) {
		c, p := talk(t, role, &Config{PingInterval: time.Second})
		read := readAll(c)
		synctest.Wait()
		p.SendBytes([]byte{0xF0, 0x80, 0, 0, 0, 0})
		<-read
		time.Sleep(DefaultCloseTimeout - 1)
		if c.State() == StateClosed {
			t.Error("the transport is closed before the close timeout")
		}
		time.Sleep(time.Nanosecond)
		wait(t, c)
	})
}

// An endingRead is a connection whose stream ends as soon as its read deadline is in the past, before the read can say so.
type endingRead struct {
	net.Conn
	end error
	do  func()
}

func (e *endingRead) Read(p []byte) (int, error) {
	n, err := e.Conn.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		if e.do != nil {
			e.do()
		}
		return n, e.end
	}
	return n, err
}

// TestContextAndEndTogether: the error is the end's, never the transport's alone; io.EOF, above all, would say that it was clean.
func TestContextAndEndTogether(t *testing.T) {
	for name, end := range map[string]error{"end": io.EOF, "deadline": os.ErrDeadlineExceeded} {
		bothRoles(t, "7.1.5/"+name, func(t *testing.T, role Role) {
			ours, theirs := conntest.Pipe(64 << 10)
			e := &endingRead{Conn: ours, end: end}
			c, _ := talkOver(t, e, theirs, role, &Config{PingInterval: -1})
			if end == os.ErrDeadlineExceeded {
				e.do = func() { c.CloseNow() }
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := c.ReadContext(ctx); !errors.Is(err, ErrClosed) || err == io.EOF {
				t.Errorf("the read returns %v", err)
			}
		})
	}
}

// TestContextEndsALoopThatCloses: leaving the loop finishes the closing handshake, whatever it is left by.
func TestContextEndsALoopThatCloses(t *testing.T) {
	bothRoles(t, "7.1.2/the_handshake_is_finished", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		ctx, cancel := context.WithCancel(t.Context())
		left := later(func() (err error) {
			for _, err = range c.MessagesContext(ctx) {
			}
			return err
		})
		synctest.Wait()
		if err := c.Close(1001, "restart"); err != nil {
			t.Error(err)
		}
		cancel()
		time.Sleep(time.Second)
		p.WantClose("the Close", 1001, "restart")
		p.SendClose(1001, "")
		finishPeer(p, role)
		if err := c.Wait(t.Context()); err != nil {
			t.Errorf("the end is %v", err)
		}
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("the loop ends with %v", err)
		}
	})
}
