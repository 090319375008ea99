package evloop

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fakePoller is a level-triggered poller over numbers that are no descriptors, for use in a synctest bubble: its waits end after exactly their timeout.
type fakePoller struct {
	mu     sync.Mutex
	files  map[int]*fakeFile
	woken  bool
	kick   chan struct{}
	closed []int // by CloseDescriptor
	shut   bool
	waits  atomic.Int64
	rests  atomic.Int64
	fail   map[string]error // by the name of the method
}

type fakeFile struct {
	data     uint64
	interest Interest
	spent    bool
	ready    Events
	changes  int
}

// fakeFD is no descriptor of this process, should one get through to the system.
const fakeFD = 1 << 24

func newFakePoller() *fakePoller {
	return &fakePoller{files: map[int]*fakeFile{}, kick: make(chan struct{}, 1), fail: map[string]error{}}
}

func (p *fakePoller) nudge() {
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

func (p *fakePoller) Add(fd int, data uint64, i Interest) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.fail["Add"]; err != nil {
		return err
	}
	p.files[fd] = &fakeFile{data: data, interest: i}
	p.nudge()
	return nil
}

func (p *fakePoller) Modify(fd int, data uint64, i Interest) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.fail["Modify"]; err != nil {
		return err
	}
	f := p.files[fd]
	f.data, f.interest, f.spent = data, i, false
	f.changes++
	p.nudge()
	return nil
}

func (p *fakePoller) Remove(fd int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.files, fd)
	return nil
}

func (p *fakePoller) CloseDescriptor(fd int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = append(p.closed, fd)
	return nil
}

func (p *fakePoller) Wake() {
	p.mu.Lock()
	p.woken = true
	p.nudge()
	p.mu.Unlock()
}

func (p *fakePoller) Rest() { p.rests.Add(1) }

func (p *fakePoller) Close() error {
	p.shut = true
	return nil
}

func (p *fakePoller) Wait(events []Event, timeout time.Duration) (n int, err error) {
	p.waits.Add(1)
	var expired <-chan time.Time
	if timeout > 0 {
		t := time.NewTimer(timeout)
		defer t.Stop()
		expired = t.C
	}
	for {
		p.mu.Lock()
		err = p.fail["Wait"]
		for _, fd := range slices.Sorted(maps.Keys(p.files)) {
			f := p.files[fd]
			e := f.ready & (Events(f.interest)&(Readable|Writable) | HangUp)
			if e == 0 || f.spent || n == len(events) {
				continue
			}
			f.spent = f.interest&InterestOnce != 0
			events[n] = Event{f.data, e}
			n++
		}
		done := n > 0 || p.woken || err != nil || timeout == 0
		p.woken = false
		p.mu.Unlock()
		if done {
			return n, err
		}
		select {
		case <-p.kick:
		case <-expired:
			return 0, nil
		}
	}
}

// set says what a number is ready for.
func (p *fakePoller) set(fd int, e Events) {
	p.mu.Lock()
	if f := p.files[fd]; f != nil { // a closed one is ready for nothing
		f.ready = e
		p.nudge()
	}
	p.mu.Unlock()
}

// failAt makes every further call of a method fail.
func (p *fakePoller) failAt(method string) {
	p.mu.Lock()
	p.fail[method] = errFake
	p.mu.Unlock()
}

func (p *fakePoller) changes(fd int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.files[fd].changes
}

func (p *fakePoller) interest(fd int) Interest {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.files[fd].interest
}

func (p *fakePoller) closedDescriptors() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.closed)
}

// A handlerFunc is a handler of two functions, either of which may be nil.
type handlerFunc struct {
	ready  func(c *Conn, t Turn)
	signal func(c *Conn, s Signal)
}

func (h handlerFunc) Ready(c *Conn, t Turn) {
	if h.ready != nil {
		h.ready(c, t)
	}
}

func (h handlerFunc) Signal(c *Conn, s Signal) {
	if h.signal != nil {
		h.signal(c, s)
	}
}

// A world is a group with one loop over a fake poller, in a bubble.
type world struct {
	t      *testing.T
	group  *Group
	poller *fakePoller
	start  time.Time
	fds    int

	mu  sync.Mutex
	log []string
}

// inWorld runs body in a bubble.
func inWorld(t *testing.T, body func(w *world)) {
	inWorldWith(t, Config{}, body)
}

func inWorldWith(t *testing.T, cfg Config, body func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, poller: newFakePoller(), start: time.Now()}
		cfg.Loops = 1
		cfg.NewPoller = func() (Poller, error) { return w.poller, nil }
		g, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		w.group = g
		body(w)
		g.Close()
		g.Wait()
		if !w.poller.shut {
			t.Error("the poller was not closed")
		}
		if len(w.poller.files) != 0 {
			t.Errorf("%d descriptors are still registered", len(w.poller.files))
		}
		if n := len(w.poller.closed); n != w.fds {
			t.Errorf("%d of %d descriptors were closed", n, w.fds)
		}
	})
}

// conn starts a connection that is known to be quick.
func (w *world) conn(h Handler) *Conn {
	w.t.Helper()
	c := w.newConn(h)
	c.score = 0
	return c
}

// newConn returns one that is not known to be quick.
func (w *world) newConn(h Handler) *Conn {
	w.t.Helper()
	w.fds++
	c, err := w.group.Conn(fakeFD+w.fds, h)
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// makeReady makes c ready with e until its handler calls read.
func (w *world) makeReady(c *Conn, e Events) { w.poller.set(int(c.fd), e) }
func (w *world) read(c *Conn)                { w.poller.set(int(c.fd), 0) }

// note logs what happened.
func (w *world) note(what string) {
	w.mu.Lock()
	w.log = append(w.log, what)
	w.mu.Unlock()
}

// want waits until nothing moves, and checks what was logged since the last want.
func (w *world) want(sentence string, log ...string) {
	w.t.Helper()
	if got := w.taken(); !slices.Equal(got, log) {
		w.t.Errorf("%s: got %q, want %q", sentence, got, log)
	}
}

// taken waits until nothing moves, and takes the log.
func (w *world) taken() []string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	log := w.log
	w.log = nil
	return log
}

// since returns the time since the world began.
func (w *world) since() time.Duration { return time.Since(w.start) }

var errFake = errors.New("a fake failure")
