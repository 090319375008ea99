//go:build linux || darwin || dragonfly || freebsd || openbsd

package evloop

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// Adopt takes the descriptor from a connection: it returns a duplicate, which is non-blocking and belongs to the caller, and closes c, so that the runtime's poller no longer wakes up for
// it. The socket stays open, with all its options. Nobody may be reading from c or writing to it.
//
// It takes a c whose dynamic type is exactly *net.TCPConn or *net.UnixConn; what wraps one may do more than pass bytes on. After an error, which matches [ErrUnsupported]
// for other types, c is as it was.
func Adopt(c net.Conn) (fd int, err error) {
	fd, err = Duplicate(c)
	if err == nil {
		c.Close()
	}
	return fd, err
}

// Duplicate is [Adopt], but for closing c: that is left to the caller, as soon as nothing can go wrong any more.
func Duplicate(c net.Conn) (fd int, err error) {
	switch c := c.(type) {
	case *net.TCPConn:
		return duplicate(c)
	case *net.UnixConn:
		return duplicate(c)
	}
	return -1, ErrUnsupported
}

// duplicate returns another descriptor of the same file.
func duplicate(c syscall.Conn) (fd int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	controlErr := raw.Control(func(old uintptr) {
		fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0)
	})
	if controlErr != nil {
		return -1, controlErr
	}
	if err != nil {
		return -1, err
	}
	return fd, nil
}
