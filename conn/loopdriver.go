package conn

import (
	"github.com/hawser-go/hawser/internal/bufpool"
	"github.com/hawser-go/hawser/internal/evloop"
)

// A loopDriver drives a connection from an event loop, see package evloop. It is its loopConn, too. What has no other note belongs to Ready, whose calls do not overlap.
type loopDriver struct {
	driver
	loopConn
	opened    bool
	lingering bool // how the connection ended is known, and what comes is discarded
	failed    bool // by the peer, that broke a rule
	atEnd     bool // of the peer's stream
	finished  bool // Close is called, or has been

	sent sentState // under loopConn.mu
	shed bool      // under Conn.mu: the Registry has ended the connection, which has to linger
}

// sentState says how far the last bytes of a connection have come.
type sentState uint8

const (
	sentNoMore sentState = iota // nothing is left to wait for
	sending
	sentAll // they have been passed to the socket, and the peer's end is awaited
)

// readsPerTurn is how often a connection that always has more is read before others have their turn.
const readsPerTurn = 4

// driveByLoop gives c to an event loop, and reports whether it could. It is the driver's turn.
func (c *Conn) driveByLoop(k task) bool {
	if !c.transport.socket || !c.cfg.EventLoop.here() {
		return false
	}
	g := loops()
	if g == nil {
		return false
	}
	// Whoever has the write lock may be using the socket.
	if !c.writeLock.try() {
		return false
	}
	defer c.unlockWrite()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return false // somebody may be closing it
	}
	old := c.transport.netConn()
	fd, err := g.Duplicate(old)
	if err != nil {
		return false
	}
	l := &loopDriver{driver: driver{conn: c, task: k}}
	l.addrs, l.port = newAddresses(old)
	if l.loop, err = g.Conn(fd, l); err != nil {
		return false
	}
	giveBack := c.transport.adopt(l)
	c.looping = true
	if l.loop.Start() != nil {
		giveBack()
		c.looping = false
		return false
	}
	// The socket stays open, and the runtime's poller no longer wakes up for it.
	old.Close()
	l.loop.Wake() // to Open
	return true
}

// Ready is called by the loop when there is something to read, and after Wake.
func (l *loopDriver) Ready(_ *evloop.Conn, t evloop.Turn) {
	switch {
	case l.finished:
		return // it has been closed since the loop looked
	case l.lingering:
	case l.serve(t.Events):
		return
	default:
		l.end()
	}
	if l.lingered() {
		l.finish()
	}
}

// serve calls what is due, and reports whether more may come.
func (l *loopDriver) serve(why evloop.Events) bool {
	c := l.conn
	w := &c.watch
	if l.takeExpired() {
		w.expired, w.armed = true, false // a timer expires once: bytes that come beside it do not arm it again
	}
	if why&evloop.Woken != 0 || !l.opened {
		if !l.opened {
			l.opened = true
			l.open()
		}
		l.callDrain()
		// What came before the first turn; or a function has ended its goroutine among other messages.
		if !l.deliver() {
			return false
		}
		if why&(evloop.Readable|evloop.HangUp) == 0 && w.armed && !w.expired {
			return true
		}
	}
	for range readsPerTurn {
		n, wait, err := l.read(c.in.space())
		c.in.advance(n)
		switch {
		case wait:
			c.in.idle()
			return c.mayWait()
		case n > 0:
			c.came(n)
		default:
			c.setReadErr(err)
		}
		if !l.deliver() {
			return false
		}
		c.noteMessages()
		if !c.in.filled && w.armed && !w.expired {
			break // the loop calls again if there is more
		}
	}
	c.in.idle()
	return true
}

// deliver calls Message for all messages that have been read, and reports whether more may come.
func (l *loopDriver) deliver() bool {
	c := l.conn
	for n := 0; ; n++ {
		m, p := c.pull()
		if p == pulledMessage {
			c.cork()
			l.message(m)
			continue
		}
		if n > 0 {
			l.loop.Served(n)
		}
		if p == pulledEnd {
			return false
		}
		c.uncork()
		return c.readErr() == nil
	}
}

// end ends the connection as what was met asks for.
func (l *loopDriver) end() {
	c := l.conn
	c.uncork()
	l.lingering = true
	c.conclude()
	c.mu.Lock()
	shed := l.shed
	c.mu.Unlock()
	if shed {
		c.in.discard()
		l.linger(true)
	}
	c.passTurn()
}

// linger is Conn.linger in an event loop: the Close frame is sent, by a goroutine if it has to wait, and the rest is Ready's.
func (l *loopDriver) linger(failed bool) {
	l.failed = failed
	l.setSent(sending)
	if l.conn.allSent() {
		l.lastSent(nil)
		return
	}
	go func() {
		l.lastSent(l.conn.drainControl())
		l.loop.Wake()
	}()
}

// allSent reports whether nothing waits to be sent.
func (c *Conn) allSent() bool {
	if !c.writeLock.try() {
		return false
	}
	defer c.unlockWrite()
	return c.unwritable.reason() == nil && c.held == nil && c.rest == nil && !c.queued() && !c.controlDue()
}

// lastSent is called when nothing is sent any more. See Conn.linger for who ends their direction when.
func (l *loopDriver) lastSent(err error) {
	if err == nil && (l.conn.role == RoleServer || l.failed) {
		err = l.CloseWrite()
	}
	if err != nil {
		l.setSent(sentNoMore)
	} else {
		l.setSent(sentAll)
	}
}

func (l *loopDriver) setSent(s sentState) {
	l.mu.Lock()
	l.sent = s
	l.mu.Unlock()
}

// lingered discards what has come, and reports whether the connection can be closed.
func (l *loopDriver) lingered() bool {
	l.mu.Lock()
	sent := l.sent
	l.mu.Unlock()
	c := l.conn
	c.mu.Lock()
	cut := c.cut
	c.mu.Unlock()
	if cut || sent == sentNoMore {
		return true
	}
	if !l.atEnd {
		buf := bufpool.Get(readBufferSize)
		defer bufpool.Put(buf)
		for range readsPerTurn {
			_, wait, err := l.read(*buf)
			if wait {
				break
			}
			if err != nil {
				l.atEnd = true
				l.loop.WantRead(false) // or it would be reported for ever
				break
			}
		}
	}
	return l.atEnd && sent == sentAll
}

// finish closes the socket and calls Close.
func (l *loopDriver) finish() {
	l.finished = true
	c := l.conn
	c.mu.Lock()
	c.looping = false
	c.mu.Unlock()
	c.release()
	l.close()
}

// Signal is called by the loop, also while Ready runs, and must not block.
func (l *loopDriver) Signal(_ *evloop.Conn, s evloop.Signal) {
	switch s {
	case evloop.SignalWritable:
		l.hasRoom()
	case evloop.SignalTimeout:
		read, closing := l.timeouts()
		if closing {
			l.conn.abort(errCloseTimeout)
		}
		if read {
			l.loop.Wake()
		}
	case evloop.SignalHandedOff:
		if l.conn.heldSince.Load() != 0 {
			go l.conn.holdLate()
		}
	}
}

// drained has Drain called.
func (l *loopDriver) drained() {
	l.drain.Store(true)
	l.loop.Wake()
}
