//go:build darwin || dragonfly || freebsd || openbsd

package evloop

import (
	"errors"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// kqueue is the poller of macOS and the BSDs. Its events carry a pointer, which without unsafe can't be the slot: so a table leads from the descriptor to the data. A report that was
// fetched before a descriptor was closed may be taken for one of the next file with its number; it is then a report too many, which handlers meet with ErrWouldBlock.
type kqueue struct {
	fd     int
	r, w   int // a pipe that wakes
	events []unix.Kevent_t
	rester *rester
	alone  bool // see goschedFirst

	mu    sync.Mutex
	files map[int]*registration
}

type registration struct {
	data     uint64
	interest Interest
}

func newPoller() (Poller, error) {
	fd, err := unix.Kqueue()
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(fd)
	p := &kqueue{fd: fd, r: -1, w: -1, alone: goschedFirst(), files: map[int]*registration{}}
	var pipe [2]int
	if err = unix.Pipe(pipe[:]); err == nil {
		p.r, p.w = pipe[0], pipe[1]
		for _, fd := range pipe {
			unix.CloseOnExec(fd)
			err = errors.Join(err, unix.SetNonblock(fd, true))
		}
		if err == nil {
			err = p.Add(p.r, wakeData, InterestRead)
		}
		if err == nil {
			p.rester, err = newRester()
		}
	}
	if err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *kqueue) Add(fd int, data uint64, i Interest) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.files[fd] = &registration{data: data}
	err := p.change(fd, p.files[fd], i)
	if err != nil {
		delete(p.files, fd)
	}
	return err
}

func (p *kqueue) Modify(fd int, data uint64, i Interest) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.files[fd]
	if f == nil {
		return unix.ENOENT
	}
	f.data = data
	return p.change(fd, f, i)
}

// change adds the filters that are wanted, which also arms one that has given its only report, and deletes the others. No filter reports no hang-up.
func (p *kqueue) change(fd int, f *registration, i Interest) error {
	flags := unix.EV_ADD | unix.EV_ENABLE
	if i&InterestOnce != 0 {
		flags |= unix.EV_DISPATCH
	}
	var changes []unix.Kevent_t
	for _, filter := range []struct {
		interest Interest
		mode     int
	}{{InterestRead, unix.EVFILT_READ}, {InterestWrite, unix.EVFILT_WRITE}} {
		var k unix.Kevent_t
		switch {
		case i&filter.interest != 0:
			unix.SetKevent(&k, fd, filter.mode, flags)
		case f.interest&filter.interest != 0:
			unix.SetKevent(&k, fd, filter.mode, unix.EV_DELETE)
		default:
			continue
		}
		changes = append(changes, k)
	}
	f.interest = i
	if len(changes) == 0 {
		return nil
	}
	_, err := unix.Kevent(p.fd, changes, nil, nil)
	return err
}

func (p *kqueue) Remove(fd int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.files[fd]
	if f == nil {
		return unix.ENOENT
	}
	delete(p.files, fd)
	return p.change(fd, f, 0)
}

func (p *kqueue) CloseDescriptor(fd int) error { return unix.Close(fd) }

func (p *kqueue) Wait(events []Event, timeout time.Duration) (n int, err error) {
	if len(p.events) < len(events) {
		p.events = make([]unix.Kevent_t, len(events))
	}
	var wait *unix.Timespec
	if timeout >= 0 {
		t := unix.NsecToTimespec(int64(timeout))
		wait = &t
	}
	if timeout != 0 && p.alone {
		runtime.Gosched()
	}
	got, err := unix.Kevent(p.fd, nil, p.events[:len(events)], wait)
	if err == unix.EINTR {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range got {
		e := &p.events[i]
		fd := int(e.Ident)
		f := p.files[fd]
		if f == nil {
			continue
		}
		if f.data == wakeData {
			var b [16]byte
			unix.Read(p.r, b[:])
			continue
		}
		what := Readable
		if int64(e.Filter) == unix.EVFILT_WRITE {
			what = Writable
		}
		if what == Writable && int64(e.Flags)&unix.EV_EOF != 0 {
			what |= HangUp // the reader has gone; for EVFILT_READ it only means that the peer has ended its direction
		}
		if f.interest&InterestOnce != 0 && f.interest&(InterestRead|InterestWrite) == InterestRead|InterestWrite {
			// EV_DISPATCH is for each filter, our InterestOnce for both.
			p.disable(fd, f, what)
		}
		events[n] = Event{f.data, what}
		n++
	}
	return n, nil
}

// disable disables the filter that has not reported.
func (p *kqueue) disable(fd int, f *registration, reported Events) {
	other := unix.EVFILT_WRITE
	if reported&Writable != 0 {
		other = unix.EVFILT_READ
	}
	var k unix.Kevent_t
	unix.SetKevent(&k, fd, other, unix.EV_DISABLE)
	unix.Kevent(p.fd, []unix.Kevent_t{k}, nil, nil)
}

func (p *kqueue) Wake() { unix.Write(p.w, []byte{0}) }

func (p *kqueue) Rest() { p.rester.rest() }

func (p *kqueue) Close() error {
	if p.rester != nil {
		p.rester.close()
	}
	for _, fd := range []int{p.r, p.w} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	return unix.Close(p.fd)
}
