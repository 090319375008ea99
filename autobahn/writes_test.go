package autobahn

import (
	"net"
	"sync"
	"testing"
	"testing/synctest"
)

// recordWrites plays a case as a server to a peer that says nothing, and returns the sizes of
// what was written.
func recordWrites(t *testing.T, c *Case) (sizes []int) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		w := &countingConn{Conn: ours}
		go func() {
			buf := make([]byte, 1<<20)
			for {
				if _, err := theirs.Read(buf); err != nil {
					return
				}
			}
		}()
		(&session{c: c, cfg: (&Config{}).withDefaults(), conn: w, weServe: true}).play(nil)
		ours.Close()
		theirs.Close()
		sizes = w.sizes
	})
	return sizes
}

type countingConn struct {
	net.Conn
	mu    sync.Mutex
	sizes []int
}

func (c *countingConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	c.sizes = append(c.sizes, len(b))
	c.mu.Unlock()
	return c.Conn.Write(b)
}
