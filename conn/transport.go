package conn

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// transport is the byte stream under a Conn, with what its dynamic type allows. Reads belong to whose turn it is,
// writes to the holder of the write lock; close may be called at any time, more than once.
type transport struct {
	rwc     io.ReadWriteCloser // a net.Conn whose deadlines work, unless there is stream
	*stream                    // nil on a socket
	timeout time.Duration
	closed  atomic.Bool
	// socket: conn is exactly a *net.TCPConn or a *net.UnixConn. Wrappers of one are driven through their methods.
	socket bool
	sock   *socket       // the same, where its descriptor can be used
	loop   *loopDriver   // rwc, if an event loop has the socket
	taken  atomic.Uint64 // bytes that the transport has taken
}

// A stream is what a transport needs that is no socket.
type stream struct {
	in      deadlineReader
	expired func() // called when timeout has passed, where there are no deadlines
	// tryWrite writes what can be written without waiting; nil if the transport has no such call.
	tryWrite func(p []byte) (n int, err error)
}

// A deadlineReader is a transport's rwc, or what gives its reads a deadline.
type deadlineReader interface {
	io.Reader
	SetReadDeadline(time.Time) error
}

func (t *transport) init(rwc io.ReadWriteCloser, timeout time.Duration, expired func()) {
	t.rwc, t.timeout = rwc, timeout
	switch c := rwc.(type) {
	case *net.TCPConn:
		t.initSocket(c)
		return
	case *net.UnixConn:
		t.initSocket(c)
		return
	}
	t.stream = &stream{expired: expired}
	if p, ok := rwc.(*pipeEnd); ok {
		t.tryWrite = p.tryWrite
	}
	if nc := t.netConn(); nc != nil && nc.SetDeadline(time.Time{}) == nil {
		t.in = nc
	} else {
		t.in = newTimedReader(rwc)
	}
}

func (t *transport) initSocket(nc net.Conn) {
	t.socket, t.sock = true, newSocket(nc)
	nc.SetDeadline(time.Time{}) // it fails if the socket is closed, and so does what follows
}

// reader returns what reads are to go through.
func (t *transport) reader() deadlineReader {
	if t.stream != nil {
		return t.in
	}
	return t.netConn()
}

// netConn returns rwc, nil if it is no net.Conn.
func (t *transport) netConn() net.Conn {
	nc, _ := t.rwc.(net.Conn)
	return nc
}

// adopt makes the socket an event loop's; give takes that back.
func (t *transport) adopt(l *loopDriver) (giveBack func()) {
	rwc, sock := t.rwc, t.sock
	t.rwc, t.sock, t.loop = l, nil, l
	return func() { t.rwc, t.sock, t.loop = rwc, sock, nil }
}

// maxTimedWrite is how much is written under one deadline where a write that timed out cannot be gone on with, or
// does not say how far it came: so the timeout is one of progress for a large message, too.
// It has room for copyLimit bytes with what goes before them, which leave in one write.
const maxTimedWrite = copyLimit + 1<<10

// write writes all of p and then all of q, on a socket in one system call if it takes them. A timeout counts from the last progress. What a pipe takes without waiting needs none, and is tried first: that saves 40 % of an echo.
// For a socket it does not pay, a message of 1 KiB costs 5 % more through RawConn than with a deadline (bench/peers, echo/1KiB/100, 12 rounds).
func (t *transport) write(p, q []byte) error {
	if len(q) == 0 || !t.socket {
		n, err := t.writeNow(p)
		if err != nil {
			return writeError(err)
		}
		if p = p[n:]; len(p)+len(q) == 0 {
			return nil
		}
	}
	defer t.disarm()
	for len(p)+len(q) > 0 {
		stop := t.arm()
		n, err := t.writeSome(p, q)
		if stop != nil && !stop() {
			err = errWriteTimeout
		}
		if err != nil && (n == 0 || !t.goesOn(err)) {
			return writeError(err)
		}
		t.took(n)
		k := min(n, len(p))
		p, q = p[k:], q[n-k:]
	}
	return nil
}

// writeNow writes what can be written without waiting, where that is cheaper than a write with a deadline.
func (t *transport) writeNow(p []byte) (n int, err error) {
	switch {
	case len(p) == 0:
	case t.sock != nil:
		n, _, err = t.sock.writeHeld(p)
	case t.loop != nil:
		n, err = t.loop.tryWrite(p)
	case t.stream != nil && t.tryWrite != nil:
		n, err = t.tryWrite(p)
	}
	t.took(n)
	return n, err
}

// writesAtOnce reports whether writeAtOnce can tell what the transport takes.
func (t *transport) writesAtOnce() bool {
	return t.sock != nil || t.loop != nil || t.stream != nil && t.tryWrite != nil
}

// took counts n bytes that have been taken.
func (t *transport) took(n int) {
	if n > 0 {
		t.taken.Store(t.taken.Load() + uint64(n))
	}
}

// writeAtOnce writes what can be written without waiting, nothing if the transport cannot tell.
func (t *transport) writeAtOnce(p []byte) (n int, err error) {
	switch {
	case t.stream != nil && t.tryWrite != nil:
		n, err = t.tryWrite(p)
	case t.sock != nil:
		n, err = t.sock.tryWrite(p)
	case t.loop != nil:
		n, err = t.loop.tryWrite(p)
	}
	t.took(n)
	return n, err
}

// writeSome writes something of p and q, of both together only to a socket.
func (t *transport) writeSome(p, q []byte) (n int, err error) {
	switch {
	case len(p) == 0:
		p = q
	case len(q) > 0 && t.loop != nil:
		return t.loop.write(p, q)
	case len(q) > 0 && t.socket:
		v := vectors.Get().(*vector)
		v.both = [2][]byte{p, q}
		v.rest = v.both[:]
		written, err := v.rest.WriteTo(t.rwc)
		*v = vector{} // q is not retained
		vectors.Put(v)
		return int(written), err
	}
	if !t.socket && len(p) > maxTimedWrite {
		p = p[:maxTimedWrite]
	}
	n, err = t.rwc.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return n, err
}

// A vector is what writeSome passes to a socket, from a pool so that it neither allocates nor makes every connection larger.
type vector struct {
	rest net.Buffers
	both [2][]byte
}

var vectors = sync.Pool{New: func() any { return new(vector) }}

// goesOn reports whether a write that failed with err after some progress can be continued: a socket's can, after a timeout. An event loop's has counted from the last progress itself.
func (t *transport) goesOn(err error) bool {
	return t.socket && t.loop == nil && errors.Is(err, os.ErrDeadlineExceeded)
}

func writeError(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errWriteTimeout
	case errors.Is(err, io.EOF):
		return io.ErrClosedPipe // io.EOF is for the end of what is read, and a CloseError that matches it is clean
	}
	return err
}

// arm starts the timeout of one write. The function that it returns for a transport without deadlines stops it again, and reports whether that was in time.
func (t *transport) arm() (stop func() bool) {
	if t.timeout == 0 {
		return nil
	}
	if nc := t.netConn(); nc != nil && nc.SetWriteDeadline(time.Now().Add(t.timeout)) == nil || t.socket { // whose write fails, too
		return nil
	}
	return time.AfterFunc(t.timeout, t.expired).Stop // no deadlines, or none that work
}

// disarm takes the deadline of a write back. On a socket an old one does no harm; but tls.Conn writes when it reads, to answer a KeyUpdate, and an error of that stays.
func (t *transport) disarm() {
	if t.timeout == 0 || t.socket {
		return
	}
	if nc := t.netConn(); nc != nil {
		nc.SetWriteDeadline(time.Time{})
	}
}

// maxEmptyReads is how often in a row a transport may return neither bytes nor an error, as in bufio.
const maxEmptyReads = 100

// read reads into p, which is not empty. It returns bytes, or an error, or both.
func (t *transport) read(p []byte) (n int, err error) { return readSome(t.reader(), p) }

func readSome(r io.Reader, p []byte) (n int, err error) {
	for range maxEmptyReads {
		if n, err = r.Read(p); n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}

// closeWrite ends our direction of the stream and reports whether the transport can do that.
func (t *transport) closeWrite() bool {
	c, ok := t.rwc.(interface{ CloseWrite() error })
	return ok && c.CloseWrite() == nil
}

// cut ends both directions of the stream at once. A socket's descriptor stays open, for a loop that holds it.
func (t *transport) cut() error {
	switch {
	case t.sock != nil:
		return t.sock.shutdown()
	case t.loop != nil:
		return t.loop.shutdown()
	}
	return t.close()
}

// close closes the stream at once.
func (t *transport) close() (err error) {
	if t.closed.Swap(true) {
		return nil
	}
	return closeStream(t.rwc)
}

// closeStream closes c at once. For TLS it closes what is below: tls.Conn.Close would wait up to 5 s to send an alert to a peer that does not read.
func closeStream(c io.Closer) error {
	if tc, ok := c.(*tls.Conn); ok {
		return tc.NetConn().Close()
	}
	return c.Close()
}
