//go:build linux || darwin || dragonfly || freebsd || openbsd

package evloop

import (
	"errors"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// acceptBatch is how many connections are accepted in one call, before others have their turn.
	acceptBatch = 64
	// Without descriptors or memory, a level-triggered listener would report its queue for ever: so it waits, longer each time.
	firstAcceptPause = 5 * time.Millisecond
	lastAcceptPause  = time.Second
)

// A Listener accepts connections in a loop. One loop does it for all, see docs/decisions/0011-event-loop.md.
type Listener struct {
	listener net.Listener // kept open: a *net.UnixListener removes its path when it is closed
	conn     *Conn
	accepted func(fd int, remote net.Addr)
	accept   func(c *Conn) (fd int, remote net.Addr, err error) // (*Conn).acceptOne, but in tests
	pause    time.Duration
}

// Listen accepts the connections of ln and calls accepted, in a loop, with each descriptor, which is non-blocking and belongs to accepted. Calls for one listener don't overlap; other
// connections of the loop wait for them.
//
// It takes a ln whose dynamic type is exactly *net.TCPListener or *net.UnixListener, and works on a duplicate of its descriptor. ln is the Listener's until Close, which closes it: that
// it is closed otherwise goes unnoticed. After an error, which matches [ErrUnsupported] for other types, ln is as it was.
func (g *Group) Listen(ln net.Listener, accepted func(fd int, remote net.Addr)) (*Listener, error) {
	return g.leastLoop().listen(ln, accepted)
}

func (l *loop) listen(ln net.Listener, accepted func(fd int, remote net.Addr)) (*Listener, error) {
	var source syscall.Conn
	switch ln := ln.(type) {
	case *net.TCPListener:
		source = ln
	case *net.UnixListener:
		source = ln
	default:
		return nil, ErrUnsupported
	}
	fd, err := duplicate(source)
	if err != nil {
		return nil, err
	}
	a := &Listener{listener: ln, accepted: accepted, accept: (*Conn).acceptOne}
	if a.conn, err = l.conn(fd, a); err == nil {
		err = a.conn.Start()
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}

// Close ends accepting and closes the listener. A call of accepted that has begun goes on.
func (a *Listener) Close() error {
	a.conn.Close()
	return a.listener.Close()
}

// Ready is the loop's.
func (a *Listener) Ready(c *Conn, t Turn) {
	for range acceptBatch {
		fd, remote, err := a.accept(c)
		switch {
		case err == nil:
			a.pause = 0
			a.accepted(fd, remote)
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED):
		case errors.Is(err, ErrWouldBlock), errors.Is(err, ErrClosed):
			return
		default:
			a.pause = min(max(2*a.pause, firstAcceptPause), lastAcceptPause)
			c.WantRead(false)
			c.SetTimer(c.loop.group.Now() + a.pause)
			return
		}
	}
}

// Signal is the loop's.
func (a *Listener) Signal(c *Conn, s Signal) {
	if s == SignalTimeout {
		c.WantRead(true)
	}
}

func (c *Conn) acceptOne() (fd int, remote net.Addr, err error) {
	if !c.acquire() {
		return -1, nil, ErrClosed
	}
	defer c.release()
	fd, from, err := accept(int(c.fd))
	if err == unix.EAGAIN {
		err = ErrWouldBlock
	}
	if err != nil {
		return -1, nil, err
	}
	remote = address(from)
	if _, ok := remote.(*net.TCPAddr); ok {
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // as package net does
	}
	return fd, remote, nil
}

// address converts what accept says of the peer. A Unix socket's peer has no name, as a rule.
func address(from unix.Sockaddr) net.Addr {
	switch a := from.(type) {
	case *unix.SockaddrInet4:
		return &net.TCPAddr{IP: append(net.IP(nil), a.Addr[:]...), Port: a.Port}
	case *unix.SockaddrInet6:
		return &net.TCPAddr{IP: append(net.IP(nil), a.Addr[:]...), Port: a.Port, Zone: zone(a.ZoneId)}
	case *unix.SockaddrUnix:
		return &net.UnixAddr{Name: a.Name, Net: "unix"}
	}
	return nil
}

// zone names the interface of a link-local address.
func zone(id uint32) string {
	if id == 0 {
		return ""
	}
	i, err := net.InterfaceByIndex(int(id))
	if err != nil {
		return ""
	}
	return i.Name
}
