package conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/conntest"
)

// A pushAttack is what a peer does to a connection that is driven, and what becomes of that.
type pushAttack struct {
	name   string
	cfg    Config
	events Events
	peer   func(c *Conn, p *conntest.Peer) // it returns when it has nothing more to say, and its end stays open
	// after is when Close is called, counted from Drive: what an event loop is late at most is a tick of its timers, and the monitor's. forEver that the peer has to end it.
	after time.Duration
	sent  frame.StatusCode // of our Close frame, 0 if there is none
	cause error            // what the end matches, if it is not nil
}

const (
	// tickLate is how late an event loop may be.
	tickLate = 10 * time.Millisecond
	// wayLate is how late both are, where a read looks first whether something has come meanwhile.
	wayLate = catchUpTime + tickLate
	// forEver: the connection is there still when the peer has nothing more to say.
	forEver = time.Duration(-1)
)

// says has the peer say bytes, and nothing more.
func says(b ...byte) func(*Conn, *conntest.Peer) {
	return func(_ *Conn, p *conntest.Peer) { p.SendBytes(b) }
}

// trickle has the peer say b, a byte at a time.
func trickle(b []byte, every time.Duration) func(*Conn, *conntest.Peer) {
	return func(c *Conn, p *conntest.Peer) {
		for i := range b {
			if _, err := p.Conn().Write(b[i : i+1]); err != nil {
				return
			}
			time.Sleep(every)
		}
	}
}

// fromClient returns a client's frame.
func fromClient(f conntest.Frame) []byte {
	f.Masked = true
	return f.Append(nil)
}

// repeated has the peer write the same until it has done so n times, or cannot.
func repeated(f conntest.Frame, n int) func(*Conn, *conntest.Peer) {
	return func(_ *Conn, p *conntest.Peer) {
		b := fromClient(f)
		for range n {
			if _, err := p.Conn().Write(b); err != nil {
				return
			}
		}
	}
}

var sendsALot = Events{Message: func(c *Conn, _ Message) {
	for c.Write(Binary, pattern(50_000)) == nil {
	}
}}

// pushAttacks are the rows of docs/threat-model.md whose rule lives in a driver: what is read, written and closed, and when. A server is attacked.
var pushAttacks = []pushAttack{
	{name: "5.2/T-LEN/top_bit", peer: says(0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0), after: DefaultCloseTimeout, sent: 1002},
	{name: "5.2/T-LEN/above_the_limit", peer: says(0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 1, 0, 0, 0, 0), after: DefaultCloseTimeout, sent: 1009},
	{name: "5.2/T-LEN/a_byte_at_a_time", peer: trickle([]byte{0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0}, time.Second), after: 13*time.Second + DefaultCloseTimeout, sent: 1002},
	{name: "10.4/T-PIN/stalled", peer: says(0x82, 0xff, 0, 0, 0, 0, 0, 0x0f, 0xff, 0xff, 0, 0, 0, 0), after: progressGrace + DefaultCloseTimeout, sent: 1008},
	{name: "10.4/T-FRAG", cfg: Config{MessageLimit: 4 << 10}, peer: func(c *Conn, p *conntest.Peer) {
		p.Conn().Write(fromClient(conntest.Frame{Opcode: conntest.Text}))
		repeated(conntest.Frame{}, 2000)(c, p)
	}, after: DefaultCloseTimeout, sent: 1008},
	{name: "5.1/F3/not_masked", peer: says(0x81, 1, 'x'), after: DefaultCloseTimeout, sent: 1002},
	{name: "5.2/F6/reserved_opcode", peer: says(0x83, 0x80, 0, 0, 0, 0), after: DefaultCloseTimeout, sent: 1002},
	{name: "5.4/F8/continuation_of_nothing", peer: says(0x80, 0x80, 0, 0, 0, 0), after: DefaultCloseTimeout, sent: 1002},
	{name: "8.1/not_UTF-8", peer: says(0x81, 0x82, 0, 0, 0, 0, 0xc0, 0xaf), after: DefaultCloseTimeout, sent: 1007},
	{name: "7.2.1/X3/not_DEFLATE", cfg: Config{Compression: &deflate.Config{}}, peer: says(0xc1, 0x85, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff), after: DefaultCloseTimeout, sent: 1007},
	{name: "10.4/D2/tiny_messages", peer: repeated(conntest.Frame{Fin: true, Opcode: conntest.Text}, 5000), after: forEver},
	{name: "10.4/D2/tiny_messages_and_nothing_is_read", events: Events{Message: func(c *Conn, m Message) { c.Write(Binary, pattern(1000)) }},
		peer: repeated(conntest.Frame{Fin: true, Opcode: conntest.Text}, 50_000), after: DefaultWriteTimeout, cause: errWriteTimeout},
	{name: "5.5.2/D3/pings_and_nothing_is_read", peer: func(c *Conn, p *conntest.Peer) {
		for range 1000 { // one by one: of those that come together only the newest is answered
			p.SendPing(string(pattern(125)))
			synctest.Wait()
		}
	}, after: DefaultWriteTimeout, cause: errWriteTimeout},
	{name: "10.4/D4/nothing_is_read", events: sendsALot, peer: says(0x81, 0x80, 0, 0, 0, 0), after: DefaultWriteTimeout, cause: errWriteTimeout},
	{name: "10.4/D4/a_little_is_read", events: sendsALot, peer: func(c *Conn, p *conntest.Peer) {
		p.SendText("")
		for range 5 { // each time there is progress
			time.Sleep(8 * time.Second)
			io.ReadFull(p.Conn(), make([]byte, 20_000))
		}
	}, after: 40*time.Second + DefaultWriteTimeout, cause: errWriteTimeout},
	{name: "10.4/D4/what_is_queued", cfg: Config{SendQueue: 200_000}, events: Events{Open: func(c *Conn) { c.Send(Binary, pattern(150_000)) }}, peer: says(), after: DefaultWriteTimeout, cause: errWriteTimeout},
	{name: "10.4/D6/a_byte_a_second", peer: trickle(fromClient(conntest.Frame{Fin: true, Opcode: conntest.Binary, Payload: pattern(100)}), time.Second), after: progressGrace + DefaultCloseTimeout, sent: 1008},
	{name: "10.4/D8/idle", cfg: Config{IdleTimeout: 7 * time.Second}, peer: says(), after: 7*time.Second + DefaultCloseTimeout, sent: 1001},
	{name: "10.4/D8/pings_are_no_messages", cfg: Config{IdleTimeout: 7 * time.Second}, peer: func(c *Conn, p *conntest.Peer) {
		for range 10 {
			p.SendPing("")
			time.Sleep(time.Second)
		}
	}, after: 7*time.Second + DefaultCloseTimeout, sent: 1001},
	{name: "5.5.2/D9/vanished", peer: says(), after: DefaultPingInterval + DefaultPongTimeout, cause: errPongTimeout},
	{name: "5.5.2/D9/vanished_behind_traffic", events: Events{Message: echoMessage}, peer: func(c *Conn, p *conntest.Peer) {
		for range 4 * DefaultPingInterval / (5 * time.Second) { // the timer expires while bytes come
			p.SendText("x")
			p.WantText("the echo", "x")
			time.Sleep(5 * time.Second)
		}
	}, after: 4*DefaultPingInterval - 5*time.Second + DefaultPingInterval + DefaultPongTimeout, cause: errPongTimeout},
	{name: "5.5.3/D10/pongs", peer: repeated(conntest.Frame{Fin: true, Opcode: conntest.Pong, Payload: pattern(8)}, 5000), after: forEver},
	{name: "7.1.3/C1/both_close", events: Events{Open: func(c *Conn) { c.Close(1000, "") }}, peer: func(c *Conn, p *conntest.Peer) {
		p.SendClose(1000, "")
		p.WantClose("ours", 1000, nil)
		p.WantEOF("the server ends first") // C4
		p.Conn().Close()
	}, after: 0, sent: 1000},
	{name: "7.1.1/C2/silent", events: Events{Open: func(c *Conn) { c.Close(4000, "") }}, peer: says(), after: DefaultCloseTimeout, sent: 4000, cause: errCloseTimeout},
	{name: "7.1.1/C3/a_byte_a_second", events: Events{Open: func(c *Conn) { c.Close(4000, "") }}, peer: trickle(fromClient(conntest.Frame{Fin: true, Opcode: conntest.Binary, Payload: pattern(100)}), time.Second),
		after: DefaultCloseTimeout, sent: 4000, cause: errCloseTimeout},
	{name: "7.1.1/C3/pings", events: Events{Open: func(c *Conn) { c.Close(4000, "") }}, peer: func(c *Conn, p *conntest.Peer) {
		for c.CloseInfo() == nil {
			p.Conn().Write(fromClient(conntest.Frame{Fin: true, Opcode: conntest.Ping}))
			time.Sleep(100 * time.Millisecond)
		}
	}, after: DefaultCloseTimeout, sent: 4000, cause: errCloseTimeout},
	{name: "7.1.1/C3/after_the_failure", peer: func(c *Conn, p *conntest.Peer) {
		p.SendBytes([]byte{0x83, 0x80, 0, 0, 0, 0})
		for range 20 { // what comes is discarded, and the deadline stays
			time.Sleep(500 * time.Millisecond)
			if _, err := p.Conn().Write(fromClient(conntest.Frame{Fin: true, Opcode: conntest.Text})); err != nil {
				return
			}
		}
	}, after: DefaultCloseTimeout, sent: 1002},
	{name: "5.4/C7/close_inside_a_message", peer: func(c *Conn, p *conntest.Peer) {
		p.Send(conntest.Frame{Opcode: conntest.Text, Payload: []byte("never delivered")})
		p.SendClose(1001, "")
		p.WantClose("is answered", 1001, nil)
		p.WantEOF("the server ends first")
		p.Conn().Close()
	}, after: 0, sent: 1001},
	{name: "2.9/a_function_that_blocks", events: Events{Message: func(c *Conn, _ Message) { time.Sleep(time.Hour) }}, peer: func(c *Conn, p *conntest.Peer) {
		p.SendText("x")
		c.Send(Text, []byte("from another"))
		p.WantText("is delivered", "from another")
	}, after: time.Hour + DefaultPongTimeout, cause: errPongTimeout},
	{name: "2.9/writes_with_a_context", events: Events{Message: func(c *Conn, _ Message) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		c.WriteContext(ctx, Binary, pattern(200_000)) // the rest leaves first, or the connection ends
	}}, peer: says(0x81, 0x80, 0, 0, 0, 0), after: DefaultWriteTimeout, cause: errWriteTimeout},
}

// TestPushAttacks runs them over both drivers, in a bubble: the connection ends when it has to, to the tick, and tells the peer why.
func TestPushAttacks(t *testing.T) {
	for _, a := range pushAttacks {
		for _, byLoop := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%s", a.name, map[bool]string{false: "goroutine", true: "loop"}[byLoop]), func(t *testing.T) {
				conntest.CheckLeaks(t)
				synctest.Test(t, func(t *testing.T) { a.run(t, byLoop) })
			})
		}
	}
}

func (a pushAttack) run(t *testing.T, byLoop bool) {
	ours, theirs := conntest.Pipe(64 << 10)
	cfg := a.cfg
	cfg.Logger = slog.New(slog.DiscardHandler)
	var c *Conn
	if byLoop {
		l := newFakeLoop(t, nil)
		defer l.end()
		c = l.conn(ours, RoleServer, &cfg)
	} else {
		c = New(ours, RoleServer, nil, &cfg)
	}
	if cfg.Compression != nil {
		c.compress(takeover, "")
	}
	p := conntest.NewPeer(t, theirs, true)
	start := time.Now()
	h := newCaller(t)
	h.lines = make(chan string, 100_000)
	ended := make(chan time.Duration, 1)
	events := a.events
	events.Close = func(*Conn, *CloseError) { ended <- time.Since(start) }
	if err := c.Drive(h.events(events)); err != nil {
		t.Fatal(err)
	}
	a.peer(c, p)
	if a.after == forEver {
		synctest.Wait()
		if c.CloseInfo() != nil {
			t.Errorf("it has ended: %v", c.CloseInfo())
		}
		p.SendPing("alive")
		p.WantPong("it is alive", "alive")
		p.Close()
		<-h.closed
		return
	}
	if took := <-ended; took < a.after || took > a.after+wayLate {
		t.Errorf("it took %v, want %v", took, a.after)
	}
	<-h.closed
	e := c.CloseInfo()
	if e.Sent == nil && a.sent != 0 || e.Sent != nil && e.Sent.Code != a.sent {
		t.Errorf("the Close frame is %v, want %d", e.Sent, a.sent)
	}
	if a.cause != nil && !errors.Is(e, a.cause) {
		t.Errorf("the end is %v, want %v", e, a.cause)
	}
	p.Close()
}
