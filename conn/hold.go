package conn

import (
	"context"
	"time"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/bufpool"
)

const (
	// holdTime is how long an answer waits at most for those behind it.
	holdTime = time.Millisecond
	// heldSize is how much is held at most. It leaves in one write.
	heldSize = 64 << 10
)

// cork tells that the body of a loop gets a message now. If more whole frames wait behind it, what is written meanwhile is held back: the answers leave together, when all messages are delivered,
// when there are heldSize of them, or holdTime after the first. A timer sees to that if the body blocks; where every processor is busy it may be late, so the loop looks, too.
func (c *Conn) cork() {
	if more := c.in.frameWaits(); more != c.corked.Load() {
		c.corked.Store(more)
	}
	if since := c.heldSince.Load(); since != 0 && c.now()-since >= int64(holdTime) {
		c.flushHeld()
	}
}

// uncork ends the holding back: nothing is at hand for the body any more. It waits like the writes that were held would have.
func (c *Conn) uncork() {
	if c.corked.Load() {
		c.corked.Store(false)
	}
	if c.heldSince.Load() != 0 {
		c.flushHeld()
	}
}

// holdLate is called by the timer: the body blocks.
func (c *Conn) holdLate() {
	c.corked.Store(false)
	c.flushHeld()
}

// flushHeld writes what is held back. An error is returned by the next write, and is in CloseInfo.
func (c *Conn) flushHeld() {
	if c.lockWrite(context.Background()) == nil {
		c.writeHeld()
		c.unlockWrite()
	}
}

// writeHeld is flushHeld for who has the write lock.
func (c *Conn) writeHeld() error {
	buf, b := c.takeHeld()
	if buf == nil {
		return nil
	}
	defer bufpool.Put(buf)
	if c.unwritable.reason() != nil {
		return c.closeError()
	}
	if err := c.transport.write(b, nil); err != nil {
		return c.dataFailed(err)
	}
	return nil
}

// makeRoom writes what is held back if n bytes more do not fit behind it. The caller has the write lock.
func (c *Conn) makeRoom(n int) error {
	if c.held != nil && len(*c.held)-c.heldLen < n {
		return c.writeHeld()
	}
	return nil
}

// holdFrame holds a data frame back. The caller has the write lock.
func (c *Conn) holdFrame(h frame.Header, p []byte) error {
	if err := c.appendHeld(h, p, heldSize); err != nil {
		return err
	}
	if c.heldSince.Load() == 0 {
		c.heldSince.Store(c.now())
		if c.holdTimer == nil {
			c.holdTimer = time.AfterFunc(holdTime, c.holdLate)
		} else {
			c.holdTimer.Reset(holdTime)
		}
	}
	return nil
}

// appendHeld appends a data frame to what is held back, in a buffer of the given size if nothing is. The caller has the write lock.
func (c *Conn) appendHeld(h frame.Header, p []byte, size int) error {
	if err := c.makeRoom(frameOverhead + len(p)); err != nil {
		return err
	}
	if c.held == nil {
		c.held, c.heldLen = bufpool.Get(size), 0
	}
	b, open := c.beginData((*c.held)[:c.heldLen])
	if !open {
		if c.heldLen == 0 {
			bufpool.Put(c.held)
			c.held = nil
		}
		return c.closeError()
	}
	c.noteSent(&h)
	b = h.Append(b)
	b, _ = appendPayload(b, p, h.Masked, h.MaskingKey)
	c.heldLen = len(b)
	return nil
}

// takeHeld takes what is held back, nil if nothing is. The caller has the write lock.
func (c *Conn) takeHeld() (buf *[]byte, b []byte) {
	if c.held == nil {
		return nil, nil
	}
	if c.heldSince.Load() != 0 {
		c.holdTimer.Stop()
		c.heldSince.Store(0)
	}
	buf, c.held = c.held, nil
	return buf, (*buf)[:c.heldLen]
}

// now returns the time since the connection was made, in nanoseconds, never 0.
func (c *Conn) now() int64 { return int64(time.Since(epoch)-c.born) + 1 }

// epoch is what Conn.born counts from: a time.Time has 24 bytes.
var epoch = time.Now()
