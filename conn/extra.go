package conn

import "time"

// An extra is what a connection seldom has. It is guarded by Conn.mu.
type extra struct {
	timer    *time.Timer      // the close timeout
	context  *connContext     // nil until Context is called
	pings    *ping            // calls of Ping that wait
	driver   *goroutineDriver // who calls the Events, if it is no loopDriver
	lockBack chan struct{}    // closed when the goroutine that writes the rest gives the write lock back
}

// extras returns c.extra to be set. The caller has c.mu.
func (c *Conn) extras() *extra {
	if c.extra == nil {
		c.extra = new(extra)
	}
	return c.extra
}

// closeTimer returns the timer of the close timeout, nil if there is none. The caller has c.mu.
func (c *Conn) closeTimer() *time.Timer {
	if c.extra == nil {
		return nil
	}
	return c.extra.timer
}
