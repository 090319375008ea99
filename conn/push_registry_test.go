package conn

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/hawser-go/hawser/internal/conntest"
)

// testPushRegistry: a Registry ends connections that are driven as it ends others.
func testPushRegistry(t *testing.T, kind pushKind, run func(string, func(t *testing.T))) {
	run("3/shutdown", func(t *testing.T) {
		r := &Registry{Spread: -1}
		_, p, h := kind.start(t, Events{}, &Config{Registry: r})
		h.want("open")
		ctx, cancel := context.WithTimeout(t.Context(), pushPatience)
		defer cancel()
		down := later(func() error { return r.Shutdown(ctx) })
		p.WantClose("the server goes away", 1001, nil)
		p.SendClose(1001, "")
		p.Close()
		h.want("close, clean")
		if err := <-down; err != nil {
			t.Errorf("Shutdown returns %v", err)
		}
	})
	run("3/too_much_is_held", func(t *testing.T) {
		r := &Registry{MaxBuffered: 100 << 10}
		_, p, h := kind.start(t, Events{}, &Config{Registry: r})
		p.Send(conntest.Frame{Opcode: conntest.Binary, Payload: pattern(200 << 10)})
		p.WantClose("the peer is told", 1013, nil)
		p.Close()
		h.want("open", "close, sent 1013")
		for start := time.Now(); r.Buffered() != 0 || r.Len() != 0; time.Sleep(time.Millisecond) {
			if time.Since(start) > pushPatience {
				t.Fatalf("%d bytes and %d connections are left", r.Buffered(), r.Len())
			}
		}
	})
	run("3/what_waits_to_be_sent_is_too_much", func(t *testing.T) {
		r := &Registry{MaxBuffered: 1 << 20}
		c, p, h := kind.start(t, Events{}, &Config{Registry: r, SendQueue: 64 << 20, CloseTimeout: time.Second})
		h.want("open")
		for range 64 {
			c.Send(Binary, pattern(1<<20)) // until the queue is dropped
		}
		h.wantClose() // lingering ends with the close timeout: the peer does not read
		if e := c.CloseInfo(); e.Sent == nil || e.Sent.Code != 1013 {
			t.Errorf("the end is %v", e)
		}
		p.Close()
	})
}

// TestDriveServed: a server's connection is driven, whatever its Registry or an Observer have done with it before.
func TestDriveServed(t *testing.T) {
	t.Run("3/while_somebody_reads", func(t *testing.T) {
		conntest.CheckLeaks(t)
		ours, theirs := conntest.Pipe(64 << 10)
		c, p := talkOver(t, ours, theirs, RoleServer, nil)
		h := newCaller(t)
		if !c.turn.tryTake() {
			t.Fatal("it is somebody's turn")
		}
		ended := make(chan struct{})
		c.driveServed(h.events(Events{}), ended)
		h.wantQuiet()
		c.passTurn()
		h.want("open")
		p.Close()
		h.want("close")
		<-ended
	})
	t.Run("3/after_CloseRead", func(t *testing.T) {
		r := new(Registry)
		ours, theirs := conntest.Pipe(64 << 10)
		c := newConn(ours, RoleServer, nil, &Config{Registry: r})
		c.join(true, false)
		c.CloseRead()
		ended := make(chan struct{})
		c.driveServed(&Events{}, ended)
		<-ended
		if err := c.Drive(&Events{}); !errors.Is(err, ErrReadClosed) {
			t.Errorf("Drive returns %v", err)
		}
		theirs.Close()
		wait(t, c)
		if r.Len() != 0 {
			t.Errorf("%d connections are left", r.Len())
		}
	})
}
