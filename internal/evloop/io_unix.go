//go:build linux || darwin || dragonfly || freebsd || openbsd

package evloop

import (
	"io"

	"golang.org/x/sys/unix"

	"github.com/hawser-go/hawser/internal/socket"
)

// Read reads once into p, which is not empty. It returns io.EOF at the end of the stream, ErrWouldBlock if nothing is there, ErrClosed after Close, or the system's error.
func (c *Conn) Read(p []byte) (n int, err error) {
	if !c.acquire() {
		return 0, ErrClosed
	}
	defer c.release()
	for {
		n, err = c.read(p)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return 0, ErrWouldBlock
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// Write writes what the descriptor takes of p without waiting. If that is less than all, the error is ErrWouldBlock: call WantWrite, and go on when it is answered. Two calls at
// the same time mix what they write. It does not retain p.
func (c *Conn) Write(p []byte) (n int, err error) {
	if !c.acquire() {
		return 0, ErrClosed
	}
	defer c.release()
	for n < len(p) {
		m, err := c.write(p[n:])
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return n, ErrWouldBlock
		case err != nil:
			return n, err
		default:
			n += m
		}
	}
	return n, nil
}

// Shutdown ends both directions of a socket and keeps the descriptor: Ready gets to see the end.
func (c *Conn) Shutdown() error { return c.shutdown(unix.SHUT_RDWR) }

// CloseWrite ends our direction of a socket.
func (c *Conn) CloseWrite() error { return c.shutdown(unix.SHUT_WR) }

func (c *Conn) shutdown(how int) error {
	if !c.acquire() {
		return ErrClosed
	}
	defer c.release()
	if calls := c.loop.calls; calls != nil {
		return calls.Shutdown(int(c.fd), how)
	}
	return unix.Shutdown(int(c.fd), how)
}

// read and write are the system calls.

func (c *Conn) read(p []byte) (n int, err error) {
	if calls := c.loop.calls; calls != nil {
		return readBy(calls, int(c.fd), p)
	}
	return unix.Read(int(c.fd), p)
}

func (c *Conn) write(p []byte) (n int, err error) {
	if calls := c.loop.calls; calls != nil {
		return writeBy(calls, int(c.fd), p)
	}
	return socket.Send(int(c.fd), p)
}
