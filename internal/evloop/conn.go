package evloop

import (
	"sync"
	"sync/atomic"
	"time"
)

// A Conn is a descriptor in a loop. Its methods may be called from any goroutine, inside and outside of its handler; reading belongs to Ready.
type Conn struct {
	loop    *loop
	handler Handler
	data    uint64 // slot and generation: what the poller carries
	fd      int32
	// users counts who uses the descriptor now, in steps of userOne: the connection itself, and each system call on it. The descriptor is closed when the last has gone
	// after Close, so that its number can't be another file's under a writer.
	users atomic.Uint32
	// state changes under the poll lock. The loop reads it without.
	state atomic.Uint32

	mu   sync.Mutex // the poll lock: held over changes of what the poller reports, never over a call of the handler
	mask Interest   // under mu: what the poller was told last; maskSpent after the one report of InterestOnce
	// score belongs to whose turn it is to call Ready. See learn.go.
	score uint8

	// The rest is under the loop's lock.
	place uint16 // of the timer in the wheel, see placeMask, and wakeQueued
	timer timer
}

const (
	stateStarted   = 1 << iota
	stateWantRead  // reading is on
	stateWantWrite // the next room for output is asked for
	stateHeld      // Ready runs, or is about to, on a goroutine that owns no loop
	stateDisarmed  // readiness came while it was held: the poller is not asked for reading until the holder is done
	stateDone      // the note of an owner that lost its loop: it was done before the monitor could hold the connection
	stateWoken     // Wake came while it was held
	stateSlow      // learned: each call gets a goroutine of its own
	stateHungUp    // SignalHangUp was given
	stateClosed
)

const (
	userOne   = 2
	userClose = 1 // Close was called: no new users

	// maskSpent: the poller reports nothing at all, not even a hang-up, until it is told again.
	maskSpent Interest = 1 << 7
)

// Conn makes a connection of a descriptor that is in non-blocking mode, in the loop with the fewest of them. The descriptor is the group's from then on, and it is closed
// if there is an error. Nothing is called before [Conn.Start].
func (g *Group) Conn(fd int, h Handler) (*Conn, error) {
	return g.leastLoop().conn(fd, h)
}

func (l *loop) conn(fd int, h Handler) (*Conn, error) {
	c := &Conn{loop: l, handler: h, fd: int32(fd), score: newScore}
	c.users.Store(userOne)
	c.state.Store(stateWantRead)
	if !l.add(c) {
		l.poller.CloseDescriptor(fd)
		return nil, ErrClosed
	}
	return c, nil
}

// Start makes the loop watch the descriptor. It is called once. After an error the connection is closed.
func (c *Conn) Start() error {
	c.mu.Lock()
	state := c.state.Load()
	if state&stateClosed != 0 {
		c.mu.Unlock()
		return ErrClosed
	}
	c.mask = interest(state)
	err := c.loop.poller.Add(int(c.fd), c.data, c.mask)
	if err == nil {
		c.state.Store(state | stateStarted)
	}
	c.mu.Unlock()
	if err != nil {
		c.Close()
	}
	return err
}

// interest computes what the poller has to be asked for.
func interest(state uint32) (i Interest) {
	if state&stateWantRead != 0 && state&stateDisarmed == 0 {
		i |= InterestRead
	}
	if state&stateWantWrite != 0 {
		i |= InterestWrite
	}
	// A connection with a goroutine for each call is disarmed by its report: one change for each message instead of two. And with nothing to ask for
	// a hang-up would be reported for ever.
	if state&stateSlow != 0 || i == 0 {
		i |= InterestOnce
	}
	return i
}

// apply tells the poller what it has to report now, if that is something else than before. The caller has the poll lock.
func (c *Conn) apply() {
	state := c.state.Load()
	if state&stateStarted == 0 || state&stateClosed != 0 {
		return
	}
	want := interest(state)
	if want == c.mask || want == InterestOnce && c.mask == maskSpent {
		return
	}
	c.mask = want
	// It fails only without memory in the kernel, and then the connection would hang for ever: let the handler see its end instead.
	if err := c.loop.poller.Modify(int(c.fd), c.data, want); err != nil {
		c.Shutdown()
	}
}

// settle applies what changed without it.
func (c *Conn) settle() {
	c.mu.Lock()
	c.apply()
	c.mu.Unlock()
}

// change sets and clears bits of the state and applies them. It reports whether the connection is open.
func (c *Conn) change(set, clear uint32) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	state := c.state.Load()
	if state&stateClosed != 0 {
		return false
	}
	c.state.Store(state&^clear | set)
	c.apply()
	return true
}

// WantRead turns reading on or off; at the start it is on. While it is off, Ready is called for Wake only: after the end of the stream it has to be off, as that would be reported
// for ever.
func (c *Conn) WantRead(on bool) {
	if on {
		c.change(stateWantRead, 0)
	} else {
		c.change(0, stateWantRead)
	}
}

// WantWrite asks for one SignalWritable when there is room for output, also while the handler is in Ready.
func (c *Conn) WantWrite() { c.change(stateWantWrite, 0) }

// Wake makes the loop call Ready once more, with Woken among its events, after the current call if it runs. It reports false if the connection is closed.
// Calls that come before Ready begins are one.
func (c *Conn) Wake() bool {
	l := c.loop
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.state.Load()&stateClosed != 0 {
		return false
	}
	if c.place&wakeQueued == 0 {
		c.place |= wakeQueued
		l.woken = append(l.woken, c)
		l.interrupt(0)
	}
	return true
}

// Served tells the loop's Stats that the call of Ready has served n of what the handler counts. The handler calls it in Ready.
func (c *Conn) Served(n int) {
	if c.state.Load()&stateHeld != 0 {
		c.loop.servedApart.Add(int64(n))
	} else {
		c.loop.served.Add(int64(n))
	}
}

// Now returns the time on the group's clock.
func (c *Conn) Now() time.Duration { return c.loop.group.Now() }

// SetTimer asks for a SignalTimeout at this time of the group's clock, instead of an earlier such call's. It is never early, and late by a few milliseconds at most, if the process
// has the processor.
func (c *Conn) SetTimer(at time.Duration) {
	l := c.loop
	l.mu.Lock()
	if c.state.Load()&stateClosed == 0 {
		l.wheel.set(c, ticksUp(at))
		l.interrupt(c.timer.when)
	}
	l.mu.Unlock()
}

// StopTimer takes SetTimer back. A signal that is about to be given comes still.
func (c *Conn) StopTimer() {
	c.loop.mu.Lock()
	c.loop.wheel.stop(c)
	c.loop.mu.Unlock()
}

// Close takes the connection out of its loop and closes the descriptor, as soon as no system call uses it. Calls of the handler that have begun go on, and one of each kind
// may begin at this moment; no other does. Input that was not read makes it a reset.
func (c *Conn) Close() error {
	c.mu.Lock()
	state := c.state.Load()
	if state&stateClosed != 0 {
		c.mu.Unlock()
		return ErrClosed
	}
	c.state.Store(state | stateClosed)
	if state&stateStarted != 0 {
		// Before it is closed: a duplicate in another process would keep the registration.
		c.loop.poller.Remove(int(c.fd))
	}
	c.mu.Unlock()
	c.loop.remove(c)
	c.users.Or(userClose)
	c.release()
	return nil
}

// acquire keeps the descriptor open until release. It reports false if the connection is closed.
func (c *Conn) acquire() bool {
	for {
		n := c.users.Load()
		if n&userClose != 0 {
			return false
		}
		if c.users.CompareAndSwap(n, n+userOne) {
			return true
		}
	}
}

func (c *Conn) release() {
	if c.users.Add(^uint32(userOne-1)) == userClose {
		c.loop.poller.CloseDescriptor(int(c.fd))
	}
}

// todo is what a loop has to do about an event.
type todo struct {
	signals uint8  // 1 << Signal
	ready   Events // why Ready has to be called, 0 if it hasn't
	apart   bool   // on a goroutine of its own
}

// meet decides what an event means in the state that the connection is in, and if a call has blocked lately. The caller owns the loop, and settles afterwards.
func (c *Conn) meet(e Events, wary bool) (t todo) {
	c.mu.Lock()
	defer c.mu.Unlock()
	state := c.state.Load()
	if state&stateClosed != 0 {
		return t
	}
	if c.mask&InterestOnce != 0 && e&(Readable|Writable|HangUp) != 0 {
		c.mask = maskSpent
	}
	if e&expired != 0 {
		t.signals |= 1 << SignalTimeout
	}
	if e&(Writable|HangUp) != 0 && state&stateWantWrite != 0 {
		state &^= stateWantWrite
		t.signals |= 1 << SignalWritable
	}
	t.ready = e & Woken
	if e&(Readable|HangUp) != 0 {
		if state&stateWantRead != 0 {
			t.ready |= e & (Readable | HangUp)
		}
		if e&HangUp != 0 && state&stateHungUp == 0 && state&(stateHeld|stateWantRead) != stateWantRead {
			state |= stateHungUp
			t.signals |= 1 << SignalHangUp
		}
	}
	switch {
	case t.ready == 0:
	case state&stateHeld != 0:
		// Its callback runs elsewhere. Without this, a level-triggered poller would report it for ever.
		if t.ready&(Readable|HangUp) != 0 {
			state |= stateDisarmed
		}
		if t.ready&Woken != 0 {
			state |= stateWoken
		}
		t.ready = 0
	case state&stateSlow != 0, wary && c.suspect():
		state |= stateHeld
		if t.ready&(Readable|HangUp) != 0 {
			state |= stateDisarmed
		}
		t.apart = true
	}
	c.state.Store(state)
	return t
}

// hold marks the connection whose handler lost its loop. It reports false if the handler is done already.
func (c *Conn) hold() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	state := c.state.Load()
	if state&(stateDone|stateClosed) != 0 {
		c.state.Store(state &^ stateDone)
		return false
	}
	c.state.Store(state | stateHeld)
	return true
}

// finish is called when a call of Ready that took this long is over, on a goroutine without a loop: any more, if it was handed off. If it returns something, the connection is still held, and Ready has to be called again for that.
func (c *Conn) finish(took time.Duration, handedOff bool) (again Events) {
	c.mu.Lock()
	defer c.mu.Unlock()
	state := c.state.Load()
	if state&stateClosed != 0 {
		return 0
	}
	if state&stateHeld == 0 {
		// The monitor has taken the loop and not come to hold yet, and a new owner has not begun.
		c.state.Store(c.learned(state, took, handedOff) | stateDone)
		return 0
	}
	state = c.learned(state, took, handedOff)
	if state&stateWoken != 0 {
		c.state.Store(state &^ stateWoken)
		return Woken
	}
	c.state.Store(state &^ (stateHeld | stateDisarmed))
	c.apply()
	return 0
}
