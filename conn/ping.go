package conn

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/hawser-go/hawser/internal/protocol"
)

// ErrNotReading is matched by the error of a [Conn.Ping] that was not answered because nobody read: only a read sees a Pong. A peer that does not answer while somebody reads is another error.
var ErrNotReading = errors.New("hawser: nobody reads this connection, so no pong can be seen: call Ping beside the loop that reads, not in its body")

// Ping sends a Ping frame and waits for the Pong that answers it or a later one (RFC 6455, 5.5.2 and 5.5.3). It returns the round-trip time. Somebody has to read meanwhile, and not
// the caller: from the body of a Messages loop Ping cannot be answered.
//
// It waits until ctx ends, and at most [Config].PongTimeout: then the error matches ctx's, or os.ErrDeadlineExceeded. It also matches [ErrNotReading] if nothing was read meanwhile and no read waits at
// the end: whether the peer has answered is not known then. Without that, a read waits, and the peer has not answered.
func (c *Conn) Ping(ctx context.Context) (time.Duration, error) {
	p := &ping{answered: make(chan struct{})}
	read := c.watch.lastRead.at()
	if !c.sendPing(p) {
		return 0, c.closeError()
	}
	defer c.forget(p)
	var timeout <-chan time.Time
	if c.cfg.PongTimeout > 0 {
		t := time.NewTimer(c.cfg.PongTimeout)
		defer t.Stop()
		timeout = t.C
	}
	var err error
	select {
	case <-p.answered:
		if p.came == 0 {
			return 0, c.closeError()
		}
		return time.Duration(p.came - p.sent), nil
	case <-ctx.Done():
		err = contextError(ctx)
	case <-timeout:
		err = errPongTimeout
	}
	if l := &c.watch.lastRead; !l.waits() && l.at() == read {
		err = fmt.Errorf("%w: %w", ErrNotReading, err)
	}
	return 0, err
}

// A ping is a call of Ping that waits.
type ping struct {
	sent     int64
	came     int64         // of the Pong; 0 if the connection has ended
	answered chan struct{} // closed by either
	next     *ping         // of those that wait
}

// endPings wakes the calls that wait, for the connection has ended: one in the body of a loop would keep the loop from being left, and done comes only then. The caller has c.mu.
func (c *Conn) endPings() {
	if c.extra == nil {
		return
	}
	for p := c.extra.pings; p != nil; p = p.next {
		close(p.answered)
	}
	c.extra.pings = nil
}

// forget takes p out of those that wait.
func (c *Conn) forget(p *ping) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for q := &c.extra.pings; *q != nil; q = &(*q).next {
		if *q == p {
			*q = p.next
			return
		}
	}
}

// pong takes a Pong, and returns the round-trip time that it measures. One that answers a Ping of ours answers all those before it; any other says nothing (RFC 6455, 5.5.3: "unsolicited").
func (c *Conn) pong(data []byte) (rtt time.Duration) {
	if len(data) != protocol.PingSize {
		return 0
	}
	sent := int64(binary.BigEndian.Uint64(data))
	c.mu.Lock()
	defer c.mu.Unlock()
	if sent <= c.lastPong || sent > c.lastPing {
		return 0
	}
	now := max(c.now(), sent)
	c.lastPong = sent
	c.rtt.Store(now - sent)
	if c.extra == nil {
		return time.Duration(now - sent)
	}
	for q := &c.extra.pings; *q != nil; {
		p := *q
		if p.sent > sent {
			q = &p.next
			continue
		}
		*q = p.next
		p.came = now
		close(p.answered)
	}
	return time.Duration(now - sent)
}

// RTT returns the round-trip time that the last answered Ping has measured, keepalive's or [Conn.Ping]'s, 0 if none has been answered.
func (c *Conn) RTT() time.Duration { return time.Duration(c.rtt.Load()) }
