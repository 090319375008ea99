//go:build linux

package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The second reference: a bare epoll echo, level-triggered, one loop on one thread, one buffer for all connections. It is what an event loop can reach in Go.
var rawepollAdapter = adapter{
	Name:     "rawepoll",
	Raw:      true,
	NoTLS:    true,
	Settings: "Reference: one level-triggered epoll loop, read and write, one buffer for all connections.",
	serve: func(ln net.Listener, s *setup) error {
		runtime.LockOSThread()
		file, err := ln.(*net.TCPListener).File()
		if err != nil {
			return err
		}
		l := &epollLoop{s: s, file: file, listener: int(file.Fd()), buf: make([]byte, s.buffer), conns: make(map[int]*epollConn)}
		if err := unix.SetNonblock(l.listener, true); err != nil {
			return err
		}
		return l.run()
	},
}

type epollLoop struct {
	s        *setup
	epfd     int
	file     *os.File // keeps listener open: a collected File closes its descriptor
	listener int
	buf      []byte
	conns    map[int]*epollConn
}

type epollConn struct {
	fd int
	// rest is what the socket has not taken yet. While there is any, nothing is read.
	rest []byte
}

func (l *epollLoop) run() (err error) {
	if l.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	if err := l.control(unix.EPOLL_CTL_ADD, l.listener, unix.EPOLLIN); err != nil {
		return err
	}
	events := make([]unix.EpollEvent, 128)
	for {
		n, err := unix.EpollWait(l.epfd, events, -1)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("epoll_wait: %w", err)
		}
		for _, ev := range events[:n] {
			fd := int(ev.Fd)
			if fd == l.listener {
				l.accept()
			} else if c := l.conns[fd]; c == nil {
				continue
			} else if c.rest != nil {
				rest := c.rest
				c.rest = nil
				l.write(c, rest)
				if c.rest == nil {
					l.control(unix.EPOLL_CTL_MOD, fd, unix.EPOLLIN)
				}
			} else {
				l.read(c)
			}
		}
	}
}

func (l *epollLoop) control(op, fd int, events uint32) error {
	return unix.EpollCtl(l.epfd, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

func (l *epollLoop) accept() {
	for {
		fd, _, err := unix.Accept4(l.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // as net does
		l.conns[fd] = &epollConn{fd: fd}
		l.s.conns.Add(1)
		l.control(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN)
	}
}

func (l *epollLoop) close(c *epollConn) {
	if l.conns[c.fd] == c {
		delete(l.conns, c.fd)
		l.s.conns.Add(-1)
		unix.Close(c.fd)
	}
}

func (l *epollLoop) read(c *epollConn) {
	// The socket does not block, so neither does the call: RawSyscall spares the scheduler's bookkeeping.
	n, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(c.fd), uintptr(unsafe.Pointer(&l.buf[0])), uintptr(len(l.buf)))
	switch {
	case errno == syscall.EAGAIN || errno == syscall.EINTR:
		return
	case errno != 0 || n == 0:
		l.close(c)
		return
	}
	l.s.workFrame(l.buf[:n])
	if l.s.handler == "broadcast" {
		for _, c := range l.conns {
			l.write(c, l.buf[:n])
		}
		return
	}
	l.write(c, l.buf[:n])
}

// write writes p, and keeps what the socket does not take.
func (l *epollLoop) write(c *epollConn, p []byte) {
	if c.rest != nil {
		c.rest = append(c.rest, p...)
		return
	}
	for len(p) > 0 {
		n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(c.fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
		switch errno {
		case 0:
			p = p[n:]
		case syscall.EINTR:
		case syscall.EAGAIN:
			c.rest = append([]byte(nil), p...)
			l.control(unix.EPOLL_CTL_MOD, c.fd, unix.EPOLLOUT)
			return
		default:
			l.close(c)
			return
		}
	}
}
