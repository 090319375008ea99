package evloop

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// sleeper returns a handler that reads, logs its name, sleeps and logs that it is done. Overlapping calls are an error.
func (w *world) sleeper(name string, d time.Duration) handlerFunc {
	running := false
	return handlerFunc{
		ready: func(c *Conn, _ Turn) {
			if running {
				w.t.Errorf("%s: two calls at the same time", name)
			}
			running = true
			w.read(c)
			w.note(fmt.Sprint(name, " begins ", w.since()))
			time.Sleep(d)
			w.note(fmt.Sprint(name, " ends ", w.since()))
			running = false
		},
		signal: func(c *Conn, s Signal) { w.note(fmt.Sprint(name, ": ", s, " ", w.since())) },
	}
}

func (w *world) stats() Stats { return w.group.Stats()[0] }

func TestHandOff(t *testing.T) {
	t.Run("a_short_call_keeps_the_loop", func(t *testing.T) {
		inWorld(t, func(w *world) {
			a, b := w.conn(w.sleeper("a", monitorInterval-1)), w.conn(w.sleeper("b", 0))
			w.makeReady(a, Readable)
			w.makeReady(b, Readable)
			time.Sleep(time.Second)
			w.want("one after the other", "a begins 0s", "a ends 1.999999ms", "b begins 1.999999ms", "b ends 1.999999ms")
			if n := w.stats().HandOffs; n != 0 {
				t.Errorf("%d hand-offs", n)
			}
		})
	})
	t.Run("the_rest_of_the_batch_goes_on_after_2_ms", func(t *testing.T) {
		inWorld(t, func(w *world) {
			a, b, c := w.conn(w.sleeper("a", time.Hour)), w.conn(w.sleeper("b", 0)), w.conn(w.sleeper("c", 0))
			for _, c := range []*Conn{a, b, c} {
				w.makeReady(c, Readable)
			}
			time.Sleep(time.Minute)
			w.want("b and c are served meanwhile", "a begins 0s", "a: handed off 2ms", "b begins 2ms", "b ends 2ms", "c begins 2ms", "c ends 2ms")
			time.Sleep(time.Hour)
			w.want("a ends", "a ends 1h0m0s")
			if s := w.stats(); s.HandOffs != 1 || s.Inline != 3 || s.Apart != 0 || s.Connections != 3 {
				t.Errorf("stats: %+v", s)
			}
		})
	})
	t.Run("every_second_look_counts_from_the_first", func(t *testing.T) {
		inWorld(t, func(w *world) {
			a, b := w.conn(w.sleeper("a", time.Millisecond)), w.conn(w.sleeper("b", 10*time.Millisecond))
			w.makeReady(a, Readable)
			w.makeReady(b, Readable)
			time.Sleep(time.Second)
			w.want("the monitor looks at 0, 2 and 4 ms", "a begins 0s", "a ends 1ms", "b begins 1ms", "b: handed off 4ms", "b ends 11ms")
		})
	})
	t.Run("several_block", func(t *testing.T) {
		inWorld(t, func(w *world) {
			var conns []*Conn
			for i := range 5 {
				conns = append(conns, w.conn(w.sleeper(fmt.Sprint(i), time.Hour)))
			}
			last := w.conn(w.sleeper("last", 0))
			for _, c := range append(conns, last) {
				w.makeReady(c, Readable)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			if n := w.stats().HandOffs; n != 5 {
				t.Errorf("%d hand-offs, want 5", n)
			}
			log := w.taken()
			if got := log[len(log)-1]; got != "last ends 10ms" {
				t.Errorf("the last event: %s", got)
			}
			time.Sleep(time.Hour)
		})
	})
	t.Run("what_comes_meanwhile_waits_disarmed", func(t *testing.T) {
		inWorld(t, func(w *world) {
			a := w.conn(w.sleeper("a", time.Second))
			w.makeReady(a, Readable)
			time.Sleep(100 * time.Millisecond)
			w.want("handed off", "a begins 0s", "a: handed off 2ms")
			before := w.poller.waits.Load()
			w.makeReady(a, Readable)
			synctest.Wait()
			if got := w.poller.interest(int(a.fd)); got != InterestOnce {
				t.Errorf("held and readable, the interest is %b", got)
			}
			if n := w.poller.waits.Load() - before; n > 2 {
				t.Errorf("the loop turned %d times", n)
			}
			time.Sleep(3 * time.Second)
			w.want("then its turn comes", "a ends 1s", "a begins 1s", "a ends 2s")
			// It is marked: from now on its report disarms it.
			if got := w.poller.interest(int(a.fd)); got != InterestRead|InterestOnce {
				t.Errorf("afterwards the interest is %b", got)
			}
		})
	})
	t.Run("room_for_output_is_told_meanwhile", func(t *testing.T) {
		inWorld(t, func(w *world) {
			a := w.conn(w.sleeper("a", time.Second))
			w.makeReady(a, Readable)
			time.Sleep(100 * time.Millisecond)
			a.WantWrite()
			w.want("no room yet", "a begins 0s", "a: handed off 2ms")
			w.makeReady(a, Readable|Writable)
			w.want("one signal for one request", "a: writable 100ms")
			a.WantWrite()
			w.want("and again", "a: writable 100ms")
			w.makeReady(a, 0)
			time.Sleep(time.Second)
			w.want("the end", "a ends 1s")
		})
	})
	t.Run("a_hang_up_is_told_once", func(t *testing.T) {
		inWorld(t, func(w *world) {
			a := w.conn(w.sleeper("a", time.Second))
			w.makeReady(a, Readable)
			time.Sleep(100 * time.Millisecond)
			w.want("handed off", "a begins 0s", "a: handed off 2ms")
			before := w.poller.waits.Load()
			w.makeReady(a, Readable|HangUp)
			w.want("during the call", "a: hang-up 100ms")
			if n := w.poller.waits.Load() - before; n > 4 {
				t.Errorf("the loop turned %d times", n)
			}
			time.Sleep(950 * time.Millisecond)
			w.want("after it, the handler reads the end", "a ends 1s", "a begins 1s")
			time.Sleep(time.Second)
			w.want("once", "a ends 2s")
		})
	})
	t.Run("wake_is_answered_after_the_call", func(t *testing.T) {
		inWorld(t, func(w *world) {
			var events []Events
			h := w.sleeper("a", time.Second)
			ready := h.ready
			h.ready = func(c *Conn, t Turn) {
				events = append(events, t.Events)
				ready(c, t)
			}
			a := w.conn(h)
			w.makeReady(a, Readable)
			time.Sleep(100 * time.Millisecond)
			a.Wake()
			a.Wake()
			time.Sleep(100 * time.Millisecond)
			a.Wake()
			time.Sleep(5 * time.Second)
			w.want("one more call", "a begins 0s", "a: handed off 2ms", "a ends 1s", "a begins 1s", "a ends 2s")
			if events[1] != Woken || len(events) != 2 {
				t.Errorf("events %b", events)
			}
			if s := w.stats(); s.HandOffs != 1 || s.Apart != 1 {
				t.Errorf("stats: %+v", s)
			}
		})
	})
	t.Run("the_buffer_stays_with_the_call", func(t *testing.T) {
		inWorld(t, func(w *world) {
			a := w.conn(handlerFunc{ready: func(c *Conn, u Turn) {
				w.read(c)
				copy(u.Buf, "mine")
				time.Sleep(time.Second)
				if string(u.Buf[:4]) != "mine" {
					t.Error("somebody else has written to it")
				}
			}})
			b := w.conn(handlerFunc{ready: func(c *Conn, u Turn) {
				w.read(c)
				copy(u.Buf, "other")
			}})
			w.makeReady(a, Readable)
			w.makeReady(b, Readable)
			time.Sleep(2 * time.Second)
		})
	})
	t.Run("closed_by_its_handler", func(t *testing.T) {
		inWorld(t, func(w *world) {
			a := w.conn(handlerFunc{ready: func(c *Conn, _ Turn) {
				c.Close()
				time.Sleep(time.Second)
				if err := c.Close(); err != ErrClosed {
					t.Errorf("the second Close: %v", err)
				}
			}})
			w.makeReady(a, Readable)
			time.Sleep(2 * time.Second)
			if s := w.stats(); s.HandOffs != 1 || s.Connections != 0 {
				t.Errorf("stats: %+v", s)
			}
		})
	})
	t.Run("closed_by_others_meanwhile", func(t *testing.T) {
		inWorld(t, func(w *world) {
			a := w.conn(w.sleeper("a", time.Second))
			w.makeReady(a, Readable)
			time.Sleep(100 * time.Millisecond)
			a.Close()
			synctest.Wait()
			if n := len(w.poller.closedDescriptors()); n != 1 {
				t.Errorf("%d descriptors were closed", n)
			}
			b := w.conn(w.sleeper("b", 0)) // in the same slot
			w.makeReady(b, Readable)
			time.Sleep(2 * time.Second)
			w.want("the new one is another", "a begins 0s", "a: handed off 2ms", "b begins 100ms", "b ends 100ms", "a ends 1s")
		})
	})
}

// The swap comes between a call and its end: what the monitor does next finds the note.
func TestDoneBeforeHeld(t *testing.T) {
	inWorld(t, func(w *world) {
		c := w.conn(handlerFunc{})
		if again := c.finish(0, true); again != 0 || c.state.Load()&stateDone == 0 {
			t.Error("no note was left")
		}
		if c.hold() {
			t.Error("it was held though its call is over")
		}
		if c.state.Load() != stateStarted|stateWantRead|stateSlow {
			t.Errorf("the state is %b", c.state.Load())
		}
		if !c.hold() {
			t.Error("the note was not taken away")
		}
		c.finish(0, true)
		c.Close()
		if c.hold() {
			t.Error("a closed connection was held")
		}
		if c.finish(0, true) != 0 {
			t.Error("a closed connection has more to do")
		}
	})
}

// The monitor came too late: the word has changed.
func TestHandOffInVain(t *testing.T) {
	inWorld(t, func(w *world) {
		synctest.Wait()
		w.group.loops[0].handOff(sequenceOne | inCall)
		if n := w.stats().HandOffs; n != 0 {
			t.Errorf("%d hand-offs", n)
		}
	})
}

// The sequence wraps without touching the generation.
func TestWordHasRoom(t *testing.T) {
	inWorld(t, func(w *world) {
		l := w.group.loops[0]
		synctest.Wait()
		for _, generation := range []uint64{0, 5 * generationOne, 1<<64 - generationOne} {
			o := newOwner(l, generation)
			o.sequence = sequenceMask
			o.enterCall(0)
			if o.sequence != 0 || l.word.Load() != generation|inCall {
				t.Errorf("after the last number comes %x", l.word.Load())
			}
			if !o.leaveCall() || l.word.Load() != generation {
				t.Errorf("the word afterwards is %x", l.word.Load())
			}
		}
		l.word.Store(0)
	})
}

func TestPanics(t *testing.T) {
	for _, how := range []string{"panic", "goexit"} {
		unwind := func() {
			if how == "goexit" {
				runtime.Goexit()
			}
			panic("a handler's")
		}
		// run calls body with a configuration and checks how often it was told.
		run := func(name string, reports int, body func(w *world)) {
			t.Run(how+"_"+name, func(t *testing.T) {
				if how == "goexit" {
					reports = 0
				}
				var mu sync.Mutex
				told := 0
				inWorldWith(t, Config{Panicked: func(c *Conn, value any) {
					mu.Lock()
					defer mu.Unlock()
					told++
					if value != "a handler's" || c == nil {
						t.Errorf("told %v of %v", value, c)
					}
				}}, func(w *world) {
					body(w)
					synctest.Wait()
					if told != reports {
						t.Errorf("told %d times, want %d", told, reports)
					}
				})
			})
		}
		run("in_the_loop", 2, func(w *world) {
			a := w.conn(handlerFunc{ready: func(c *Conn, _ Turn) { w.read(c); unwind() }})
			b := w.conn(w.sleeper("b", 0))
			for range 2 {
				w.makeReady(a, Readable)
				w.makeReady(b, Readable)
				w.want("the batch goes on", "b begins 0s", "b ends 0s")
			}
			if n := w.stats().Inline; n != 4 {
				w.t.Errorf("%d calls were counted", n)
			}
		})
		run("after_hand_off", 1, func(w *world) {
			times := 0
			a := w.conn(handlerFunc{ready: func(c *Conn, _ Turn) {
				w.read(c)
				if times++; times == 1 {
					time.Sleep(time.Second)
					unwind()
				}
				w.note("again")
			}})
			w.makeReady(a, Readable)
			time.Sleep(500 * time.Millisecond)
			w.makeReady(a, Readable)
			a.Wake()
			w.want("held")
			time.Sleep(time.Second)
			w.want("a call for Wake, and one to read", "again")
			w.makeReady(a, Readable)
			w.want("it lives", "again")
		})
		run("on_a_goroutine_of_its_own", 1, func(w *world) {
			times := 0
			a := w.conn(handlerFunc{ready: func(c *Conn, _ Turn) {
				w.read(c)
				time.Sleep(time.Millisecond)
				if times++; times == 4 {
					unwind()
				}
				w.note("done")
			}})
			for range 5 {
				w.makeReady(a, Readable)
				time.Sleep(10 * time.Millisecond)
			}
			w.want("all but one", "done", "done", "done", "done")
			if n := w.stats().Apart; n != 3 {
				w.t.Errorf("%d calls apart", n)
			}
		})
		run("in_a_signal", 1, func(w *world) {
			a := w.conn(handlerFunc{signal: func(*Conn, Signal) { unwind() }})
			b := w.conn(w.sleeper("b", 0))
			w.makeReady(a, Writable)
			w.makeReady(b, Readable)
			a.WantWrite()
			w.want("the loop goes on", "b begins 0s", "b ends 0s")
			w.makeReady(b, Readable)
			w.want("and on", "b begins 0s", "b ends 0s")
		})
		run("in_the_signal_of_a_hand_off", 1, func(w *world) {
			a := w.conn(handlerFunc{
				ready:  func(c *Conn, _ Turn) { w.read(c); time.Sleep(time.Second); w.note("done") },
				signal: func(*Conn, Signal) { unwind() },
			})
			b := w.conn(w.sleeper("b", 0))
			w.makeReady(a, Readable)
			w.makeReady(b, Readable)
			time.Sleep(2 * time.Second)
			w.want("the rest of the batch is served", "b begins 2ms", "b ends 2ms", "done")
		})
	}
}

// Without a hook a panic is what it is anywhere: nobody recovers it.
func TestPanicsWithoutHook(t *testing.T) {
	defer func() {
		if v := recover(); v != "loud" {
			t.Errorf("recovered %v", v)
		}
	}()
	(&Group{}).panicked(nil, "loud")
}
