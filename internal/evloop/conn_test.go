package evloop

import (
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"
)

func TestInterest(t *testing.T) {
	for _, tt := range []struct {
		name  string
		state uint32
		want  Interest
	}{
		{"reading", stateWantRead, InterestRead},
		{"reading_and_output", stateWantRead | stateWantWrite, InterestRead | InterestWrite},
		{"slow", stateWantRead | stateSlow, InterestRead | InterestOnce},
		{"held_but_not_disarmed", stateWantRead | stateHeld, InterestRead},
		{"disarmed", stateWantRead | stateHeld | stateDisarmed, InterestOnce},
		{"disarmed_with_output", stateWantRead | stateHeld | stateDisarmed | stateWantWrite, InterestWrite},
		{"slow_disarmed_with_output", stateWantRead | stateSlow | stateHeld | stateDisarmed | stateWantWrite, InterestWrite | InterestOnce},
		{"after_the_end_with_output", stateWantWrite, InterestWrite},
		{"nothing_to_ask_for", 0, InterestOnce},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := interest(tt.state); got != tt.want {
				t.Errorf("got %b, want %b", got, tt.want)
			}
		})
	}
}

func TestConn(t *testing.T) {
	t.Run("level_triggered", func(t *testing.T) {
		inWorld(t, func(w *world) {
			left := 3
			c := w.conn(handlerFunc{ready: func(c *Conn, _ Turn) {
				if left--; left == 0 {
					w.read(c)
				}
				w.note("ready")
			}})
			w.makeReady(c, Readable)
			w.want("as long as something is there", "ready", "ready", "ready")
		})
	})
	t.Run("reading_off", func(t *testing.T) {
		inWorld(t, func(w *world) {
			c := w.conn(w.sleeper("c", 0))
			c.WantRead(false)
			w.makeReady(c, Readable)
			w.want("nothing")
			c.WantRead(true)
			w.want("when it is on again", "c begins 0s", "c ends 0s")
		})
	})
	t.Run("hang_up_with_reading_off", func(t *testing.T) {
		inWorld(t, func(w *world) {
			c := w.conn(w.sleeper("c", 0))
			c.WantRead(false)
			before := w.poller.waits.Load()
			w.makeReady(c, Readable|HangUp)
			w.want("once", "c: hang-up 0s")
			if n := w.poller.waits.Load() - before; n > 3 {
				t.Errorf("the loop turned %d times", n)
			}
			c.WantWrite()
			w.want("who waits for room is told, to see the error", "c: writable 0s")
			w.makeReady(c, 0)
		})
	})
	t.Run("reading_goes_off_between_report_and_call", func(t *testing.T) {
		inWorld(t, func(w *world) {
			var b *Conn
			a := w.conn(handlerFunc{ready: func(c *Conn, _ Turn) { w.read(c); b.WantRead(false) }})
			b = w.conn(w.sleeper("b", 0))
			w.makeReady(a, Readable)
			w.makeReady(b, Readable)
			w.want("not called")
		})
	})
	t.Run("closed_between_report_and_call", func(t *testing.T) {
		inWorld(t, func(w *world) {
			var b *Conn
			a := w.conn(handlerFunc{ready: func(c *Conn, _ Turn) { w.read(c); b.Close(); w.conn(w.sleeper("new", 0)) }})
			b = w.conn(w.sleeper("b", 0))
			w.makeReady(a, Readable)
			w.makeReady(b, Readable)
			w.want("neither it nor the new one in its slot is called")
		})
	})
	t.Run("readable_and_writable", func(t *testing.T) {
		inWorld(t, func(w *world) {
			c := w.conn(w.sleeper("c", 0))
			c.WantWrite()
			w.want("neither")
			w.makeReady(c, Readable|Writable)
			w.want("room first: replies need it", "c: writable 0s", "c begins 0s", "c ends 0s")
		})
	})
	t.Run("closed_in_a_signal", func(t *testing.T) {
		inWorld(t, func(w *world) {
			c := w.conn(handlerFunc{signal: func(c *Conn, s Signal) { c.Close() }})
			c.WantWrite()
			w.makeReady(c, Writable)
			synctest.Wait()
			if c.Wake() {
				t.Error("a closed connection was woken")
			}
			c.WantRead(true)
			c.WantWrite()
			if todo := c.meet(Readable, false); todo.ready != 0 {
				t.Error("a closed connection is ready")
			}
		})
	})
	t.Run("wake_before_start", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.fds++
			c, err := w.group.Conn(fakeFD+w.fds, w.sleeper("c", 0))
			if err != nil {
				t.Fatal(err)
			}
			c.Wake()
			w.want("before anything is read", "c begins 0s", "c ends 0s")
			c.Start()
		})
	})
	t.Run("wake_from_ready_comes_after_it", func(t *testing.T) {
		inWorld(t, func(w *world) {
			left := 3
			c := w.conn(handlerFunc{ready: func(c *Conn, u Turn) {
				if u.Events != Woken {
					t.Errorf("events %b", u.Events)
				}
				if left--; left > 0 {
					c.Wake()
				}
				w.note("ready")
			}})
			c.Wake()
			w.want("each its own call", "ready", "ready", "ready")
		})
	})
	t.Run("woken_and_closed", func(t *testing.T) {
		inWorld(t, func(w *world) {
			b := w.conn(w.sleeper("b", 0))
			a := w.conn(handlerFunc{ready: func(c *Conn, _ Turn) { w.read(c); b.Wake(); b.Close() }})
			w.makeReady(a, Readable)
			w.want("nothing")
		})
	})
}

// A descriptor is closed when its last user has gone, not before: until then nobody gets its number.
func TestClosingWaitsForUsers(t *testing.T) {
	inWorld(t, func(w *world) {
		c := w.conn(handlerFunc{})
		if first, second := c.acquire(), c.acquire(); !first || !second {
			t.Fatal("an open connection can't be used")
		}
		c.Close()
		if c.acquire() {
			t.Error("a closed connection can be used")
		}
		for i, want := range []int{0, 0, 1} {
			if n := len(w.poller.closedDescriptors()); n != want {
				t.Errorf("after %d of 2 users have gone, %d descriptors are closed", i, n)
			}
			if i < 2 {
				c.release()
			}
		}
	})
}

func TestFailures(t *testing.T) {
	t.Run("no_poller", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var made []*fakePoller
			g, err := New(Config{Loops: 3, NewPoller: func() (Poller, error) {
				if len(made) == 2 {
					return nil, errFake
				}
				made = append(made, newFakePoller())
				return made[len(made)-1], nil
			}})
			if g != nil || !errors.Is(err, errFake) {
				t.Errorf("got %v, %v", g, err)
			}
			for _, p := range made {
				if !p.shut {
					t.Error("a poller is left")
				}
			}
		})
	})
	t.Run("not_added", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.poller.failAt("Add")
			w.fds++
			c, err := w.group.Conn(fakeFD+w.fds, handlerFunc{})
			if err == nil {
				err = c.Start()
			}
			if n := len(w.poller.closedDescriptors()); err != errFake || n != 1 {
				t.Errorf("got %v, and %d closed descriptors", err, n)
			}
			if err := c.Start(); err != ErrClosed {
				t.Errorf("started after Close: %v", err)
			}
		})
	})
	t.Run("not_modified", func(t *testing.T) {
		inWorld(t, func(w *world) {
			c := w.conn(handlerFunc{})
			w.poller.failAt("Modify")
			c.WantWrite() // shuts the socket down, which is none here
			if !c.acquire() {
				t.Error("it was closed under its handler")
			}
			c.release()
		})
	})
	t.Run("waiting_fails", func(t *testing.T) {
		inWorld(t, func(w *world) {
			p := newFakePoller()
			p.failAt("Wait")
			defer func() {
				if v := recover(); v != "hawser/evloop: waiting failed: a fake failure" {
					t.Errorf("recovered %v", v)
				}
			}()
			o := newOwner(newLoop(w.group, p), 0)
			defer o.leave()
			o.wait()
		})
	})
	t.Run("bad_configuration", func(t *testing.T) {
		for want, cfg := range map[string]Config{
			"hawser/evloop: -1 loops":               {Loops: -1},
			"hawser/evloop: 1025 loops":             {Loops: 1025},
			"hawser/evloop: a negative buffer size": {BufferSize: -1},
		} {
			func() {
				defer func() {
					if v := recover(); v != want {
						t.Errorf("recovered %v, want %s", v, want)
					}
				}()
				New(cfg)
			}()
		}
	})
}

func TestGroup(t *testing.T) {
	t.Run("connections_are_spread", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g, err := New(Config{Loops: 3, NewPoller: func() (Poller, error) { return newFakePoller(), nil }})
			if err != nil {
				t.Fatal(err)
			}
			for i := range 3*chunkSize + 30 {
				c, err := g.Conn(fakeFD+i, handlerFunc{})
				if err == nil {
					err = c.Start()
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			for i, s := range g.Stats() {
				if s.Connections != chunkSize+10 {
					t.Errorf("loop %d has %d connections", i, s.Connections)
				}
			}
			g.Close()
			g.Wait()
			for i, s := range g.Stats() {
				if s.Connections != 0 {
					t.Errorf("loop %d has %d connections at the end", i, s.Connections)
				}
			}
		})
	})
	t.Run("closed_from_a_handler", func(t *testing.T) {
		inWorld(t, func(w *world) {
			c := w.conn(handlerFunc{ready: func(*Conn, Turn) { w.group.Close() }})
			w.makeReady(c, Readable)
			w.group.Wait()
		})
	})
	t.Run("a_handler_that_blocks_does_not_stop_the_end", func(t *testing.T) {
		inWorld(t, func(w *world) {
			c := w.conn(w.sleeper("c", time.Hour))
			w.makeReady(c, Readable)
			synctest.Wait()
			w.group.Close()
			time.Sleep(time.Second)
			if n := len(w.poller.closedDescriptors()); n != 1 {
				t.Errorf("%d descriptors are closed", n)
			}
			w.group.Wait()
			if w.since() != time.Hour {
				t.Errorf("Wait returned after %v", w.since())
			}
			c.Wake()
			w.want("it ended in its own time", "c begins 0s", "c: handed off 2ms", "c ends 1h0m0s")
		})
	})
	t.Run("no_connections_afterwards", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.group.Close()
			w.group.Wait()
			w.fds++
			if _, err := w.group.Conn(fakeFD, handlerFunc{}); err != ErrClosed {
				t.Errorf("got %v", err)
			}
			w.group.Close()
		})
	})
	t.Run("default_number_of_loops", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g, err := New(Config{NewPoller: func() (Poller, error) { return newFakePoller(), nil }})
			if err != nil || len(g.Stats()) == 0 {
				t.Fatal(err)
			}
			g.Close()
			g.Wait()
		})
	})
}

// A loop that never waits lets the others run once in a millisecond.
func TestBusyLoopRests(t *testing.T) {
	inWorld(t, func(w *world) {
		calls := 0
		c := w.conn(handlerFunc{ready: func(c *Conn, _ Turn) {
			if calls++; calls == 100 {
				w.read(c)
			}
			time.Sleep(slowCall)
		}})
		w.makeReady(c, Readable)
		time.Sleep(time.Second)
		synctest.Wait()
		if want := int64(100 * slowCall / busyLimit); w.stats().Rests != want || w.poller.rests.Load() != want {
			t.Errorf("%d rests, want %d", w.poller.rests.Load(), want)
		}
		for range 10 { // waits are rest enough
			w.makeReady(c, Readable)
			w.read(c)
			time.Sleep(restfulWait)
		}
	})
}

func TestSlots(t *testing.T) {
	s := &slots{}
	if s.lookup(0) != nil || len(s.all()) != 0 {
		t.Error("an empty table has a connection")
	}
	var conns []*Conn
	for range 2*chunkSize + 1 {
		c := &Conn{}
		s.add(c)
		conns = append(conns, c)
	}
	for _, c := range conns {
		if s.lookup(c.data) != c {
			t.Fatalf("%x is not found", c.data)
		}
	}
	if len(s.all()) != len(conns) || s.lookup(wakeData) != nil || s.lookup(uint64(len(conns))) != nil || s.lookup(3*chunkSize) != nil {
		t.Error("the table has what was not put in")
	}
	old := conns[5]
	s.remove(old)
	c := &Conn{}
	s.add(c)
	if uint32(c.data) != uint32(old.data) || c.data == old.data {
		t.Errorf("the slot of %x was used as %x", old.data, c.data)
	}
	if s.lookup(old.data) != nil || s.lookup(c.data) != c {
		t.Error("generations are mixed up")
	}
	// Even the last generation but wraps.
	k := (*s.chunks.Load())[0]
	s.remove(c)
	k.generations[5] = math.MaxUint32
	s.add(c)
	s.remove(c)
	if k.generations[5] != 0 {
		t.Error("the generation did not wrap")
	}
}
