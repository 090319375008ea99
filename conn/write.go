package conn

import (
	"context"

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
// without progress, and while a [Conn.Writer] is in the middle of a message. An error that matches [ErrClosed] is final. [Conn.WriteContext] ends with a context, [Conn.Send] never waits.
//
// While the body of a Messages loop runs and further messages lie ready for it, messages of up to 64 KiB are held back and leave together: when those messages have been delivered, when 64 KiB are held, or
// 1 ms after the first. An error met then is returned by the next call.
func (c *Conn) Write(t MessageType, p []byte) error {
	return c.WriteContext(context.Background(), t, p)
}

// WriteContext is like [Conn.Write], and ends with ctx: then it returns an [*InterruptedError], which matches ctx's error, and the connection goes on.
//
// If its turn had not come, nothing of the message will be written. Otherwise a part of it may have been: so its rest is kept, up to the size of the send queue, and leaves before anything else, and the
// message must not be sent again. A rest that is larger cannot be kept, and ends the connection.
func (c *Conn) WriteContext(ctx context.Context, t MessageType, p []byte) error {
	m := outgoing{opcode: frame.Opcode(t &^ Uncompressed), plain: t&Uncompressed != 0, data: p}
	if err := checkMessage(t&^Uncompressed, p); err != nil {
		return err
	}
	return c.writeMessage(ctx, &m)
}

// WritePrepared writes m like [Conn.Write] writes a message. On a connection with context takeover the compressed form refers to nothing before it, and later messages may refer to it.
func (c *Conn) WritePrepared(m *Prepared) error {
	return c.writeMessage(context.Background(), m.outgoing())
}

// writeMessage writes a message in one frame, as soon as it is its turn.
func (c *Conn) writeMessage(ctx context.Context, m *outgoing) error {
	if err := c.beginMessage(ctx); err != nil {
		return err
	}
	h, p, buf := c.encode(m)
	defer bufpool.Put(buf)
	return c.writeFrame(ctx, h, p)
}

// frameOverhead is what may stand before a payload: control frames that are due, and the header.
const frameOverhead = protocol.MaxControl + frame.MaxHeaderSize

// writeFrame writes one data frame and gives the write lock back, which the caller has.
func (c *Conn) writeFrame(ctx context.Context, h frame.Header, p []byte) error {
	if ctx.Done() != nil {
		return c.writeUntil(ctx, h, p)
	}
	err := c.writeWhole(h, p)
	c.unlockWrite()
	return err
}

// address completes the header of a frame with the payload p.
func (c *Conn) address(h *frame.Header, p []byte) {
	h.PayloadLength = uint64(len(p))
	if c.role == RoleClient {
		h.Masked, h.MaskingKey = true, newMaskingKey()
	}
}

// writeWhole writes one data frame with the header h and the payload p, behind what is held back and the control frames that are due; or holds it back, too. The caller has the write lock.
func (c *Conn) writeWhole(h frame.Header, p []byte) error {
	c.address(&h, p)
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
		if len(b) > 0 && c.unwritable.reason() == nil { // what was held is from before the Close
			if err := c.transport.write(b, nil); err != nil {
				return c.dataFailed(err)
			}
		}
		return c.closeError()
	}
	c.noteSent(&h)
	b = h.Append(b)
	var err error
	switch {
	case c.role == RoleClient:
		err = c.writeMasked(b, p, h.MaskingKey)
	case len(p) > copyLimit && c.transport.socket:
		err = c.transport.write(b, p)
	default:
		// What fits goes with the header, so that a short message is one write and one record of TLS, and the rest follows without a copy.
		n := min(len(p), copyLimit)
		err = c.transport.write(append(b, p[:n]...), p[n:])
	}
	if err != nil {
		return c.dataFailed(err)
	}
	return nil
}

// dataFailed remembers that err cut a message, and returns what the caller of a write gets. The caller has the write lock.
func (c *Conn) dataFailed(err error) error {
	c.mu.Lock()
	c.unwritable = &unwritable{cut: err}
	c.mu.Unlock()
	return c.writeFailed(err)
}

// beginData appends the control frames that are due to b, and reports whether a data frame may follow. Both under one lock: a Close that becomes due between the
// question and the write must not leave before the data ("MUST NOT send any more data frames after sending a Close frame", RFC 6455, 5.5.1). The caller has the write lock.
func (c *Conn) beginData(b []byte) ([]byte, bool) {
	start := len(b)
	b, open := c.appendBeforeData(b)
	c.observeSent(b[start:])
	return b, open
}

func (c *Conn) appendBeforeData(b []byte) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
		return b, false
	case c.send.MaySendData():
		return c.appendDue(b), true
	case c.draining && c.send.CloseWaits():
		// Queued before this side's Close, which follows.
		return c.appendBeforeClose(b), true
	}
	return b, false
}

// writeMasked writes b and then p masked, through the free rest of b's buffer. p is not modified.
func (c *Conn) writeMasked(b, p []byte, key mask.Key) error {
	for {
		n := min(cap(b)-len(b), len(p))
		b, key = appendPayload(b, p[:n], true, key)
		p = p[n:]
		if err := c.transport.write(b, nil); err != nil {
			return err
		}
		if len(p) == 0 {
			return nil
		}
		b = b[:0]
	}
}

// appendPayload appends p to b, whose capacity has room for it, masked if the frame is, and returns the key for what follows.
func appendPayload(b, p []byte, masked bool, key mask.Key) ([]byte, mask.Key) {
	if !masked {
		return append(b, p...), key
	}
	start := len(b)
	b = b[:start+len(p)]
	return b, mask.Copy(b[start:], p, key)
}

// writeFailed remembers that nothing can be written any more, and returns what the caller of a write gets. A write that made no progress ends the connection. After any other error,
// messages and the peer's Close may still lie in the receive queue: so reading goes on, until the close timeout. The caller has the write lock.
func (c *Conn) writeFailed(err error) error {
	c.mu.Lock()
	c.unwritable = &unwritable{err, c.unwritable.cause()}
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
