package conn

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/internal/conntest"
)

// shutdown calls Shutdown and returns its result later, with the time that it took.
func shutdown(ctx context.Context, f func(context.Context) error) <-chan shut {
	done := make(chan shut, 1)
	began := time.Now()
	go func() {
		err := f(ctx)
		done <- shut{err, time.Since(began)}
	}()
	return done
}

type shut struct {
	err  error
	took time.Duration
}

// TestRegistryShutdownDuring: whatever the function is doing, the peer reads 1001, and Shutdown waits for the rest.
func TestRegistryShutdownDuring(t *testing.T) {
	end := make(chan bool)
	for _, tt := range []struct {
		name   string
		f      func(t *testing.T, c *Conn)
		before func(p *conntest.Peer) // what the peer does before
		after  func(p *conntest.Peer) // and when it has read 1001
		took   time.Duration
	}{
		{"Messages", func(t *testing.T, c *Conn) {
			if err := echo(c); err != nil {
				t.Errorf("the loop ends with %v", err)
			}
		}, nil, answer, 0},
		{"Read", func(t *testing.T, c *Conn) {
			if _, err := c.Read(); !isClean(err) {
				t.Errorf("Read returns %v", err)
			}
		}, nil, answer, 0},
		{"no_read", func(t *testing.T, c *Conn) { <-end }, nil, func(p *conntest.Peer) {
			p.SendText("this is discarded")
			answer(p)
			end <- true
		}, 0},
		{"the_body_of_Messages", func(t *testing.T, c *Conn) {
			for range c.Messages() {
				<-end
				if err := c.Write(Text, nil); !errors.Is(err, net.ErrClosed) {
					t.Errorf("Write returns %v", err)
				}
			}
		}, func(p *conntest.Peer) { p.SendText("in") }, func(p *conntest.Peer) {
			p.SendText("another")
			end <- true
			end <- true
			answer(p)
		}, 0},
		{"a_write_that_the_peer_goes_on_to_read", func(t *testing.T, c *Conn) {
			if err := c.Write(Binary, pattern(100<<10)); err != nil {
				t.Errorf("Write returns %v", err)
			}
			if err := c.Write(Binary, nil); !errors.Is(err, net.ErrClosed) && !errors.Is(err, ErrClosed) {
				t.Errorf("Write returns %v", err)
			}
		}, nil, answer, 0},
		{"a_peer_that_does_not_answer", func(t *testing.T, c *Conn) { echo(c) }, nil, func(p *conntest.Peer) {
			p.WantEOF("it is cut")
		}, DefaultCloseTimeout},
		{"a_peer_that_goes_away", func(t *testing.T, c *Conn) { echo(c) }, nil, func(p *conntest.Peer) { p.Close() }, 0},
		{"a_peer_in_the_middle_of_a_message", func(t *testing.T, c *Conn) { echo(c) }, func(p *conntest.Peer) {
			p.Send(conntest.Frame{Opcode: conntest.Text, Payload: pattern(40 << 10)})
		}, func(p *conntest.Peer) {
			p.Send(conntest.Frame{Fin: true, Opcode: conntest.Continuation})
			answer(p)
		}, 0},
		{"a_peer_that_stalls_in_a_message", func(t *testing.T, c *Conn) { echo(c) }, func(p *conntest.Peer) {
			p.Send(conntest.Frame{Opcode: conntest.Text, Payload: pattern(40 << 10)})
		}, func(p *conntest.Peer) { p.WantEOF("it is cut") }, DefaultCloseTimeout},
		{"a_function_that_goes_on", func(t *testing.T, c *Conn) {
			echo(c)
			time.Sleep(time.Minute)
		}, nil, answer, time.Minute},
		{"a_function_that_exits_then", func(t *testing.T, c *Conn) {
			echo(c)
			runtime.Goexit()
		}, nil, answer, 0},
	} {
		inBubble(t, "7.4.1/"+tt.name, func(t *testing.T) {
			end = make(chan bool)
			r := &Registry{}
			cfg := &Config{Registry: r, PingInterval: -1}
			ours, theirs := conntest.Pipe(64 << 10)
			Handler(func(c *Conn) { tt.f(t, c) }, cfg).ServeHTTP(newHijackRecorder(ours, ""), parsedRequest(t, openingRequest))
			p := conntest.NewPeer(t, theirs, true)
			p.Timeout = time.Minute
			p.ReadHead("the handshake is done")
			if tt.before != nil {
				tt.before(p)
			}
			synctest.Wait()
			done := shutdown(t.Context(), r.Shutdown)
			synctest.Wait()
			if tt.name == "a_write_that_the_peer_goes_on_to_read" {
				p.WantBinary("what was being written comes first", pattern(100<<10))
			}
			p.WantClose("every connection is sent away", 1001, "shutting down")
			tt.after(p)
			if got := <-done; got.err != nil || got.took != tt.took {
				t.Errorf("Shutdown returns %v after %v, want %v", got.err, got.took, tt.took)
			}
			if r.Len() != 0 || r.Buffered() != 0 {
				t.Errorf("%d connections with %d bytes", r.Len(), r.Buffered())
			}
			p.Close()
		})
	}
}

// answer finishes the closing handshake.
func answer(p *conntest.Peer) {
	p.SendClose(1001, "")
	p.WantEOF("and the connection ends")
	p.Close()
}

// A write that the peer never reads ends with the close timeout, and the function sees it.
func TestRegistryShutdownOfAWriteThatIsStuck(t *testing.T) {
	inBubble(t, "7.4.1/stuck_write", func(t *testing.T) {
		r := &Registry{}
		ours, theirs := conntest.Pipe(1 << 10)
		defer theirs.Close()
		var err error
		Handler(func(c *Conn) { err = c.Write(Binary, pattern(100<<10)) }, &Config{Registry: r}).ServeHTTP(newHijackRecorder(ours, ""), parsedRequest(t, openingRequest))
		synctest.Wait()
		if got := <-shutdown(t.Context(), r.Shutdown); got.err != nil || got.took != DefaultCloseTimeout || !errors.Is(err, ErrClosed) {
			t.Errorf("Shutdown returns %v after %v, Write %v", got.err, got.took, err)
		}
	})
}

// TestRegistrySpread: when the Close frames leave.
func TestRegistrySpread(t *testing.T) {
	for _, tt := range []struct {
		name          string
		n             int
		spread        time.Duration
		limit         time.Duration // of the context; 0 for none
		first, median time.Duration
		last          time.Duration
	}{
		{"few", 3, 0, 0, 0, time.Millisecond, 2 * time.Millisecond},
		{"one", 1, time.Hour, 0, 0, 0, 0},
		{"many", 1000, 0, 0, 0, 500 * time.Millisecond, 999 * time.Millisecond},
		{"less_time", 1000, 100 * time.Millisecond, 0, 0, 50 * time.Millisecond, 99 * time.Millisecond},
		{"none", 1000, -1, 0, 0, 0, 0},
		{"the_context_has_less_time", 1000, 0, 200 * time.Millisecond, 0, 50 * time.Millisecond, 99 * time.Millisecond},
	} {
		inBubble(t, "7.4.1/"+tt.name, func(t *testing.T) {
			r := &Registry{Spread: tt.spread}
			cfg := &Config{Registry: r}
			ends := make(chan time.Time, tt.n)
			for range tt.n {
				ours, peer := conntest.Pipe(1 << 10)
				theirs := New(peer, RoleClient, nil, nil)
				go echoAll(New(ours, RoleServer, nil, cfg))
				go func() {
					theirs.Read()
					ends <- time.Now()
				}()
			}
			ctx := t.Context()
			if tt.limit > 0 {
				var cancel func()
				ctx, cancel = context.WithTimeout(ctx, tt.limit)
				defer cancel()
			}
			synctest.Wait()
			began := time.Now()
			done := shutdown(ctx, r.Shutdown)
			var at []time.Duration
			for range tt.n {
				at = append(at, (<-ends).Sub(began))
			}
			if got := <-done; got.err != nil {
				t.Error(got.err)
			}
			if first, median, last := at[0], at[tt.n/2], at[tt.n-1]; first != tt.first || median != tt.median || last != tt.last {
				t.Errorf("the Close frames come after %v, %v, ... %v; want %v, %v, ... %v", first, median, last, tt.first, tt.median, tt.last)
			}
		})
	}
}

// TestRegistryShutdownEnds: what ends Shutdown, and what the others see that call it.
func TestRegistryShutdownEnds(t *testing.T) {
	inBubble(t, "7.4.1/nothing", func(t *testing.T) {
		r := &Registry{}
		for range 2 {
			if got := <-shutdown(t.Context(), r.Shutdown); got.err != nil || got.took != 0 {
				t.Error(got)
			}
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := r.Shutdown(ended); err != nil {
			t.Errorf("nothing was left, and the error is %v", err)
		}
	})
	inBubble(t, "7.4.1/the_context_ends", func(t *testing.T) {
		r := &Registry{Spread: -1}
		var conns []*Conn
		for range 3 {
			c, p := talk(t, RoleServer, &Config{Registry: r, CloseTimeout: -1})
			go echoAll(c)
			conns = append(conns, c)
			defer p.Close()
		}
		short, cancel := context.WithTimeoutCause(t.Context(), time.Second, io.ErrNoProgress)
		defer cancel()
		a, b := shutdown(t.Context(), r.Shutdown), shutdown(short, r.Shutdown)
		if got := <-b; got.err != context.DeadlineExceeded || got.took != time.Second {
			t.Errorf("the one with the context returns %v", got)
		}
		if got := <-a; got.err != nil || got.took != time.Second {
			t.Errorf("the other one returns %v", got)
		}
		for _, c := range conns {
			if e := c.CloseInfo(); e == nil || e.Sent == nil || e.Sent.Code != 1001 || !errors.Is(e, net.ErrClosed) {
				t.Errorf("ended with %v", e)
			}
		}
	})
	inBubble(t, "7.4.1/the_context_ends_while_they_are_sent_away", func(t *testing.T) {
		r := &Registry{Spread: time.Hour}
		for range 10 {
			c, p := talk(t, RoleServer, &Config{Registry: r})
			go echoAll(c)
			defer p.Close()
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := shutdown(ctx, r.Shutdown)
		time.Sleep(1500 * time.Microsecond)
		cancel()
		if got := <-done; got.err != context.Canceled {
			t.Error(got)
		}
		synctest.Wait()
		if r.Len() != 0 {
			t.Errorf("%d connections", r.Len())
		}
	})
	inBubble(t, "7.4.1/they_end_while_they_are_sent_away", func(t *testing.T) {
		r := &Registry{}
		all := members(r, 3)
		done := shutdown(t.Context(), r.Shutdown)
		for _, c := range all {
			c.CloseNow()
		}
		if got := <-done; got.err != nil || got.took != 0 {
			t.Error(got)
		}
	})
	inBubble(t, "7.4.1/while_OnRequest_decides_to_refuse", func(t *testing.T) {
		r := &Registry{}
		decide := make(chan error)
		h := Handler(echoAll, &Config{Registry: r, Logger: slog.New(slog.DiscardHandler), OnRequest: func(*requestView) (any, error) { return nil, <-decide }})
		go h.ServeHTTP(newHijackRecorder(nil, ""), parsedRequest(t, openingRequest))
		synctest.Wait()
		done := shutdown(t.Context(), r.Shutdown)
		time.Sleep(time.Second)
		decide <- io.EOF
		if got := <-done; got.err != nil || got.took != time.Second {
			t.Error(got)
		}
	})
	inBubble(t, "7.4.1/after_Close", func(t *testing.T) {
		r := &Registry{}
		leave := make(chan bool)
		ours, theirs := conntest.Pipe(1 << 10)
		defer theirs.Close()
		Handler(func(c *Conn) { c.Read(); <-leave }, &Config{Registry: r}).ServeHTTP(newHijackRecorder(ours, ""), parsedRequest(t, openingRequest))
		r.Close()
		r.Close()
		done := shutdown(t.Context(), r.Shutdown)
		synctest.Wait()
		select {
		case got := <-done:
			t.Errorf("Shutdown does not wait: %v", got)
		default:
		}
		leave <- true
		if got := <-done; got.err != nil {
			t.Error(got)
		}
	})
	inBubble(t, "7.4.1/who_joins_afterwards", func(t *testing.T) {
		r := &Registry{}
		if err := r.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		c, p := talk(t, RoleServer, &Config{Registry: r})
		p.WantClose("it is sent away", 1001, "shutting down")
		answer(p)
		if err := c.Wait(t.Context()); err != nil {
			t.Errorf("it ended with %v", err)
		}
		r.Close()
		_, p = talk(t, RoleServer, &Config{Registry: r})
		p.WantEOF("it is cut")
	})
	// What OnRequest is deciding on is waited for, and ends at once.
	inBubble(t, "7.4.1/while_OnRequest_decides", func(t *testing.T) {
		r := &Registry{}
		decide := make(chan bool)
		ours, theirs := conntest.Pipe(1 << 10)
		h := Handler(echoAll, &Config{Registry: r, OnRequest: waitFor(decide)})
		go h.ServeHTTP(newHijackRecorder(ours, ""), parsedRequest(t, openingRequest))
		synctest.Wait()
		done := shutdown(t.Context(), r.Shutdown)
		time.Sleep(time.Second)
		decide <- true
		p := conntest.NewPeer(t, theirs, true)
		p.ReadHead("it is accepted")
		p.WantClose("and sent away", 1001, "shutting down")
		answer(p)
		if got := <-done; got.err != nil || got.took != time.Second {
			t.Error(got)
		}
	})
}

// TestRegistryRandom: connections come and go in every way while somebody goes through them, and Shutdown comes at any time. Nothing is left.
func TestRegistryRandom(t *testing.T) {
	conntest.CheckLeaks(t)
	for seed := range uint64(30) {
		r := &Registry{MaxBuffered: 256 << 10, MaxConns: 30, Spread: time.Millisecond * time.Duration(seed%3)}
		h := Handler(echoAll, &Config{Registry: r, CloseTimeout: 100 * time.Millisecond})
		var all sync.WaitGroup
		for k := range uint64(8) {
			all.Go(func() {
				random := rand.New(rand.NewPCG(seed, k))
				for range 20 {
					ours, theirs := conntest.Pipe(4 << 10)
					w := newHijackRecorder(ours, "")
					h.ServeHTTP(w, parsedRequest(t, openingRequest))
					if w.hijacked == 0 {
						continue
					}
					io.ReadFull(theirs, make([]byte, len(openingResponse)))
					c := New(theirs, RoleClient, nil, &Config{CloseTimeout: 100 * time.Millisecond})
					switch random.IntN(5) {
					case 0:
						c.CloseNow()
					case 1:
						c.Close(1000, "")
					case 2:
						c.Write(Binary, pattern(random.IntN(100<<10)))
						c.CloseNow()
					case 3:
						go c.Write(Binary, pattern(random.IntN(100<<10)))
						c.Read()
						c.Close(1000, "")
					default:
						c.Write(Binary, pattern(10))
						c.Read()
						c.Close(1001, "")
					}
				}
			})
		}
		all.Go(func() {
			for range 100 {
				for c := range r.All() {
					c.Write(Text, nil)
				}
			}
		})
		for range 1 + seed%3 {
			all.Go(func() {
				for range seed * 20 {
					runtime.Gosched()
				}
				if err := r.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for r.Buffered() != 0 || r.dying.Load() != 0 { // a connection that was cut gives it back when its reader notices
			runtime.Gosched()
		}
		if r.Len() != 0 || r.admitted != 0 {
			t.Fatalf("seed %d: %d connections, %d places", seed, r.Len(), r.admitted)
		}
	}
}
