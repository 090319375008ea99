package evloop

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// serve makes c ready, once, and waits until nothing moves and d has passed.
func (w *world) serve(c *Conn, d time.Duration) {
	w.makeReady(c, Readable)
	time.Sleep(d)
	synctest.Wait()
}

func TestLearning(t *testing.T) {
	// timed returns a connection whose calls take what took points to.
	timed := func(w *world, took *time.Duration) *Conn {
		return w.conn(handlerFunc{ready: func(c *Conn, _ Turn) { w.read(c); time.Sleep(*took) }})
	}
	t.Run("one_slow_call_proves_nothing", func(t *testing.T) {
		inWorld(t, func(w *world) {
			took := monitorInterval - 1
			c := timed(w, &took)
			w.serve(c, 2*time.Second)
			took = 0
			for range 100 {
				w.serve(c, time.Second)
			}
			took = monitorInterval - 1
			w.serve(c, 2*time.Second) // the first is forgotten
			if s := w.stats(); s.Apart != 0 || s.Inline != 102 {
				t.Errorf("stats: %+v", s)
			}
		})
	})
	t.Run("one_that_was_handed_off_marks", func(t *testing.T) {
		inWorld(t, func(w *world) {
			took := time.Second
			c := timed(w, &took)
			w.serve(c, 2*time.Second)
			took = 0
			for range 100 {
				w.serve(c, time.Second)
			}
			if s := w.stats(); s.HandOffs != 1 || s.Apart != blockedStep {
				t.Errorf("stats: %+v, want %d calls apart", s, blockedStep)
			}
		})
	})
	t.Run("50_us_are_quick", func(t *testing.T) {
		inWorld(t, func(w *world) {
			took := slowCall
			c := timed(w, &took)
			for range 100 {
				w.serve(c, time.Second)
			}
			if s := w.stats(); s.Apart != 0 {
				t.Errorf("stats: %+v", s)
			}
		})
	})
	t.Run("slow_calls_mark_when_more_than_one_in_five_are", func(t *testing.T) {
		for every, want := range map[int]int64{4: 1, 6: 0} {
			inWorld(t, func(w *world) {
				var took time.Duration
				c := timed(w, &took)
				for i := range 1000 {
					took = 0
					if i%every == 0 {
						took = blockedCall - 1
					}
					w.serve(c, time.Second)
				}
				if s := w.stats(); min(s.Apart, 1) != want {
					t.Errorf("one in %d: %+v", every, s)
				}
			})
		}
	})
	t.Run("the_eighth_slow_call_in_a_row_marks", func(t *testing.T) {
		inWorld(t, func(w *world) {
			took := slowCall + 1
			c := timed(w, &took)
			for i := range 9 {
				if s := w.stats(); s.Apart != 0 {
					t.Errorf("call %d was apart", i)
				}
				w.serve(c, time.Second)
			}
			if s := w.stats(); s.Apart != 1 || s.Inline != 8 {
				t.Errorf("stats: %+v", s)
			}
		})
	})
	t.Run("the_second_blocked_call_marks_and_quick_ones_take_it_back", func(t *testing.T) {
		inWorld(t, func(w *world) {
			took := blockedCall
			c := timed(w, &took)
			w.serve(c, time.Second)
			w.serve(c, time.Second)
			if got := w.poller.interest(int(c.fd)); got != InterestRead|InterestOnce {
				t.Errorf("after the second call the interest is %b", got)
			}
			took = 0
			for range 2 * markedScore {
				w.serve(c, time.Second)
			}
			if s := w.stats(); s.Apart != markedScore || s.Inline != 2+markedScore {
				t.Errorf("stats: %+v, want %d calls apart", s, markedScore)
			}
			if got := w.poller.interest(int(c.fd)); got != InterestRead {
				t.Errorf("when forgotten, the interest is %b", got)
			}
		})
	})
	t.Run("a_slow_one_for_long_is_remembered_a_little_longer", func(t *testing.T) {
		inWorld(t, func(w *world) {
			took := time.Second
			c := timed(w, &took)
			for range 100 {
				w.serve(c, 2*time.Second)
			}
			before := w.stats().Apart
			took = 0
			for range 2 * highScore {
				w.serve(c, time.Second)
			}
			if n := w.stats().Apart - before; n != highScore {
				t.Errorf("forgotten after %d quick calls, want %d", n, highScore)
			}
		})
	})
	t.Run("new_ones_run_apart_after_a_hand_off", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.serve(w.conn(w.sleeper("a", time.Hour)), monitorInterval)
			c := w.newConn(handlerFunc{ready: func(c *Conn, _ Turn) { w.read(c) }})
			for i := range int64(3) {
				w.serve(c, time.Millisecond)
				if s := w.stats(); s.Apart != i+1 || s.Inline != 0 {
					t.Errorf("call %d: %+v", i, s)
				}
			}
			time.Sleep(waryTime)
			w.serve(c, time.Millisecond)
			time.Sleep(time.Hour)
			if s := w.stats(); s.Apart != 3 || s.Inline != 2 {
				t.Errorf("after %v: %+v", waryTime, s)
			}
			if got := w.poller.interest(int(c.fd)); got != InterestRead {
				t.Errorf("the interest is %b", got)
			}
		})
	})
	t.Run("until_they_have_been_quick", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.serve(w.conn(w.sleeper("a", time.Hour)), monitorInterval)
			c := w.newConn(handlerFunc{ready: func(c *Conn, _ Turn) { w.read(c) }})
			const more = 5
			for range 1 + newScore - suspectScore + more {
				w.serve(c, 0)
			}
			if n := w.stats().Inline; n != more {
				t.Errorf("%d calls in the loop, want %d", n, more)
			}
			time.Sleep(time.Hour)
		})
	})
	t.Run("new_ones_that_all_block_cost_one_hand_off", func(t *testing.T) {
		inWorld(t, func(w *world) {
			for i := range 50 {
				w.makeReady(w.newConn(w.sleeper(fmt.Sprint(i), time.Hour)), Readable)
			}
			w.makeReady(w.conn(w.sleeper("quick", 0)), Readable)
			time.Sleep(monitorInterval)
			synctest.Wait()
			if s := w.stats(); s.HandOffs != 1 || s.Apart != 49 {
				t.Errorf("stats: %+v", s)
			}
			if log := w.taken(); !slices.Contains(log, "quick ends 2ms") {
				t.Errorf("the quick one waited for more than one of them: %q", log)
			}
			time.Sleep(time.Hour)
		})
	})
	t.Run("slow_handlers_overlap", func(t *testing.T) {
		inWorld(t, func(w *world) {
			a, b := w.conn(w.sleeper("a", time.Millisecond)), w.conn(w.sleeper("b", time.Millisecond))
			for range 2 {
				w.serve(a, time.Second)
				w.serve(b, time.Second)
			}
			w.taken()
			changes := w.poller.changes(int(a.fd))
			start := w.since()
			w.makeReady(a, Readable)
			w.makeReady(b, Readable)
			time.Sleep(time.Second)
			log := w.taken()
			end := start + time.Millisecond
			if len(log) != 4 || log[3] != fmt.Sprint("a ends ", end) && log[3] != fmt.Sprint("b ends ", end) {
				t.Errorf("they waited for each other: %q", log)
			}
			if n := w.poller.changes(int(a.fd)) - changes; n != 1 {
				t.Errorf("%d changes of the interest for a message, want 1", n)
			}
		})
	})
	t.Run("what_blocks_holds_a_small_buffer", func(t *testing.T) {
		inWorld(t, func(w *world) {
			var sizes []int
			c := w.conn(handlerFunc{ready: func(c *Conn, u Turn) {
				w.read(c)
				sizes = append(sizes, len(u.Buf))
				time.Sleep(time.Millisecond)
			}})
			for range 3 {
				w.serve(c, time.Second)
			}
			if want := []int{defaultBufferSize, defaultBufferSize, defaultApartBufferSize}; !slices.Equal(sizes, want) {
				t.Errorf("the buffers had %v bytes, want %v", sizes, want)
			}
		})
	})
	t.Run("signals_do_not_count", func(t *testing.T) {
		inWorld(t, func(w *world) {
			var c *Conn
			busy := w.conn(handlerFunc{signal: func(*Conn, Signal) { time.Sleep(time.Millisecond) }})
			took := time.Duration(0)
			c = timed(w, &took)
			for range 4 {
				busy.WantWrite()
				w.makeReady(busy, Writable)
				w.serve(c, time.Second)
				w.makeReady(busy, 0)
			}
			if s := w.stats(); s.Apart != 0 || s.Inline != 4 {
				t.Errorf("stats: %+v", s)
			}
		})
	})
	t.Run("wake_and_room_for_output_while_apart", func(t *testing.T) {
		inWorld(t, func(w *world) {
			a := w.conn(w.sleeper("a", time.Millisecond))
			w.serve(a, 10*time.Millisecond)
			w.serve(a, 10*time.Millisecond)
			w.taken()
			a.Wake()
			w.want("apart", "a begins 20ms")
			a.WantWrite()
			w.makeReady(a, Readable|Writable)
			w.want("room", "a: writable 20ms")
			a.Wake()
			time.Sleep(5 * time.Millisecond)
			w.want("Wake first, then what is there to read",
				"a ends 21ms", "a begins 21ms", "a ends 22ms")
		})
	})
}
