package conn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/internal/conntest"
)

// eachPipe runs f in a bubble for both roles, over a transport that has writes that do not wait, and one that has none. Each direction takes 64 KiB.
func eachPipe(t *testing.T, name string, cfg *Config, f func(t *testing.T, c *Conn, p *conntest.Peer)) {
	for _, role := range []Role{RoleServer, RoleClient} {
		for _, kind := range []string{"now", "waits"} {
			inBubble(t, fmt.Sprintf("%s/%s/%s", name, [...]string{"server", "client"}[role], kind), func(t *testing.T) {
				var ours, theirs net.Conn
				if kind == "now" {
					ours, theirs = pipeEnds()
				} else {
					ours, theirs = conntest.Pipe(pipeCapacity)
				}
				c, p := talkOver(t, ours, theirs, role, cfg)
				f(t, c, p)
			})
		}
	}
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// wantInterrupted checks an error of WriteContext.
func wantInterrupted(t *testing.T, err error, kept bool, cause error) {
	t.Helper()
	e, ok := errors.AsType[*InterruptedError](err)
	if !ok || e.Kept != kept || !errors.Is(err, cause) || errors.Is(err, ErrClosed) {
		t.Fatalf("error is %v, want one that was interrupted, kept: %v, by %v", err, kept, cause)
	}
}

func TestWriteContext(t *testing.T) {
	for _, size := range []int{0, 1, 4096, copyLimit + 1, maskChunk, 200000} {
		eachPipe(t, fmt.Sprintf("2.9/whole/%d_bytes", size), nil, func(t *testing.T, c *Conn, p *conntest.Peer) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			payload := pattern(size)
			done := make(chan error)
			go func() { done <- c.WriteContext(ctx, Binary, payload) }()
			p.WantBinary("the message", pattern(size))
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	eachPipe(t, "2.9/context_over_before", nil, func(t *testing.T, c *Conn, p *conntest.Peer) {
		wantInterrupted(t, c.WriteContext(cancelled(), Text, []byte("no")), false, context.Canceled)
		c.Write(Text, []byte("yes"))
		p.WantText("only what was not interrupted", "yes")
	})
	eachPipe(t, "2.9/while_another_writes", nil, func(t *testing.T, c *Conn, p *conntest.Peer) {
		done := make(chan error)
		go func() { done <- c.Write(Binary, pattern(100<<10)) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		wantInterrupted(t, c.WriteContext(ctx, Text, []byte("no")), false, context.DeadlineExceeded)
		p.WantBinary("the message that was being written", pattern(100<<10))
		if err := <-done; err != nil {
			t.Error(err)
		}
		c.Write(Text, []byte("yes"))
		p.WantText("nothing of the other", "yes")
	})
	for _, size := range []int{100 << 10, 1 << 20} {
		eachPipe(t, fmt.Sprintf("2.9/rest_leaves_first/%d_bytes", size), nil, func(t *testing.T, c *Conn, p *conntest.Peer) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			payload := pattern(size)
			wantInterrupted(t, c.WriteContext(ctx, Binary, payload), true, context.DeadlineExceeded)
			clear(payload) // it is the caller's again
			if n := c.BufferedAmount(); n < int64(size-pipeCapacity) {
				t.Errorf("BufferedAmount is %d", n)
			}
			done := make(chan error)
			go func() { done <- c.Write(Text, []byte("next")) }()
			p.WantBinary("the whole message", pattern(size))
			p.WantText("what was written next", "next")
			if err := <-done; err != nil {
				t.Error(err)
			}
			if n := c.BufferedAmount(); n != 0 {
				t.Errorf("BufferedAmount is %d", n)
			}
		})
	}
	eachPipe(t, "2.9/rest_beyond_the_queue", &Config{SendQueue: 1000}, func(t *testing.T, c *Conn, p *conntest.Peer) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := c.WriteContext(ctx, Binary, pattern(200<<10))
		if !errors.Is(err, ErrClosed) || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errRestTooLarge) {
			t.Errorf("error is %v", err)
		}
		if c.State() != StateClosed {
			t.Errorf("state is %v", c.State())
		}
	})
	eachPipe(t, "2.9/large_and_slow_within_the_queue", &Config{SendQueue: 1000}, func(t *testing.T, c *Conn, p *conntest.Peer) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error)
		go func() { done <- c.WriteContext(ctx, Binary, pattern(200<<10)) }()
		synctest.Wait()
		p.WantBinary("in pieces that the queue has room for", pattern(200<<10))
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	eachPipe(t, "2.9/write_timeout_of_the_rest", &Config{WriteTimeout: 3 * time.Second}, func(t *testing.T, c *Conn, p *conntest.Peer) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		wantInterrupted(t, c.WriteContext(ctx, Binary, pattern(200<<10)), true, context.DeadlineExceeded)
		err := c.Wait(t.Context())
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("it ended with %v", err)
		}
	})
	eachPipe(t, "2.9/connection_ends_meanwhile", nil, func(t *testing.T, c *Conn, p *conntest.Peer) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error)
		go func() { done <- c.WriteContext(ctx, Binary, pattern(200<<10)) }()
		synctest.Wait()
		c.CloseNow()
		if err := <-done; !errors.Is(err, ErrClosed) {
			t.Errorf("error is %v", err)
		}
		if err := c.WriteContext(ctx, Binary, nil); !errors.Is(err, ErrClosed) {
			t.Errorf("afterwards: %v", err)
		}
	})
	t.Run("2.9/allocations", func(t *testing.T) {
		a, b := tcpPair(t)
		c := New(a, RoleServer, nil, nil)
		defer c.CloseNow()
		go discardAll(b)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		p := pattern(1024)
		conntest.ShouldNotAllocate(t, func() { c.WriteContext(ctx, Binary, p) })
	})
}
