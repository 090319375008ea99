package conn

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/protocol"
)

// watch is what a waiting read looks at beside the bytes: how long the peer has been silent, how slowly a message comes, and the caller's context. It works by stepping the transport's read
// deadline, so it needs no goroutine and no timer of its own, and does nothing while nobody reads. Times are those of Conn.now. It belongs to whose turn it is to read, but for what mu guards.
type watch struct {
	lastRead    lastRead // when bytes came last
	lastMessage int64    // and a message
	pinged      int64    // when the Ping was sent that has not been answered by any byte; 0 if none
	deadline    int64    // when a read is interrupted, if armed

	armed     bool        // a deadline is set, or none is needed
	expired   bool        // it has passed: what has come meanwhile is read first
	closed    bool        // the closing handshake has begun: nothing is asked any more
	over      bool        // the connection has ended, and no context is followed any more; guarded by mu
	cancelled atomic.Bool // followed has ended, and the deadline is in the past

	mu       sync.Mutex
	followed *followed // the context of the read, nil if it has none that ends
}

// A followed is a context with which reads end.
type followed struct {
	ctx  context.Context
	stop func() bool // unregisters it
}

// lastRead is when bytes came last, and whether a read waits for the next ones: in one word, because every read writes it. Only whose turn it is to read writes.
type lastRead struct{ word atomic.Int64 }

func (l *lastRead) at() int64      { return l.word.Load() >> 1 }
func (l *lastRead) waits() bool    { return l.word.Load()&1 != 0 }
func (l *lastRead) came(now int64) { l.word.Store(now << 1) } // and so nobody waits
func (l *lastRead) wait(yes bool) {
	v := l.word.Load()
	if yes != (v&1 != 0) {
		l.word.Store(v ^ 1)
	}
}

const (
	// progressGrace and progressRate are how slowly a message may come: after 20 s, 1 KiB/s on average. It is the peer who has to keep to it: only the time counts in which a read waits for more.
	progressGrace = 20 * time.Second
	progressRate  = 1 << 10
)

// forever is longer than any connection lasts, and may be added to a time.
const forever = 1 << 62

// catchUpTime is enough for a read of what is there, by a transport whose reads cannot but wait, also where every processor is busy.
const catchUpTime = 50 * time.Millisecond

var errProgress = &frame.ProtocolError{Code: frame.StatusPolicyViolation, Section: "RFC 6455, 10.4",
	Detail: "message comes more slowly than 1 KiB/s"}

// errPongTimeout ends a connection whose peer is silent, and is always the Err of a CloseError.
var errPongTimeout = timeoutError("nothing has come within the pong timeout after a ping")

// came notes that bytes have come.
func (w *watch) came(now int64) {
	w.lastRead.came(now)
	if w.pinged != 0 {
		w.pinged, w.armed = 0, false
	}
	w.expired = false
}

// came notes that n bytes have come.
func (c *Conn) came(n int) {
	now := c.now()
	c.watch.came(now)
	c.in.pause(now)
	c.receivedBytes.Store(c.receivedBytes.Load() + uint64(n))
	c.received.publish()
}

// A pace is how long the rest of a message has been waited for.
type pace struct {
	since int64 // a read waits; 0 if none does
	so    int64 // long have reads waited before
}

// pause tells that no read waits any more.
func (in *input) pause(now int64) {
	if in.waitsForRest() {
		in.pace = pace{so: in.pace.so + now - in.pace.since}
	}
}

// waitsForRest reports whether a read waits for the rest of a message.
func (in *input) waitsForRest() bool { return in.reading != nil && in.pace.since != 0 }

// pauseReading tells that nobody reads for a while.
func (c *Conn) pauseReading() {
	c.watch.lastRead.wait(false)
	if c.in.waitsForRest() {
		c.in.pause(c.now())
	}
}

// mayWait is called before a read waits, when one has found that nothing is there. It does what is due meanwhile, and reports false if the connection is over.
func (c *Conn) mayWait() bool {
	c.noteMessages()
	return c.watch.armed && !c.watch.expired || c.step()
}

// noteMessages is called when what has come has been looked at, and a read waits next.
func (c *Conn) noteMessages() {
	c.received.publish()
	w := &c.watch
	w.lastRead.wait(true)
	if c.delivered {
		c.delivered, w.lastMessage, c.in.unfinished = false, w.lastRead.at(), false
	}
	inside := c.in.insideMessage()
	begun := inside && !c.in.unfinished
	if c.in.unfinished = inside; c.in.reading != nil && (!inside || begun) {
		c.in.pace = pace{}
	}
	if inside && c.in.pace.since == 0 {
		c.in.pace.since = c.now()
		if begun { // else what is armed comes first: what is due for a message moves only into the future
			w.armed = w.armed && w.deadline <= c.in.pace.since+int64(progressGrace) // an earlier deadline leads to this one
		}
	}
}

// due is when what has to be done.
type due struct{ progress, idle, ping, pong int64 }

func (d due) first() int64 { return min(d.progress, d.idle, d.ping, d.pong) }

// due returns when what is due, forever for what is not.
func (c *Conn) due() due {
	w := &c.watch
	d := due{forever, forever, forever, forever}
	if c.in.waitsForRest() {
		d.progress = c.in.pace.since - c.in.pace.so + int64(max(progressGrace, time.Duration(c.in.recv.Received()/progressRate)*time.Second))
	}
	if c.cfg.IdleTimeout > 0 && !w.closed {
		d.idle = w.lastMessage + min(int64(c.cfg.IdleTimeout), forever)
	}
	switch {
	case c.cfg.PingInterval <= 0 || w.closed:
	case w.pinged == 0:
		d.ping = w.lastRead.at() + min(int64(c.cfg.PingInterval), forever)
	case c.cfg.PongTimeout > 0:
		d.pong = w.pinged + min(int64(c.cfg.PongTimeout), forever)
	}
	return d
}

// step does what is due, and sets the deadline for what is due next.
func (c *Conn) step() bool {
	w := &c.watch
	w.expired = false
	now := c.now()
	d := c.due()
	switch {
	case d.progress <= now:
		c.meet().violation = errProgress
		return false
	case d.pong <= now && c.cfg.WriteTimeout > 0 && c.pingWaits():
		w.pinged = now // it has not been asked yet: a message is on its way, which has its own timeout
	case d.pong <= now:
		c.setReadErr(errPongTimeout)
		return false
	}
	if d.idle <= now {
		w.closed = true
		c.beginClose(frame.StatusGoingAway, "idle timeout")
	}
	if d.ping <= now {
		c.compression.shed()
		w.pinged = now
		w.closed = !c.sendPing(nil) // the closing handshake has begun, which has its own timeout
	}
	w.armed, w.deadline = true, c.due().first()
	var at time.Time
	if w.deadline < forever {
		at = time.Now().Add(time.Duration(w.deadline - now))
	}
	// Without its deadline a read might wait for ever.
	if err := c.setReadDeadline(at); err != nil {
		c.setReadErr(err)
		return false
	}
	return true
}

// pingWaits reports whether a Ping has not left yet.
func (c *Conn) pingWaits() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.send.PingDue()
}

// setReadDeadline sets the transport's read deadline, unless the context of the read has put it into the past.
func (c *Conn) setReadDeadline(t time.Time) error {
	c.watch.mu.Lock()
	defer c.watch.mu.Unlock()
	if c.watch.cancelled.Load() || c.over.Load() { // or the end of the connection has
		return nil
	}
	return c.transport.reader().SetReadDeadline(t)
}

// timedOut is called when a read has returned err. It reports whether that was a deadline, after which reading goes on; if it was that of the context, which the read is to return, cancelled is its
// error. If neither, err is the transport's end, also if the context has ended at the same time.
func (c *Conn) timedOut(err error) (again bool, cancelled error) {
	if !errors.Is(err, os.ErrDeadlineExceeded) || c.over.Load() {
		return false, nil
	}
	w := &c.watch
	if w.cancelled.Load() {
		w.mu.Lock()
		defer w.mu.Unlock()
		return false, contextError(w.followed.ctx)
	}
	// Bytes may have come that the deadline kept from being read, or the caller was away for long: neither makes a live peer dead. So what is there is read first.
	w.expired = true
	return true, nil
}

// follow makes the reads that follow end with ctx. It is the caller's turn. The same context again costs nothing: it is recognised by its Done channel.
func (c *Conn) follow(ctx context.Context) error {
	w := &c.watch
	if ctx.Done() == nil {
		if w.followed != nil {
			c.unfollow()
		}
		return nil
	}
	if err := ctx.Err(); err != nil {
		return contextError(ctx)
	}
	if w.followed != nil && w.followed.ctx.Done() == ctx.Done() {
		return nil
	}
	c.unfollow()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return nil
	}
	f := &followed{ctx: ctx}
	w.followed = f
	f.stop = context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.followed == f && !w.over { // or it comes late
			w.cancelled.Store(true)
			c.transport.reader().SetReadDeadline(time.Unix(1, 0))
		}
	})
	return nil
}

// unfollow ends what follow began.
func (c *Conn) unfollow() {
	w := &c.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.followed != nil {
		w.followed.stop()
		w.followed = nil
	}
	if w.cancelled.Load() {
		w.cancelled.Store(false)
		w.armed = false
		c.transport.reader().SetReadDeadline(time.Time{})
	}
}

// dismiss ends for good what follow began: a context that outlives the connection must not keep it.
func (w *watch) dismiss() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	if w.followed != nil {
		w.followed.stop()
	}
}

// beginClose begins the closing handshake, if it has not begun, from the side of the reader.
func (c *Conn) beginClose(code frame.StatusCode, reason string) {
	c.mu.Lock()
	if c.err == nil && c.send.Close(code, reason) {
		c.startCloseTimer()
	}
	c.mu.Unlock()
	c.flushControl()
}

// sendPing sends a Ping that says when it was sent, and has p, if it is not nil, wait for the Pong. No two Pings say the same, and a later one says more, also where clocks are coarse.
func (c *Conn) sendPing(p *ping) bool {
	var data [protocol.PingSize]byte
	c.mu.Lock()
	sent := max(c.now(), c.lastPing+1)
	binary.BigEndian.PutUint64(data[:], uint64(sent))
	open := c.err == nil && c.unwritable.reason() == nil && c.send.Ping(data)
	if open {
		c.lastPing = sent
		if p != nil {
			p.sent = sent
			x := c.extras()
			p.next, x.pings = x.pings, p
		}
	}
	c.mu.Unlock()
	c.flushControl()
	return open
}
