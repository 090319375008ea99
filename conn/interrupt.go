package conn

import (
	"context"
	"errors"
	"fmt"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/bufpool"
)

// An InterruptedError is returned by a write whose context ended before it was done. The connection goes on. errors.Is matches it with what Err matches.
type InterruptedError struct {
	// Kept reports that a part of the message may have left. Its rest is kept and leaves before anything else: so the message must not be sent again. If it is false, nothing of the message has left
	// or will.
	Kept bool
	// Err is the context's error.
	Err error
}

// Error says whether the message was kept.
func (e *InterruptedError) Error() string {
	if e.Kept {
		return fmt.Sprintf("hawser: write interrupted, the rest of the message is kept: %v", e.Err)
	}
	return fmt.Sprintf("hawser: write interrupted, nothing of the message was written: %v", e.Err)
}

// Unwrap returns Err.
func (e *InterruptedError) Unwrap() error { return e.Err }

var errRestTooLarge = errors.New("a message was cut by its context, and its rest is larger than the send queue")

// A rest is what is left of frames that the transport has begun to take, or is about to. It leaves before anything else. It belongs to the holder of the write lock.
type rest struct {
	buf *[]byte // nil if b is nobody's
	b   []byte
}

// keepRest makes b, which lies in buf if that is not nil, what leaves next. The caller has the write lock.
func (c *Conn) keepRest(buf *[]byte, b []byte) {
	c.rest = &rest{buf, b}
	if buf != nil {
		c.hold(stockQueued, int64(len(*buf)))
	}
}

// writeRest writes the rest that there is. The caller has the write lock.
func (c *Conn) writeRest() {
	r := c.rest
	if r == nil {
		return
	}
	c.rest = nil
	if c.unwritable.reason() == nil {
		if err := c.transport.write(r.b, nil); err != nil {
			c.dataFailed(err)
		}
	}
	if r.buf != nil {
		c.hold(stockQueued, -int64(len(*r.buf)))
		bufpool.Put(r.buf)
	}
}

// restLeft ends the counting of a rest that has left.
func (c *Conn) restLeft() {
	if c.kept.Load() == 0 {
		return
	}
	c.kept.Store(0)
	if q := c.queue.Load(); q != nil {
		q.wrote(0, 0, 0) // there is more room
	}
	c.noteDrained()
}

// writeUntil is writeWhole for a write that ends with ctx; and it gives the write lock back. What the transport does not take at once is copied and left to a goroutine, which has the write lock from then
// on: so no deadline has to cut a write, and TLS, which cannot go on after that, has no need to.
func (c *Conn) writeUntil(ctx context.Context, h frame.Header, p []byte) error {
	c.address(&h, p)
	if size := frameOverhead + len(p); size <= heldSize && c.corked.Load() && (c.held == nil || len(*c.held)-c.heldLen >= size) {
		err := c.holdFrame(h, p)
		c.unlockWrite()
		return err
	}
	buf, b, open := c.beginFrame(&h, min(len(p), maskChunk))
	if !open {
		// What was held is from before the Close. drain writes it, and the Close behind it.
		c.keepRest(buf, b)
		go c.drain()
		return c.closeError()
	}
	key := h.MaskingKey
	for {
		n := min(cap(b)-len(b), len(p))
		b, key = appendPayload(b, p[:n], h.Masked, key)
		p = p[n:]
		taken, err := c.transport.writeAtOnce(b)
		switch {
		case err != nil:
			err = c.dataFailed(writeError(err))
		case taken < len(b):
			n := int(min(int64(len(p)), c.cfg.SendQueue))
			restBuf := bufpool.Get(len(b) - taken + n)
			r := append((*restBuf)[:0], b[taken:]...)
			r, key = appendPayload(r, p[:n], h.Masked, key)
			p = p[n:]
			c.keepRest(restBuf, r)
			if !c.handOver(ctx) {
				bufpool.Put(buf)
				if len(p) > 0 {
					return c.abort(fmt.Errorf("%w: %w", errRestTooLarge, contextError(ctx)))
				}
				return &InterruptedError{Kept: true, Err: contextError(ctx)}
			}
			if c.unwritable.reason() != nil {
				err = c.closeError()
			}
		}
		if err != nil || len(p) == 0 {
			bufpool.Put(buf)
			c.unlockWrite()
			return err
		}
		b = b[:0]
	}
}

// beginFrame returns a buffer with what is held back, the control frames that are due and the header h, and room for n bytes more, if a data frame may be sent; else with what is held back. The caller has the
// write lock.
func (c *Conn) beginFrame(h *frame.Header, n int) (buf *[]byte, b []byte, open bool) {
	n += frameOverhead
	buf, b = c.takeHeld()
	if len(b)+n > cap(b) {
		larger := bufpool.Get(len(b) + n)
		b = append((*larger)[:0], b...)
		bufpool.Put(buf)
		buf = larger
	}
	b, open = c.beginData(b)
	if open {
		c.noteSent(h)
		b = h.Append(b)
	}
	return buf, b, open
}

// handOver leaves the rest, and the write lock, to a goroutine, and waits until that has written it or ctx ends. It reports whether the caller has the lock again. Only from then on is the rest
// kept and counts for the send queue: before, it is a write like any other.
func (c *Conn) handOver(ctx context.Context) bool {
	back, size := make(chan struct{}), int64(len(c.rest.b))
	c.mu.Lock()
	c.extras().lockBack = back
	c.mu.Unlock()
	go c.drain()
	select {
	case <-back:
		return true
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.extra.lockBack == nil {
		return true // it has been written at the same time
	}
	c.extra.lockBack = nil
	c.kept.Store(size)
	return false
}

// takeLockBack returns the channel of the caller of handOver that waits for the lock, nil if none does any more, or it has been told.
func (c *Conn) takeLockBack() (back chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.extra != nil {
		back, c.extra.lockBack = c.extra.lockBack, nil
	}
	return back
}

// drain is a goroutine that has the write lock from whoever started it. It writes what waits, and lives until nothing does: the rest of a frame, what is held back, what Send has queued, control frames.
func (c *Conn) drain() {
	for {
		c.writeRest()
		if back := c.takeLockBack(); back != nil {
			close(back)
			return
		}
		c.restLeft()
		more := c.writeQueued() // behind what is held back, in one write
		c.writeHeld()
		if !more {
			break
		}
		if c.drainWaits { // one of them is enough
			c.passToDrain()
			return
		}
		// Whoever waits for the lock has it now, and this goroutine after them.
		c.drainWaits = true
		c.passWriteLock()
		c.writeLock.lock() // also on a connection that is over, where nobody has it for long: passToDrain relies on it
		c.drainWaits = false
	}
	c.writeControl()
	c.unlockWrite()
}

// passToDrain passes the write lock, which the caller has, to the drain that waits for it, or to a new one.
func (c *Conn) passToDrain() {
	if c.drainWaits {
		c.writeLock.unlock() // and it sees to the rest
		return
	}
	go c.drain()
}

// startDrain starts drain, unless somebody has the write lock: they look again. While a Writer is in the middle of a message, what Send has queued waits.
func (c *Conn) startDrain() {
	if !c.writeLock.try() {
		return
	}
	if c.stream != nil && !c.closing() {
		c.passWriteLock()
		c.flushControl()
		return
	}
	c.passToDrain()
}
