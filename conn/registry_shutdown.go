package conn

import (
	"context"
	"time"

	"github.com/hawser-go/hawser/frame"
)

// Shutdown ends all connections. From now on every opening handshake is answered with 503. Each connection is sent a Close frame with 1001 (Going Away), spread over [Registry].Spread, and has its [Config].CloseTimeout for the rest,
// whatever its function is doing: a read or Messages loop ends as the closing handshake does, a write fails.
//
// Shutdown returns nil when all connections have ended, and the functions that a [Server] or [Handler] has called for them have returned. If ctx ends before, it cuts what is left, as Close does, and
// returns ctx's error without waiting for the functions.
//
// It may be called more than once: each call waits, and the first whose context ends cuts. The Registry is of no use afterwards: a connection that joins it ends at once.
//
// [http.Server.Shutdown] neither ends WebSocket connections nor waits for them, because they have been taken over from it: [http.Server.RegisterOnShutdown] can call Shutdown, but the program has to wait for it itself. See the example.
func (r *Registry) Shutdown(ctx context.Context) error {
	r.mu.Lock()
	n := r.len()
	r.ending = true
	first := r.drained == nil
	if first {
		r.drained, r.quit = make(chan struct{}), make(chan struct{})
		r.checkDrained()
	}
	drained := r.drained
	r.mu.Unlock()
	if first && n > 0 {
		go r.sendAway(r.pause(ctx, n))
	}
	select {
	case <-drained:
		return nil // also if ctx has ended, too
	default:
	}
	select {
	case <-drained:
		return nil
	case <-ctx.Done():
		r.Close()
		return ctx.Err()
	}
}

// Close cuts every connection, whatever its state, without a closing handshake, as [Conn.CloseNow] does; later opening handshakes are answered with 503. Close does not wait for the functions
// that a Server or Handler has called for the connections.
func (r *Registry) Close() {
	r.mu.Lock()
	r.ending = true
	if !r.closed && r.quit != nil {
		close(r.quit)
	}
	r.closed = true
	r.mu.Unlock()
	for c := range r.every() {
		c.CloseNow()
	}
}

// longestPause is how long Shutdown waits at most between two Close frames.
const longestPause = time.Millisecond

// pause returns how much time there is for each of n connections.
func (r *Registry) pause(ctx context.Context, n int) time.Duration {
	spread := orDefault(r.Spread, DefaultSpread)
	if deadline, ok := ctx.Deadline(); ok {
		spread = min(spread, max(time.Until(deadline)/2, 0)) // the other half is for the closing handshakes
	}
	return min(spread/time.Duration(n), longestPause)
}

// sendAway sends every connection away, one each pause.
func (r *Registry) sendAway(pause time.Duration) {
	began, n := time.Now(), 0
	for c := range r.All() {
		// A timer for less would be late. What the others are ahead of their time then is less, too.
		if ahead := time.Duration(n)*pause - time.Since(began); ahead >= longestPause {
			select {
			case <-time.After(ahead):
			case <-r.quit:
				return
			case <-r.drained:
				return // now: a synctest bubble may end
			}
		}
		c.goAway()
		n++
	}
}

// checkDrained tells who waits that nothing is left, if so. The caller has r.mu.
func (r *Registry) checkDrained() {
	if r.drained == nil || r.len()+r.admitted > 0 {
		return
	}
	select {
	case <-r.drained:
	default:
		close(r.drained)
	}
}

// goAway begins the closing handshake with 1001, and never waits. If nobody reads, a goroutine does until the connection has ended, and discards messages, as Close would.
func (c *Conn) goAway() {
	c.beginClose(frame.StatusGoingAway, "shutting down")
	if !c.over.Load() && c.turn.tryTake() {
		go func() {
			defer c.passTurn()
			c.follow(context.Background())
			c.discardMessages()
		}()
	}
}
