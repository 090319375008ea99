//go:build linux || darwin || dragonfly || freebsd || openbsd

package evloop

import (
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// A rester lets the rest of the process run. runtime.Gosched alone does not reach the runtime's poller while goroutines are ready; so it writes to a pipe that the poller watches and
// waits until the poller has seen it.
type rester struct {
	r, w   *os.File
	raw    syscall.RawConn
	writer int
	wait   func(fd uintptr) bool
	waited bool
	err    error
}

func newRester() (*rester, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	s := &rester{r: r, w: w, writer: int(w.Fd())}
	// Fd made it blocking, which our one byte never notices; the reader has to stay what it is, and gives its descriptor to s.wait only.
	s.raw, s.err = r.SyscallConn()
	var b [1]byte
	s.wait = func(fd uintptr) bool {
		if !s.waited {
			// Written here, behind the reset of the readiness: an earlier report would be lost.
			s.waited = true
			b[0] = 0
			_, s.err = unix.Write(s.writer, b[:])
			return s.err != nil
		}
		_, err := unix.Read(int(fd), b[:])
		return err != unix.EAGAIN
	}
	return s, nil
}

func (s *rester) rest() {
	runtime.Gosched()
	if s.err == nil {
		s.waited = false
		s.err = s.raw.Read(s.wait)
	}
}

// goschedFirst reports whether a wait that blocks should begin with runtime.Gosched. The system call keeps its processor until the runtime misses it, after 20 us to 10 ms, and with one
// processor those whom the handlers woke would wait for that: a handler that leaves its reply to another goroutine took 195 us instead of 42, and three times the processor time
// (BenchmarkRelay, 2026-11). With more, others take them, and Gosched would wake up a thread each time.
func goschedFirst() bool { return runtime.GOMAXPROCS(0) == 1 }

func (s *rester) close() {
	s.r.Close()
	s.w.Close()
}
