//go:build unix && !(linux && (amd64 || arm64) && !race && !msan && !asan)

package socket

import "syscall"

// Send sends what the socket takes of p in one system call and says how much that was. A peer that is gone is EPIPE. It does not retain p.
func Send(fd int, p []byte) (n int, err error) {
	n, err = syscall.Write(fd, p)
	return max(n, 0), err
}
