package conn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hawser-go/hawser/internal/conntest"
)

// testPushBegins: what happens around Drive.
func testPushBegins(t *testing.T, kind pushKind, run func(string, func(t *testing.T))) {
	begin := func(t *testing.T, buffered []byte) (*Conn, *conntest.Peer, *caller) {
		cfg := new(Config)
		kind.cfg(cfg)
		ours, theirs := kind.pair(t)
		c := New(ours, RoleServer, buffered, cfg)
		p := conntest.NewPeer(t, theirs, true)
		t.Cleanup(func() { c.CloseNow(); p.Close() })
		return c, p, newCaller(t)
	}
	run("3/a_connection_that_has_ended_is_opened_and_closed", func(t *testing.T) {
		c, _, h := begin(t, nil)
		c.CloseNow()
		if err := c.Drive(h.events(Events{})); err != nil {
			t.Fatal(err)
		}
		h.want("open", "close")
	})
	run("3/what_came_before_is_not_lost", func(t *testing.T) {
		frames := conntest.Frame{Fin: true, Opcode: conntest.Text, Masked: true, Payload: []byte("first")}.Append(nil)
		frames = conntest.Frame{Fin: true, Opcode: conntest.Text, Masked: true, Payload: []byte("second")}.Append(frames)
		c, p, h := begin(t, frames[:len(frames)-1])
		ctx, cancel := context.WithCancel(t.Context())
		if m, err := c.ReadContext(ctx); err != nil || string(m.Data) != "first" {
			t.Fatalf("Read returns %q, %v", m.Data, err)
		}
		if err := c.Drive(h.events(Events{})); err != nil {
			t.Fatal(err)
		}
		cancel() // the context was the Read's
		h.want("open")
		p.SendBytes(frames[len(frames)-1:])
		h.want(`text "second"`)
		p.Close()
		h.want("close")
	})
	run("3/no_drive_beside_a_read", func(t *testing.T) {
		c, p, h := begin(t, nil)
		read := later(func() error { _, err := c.Read(); return err })
		for !c.turn.taken() {
			runtime.Gosched()
		}
		if err := c.Drive(h.events(Events{})); !errors.Is(err, ErrReading) {
			t.Errorf("Drive returns %v", err)
		}
		p.SendText("x")
		if err := <-read; err != nil {
			t.Errorf("Read returns %v", err)
		}
		h.wantQuiet()
	})
}

// testPushDrain: Drain comes once the queue is empty, and overlaps with nothing.
func testPushDrain(t *testing.T, kind pushKind, run func(string, func(t *testing.T))) {
	run("3/drain_while_nothing_runs", func(t *testing.T) {
		c, p, h := kind.start(t, Events{}, nil)
		h.want("open")
		c.drained()
		h.want("drain")
		c.drained()
		h.want("drain")
		p.Close()
		h.want("close")
		c.drained()
		h.wantQuiet()
	})
	run("3/drain_waits_for_the_function_that_runs", func(t *testing.T) {
		opened, release := make(chan struct{}), make(chan struct{})
		c, p, h := kind.start(t, Events{
			Open:    func(*Conn) { opened <- struct{}{}; <-release },
			Message: func(*Conn, Message) { opened <- struct{}{}; <-release },
		}, nil)
		for _, call := range []string{"open", `text "x"`} {
			<-opened
			h.want(call)
			c.drained()
			c.drained() // one call for both
			h.wantQuiet()
			release <- struct{}{}
			h.want("drain")
			if call == "open" {
				p.SendText("x")
			}
		}
		p.Close()
		h.want("close")
	})
	run("3/a_drain_that_blocks_holds_up_messages", func(t *testing.T) {
		drained, release := make(chan struct{}), make(chan struct{})
		c, p, h := kind.start(t, Events{Drain: func(*Conn) { drained <- struct{}{}; <-release }}, nil)
		h.want("open")
		c.drained()
		<-drained
		p.SendText("x")
		h.want("drain")
		c.drained()
		h.wantQuiet()
		release <- struct{}{}
		<-drained
		release <- struct{}{}
		a, b := <-h.lines, <-h.lines
		if a+b != `draintext "x"` && a+b != `text "x"drain` {
			t.Errorf("got %s and %s", a, b)
		}
		p.Close()
		h.want("close")
	})
	run("3/close_waits_for_the_function_that_runs", func(t *testing.T) {
		release := make(chan struct{})
		c, p, h := kind.start(t, Events{Drain: func(*Conn) { <-release }}, nil)
		h.want("open")
		c.drained()
		h.want("drain")
		c.CloseNow()
		p.Close()
		if c.CloseInfo() == nil {
			t.Error("CloseNow has not ended it")
		}
		h.wantQuiet()
		close(release)
		h.want("close")
	})
	run("3/calls_never_overlap", func(t *testing.T) {
		var n atomic.Int32
		block := func() {
			if n.Add(1)%5 == 0 {
				time.Sleep(100 * time.Microsecond)
			}
		}
		c, p, h := kind.start(t, Events{
			Message: func(c *Conn, m Message) { c.Write(m.Type, m.Data); block() },
			Drain:   func(*Conn) { block() },
		}, nil)
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for range 100 {
					c.drained()
					runtime.Gosched()
				}
			})
		}
		for i := range 100 {
			p.SendText(fmt.Sprint(i))
			p.WantText("an echo", fmt.Sprint(i))
		}
		wg.Wait()
		p.Close()
		for line := range h.lines {
			if strings.HasPrefix(line, "close") {
				break
			}
		}
	})
}

// testPushBroken: a panic or Goexit in any function is 1011, and Close is called.
func testPushBroken(t *testing.T, kind pushKind, run func(string, func(t *testing.T))) {
	run("7.4.1/goexit_before_what_has_been_read", func(t *testing.T) {
		c, p, h := kind.start(t, Events{Message: func(*Conn, Message) { runtime.Goexit() }}, nil)
		p.Send(text("x"), conntest.Frame{Fin: true, Opcode: conntest.Close, Payload: conntest.ClosePayload(1000, "")})
		for start := time.Now(); c.CloseInfo() == nil || c.CloseInfo().Received == nil; runtime.Gosched() {
			if time.Since(start) > pushPatience {
				t.Fatal("the close frame behind the message is not seen")
			}
		}
		p.Close()
		h.want("open", `text "x"`, "close, sent 1011")
	})
	for name, tt := range map[string]struct {
		end    func()
		logged string
	}{
		"panic":         {func() { explode("boom") }, "boom"},
		"goexit":        {func() { runtime.Goexit() }, ""},
		"abort_handler": {func() { panic(http.ErrAbortHandler) }, ""},
	} {
		for _, where := range []string{"open", "message", "drain", "close"} {
			run("7.4.1/"+name+"_in_"+where, func(t *testing.T) {
				var r records
				at := func(this string) {
					if this == where {
						tt.end()
					}
				}
				c, p, h := kind.start(t, Events{
					Open:    func(*Conn) { at("open") },
					Message: func(*Conn, Message) { at("message") },
					Drain:   func(*Conn) { at("drain") },
					Close:   func(*Conn, *CloseError) { at("close") },
				}, &Config{Logger: slog.New(&r)})
				h.want("open")
				switch where {
				case "message":
					p.Send(text("x"), text("not delivered"))
					h.want(`text "x"`)
				case "drain":
					c.drained()
					h.want("drain")
				case "close":
					p.SendClose(1000, "")
					p.WantClose("a good end", 1000, nil)
					p.WantEOF("the server ends first")
					p.Close()
					wait(t, c)
				}
				if where != "close" {
					p.WantClose("the connection is closed", 1011, nil)
					p.SendText("nor this")
					c.drained() // nor Drain
					p.SendClose(1011, "")
					p.WantEOF("the server ends first")
					p.Close()
					h.want("close, sent 1011")
				}
				for tt.logged != "" && len(r.get()) == 0 {
					runtime.Gosched() // Close is no longer awaited by anybody
				}
				all := r.get()
				if tt.logged == "" && len(all) != 0 || tt.logged != "" && (len(all) != 1 || all[0]["panic"] != tt.logged || !strings.Contains(all[0]["stack"], "explode")) {
					t.Errorf("logged is %v", all)
				}
			})
		}
	}
}
