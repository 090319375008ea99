//go:build linux || darwin || dragonfly || freebsd || openbsd

package evloop

import (
	"encoding/binary"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hawser-go/hawser/internal/conntest"
)

// eagerClock lets the monitor look again at once, so that any call during which it is scheduled twice is handed off. Its time goes faster than that of others by a factor: with a small one no call is
// slow, with a large one most are.
type eagerClock struct {
	systemClock
	factor float64
}

func newEagerClock(factor float64) eagerClock {
	return eagerClock{systemClock{time.Now()}, factor}
}

func (c eagerClock) Now() time.Duration {
	return time.Duration(float64(c.systemClock.Now()) * c.factor)
}
func (eagerClock) Sleep(time.Duration) { runtime.Gosched() }

// scale is how much a stress test does: less under the race detector and with -short.
func scale(n int) int {
	if conntest.RaceEnabled {
		n /= 10
	}
	if testing.Short() {
		n /= 10
	}
	return n
}

// A stressed handler reads numbers of 4 bytes, which have to come in order, and answers each. It yields at will, so that it is handed off or not.
type stressed struct {
	t       *testing.T
	running atomic.Bool
	want    uint32
	part    []byte
	mu      sync.Mutex
	out     []byte // guarded by mu, also for Signal
	calls   *atomic.Int64
}

func (h *stressed) Ready(c *Conn, u Turn) {
	if h.running.Swap(true) {
		h.t.Error("two calls at the same time")
	}
	defer h.running.Store(false)
	h.calls.Add(1)
	n, err := c.Read(u.Buf[:64])
	if err == ErrWouldBlock {
		return
	}
	if err != nil {
		c.Close()
		return
	}
	h.part = append(h.part, u.Buf[:n]...)
	h.mu.Lock()
	for len(h.part) >= 4 {
		if got := binary.BigEndian.Uint32(h.part); got != h.want {
			h.t.Errorf("got number %d, want %d", got, h.want)
		}
		h.out = append(h.out, h.part[:4]...)
		h.part = h.part[4:]
		h.want++
	}
	h.flush(c)
	h.mu.Unlock()
	for range h.want % 5 {
		runtime.Gosched()
	}
	switch h.want % 7 {
	case 1:
		c.SetTimer(c.loop.group.Now())
	case 2:
		c.Wake()
	case 3:
		c.StopTimer()
	}
}

func (h *stressed) flush(c *Conn) {
	n, err := c.Write(h.out)
	h.out = h.out[n:]
	if err == ErrWouldBlock {
		c.WantWrite()
	}
}

func (h *stressed) Signal(c *Conn, s Signal) {
	if s == SignalWritable {
		h.mu.Lock()
		h.flush(c)
		h.mu.Unlock()
	}
}

// Nothing is lost, doubled or out of order, and calls never overlap, while loops are handed off all the time, or calls get goroutines of their own.
func TestStressHandOff(t *testing.T) {
	t.Run("handed_off", func(t *testing.T) {
		stress(t, newEagerClock(0.001), func(s Stats) int64 { return s.HandOffs })
	})
	t.Run("apart", func(t *testing.T) {
		stress(t, newEagerClock(100), func(s Stats) int64 { return s.Apart })
	})
}

func stress(t *testing.T, clock Clock, count func(Stats) int64) {
	conntest.CheckLeaks(t)
	g := startGroup(t, Config{Loops: 2, Clock: clock})
	counted := func() (n int64) {
		for _, s := range g.Stats() {
			n += count(s)
		}
		return n
	}
	want := int64(scale(50_000))
	var calls atomic.Int64
	var wg sync.WaitGroup
	for range 20 {
		_, peer := pair(t, g, &stressed{t: t, calls: &calls})
		wg.Go(func() {
			const burst = 50
			in, out := make([]byte, 4*burst), make([]byte, 4*burst)
			for n := uint32(0); counted() < want && !t.Failed(); n += burst {
				for i := range uint32(burst) {
					binary.BigEndian.PutUint32(out[4*i:], n+i)
				}
				if _, err := peer.Write(out); err != nil {
					t.Error(err)
					return
				}
				if _, err := io.ReadFull(peer, in); err != nil || string(in) != string(out) {
					t.Errorf("at %d: %v", n, err)
					return
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d calls, %d of them counted", calls.Load(), counted())
}

// Connections come and go, closed by either side or by others, at any moment; nothing is left, and nobody gets bytes of the one that had its number before.
func TestStressClosing(t *testing.T) {
	conntest.CheckLeaks(t)
	g := startGroup(t, Config{Loops: 2, Clock: newEagerClock(0.01)})
	// atMost waits until no more connections than n are left.
	atMost := func(n int64) {
		for g.Stats()[0].Connections+g.Stats()[1].Connections > n {
			runtime.Gosched()
		}
	}
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range scale(100_000) / 8 {
				id := byte(worker*31 + i)
				atMost(1000)
				a, b := socketPair(t)
				c, err := g.Conn(a, handlerFunc{ready: func(c *Conn, u Turn) {
					n, err := c.Read(u.Buf)
					for _, got := range u.Buf[:n] {
						if got != id {
							t.Errorf("%d got a byte of %d", id, got)
						}
					}
					if i%3 == 0 {
						runtime.Gosched()
					}
					if err != nil && err != ErrWouldBlock {
						c.Close()
					}
				}})
				if err == nil {
					err = c.Start()
				}
				if err != nil {
					t.Error(err)
					return
				}
				unix.Write(b, []byte{id, id, id})
				if i%2 == 0 {
					wg.Go(func() { // somebody who writes as long as it goes
						for {
							if _, err := c.Write([]byte{id}); err != nil {
								return
							}
						}
					})
				}
				switch i % 5 {
				case 0:
					wg.Go(func() { c.Close() })
					c.Close()
				case 1:
					c.Wake()
					c.Close()
				case 2:
					c.SetTimer(0)
					c.Shutdown()
				case 3:
					c.Shutdown()
					c.Close()
				}
				buf := make([]byte, 64)
				n, _ := unix.Read(b, buf)
				for _, got := range buf[:max(n, 0)] {
					if got != id {
						t.Errorf("the peer of %d got a byte of %d", id, got)
					}
				}
				unix.Close(b)
			}
		})
	}
	wg.Wait()
	atMost(0) // their handlers see the end, all of them
}
