package evloop

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

var (
	// ErrUnsupported says that there is no event loop here, or none for this kind of connection: a goroutine has to drive it.
	ErrUnsupported = errors.New("evloop: unsupported")
	// ErrClosed says that the connection or the group was closed before.
	ErrClosed = errors.New("evloop: closed")
	// ErrWouldBlock says that nothing can be read or written now.
	ErrWouldBlock = errors.New("evloop: would block")
)

// A Handler is called by the loops. What it does with a panic of its own is its business; one that reaches the loop is given to [Config.Panicked].
type Handler interface {
	// Ready is called when there is something to read, or after Wake. Calls for one connection never overlap, and it may block. It should read once: what is left makes
	// the loop call again. t.Buf is valid until Ready returns.
	Ready(c *Conn, t Turn)
	// Signal tells something that can't wait until Ready returns: it may be called while Ready runs, on another goroutine, but never at the same time as another
	// Signal of this connection. It must not block: the loop stands still meanwhile.
	Signal(c *Conn, s Signal)
}

// Turn is what a call of Ready has to work with.
type Turn struct {
	Events Events
	Now    time.Duration // when the call began, on the group's clock
	Buf    []byte        // for what is read; its content is undefined
}

// Signal says what happened.
type Signal uint8

const (
	// SignalWritable: there is room for output. It answers one call of Conn.WantWrite.
	SignalWritable Signal = iota
	// SignalTimeout: the timer has expired.
	SignalTimeout
	// SignalHangUp: the connection has hung up, and Ready can't be called because it runs or because reading is off. It comes at most once.
	SignalHangUp
	// SignalHandedOff: Ready has been running for 2 ms or more, and the loop goes on without it. What it holds back for later should be sent now.
	SignalHandedOff

	signals // how many there are
)

func (s Signal) String() string {
	return [...]string{"writable", "timeout", "hang-up", "handed off"}[s]
}

// Config configures a [Group]. The zero value is ready.
type Config struct {
	// Loops is the number of loops. If zero, it is GOMAXPROCS.
	Loops int
	// BufferSize is the length of Turn.Buf in the loop. If zero, it is 64 KiB.
	BufferSize int
	// ApartBufferSize is its length on a goroutine of its own, where it is held as long as the handler blocks. If zero, it is 4 KiB.
	ApartBufferSize int
	// Panicked is called with a value that a handler panicked with and that nobody recovered, on the goroutine that panicked, as a part of the call that did. It may block.
	// The loops and the connection go on. If nil, the panic is not recovered.
	Panicked func(c *Conn, value any)
	// NewPoller makes the poller of one loop. If nil, it is the system's.
	NewPoller func() (Poller, error)
	// Calls are what else is asked of the system. If nil, they are the system's. On systems without epoll and kqueue they are not used.
	Calls Calls
	// Clock tells the time. If nil, it is package time.
	Clock Clock
}

const (
	defaultBufferSize      = 64 << 10
	defaultApartBufferSize = 4 << 10
	maxLoops               = 1 << 10
)

// A Group is a set of loops with their monitor. Its methods may be called from any goroutine.
type Group struct {
	cfg   Config
	clock Clock
	loops []*loop
	wg    sync.WaitGroup // every goroutine of the group
	alive atomic.Int32   // loops that have not ended

	waryUntil atomic.Int64 // on the clock

	parked atomic.Bool   // the monitor sleeps until it is kicked
	kick   chan struct{} // one place
	ended  chan struct{} // closed by the last loop
}

// New starts the loops. It returns an error that matches [ErrUnsupported] on systems without epoll and kqueue.
func New(cfg Config) (*Group, error) {
	switch {
	case cfg.Loops < 0 || cfg.Loops > maxLoops:
		panic(fmt.Sprintf("hawser/evloop: %d loops", cfg.Loops))
	case cfg.BufferSize < 0 || cfg.ApartBufferSize < 0:
		panic("hawser/evloop: a negative buffer size")
	}
	if cfg.Loops == 0 {
		cfg.Loops = min(runtime.GOMAXPROCS(0), maxLoops)
	}
	if cfg.BufferSize == 0 {
		cfg.BufferSize = defaultBufferSize
	}
	if cfg.ApartBufferSize == 0 {
		cfg.ApartBufferSize = defaultApartBufferSize
	}
	if cfg.NewPoller == nil {
		cfg.NewPoller = newPoller
	}
	g := &Group{cfg: cfg, clock: cfg.Clock, kick: make(chan struct{}, 1), ended: make(chan struct{})}
	if g.clock == nil {
		g.clock = systemClock{time.Now()}
	}
	for range cfg.Loops {
		p, err := cfg.NewPoller()
		if err != nil {
			for _, l := range g.loops {
				l.poller.Close()
			}
			return nil, fmt.Errorf("evloop: no poller: %w", err)
		}
		g.loops = append(g.loops, newLoop(g, p))
	}
	g.alive.Store(int32(len(g.loops)))
	g.wg.Add(1 + len(g.loops))
	for _, l := range g.loops {
		go newOwner(l, 0).run(0, nil)
	}
	go g.monitor()
	return g, nil
}

// Now returns the time on the group's clock, which timers use.
func (g *Group) Now() time.Duration { return g.clock.Now() }

// Close closes all connections and makes the loops end. It does not wait for them, so that a handler may call it; [Group.Wait] does.
func (g *Group) Close() {
	for _, l := range g.loops {
		l.close()
	}
}

// Wait waits until all goroutines of a closed group have ended, those in handlers that block included. A handler must not call it.
func (g *Group) Wait() { g.wg.Wait() }

// Stats counts what one loop did.
type Stats struct {
	Connections int64 // now
	HandOffs    int64 // calls that blocked, so that the loop was taken over
	Inline      int64 // calls of Ready in the loop, those that were handed off included
	Apart       int64 // calls of Ready on a goroutine of their own
	// Served and ServedApart are what handlers said with Conn.Served, in the loop and elsewhere.
	Served, ServedApart int64
	Rests               int64 // times that the loop let the rest of the process run
}

// Stats returns the counts of each loop. Inline is up to date after each turn.
func (g *Group) Stats() []Stats {
	out := make([]Stats, len(g.loops))
	for i, l := range g.loops {
		out[i] = Stats{
			Connections: l.connections.Load(),
			HandOffs:    l.handOffs.Load(),
			Inline:      l.inline.Load(),
			Apart:       l.apart.Load(),
			Served:      l.served.Load(),
			ServedApart: l.servedApart.Load(),
			Rests:       l.rests.Load(),
		}
	}
	return out
}

// leastLoop returns the loop with the fewest connections.
func (g *Group) leastLoop() *loop {
	least := g.loops[0]
	fewest := least.connections.Load()
	for _, l := range g.loops[1:] {
		if n := l.connections.Load(); n < fewest {
			least, fewest = l, n
		}
	}
	return least
}
