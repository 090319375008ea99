//go:build unix

package conn

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// socket is what a *net.TCPConn and a *net.UnixConn have in common.
type socket interface {
	net.Conn
	syscall.Conn
}

// newTryWrite returns a function that writes to the socket what it takes without waiting. It belongs to the holder of the write lock.
func newTryWrite(c socket) func(p []byte) (n int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	// One closure for all calls, so that a call does not allocate.
	var (
		buf      []byte
		written  int
		writeErr error
	)
	write := func(fd uintptr) bool {
		for {
			written, writeErr = syscall.Write(int(fd), buf)
			if writeErr != syscall.EINTR {
				return true // done, whatever it wrote: true means not to wait
			}
		}
	}
	return func(p []byte) (int, error) {
		buf, written, writeErr = p, 0, nil
		err := raw.Write(write)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			// Left over from an earlier write: the deadline was that write's, not the connection's.
			c.SetWriteDeadline(time.Time{})
			err = raw.Write(write)
		}
		buf = nil
		switch {
		case err != nil:
			return 0, err
		case writeErr == syscall.EAGAIN:
			return 0, nil
		case writeErr != nil:
			return 0, writeErr
		}
		return written, nil
	}
}
