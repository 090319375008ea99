package conn

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/conntest"
)

// finishPeer ends the peer's side of a closed connection as RFC 6455, 7.1.1 says: the server ends first.
func finishPeer(p *conntest.Peer, role Role) {
	if role == RoleServer {
		p.WantEOF("the server ends its stream first")
	}
	p.Close()
}

func TestClose(t *testing.T) {
	bothRoles(t, "7.1.2/we_close", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		if c.CloseInfo() != nil {
			t.Errorf("CloseInfo of an open connection is %v", c.CloseInfo())
		}
		done := make(chan error, 1)
		go func() { done <- c.Close(4000, "why") }()
		p.WantClose("our close with code and reason", 4000, "why")
		if c.State() != StateClosing {
			t.Errorf("state is %v", c.State())
		}
		p.Send(text("a"), text("b")) // what still comes is discarded
		p.SendClose(4000, "answer")
		finishPeer(p, role)
		if err := <-done; err != nil {
			t.Errorf("Close returns %v", err)
		}
		if c.State() != StateClosed {
			t.Errorf("state is %v", c.State())
		}
		_, err := c.Read()
		e, ok := errors.AsType[*CloseError](err)
		if !ok || !e.Local || *e.Sent != (Close{4000, "why"}) || *e.Received != (Close{4000, "answer"}) || !e.Clean() {
			t.Errorf("Read returns %+v", err)
		}
		if !errors.Is(err, io.EOF) || !errors.Is(err, net.ErrClosed) {
			t.Errorf("%v matches the wrong errors", err)
		}
		if err := c.Close(1000, ""); err != nil {
			t.Errorf("a second Close returns %v", err)
		}
		if err := c.Wait(t.Context()); err != nil {
			t.Errorf("Wait returns %v", err)
		}
		if c.CloseInfo() != e {
			t.Errorf("CloseInfo is %v", c.CloseInfo())
		}
	})
	bothRoles(t, "7.1.2/empty_close", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		go c.Close(frame.StatusNoStatusRcvd, "")
		p.WantClose("a close without a code", 1005, "")
	})
	bothRoles(t, "7.1.3/both_close_at_once", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		p.SendClose(1001, "theirs")
		done := make(chan error, 1)
		go func() { done <- c.Close(1000, "ours") }()
		p.WantClose("one close, ours", 1000, "ours")
		finishPeer(p, role)
		if err := <-done; err != nil {
			t.Error(err)
		}
		e, _ := errors.AsType[*CloseError](c.ended())
		if e.Received.Code != 1001 || e.Sent.Code != 1000 {
			t.Errorf("%v", e)
		}
	})
	bothRoles(t, "7.1.1/server_ends_the_stream_first", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		got := readAll(c)
		p.SendClose(1000, "")
		p.WantClose("answer", 1000, "")
		if role == RoleServer {
			p.WantEOF("the server ends its stream at once")
			if c.State() != StateClosing {
				t.Errorf("while the peer's side is open, the state is %v", c.State())
			}
			p.CloseWrite()
		} else {
			p.WantIdle("the client waits for the server")
			p.CloseWrite()
			p.WantEOF("and then ends its side")
		}
		<-got
		synctest.Wait()
		if c.State() != StateClosed {
			t.Errorf("state is %v", c.State())
		}
	})
	bothRoles(t, "5.5.1/frames_after_close_are_discarded", func(t *testing.T, role Role) { // F11
		c, p := talk(t, role, nil)
		got := readAll(c)
		p.Send(conntest.Frame{Fin: true, Opcode: conntest.Close, Payload: conntest.ClosePayload(1000, "")}, text("late"),
			conntest.Frame{Fin: true, Opcode: conntest.Ping}, conntest.Frame{Fin: true, RSV: 7, Opcode: 15})
		p.WantClose("exactly one close", 1000, "")
		if role == RoleServer {
			p.WantEOF("and nothing else")
		} else {
			p.WantIdle("and nothing else")
		}
		if o := <-got; o.err != nil || len(o.messages) != 0 {
			t.Errorf("got %q, %v", o.messages, o.err)
		}
	})
}

func TestCloseRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := talk(t, RoleServer, nil)
		for _, tt := range []struct {
			code   frame.StatusCode
			reason string
			want   error
		}{
			{0, "", frame.ErrStatusCode}, {999, "", frame.ErrStatusCode}, {1004, "", frame.ErrStatusCode}, {1006, "", frame.ErrStatusCode},
			{1015, "", frame.ErrStatusCode}, {1016, "", frame.ErrStatusCode}, {5000, "", frame.ErrStatusCode}, {1010, "", frame.ErrStatusCode},
			{1000, strings.Repeat("x", 124), frame.ErrReasonTooLong}, {1000, "\xff", frame.ErrReasonNotUTF8}, {1005, "x", frame.ErrReasonWithoutCode},
		} {
			if err := c.Close(tt.code, tt.reason); !errors.Is(err, tt.want) {
				t.Errorf("7.4/Close(%d, %q) returns %v", tt.code, tt.reason, err)
			}
		}
		p.WantIdle("nothing was sent")
		if c.State() != StateOpen {
			t.Errorf("state is %v", c.State())
		}
	})
}

// TestCloseInALoop: Close returns when its frame is sent; the loop takes what still comes and ends when the answer does.
func TestCloseInALoop(t *testing.T) {
	bothRoles(t, "3/the_loop_goes_on", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		p.SendText("a")
		go func() {
			p.WantClose("close", 1000, "")
			p.SendText("b")
			p.SendClose(1000, "")
			finishPeer(p, role)
		}()
		var got []string
		for m, err := range c.Messages() {
			if err != nil {
				t.Errorf("yielded %v", err)
			}
			if got = append(got, string(m.Data)); len(got) == 1 {
				if err := c.Close(1000, ""); err != nil {
					t.Errorf("Close in the loop returns %v", err)
				}
			}
		}
		if !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("got %q", got)
		}
		<-c.done()
	})
	bothRoles(t, "3/leaving_the_loop_finishes_the_handshake", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		p.SendText("a")
		go func() {
			p.WantClose("close", 1000, "")
			p.SendText("b")
			p.SendClose(1000, "")
			finishPeer(p, role)
		}()
		for _, err := range c.Messages() {
			if err != nil {
				t.Errorf("yielded %v", err)
			}
			c.Close(1000, "")
			break
		}
		if err := c.ended(); !isClean(err) {
			t.Errorf("after the loop was left: %v", err)
		}
		<-c.done()
	})
	bothRoles(t, "3/from_another_goroutine", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		got := readAll(c)
		synctest.Wait()
		start := time.Now()
		if err := c.Close(1000, ""); err != nil {
			t.Error(err)
		}
		if time.Since(start) != 0 {
			t.Errorf("Close took %v", time.Since(start))
		}
		p.WantClose("close", 1000, "")
		p.SendText("last")
		p.SendClose(1000, "")
		if o := <-got; o.err != nil || !slices.Equal(o.messages, []string{`text "last"`}) {
			t.Errorf("got %q, %v", o.messages, o.err)
		}
		finishPeer(p, role)
	})
	bothRoles(t, "3/close_after_a_violation_in_the_loop", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		p.Send(conntest.Frame{Fin: true, Opcode: 3})
		for _, err := range c.Messages() {
			if got := c.Close(1000, ""); got != err {
				t.Errorf("Close returns %v, want %v", got, err)
			}
		}
	})
}

func TestCloseNow(t *testing.T) {
	bothRoles(t, "3/everything_returns", func(t *testing.T, role Role) {
		ours, theirs := conntest.Pipe(100)
		c, _ := talkOver(t, ours, theirs, role, nil)
		start := time.Now()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := c.Read(); !errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) {
				t.Errorf("Read returns %v", err)
			}
		})
		for range 2 {
			wg.Go(func() {
				if err := c.Write(Binary, pattern(1000)); !errors.Is(err, net.ErrClosed) {
					t.Errorf("Write returns %v", err)
				}
			})
		}
		wg.Go(func() {
			if err := c.Wait(context.Background()); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Wait returns %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() { c.Close(1000, "") })
		synctest.Wait()
		if err := c.CloseNow(); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if time.Since(start) != 0 {
			t.Errorf("it took %v", time.Since(start))
		}
		if err := c.CloseNow(); err != nil {
			t.Error(err)
		}
		for _, err := range c.Messages() {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("a loop afterwards yields %v", err)
			}
		}
	})
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := talk(t, RoleServer, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait returns %v", err)
		}
		p.SendClose(1000, "")
		go c.Read()
		synctest.Wait()
		if c.State() != StateClosing {
			t.Errorf("state is %v", c.State())
		}
		p.Close()
		if err := c.Wait(context.Background()); err != nil {
			t.Errorf("Wait returns %v", err)
		}
	})
}
