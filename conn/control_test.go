package conn

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/internal/conntest"
	"github.com/hawser-go/hawser/internal/protocol"
)

func TestPing(t *testing.T) {
	bothRoles(t, "5.5.2/ping_is_answered", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		got := readAll(c)
		for _, payload := range []string{"", "a", strings.Repeat("x", 125)} {
			p.SendPing(payload)
			p.WantPong("a ping is answered with its payload", payload)
		}
		p.SendPong("unasked")
		p.WantIdle("a pong is not answered")
		p.SendClose(1000, "")
		if o := <-got; o.err != nil || len(o.messages) != 0 {
			t.Errorf("control frames made %q, %v", o.messages, o.err)
		}
	})
	bothRoles(t, "5.5.3/pong_leaves_before_a_later_message", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		go echo(c)
		p.Send(conntest.Frame{Opcode: conntest.Text, Payload: []byte("he")}, conntest.Frame{Fin: true, Opcode: conntest.Ping, Payload: []byte("p")},
			conntest.Frame{Fin: true, Opcode: conntest.Continuation, Payload: []byte("llo")})
		p.WantPong("the ping came first", "p")
		p.WantText("then the echo", "hello")
	})
	bothRoles(t, "5.5.2/ping_after_our_close_is_answered", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		go c.Close(1000, "")
		p.WantClose("our close", 1000, "")
		p.SendPing("still here")
		p.WantPong("not yet received a Close frame", "still here")
	})
}

// TestPingsOverSockets: a socket takes a pong without waiting, so each ping is answered (Autobahn 2.10 asks for it).
func TestPingsOverSockets(t *testing.T) {
	conntest.CheckLeaks(t)
	ours, theirs := tcpPair(t)
	c := New(ours, RoleServer, nil, nil)
	p := conntest.NewPeer(t, theirs, true)
	got := readAll(c)
	var pings []conntest.Frame
	for i := range 100 {
		pings = append(pings, conntest.Frame{Fin: true, Opcode: conntest.Ping, Payload: fmt.Append(nil, i)})
	}
	p.Send(pings...)
	for i := range 100 {
		p.WantPong("each ping is answered, in order", fmt.Sprint(i))
	}
	p.SendClose(1000, "")
	p.WantClose("close", 1000, "")
	p.WantEOF("server ends")
	p.Close()
	if o := <-got; o.err != nil {
		t.Error(o.err)
	}
	<-c.done()
}

// TestReaderNeverWaits: the peer does not read, pings flood in, and a writer is stuck. The reader takes everything, holds one pong, and
// the newest payload leaves when the peer reads again (RFC 6455, 5.5.3; D3).
func TestReaderNeverWaits(t *testing.T) {
	bothRoles(t, "5.5.3/one_pong_is_held", func(t *testing.T, role Role) {
		ours, theirs := conntest.Pipe(2000)
		c, p := talkOver(t, ours, theirs, role, &Config{WriteTimeout: -1})
		got := readAll(c)
		written := make(chan error, 1)
		go func() { written <- c.Write(Binary, pattern(10000)) }()
		synctest.Wait() // the writer is stuck
		for i := range 1000 {
			p.SendPing(fmt.Sprint(i)) // would block for ever if the reader did
		}
		p.SendText("through")
		synctest.Wait()
		p.WantBinary("the message that was being written", pattern(10000))
		p.WantPong("only the newest ping is answered", "999")
		p.WantIdle("one pong is enough")
		p.SendClose(1000, "")
		p.WantClose("close", 1000, "")
		if err := <-written; err != nil {
			t.Error(err)
		}
		if o := <-got; o.err != nil || len(o.messages) != 1 {
			t.Errorf("read %q, %v", o.messages, o.err)
		}
	})
	bothRoles(t, "5.5.3/pong_to_a_peer_that_never_reads", func(t *testing.T, role Role) {
		ours, theirs := conntest.Pipe(100)
		c, p := talkOver(t, ours, theirs, role, nil)
		start := time.Now()
		got := readAll(c)
		for range 10 {
			p.SendPing(strings.Repeat("x", 80))
		}
		o := <-got
		if took := time.Since(start); took != DefaultWriteTimeout {
			t.Errorf("the connection ended after %v, want %v", took, DefaultWriteTimeout)
		}
		if o.err == nil {
			t.Error("no error")
		}
	})
}

// TestPongFailsOnSockets: a broken write of a control frame leaves reading alone.
func TestControlAfterAFailedWrite(t *testing.T) {
	bothRoles(t, "7.2.1/control_after_a_failed_write", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		p.SendPing("a")
		p.SendText("x")
		p.SendPing("b")
		p.SendText("y")
		p.SendClose(1000, "")
		p.Close()
		synctest.Wait()
		var got []string
		for m, err := range c.Messages() {
			if err != nil {
				t.Errorf("yielded %v", err)
				break
			}
			got = append(got, string(m.Data))
			synctest.Wait() // the pong fails meanwhile
		}
		if strings.Join(got, "") != "xy" {
			t.Errorf("read %q", got)
		}
	})
}

// pingEvent makes a pong due, as a peer's ping does.
func pingEvent(payload string) protocol.Event {
	return protocol.Event{Kind: protocol.Ping, Payload: []byte(payload)}
}

// TestNoDataBehindClose: the question whether data may be sent, and taking what is due before it, are one step. A Close that is due stays due, and no data goes before or behind it.
func TestNoDataBehindClose(t *testing.T) {
	bothRoles(t, "5.5.1/close_is_due", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		c.handle(pingEvent("a"))
		if b, open := c.beginData(nil); !open || len(b) == 0 {
			t.Errorf("a pong is due: %x, %v", b, open)
		}
		c.mu.Lock()
		c.send.Close(1000, "")
		c.mu.Unlock()
		if b, open := c.beginData(nil); open || len(b) != 0 {
			t.Errorf("a close is due: %x, %v", b, open)
		}
		if err := c.Write(Text, []byte("late")); err == nil {
			t.Error("data was written")
		}
		p.WantClose("the close is still sent", 1000, "")
		p.WantIdle("and nothing behind it")
	})
}

// TestCloseLeavesBeforeCloseReturns: beside a loop, too, Close returns when its frame has left, and not before.
func TestCloseLeavesBeforeCloseReturns(t *testing.T) {
	bothRoles(t, "3/stuck_writer", func(t *testing.T, role Role) {
		ours, theirs := conntest.Pipe(1000)
		c, p := talkOver(t, ours, theirs, role, &Config{WriteTimeout: -1})
		got := readAll(c)
		go c.Write(Binary, pattern(5000))
		synctest.Wait()
		closed := make(chan error, 1)
		go func() { closed <- c.Close(1000, "") }()
		synctest.Wait()
		select {
		case <-closed:
			t.Error("Close returned while a message was being written")
		default:
		}
		p.WantBinary("the message that was being written", pattern(5000))
		p.WantClose("then the close", 1000, "")
		if err := <-closed; err != nil {
			t.Error(err)
		}
		p.SendClose(1000, "")
		<-got
	})
}

// TestControlBehindControl: what becomes due while a control frame is being written leaves after it.
func TestControlBehindControl(t *testing.T) {
	bothRoles(t, "5.5.3/pong_behind_pong", func(t *testing.T, role Role) {
		ours, theirs := conntest.Pipe(50)
		c, p := talkOver(t, ours, theirs, role, nil)
		readAll(c)
		first, second := strings.Repeat("a", 100), strings.Repeat("b", 100)
		go p.SendPing(first)
		synctest.Wait() // the pong is half written
		go p.SendPing(second)
		synctest.Wait()
		p.WantPong("the first", first)
		p.WantPong("and what came meanwhile", second)
	})
}

// TestTryWriteTakesAPart: what a transport took of a control frame is not sent again, and the rest follows.
func TestTryWriteTakesAPart(t *testing.T) {
	for n := range 8 {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := conntest.Pipe(1000)
			c, p := talkOver(t, ours, theirs, RoleServer, nil)
			c.transport.tryWrite = func(b []byte) (int, error) { return ours.Write(b[:min(n, len(b))]) }
			got := readAll(c)
			p.SendPing("hello")
			p.WantPong("whole", "hello")
			p.SendPing("again")
			p.WantPong("whole", "again")
			p.SendClose(1000, "")
			p.WantClose("whole", 1000, "")
			<-got
		})
	}
}

// TestCloseLeavesBehindWhatIsHeld: "MUST NOT send any more data frames after sending a Close frame" (RFC 6455, 5.5.1). A write of another goroutine's may be held back a moment longer than the loop has
// looked; then the reader begins a Close.
func TestCloseLeavesBehindWhatIsHeld(t *testing.T) {
	bothRoles(t, "5.5.1/begun_by_the_reader", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		c.corked.Store(true)
		if err := c.Write(Text, []byte("held")); err != nil {
			t.Fatal(err)
		}
		c.beginClose(1001, "idle timeout")
		p.WantText("what was written before", "held")
		p.WantClose("the Close", 1001, "idle timeout")
		p.WantIdle("nothing follows it")
	})
}
