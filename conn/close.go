package conn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/bufpool"
	"github.com/hawser-go/hawser/internal/protocol"
)

// Close ends the connection with the closing handshake (RFC 6455, 7.1.2): it sends a Close frame with code and reason, waits for the
// peer's, and closes the transport as RFC 6455, 7.1.1 says. One absolute deadline, [Config].CloseTimeout, covers it all.
//
// While a Messages loop runs, Close returns when the Close frame is sent: the loop goes on until the peer's comes, or finishes the
// handshake when it is left. So it does on a connection with [Events], which goes on by itself. Otherwise Close itself reads, and discards messages; it returns when the connection has ended.
//
// It returns nil if the end was clean, also if it already was when Close was called, and else how the connection ended. A code or reason that must not be sent
// (RFC 6455, 7.4; a reason has at most 123 bytes of UTF-8; 1010 is the client's alone) is refused, and the connection stays open. StatusNoStatusRcvd
// without a reason sends an empty Close frame.
func (c *Conn) Close(code frame.StatusCode, reason string) error {
	if err := frame.CheckClose(code, reason); err != nil {
		return err
	}
	if code == frame.StatusMandatoryExt && c.role == RoleServer {
		return frame.ErrStatusCode // "this status code is not used by the server" (RFC 6455, 7.4.1)
	}
	c.mu.Lock()
	if c.err == nil && c.send.Close(code, reason) {
		c.startCloseTimer()
	}
	c.mu.Unlock()
	c.flushControl() // and does not wait: what is being written may leave only when somebody reads
	switch c.turn.take(aRead, c.done, nil) {
	case ErrReading, errDriven:
		err := c.drainControl()
		if c.CloseInfo() != nil {
			return c.result()
		}
		return err
	case nil:
		c.follow(context.Background())
		c.discardMessages()
		c.passTurn()
	}
	<-c.done()
	return c.result()
}

// CloseNow ends the connection at once, without a closing handshake. Every call that waits on the connection returns. While a Messages loop runs, both directions of the transport are shut down,
// and it is closed when the loop is left.
func (c *Conn) CloseNow() error {
	c.terminate(func(e *CloseError) { e.Local = e.Received == nil })
	return c.release()
}

// Wait returns when the connection has ended and its transport is closed: nil if the end was clean, and else how it ended. If ctx ends before, Wait returns
// its error.
func (c *Conn) Wait(ctx context.Context) error {
	if c.isGone() {
		return c.result() // also if ctx has ended, too
	}
	select {
	case <-c.done():
		return c.result()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// done returns a channel that is closed when nothing is left of the connection.
func (c *Conn) done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.doneChan == nil {
		c.doneChan = make(chan struct{})
		if c.gone {
			close(c.doneChan)
		}
	}
	return c.doneChan
}

// isGone reports whether the channel of done is closed.
func (c *Conn) isGone() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone
}

// setGone closes the channel of done.
func (c *Conn) setGone() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	if c.doneChan != nil {
		close(c.doneChan)
	}
}

// result returns nil if the connection ended cleanly, else how it ended.
func (c *Conn) result() error {
	if e := c.CloseInfo(); !e.Clean() {
		return e
	}
	return nil
}

// CloseInfo returns how the connection ended, nil if it has not. It is what reads return from then on, unless the end was clean and a loop hid it.
func (c *Conn) CloseInfo() *CloseError {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// isClean reports whether err is a [*CloseError] of a clean end.
func isClean(err error) bool {
	e, ok := errors.AsType[*CloseError](err)
	return ok && e.Clean()
}

// ended returns how the connection ended, nil if it has not.
func (c *Conn) ended() error {
	if e := c.CloseInfo(); e != nil {
		return e
	}
	return nil
}

// closing reports whether a closing handshake has begun.
func (c *Conn) closing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.send.State() != protocol.Open
}

// closeError returns how the connection ended, or what is known of it so far.
func (c *Conn) closeError() *CloseError {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	e := c.snapshot()
	if e.Err == nil {
		e.Err = c.unwritable.reason()
	}
	return e
}

// snapshot returns what is known of the end now. The caller has c.mu.
func (c *Conn) snapshot() *CloseError {
	e := &CloseError{
		Received: (*Close)(c.send.Received()),
		Sent:     (*Close)(c.send.Sent()),
		Local:    c.send.Began(),
		Err:      c.send.Failure(),
	}
	if e.Err == nil {
		e.Err = c.unwritable.cause() // a message was cut, so the end is not clean, whatever comes
	}
	return e
}

// terminate sets how the connection ended, unless it has ended before, and returns it. The transport is not touched.
func (c *Conn) terminate(set func(*CloseError)) *CloseError {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		e := c.snapshot()
		set(e)
		c.err = e
		c.over.Store(true)
		c.endContext()
		c.endPings()
	}
	return c.err
}

// abort ends the connection at once because of err.
func (c *Conn) abort(err error) error {
	e := c.terminate(func(e *CloseError) { c.addCause(e, err) })
	c.release()
	return e
}

// addCause makes err what ended the connection; what had cut its writing before stays named. The caller has c.mu.
func (c *Conn) addCause(e *CloseError, err error) {
	if first := cmp.Or(e.Err, c.unwritable.reason()); first != nil && first != err {
		err = fmt.Errorf("%w, after: %w", err, first)
	}
	e.Err = err
}

// release closes the transport. It is the last that happens to a connection. While a Messages loop runs, its last is to do it: until then nothing goes through the transport any more.
func (c *Conn) release() error {
	c.watch.dismiss()
	c.doom()
	c.mu.Lock()
	first := !c.released
	if c.looping {
		cut := c.cut
		c.cut = true
		c.mu.Unlock()
		if cut {
			return nil
		}
		err := c.transport.cut()
		c.discardOutput() // or the body may wait for what never comes
		return err
	}
	c.released = true
	if t := c.closeTimer(); t != nil {
		t.Stop()
	}
	c.mu.Unlock()
	if !first {
		return nil
	}
	err := c.transport.close()
	c.discardInput()
	c.discardOutput()
	c.leave()
	c.setGone()
	if c.cfg.Observer != nil {
		c.observe(Observation{Kind: ObservedClosed, End: c.CloseInfo()})
	}
	return err
}

// startCloseTimer starts the one deadline over the end of the connection, if it does not run yet. The caller has c.mu.
func (c *Conn) startCloseTimer() {
	switch {
	case c.closeTimer() != nil || c.cfg.CloseTimeout == 0 || c.released:
	case c.transport.loop != nil:
		c.transport.loop.setCloseTimer(c.cfg.CloseTimeout)
	default:
		c.extras().timer = time.AfterFunc(c.cfg.CloseTimeout, func() { c.abort(errCloseTimeout) })
	}
}

// lost ends the connection because the transport's Read returned err. It is the caller's turn to read.
func (c *Conn) lost(err error) error {
	e := c.terminate(func(e *CloseError) {
		switch {
		case !errors.Is(err, io.EOF):
			c.addCause(e, err)
		case c.in.insideMessage():
			e.EOF = EOFInside
		default:
			e.EOF = EOFBoundary
		}
		if e.Err == nil {
			e.Err = c.unwritable.reason()
		}
	})
	c.release()
	c.in.discard()
	return e
}

// fail fails the connection because the peer broke a rule or a limit (RFC 6455, 7.1.7). It is the caller's turn to read.
func (c *Conn) fail(err error) error {
	code, reason := frame.StatusProtocolError, err.Error()
	if p, ok := errors.AsType[*frame.ProtocolError](err); ok {
		code, reason = p.Code, p.Detail+" ("+p.Section+")"
	}
	c.mu.Lock()
	c.send.Fail(code, truncate(reason, frame.MaxCloseReason), err)
	c.startCloseTimer()
	c.mu.Unlock()
	return c.finish(true)
}

// closeReceived ends the connection because the peer's Close frame came. It is the caller's turn to read.
func (c *Conn) closeReceived(e protocol.Event) error {
	c.mu.Lock()
	c.send.Handle(e)
	c.startCloseTimer()
	c.mu.Unlock()
	return c.finish(false)
}

// finish sets how the connection ended, sends the Close frame if one is due, and leaves the rest to a goroutine: the caller of a read need not wait until the peer has
// closed its side, and a connection whose user forgets it ends all the same. It is the caller's turn to read, and nobody reads after it.
func (c *Conn) finish(failed bool) error {
	first := false
	e := c.terminate(func(*CloseError) { first = true })
	c.flushControl() // now if it can be; linger would do it, too, but only when its goroutine runs
	c.in.discard()
	// What ends a read must not end linger's: only the close timeout does.
	c.watch.dismiss()
	c.transport.reader().SetReadDeadline(time.Time{})
	l := c.transport.loop
	switch {
	case !first: // whoever ended it sees to the rest
	case l != nil:
		l.linger(failed)
	default:
		go c.linger(failed, readBufferSize)
	}
	return e
}

// linger ends the transport so that the Close frame arrives: closing a socket with unread input resets it, and a reset destroys what is on its
// way. So our direction is shut down, and what comes is discarded until the peer ends its direction too, or the close timeout passes.
//
// "The server MUST close the underlying TCP connection immediately; the client SHOULD wait for the server to close the connection" (RFC 6455,
// 5.5.1): after a complete handshake the server shuts down first, as 7.1.1 shows it. What comes is read into a buffer of that size.
func (c *Conn) linger(failed bool, size int) {
	defer c.release()
	if c.drainControl() != nil {
		return
	}
	if c.role == RoleServer || failed {
		if !c.transport.closeWrite() && !failed {
			return // a transport that cannot be half-closed: the peer waits for us
		}
	}
	buf := bufpool.Get(size)
	defer bufpool.Put(buf)
	for c.readErr() == nil {
		_, err := c.transport.read(*buf)
		c.setReadErr(err)
	}
	if c.role == RoleClient && !failed {
		c.transport.closeWrite()
	}
}

// discardMessages reads until the connection has ended. It is the caller's turn to read.
func (c *Conn) discardMessages() {
	for {
		if _, err := c.next(); err != nil {
			return
		}
	}
}

// truncate cuts s to at most n bytes, at the start of a rune.
func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
