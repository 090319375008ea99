package evloop

import (
	"math"
	"math/bits"
	"time"
)

const (
	tick        = time.Millisecond
	wheelBits   = 6
	wheelSlots  = 1 << wheelBits
	wheelMask   = wheelSlots - 1
	wheelLevels = 4
	// wheelSpan is how far ahead the wheel reaches, 4.7 hours: what is later waits at the end and is put in again.
	wheelSpan = 1<<(wheelBits*wheelLevels) - 1
	noTimer   = math.MaxInt64
)

// wheel is a hierarchical timer wheel: 64 slots of a tick each, 64 of 64 ticks, and so on. Setting and stopping a timer takes constant time and no memory; a timer
// moves at most three times before it is due. A bitmap for each level finds the next slot in use, so that an empty wheel causes no wake-up.
type wheel struct {
	now   int64 // in ticks: everything up to it has been taken
	slots [wheelLevels][wheelSlots]*Conn
	used  [wheelLevels]uint64
}

// timer is a connection's place in the wheel.
type timer struct {
	next, prev *Conn
	when       int64 // in ticks
}

const (
	// wakeQueued says in Conn.place that the connection is in loop.woken.
	wakeQueued = 1 << 15
	// placeMask has the place of the timer in it: 1 + level*wheelSlots + slot, 0 if it is not set.
	placeMask = wakeQueued - 1
)

// ticksUp converts a time to the first tick that is not before it: a timer is never early.
func ticksUp(d time.Duration) int64 {
	n := int64(d / tick)
	if d%tick > 0 {
		n++
	}
	return n
}

// set puts c's timer in, taking it out first if it is set. What is past is due at the next tick.
func (w *wheel) set(c *Conn, when int64) {
	w.stop(c)
	c.timer.when = max(when, w.now+1)
	w.put(c)
}

// put finds the slot: of the level in which the time left is less than a round.
func (w *wheel) put(c *Conn) {
	left := min(c.timer.when-w.now, wheelSpan)
	level := 0
	for left>>(wheelBits*(level+1)) != 0 {
		level++
	}
	slot := int((w.now + left) >> (wheelBits * level) & wheelMask)
	head := w.slots[level][slot]
	c.timer.next, c.timer.prev = head, nil
	if head != nil {
		head.timer.prev = c
	}
	w.slots[level][slot] = c
	w.used[level] |= 1 << slot
	c.place = c.place&wakeQueued | uint16(1+level*wheelSlots+slot)
}

// stop takes c's timer out.
func (w *wheel) stop(c *Conn) {
	place := int(c.place & placeMask)
	if place == 0 {
		return
	}
	level, slot := (place-1)/wheelSlots, (place-1)%wheelSlots
	if c.timer.prev != nil {
		c.timer.prev.timer.next = c.timer.next
	} else {
		w.slots[level][slot] = c.timer.next
		if c.timer.next == nil {
			w.used[level] &^= 1 << slot
		}
	}
	if c.timer.next != nil {
		c.timer.next.timer.prev = c.timer.prev
	}
	c.timer.next, c.timer.prev = nil, nil
	c.place &^= placeMask
}

// next returns the tick at which something is due or has to move, noTimer if nothing is set.
func (w *wheel) next() int64 {
	soonest := int64(noTimer)
	for level, used := range w.used {
		if used == 0 {
			continue
		}
		unit := w.now >> (wheelBits * level)
		ahead := 1 + bits.TrailingZeros64(bits.RotateLeft64(used, -int((unit+1)&wheelMask)))
		soonest = min(soonest, (unit+int64(ahead))<<(wheelBits*level))
	}
	return soonest
}

// advance moves to the tick now and calls due for each connection whose timer has expired; due must not use the wheel.
func (w *wheel) advance(now int64, due func(c *Conn)) {
	for {
		t := w.next()
		if t > now {
			break
		}
		w.now = t
		// The upper levels first: what they give back may belong to this very tick.
		for level := wheelLevels - 1; level >= 0; level-- {
			if t&(1<<(wheelBits*level)-1) != 0 {
				continue
			}
			slot := int(t >> (wheelBits * level) & wheelMask)
			c := w.slots[level][slot]
			w.slots[level][slot] = nil
			w.used[level] &^= 1 << slot
			for c != nil {
				next := c.timer.next
				c.timer.next, c.timer.prev = nil, nil
				c.place &^= placeMask
				if c.timer.when <= t {
					due(c)
				} else {
					w.put(c)
				}
				c = next
			}
		}
	}
	w.now = max(w.now, now)
}
