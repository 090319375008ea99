package evloop

import "time"

// A call that takes longer than slowCall should not have been made in the loop: others wait for it, and starting a goroutine costs less. One alone proves nothing, it
// may have been the machine's fault, or the collector's. So slow calls raise a score and quick ones lower it slowly. What the machine takes is mostly less than blockedCall: on a virtual one up to a tenth
// of the calls that only write. Without the difference an echo of one connection ran apart for two of three messages, at 1.5 times the cost (counted in bench/peers' server on a busy machine).
//
// A call that was handed off has cost everybody 2 ms or more, and the monitor's goroutine had the processor meanwhile: that marks the connection at once, for blockedStep quick calls.
const (
	slowCall    = 50 * time.Microsecond
	blockedCall = time.Millisecond
	slowStep    = 4
	blockedStep = 16
	slowScore   = 2 * blockedStep // the second blocked call out of at most 16, or so, marks the connection, or the eighth slow one when more than one in five are
	highScore   = 8 * blockedStep // 128 quick calls in a row to forget at most
	markedScore = 4 * blockedStep // such a mark lasts for 64 quick calls at least
)

// A call that had to be handed off is seldom the only one: what makes it block, a database or a lock, makes others block. So for waryTime after it connections that are not known to be quick do not get to
// hold a loop up: their calls are made on goroutines of their own. Without that each of many such connections would cost the others a hand-off. Calls that blocked elsewhere do not count: where every processor is busy,
// those on goroutines seem to block, too.
const (
	waryTime     = 100 * time.Millisecond
	newScore     = 2 * slowStep
	suspectScore = slowStep + 1 // a new connection is suspect until four calls were quick
)

// beWary is called when a call has to be handed off.
func (g *Group) beWary() { g.waryUntil.Store(int64(g.clock.Now() + waryTime)) }

// wary reports whether a call has blocked lately.
func (g *Group) wary(now time.Duration) bool { return int64(now) < g.waryUntil.Load() }

// suspect reports whether a call is not to be made in the loop while it is wary.
func (c *Conn) suspect() bool { return c.score >= suspectScore }

// learned updates the score by a call that took this long and returns the state with the mark as it should be. The caller has the poll lock and holds the connection.
func (c *Conn) learned(state uint32, took time.Duration, handedOff bool) uint32 {
	switch {
	case took > slowCall || handedOff:
		step := uint8(slowStep)
		if took >= blockedCall || handedOff {
			step = blockedStep
		}
		before := c.score
		c.score = min(before+step, highScore)
		switch {
		case before < slowScore && c.score >= slowScore:
			c.score = markedScore
			state |= stateSlow
		case handedOff:
			state |= stateSlow
		}
		return state
	case c.score > 0:
		c.score--
		if c.score == 0 {
			state &^= stateSlow
		}
	}
	return state
}

// learn is learned for a call in the loop. It reports whether the mark has changed.
func (c *Conn) learn(took time.Duration) bool {
	if took <= slowCall && c.score == 0 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.state.Load()
	state := c.learned(old, took, false)
	c.state.Store(state)
	return state != old
}
