package conn

import (
	"context"

	"github.com/hawser-go/hawser/internal/bufpool"
	"github.com/hawser-go/hawser/internal/protocol"
)

// handle passes an event of the peer's to the sending half, which may make a control frame due.
func (c *Conn) handle(e protocol.Event) {
	c.mu.Lock()
	c.send.Handle(e)
	c.mu.Unlock()
}

// controlDue reports whether a control frame waits.
func (c *Conn) controlDue() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.send.ControlDue()
}

// appendControl appends the control frames that are due to b, at most protocol.MaxControl bytes; but a Close that messages are to leave before, which wait, stays due: later is true then. Both are looked at under one lock:
// a Close that becomes due in between must not overtake them. The caller has the write lock and writes b next.
func (c *Conn) appendControl(b []byte) (_ []byte, later bool) {
	start := len(b)
	b, later = c.appendControlNow(b)
	c.observeSent(b[start:])
	return b, later
}

func (c *Conn) appendControlNow(b []byte) (_ []byte, later bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held == nil && !c.queued() {
		return c.appendDue(b), false
	}
	return c.appendBeforeClose(b), c.send.ControlDue()
}

// appendDue is appendControl for who has c.mu, too.
func (c *Conn) appendDue(b []byte) []byte {
	for c.send.ControlDue() {
		b = c.send.AppendControl(b, c.maskingKey())
	}
	return b
}

// appendBeforeClose is appendDue without a Close.
func (c *Conn) appendBeforeClose(b []byte) []byte {
	for c.send.ControlDue() && !c.send.CloseNext() {
		b = c.send.AppendControl(b, c.maskingKey())
	}
	return b
}

// flushControl sees to it that the control frames that are due leave, and never waits: the reader calls it. If somebody writes, they do it when they are
// done. If the transport does not take it all now, a goroutine goes on that lives until it has.
func (c *Conn) flushControl() {
	for c.controlDue() {
		if !c.writeLock.try() {
			return // unlockWrite looks again
		}
		if c.unwritable.reason() != nil {
			c.forgetControl()
			c.passWriteLock()
			return
		}
		buf := bufpool.Get(protocol.MaxControl)
		b, later := c.appendControl((*buf)[:0])
		if later && len(b) == 0 {
			bufpool.Put(buf)
			c.passToDrain()
			return
		}
		if c.transport.writesAtOnce() {
			n, err := c.transport.writeAtOnce(b)
			if err != nil {
				c.writeFailed(writeError(err)) // a second try might write what has left again
			}
			if err != nil || n == len(b) {
				bufpool.Put(buf)
				c.passWriteLock()
				if c.queued() { // meanwhile, by a Send that found the lock taken
					c.startDrain()
				}
				continue
			}
			b = b[n:]
		}
		go c.finishControl(buf, b)
		return
	}
}

// finishControl writes b, which lies in buf. It has the write lock from whoever started it.
func (c *Conn) finishControl(buf *[]byte, b []byte) {
	if err := c.transport.write(b, nil); err != nil {
		c.writeFailed(err)
	}
	bufpool.Put(buf)
	c.unlockWrite()
}

// drainControl writes what is due and waits until it is written. It returns an error if it cannot be.
func (c *Conn) drainControl() error {
	if err := c.lockWrite(context.Background()); err != nil {
		return err
	}
	defer c.unlockWrite()
	if c.unwritable.reason() != nil {
		return c.closeError()
	}
	for {
		if err := c.writeHeld(); err != nil { // it is from before a Close that is due now
			return err
		}
		for c.writeQueued() { // and so is that
		}
		if err := c.writeControl(); err != nil || !c.queued() || !c.controlDue() {
			return err
		}
	}
}

// forgetControl drops the control frames that are due, so that nobody waits for them: nothing leaves any more. The caller has the write lock.
func (c *Conn) forgetControl() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.appendDue(nil)
}

// writeControl writes the control frames that are due, but for a Close that is to leave later. The caller has the write lock.
func (c *Conn) writeControl() error {
	if c.unwritable.reason() != nil {
		return c.closeError()
	}
	if !c.controlDue() {
		return nil
	}
	buf := bufpool.Get(protocol.MaxControl)
	defer bufpool.Put(buf)
	b, _ := c.appendControl((*buf)[:0])
	if err := c.transport.write(b, nil); err != nil {
		return c.writeFailed(err)
	}
	return nil
}
