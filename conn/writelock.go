package conn

import (
	"context"
)

// lockWrite waits for the write lock. It returns an error if ctx or the connection has ended, or ends meanwhile.
func (c *Conn) lockWrite(ctx context.Context) error {
	switch {
	case c.writeLock.try(), c.writeLock.wait(c.done(), ctx.Done()):
		return nil
	case ctx.Err() != nil && !c.isGone():
		return &InterruptedError{Err: contextError(ctx)}
	}
	return c.closeError()
}

// unlockWrite gives the write lock back, and sees to what became due meanwhile: whoever queued it found the lock taken.
func (c *Conn) unlockWrite() {
	c.passWriteLock()
	c.flushControl()
	if c.queued() {
		c.startDrain()
	}
}

// passWriteLock gives the write lock back. Whoever ended the connection may have found it taken.
func (c *Conn) passWriteLock() {
	c.sent.publish()
	c.writeLock.unlock()
	if c.over.Load() {
		c.discardOutput()
	}
}

// discardOutput gives back what sending holds on a connection that is over. If somebody has the write lock, they do it when they pass it on.
func (c *Conn) discardOutput() {
	if !c.writeLock.try() {
		return
	}
	if z := c.compression; z != nil && !z.closed.Load() {
		z.compressor.Close()
		z.closed.Store(true)
	}
	if q := c.queue.Load(); q != nil {
		q.clear()
	}
	if w := c.stream; w != nil { // what waits for its end waits in vain
		c.stream = nil
		close(w.ended)
	}
	c.writeLock.unlock()
	c.flushControl() // whoever queued a frame meanwhile found the lock taken
}

// beginMessage waits until a message of the caller's may be written: then the caller has the write lock, what Send had queued before has been written, and no Writer is in the middle of a message.
func (c *Conn) beginMessage(ctx context.Context) error {
	if ctx.Done() != nil && ctx.Err() != nil {
		return &InterruptedError{Err: contextError(ctx)}
	}
	if err := c.lockWrite(ctx); err != nil {
		return err
	}
	if c.stream != nil || c.queued() {
		return c.awaitMessage(ctx)
	}
	if c.unwritable.reason() != nil {
		c.unlockWrite()
		return c.closeError()
	}
	return nil
}

// awaitMessage is the part of beginMessage that waits. The caller has the write lock.
func (c *Conn) awaitMessage(ctx context.Context) error {
	last := c.queue.Load().last() // what is queued later may wait for the caller
	for {
		switch {
		case c.unwritable.reason() != nil:
			c.unlockWrite()
			return c.closeError()
		case c.stream != nil:
			ended := c.stream.ended
			c.unlockWrite()
			select {
			case <-ended:
			case <-c.done():
				return c.closeError()
			case <-ctx.Done():
				return &InterruptedError{Err: contextError(ctx)}
			}
		case c.queue.Load().reached(last):
			return nil
		case ctx.Done() == nil:
			c.writeQueued()
			continue
		default:
			left := c.queue.Load().left()
			c.passToDrain()
			select {
			case <-left:
			case <-c.done():
				return c.closeError()
			case <-ctx.Done():
				return &InterruptedError{Err: contextError(ctx)}
			}
		}
		if err := c.lockWrite(ctx); err != nil {
			return err
		}
	}
}
