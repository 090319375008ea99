package conn

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/internal/conntest"
	"github.com/hawser-go/hawser/internal/evloop"
)

// eachLoopSocket runs f with a function that drives one end of a pair of sockets by the event loop, for each kind of socket.
func eachLoopSocket(t *testing.T, f func(t *testing.T, start func(e Events, cfg *Config) (*Conn, *conntest.Peer, *caller))) {
	if loops() == nil || !EventLoopAuto.here() {
		t.Skip("there is no event loop here")
	}
	for name, pair := range socketPairs() {
		t.Run(name, func(t *testing.T) {
			conntest.CheckLeaks(t)
			f(t, func(e Events, cfg *Config) (*Conn, *conntest.Peer, *caller) {
				c, p, h := pushKind{name, func(t *testing.T) (ours, theirs net.Conn) { return pair(t) }, func(*Config) {}}.start(t, e, cfg)
				if c.transport.loop == nil {
					t.Fatal("the connection is not driven by the event loop")
				}
				p.Timeout = pushPatience
				return c, p, h
			})
		})
	}
}

// TestLoopTimeouts: every timeout passes without a goroutine or timer of the connection's own.
func TestLoopTimeouts(t *testing.T) {
	ends := func(t *testing.T, h *caller, c *Conn, want error) {
		t.Helper()
		h.wantClose()
		if e := c.CloseInfo(); !errors.Is(e, want) {
			t.Errorf("the end is %v, want %v", e, want)
		}
	}
	t.Run("5.5.2/pong", func(t *testing.T) {
		eachLoopSocket(t, func(t *testing.T, start func(Events, *Config) (*Conn, *conntest.Peer, *caller)) {
			c, p, h := start(Events{}, &Config{PingInterval: 5 * time.Millisecond, PongTimeout: 100 * time.Millisecond})
			h.want("open")
			for range 3 {
				p.SendPong(string(p.Next("a ping").Payload))
			}
			p.Next("a ping that is not answered")
			ends(t, h, c, errPongTimeout)
		})
	})
	t.Run("3/idle", func(t *testing.T) {
		eachLoopSocket(t, func(t *testing.T, start func(Events, *Config) (*Conn, *conntest.Peer, *caller)) {
			_, p, h := start(Events{}, &Config{IdleTimeout: 5 * time.Millisecond})
			p.WantClose("an idle connection is closed", 1001, nil)
			p.SendClose(1001, "")
			p.Close()
			h.want("open")
			h.wantClose()
		})
	})
	t.Run("7.1.1/close_while_open", func(t *testing.T) {
		eachLoopSocket(t, func(t *testing.T, start func(Events, *Config) (*Conn, *conntest.Peer, *caller)) {
			c, _, h := start(Events{}, &Config{CloseTimeout: 5 * time.Millisecond})
			h.want("open")
			c.Close(1000, "")
			ends(t, h, c, errCloseTimeout)
		})
	})
	t.Run("7.1.1/close_while_lingering", func(t *testing.T) {
		eachLoopSocket(t, func(t *testing.T, start func(Events, *Config) (*Conn, *conntest.Peer, *caller)) {
			c, p, h := start(Events{}, &Config{CloseTimeout: 5 * time.Millisecond})
			p.SendClose(1000, "") // and no end of the stream
			h.want("open")
			h.wantClose()
			if !c.CloseInfo().Clean() {
				t.Errorf("the end is %v", c.CloseInfo())
			}
			p.Close()
		})
	})
	t.Run("3/write", func(t *testing.T) {
		eachLoopSocket(t, func(t *testing.T, start func(Events, *Config) (*Conn, *conntest.Peer, *caller)) {
			written := make(chan error, 1)
			c, p, h := start(Events{Message: func(c *Conn, m Message) { written <- c.Write(Binary, make([]byte, 32<<20)) }}, &Config{WriteTimeout: 20 * time.Millisecond})
			p.SendText("x")
			if err := <-written; !errors.Is(err, os.ErrDeadlineExceeded) || !errors.Is(err, ErrClosed) {
				t.Errorf("Write returns %v", err)
			}
			h.want("open", `text "x"`)
			ends(t, h, c, errWriteTimeout)
		})
	})
}

// wantClose waits for Close, however the connection ended.
func (k *caller) wantClose() {
	k.t.Helper()
	select {
	case <-k.closed:
	case <-time.After(pushPatience):
		k.t.Fatal("Close is not called")
	}
}

// TestLoopEnds: the end of a connection in a loop, where the lingering has no goroutine.
func TestLoopEnds(t *testing.T) {
	t.Run("7.1.7/a_slow_reader_gets_the_close_frame", func(t *testing.T) {
		eachLoopSocket(t, func(t *testing.T, start func(Events, *Config) (*Conn, *conntest.Peer, *caller)) {
			c, p, h := start(Events{}, &Config{SendQueue: 32 << 20, CloseTimeout: time.Minute, WriteTimeout: time.Minute})
			h.want("open")
			large := pattern(8 << 20)
			if err := c.Send(Binary, large); err != nil {
				t.Fatal(err)
			}
			p.SendBytes([]byte{0xf1, 0x80, 0, 0, 0, 0}) // while the socket takes nothing more
			p.WantBinary("what was sent before", large)
			p.WantClose("and then the failure", 1002, nil)
			p.WantEOF("our direction is shut down")
			p.Close()
			h.wantClose()
		})
	})
	t.Run("7.1.7/a_peer_in_the_middle_of_a_message_reads_why", func(t *testing.T) {
		eachLoopSocket(t, func(t *testing.T, start func(Events, *Config) (*Conn, *conntest.Peer, *caller)) {
			_, p, h := start(Events{}, &Config{MessageLimit: 1 << 20})
			done := later(func() bool { p.SendBinary(pattern(4 << 20)); return true })
			p.WantClose("the limit", 1009, nil)
			<-done
			p.Close()
			h.want("open")
			h.wantClose()
		})
	})
	t.Run("7.1.1/the_peer_ends_first_and_reads_on", func(t *testing.T) {
		eachLoopSocket(t, func(t *testing.T, start func(Events, *Config) (*Conn, *conntest.Peer, *caller)) {
			c, p, h := start(Events{}, &Config{SendQueue: 32 << 20, WriteTimeout: time.Minute, CloseTimeout: time.Minute})
			h.want("open")
			large := pattern(8 << 20)
			if err := c.Send(Binary, large); err != nil {
				t.Fatal(err)
			}
			p.SendBytes([]byte{0xf1, 0x80, 0, 0, 0, 0})
			p.CloseWrite() // is not waited for in a spin, and what is on its way leaves
			before := callsOfReady()
			p.WantBinary("what was sent before", large)
			p.WantClose("and then the failure", 1002, nil)
			p.WantEOF("the end")
			h.wantClose()
			p.Close()
			if n := callsOfReady() - before; n > 1000 {
				t.Errorf("the end of the stream is met %d times", n)
			}
		})
	})
	t.Run("7.1.1/a_reset_while_lingering", func(t *testing.T) {
		eachLoopSocket(t, func(t *testing.T, start func(Events, *Config) (*Conn, *conntest.Peer, *caller)) {
			c, p, h := start(Events{}, &Config{SendQueue: 32 << 20})
			h.want("open")
			c.Send(Binary, pattern(8<<20))
			p.SendBytes([]byte{0xf1, 0x80, 0, 0, 0, 0})
			for c.CloseInfo() == nil {
				time.Sleep(time.Millisecond)
			}
			p.Reset()
			h.wantClose()
		})
	})
	t.Run("7.1.1/close_now_ends_a_blocked_write", func(t *testing.T) {
		eachLoopSocket(t, func(t *testing.T, start func(Events, *Config) (*Conn, *conntest.Peer, *caller)) {
			written := make(chan error, 2)
			c, p, h := start(Events{Message: func(c *Conn, m Message) { written <- c.Write(Binary, make([]byte, 32<<20)) }}, &Config{WriteTimeout: -1})
			h.want("open")
			p.SendText("x")
			h.want(`text "x"`)
			for !c.writeLock.held() {
				runtime.Gosched()
			}
			go func() { written <- c.Write(Text, []byte("waits for the lock")) }()
			time.Sleep(10 * time.Millisecond)
			c.CloseNow()
			for range 2 {
				if err := <-written; !errors.Is(err, ErrClosed) {
					t.Errorf("Write returns %v", err)
				}
			}
			h.wantClose()
		})
	})
	t.Run("7.1.1/as_a_client", func(t *testing.T) {
		for name, pair := range socketPairs() {
			t.Run(name, func(t *testing.T) {
				conntest.CheckLeaks(t)
				ours, theirs := pair(t)
				c := New(ours, RoleClient, nil, nil)
				p := conntest.NewPeer(t, theirs, false)
				closed := make(chan *CloseError, 1)
				c.Drive(&Events{
					Message: func(c *Conn, m Message) { c.Write(m.Type, m.Data) },
					Close:   func(c *Conn, e *CloseError) { closed <- e },
				})
				p.SendText("x")
				p.WantText("the answer", "x")
				p.SendClose(1000, "")
				p.WantClose("the close is answered", 1000, nil)
				p.Close() // "the server MUST close the underlying TCP connection immediately"
				if e := <-closed; !e.Clean() {
					t.Errorf("the end is %v", e)
				}
			})
		}
	})
}

func callsOfReady() (n int64) {
	for _, s := range loops().Stats() {
		n += s.Inline + s.Apart
	}
	return n
}

// TestLoopHandOff: what a function holds back leaves when its loop goes on without it.
func TestLoopHandOff(t *testing.T) {
	eachLoopSocket(t, func(t *testing.T, start func(Events, *Config) (*Conn, *conntest.Peer, *caller)) {
		release := make(chan struct{})
		i := 0
		c, p, h := start(Events{Message: func(c *Conn, m Message) {
			c.Write(m.Type, m.Data)
			if i++; i == 2 {
				<-release
			}
		}}, nil)
		h.want("open")
		p.Send(text("a"), text("b"), text("c"))
		p.WantText("before the function returns", "a")
		p.WantText("before the function returns", "b")
		if err := c.Write(Text, []byte("from outside")); err != nil {
			t.Error(err)
		}
		p.WantText("others may write", "from outside")
		close(release)
		p.WantText("and it goes on", "c")
		p.Close()
		h.want(`text "a"`, `text "b"`, `text "c"`)
		h.wantClose()
	})
}

// TestLoopAddresses: they are the socket's, also when it is closed.
func TestLoopAddresses(t *testing.T) {
	for name, pair := range socketPairs() {
		t.Run("3/"+name, func(t *testing.T) {
			ours, theirs := pair(t)
			local, remote := fmt.Sprint(ours.LocalAddr()), fmt.Sprint(ours.RemoteAddr())
			c := New(ours, RoleServer, nil, nil)
			closed := make(chan struct{})
			c.Drive(&Events{Close: func(*Conn, *CloseError) { close(closed) }})
			for _, when := range []string{"open", "closed"} {
				if l, r := fmt.Sprint(c.LocalAddr()), fmt.Sprint(c.RemoteAddr()); l != local || r != remote || c.LocalAddr().Network() != name {
					t.Errorf("%s: the addresses are %s and %s, want %s and %s", when, l, r, local, remote)
				}
				if when == "open" {
					theirs.Close()
					<-closed
				}
			}
		})
	}
}

// TestLoopFallsBack: where there is no loop for a connection, it has a goroutine, and is as it was.
func TestLoopFallsBack(t *testing.T) {
	try := func(name string, cfg *Config, prepare func(c *Conn) (undo func())) {
		t.Run("3/"+name, func(t *testing.T) {
			conntest.CheckLeaks(t)
			a, b := tcpPair(t)
			c, p := talkOver(t, a, b, RoleServer, cfg)
			undo := prepare(c)
			closed := make(chan struct{})
			c.Drive(&Events{
				Message: func(c *Conn, m Message) { c.Write(m.Type, m.Data) },
				Close:   func(*Conn, *CloseError) { close(closed) },
			})
			undo()
			if c.transport.loop != nil {
				t.Error("the loop drives it")
			}
			p.SendText("x")
			p.WantText("it works", "x")
			p.Close()
			<-closed
		})
	}
	nothing := func(*Conn) func() { return func() {} }
	try("never", &Config{EventLoop: EventLoopNever}, nothing)
	try("somebody_writes", nil, func(c *Conn) func() {
		c.writeLock.lock()
		return func() { c.writeLock.unlock() }
	})
	swap := func(f func() *evloop.Group) func(*Conn) func() {
		return func(*Conn) func() {
			old := loops
			loops = f
			return func() { loops = old }
		}
	}
	try("no_loops", nil, swap(func() *evloop.Group { return nil }))
	try("loops_have_ended", nil, swap(func() *evloop.Group {
		g, err := newLoops()
		if err != nil {
			t.Skip(err)
		}
		g.Close()
		g.Wait()
		return g
	}))
}

// TestLoopCompression: compressed messages, in a loop.
func TestLoopCompression(t *testing.T) {
	conntest.CheckLeaks(t)
	a, b := tcpPair(t)
	cfg := &Config{Compression: &deflate.Config{}}
	server, client := New(a, RoleServer, nil, cfg), New(b, RoleClient, nil, cfg)
	server.compress(takeover, "")
	client.compress(takeover, "")
	closed := make(chan struct{})
	server.Drive(&Events{
		Message: func(c *Conn, m Message) { c.Write(m.Type, m.Data) },
		Close:   func(*Conn, *CloseError) { close(closed) },
	})
	for i := range 20 {
		want := prose(uint64(i), 1000*i)
		if err := client.Write(Text, want); err != nil {
			t.Fatal(err)
		}
		if m, err := client.Read(); err != nil || !bytes.Equal(m.Data, want) {
			t.Fatalf("the echo of %d bytes has %d, %v", len(want), len(m.Data), err)
		}
	}
	if err := client.Close(1000, ""); err != nil {
		t.Error(err)
	}
	<-closed
}

// TestLoopStress: handlers that block at random, writes from everywhere, every kind of end. Nothing is lost, mixed up or left.
func TestLoopStress(t *testing.T) {
	conntest.CheckLeaks(t)
	conns, messages := 60, 60
	if testing.Short() {
		conns = 20
	}
	var opened, closed atomic.Int32
	var wg sync.WaitGroup
	for i := range conns {
		a, b := tcpPair(t)
		server := New(a, RoleServer, nil, &Config{CloseTimeout: 2 * time.Second})
		client := New(b, RoleClient, nil, &Config{CloseTimeout: 2 * time.Second})
		var busy atomic.Bool
		n := 0
		ended := make(chan struct{})
		enter := func() func() {
			if !busy.CompareAndSwap(false, true) {
				t.Error("two calls overlap")
			}
			return func() { busy.Store(false) }
		}
		server.Drive(&Events{
			Open: func(*Conn) { defer enter()(); opened.Add(1) },
			Message: func(c *Conn, m Message) {
				defer enter()()
				want := fmt.Sprint(i, " ", n)
				if n++; string(m.Data) != want {
					t.Errorf("message %q came, want %q", m.Data, want)
				}
				switch (i*7 + n*13) % 23 {
				case 0:
					time.Sleep(3 * time.Millisecond)
				case 1:
					time.Sleep(100 * time.Microsecond)
				case 2:
					runtime.Gosched()
				case 3:
					c.Send(m.Type, m.Data)
					return
				}
				if string(m.Data) != want {
					t.Errorf("the message became %q while the function ran", m.Data)
				}
				c.Write(m.Type, m.Data)
			},
			Drain: func(*Conn) { defer enter()() },
			Close: func(*Conn, *CloseError) { defer enter()(); closed.Add(1); close(ended) },
		})
		wg.Go(func() {
			defer func() { <-ended }()
			defer client.CloseNow()
			go func() {
				for k := range messages {
					if client.Write(Text, fmt.Append(nil, i, " ", k)) != nil {
						return
					}
				}
			}()
			for k := range messages {
				if k == messages/2 {
					switch i % 5 {
					case 1:
						server.CloseNow()
					case 2:
						server.Close(1001, "")
					case 3:
						b.SetLinger(0)
						return
					}
				}
				m, err := client.Read()
				if err != nil {
					if i%5 == 0 || i%5 == 4 {
						t.Errorf("connection %d ends with %v", i, err)
					}
					return
				}
				if want := fmt.Sprint(i, " ", k); string(m.Data) != want {
					t.Errorf("answer %q came, want %q", m.Data, want)
					return
				}
			}
			if err := client.Close(1000, ""); err != nil && i%5 == 0 && !errors.Is(err, io.EOF) {
				t.Errorf("Close returns %v", err)
			}
		})
	}
	wg.Wait()
	if opened.Load() != int32(conns) || closed.Load() != int32(conns) {
		t.Errorf("%d connections: Open was called %d times, Close %d times", conns, opened.Load(), closed.Load())
	}
}
