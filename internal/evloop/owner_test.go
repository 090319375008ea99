//go:build linux || darwin || dragonfly || freebsd || openbsd

package evloop

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hawser-go/hawser/internal/bufpool"
	"github.com/hawser-go/hawser/internal/conntest"
)

// stillOwner returns an owner whose loop only turns when the test says so, over real descriptors.
func stillOwner(t *testing.T) *owner {
	t.Helper()
	p, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	g := &Group{clock: systemClock{time.Now()}, kick: make(chan struct{}, 1), ended: make(chan struct{})}
	l := newLoop(g, p)
	g.loops = []*loop{l}
	g.alive.Store(1)
	o := newOwner(l, 0)
	o.buf = bufpool.Get(1)
	t.Cleanup(func() {
		if !l.ended {
			l.end()
		}
	})
	return o
}

// A turn, a call, a timer and a Wake allocate nothing.
func TestTurnDoesNotAllocate(t *testing.T) {
	conntest.CheckLeaks(t)
	o := stillOwner(t)
	fd, peerFD := socketPair(t)
	calls, signals := 0, 0
	c, err := o.loop.conn(fd, handlerFunc{
		ready:  func(c *Conn, u Turn) { calls++ },
		signal: func(*Conn, Signal) { signals++ },
	})
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	peer := peerConn(t, peerFD)
	peer.Write([]byte("never read"))
	conntest.ShouldNotAllocate(t, func() {
		c.SetTimer(o.now)
		c.Wake()
		if !o.wait() {
			t.Fatal("the loop has ended")
		}
		for i := range o.loop.batch {
			if !o.serve(i) {
				t.Fatal("the loop was lost")
			}
		}
	})
	if calls == 0 {
		t.Error("nothing was called")
	}
}

// No call goes unwatched: either its owner kicks the monitor, or the monitor sees the call when it parks.
func TestParking(t *testing.T) {
	o := stillOwner(t)
	g := o.group
	if !g.park() || !g.parked.Load() {
		t.Error("the monitor does not park while nothing is called")
	}
	o.enterCall(0)
	if g.parked.Load() || len(g.kick) != 1 {
		t.Error("the monitor was not kicked")
	}
	if g.park() || g.parked.Load() {
		t.Error("the monitor parks during a call")
	}
	o.leaveCall()
}

// The owner is done between the monitor's swap and its look at the connection: the note is taken back, and nothing is held.
func TestHandOffOfWhatIsDone(t *testing.T) {
	conntest.CheckLeaks(t)
	o := stillOwner(t)
	l := o.loop
	fd, peerFD := socketPair(t)
	peerConn(t, peerFD)
	c, err := l.conn(fd, handlerFunc{signal: func(_ *Conn, s Signal) { t.Errorf("signal %v", s) }})
	if err != nil {
		t.Fatal(err)
	}
	l.batch = []Event{{Data: c.data, Events: Readable}}
	o.enterCall(0)
	c.finish(0, true) // as the owner would, had it lost the swap
	o.group.cfg.BufferSize = 1
	l.closing = true // the new owner ends at once
	l.handOff(l.word.Load())
	o.group.Wait()
	if o.leaveCall() {
		t.Error("the loop was not taken")
	}
	if state := c.state.Load(); state&(stateHeld|stateDone) != 0 {
		t.Errorf("the state is %b", state)
	}
}

// A poller needs a few descriptors; whichever it doesn't get, those that it got are closed.
func TestPollerWithoutDescriptors(t *testing.T) {
	conntest.CheckLeaks(t)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	failures := 0
	few := limit
	for few.Cur = 3; ; few.Cur++ {
		if few.Cur >= limit.Cur {
			t.Fatal("no poller within the limit")
		}
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
			t.Fatal(err)
		}
		p, err := newPoller()
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
		if err == nil {
			p.Close()
			break
		}
		failures++
	}
	if failures < 3 {
		t.Errorf("only %d failures", failures)
	}
}

func TestWaitOnClosedPoller(t *testing.T) {
	p, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
	if _, err := p.Wait(make([]Event, 1), 0); err == nil {
		t.Error("no error")
	}
}

// The one report of a hang-up for which InterestOnce alone asks.
func TestHangUpIsReportedOnce(t *testing.T) {
	conntest.CheckLeaks(t)
	p, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if runtime.GOOS != "linux" {
		t.Skip("kqueue reports none without a filter")
	}
	fd, peerFD := socketPair(t)
	defer unix.Close(fd)
	if err := p.Add(fd, 42, InterestOnce); err != nil {
		t.Fatal(err)
	}
	unix.Close(peerFD)
	events := make([]Event, 4)
	if n, err := p.Wait(events, -1); n != 1 || err != nil || events[0] != (Event{42, HangUp}) {
		t.Errorf("got %v, %v", events[:n], err)
	}
	if n, err := p.Wait(events, 0); n != 0 || err != nil {
		t.Errorf("again: %v, %v", events[:n], err)
	}
}

// Each Rest takes back what it wrote.
func TestRestLeavesNothing(t *testing.T) {
	conntest.CheckLeaks(t)
	s, err := newRester()
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	for range 3 {
		s.rest()
	}
	if s.err != nil {
		t.Error(s.err)
	}
	err = s.raw.Read(func(fd uintptr) bool {
		if n, err := unix.Read(int(fd), make([]byte, 8)); err != unix.EAGAIN {
			t.Errorf("%d bytes are left, %v", n, err)
		}
		return true
	})
	if err != nil {
		t.Error(err)
	}
}
