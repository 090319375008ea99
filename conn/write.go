package conn

import (
	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/bufpool"
	"github.com/hawser-go/hawser/internal/protocol"
	"github.com/hawser-go/hawser/mask"
)

const (
	// copyLimit is the size up to which a payload is copied behind its header. One write of a copy is cheaper than a vector of two
	// for small payloads; above, the copy costs more (BenchmarkWrite).
	copyLimit = 16 << 10
	// maskChunk is how much of a large payload is masked into a buffer at a time.
	maskChunk = 64 << 10
)

// Write sends p as one message in one frame. Text must be valid UTF-8. It does not retain p, but p must not be modified until Write returns.
//
// If permessage-deflate has been negotiated (see [Config].Compression), a message of at least its Threshold is compressed, unless t has [Uncompressed] or it would not be shorter.
//
// Write returns when the transport has taken the whole message: so it waits while the peer does not read, at most [Config].WriteTimeout
// without progress. An error that matches [ErrClosed] is final.
//
// While the body of a Messages loop runs and further messages lie ready for it, messages of up to 64 KiB are held back and leave together: when those messages have been delivered, when 64 KiB are held, or
// 1 ms after the first. An error met then is returned by the next call.
func (c *Conn) Write(t MessageType, p []byte) error {
	plain := t&Uncompressed != 0
	t &^= Uncompressed
	if err := checkMessage(t, p); err != nil {
		return err
	}
	if err := c.lockWrite(); err != nil {
		return err
	}
	defer c.unlockWrite()
	if c.writeErr != nil {
		return c.closeError()
	}
	if z := c.compression; z != nil && !plain && !c.over.Load() { // or the compressor would hold something for good
		if buf, b := z.deflated(p); buf != nil {
			defer bufpool.Put(buf)
			return c.writeFrame(frame.Header{Fin: true, RSV1: true, Opcode: frame.Opcode(t)}, b)
		}
	}
	return c.writeFrame(frame.Header{Fin: true, Opcode: frame.Opcode(t)}, p)
}

// frameOverhead is what may stand before a payload: control frames that are due, and the header.
const frameOverhead = protocol.MaxControl + frame.MaxHeaderSize

// writeFrame writes one data frame with the header h and the payload p, behind what is held back and a Pong if one is due; or holds it back, too. The caller has the write lock.
func (c *Conn) writeFrame(h frame.Header, p []byte) error {
	h.PayloadLength = uint64(len(p))
	if c.role == RoleClient {
		h.Masked, h.MaskingKey = true, newMaskingKey()
	}
	if frameOverhead+len(p) <= heldSize && c.corked.Load() {
		return c.holdFrame(h, p)
	}
	size := frameOverhead
	switch {
	case c.role == RoleClient:
		size += min(len(p), maskChunk)
	case len(p) <= copyLimit || !c.transport.socket:
		size += min(len(p), copyLimit)
	}
	if err := c.makeRoom(size); err != nil {
		return err
	}
	buf, b := c.takeHeld()
	if buf == nil {
		buf = bufpool.Get(size)
		b = (*buf)[:0]
	}
	defer bufpool.Put(buf)
	b, open := c.beginData(b)
	if !open {
		if len(b) > 0 && c.writeErr == nil { // what was held is from before the Close
			if err := c.transport.write(b); err != nil {
				return c.dataFailed(err)
			}
		}
		return c.closeError()
	}
	b = h.Append(b)
	var err error
	switch {
	case c.role == RoleClient:
		err = c.writeMasked(b, p, h.MaskingKey)
	case len(p) > copyLimit && c.transport.socket:
		c.vectors = [2][]byte{b, p}
		c.vector = c.vectors[:]
		err = c.transport.writeVector(&c.vector)
		c.vectors, c.vector = [2][]byte{}, nil // p is not retained
	default:
		// What fits goes with the header, so that a short message is one write and one record of TLS, and the rest follows without a copy.
		n := min(len(p), copyLimit)
		if err = c.transport.write(append(b, p[:n]...)); err == nil {
			err = c.transport.write(p[n:])
		}
	}
	if err != nil {
		return c.dataFailed(err)
	}
	return nil
}

// dataFailed remembers that err cut a message, and returns what the caller of a write gets. The caller has the write lock.
func (c *Conn) dataFailed(err error) error {
	c.mu.Lock()
	c.dataErr = err
	c.mu.Unlock()
	return c.writeFailed(err)
}

// beginData appends the Pong to b that is due, if one is, and reports whether a data frame may follow. Both under one lock: a Close that becomes due between the
// question and the write must not leave before the data ("MUST NOT send any more data frames after sending a Close frame", RFC 6455, 5.5.1). The caller has the write lock.
func (c *Conn) beginData(b []byte) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil || !c.send.MaySendData() {
		return b, false
	}
	return c.appendDue(b), true
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
		return c.closeError()
	}
}

// unlockWrite gives the write lock back, and sends control frames that became due meanwhile: whoever queued them found the lock taken.
func (c *Conn) unlockWrite() {
	c.passWriteLock()
	c.flushControl()
}

// passWriteLock gives the write lock back. Whoever ended the connection may have found it taken.
func (c *Conn) passWriteLock() {
	<-c.writeLock
	if c.over.Load() {
		c.closeCompressor()
	}
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
			e.Err = err // whatever was cut
		}
		c.mu.Unlock()
		return e
	}
	c.mu.Unlock()
	return c.abort(err)
}
