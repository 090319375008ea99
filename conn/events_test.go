package conn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/handshake"
	"github.com/hawser-go/hawser/internal/conntest"
)

// eachPushDoor runs f with every way in which a server takes connections that have Events.
func eachPushDoor(t *testing.T, f func(t *testing.T, door func(e *Events, cfg *Config) (open func() *conntest.Peer))) {
	open := func(t *testing.T, dial func() *conntest.Peer) func() *conntest.Peer {
		return func() *conntest.Peer {
			p := dial()
			p.SendBytes([]byte(openingRequest))
			p.ReadHead("the answer to the handshake")
			return p
		}
	}
	t.Run("4.2/Server", func(t *testing.T) {
		conntest.CheckLeaks(t)
		f(t, func(e *Events, cfg *Config) func() *conntest.Peer {
			addr := startServer(t, &Server{Events: e, Config: cfg}, nil)
			return open(t, func() *conntest.Peer { return conntest.NewPeer(t, dialRaw(t, addr), true) })
		})
	})
	ordinary := func(h func(e *Events, cfg *Config) http.Handler) func(t *testing.T) {
		return func(t *testing.T) {
			conntest.CheckLeaks(t)
			f(t, func(e *Events, cfg *Config) func() *conntest.Peer {
				s := quietServer(t, h(e, cfg))
				return open(t, func() *conntest.Peer { return conntest.NewPeer(t, rawClient(t, s), true) })
			})
		}
	}
	t.Run("4.2/EventHandler", ordinary(EventHandler))
	t.Run("4.2/Accept_and_Drive", ordinary(func(e *Events, cfg *Config) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if c, err := Accept(w, r, cfg); err == nil {
				c.Drive(e)
			}
		})
	}))
}

// TestEventsOfServers: a server's connections call their Events, with all that the handshake left.
func TestEventsOfServers(t *testing.T) {
	eachPushDoor(t, func(t *testing.T, door func(e *Events, cfg *Config) func() *conntest.Peer) {
		h := newCaller(t)
		dial := door(h.events(Events{
			Open: func(c *Conn) {
				if c.Value() != "value" {
					t.Errorf("the value is %v", c.Value())
				}
				c.Write(Text, []byte("hello"))
			},
			Message: func(c *Conn, m Message) { c.Write(m.Type, m.Data) },
		}), &Config{OnRequest: func(*handshake.Request) (any, error) { return "value", nil }})
		p := dial()
		p.WantText("Open", "hello")
		for range 3 {
			p.SendText("x")
			p.WantText("Message", "x")
		}
		p.SendClose(1000, "")
		p.WantClose("the closing handshake", 1000, nil)
		p.WantEOF("the server ends first")
		p.Close()
		h.want("open", `text "x"`, `text "x"`, `text "x"`, "close, clean")
	})
}

// TestEventsRefusals: what cannot work is said at once.
func TestEventsRefusals(t *testing.T) {
	for name, f := range map[string]func(){
		"EventHandler with nil Events": func() { EventHandler(nil, nil) },
		"Drive with nil Events":        func() { new(Conn).Drive(nil) },
		`Config.Origins: "example.com" is not an origin of the form scheme`: func() { EventHandler(&Events{}, &Config{Origins: []string{"example.com"}}) },
	} {
		t.Run("3/"+name, func(t *testing.T) {
			defer func() {
				if v := recover(); v == nil {
					t.Error("no panic")
				}
			}()
			f()
		})
	}
	t.Run("3/Handler_and_Events", func(t *testing.T) {
		if err := (&Server{Handler: echoAll, Events: &Events{}}).prepare(); err == nil || err.Error() != "hawser: Server has a Handler and Events: set one of them" {
			t.Errorf("the error is %v", err)
		}
	})
}

// TestEventsServeConn: it returns when all has been called.
func TestEventsServeConn(t *testing.T) {
	inBubble(t, "3/returns_behind_Close", func(t *testing.T) {
		closed := false
		s := serveOne(&Server{Events: &Events{Close: func(*Conn, *CloseError) { time.Sleep(time.Second); closed = true }}}, 1<<10, nil)
		p := conntest.NewPeer(t, s.peer, true)
		p.SendBytes([]byte(openingRequest))
		p.ReadHead("the answer")
		p.Close()
		if err := <-s.err; err != nil || !closed {
			t.Errorf("ServeConn returns %v, closed: %v", err, closed)
		}
	})
}

// TestEventsShutdown: Shutdown waits for the last call of Close.
func TestEventsShutdown(t *testing.T) {
	inBubble(t, "3/waits_for_Close", func(t *testing.T) {
		release := make(chan struct{})
		srv := &Server{Events: &Events{Close: func(*Conn, *CloseError) { <-release }}}
		s := serveOne(srv, 1<<10, nil)
		p := conntest.NewPeer(t, s.peer, true)
		p.SendBytes([]byte(openingRequest))
		p.ReadHead("the answer")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := srv.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Shutdown returns %v while a connection is open", err)
		}
		srv.Close()
		done := later(func() error { return srv.Shutdown(t.Context()) })
		synctest.Wait()
		select {
		case <-done:
			t.Error("Shutdown has not waited")
		default:
		}
		close(release)
		if err := <-done; err != nil {
			t.Errorf("Shutdown returns %v", err)
		}
		<-s.err
		p.Close()
	})
}

// TestPushTime: what needs time works while nothing is called.
func TestPushTime(t *testing.T) {
	drive := func(t *testing.T, e Events, cfg *Config) (*Conn, *conntest.Peer, *caller) {
		return pushKind{"pipe", func(*testing.T) (ours, theirs net.Conn) { return conntest.Pipe(64 << 10) }, func(*Config) {}}.start(t, e, cfg)
	}
	inBubble(t, "5.5.2/a_silent_peer_is_asked_and_given_up", func(t *testing.T) {
		start := time.Now()
		_, p, h := drive(t, Events{Close: func(_ *Conn, e *CloseError) {
			if !errors.Is(e, errPongTimeout) {
				t.Errorf("the end is %v", e)
			}
		}}, nil)
		p.Timeout = time.Hour
		p.Next("a ping")
		after(t, start, DefaultPingInterval, "the ping")
		h.want("open", "close")
		after(t, start, DefaultPingInterval+DefaultPongTimeout, "the end")
	})
	inBubble(t, "7.1.1/one_deadline_for_the_end", func(t *testing.T) {
		start := time.Now()
		c, p, h := drive(t, Events{}, nil)
		h.want("open")
		c.Close(1000, "")
		h.want("close, sent 1000")
		after(t, start, DefaultCloseTimeout, "the end")
		p.Close()
	})
	inBubble(t, "3/answers_are_held_at_most_1_ms", func(t *testing.T) {
		ours, theirs := conntest.Pipe(1 << 20)
		l := &writeLog{Conn: ours, start: time.Now()}
		var in []byte
		for range 5 {
			in = conntest.Frame{Fin: true, Opcode: conntest.Binary, Masked: true, Payload: make([]byte, 100)}.Append(in)
		}
		c := New(l, RoleServer, in, &Config{PingInterval: -1})
		i := 0
		c.Drive(&Events{Message: func(c *Conn, m Message) {
			c.Write(m.Type, m.Data)
			if i++; i == 3 {
				time.Sleep(time.Second)
			}
		}})
		time.Sleep(2 * time.Second)
		wantLog(t, l, "1ms: 306", "1s: 204")
		p := conntest.NewPeer(t, theirs, true)
		for range 5 {
			p.WantBinary("all answers", make([]byte, 100))
		}
		c.CloseNow()
		p.Close()
	})
	inBubble(t, "3/drain_beside_a_reader_that_waits", func(t *testing.T) {
		var mu sync.Mutex
		var times []string
		start := time.Now()
		c, p, _ := drive(t, Events{Drain: func(*Conn) {
			mu.Lock()
			times = append(times, fmt.Sprint(time.Since(start)))
			mu.Unlock()
			time.Sleep(3 * time.Second)
		}}, nil)
		synctest.Wait()
		c.drained()
		time.Sleep(time.Second)
		c.drained()
		time.Sleep(time.Second)
		c.drained()
		time.Sleep(10 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		if want := []string{"0s", "3s"}; !slices.Equal(times, want) {
			t.Errorf("Drain is called at %v, want %v", times, want)
		}
		p.Close()
		c.Wait(t.Context())
	})
}
