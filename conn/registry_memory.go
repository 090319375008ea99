package conn

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/bufpool"
)

// A stock is what a connection holds bytes for.
type stock uint8

const (
	stockReceived stock = iota // messages that are being read
	stockQueued                // messages that wait to be sent
	stockKept                  // what compression keeps between messages, for as long as the connection lives
	stocks
)

// A meter says how much a connection holds. It is made when there is something to be counted: most connections only ever have messages that lie in a read buffer, and none.
type meter struct {
	mu    sync.Mutex
	bytes [stocks]int64
	since [stocks]int64 // when that began, see Conn.now
	dying bool          // the connection has ended, or is made to: what it holds is about to be given back
}

// errNoRoom ends a connection because a Registry's holds too much.
var errNoRoom = &frame.ProtocolError{Code: frame.StatusTryAgainLater, Section: "RFC 6455, 10.4",
	Detail: "all connections together hold more than they may"}

// hold counts delta bytes more that the connection holds, or fewer.
func (c *Conn) hold(s stock, delta int64) {
	if r := c.cfg.Registry; r != nil && delta != 0 {
		c.count(s, delta, r.buffered.Add(delta))
	}
}

// tryHold is hold, unless there is no room: then nothing is counted, and it reports false.
func (c *Conn) tryHold(s stock, delta int64) bool {
	r := c.cfg.Registry
	if r == nil || delta == 0 {
		return true
	}
	sum := r.buffered.Add(delta)
	if delta > 0 && sum > r.most() {
		r.buffered.Add(-delta)
		return false
	}
	c.count(s, delta, sum)
	return true
}

// count does the rest of hold. All connections together hold sum bytes now.
func (c *Conn) count(s stock, delta, sum int64) {
	r := c.cfg.Registry
	m := c.meter.Load()
	for m == nil {
		c.meter.CompareAndSwap(nil, new(meter))
		m = c.meter.Load()
	}
	m.mu.Lock()
	if m.bytes[s] == 0 {
		m.since[s] = c.now()
	}
	m.bytes[s] += delta
	if m.dying {
		r.dying.Add(delta)
	}
	m.mu.Unlock()
	if delta > 0 && sum-r.dying.Load() > r.limit() && r.relieving.CompareAndSwap(false, true) {
		go r.relieve() // the caller may have locks
	}
}

// holdAnew tells that what is held of s from now on is not what was held before.
func (c *Conn) holdAnew(s stock) {
	if m := c.meter.Load(); m != nil {
		m.mu.Lock()
		m.since[s] = c.now()
		m.mu.Unlock()
	}
}

// doom tells that the connection is about to give back all that it holds, so that nobody else has to. It returns how much that is.
func (c *Conn) doom() int64 {
	m := c.meter.Load()
	if m == nil {
		return 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dying {
		return 0
	}
	m.dying = true
	n := m.bytes[stockReceived] + m.bytes[stockQueued] + m.bytes[stockKept]
	c.cfg.Registry.dying.Add(n)
	return n
}

// weight says how much the connection holds and for how long, 0 if nothing. The first second counts as one: what has just come is not for nothing. What compression keeps grows no older, for every connection that compresses has it.
func (c *Conn) weight() float64 {
	m := c.meter.Load()
	if m == nil {
		return 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	weight, now := float64(m.bytes[stockKept]), c.now()
	for _, s := range []stock{stockReceived, stockQueued} {
		weight += float64(m.bytes[s]) * (1 + time.Duration(now-m.since[s]).Seconds())
	}
	return weight
}

// relieve closes connections until the rest hold no more than they may. It has relieving from whoever started it.
func (r *Registry) relieve() {
	for {
		closed := r.closeHeaviest()
		r.relieving.Store(false)
		// Who came to be too much meanwhile found it set.
		if !closed || r.living() <= r.limit() || !r.relieving.CompareAndSwap(false, true) {
			return
		}
	}
}

// living returns how many bytes the connections hold that are not about to give them back.
func (r *Registry) living() int64 { return r.buffered.Load() - r.dying.Load() }

// closeHeaviest closes as many connections as it takes to come down to seven eighths of the limit, the heaviest first, and reports whether there were any. All connections are looked at, which is worth an eighth of the limit: that much has
// to come from the peers before it happens again.
func (r *Registry) closeHeaviest() bool {
	type candidate struct {
		c      *Conn
		weight float64
	}
	var all []candidate
	for c := range r.All() {
		if w := c.weight(); w > 0 {
			all = append(all, candidate{c, w})
		}
	}
	slices.SortFunc(all, func(a, b candidate) int { return cmp.Compare(b.weight, a.weight) })
	target := r.limit() / 8 * 7
	for _, v := range all {
		if r.living() <= target {
			break
		}
		v.c.shed()
	}
	return len(all) > 0
}

// shed fails the connection with 1013 from outside, and never waits: what it holds is given back as soon as who reads notices, or at once if nobody does.
func (c *Conn) shed() {
	c.doom()
	c.mu.Lock()
	c.send.Fail(errNoRoom.Code, errNoRoom.Detail, errNoRoom)
	c.startCloseTimer()
	c.mu.Unlock()
	first := false
	var l *loopDriver
	c.terminate(func(*CloseError) {
		first = true
		if l = c.transport.loop; l != nil {
			l.shed = true
		}
	})
	if !first {
		return // whoever ended it sees to the rest
	}
	if q := c.queue.Load(); q != nil {
		q.clear()
	}
	c.flushControl()
	if l != nil {
		l.loop.Wake() // the driver sees to the rest
		return
	}
	// Who reads finds over set before the next wait. This ends one that has begun.
	c.watch.mu.Lock()
	c.transport.reader().SetReadDeadline(time.Unix(1, 0))
	c.watch.mu.Unlock()
	go func() {
		if c.turn.take(theEngine, c.done, nil) != nil {
			return // the close timeout was faster
		}
		c.setReadErr(nil) // it may be that of the deadline
		c.in.discard()
		c.watch.dismiss()
		c.transport.reader().SetReadDeadline(time.Time{})
		c.turn.pass(nobody)              // others find over set, and read nothing
		c.linger(true, bufpool.Smallest) // memory is what there is none of
	}()
}
