package conn

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hawser-go/hawser/internal/conntest"
	"github.com/hawser-go/hawser/internal/evloop"
)

// A socketPoller is a level-triggered poller of conntest's sockets, whose operations are counted for a fault. In a synctest bubble its waits take no time, and all that the event loop does is repeatable.
type socketPoller struct {
	*conntest.Sockets
	wake chan struct{}

	mu    sync.Mutex
	files map[int]*polled
	at    time.Time // of the last wait
	spins int       // waits since then
	// broken: Modify has failed, and with it the connection, whose hang-up is reported until its function has returned. epoll_ctl has no reason to fail there.
	broken bool
}

type polled struct {
	data     uint64
	interest evloop.Interest
	spent    bool // the one report has been given
}

// maxSpins is how often a loop may wait while no time passes: a readiness that nobody takes away is reported for ever.
const maxSpins = 20_000

func (p *socketPoller) Add(fd int, data uint64, i evloop.Interest) error {
	return p.set("Add", fd, data, i)
}

func (p *socketPoller) Modify(fd int, data uint64, i evloop.Interest) error {
	return p.set("Modify", fd, data, i)
}

func (p *socketPoller) set(call string, fd int, data uint64, i evloop.Interest) error {
	if err := p.Control(call); err != nil {
		p.mu.Lock()
		p.broken = call == "Modify"
		p.mu.Unlock()
		return err
	}
	p.mu.Lock()
	p.files[fd] = &polled{data: data, interest: i}
	p.mu.Unlock()
	p.Wake()
	return nil
}

func (p *socketPoller) Remove(fd int) error {
	p.mu.Lock()
	delete(p.files, fd)
	p.mu.Unlock()
	return p.Control("Remove")
}

func (p *socketPoller) CloseDescriptor(fd int) error { return p.Sockets.Close(fd) }

func (p *socketPoller) Wake() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *socketPoller) Rest()        {}
func (p *socketPoller) Close() error { return nil }

func (p *socketPoller) Wait(events []evloop.Event, timeout time.Duration) (n int, err error) {
	if now := time.Now(); now.Equal(p.at) {
		if p.spins++; p.spins > maxSpins {
			panic(fmt.Sprintf("the loop spins: %v, %v", p.report(events), events[0]))
		}
	} else {
		p.at, p.spins = now, 0
	}
	p.mu.Lock()
	broken := p.broken
	p.mu.Unlock()
	if broken {
		time.Sleep(time.Millisecond)
	}
	var expired <-chan time.Time
	if timeout > 0 {
		t := time.NewTimer(timeout)
		defer t.Stop()
		expired = t.C
	}
	for {
		if n = p.report(events); n > 0 || timeout == 0 {
			return n, nil
		}
		select {
		case <-p.wake:
			return p.report(events), nil
		case <-p.Changed():
		case <-expired:
			return 0, nil
		}
	}
}

// report writes what is ready to events.
func (p *socketPoller) report(events []evloop.Event) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for fd, f := range p.files { // in any order, as the system's
		readable, writable, hangUp := p.Ready(fd)
		var e evloop.Events
		if readable && f.interest&evloop.InterestRead != 0 {
			e |= evloop.Readable
		}
		if writable && f.interest&evloop.InterestWrite != 0 {
			e |= evloop.Writable
		}
		if hangUp {
			e |= evloop.HangUp
		}
		if e == 0 || f.spent || n == len(events) {
			continue
		}
		f.spent = f.interest&evloop.InterestOnce != 0
		events[n] = evloop.Event{Data: f.data, Events: e}
		n++
	}
	return n
}

// A fakeLoop is an event loop over pipes, of which f fails an operation.
type fakeLoop struct {
	t       *testing.T
	sockets *conntest.Sockets
	group   *evloop.Group
	old     func() *evloop.Group
}

// newFakeLoop makes connections be driven by a loop of its own, until end. In a bubble it has to be called inside.
func newFakeLoop(t *testing.T, f *conntest.Fault) *fakeLoop {
	t.Helper()
	l := &fakeLoop{t: t, sockets: conntest.NewSockets(f), old: loops}
	p := &socketPoller{Sockets: l.sockets, wake: make(chan struct{}, 1), files: map[int]*polled{}}
	g, err := evloop.New(evloop.Config{Loops: 1, BufferSize: 1, ApartBufferSize: 1, NewPoller: func() (evloop.Poller, error) { return p, nil }, Calls: l.sockets})
	if err != nil {
		t.Fatal(err)
	}
	l.group = g
	loops = func() *evloop.Group { return g }
	return l
}

// conn returns a connection over an end of a pipe, which the loop will take for a socket when it is driven.
func (l *fakeLoop) conn(end *conntest.PipeConn, role Role, cfg *Config) *Conn {
	c := New(l.sockets.Conn(end), role, nil, cfg)
	c.transport.socket, c.transport.stream = true, nil
	return c
}

// end ends the loop, in which nothing may be left.
func (l *fakeLoop) end() {
	l.t.Helper()
	left := slices.ContainsFunc(l.group.Stats(), func(s evloop.Stats) bool { return s.Connections != 0 })
	if n := l.sockets.Open(); left || n != 0 {
		l.t.Errorf("%d descriptors are left; connections in the loop: %v", n, left)
	}
	loops = l.old
	l.group.Close()
	l.group.Wait()
}
