package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hawser-go/hawser"
)

// honest are clients that keep to the rules: each sends a message now and then, of one of the usual sizes, and wants it back. Every other one compresses. Now and then one leaves with a Close and comes
// back.
type honest struct {
	address   string
	interval  time.Duration
	latencies recorder
	messages  atomic.Int64
	drops     atomic.Int64
	group     sync.WaitGroup

	mu    sync.Mutex
	first error // drop
}

// honestPatience is how long an answer may take, and a handshake. What takes longer is dropped.
const honestPatience = 30 * time.Second

func newHonest(address string, interval time.Duration) *honest {
	return &honest{address: address, interval: interval}
}

// start lets n clients come. They leave when ctx ends.
func (h *honest) start(ctx context.Context, n int) {
	for i := range n {
		h.group.Go(func() { h.client(ctx, i) })
	}
}

func (h *honest) wait() { h.group.Wait() }

func (h *honest) dropped(err error) {
	h.drops.Add(1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.first == nil {
		h.first = err
	}
}

func (h *honest) firstDrop() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.first
}

func (h *honest) client(ctx context.Context, i int) {
	rnd := rand.New(rand.NewPCG(uint64(i), 1))
	for ctx.Err() == nil {
		if !pause(ctx, rnd, h.interval) { // not all at once
			return
		}
		if err := h.visit(ctx, i, rnd); err != nil {
			h.dropped(err)
		}
	}
}

// pause waits for d on average, and reports whether ctx goes on.
func pause(ctx context.Context, rnd *rand.Rand, d time.Duration) bool {
	t := time.NewTimer(time.Duration(rnd.Int64N(2 * int64(d))))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// source returns a dialer of an address of its own: one address has not enough ports. Elsewhere than on Linux there is but one.
func source(i int) *net.Dialer {
	if runtime.GOOS != "linux" {
		return new(net.Dialer)
	}
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, byte(i/250%250), byte(1+i%250))}}
}

var honestSizes = []int{16, 16, 125, 125, 125, 1000, 1000, 4000, 20_000}

// visit is one connection, of some fifty messages. An error is a drop.
func (h *honest) visit(ctx context.Context, i int, rnd *rand.Rand) error {
	patient, cancel := context.WithTimeout(context.Background(), honestPatience)
	defer cancel()
	cfg := &hawser.Config{NetDial: source(i).DialContext, CloseTimeout: honestPatience} // all may leave at once
	if i%2 == 1 {
		cfg.Compression = &hawser.Compression{}
	}
	c, err := hawser.Dial(patient, "ws://"+h.address+"/", cfg)
	if err != nil {
		return err
	}
	defer c.CloseNow()
	for {
		if err := rest(ctx, c, rnd, h.interval); err != nil {
			return err
		}
		if ctx.Err() != nil || rnd.IntN(50) == 0 {
			break
		}
		if err := h.message(c, rnd); err != nil {
			return err
		}
	}
	return c.Close(hawser.StatusGoingAway, "")
}

// rest is pause for who is connected: Pings are answered meanwhile, and nothing comes that nobody asked for.
func rest(ctx context.Context, c *hawser.Conn, rnd *rand.Rand, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(rnd.Int64N(2*int64(d))))
	defer cancel()
	_, err := c.ReadContext(ctx)
	switch {
	case err == nil:
		return errOther
	case ctx.Err() != nil && !errors.Is(err, hawser.ErrClosed):
		return nil
	}
	return err
}

// message sends one and wants it back.
func (h *honest) message(c *hawser.Conn, rnd *rand.Rand) error {
	size := honestSizes[rnd.IntN(len(honestSizes))]
	p := bytes.Repeat(fmt.Appendf(nil, "%08x ", rnd.Uint32()), size/9+1)[:size]
	began := time.Now()
	if err := c.Write(hawser.Text, p); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), honestPatience)
	defer cancel()
	m, err := c.ReadContext(ctx)
	if err != nil {
		return err
	}
	if !bytes.Equal(m.Data, p) || m.Type != hawser.Text {
		return errOther
	}
	h.latencies.record(time.Since(began))
	h.messages.Add(1)
	return nil
}

var errOther = errors.New("another message came back")
