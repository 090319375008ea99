//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/hawser-go/hawser/bench/peers/histogram"
)

// patience is how long a server may make no progress at all.
const patience = 10 * time.Second

// A loop is one epoll loop over all connections.
type loop struct {
	o       *options
	server  unix.SockaddrInet4
	request []byte
	epfd    int
	events  []unix.EpollEvent
	buf     []byte
	conns   []*conn
	wire    *wire
	// marked is what the last o.slow connections send instead: messages for which handler wait waits.
	marked *wire

	// The answer of the first connection to the offer of extensions; all must be alike.
	extensions string

	// received is called with the messages that one read has completed.
	received func(c *conn, messages int)
	// outstanding is how many messages have been asked for and have not come.
	outstanding int
	opened      int

	latency, last histogram.Histogram
	alone, early  histogram.Histogram // of mode slow
	slowRate      float64
	lateCloses    int64
}

type state uint8

const (
	connecting state = iota
	upgrading
	open
	closing
	closed
)

type conn struct {
	index  int
	fd     int
	state  state
	parser parser

	// head is what has come of the response.
	head []byte

	// What is sent: owed messages are not written yet, from byte pos of the wire, in message next.
	owed      int
	next, pos int
	blocked   bool // waiting for EPOLLOUT

	intended ring
	deadline time.Time // of closing
}

func newLoop(o *options) (*loop, error) {
	addr, err := netip.ParseAddrPort(o.addr)
	if err != nil || !addr.Addr().Is4() {
		return nil, fmt.Errorf("%q is not an IPv4 address and a port", o.addr)
	}
	raiseLimit()
	l := &loop{o: o, request: request(o), events: make([]unix.EpollEvent, 256), buf: make([]byte, 256<<10)}
	l.server = unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}
	if l.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	return l, nil
}

// raiseLimit raises the soft limit of open files to the hard one. Go does so by itself, but says that programs should not rely on it.
func raiseLimit() {
	var rl unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &rl) == nil {
		rl.Cur = rl.Max
		unix.Setrlimit(unix.RLIMIT_NOFILE, &rl)
	}
}

func (l *loop) close() {
	for _, c := range l.conns {
		if c.state != closed {
			unix.Close(c.fd)
		}
	}
	unix.Close(l.epfd)
}

// dial begins a connection. The source addresses take turns within 127.0.0.0/8, so that ports in TIME_WAIT do not run out.
func (l *loop) dial(c *conn) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	c.fd, c.state = fd, connecting
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if l.server.Addr[0] == 127 {
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 1, byte(1 + c.index%200)}}); err != nil {
			return fmt.Errorf("bind: %w", err)
		}
	}
	if err := unix.Connect(fd, &l.server); err != nil && err != unix.EINPROGRESS {
		return fmt.Errorf("connect: %w", err)
	}
	return l.control(unix.EPOLL_CTL_ADD, c, unix.EPOLLOUT)
}

func (l *loop) control(op int, c *conn, events uint32) error {
	return unix.EpollCtl(l.epfd, op, c.fd, &unix.EpollEvent{Events: events, Fd: int32(c.index)})
}

// open opens n connections, a hundred at a time, and encodes the messages.
func (l *loop) open(n int) error {
	started, last := 0, time.Now()
	for progress := -1; l.opened < n; {
		for started < n && started-l.opened < 100 {
			c := &conn{index: started}
			l.conns = append(l.conns, c)
			if err := l.dial(c); err != nil {
				return err
			}
			started++
		}
		if err := l.poll(100); err != nil {
			return fmt.Errorf("opening %d connections, %d are open: %w", n, l.opened, err)
		}
		if l.opened != progress {
			progress, last = l.opened, time.Now()
		} else if time.Since(last) > patience {
			return fmt.Errorf("opening %d connections: stuck at %d", n, l.opened)
		}
	}
	bits, serverContext, err := agreed(l.o, l.extensions)
	if err != nil {
		return err
	}
	if l.wire, err = newWire(l.o, bits); err != nil {
		return err
	}
	if l.o.slow > 0 {
		l.marked = newMessages(l.o, true)
	}
	for i, c := range l.conns {
		w := l.wire
		if i >= len(l.conns)-l.o.slow {
			w = l.marked
		}
		c.parser = parser{w: w, text: l.o.text, compressing: l.o.compress != "off" && !l.o.raw, context: serverContext}
	}
	return nil
}

// poll waits for events, at most ms milliseconds, and handles them.
func (l *loop) poll(ms int) error {
	n, err := unix.EpollWait(l.epfd, l.events, ms)
	if err != nil && err != unix.EINTR {
		return fmt.Errorf("epoll_wait: %w", err)
	}
	for _, ev := range l.events[:max(n, 0)] {
		c := l.conns[ev.Fd]
		if err := l.handle(c, ev.Events); err != nil {
			return fmt.Errorf("connection %d: %w", c.index, err)
		}
	}
	return nil
}

func (l *loop) handle(c *conn, events uint32) error {
	switch {
	case c.state == closed:
		return nil
	case c.state == connecting:
		return l.connected(c)
	case c.blocked && events&unix.EPOLLOUT != 0:
		c.blocked = false
		if err := l.control(unix.EPOLL_CTL_MOD, c, unix.EPOLLIN); err != nil {
			return err
		}
		if err := l.flush(c); err != nil {
			return err
		}
		if events&unix.EPOLLIN == 0 {
			return nil
		}
	}
	n, errno := read(c.fd, l.buf)
	switch {
	case errno == syscall.EAGAIN || errno == syscall.EINTR:
		return nil
	case c.state == closing:
		return l.closingRead(c, n, errno)
	case errno != 0:
		return fmt.Errorf("read: %w", errno)
	case n == 0:
		return errClosed
	case c.state == upgrading:
		return l.upgraded(c, l.buf[:n])
	}
	messages, err := c.parser.feed(l.buf[:n])
	if messages > 0 {
		l.received(c, messages)
	}
	return err
}

// connected sends the request.
func (l *loop) connected(c *conn) error {
	errno, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && errno != 0 {
		err = syscall.Errno(errno)
	}
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if err := l.control(unix.EPOLL_CTL_MOD, c, unix.EPOLLIN); err != nil {
		return err
	}
	if l.o.raw && l.o.mode != "handshake" {
		c.state = open
		l.opened++
		return nil
	}
	c.state, c.head = upgrading, c.head[:0]
	if n, errno := write(c.fd, l.request); n != len(l.request) {
		return fmt.Errorf("the request was not taken: %d bytes, %w", n, errno)
	}
	return nil
}

// upgraded takes what has come of the response.
func (l *loop) upgraded(c *conn, b []byte) error {
	c.head = append(c.head, b...)
	if l.o.raw { // in mode handshake: the request comes back
		if len(c.head) < len(l.request) {
			return nil
		}
		return l.beginClose(c)
	}
	extensions, rest, err := response(c.head)
	if errors.Is(err, errShort) {
		return nil
	}
	switch {
	case err != nil:
		return err
	case len(rest) > 0:
		return fmt.Errorf("%d bytes came behind the response", len(rest))
	case l.opened > 0 && extensions != l.extensions:
		return fmt.Errorf("the server chose %q, but %q on another connection", extensions, l.extensions)
	}
	l.extensions = extensions
	c.state, c.head = open, nil
	l.opened++
	if l.o.mode == "handshake" {
		return l.beginClose(c)
	}
	return nil
}

// send sends m more messages, as soon as the socket takes them.
func (l *loop) send(c *conn, m int) error {
	c.owed += m
	if c.blocked {
		return nil
	}
	return l.flush(c)
}

func (l *loop) flush(c *conn) error {
	w := c.parser.w
	for c.owed > 0 {
		start := 0
		if c.next > 0 {
			start = w.ends[c.next-1]
		}
		if len(w.payloads) == 1 && c.pos == start {
			c.next, c.pos = 0, 0 // all alike: as many as possible in one piece
		}
		end := w.ends[min(c.next+c.owed, len(w.ends))-1]
		n, errno := write(c.fd, w.bytes[c.pos:end])
		switch errno {
		case 0:
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			c.blocked = true
			return l.control(unix.EPOLL_CTL_MOD, c, unix.EPOLLIN|unix.EPOLLOUT)
		default:
			return fmt.Errorf("write: %w", errno)
		}
		for c.pos += n; c.next < len(w.ends) && w.ends[c.next] <= c.pos; c.next++ {
			c.owed--
		}
		if c.next == len(w.ends) {
			c.next, c.pos = 0, 0
		}
	}
	return nil
}

// read and write never block, so they need no bookkeeping of Go's scheduler.
func read(fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	if errno != 0 {
		return -1, errno
	}
	return int(n), 0
}

func write(fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	if errno != 0 {
		return -1, errno
	}
	return int(n), 0
}

// closeFrame is a Close frame with 1000.
var closeFrame = appendFrame(nil, 0x80|opcodeClose, 0x12345678, binary.BigEndian.AppendUint16(nil, 1000))

// beginClose ends a connection as its protocol wants: a Close frame, or the end of our direction.
func (l *loop) beginClose(c *conn) error {
	c.state = closing
	c.deadline = time.Now().Add(500 * time.Millisecond)
	if l.o.raw {
		return unix.Shutdown(c.fd, unix.SHUT_WR)
	}
	if n, errno := write(c.fd, closeFrame); n != len(closeFrame) {
		return fmt.Errorf("the Close frame was not taken: %w", errno)
	}
	return nil
}

// closingRead waits for the end.
func (l *loop) closingRead(c *conn, n int, errno syscall.Errno) error {
	if n > 0 {
		return nil
	}
	if errno != 0 && errno != syscall.ECONNRESET {
		return fmt.Errorf("read while closing: %w", errno)
	}
	unix.Close(c.fd)
	c.state = closed
	l.received(c, 1)
	return nil
}

// A ring is a queue of times.
type ring struct {
	times       []time.Duration
	first, size int
}

func (r *ring) push(t time.Duration) {
	if r.size == len(r.times) {
		grown := make([]time.Duration, max(16, 2*len(r.times)))
		for i := range r.size {
			grown[i] = r.times[(r.first+i)%len(r.times)]
		}
		r.times, r.first = grown, 0
	}
	r.times[(r.first+r.size)%len(r.times)] = t
	r.size++
}

func (r *ring) pop() time.Duration {
	t := r.times[r.first]
	r.first = (r.first + 1) % len(r.times)
	r.size--
	return t
}
