package evloop

import (
	"fmt"
	"testing"
	"time"
)

func TestTimer(t *testing.T) {
	timed := func(w *world) *Conn {
		return w.conn(handlerFunc{signal: func(_ *Conn, s Signal) { w.note(fmt.Sprint(s, " ", w.since())) }})
	}
	t.Run("fires_once_and_never_early", func(t *testing.T) {
		inWorld(t, func(w *world) {
			c := timed(w)
			c.SetTimer(w.group.Now() + 20*time.Second + 1)
			time.Sleep(time.Minute)
			w.want("rounded up to a millisecond", "timeout 20.001s")
		})
	})
	t.Run("an_earlier_one_ends_the_wait", func(t *testing.T) {
		inWorld(t, func(w *world) {
			c, d := timed(w), timed(w)
			c.SetTimer(w.group.Now() + time.Hour)
			time.Sleep(time.Second)
			d.SetTimer(w.group.Now() + time.Second)
			time.Sleep(2 * time.Second)
			w.want("before the hour", "timeout 2s")
		})
	})
	t.Run("set_again_moves_it", func(t *testing.T) {
		inWorld(t, func(w *world) {
			c := timed(w)
			c.SetTimer(c.Now() + time.Second)
			c.SetTimer(c.Now() + 3*time.Second)
			time.Sleep(10 * time.Second)
			w.want("only the second", "timeout 3s")
		})
	})
	t.Run("stopped_and_closed_ones_are_silent", func(t *testing.T) {
		inWorld(t, func(w *world) {
			c, d := timed(w), timed(w)
			c.SetTimer(w.group.Now() + time.Second)
			d.SetTimer(w.group.Now() + time.Second)
			c.StopTimer()
			d.Close()
			d.SetTimer(w.group.Now() + time.Second)
			if l := w.group.loops[0]; l.wheel.next() != noTimer {
				t.Error("the wheel keeps a closed connection")
			}
			time.Sleep(10 * time.Second)
			w.want("nothing")
		})
	})
	t.Run("from_its_own_signal", func(t *testing.T) {
		inWorld(t, func(w *world) {
			left := 3
			c := w.conn(handlerFunc{signal: func(c *Conn, s Signal) {
				w.note(fmt.Sprint(s, " ", w.since()))
				if left--; left > 0 {
					c.SetTimer(w.group.Now() + 100*time.Millisecond)
				}
			}})
			c.SetTimer(w.group.Now() + 100*time.Millisecond)
			time.Sleep(time.Second)
			w.want("a ticker", "timeout 100ms", "timeout 200ms", "timeout 300ms")
		})
	})
	t.Run("while_ready_blocks", func(t *testing.T) {
		inWorld(t, func(w *world) {
			c := w.conn(handlerFunc{
				ready: func(c *Conn, _ Turn) {
					w.read(c)
					time.Sleep(time.Minute)
					w.note(fmt.Sprint("done ", w.since()))
				},
				signal: func(_ *Conn, s Signal) { w.note(fmt.Sprint(s, " ", w.since())) },
			})
			c.SetTimer(w.group.Now() + 10*time.Second)
			w.makeReady(c, Readable)
			time.Sleep(2 * time.Minute)
			w.want("the timer does not wait for the handler", "handed off 2ms", "timeout 10s", "done 1m0s")
		})
	})
}

// An idle process makes no wake-ups: nothing runs for a day but what was asked for.
func TestIdleMakesNoWakeUps(t *testing.T) {
	inWorld(t, func(w *world) {
		c := w.conn(handlerFunc{ready: func(c *Conn, _ Turn) { w.read(c) }})
		w.makeReady(c, Readable)
		time.Sleep(time.Second)
		before := w.poller.waits.Load()
		time.Sleep(24 * time.Hour)
		if n := w.poller.waits.Load() - before; n != 0 {
			t.Errorf("the loop woke up %d times", n)
		}
		if !w.group.parked.Load() {
			t.Error("the monitor is not parked")
		}
	})
}
