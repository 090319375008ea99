//go:build unix

package conn

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	sock "github.com/hawser-go/hawser/internal/socket"
)

// A socket is a *net.TCPConn or a *net.UnixConn, used through its descriptor where that is cheaper than the methods of net.Conn. Wrappers of one are no sockets: they are driven
// through their methods.
type socket struct {
	net.Conn
	raw syscall.RawConn

	// held is the descriptor while a Messages loop keeps it referenced, else -1: then a write needs neither a reference of its own nor a deadline. The lock is held
	// over one call that does not wait.
	mu   sync.Mutex
	held int

	fill func(fd uintptr) bool // see Conn.fillSocket

	queue receiveQueue
	// begun counts the writes, and succeeded is the last of them that took something.
	begun, succeeded atomic.Uint32
	// lastRead is begun as the last read returned. It belongs to whose turn it is to read.
	lastRead uint32
}

// newSocket returns nc as a socket, nil if it is none.
func newSocket(nc net.Conn) *socket {
	var c syscall.Conn
	tcp := false
	switch nc := nc.(type) {
	case *net.TCPConn:
		c, tcp = nc, true
	case *net.UnixConn:
		c = nc
	default:
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	s := &socket{Conn: nc, raw: raw, held: -1}
	s.queue.tcp = tcp
	return s
}

// A rawWrite is one write through RawConn. They come from a pool, so that neither does a call allocate, nor has every connection one.
type rawWrite struct {
	write func(fd uintptr) bool // writes what the socket takes of p without waiting
	p     []byte
	n     int
	err   error
}

var rawWrites = sync.Pool{New: func() any {
	w := new(rawWrite)
	w.write = func(fd uintptr) bool {
		w.n, w.err = writeNow(int(fd), w.p)
		return true // done, whatever it wrote: false would wait
	}
	return w
}}

// tryWrite writes what the socket takes of p without waiting. The caller has the write lock.
func (s *socket) tryWrite(p []byte) (n int, err error) {
	if n, ok, err := s.writeHeld(p); ok {
		return n, err
	}
	w := rawWrites.Get().(*rawWrite)
	defer rawWrites.Put(w)
	w.p, w.n, w.err = p, 0, nil
	err = s.raw.Write(w.write)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		// Left over from an earlier write: the deadline was that write's, not the connection's.
		s.SetWriteDeadline(time.Time{})
		err = s.raw.Write(w.write)
	}
	w.p = nil
	if err != nil {
		return 0, err
	}
	return w.n, w.err
}

// writeHeld is tryWrite while a loop holds the descriptor; ok is false if none does.
func (s *socket) writeHeld(p []byte) (n int, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held < 0 {
		return 0, false, nil
	}
	begun := s.begun.Add(1)
	n, err = writeNow(s.held, p)
	if n > 0 {
		s.succeeded.Store(begun)
	}
	return n, true, err
}

// hold tells that a loop keeps the descriptor referenced; -1 that it does so no longer.
func (s *socket) hold(fd int) {
	s.mu.Lock()
	s.held = fd
	s.mu.Unlock()
}

// enter calls turn, and again each time that the socket may be readable, until turn returns true. Meanwhile the descriptor is held. It returns what ended the wait otherwise: a deadline, or a
// shutdown by net.Conn.Close.
//
// A goroutine that waits in here needs two system calls for a message and its answer, where net.Conn.Read and Write need three, and holds no buffer while it waits.
func (s *socket) enter(turn func(fd uintptr) bool) error {
	defer s.hold(-1)
	return s.raw.Read(turn)
}

// entered tells at the start of a turn which descriptor that is.
func (s *socket) entered(fd uintptr) {
	s.queue.drained = false // something has come since
	s.queue.ask(int(fd))
	if s.held != int(fd) { // only turns write it, and they do not overlap
		s.hold(int(fd))
	}
}

// read reads what is there without waiting. wait means that nothing is. It is called in a turn.
func (s *socket) read(fd uintptr, p []byte) (n int, wait bool, err error) {
	n, wait, err = s.queue.read(int(fd), p)
	s.lastRead = s.begun.Load()
	return n, wait, err
}

// emptied reports that another read would find nothing now, and that the next bytes, or an end or error, will wake who waits. That nothing was left behind the last read does not say so: it is
// also true when a reset waits. But then no write succeeds.
func (s *socket) emptied() bool {
	return s.queue.drained && int32(s.succeeded.Load()-s.lastRead) > 0
}

// shutdown ends both directions without closing the descriptor: that would wait for a loop that holds it, and send nothing before.
func (s *socket) shutdown() error {
	type halves interface {
		CloseRead() error
		CloseWrite() error
	}
	c := s.Conn.(halves)
	return errors.Join(c.CloseWrite(), c.CloseRead())
}

// writeNow writes what the socket takes without waiting.
func writeNow(fd int, p []byte) (n int, err error) {
	for {
		n, err = sock.Send(fd, p)
		switch err {
		case nil:
			return n, nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, nil
		default:
			return 0, os.NewSyscallError("write", err)
		}
	}
}

// readNow reads what is there without waiting. wait means that nothing is.
func readNow(fd int, p []byte) (n int, wait bool, err error) {
	for {
		n, err = syscall.Read(fd, p)
		switch err {
		case nil:
			return n, false, nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, true, nil
		default:
			return 0, false, os.NewSyscallError("read", err)
		}
	}
}
