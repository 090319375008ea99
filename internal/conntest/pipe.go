package conntest

import (
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// maxEvents bounds the record of one end, so that a throughput test over a pipe does not grow for ever.
const maxEvents = 1 << 14

// ErrPipeClosed is what a Write gets whose bytes nobody can read any more: after CloseWrite on the
// same end, or after Close on the other. It matches [io.ErrClosedPipe] and [syscall.EPIPE].
var ErrPipeClosed = fmt.Errorf("%w: %w", io.ErrClosedPipe, syscall.EPIPE)

// Pipe returns the two ends of a full-duplex connection in memory, with a buffer of capacity bytes
// for each direction. With capacity 0 a Write waits until all its bytes are read, as with
// [net.Pipe], except that an empty Write never waits.
//
// Errors are those of a TCP connection: a [*net.OpError] around [net.ErrClosed],
// [os.ErrDeadlineExceeded], [ErrPipeClosed] or [syscall.ECONNRESET]; the end of the input is a bare
// [io.EOF]. A passed deadline comes before data that could be read.
func Pipe(capacity int) (a, b *PipeConn) {
	if capacity < 0 {
		panic("hawser/conntest: negative capacity")
	}
	s := new(pipeState)
	ab, ba := &stream{capacity: capacity}, &stream{capacity: capacity}
	a = &PipeConn{s: s, name: "a", in: ba, out: ab}
	b = &PipeConn{s: s, name: "b", in: ab, out: ba}
	return a, b
}

// pipeState is what both ends share. One lock for both directions makes Close and Reset simple, and
// nothing waits while it is held.
type pipeState struct {
	mu       sync.Mutex
	changed  chan struct{} // closed at the next change; nil while nobody waits
	seq      int
	reset    bool
	tcpClose bool
	notify   []func() // called at each change, with the lock held
}

// stream is one direction of a pipe.
type stream struct {
	capacity int
	buf      []byte
	offer    []byte // capacity 0: what the present Write still has to hand over
	writing  bool   // a Write is in progress: others wait, so that Writes do not mix
	fin      bool   // the writing end will send no more
	gone     bool   // the reading end was closed
}

// take moves bytes to p.
func (d *stream) take(p []byte) int {
	n := copy(p, d.buf)
	if d.buf = d.buf[n:]; len(d.buf) == 0 {
		d.buf = nil
	}
	k := copy(p[n:], d.offer)
	d.offer = d.offer[k:]
	return n + k
}

func (d *stream) len() int { return len(d.buf) + len(d.offer) }

// PipeConn is one end of a [Pipe]. All methods may be called concurrently; concurrent Writes do not mix.
type PipeConn struct {
	s       *pipeState
	name    string
	in, out *stream

	// Guarded by s.mu.
	closed        bool
	readDeadline  time.Time
	writeDeadline time.Time
	events        []Event
}

var _ net.Conn = (*PipeConn)(nil)

// Event is one finished call on one end of a pipe.
type Event struct {
	Seq int    // counts the events of both ends, from 0, in the order in which the calls finished
	Op  string // "read", "write", "closewrite", "close", "reset", "deadline"
	N   int    // bytes read or written
	Err error
}

// String returns the event without its Seq, such as "write 5", "read 0: EOF" or "close".
func (e Event) String() string {
	s := e.Op
	if e.Op == "read" || e.Op == "write" {
		s = fmt.Sprintf("%s %d", e.Op, e.N)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Events returns the finished calls on this end, oldest first, at most the first 16,384. The caller
// owns the result.
func (c *PipeConn) Events() []Event {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return append([]Event(nil), c.events...)
}

// record notes a finished call. The lock is held.
func (c *PipeConn) record(op string, n int, err error) {
	if len(c.events) < maxEvents {
		c.events = append(c.events, Event{c.s.seq, op, n, err})
	}
	c.s.seq++
}

// TCPClose makes Close on either end lose data as TCP does: a Close that leaves input unread, and a
// Write towards an end that was closed, reset the connection and destroy what the other end has not
// read yet. It is for tests of a lingering close.
func (c *PipeConn) TCPClose() {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.tcpClose = true
}

// Buffered returns how many bytes the other end has written, or offers in a waiting Write, that this
// end has not read.
func (c *PipeConn) Buffered() int {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.in.len()
}

// Readable reports whether a Read without a deadline would return at once, be it with an error.
func (c *PipeConn) Readable() bool {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.closed || c.s.reset || c.in.fin || c.in.len() > 0
}

// Read implements [net.Conn]. It does not retain p.
func (c *PipeConn) Read(p []byte) (n int, err error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	defer func() { c.record("read", n, err) }()
	for {
		if err := c.broken(c.readDeadline); err != nil {
			return 0, c.opError("read", err)
		}
		if len(p) == 0 {
			return 0, nil
		}
		if n := c.in.take(p); n > 0 {
			c.s.broadcast()
			return n, nil
		}
		if c.in.fin {
			return 0, io.EOF
		}
		c.s.wait(c.readDeadline)
	}
}

// Write implements [net.Conn]. It does not retain p. With an error, n bytes were handed over.
func (c *PipeConn) Write(p []byte) (n int, err error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	defer func() { c.record("write", n, err) }()
	d := c.out
	for {
		if err := c.unwritable(); err != nil {
			return 0, c.opError("write", err)
		}
		if !d.writing {
			break
		}
		c.s.wait(c.writeDeadline)
	}
	d.writing = true
	defer func() {
		d.writing, d.offer = false, nil
		c.s.broadcast()
	}()
	if d.capacity == 0 {
		d.offer = p
		c.s.broadcast()
	}
	for {
		if d.capacity == 0 {
			n = len(p) - len(d.offer)
		}
		if n == len(p) {
			return n, nil
		}
		// Before the buffer is filled: a reset has just emptied it.
		if err := c.unwritable(); err != nil {
			return n, c.opError("write", err)
		}
		if room := min(d.capacity-len(d.buf), len(p)-n); room > 0 {
			d.buf = append(d.buf, p[n:n+room]...)
			n += room
			c.s.broadcast()
			continue
		}
		c.s.wait(c.writeDeadline)
	}
}

// CloseWrite ends the output: the other end reads what is buffered and then io.EOF. Reading goes on.
func (c *PipeConn) CloseWrite() (err error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	defer func() { c.record("closewrite", 0, err) }()
	if err := c.broken(time.Time{}); err != nil {
		return c.opError("close", err)
	}
	c.out.fin = true
	c.s.broadcast()
	return nil
}

// Close closes this end: its calls, also those that wait, fail with [net.ErrClosed]; the other end
// reads what is buffered and then io.EOF, and its Writes fail with [ErrPipeClosed].
func (c *PipeConn) Close() (err error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	defer func() { c.record("close", 0, err) }()
	if c.closed {
		return c.opError("close", net.ErrClosed)
	}
	if c.s.tcpClose && c.in.len() > 0 {
		c.s.doReset(c)
	}
	c.closed = true
	c.out.fin = true
	c.in.gone = true
	c.in.buf = nil
	c.s.broadcast()
	return nil
}

// Reset breaks the connection as a TCP RST does: what is buffered is lost, and Read and Write on
// both ends fail with [syscall.ECONNRESET]. The ends still want to be closed.
func (c *PipeConn) Reset() {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.record("reset", 0, nil)
	c.s.doReset(c)
}

func (s *pipeState) doReset(c *PipeConn) {
	s.reset = true
	c.in.buf, c.out.buf = nil, nil
	s.broadcast()
}

// LocalAddr implements [net.Conn].
func (c *PipeConn) LocalAddr() net.Addr { return pipeAddr(c.name) }

// RemoteAddr implements [net.Conn].
func (c *PipeConn) RemoteAddr() net.Addr {
	if c.name == "a" {
		return pipeAddr("b")
	}
	return pipeAddr("a")
}

// pipeAddr is the name of an end.
type pipeAddr string

func (pipeAddr) Network() string  { return "pipe" }
func (a pipeAddr) String() string { return "pipe-" + string(a) }

// SetDeadline implements [net.Conn]. It also takes effect on calls that wait.
func (c *PipeConn) SetDeadline(t time.Time) error {
	return c.setDeadline(t, &c.readDeadline, &c.writeDeadline)
}

// SetReadDeadline implements [net.Conn]. It also takes effect on calls that wait.
func (c *PipeConn) SetReadDeadline(t time.Time) error {
	return c.setDeadline(t, &c.readDeadline)
}

// SetWriteDeadline implements [net.Conn]. It also takes effect on calls that wait.
func (c *PipeConn) SetWriteDeadline(t time.Time) error {
	return c.setDeadline(t, &c.writeDeadline)
}

func (c *PipeConn) setDeadline(t time.Time, deadlines ...*time.Time) (err error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	defer func() { c.record("deadline", 0, err) }()
	if c.closed {
		return c.opError("set", net.ErrClosed)
	}
	for _, d := range deadlines {
		*d = t
	}
	c.s.broadcast()
	return nil
}

// broken returns why neither Read nor Write can go on, in the order in which package net finds out.
func (c *PipeConn) broken(deadline time.Time) error {
	switch {
	case c.closed:
		return net.ErrClosed
	case passed(deadline):
		return os.ErrDeadlineExceeded
	case c.s.reset:
		return syscall.ECONNRESET
	}
	return nil
}

// unwritable returns why a Write cannot go on.
func (c *PipeConn) unwritable() error {
	if err := c.broken(c.writeDeadline); err != nil {
		return err
	}
	if c.out.gone && c.s.tcpClose {
		c.s.doReset(c)
		return syscall.ECONNRESET
	}
	if c.out.gone || c.out.fin {
		return ErrPipeClosed
	}
	return nil
}

func (c *PipeConn) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: "pipe", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

// broadcast wakes everybody who waits. The lock is held.
func (s *pipeState) broadcast() {
	for _, f := range s.notify {
		f()
	}
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// wait gives the lock back until something changed or the deadline passed.
func (s *pipeState) wait(deadline time.Time) {
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	changed := s.changed
	s.mu.Unlock()
	waitFor(changed, deadline)
	s.mu.Lock()
}

// waitFor waits until changed is closed or the deadline passed.
func waitFor(changed <-chan struct{}, deadline time.Time) {
	if deadline.IsZero() {
		<-changed
		return
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	}
}

// passed reports whether the deadline is set and not in the future.
func passed(deadline time.Time) bool {
	return !deadline.IsZero() && !time.Now().Before(deadline)
}
