package conn

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/internal/conntest"
)

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
