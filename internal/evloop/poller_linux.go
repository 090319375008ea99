package evloop

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// epoll is the poller of Linux. Its waits go through a Syscall, blocking or not: what blocks in a RawSyscall keeps the collector from stopping the world, and x/sys has none for epoll_wait.
type epoll struct {
	fd     int
	wakeFD int // an eventfd
	events []unix.EpollEvent
	rester *rester
	alone  bool // see goschedFirst
}

func newPoller() (Poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	p := &epoll{fd: fd, wakeFD: -1, alone: goschedFirst()}
	if p.wakeFD, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err == nil {
		if err = p.Add(p.wakeFD, wakeData, InterestRead); err == nil {
			p.rester, err = newRester()
		}
	}
	if err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *epoll) control(op, fd int, data uint64, i Interest) error {
	e := unix.EpollEvent{Fd: int32(uint32(data)), Pad: int32(uint32(data >> 32))}
	if i&InterestRead != 0 {
		e.Events |= unix.EPOLLIN
	}
	if i&InterestWrite != 0 {
		e.Events |= unix.EPOLLOUT
	}
	if i&InterestOnce != 0 {
		e.Events |= unix.EPOLLONESHOT
	}
	return unix.EpollCtl(p.fd, op, fd, &e)
}

func (p *epoll) Add(fd int, data uint64, i Interest) error {
	return p.control(unix.EPOLL_CTL_ADD, fd, data, i)
}

func (p *epoll) Modify(fd int, data uint64, i Interest) error {
	return p.control(unix.EPOLL_CTL_MOD, fd, data, i)
}

func (p *epoll) Remove(fd int) error { return p.control(unix.EPOLL_CTL_DEL, fd, 0, 0) }

func (p *epoll) CloseDescriptor(fd int) error { return unix.Close(fd) }

func (p *epoll) Wait(events []Event, timeout time.Duration) (n int, err error) {
	if len(p.events) < len(events) {
		p.events = make([]unix.EpollEvent, len(events))
	}
	if timeout != 0 && p.alone {
		runtime.Gosched()
	}
	got, err := unix.EpollWait(p.fd, p.events[:len(events)], milliseconds(timeout))
	if err == unix.EINTR {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for i := range got {
		e := &p.events[i]
		data := uint64(uint32(e.Pad))<<32 | uint64(uint32(e.Fd))
		if data == wakeData {
			var b [8]byte
			unix.Read(p.wakeFD, b[:])
			continue
		}
		var what Events
		if e.Events&unix.EPOLLIN != 0 {
			what |= Readable
		}
		if e.Events&unix.EPOLLOUT != 0 {
			what |= Writable
		}
		if e.Events&(unix.EPOLLHUP|unix.EPOLLERR) != 0 {
			what |= HangUp
		}
		events[n] = Event{data, what}
		n++
	}
	return n, nil
}

// milliseconds rounds up: a wait that ends too early would only be repeated.
func milliseconds(d time.Duration) int {
	if d < 0 {
		return -1
	}
	const longest = 1 << 30 // fits an int of 32 bits
	return int(min((d+time.Millisecond-1)/time.Millisecond, longest))
}

func (p *epoll) Wake() {
	// A number, in whichever order of bytes; if it can't be added, the eventfd is readable already.
	unix.Write(p.wakeFD, []byte{1, 0, 0, 0, 0, 0, 0, 0})
}

func (p *epoll) Rest() { p.rester.rest() }

func (p *epoll) Close() error {
	if p.rester != nil {
		p.rester.close()
	}
	if p.wakeFD >= 0 {
		unix.Close(p.wakeFD)
	}
	return unix.Close(p.fd)
}
