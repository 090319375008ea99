package conn

import (
	"unicode/utf8"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/bufpool"
	"github.com/hawser-go/hawser/mask"
)

const (
	// copyLimit is the size up to which a payload is copied behind its header. One write of a copy is cheaper than a vector of two
	// for small payloads; above, the copy costs more (BenchmarkWrite).
	copyLimit = 16 << 10
	// maskChunk is how much of a large payload is masked into a buffer at a time.
	maskChunk = 64 << 10
)

// Write sends p as one message in one frame. It does not retain p. Text must be valid UTF-8.
//
// Write returns when the transport has taken the whole message: so it waits while the peer does not read, at most [Config].WriteTimeout
// without progress. An error that matches [ErrClosed] is final.
func (c *Conn) Write(t MessageType, p []byte) error {
	if t != Text && t != Binary {
		return ErrInvalidMessageType
	}
	if t == Text && !utf8.Valid(p) {
		return ErrInvalidUTF8
	}
	if err := c.lockWrite(); err != nil {
		return err
	}
	defer c.unlockWrite()
	c.mu.Lock()
	open := c.err == nil && c.send.MaySendData()
	c.mu.Unlock()
	if !open {
		return c.closeError()
	}
	if err := c.writeFrame(frame.Opcode(t), p); err != nil {
		return c.writeFailed(err)
	}
	return nil
}

// writeFrame writes one data frame, behind the control frames that are due. The caller has the write lock.
func (c *Conn) writeFrame(op frame.Opcode, p []byte) error {
	if c.writeErr != nil {
		return c.writeErr
	}
	h := frame.Header{Fin: true, Opcode: op, PayloadLength: uint64(len(p))}
	if c.role == RoleClient {
		h.Masked, h.MaskingKey = true, newMaskingKey()
	}
	size := len(c.control) + frame.MaxHeaderSize
	switch {
	case c.role == RoleClient:
		size += min(len(p), maskChunk)
	case len(p) <= copyLimit || !c.transport.socket:
		size += min(len(p), copyLimit)
	}
	buf := bufpool.Get(size)
	defer bufpool.Put(buf)
	b := c.appendControl((*buf)[:0])
	b = frame.AppendHeader(b, h)
	if c.role == RoleClient {
		return c.writeMasked(b, p, h.MaskingKey)
	}
	if len(p) > copyLimit && c.transport.socket {
		c.vectors = [2][]byte{b, p}
		c.vector = c.vectors[:]
		err := c.transport.writeVector(&c.vector)
		c.vectors, c.vector = [2][]byte{}, nil // p is not retained
		return err
	}
	// Not a socket: what fits goes with the header, so that a short message is one record of TLS, and the rest follows without a copy.
	n := min(len(p), copyLimit)
	if err := c.transport.write(append(b, p[:n]...)); err != nil {
		return err
	}
	return c.transport.write(p[n:])
}

// writeMasked writes b and then p masked, through the free rest of b's buffer. p is not modified.
func (c *Conn) writeMasked(b, p []byte, key mask.Key) error {
	for {
		start := len(b)
		n := min(cap(b)-start, len(p))
		b = b[:start+n]
		key = mask.Copy(b[start:], p[:n], key)
		p = p[n:]
		if err := c.transport.write(b); err != nil {
			return err
		}
		if len(p) == 0 {
			return nil
		}
		b = b[:0]
	}
}

// lockWrite waits for the write lock. It returns an error if the connection has ended, or ends meanwhile.
func (c *Conn) lockWrite() error {
	select {
	case c.writeLock <- struct{}{}:
		return nil
	default:
	}
	select {
	case c.writeLock <- struct{}{}:
		return nil
	case <-c.done:
		return c.ended()
	}
}

// unlockWrite gives the write lock back, and sends control frames that became due meanwhile: whoever queued them found the lock taken.
func (c *Conn) unlockWrite() {
	<-c.writeLock
	c.flushControl()
}

// writeFailed remembers that nothing can be written any more, and returns what the caller of a write gets. A write that made no progress ends the connection. After any other error,
// messages and the peer's Close may still lie in the receive queue: so reading goes on, until the close timeout. The caller has the write lock.
func (c *Conn) writeFailed(err error) error {
	c.mu.Lock()
	c.writeErr = err
	if err != errWriteTimeout {
		c.startCloseTimer()
		e := c.err
		if e == nil {
			e = c.snapshot()
			e.Err = err
		}
		c.mu.Unlock()
		return e
	}
	c.mu.Unlock()
	return c.abort(err)
}
