//go:build linux

package main

import (
	"fmt"
	"time"
)

// spin runs the loop until done says so. step is called before each wait and returns how long to wait, in milliseconds.
func (l *loop) spin(count *int64, done func(now time.Time) bool, wait func(now time.Time) int) error {
	last, progress := time.Now(), *count
	for {
		now := time.Now()
		if done(now) {
			return nil
		}
		if l.outstanding < 0 {
			return fmt.Errorf("%d more messages came than were asked for", -l.outstanding)
		}
		if *count != progress {
			progress, last = *count, now
		} else if now.Sub(last) > patience {
			return fmt.Errorf("nothing has come for %v; %d messages are outstanding", patience, l.outstanding)
		}
		if err := l.poll(wait(now)); err != nil {
			return err
		}
	}
}

func tick(time.Time) int { return 100 }

// closed keeps inflight messages under way on every connection: each reply sends another one.
func (l *loop) closed(d time.Duration, _ bool) (count int64, err error) {
	draining := false
	var failed error
	l.received = func(c *conn, m int) {
		count += int64(m)
		l.outstanding -= m
		if draining {
			return
		}
		l.outstanding += m
		if err := l.send(c, m); err != nil && failed == nil {
			failed = err
		}
	}
	deadline := time.Now().Add(d)
	for _, c := range l.conns {
		l.outstanding += l.o.inflight
		if err := l.send(c, l.o.inflight); err != nil {
			return count, err
		}
	}
	err = l.spin(&count, func(now time.Time) bool {
		draining = now.After(deadline)
		return failed != nil || draining && l.outstanding == 0
	}, tick)
	if err == nil {
		err = failed
	}
	return count, err
}

// exchange sends n messages on every connection, one after the other, and waits for the replies.
func (l *loop) exchange(n int) error {
	for range n {
		if _, err := l.closed(-1, false); err != nil {
			return err
		}
	}
	return nil
}

// openLoop sends at a fixed rate, whatever the server does. A latency counts from the time at which the message was due, not from when it could be sent: otherwise a
// server that stalls would be asked less while it does (coordinated omission). It does not sleep: it has a core of its own.
func (l *loop) openLoop(d time.Duration, record bool) (count int64, err error) {
	start := time.Now()
	l.received = func(c *conn, m int) {
		now := time.Since(start)
		count += int64(m)
		l.outstanding -= m
		for range m {
			if due := c.intended.pop(); record {
				l.latency.Record(now - due)
			}
		}
	}
	p := &pacer{l: l, conns: l.conns, start: start, total: int64(d.Seconds() * l.o.rate)}
	err = l.spin(&count, func(time.Time) bool { return p.failed != nil || p.sent == p.total && l.outstanding == 0 }, p.send)
	if err == nil {
		err = p.failed
	}
	return count, err
}

// A pacer sends total messages at the rate of the options, on one connection after the other.
type pacer struct {
	l           *loop
	conns       []*conn
	start       time.Time
	sent, total int64
	failed      error
}

// send sends what is due, and returns how long to wait, in milliseconds.
func (p *pacer) send(now time.Time) int {
	for elapsed := now.Sub(p.start); p.sent < p.total; p.sent++ {
		due := time.Duration(float64(p.sent) * float64(time.Second) / p.l.o.rate)
		if due > elapsed {
			return 0
		}
		c := p.conns[p.sent%int64(len(p.conns))]
		c.intended.push(due)
		p.l.outstanding++
		if p.failed = p.l.send(c, 1); p.failed != nil {
			return 0
		}
	}
	return 100
}

// slow is the open loop over the quick connections, and later a closed loop over the slow ones beside it. What is due before the slow ones begin is counted alone; what is
// due in the first second with them, early; and the rest by itself. A short window has a third for each. Warming up knows the quick ones only: the server has not met a
// slow handler when the window begins.
func (l *loop) slow(d time.Duration, record bool) (count int64, err error) {
	quick, slow := l.conns[:len(l.conns)-l.o.slow], l.conns[len(l.conns)-l.o.slow:]
	learning := min(time.Second, d/3)
	begin := (d - learning) / 2
	learned := begin + learning
	start := time.Now()
	p := &pacer{l: l, conns: quick, start: start, total: int64(d.Seconds() * l.o.rate)}
	begun, replies := false, 0
	l.received = func(c *conn, m int) {
		now := time.Since(start)
		count += int64(m)
		l.outstanding -= m
		if c.index >= len(quick) {
			replies += m
			if now < d && p.failed == nil {
				l.outstanding += m
				p.failed = l.send(c, m)
			}
			return
		}
		for range m {
			switch due := c.intended.pop(); {
			case !record:
			case due < begin:
				l.alone.Record(now - due)
			case due < learned:
				l.early.Record(now - due)
			default:
				l.latency.Record(now - due)
			}
		}
	}
	err = l.spin(&count, func(time.Time) bool { return p.failed != nil || p.sent == p.total && l.outstanding == 0 }, func(now time.Time) int {
		if record && !begun && now.Sub(start) >= begin {
			begun = true
			for _, c := range slow {
				l.outstanding++
				if p.failed = l.send(c, 1); p.failed != nil {
					return 0
				}
			}
		}
		return p.send(now)
	})
	if err == nil {
		err = p.failed
	}
	l.slowRate = float64(replies) / (time.Since(start) - begin).Seconds()
	return count, err
}

// broadcast sends a message on the first connection, waits until every connection has received it, and begins again.
func (l *loop) broadcast(d time.Duration, _ bool) (count int64, err error) {
	l.received = func(_ *conn, m int) {
		count += int64(m)
		l.outstanding -= m
	}
	deadline := time.Now().Add(d)
	var failed error
	err = l.spin(&count, func(now time.Time) bool {
		if l.outstanding > 0 {
			return false
		}
		if now.After(deadline) || failed != nil {
			return true
		}
		l.outstanding = len(l.conns)
		failed = l.send(l.conns[0], 1)
		return false
	}, tick)
	if err == nil {
		err = failed
	}
	return count, err
}

// first sends all messages in flight at once and measures the time to the first reply and to the last, again and again, on one connection after the other.
func (l *loop) first(d time.Duration, record bool) (count int64, err error) {
	var sent time.Time
	turn := 0
	l.received = func(_ *conn, m int) {
		if record {
			now := time.Since(sent)
			if l.outstanding == l.o.inflight {
				l.latency.Record(now)
			}
			if l.outstanding == m {
				l.last.Record(now)
			}
		}
		count += int64(m)
		l.outstanding -= m
	}
	deadline := time.Now().Add(d)
	var failed error
	err = l.spin(&count, func(now time.Time) bool {
		if l.outstanding > 0 {
			return false
		}
		if now.After(deadline) || failed != nil {
			return true
		}
		l.outstanding = l.o.inflight
		c := l.conns[turn%len(l.conns)]
		turn++
		sent = time.Now()
		failed = l.send(c, l.o.inflight)
		return false
	}, tick)
	if err == nil {
		err = failed
	}
	return count, err
}

// handshakes opens and closes connections, conns of them at a time.
func (l *loop) handshakes(d time.Duration, _ bool) (count int64, err error) {
	draining := false
	active, serial := 0, 0
	var failed error
	begin := func(c *conn) {
		serial++
		active++
		*c = conn{index: c.index, head: c.head[:0]}
		if err := l.dial(c); err != nil && failed == nil {
			failed = err
		}
	}
	l.received = func(c *conn, _ int) {
		count++
		active--
		if !draining && failed == nil {
			begin(c)
		}
	}
	deadline := time.Now().Add(d)
	if l.conns == nil {
		for i := range l.o.conns {
			l.conns = append(l.conns, &conn{index: i})
		}
	}
	for _, c := range l.conns {
		begin(c)
	}
	err = l.spin(&count, func(now time.Time) bool {
		draining = now.After(deadline)
		return failed != nil || draining && active == 0
	}, func(now time.Time) int {
		for _, c := range l.conns {
			if c.state == closing && now.After(c.deadline) {
				l.lateCloses++
				if err := l.closingRead(c, 0, 0); err != nil && failed == nil {
					failed = err
				}
			}
		}
		return 100
	})
	if err == nil {
		err = failed
	}
	return count, err
}
