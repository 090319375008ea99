package evloop

import (
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// netpoll is an epoll that does not block: its descriptor is watched by the runtime's poller. It keeps no processor while it waits, and is cheaper with many connections and dearer with one:
// docs/decisions/0011-event-loop.md. Kept to be measured against.
type netpoll struct {
	*epoll
	file  *os.File
	raw   syscall.RawConn
	woken atomic.Bool
}

func newNetpoll() (Poller, error) {
	p, err := newPoller()
	if err != nil {
		return nil, err
	}
	n := &netpoll{epoll: p.(*epoll)}
	fd, err := unix.FcntlInt(uintptr(n.epoll.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		unix.SetNonblock(fd, true) // or os.NewFile would not let the poller watch it
		n.file = os.NewFile(uintptr(fd), "epoll")
		n.raw, err = n.file.SyscallConn()
	}
	return n, err
}

func (p *netpoll) Wait(events []Event, timeout time.Duration) (n int, err error) {
	if timeout == 0 {
		return p.epoll.Wait(events, 0)
	}
	deadline := time.Time{}
	if timeout > 0 {
		deadline = time.Now().Add(timeout)
	}
	if err := p.file.SetReadDeadline(deadline); err != nil {
		return 0, err
	}
	p.raw.Read(func(uintptr) bool {
		n, err = p.epoll.Wait(events, 0)
		return n > 0 || err != nil || p.woken.Swap(false)
	})
	return n, err
}

func (p *netpoll) Wake() {
	p.woken.Store(true)
	p.epoll.Wake()
}

func (p *netpoll) Close() error {
	p.file.Close()
	return p.epoll.Close()
}

func init() {
	drivers["netpoll"] = func(tb testing.TB) string { return startLoop(tb, Config{NewPoller: newNetpoll}, echoer{}) }
}

// A wake is taken back by the wait that it ends.
func TestWakeIsTakenBack(t *testing.T) {
	p, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.Wake()
	p.Wait(make([]Event, 1), -1)
	if n, err := unix.Read(p.(*epoll).wakeFD, make([]byte, 8)); err != unix.EAGAIN {
		t.Errorf("read %d, %v", n, err)
	}
}
