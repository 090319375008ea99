package evloop

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hawser-go/hawser/internal/bufpool"
)

const (
	maxEvents = 256
	// busyLimit is how long a loop runs before it lets the rest of the process run: timers, other goroutines, the runtime's own poller. A saturated loop would
	// starve them for 10 to 80 ms.
	busyLimit = time.Millisecond
	// restfulWait is a wait that was rest enough: by then the runtime has taken the processor from the system call and given it to others.
	restfulWait = 200 * time.Microsecond
)

// A loop is run by its owner, to whom everything belongs that has no other note.
type loop struct {
	group  *Group
	poller Poller
	calls  Calls // nil if they are the system's
	slots  slots

	// word tells the monitor what the owner does; index is the place in the batch of the call that runs. See handoff.go.
	word  atomic.Uint64
	index atomic.Int32
	batch []Event // the monitor reads it after it has taken the loop from one owner and before it gives it to the next

	mu       sync.Mutex   // the loop's lock: a poll lock is never taken under it, and nothing is called
	wheel    wheel        // under mu
	woken    []*Conn      // under mu
	closing  bool         // under mu
	ended    bool         // under mu: no connection is added any more, and the poller is not woken
	waitsFor atomic.Int64 // the tick at which the current wait ends on its own, 0 if nobody waits; under mu, but the owner clears it without

	connections atomic.Int64
	handOffs    atomic.Int64
	inline      atomic.Int64
	apart       atomic.Int64
	rests       atomic.Int64
	served      atomic.Int64
	servedApart atomic.Int64
}

func newLoop(g *Group, p Poller) *loop {
	return &loop{group: g, poller: p, calls: g.cfg.Calls, wheel: wheel{now: int64(g.clock.Now() / tick)}}
}

// An owner is the goroutine that runs a loop, with all that it needs after it has lost the loop and may not touch it any more.
type owner struct {
	loop       *loop
	group      *Group
	clock      Clock
	generation uint64 // in place, as in the word
	sequence   uint64
	buf        *[]byte
	now        time.Duration // the last reading of the clock
	rested     time.Duration // when the rest of the process last had its chance
	calls      int64         // of Ready since the loop's count was brought up to date
	next       int           // where in the batch a successor goes on
	current    *Conn         // whose handler runs
	inReady    bool          // it is Ready that runs, not Signal
	ended      bool          // the loop was lost or has ended in good order
}

func newOwner(l *loop, generation uint64) *owner {
	now := l.group.clock.Now()
	return &owner{loop: l, group: l.group, clock: l.group.clock, generation: generation, now: now, rested: now}
}

// run owns the loop until it is lost or closed. It begins with the rest of a batch, from this index on, and tells the connection whose Ready goes on elsewhere, if there is one.
func (o *owner) run(from int, handedOff *Conn) {
	defer o.group.wg.Done()
	defer o.leave()
	o.next = from
	o.buf = bufpool.Get(o.group.cfg.BufferSize)
	if handedOff != nil {
		o.signal(handedOff, SignalHandedOff)
	}
	for {
		for o.next < len(o.loop.batch) {
			o.next++
			if !o.serve(o.next - 1) {
				o.count()
				o.ended = true
				bufpool.Put(o.buf)
				return
			}
		}
		o.count()
		if !o.wait() {
			o.loop.end()
			o.ended = true
			bufpool.Put(o.buf)
			return
		}
		o.next = 0
	}
}

func (o *owner) count() {
	o.loop.inline.Add(o.calls)
	o.calls = 0
}

// leave ends an owner. If a handler unwinds its goroutine, by a panic or by Goexit, it finds a successor: the loop survives.
func (o *owner) leave() {
	if o.ended || o.current == nil {
		return // a panic of our own goes on
	}
	c := o.current
	if value := recover(); value != nil {
		o.group.panicked(c, value)
	}
	// The buffer is left to the collector: what the handler began may use it still.
	o.count()
	o.group.wg.Add(1)
	if o.inReady && !o.leaveCall() {
		go callApart(c, c.finish(o.clock.Now()-o.now, true))
		return
	}
	c.settle()
	go newOwner(o.loop, o.generation).run(o.next, nil)
}

// panicked reports a panic that nobody recovered.
func (g *Group) panicked(c *Conn, value any) {
	if g.cfg.Panicked == nil {
		panic(value)
	}
	g.cfg.Panicked(c, value)
}

// wait begins a turn: it fills the batch. It returns false if the loop is to end.
func (o *owner) wait() bool {
	l := o.loop
	if o.now-o.rested >= busyLimit {
		l.rests.Add(1)
		l.poller.Rest()
		o.now = o.clock.Now()
		o.rested = o.now
	}
	batch := l.batch[:0]
	timeout := time.Duration(-1)
	l.mu.Lock()
	if l.closing {
		l.mu.Unlock()
		return false
	}
	l.wheel.advance(int64(o.now/tick), func(c *Conn) { batch = append(batch, Event{c.data, expired}) })
	for _, c := range l.woken {
		c.place &^= wakeQueued
		batch = append(batch, Event{c.data, Woken})
	}
	clear(l.woken)
	l.woken = l.woken[:0]
	if len(batch) > 0 {
		timeout = 0
	} else {
		next := l.wheel.next()
		if next != noTimer {
			timeout = max(time.Duration(next)*tick-o.now, 0)
		}
		l.waitsFor.Store(next)
	}
	l.mu.Unlock()

	due := len(batch)
	batch = slices.Grow(batch, maxEvents)[:due+maxEvents]
	n, err := l.poller.Wait(batch[due:], timeout)
	if err != nil {
		// The poller and its arguments are ours: there is nothing that a user could have done.
		panic("hawser/evloop: waiting failed: " + err.Error())
	}
	l.waitsFor.Store(0)
	l.batch = batch[:due+n]
	before := o.now
	o.now = o.clock.Now()
	if o.now-before >= restfulWait {
		o.rested = o.now
	}
	return true
}

// serve serves the event at index i of the batch. It returns false if the loop was lost meanwhile.
func (o *owner) serve(i int) bool {
	event := o.loop.batch[i]
	c := o.loop.slots.lookup(event.Data)
	if c == nil {
		return true // closed since the wait
	}
	wary := o.group.wary(o.now)
	if event.Events == Readable && c.state.Load()&^stateWantWrite == stateStarted|stateWantRead && (!wary || !c.suspect()) {
		return o.call(c, i, Readable)
	}
	todo := c.meet(event.Events, wary)
	for s := range signals {
		if todo.signals&(1<<s) != 0 {
			o.signal(c, s)
		}
	}
	c.settle()
	switch {
	case todo.ready == 0:
	case todo.apart:
		o.group.wg.Add(1)
		go callApart(c, todo.ready)
	default:
		return o.call(c, i, todo.ready)
	}
	return true
}

func (o *owner) signal(c *Conn, s Signal) {
	o.current, o.inReady = c, false
	c.handler.Signal(c, s)
	o.current = nil
	o.now = o.clock.Now() // its time is not the next call's
}

// call calls Ready in the loop. It returns false if the loop was lost meanwhile; then the connection is finished, too.
func (o *owner) call(c *Conn, i int, why Events) bool {
	o.calls++
	o.current, o.inReady = c, true
	o.enterCall(i)
	c.handler.Ready(c, Turn{Events: why, Now: o.now, Buf: *o.buf})
	mine := o.leaveCall()
	o.current = nil
	now := o.clock.Now()
	if !mine {
		// From here on the loop is somebody else's.
		if again := c.finish(now-o.now, true); again != 0 {
			o.group.wg.Add(1)
			go callApart(c, again)
		}
		return false
	}
	if c.learn(now - o.now) {
		c.settle()
	}
	o.now = now
	return true
}

// callApart calls Ready on this goroutine, which has no loop, for a connection that is held, and again as long as there is a reason.
func callApart(c *Conn, why Events) {
	growStack()
	g := c.loop.group
	defer g.wg.Done()
	var began time.Duration
	inReady := false
	defer func() {
		if !inReady {
			return
		}
		if value := recover(); value != nil {
			g.panicked(c, value)
		}
		g.wg.Add(1)
		go callApart(c, c.finish(g.clock.Now()-began, false))
	}()
	for why != 0 {
		c.loop.apart.Add(1)
		buf := bufpool.Get(g.cfg.ApartBufferSize)
		began = g.clock.Now()
		inReady = true
		c.handler.Ready(c, Turn{Events: why, Now: began, Buf: *buf})
		inReady = false
		bufpool.Put(buf)
		why = c.finish(g.clock.Now()-began, false)
	}
}

// growStack makes room for a handler that writes to its connection: on the stack of a new goroutine, while there is next to nothing to copy. Where the room is missed, a dozen frames would
// be: 15 % of the processor time of a call apart (pprof of bench/peers' server, handlers that sleep).
//
//go:noinline
func growStack() byte {
	var room [2 << 10]byte
	return room[len(room)-1-stackUnused]
}

var stackUnused int // a variable, so that room is needed

// add gives a connection its place in the loop. It reports whether the loop still runs.
func (l *loop) add(c *Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.slots.add(c)
	l.connections.Add(1)
	return true
}

// remove takes everything of a closed connection out of the loop.
func (l *loop) remove(c *Conn) {
	l.mu.Lock()
	l.wheel.stop(c)
	l.slots.remove(c)
	l.connections.Add(-1)
	l.mu.Unlock()
}

// interrupt makes the current wait end if it would last beyond this tick. The caller has the loop's lock.
func (l *loop) interrupt(until int64) {
	if !l.ended && until < l.waitsFor.Load() {
		l.waitsFor.Store(0) // once is enough
		l.poller.Wake()
	}
}

// close makes the owner end the loop.
func (l *loop) close() {
	l.mu.Lock()
	l.closing = true
	l.interrupt(math.MinInt64)
	l.mu.Unlock()
}

// end closes everything of the loop.
func (l *loop) end() {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	for _, c := range l.slots.all() {
		c.Close()
	}
	l.poller.Close()
	if l.group.alive.Add(-1) == 0 {
		close(l.group.ended)
	}
}
