package conntest

import (
	"errors"
	"net"
	"slices"
	"sync"
	"syscall"
)

// Sockets are descriptors without a system: what a loop of events asks of sockets, over ends of a [Pipe], with one operation that fails.
// Its methods are system calls: they do not wait, and their errors are a system's. They may be called concurrently.
//
// Of the kinds of fault, these apply: to Read and Write Error, Timeout (ETIMEDOUT), Stall (the other end has vanished: nothing comes or leaves any more), Reset, Interrupted and Again;
// to Read EOF and ShortRead; to Write ShortWrite (half is written, which is no error) and PartialError (half is written, and the next Write fails); Error to everything else, CloseError to Shutdown and Close.
type Sockets struct {
	f       *Fault
	changed chan struct{}

	mu    sync.Mutex
	files map[int]*SocketConn
	last  int
}

// firstSocket is no descriptor of this process, should one get through to the system.
const firstSocket = 1 << 24

// NewSockets returns an empty table whose operations f counts; nil if none is to fail.
func NewSockets(f *Fault) *Sockets {
	return &Sockets{f: f, changed: make(chan struct{}, 1), files: map[int]*SocketConn{}, last: firstSocket}
}

// Changed has a value when something may have become ready.
func (s *Sockets) Changed() <-chan struct{} { return s.changed }

func (s *Sockets) nudge() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// SocketConn is a net.Conn as package net makes it of a descriptor: [Sockets.Duplicate] returns another descriptor of the same socket, which is closed when the last of them is.
type SocketConn struct {
	*PipeConn
	s *Sockets

	// Guarded by s.mu.
	users    int
	released bool      // Close was called
	failure  *injected // of the next Write
	eof      bool
	stalled  bool // the other end has vanished
	local    bool // we have ended both directions
}

// Conn makes a socket of an end of a pipe. Its operations as a net.Conn are not counted.
func (s *Sockets) Conn(c *PipeConn) *SocketConn {
	c.s.mu.Lock()
	c.s.notify = append(c.s.notify, s.nudge)
	c.s.mu.Unlock()
	return &SocketConn{PipeConn: c, s: s, users: 1}
}

// Close implements [net.Conn].
func (c *SocketConn) Close() error {
	c.s.mu.Lock()
	released := c.released
	c.released = true
	c.s.mu.Unlock()
	if released {
		return net.ErrClosed
	}
	return c.release()
}

func (c *SocketConn) release() error {
	c.s.mu.Lock()
	c.users--
	last := c.users == 0
	c.s.mu.Unlock()
	if last {
		return c.PipeConn.Close()
	}
	return nil
}

// fails counts an operation and says how it has to fail, with an error that is also cause.
func (s *Sockets) fails(name string, cause error, kinds ...Kind) (Kind, error) {
	if s.f == nil {
		return none, nil
	}
	k, e := s.f.count(op(name), slices.Contains(kinds, s.f.kind))
	if k == none {
		return none, nil
	}
	switch k {
	case Interrupted: // the bare ones, as code compares them
		return k, syscall.EINTR
	case Again:
		return k, syscall.EAGAIN
	case Timeout:
		cause = syscall.ETIMEDOUT
	case Reset:
		cause = syscall.ECONNRESET
	}
	e.cause = cause
	return k, e
}

// Control counts an operation of a poller, and returns the error with which it has to fail.
func (s *Sockets) Control(name string) error {
	_, err := s.fails(name, syscall.ENOMEM, Error)
	return err
}

// Duplicate returns another descriptor of a [SocketConn] of this table.
func (s *Sockets) Duplicate(c net.Conn) (fd int, err error) {
	sc, ok := c.(*SocketConn)
	if !ok || sc.s != s {
		return -1, errors.ErrUnsupported
	}
	if _, err := s.fails("Duplicate", syscall.EMFILE, Error); err != nil {
		return -1, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sc.users++
	s.last++
	s.files[s.last] = sc
	return s.last, nil
}

// file returns the socket of a descriptor.
func (s *Sockets) file(fd int) (*SocketConn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.files[fd]; c != nil {
		return c, nil
	}
	return nil, syscall.EBADF
}

// Open returns how many descriptors there are.
func (s *Sockets) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.files)
}

// Read reads what is there: 0 bytes are the end of the stream.
func (s *Sockets) Read(fd int, p []byte) (n int, err error) {
	c, err := s.file(fd)
	if err != nil {
		return -1, err
	}
	k, fault := s.fails("Read", syscall.EIO, Error, Timeout, EOF, ShortRead, Stall, Reset, Interrupted, Again)
	s.mu.Lock()
	c.eof = c.eof || k == EOF
	c.stalled = c.stalled || k == Stall
	eof, stalled := c.eof, c.stalled && !c.local
	s.mu.Unlock()
	switch {
	case eof:
		return 0, nil
	case stalled:
		return -1, syscall.EAGAIN
	case k == ShortRead:
		p = p[:min(1, len(p))]
	case k == Reset:
		c.Reset()
		return -1, fault
	case k != none:
		return -1, fault
	}
	return c.readNow(p)
}

// Write writes what there is room for.
func (s *Sockets) Write(fd int, v ...[]byte) (n int, err error) {
	c, err := s.file(fd)
	if err != nil {
		return -1, err
	}
	k, fault := s.fails("Write", syscall.EPIPE, Error, Timeout, ShortWrite, Stall, Reset, PartialError, Interrupted, Again)
	p := slices.Concat(v...)
	s.mu.Lock()
	c.stalled = c.stalled || k == Stall
	stalled, failure := c.stalled && !c.local, c.failure
	if c.failure = nil; k == PartialError {
		c.failure, _ = fault.(*injected)
	}
	s.mu.Unlock()
	switch {
	case failure != nil:
		return -1, failure
	case stalled:
		return -1, syscall.EAGAIN
	case k == ShortWrite, k == PartialError:
		p = p[:(len(p)+1)/2]
	case k == Reset:
		c.Reset()
		return -1, fault
	case k != none:
		return -1, fault
	}
	return c.writeNow(p)
}

// Shutdown ends directions: how is SHUT_WR or SHUT_RDWR of package syscall.
func (s *Sockets) Shutdown(fd, how int) error {
	c, err := s.file(fd)
	if err != nil {
		return err
	}
	if _, err := s.fails("Shutdown", syscall.ENOTCONN, Error, CloseError); err != nil {
		return err
	}
	if how == syscall.SHUT_RDWR {
		s.mu.Lock()
		c.local = true
		s.mu.Unlock()
	}
	c.s.nudge()
	return c.endNow(how)
}

// Close closes a descriptor, whatever it returns.
func (s *Sockets) Close(fd int) error {
	c, err := s.file(fd)
	if err != nil {
		return err
	}
	s.mu.Lock()
	delete(s.files, fd)
	s.mu.Unlock()
	_, fault := s.fails("Close", syscall.EIO, Error, CloseError)
	return errors.Join(c.release(), fault)
}

// Ready says what a level-triggered poller reports of a descriptor: what can be read, be it the end or an error, that something can be written, and that both directions have ended.
func (s *Sockets) Ready(fd int) (readable, writable, hangUp bool) {
	c, err := s.file(fd)
	if err != nil {
		return false, false, false
	}
	s.mu.Lock()
	eof, stalled := c.eof, c.stalled && !c.local
	s.mu.Unlock()
	if stalled {
		return eof, false, false
	}
	readable, writable, hangUp = c.ready()
	return readable || eof, writable, hangUp
}

// What a PipeConn is to a system call.

func (c *PipeConn) readNow(p []byte) (n int, err error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.s.reset {
		return -1, syscall.ECONNRESET
	}
	if n := c.in.take(p); n > 0 || c.in.fin {
		c.s.broadcast()
		return n, nil
	}
	return -1, syscall.EAGAIN
}

func (c *PipeConn) writeNow(p []byte) (n int, err error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if err := c.unwritable(); err != nil {
		if e, ok := errors.AsType[syscall.Errno](err); ok {
			return -1, e
		}
		return -1, err
	}
	if n = min(c.out.capacity-len(c.out.buf), len(p)); n <= 0 && len(p) > 0 {
		return -1, syscall.EAGAIN
	}
	c.out.buf = append(c.out.buf, p[:n]...)
	c.s.broadcast()
	return n, nil
}

func (c *PipeConn) endNow(how int) error {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.s.reset {
		return syscall.ENOTCONN
	}
	c.out.fin = true
	c.in.fin = c.in.fin || how == syscall.SHUT_RDWR
	c.s.broadcast()
	return nil
}

func (c *PipeConn) ready() (readable, writable, hangUp bool) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	readable = c.s.reset || c.in.fin || c.in.len() > 0
	writable = c.s.reset || c.out.fin || c.out.gone || len(c.out.buf) < c.out.capacity
	return readable, writable, c.s.reset || c.in.fin && c.out.fin
}
