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

// appendControl appends the control frames that are due to b, at most protocol.MaxControl bytes. The caller has the write lock and writes b next.
func (c *Conn) appendControl(b []byte) []byte {
	start := len(b)
	c.mu.Lock()
	b = c.appendDue(b)
	c.mu.Unlock()
	c.observeSent(b[start:])
	return b
}

// appendDue is appendControl for who has c.mu, too.
func (c *Conn) appendDue(b []byte) []byte {
	for c.send.ControlDue() {
		b = c.send.AppendControl(b, c.maskingKey())
	}
	return b
}

// flushControl sees to it that the control frames that are due leave, and never waits: the reader calls it. If somebody writes, they do it when they are
// done. If the transport does not take it all now, a goroutine goes on that lives until it has.
func (c *Conn) flushControl() {
	for c.controlDue() {
		select {
		case c.writeLock <- struct{}{}:
		default:
			return // unlockWrite looks again
		}
		if c.writeErr != nil {
			// Nothing leaves any more. Take what is due, so that nobody waits for it.
			buf := bufpool.Get(protocol.MaxControl)
			c.appendControl((*buf)[:0])
			bufpool.Put(buf)
			c.passWriteLock()
			return
		}
		if (c.held != nil || c.queued()) && c.closing() {
			go c.drain() // they are from before a Close that is due now
			return
		}
		buf := bufpool.Get(protocol.MaxControl)
		b := c.appendControl((*buf)[:0])
		if c.transport.tryWrite != nil {
			n, err := c.transport.writeAtOnce(b)
			if err == nil && n == len(b) {
				bufpool.Put(buf)
				c.passWriteLock()
				continue
			}
			b = b[n:] // an error is met again below
		}
		go c.finishControl(buf, b)
		return
	}
}

// finishControl writes b, which lies in buf. It has the write lock from whoever started it.
func (c *Conn) finishControl(buf *[]byte, b []byte) {
	defer bufpool.Put(buf)
	if err := c.transport.write(b, nil); err != nil {
		c.writeFailed(err)
	}
	c.unlockWrite()
}

// drainControl writes what is due and waits until it is written. It returns an error if it cannot be.
func (c *Conn) drainControl() error {
	if err := c.lockWrite(context.Background()); err != nil {
		return err
	}
	defer c.unlockWrite()
	if c.writeErr != nil {
		return c.closeError()
	}
	if err := c.writeHeld(); err != nil { // it is from before a Close that is due now
		return err
	}
	for c.writeQueued() { // and so is that
	}
	return c.writeControl()
}

// writeControl writes the control frames that are due. The caller has the write lock.
func (c *Conn) writeControl() error {
	if c.writeErr != nil {
		return c.closeError()
	}
	buf := bufpool.Get(protocol.MaxControl)
	defer bufpool.Put(buf)
	b := c.appendControl((*buf)[:0])
	if len(b) == 0 {
		return nil
	}
	if err := c.transport.write(b, nil); err != nil {
		return c.writeFailed(err)
	}
	return nil
}
