package evloop

import "time"

// A call that takes longer than slowCall should not have been made in the loop: others wait for it, and starting a goroutine costs less. One alone proves nothing, it
// may have been the machine's fault, or the collector's. So slow calls raise a score and quick ones lower it slowly.
const (
	slowCall    = 50 * time.Microsecond
	slowStep    = 16
	slowScore   = 2 * slowStep // the second slow call out of at most 16, or so, marks the connection
	highScore   = 8 * slowStep // 128 quick calls in a row to forget at most
	markedScore = 4 * slowStep // a mark lasts for 64 quick calls at least
)

// learned updates the score by a call that took this long and returns the state with the mark as it should be. The caller has the poll lock and holds the connection.
func (c *Conn) learned(state uint32, took time.Duration) uint32 {
	switch {
	case took > slowCall:
		c.score = min(c.score+slowStep, highScore)
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
