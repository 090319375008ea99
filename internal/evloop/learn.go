package evloop

import "time"

// A call that takes longer than slowCall should not have been made in the loop: others wait for it, and starting a goroutine costs less. One alone proves nothing, it
// may have been the machine's fault, or the collector's. So slow calls raise a score and quick ones lower it slowly. What the machine takes is mostly less than blockedCall: on a virtual one up to a tenth
// of the calls that only write. Without the difference an echo of one connection ran apart for two of three messages, at 1.5 times the cost (counted in bench/peers' server on a busy machine).
const (
	slowCall    = 50 * time.Microsecond
	blockedCall = time.Millisecond
	slowStep    = 4
	blockedStep = 16
	slowScore   = 2 * blockedStep // the second blocked call out of at most 16, or so, marks the connection, or the eighth slow one when more than one in five are
	highScore   = 8 * blockedStep // 128 quick calls in a row to forget at most
	markedScore = 4 * blockedStep // a mark lasts for 64 quick calls at least
)

// learned updates the score by a call that took this long and returns the state with the mark as it should be. The caller has the poll lock and holds the connection.
func (c *Conn) learned(state uint32, took time.Duration) uint32 {
	switch {
	case took > slowCall:
		step := uint8(slowStep)
		if took >= blockedCall {
			step = blockedStep
		}
		c.score = min(c.score+step, highScore)
		if c.score >= slowScore && state&stateSlow == 0 {
			c.score = markedScore
			state |= stateSlow
		}
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
	state := c.learned(old, took)
	c.state.Store(state)
	return state != old
}
