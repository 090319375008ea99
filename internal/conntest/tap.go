package conntest

import (
	"bytes"
	"net"
	"sync"
	"testing"
)

// TappedConn is a connection whose output is checked.
type TappedConn struct {
	net.Conn
	t testing.TB

	mu       sync.Mutex
	wire     *Wire
	skipping bool // the head of the opening handshake has not ended
	head     []byte
	failed   bool
}

// Tap returns c such that a [Wire] checks all that is written to it by an endpoint in this role, for
// a test in which both ends are engines. The first violation fails the test, which goes on. Writes
// are checked in the order in which they return, so they must not be concurrent.
func Tap(t testing.TB, c net.Conn, sender Role) *TappedConn {
	return &TappedConn{Conn: c, t: t, wire: NewWire(sender)}
}

// SkipHead leaves out the opening handshake: what is written up to and with the first empty line.
func (c *TappedConn) SkipHead() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skipping = true
}

// Inspect calls f with the Wire, for its settings and its frames, while nothing else uses it.
func (c *TappedConn) Inspect(f func(*Wire)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c.wire)
}

// Write implements [net.Conn].
func (c *TappedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.check(p[:n])
	return n, err
}

// check takes what was written. The lock is held.
func (c *TappedConn) check(p []byte) {
	if c.skipping {
		c.head = append(c.head, p...)
		i := bytes.Index(c.head, []byte("\r\n\r\n"))
		if i < 0 {
			return
		}
		p, c.head, c.skipping = c.head[i+4:], nil, false
	}
	if err := c.wire.Feed(p); err != nil && !c.failed {
		c.failed = true
		c.t.Errorf("%v", err)
	}
}

// CloseWrite half-closes the connection; without such a method under it, it returns
// [errors.ErrUnsupported].
func (c *TappedConn) CloseWrite() error { return closeWrite(c.Conn) }

// Reset resets the connection under c, as far as that can be done.
func (c *TappedConn) Reset() { reset(c.Conn) }
