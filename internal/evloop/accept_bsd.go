//go:build darwin || openbsd

package evloop

import (
	"syscall"

	"golang.org/x/sys/unix"
)

func accept(fd int) (int, unix.Sockaddr, error) {
	// No process may be started between accept and the flag.
	syscall.ForkLock.RLock()
	n, from, err := unix.Accept(fd)
	if err == nil {
		unix.CloseOnExec(n)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return -1, nil, err
	}
	if err := unix.SetNonblock(n, true); err != nil {
		unix.Close(n)
		return -1, nil, err
	}
	return n, from, nil
}
