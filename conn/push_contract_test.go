package conn

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/conntest"
)

// pushPatience is how long a test waits for what has to come.
const pushPatience = time.Minute

// The event loops start before the first test that looks for leaks: they stay.
var _ = loops()

// A pushKind is a transport with a way to drive a connection over it.
type pushKind struct {
	name string
	pair func(t *testing.T) (ours, theirs net.Conn)
	cfg  func(*Config) // sets what the kind needs
}

// A caller records the calls of one connection's Events, and fails the test if two overlap.
type caller struct {
	t     *testing.T
	lines chan string
	busy  atomic.Bool
	open  atomic.Int32
	ended atomic.Int32
	// closed is closed when Close has been called.
	closed chan struct{}
}

func newCaller(t *testing.T) *caller {
	return &caller{t: t, lines: make(chan string, 1000), closed: make(chan struct{})}
}

// events returns Events that note what is called and then call e's.
func (k *caller) events(e Events) *Events {
	return &Events{
		Open: func(c *Conn) {
			defer k.enter()()
			if k.open.Add(1) != 1 {
				k.t.Error("Open is called twice")
			}
			k.lines <- "open"
			if e.Open != nil {
				e.Open(c)
			}
		},
		Message: func(c *Conn, m Message) {
			defer k.enter()()
			k.lines <- fmt.Sprintf("%v %.20q", m.Type, m.Data)
			if e.Message != nil {
				e.Message(c, m)
			}
		},
		Drain: func(c *Conn) {
			defer k.enter()()
			k.lines <- "drain"
			if e.Drain != nil {
				e.Drain(c)
			}
		},
		Close: func(c *Conn, err *CloseError) {
			defer k.enter()()
			if k.ended.Add(1) != 1 {
				k.t.Error("Close is called twice")
			} else {
				defer close(k.closed)
			}
			if err == nil || err != c.CloseInfo() {
				k.t.Errorf("Close gets %v, CloseInfo is %v", err, c.CloseInfo())
			}
			if c.State() != StateClosed {
				k.t.Errorf("Close is called in the state %v", c.State())
			}
			if e.Close != nil {
				e.Close(c, err)
			}
			switch {
			case err.Sent != nil && err.Sent.Code == frame.StatusInternalError:
				k.lines <- "close, sent 1011"
			case err.Clean():
				k.lines <- "close, clean"
			case err.Sent != nil:
				k.lines <- fmt.Sprintf("close, sent %d", err.Sent.Code)
			default:
				k.lines <- "close"
			}
		},
	}
}

func (k *caller) enter() (leave func()) {
	if !k.busy.CompareAndSwap(false, true) {
		k.t.Error("two calls overlap")
	}
	if k.ended.Load() != 0 {
		k.t.Error("something is called behind Close")
	}
	return func() { k.busy.Store(false) }
}

// want waits for these calls, in this order.
func (k *caller) want(lines ...string) {
	k.t.Helper()
	for _, want := range lines {
		select {
		case got := <-k.lines:
			if got != want {
				k.t.Fatalf("got the call %s, want %s", got, want)
			}
		case <-time.After(pushPatience):
			k.t.Fatalf("no call comes, want %s", want)
		}
	}
}

// wantQuiet wants that nothing has been called.
func (k *caller) wantQuiet() {
	k.t.Helper()
	select {
	case got := <-k.lines:
		k.t.Errorf("got the call %s, want none", got)
	default:
	}
}

// start drives a connection of the kind with e.
func (k pushKind) start(t *testing.T, e Events, cfg *Config) (*Conn, *conntest.Peer, *caller) {
	t.Helper()
	if cfg == nil {
		cfg = new(Config)
	}
	k.cfg(cfg)
	ours, theirs := k.pair(t)
	c, p := talkOver(t, ours, theirs, RoleServer, cfg)
	h := newCaller(t)
	if err := c.Drive(h.events(e)); err != nil {
		t.Fatal(err)
	}
	return c, p, h
}

// pushPairs are the transports.
func pushPairs(t *testing.T) map[string]func(t *testing.T) (ours, theirs net.Conn) {
	pairs := map[string]func(t *testing.T) (ours, theirs net.Conn){
		"pipe": func(*testing.T) (ours, theirs net.Conn) { return conntest.Pipe(64 << 10) },
	}
	for kind, pair := range socketPairs() {
		pairs[kind] = func(t *testing.T) (ours, theirs net.Conn) { return pair(t) }
	}
	cert := testCertificate(t)
	pairs["tls"] = func(t *testing.T) (ours, theirs net.Conn) {
		a, b := tcpPair(t)
		server, client := tls.Server(a, &tls.Config{Certificates: []tls.Certificate{cert}}), tls.Client(b, &tls.Config{InsecureSkipVerify: true})
		shaken := later(server.Handshake)
		if err := errors.Join(client.Handshake(), <-shaken); err != nil {
			t.Fatal(err)
		}
		return server, client
	}
	return pairs
}

// TestPushByGoroutine runs the contract of the push style over every transport, driven by a goroutine.
func TestPushByGoroutine(t *testing.T) {
	for name, pair := range pushPairs(t) {
		t.Run(name, func(t *testing.T) {
			testPushContract(t, pushKind{name, pair, func(cfg *Config) { cfg.EventLoop = EventLoopNever }})
		})
	}
}

// TestPushByLoop runs it over the sockets that an event loop drives.
func TestPushByLoop(t *testing.T) {
	if loops() == nil || !EventLoopAuto.here() {
		t.Skip("there is no event loop here")
	}
	for name, pair := range socketPairs() {
		t.Run(name, func(t *testing.T) {
			testPushContract(t, pushKind{name, func(t *testing.T) (ours, theirs net.Conn) { return pair(t) }, func(*Config) {}})
		})
	}
}

// testPushContract tests what Events promises, for one kind of transport and driver.
func testPushContract(t *testing.T, kind pushKind) {
	run := func(name string, f func(t *testing.T)) {
		t.Run(name, func(t *testing.T) {
			conntest.CheckLeaks(t)
			f(t)
		})
	}
	run("3/open_first_messages_in_order_close_last", func(t *testing.T) {
		c, p, h := kind.start(t, Events{
			Open:    func(c *Conn) { c.Write(Text, []byte("hello")) },
			Message: func(c *Conn, m Message) { c.Write(m.Type, m.Data) },
		}, nil)
		p.WantText("Open may write", "hello")
		var want []string
		for i := range 50 {
			p.SendText(fmt.Sprint("m", i))
			want = append(want, fmt.Sprintf("text %q", fmt.Sprint("m", i)))
		}
		for i := range 50 {
			p.WantText("answers in order", fmt.Sprint("m", i))
		}
		large := pattern(300_000)
		done := later(func() bool { p.SendBinary(large); return true })
		p.WantBinary("a large message, too", large)
		<-done
		p.SendClose(1001, "bye")
		p.WantClose("the close is answered", 1001, nil)
		p.WantEOF("the server ends first")
		p.Close()
		h.want("open")
		h.want(want...)
		h.want(fmt.Sprintf("binary %.20q", large), "close, clean")
		if e := c.CloseInfo(); e.Received.Code != 1001 || e.Local {
			t.Errorf("the end is %v", e)
		}
	})
	run("3/close_says_how_it_ended", func(t *testing.T) {
		_, p, h := kind.start(t, Events{Close: func(c *Conn, e *CloseError) {
			if !errors.Is(e, io.ErrUnexpectedEOF) {
				t.Errorf("the end inside a frame is %v", e)
			}
		}}, nil)
		p.SendBytes([]byte{0x81})
		p.Close()
		h.want("open", "close")
		_, p, h = kind.start(t, Events{}, nil)
		p.SendBytes([]byte{0xf1, 0x80, 0, 0, 0, 0})
		p.WantClose("a rule is broken", 1002, nil)
		p.Close()
		h.want("open", "close, sent 1002")
	})
	run("3/a_function_may_block_in_a_write_to_a_slow_reader", func(t *testing.T) {
		large := pattern(8 << 20)
		_, p, h := kind.start(t, Events{Message: func(c *Conn, m Message) {
			if err := c.Write(Binary, large); err != nil {
				t.Errorf("the write ends with %v", err)
			}
			c.Write(Text, []byte("done"))
		}}, &Config{WriteTimeout: -1})
		p.SendText("x")
		h.want("open", `text "x"`)
		p.WantBinary("it goes on when the peer reads", large)
		p.WantText("and comes to its end", "done")
		p.Close()
		h.want("close")
	})
	run("3/a_function_that_blocks_holds_up_no_other_connection", func(t *testing.T) {
		release := make(chan struct{})
		const n = 3 // more than loops
		for range n {
			_, p, h := kind.start(t, Events{Message: func(*Conn, Message) { <-release }}, nil)
			p.SendText("block")
			h.want("open", `text "block"`)
		}
		_, p, h := kind.start(t, Events{Message: func(c *Conn, m Message) { c.Write(m.Type, m.Data) }}, nil)
		p.SendText("go on")
		p.WantText("others go on", "go on")
		p.Close()
		h.want("open", `text "go on"`, "close")
		close(release)
	})
	run("7.1.2/close_inside_returns_when_sent", func(t *testing.T) {
		c, p, h := kind.start(t, Events{Message: func(c *Conn, m Message) {
			if string(m.Data) == "last" {
				return
			}
			if err := c.Close(4000, "enough"); err != nil {
				t.Errorf("Close returns %v", err)
			}
			if c.State() != StateClosing {
				t.Errorf("the state is %v", c.State())
			}
		}}, nil)
		p.SendText("x")
		p.WantClose("the close frame leaves", 4000, "enough")
		p.SendText("last") // is delivered still
		p.SendClose(4000, "")
		p.WantEOF("the server ends first")
		p.Close()
		h.want("open", `text "x"`, `text "last"`, "close, clean")
		if e := c.CloseInfo(); !e.Local {
			t.Errorf("the end is %v", e)
		}
	})
	run("7.1.2/close_in_open", func(t *testing.T) {
		_, p, h := kind.start(t, Events{Open: func(c *Conn) { c.Close(1000, "") }}, nil)
		p.WantClose("the close frame leaves", 1000, nil)
		p.SendClose(1000, "")
		p.Close()
		h.want("open", "close, clean")
	})
	run("7.1.2/close_from_outside", func(t *testing.T) {
		c, p, h := kind.start(t, Events{}, nil)
		h.want("open")
		if err := c.Close(1001, ""); err != nil {
			t.Errorf("Close returns %v", err)
		}
		p.WantClose("the close frame leaves", 1001, nil)
		p.SendClose(1001, "")
		p.Close()
		h.want("close, clean")
		wait(t, c)
		if err := c.Close(1000, ""); err != nil {
			t.Errorf("Close of a connection that ended returns %v", err)
		}
	})
	run("7.1.7/close_now_inside", func(t *testing.T) {
		for _, where := range []string{"open", "message"} {
			_, p, h := kind.start(t, Events{
				Open: func(c *Conn) {
					if where == "open" {
						c.CloseNow()
					}
				},
				Message: func(c *Conn, m Message) { c.CloseNow() },
			}, nil)
			h.want("open")
			if where == "message" {
				p.SendText("x")
				h.want(`text "x"`)
			}
			h.want("close")
			p.Close()
		}
	})
	run("7.1.7/close_now_from_outside", func(t *testing.T) {
		blocked, release := make(chan struct{}), make(chan struct{})
		c, p, h := kind.start(t, Events{Message: func(*Conn, Message) { close(blocked); <-release }}, nil)
		p.SendText("x")
		<-blocked
		c.CloseNow()
		if _, err := p.Conn().Read(make([]byte, 1)); err == nil {
			t.Error("the peer does not see the end")
		}
		h.want("open", `text "x"`)
		h.wantQuiet() // Message runs
		close(release)
		h.want("close")
		c, _, h = kind.start(t, Events{}, nil)
		h.want("open")
		c.CloseNow() // while nothing runs
		h.want("close")
		wait(t, c)
	})
	run("3/reads_return_ErrReading", func(t *testing.T) {
		entered, release := make(chan struct{}), make(chan struct{})
		c, p, h := kind.start(t, Events{Message: func(*Conn, Message) { close(entered); <-release }}, nil)
		check := func(when string) {
			t.Helper()
			_, read := c.Read()
			_, appended := c.ReadAppend(nil)
			var loop error
			for _, err := range c.Messages() {
				loop = err
			}
			drive := c.Drive(&Events{})
			for _, err := range []error{read, appended, loop, drive} {
				if !errors.Is(err, ErrReading) || !strings.Contains(err.Error(), "Events") || errors.Is(err, ErrClosed) {
					t.Errorf("%s: a read returns %v", when, err)
				}
			}
		}
		h.want("open")
		check("between calls")
		p.SendText("x")
		<-entered
		check("during a call")
		close(release)
		p.Close()
		h.want(`text "x"`, "close")
		if _, err := c.Read(); !errors.Is(err, ErrClosed) {
			t.Errorf("after the end a read returns %v", err)
		}
	})
	run("3/wait_returns_in_close", func(t *testing.T) {
		c, p, h := kind.start(t, Events{Close: func(c *Conn, e *CloseError) {
			if err := c.Wait(t.Context()); err != error(e) {
				t.Errorf("Wait returns %v", err)
			}
			if err := c.Write(Text, nil); !errors.Is(err, ErrClosed) {
				t.Errorf("Write returns %v", err)
			}
			c.Close(1000, "")
			c.CloseNow()
		}}, nil)
		p.Close()
		h.want("open", "close")
		wait(t, c)
	})
	run("5.5.2/ping_inside_is_not_answered", func(t *testing.T) {
		answered := make(chan error, 1)
		c, p, h := kind.start(t, Events{Message: func(c *Conn, m Message) {
			_, err := c.Ping(t.Context())
			answered <- err
		}}, &Config{PongTimeout: 10 * time.Millisecond, PingInterval: -1})
		p.SendText("x")
		if err := <-answered; !errors.Is(err, ErrNotReading) {
			t.Errorf("Ping inside returns %v", err)
		}
		h.want("open", `text "x"`)
		p.Next("the ping of Message")
		pinged := later(func() error { _, err := c.Ping(t.Context()); return err })
		f := p.Next("the ping from outside")
		p.SendPong(string(f.Payload))
		if err := <-pinged; err != nil && !errors.Is(err, errPongTimeout) { // a busy machine
			t.Errorf("Ping from outside returns %v", err)
		}
		p.SendPing("yours")
		p.WantPong("pings are answered", "yours")
		p.Close()
		h.want("close")
	})
	run("3/writes_from_other_goroutines", func(t *testing.T) {
		c, p, h := kind.start(t, Events{Message: func(c *Conn, m Message) { c.Write(m.Type, m.Data) }}, nil)
		h.want("open")
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				for range 50 {
					if err := c.Write(Binary, pattern(1000*i)); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		sizes := map[int]int{}
		for range 200 {
			f := p.Next("messages are whole")
			sizes[len(f.Payload)]++
		}
		wg.Wait()
		for i := range 4 {
			if sizes[1000*i] != 50 {
				t.Errorf("%v messages of each size came", sizes)
			}
		}
		p.Close()
		h.want("close")
	})
	run("3/nil_functions_are_not_called", func(t *testing.T) {
		kindCfg := new(Config)
		kind.cfg(kindCfg)
		ours, theirs := kind.pair(t)
		c, p := talkOver(t, ours, theirs, RoleServer, kindCfg)
		if err := c.Drive(&Events{}); err != nil {
			t.Fatal(err)
		}
		p.SendText("discarded")
		p.SendPing("x")
		p.WantPong("it goes on", "x")
		c.drained()
		p.SendClose(1000, "")
		p.WantClose("it ends", 1000, nil)
		p.Close()
		wait(t, c)
	})
	testPushDrain(t, kind, run)
	testPushBroken(t, kind, run)
	testPushBegins(t, kind, run)
	testPushRegistry(t, kind, run)
}
