package conn

import "net/http"

// Events are the functions that a connection calls in the push style: a server or program that gives a connection its Events is told what happens, instead of reading in a goroutine of
// its own. [Server].Events, [EventHandler] and [Conn.Drive] take them. The zero value is ready: a nil function is not called, and messages for a nil Message are discarded.
//
// The contract is the same for every transport, and however the connection is driven:
//
//   - Calls for one connection never overlap. Those for different connections do, if they share these Events. Two calls may come on different goroutines.
//   - Open comes first, once. Close comes last, exactly once, whatever happens: also if Open panics, and if the connection had ended before it was driven.
//   - Every function may block: in a Write to a peer that reads slowly, for a database, for another connection. That holds up this connection and no other. What would need the next call for the
//     same connection cannot be waited for: [Conn.Ping] is not answered and [Conn.Wait] does not return meanwhile, except in Close.
//   - Every method of the connection may be called, from inside a function and from any other goroutine. [Conn.Close] returns when the Close frame is sent, [Conn.CloseNow] at once; messages that come
//     before the peer's Close frame are delivered still. [Conn.Messages] and the other reads return an error that matches [ErrReading].
//   - What Message writes while further messages lie ready is held back, and leaves together, as [Conn.Write] says.
//   - After a panic, which is logged with its stack unless it is http.ErrAbortHandler, or runtime.Goexit, the connection is closed with 1011: only Close is called then.
//
// Events must not be modified once a connection has them. A connection stays open until it is closed: there is no function that could return.
type Events struct {
	// Open is called when messages may be sent. What it writes is sent before any answer to a message.
	Open func(c *Conn)
	// Message is called for each message. m.Data is borrowed: valid until Message returns. It may be modified.
	Message func(c *Conn, m Message)
	// Drain is called when the send queue is empty again, after something had to wait there. Several such moments may be one call, and something may wait again when it comes.
	Drain func(c *Conn)
	// Close is called when the connection has ended and its transport is closed. e is what [Conn.CloseInfo] returns; a clean end is one for which e.Clean() is true.
	Close func(c *Conn, e *CloseError)
}

// errDriven is returned by reads of a connection that is driven.
var errDriven error = drivenError{}

type drivenError struct{}

func (drivenError) Error() string {
	return "hawser: the messages of this connection go to its Events: use them in Message"
}

// Is makes it match ErrReading.
func (drivenError) Is(target error) bool { return target == ErrReading }

// EventHandler returns an http.Handler that accepts WebSocket connections and drives each with e, see [Events]. ServeHTTP returns as soon as the opening handshake is done. A request that fails
// because of this side is answered with 500 and logged. The connections belong to a [Registry] as those of a [Handler] do, until Close has returned. EventHandler panics if cfg cannot work, or if e is nil.
func EventHandler(e *Events, cfg *Config) http.Handler {
	if e == nil {
		panic("hawser: EventHandler with nil Events")
	}
	return handler(func(c *Conn) { c.driveServed(e, nil) }, cfg)
}

// Drive gives c to e, see [Events]: from now on c reads by itself, until it ends. Drive returns at once, and does not call e's functions itself. It panics if e is nil.
//
// What came before is not lost, and a connection that has ended already is opened and closed. If somebody reads c, a Messages loop or a Read, or it is driven already, Drive returns an error
// that matches [ErrReading], and after [Conn.CloseRead] it returns [ErrReadClosed]; then nothing is called.
func (c *Conn) Drive(e *Events) error {
	if e == nil {
		panic("hawser: Drive with nil Events")
	}
	return c.drive(task{events: e})
}

// drive has c driven for k.
func (c *Conn) drive(k task) error {
	err := c.turn.takeNow()
	if err == ErrReading && c.over.Load() {
		err = c.turn.take(aDriver, nil, nil) // from a read that meets the end, or who discards what it held: soon done
	}
	if err == nil {
		c.driveNow(k)
	}
	return err
}

// driveNow is drive when it is the driver's turn.
func (c *Conn) driveNow(k task) {
	c.unfollow() // the context of an earlier read
	if !c.driveByLoop(k) {
		c.driveByGoroutine(k)
	}
}

// driveServed gives c, which a server has just made, to e. ended, if it is not nil, is closed when Close has been called.
func (c *Conn) driveServed(e *Events, ended chan struct{}) {
	k := task{e, true, ended}
	if c.drive(k) == nil {
		return
	}
	// The Registry is closing it already, and reads until it has ended; or an Observer has used it.
	go func() {
		if c.turn.take(aDriver, nil, nil) == nil {
			c.driveNow(k)
		} else {
			c.leaveTask(k)
		}
	}()
}
