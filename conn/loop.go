package conn

import "context"

// A loop is one run of Messages.
//
// On a socket it runs inside one call of RawConn.Read, the body included: see socket.enter. While it does, closing the descriptor would wait for it, and send nothing before; so release
// only shuts the socket down, and the loop closes it when it is left. Other transports are closed at once; but Wait, Close and State see the end when the loop has been left, on every transport.
type loop struct {
	c     *Conn
	yield func(Message, error) bool
	broke bool // the body has ended the loop
	left  bool // the loop has ended, and not by a panic
}

func (l *loop) run() {
	interrupted := l.read()
	switch {
	case l.broke:
	case interrupted != nil:
		l.yield(Message{}, interrupted)
	default:
		if err := l.c.conclude(); !isClean(err) {
			l.yield(Message{}, err)
		}
	}
	l.left = true
}

// read gives the body messages until it ends the loop, or no more may come; or an error of the read's context interrupts it.
func (l *loop) read() (interrupted error) {
	c := l.c
	if c.over.Load() {
		// Whoever ended it before begin may be closing the descriptor, which must not be held then.
	} else if s := c.transport.sock; s != nil {
		// An end that is met inside is dealt with outside: it may close the descriptor.
		interrupted = c.enter(s, l.turn)
	} else {
		for interrupted == nil && l.deliver() {
			interrupted = c.fill()
		}
	}
	c.uncork()
	return interrupted
}

// deliver gives the body all messages that have been read, and reports whether more may come.
func (l *loop) deliver() bool {
	for {
		m, p := l.c.pull()
		switch {
		case p == pulledMessage:
			l.c.cork()
			if !l.yield(m, nil) {
				l.broke = true
				return false
			}
		case p == pulledEnd:
			return false
		default:
			l.c.uncork()
			return l.c.readErr() == nil
		}
	}
}

// turn is called when the socket may be readable. It reports whether the loop has ended.
func (l *loop) turn(fd uintptr) bool {
	c := l.c
	s := c.transport.sock
	s.entered(fd)
	for l.deliver() {
		if s.emptied() {
			c.in.idle()
			if c.mayWait() {
				return false
			}
			continue
		}
		if c.watch.cancelled.Load() {
			return false // to a deadline in the past, which a peer that always has bytes ready would never meet
		}
		if !c.readSocket(s, fd) {
			return false
		}
	}
	return true
}

// end gives the loop's turn back. If the loop was left, and not by a panic, it finishes a closing handshake that this side has begun.
func (l *loop) end() {
	c := l.c
	c.uncork()
	// In this order: a Close at the same time either finds no loop and reads itself, or is seen here.
	c.turn.pass(aRead)
	if l.left && c.closing() {
		c.follow(context.Background()) // the loop's context may have ended it
		c.discardMessages()
	}
	c.in.idle()
	c.stopLooping()
}

// stopLooping tells that nothing goes through the transport for a loop any more, and closes it if it is due.
func (c *Conn) stopLooping() {
	c.mu.Lock()
	c.looping = false
	cut := c.cut
	c.mu.Unlock()
	c.passTurn()
	if cut {
		c.release()
	}
}

// begin tells that a loop runs.
func (l *loop) begin() {
	l.c.mu.Lock()
	l.c.looping = true
	l.c.mu.Unlock()
}
