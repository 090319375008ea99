package conn

import (
	"context"
	"errors"
	"iter"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/bufpool"
)

// ErrSendQueueFull is returned by Send if the message has no room in the send queue. Nothing of it has been sent.
var ErrSendQueueFull = errors.New("hawser: the send queue is full (Config.SendQueue)")

// QueuePolicy says what Send does with a message for which the send queue has no room.
type QueuePolicy uint8

const (
	// DropNewest: the message is not sent, and Send returns ErrSendQueueFull. The default.
	DropNewest QueuePolicy = iota
	// DropOldest: those that have waited longest are dropped, as many as it takes. For what the next message makes worthless: prices, positions, states. What is being written already cannot be dropped, and does
	// not count.
	DropOldest
	// ClosePolicyViolation: what waits is dropped, and the connection closed with 1008, as a peer that reads too slowly deserves.
	ClosePolicyViolation
	// CloseTryAgainLater: the same with 1013, for a peer that should come back.
	CloseTryAgainLater
)

// Send sends p like [Conn.Write], and never waits: what the transport does not take now is copied, up to [Config].SendQueue bytes, and leaves as soon as the peer reads. If there is no room for
// it, [Config].WhenFull says what happens. It does not retain p.
//
// Send returns nil if the message has been written or queued. What a later write of it meets ends the connection and is in [Conn.CloseInfo]. Messages leave in the order of the calls of Send and Write.
//
// Every message in the queue counts for 64 bytes more than it has. One that is larger than the whole queue is refused with [ErrSendQueueFull]: use Write.
func (c *Conn) Send(t MessageType, p []byte) error {
	m := outgoing{opcode: frame.Opcode(t &^ Uncompressed), plain: t&Uncompressed != 0, data: p}
	if err := checkMessage(t&^Uncompressed, p); err != nil {
		return err
	}
	_, err := c.sendMessage(&m, c.cfg.WhenFull)
	return err
}

// SendContext is like [Conn.Send], but if the queue is full it waits for room until ctx ends, whatever [Config].WhenFull says. Then the error is an [*InterruptedError], and nothing of the message has been
// sent.
func (c *Conn) SendContext(ctx context.Context, t MessageType, p []byte) error {
	m := outgoing{opcode: frame.Opcode(t &^ Uncompressed), plain: t&Uncompressed != 0, data: p}
	if err := checkMessage(t&^Uncompressed, p); err != nil {
		return err
	}
	for {
		if ctx.Err() != nil {
			return &InterruptedError{Err: contextError(ctx)}
		}
		room, err := c.sendMessage(&m, DropNewest)
		if room == nil {
			return err
		}
		select {
		case <-room:
		case <-c.done():
			return c.closeError()
		case <-ctx.Done():
		}
	}
}

// SendPrepared sends m like [Conn.Send] sends a message. It is not copied, not into the queue either: so a broadcast needs its memory once. See [Broadcast].
func (c *Conn) SendPrepared(m *Prepared) error {
	_, err := c.sendMessage(m.outgoing(), c.cfg.WhenFull)
	return err
}

// Broadcast sends m to each of conns with [Conn.SendPrepared], and so waits for none of them. It returns how many have not taken it: whose queue is full, or that have ended.
func Broadcast(m *Prepared, conns iter.Seq[*Conn]) (failed int) {
	for c := range conns {
		if c.SendPrepared(m) != nil {
			failed++
		}
	}
	return failed
}

// BufferedAmount returns how many bytes that Send has taken have not been passed to the transport, without the overhead of frames, but for one that is cut. It is named as in the browser's API.
func (c *Conn) BufferedAmount() int64 { return c.kept.Load() + c.queue.Load().amount() }

// sendMessage writes m as far as the transport takes it, and queues it otherwise. If that is why it fails, room is closed when there is more.
func (c *Conn) sendMessage(m *outgoing, full QueuePolicy) (room <-chan struct{}, err error) {
	if m.cost() > c.cfg.SendQueue {
		c.observeFull(m)
		return nil, ErrSendQueueFull
	}
	if !c.writeLock.try() {
		room, err = c.enqueue(m, full)
		if c.queued() {
			c.startDrain() // whoever had the lock may not have seen it any more
		}
		return room, err
	}
	switch size := frameOverhead + len(m.data); {
	case c.unwritable.reason() != nil:
		err = c.closeError()
	case c.stream != nil, c.queued():
		room, err = c.enqueue(m, full)
	case size <= heldSize && c.corked.Load() && (c.held == nil || len(*c.held)-c.heldLen >= size):
		h, p, buf := c.encode(m)
		c.address(&h, p)
		err = c.holdFrame(h, p)
		bufpool.Put(buf)
	case !c.transport.writesAtOnce() || c.held != nil:
		room, err = c.enqueue(m, full)
	default:
		return nil, c.sendFrame(m)
	}
	c.unlockWrite()
	return room, err
}

// sendFrame writes m, keeps what the transport does not take, and gives the write lock back, which the caller has.
func (c *Conn) sendFrame(m *outgoing) error {
	buf, b, open := c.frame(m)
	if !open {
		bufpool.Put(buf)
		c.unlockWrite()
		return c.closeError()
	}
	n, err := c.transport.writeAtOnce(b)
	switch {
	case err != nil:
		err = c.dataFailed(writeError(err))
	case n < len(b):
		c.keepRest(buf, b[n:])
		c.kept.Store(int64(len(b) - n))
		go c.drain()
		return nil
	}
	bufpool.Put(buf)
	c.unlockWrite()
	return err
}

// frame returns all bytes of m's frame, behind the control frames that are due, in a buffer, or without one as they are prepared. The caller has the write lock, and nothing is held back.
func (c *Conn) frame(m *outgoing) (buf *[]byte, b []byte, open bool) {
	if m.prepared != nil && c.role == RoleServer {
		b, open = c.beginData(nil)
		if !open {
			return nil, nil, false
		}
		f := m.prepared.frame(c.compression)
		h, _ := frame.ConsumeHeader(f)
		c.noteSent(&h)
		if len(b) == 0 {
			return nil, f, true
		}
		buf = bufpool.Get(len(b) + len(f))
		return buf, append(append((*buf)[:0], b...), f...), true
	}
	h, p, deflated := c.encode(m)
	defer bufpool.Put(deflated)
	c.address(&h, p)
	if buf, b, open = c.beginFrame(&h, len(p)); open {
		b, _ = appendPayload(b, p, h.Masked, h.MaskingKey)
	}
	return buf, b, open
}

// enqueue puts m into the queue. If there is no room, room is closed when there is more.
func (c *Conn) enqueue(m *outgoing, full QueuePolicy) (room <-chan struct{}, err error) {
	if e := c.ending(); e != nil {
		return nil, e
	}
	q := c.queue.Load()
	if q == nil {
		if q = (&sendQueue{c: c}); !c.queue.CompareAndSwap(nil, q) {
			q = c.queue.Load()
		}
	}
	ok, room := q.add(m, c.cfg.SendQueue, &c.kept, full == DropOldest)
	if ok {
		return nil, nil
	}
	c.observeFull(m)
	switch full {
	case ClosePolicyViolation:
		c.closeFull(q, frame.StatusPolicyViolation)
	case CloseTryAgainLater:
		c.closeFull(q, frame.StatusTryAgainLater)
	default:
		return room, ErrSendQueueFull
	}
	return nil, ErrSendQueueFull
}

// ending returns how the connection ends, nil if messages may be sent.
func (c *Conn) ending() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
		return c.err
	case c.unwritable.reason() != nil || !c.send.MaySendData():
		return c.snapshot()
	}
	return nil
}

// closeFull closes the connection because its queue, which is dropped, is full. It does not wait.
func (c *Conn) closeFull(q *sendQueue, code frame.StatusCode) {
	q.clear()
	c.beginClose(code, "send queue is full")
}

// encode returns the header and payload with which m leaves, in a buffer if it has been compressed. The caller has the write lock.
func (c *Conn) encode(m *outgoing) (h frame.Header, p []byte, buf *[]byte) {
	h = frame.Header{Fin: true, Opcode: m.opcode}
	z := c.compression
	if z == nil || m.plain || len(m.data) < z.minSize || c.over.Load() { // on a connection that is over, the compressor would hold something for good
		return h, m.data, nil
	}
	if m.prepared != nil {
		if _, p, h.RSV1 = m.prepared.forms(z); h.RSV1 {
			z.compressor.Note(m.data) // the peer's window has it, too
		}
		return h, p, nil
	}
	if buf, p = z.deflated(m.data); buf != nil {
		h.RSV1 = true
		return h, p, buf
	}
	return h, m.data, nil
}

// writeQueued writes some of what Send has queued, one large message or 64 KiB of short ones, and reports whether more may be written. The caller has the write lock.
func (c *Conn) writeQueued() (more bool) {
	q := c.queue.Load()
	if q == nil || q.isEmpty() {
		return false
	}
	switch {
	case c.unwritable.reason() != nil:
		q.clear()
		return false
	case c.stream != nil:
		if c.closing() {
			q.clear() // the message in the middle of which the connection closes is not complete
		}
		return false
	}
	c.draining = true
	payload, cost, held := int64(0), int64(0), int64(0)
	var err error
	for cost < heldSize && err == nil {
		m, ok := q.next()
		if !ok {
			break
		}
		payload += int64(len(m.data))
		cost += m.cost()
		held += m.held()
		err = c.writeDequeued(&m)
	}
	c.draining = false
	if e := c.writeHeld(); err == nil {
		err = e
	}
	q.wrote(payload, cost, held)
	if err != nil {
		q.clear()
	}
	c.noteDrained()
	return !q.isEmpty()
}

// writeDequeued writes m, or holds it back for the others behind it.
func (c *Conn) writeDequeued(m *outgoing) error {
	h, p, deflated := c.encode(m)
	defer bufpool.Put(deflated)
	defer bufpool.Put(m.buf)
	if frameOverhead+len(p) > heldSize {
		return c.writeWhole(h, p)
	}
	c.address(&h, p)
	return c.appendHeld(h, p, int(min(heldSize, frameOverhead+int64(len(p))+c.queue.Load().amount())))
}

// noteDrained is called when something that waited has left.
func (c *Conn) noteDrained() {
	if c.BufferedAmount() == 0 {
		c.drained()
	}
}
