package conn

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
	"unique"

	"github.com/hawser-go/hawser/internal/evloop"
)

// A loopConn is a socket in an event loop, as the transport of a connection: a net.Conn, of which only the driver reads. Writes wait for room: from inside a function of the Events, too, and the loop is handed
// off meanwhile.
type loopConn struct {
	loop *evloop.Conn

	mu      sync.Mutex
	room    chan struct{} // closed when there may be room for a write that waits; nil while none does
	readAt  time.Duration // when a read is to be interrupted, on the group's clock; 0 for never
	closeAt time.Duration // the close timeout; 0 if it does not run

	addrs   addresses
	port    uint16
	expired bool // readAt has passed
	closed  bool // no signal comes any more
}

// Read is never called: the driver reads when there is something.
func (l *loopConn) Read([]byte) (int, error) { return 0, errors.ErrUnsupported }

// read reads what is there without waiting. wait means that nothing is.
func (l *loopConn) read(p []byte) (n int, wait bool, err error) {
	n, err = l.loop.Read(p)
	return n, err == evloop.ErrWouldBlock, socketError("read", err)
}

// tryWrite writes what the socket takes of p without waiting.
func (l *loopConn) tryWrite(p []byte) (n int, err error) {
	n, err = l.loop.Write(p)
	if err == evloop.ErrWouldBlock {
		err = nil
	}
	return n, socketError("write", err)
}

// Write waits until all of p is written, or there has been no progress for the timeout.
func (l *loopDriver) Write(p []byte) (n int, err error) { return l.write(p, nil) }

// write is Write of p and then q, in one system call if the socket takes them.
func (l *loopDriver) write(p, q []byte) (total int, err error) {
	for {
		var n int
		if len(p) > 0 && len(q) > 0 {
			n, err = l.loop.Writev([][]byte{p, q})
		} else {
			n, err = l.loop.Write(p)
		}
		total += n
		if err != evloop.ErrWouldBlock {
			return total, socketError("write", err)
		}
		if k := min(n, len(p)); k < len(p) {
			p = p[k:]
		} else {
			p, q = q[n-k:], nil
		}
		if err := l.awaitRoom(); err != nil {
			return total, err
		}
	}
}

// awaitRoom waits until something may be written again, or an error is due.
func (l *loopDriver) awaitRoom() error {
	room := make(chan struct{})
	l.mu.Lock()
	closed := l.closed
	l.room = room
	l.mu.Unlock()
	if closed {
		return net.ErrClosed
	}
	l.loop.WantWrite()
	timeout := l.conn.cfg.WriteTimeout
	if timeout == 0 {
		<-room
		return nil
	}
	t := time.NewTimer(timeout)
	defer t.Stop()
	select {
	case <-room:
		return nil
	case <-t.C:
		return os.ErrDeadlineExceeded
	}
}

// hasRoom wakes the write that waits.
func (l *loopConn) hasRoom() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wakeWriter()
}

// wakeWriter is hasRoom for who has l.mu.
func (l *loopConn) wakeWriter() {
	if l.room != nil {
		close(l.room)
		l.room = nil
	}
}

// socketError makes what the event loop returns what a net.Conn would.
func socketError(call string, err error) error {
	switch err {
	case evloop.ErrWouldBlock:
		return nil
	case evloop.ErrClosed:
		return net.ErrClosed
	case nil, io.EOF:
		return err
	}
	return os.NewSyscallError(call, err)
}

// CloseWrite ends our direction of the stream.
func (l *loopConn) CloseWrite() error { return l.loop.CloseWrite() }

// shutdown ends both directions, and has the driver see it.
func (l *loopConn) shutdown() error {
	err := l.loop.Shutdown()
	l.loop.Wake()
	return socketError("shutdown", err)
}

// Close closes the socket. A write that waits ends.
func (l *loopConn) Close() error {
	err := l.loop.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.wakeWriter()
	return socketError("close", err)
}

// SetReadDeadline asks for the driver at t, so that it looks at what is due.
func (l *loopConn) SetReadDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.readAt = 0
	if !t.IsZero() {
		l.readAt = l.after(time.Until(t))
	}
	l.setTimer()
	return nil
}

// setCloseTimer starts the close timeout, if it does not run.
func (l *loopConn) setCloseTimer(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closeAt == 0 {
		l.closeAt = l.after(d)
		l.setTimer()
	}
}

// after returns when d has passed, on the group's clock, never 0.
func (l *loopConn) after(d time.Duration) time.Duration { return max(l.loop.Now()+d, 1) }

// setTimer sets the loop's timer to what is due first. The caller has l.mu.
func (l *loopConn) setTimer() {
	first := l.readAt
	if l.closeAt != 0 && (first == 0 || l.closeAt < first) {
		first = l.closeAt
	}
	if first == 0 || first == noTimeout {
		l.loop.StopTimer()
	} else {
		l.loop.SetTimer(first)
	}
}

// timeouts is called when the timer has expired. It says what that was for.
func (l *loopConn) timeouts() (read, closing bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.loop.Now()
	if l.readAt != 0 && l.readAt <= now {
		read, l.readAt, l.expired = true, 0, true
	}
	if l.closeAt != 0 && l.closeAt <= now {
		closing, l.closeAt = true, noTimeout
	}
	l.setTimer()
	return read, closing
}

// noTimeout is a time that does not come: the close timeout passes once.
const noTimeout = time.Duration(1 << 62)

// takeExpired reports whether the time of SetReadDeadline has passed since the last call.
func (l *loopConn) takeExpired() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	expired := l.expired
	l.expired = false
	return expired
}

// The deadlines of writes are the timeout's.

func (l *loopConn) SetDeadline(t time.Time) error    { return l.SetReadDeadline(t) }
func (l *loopConn) SetWriteDeadline(time.Time) error { return nil }

func (l *loopConn) LocalAddr() net.Addr  { return l.addrs.local() }
func (l *loopConn) RemoteAddr() net.Addr { return l.addrs.remote(l.port) }

// addresses are those of a socket, in little memory.
type addresses struct {
	ours  unique.Handle[netip.AddrPort] // of TCP: many connections have the same
	other *[2]net.Addr                  // ours and theirs, if they are not two of TCP, of one family and without zones
	ip    [16]byte                      // theirs, of the same family as ours
}

// newAddresses returns those of nc, and the peer's port, which finds room elsewhere.
func newAddresses(nc net.Conn) (a addresses, port uint16) {
	us, ok := nc.LocalAddr().(*net.TCPAddr)
	them, too := nc.RemoteAddr().(*net.TCPAddr)
	if ok && too && us != nil && them != nil {
		ours, theirs := us.AddrPort(), them.AddrPort()
		if theirs.Addr().Zone() == "" && ours.Addr().BitLen() == theirs.Addr().BitLen() {
			return addresses{ours: unique.Make(ours), ip: theirs.Addr().As16()}, theirs.Port()
		}
	}
	return addresses{other: &[2]net.Addr{nc.LocalAddr(), nc.RemoteAddr()}}, 0
}

func (a *addresses) local() net.Addr {
	if a.other != nil {
		return a.other[0]
	}
	return net.TCPAddrFromAddrPort(a.ours.Value())
}

func (a *addresses) remote(port uint16) net.Addr {
	if a.other != nil {
		return a.other[1]
	}
	ip := netip.AddrFrom16(a.ip)
	if a.ours.Value().Addr().Is4() {
		ip = ip.Unmap()
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, port))
}
