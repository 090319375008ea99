package conn

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/internal/conntest"
)

// echoAll sends every message back.
func echoAll(c *Conn) {
	for m, err := range c.Messages() {
		if err != nil || c.Write(m.Type, m.Data) != nil {
			return
		}
	}
}

// startServer runs s on a listener of its own until the test ends.
func startServer(t testing.TB, s *Server, wrap func(net.Listener) net.Listener) net.Addr {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if wrap != nil {
		ln = wrap(ln)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ln) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-ended; err != http.ErrServerClosed {
			t.Errorf("Serve returns %v", err)
		}
	})
	return ln.Addr()
}

// dialRaw connects to addr.
func dialRaw(t testing.TB, addr net.Addr) net.Conn {
	t.Helper()
	nc, err := net.Dial(addr.Network(), addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(10 * time.Second)) // a test that hangs shall fail
	return nc
}

// served is ServeConn on one end of a pipe.
type served struct {
	peer *conntest.PipeConn
	err  chan error
}

func serveOne(s *Server, capacity int, wrap func(net.Conn) net.Conn) served {
	ours, theirs := conntest.Pipe(capacity)
	nc := net.Conn(ours)
	if wrap != nil {
		nc = wrap(ours)
	}
	o := served{peer: theirs, err: make(chan error, 1)}
	go func() { o.err <- s.ServeConn(nc) }()
	return o
}

// certificate is for 127.0.0.1 and example.com.
func certificate(t testing.TB) tls.Certificate {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	return s.TLS.Certificates[0]
}

func TestServerServe(t *testing.T) {
	secure := &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
	for _, tt := range []struct {
		name string
		wrap func(net.Listener) net.Listener
		cfg  *tls.Config
	}{
		{"4.2/tcp", nil, nil},
		{"4.2/tls", func(ln net.Listener) net.Listener { return tls.NewListener(ln, secure) }, &tls.Config{InsecureSkipVerify: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conntest.CheckLeaks(t)
			s := &Server{Handler: echoAll}
			addr := startServer(t, s, tt.wrap)
			for range 3 {
				nc := dialRaw(t, addr)
				if tt.cfg != nil {
					nc = tls.Client(nc, tt.cfg)
				}
				p := conntest.NewPeer(t, nc, true)
				p.SendBytes([]byte(openingRequest + maskedHi)) // H9: nothing of it is lost
				if head := p.ReadHead("the server answers"); head != openingResponse {
					t.Fatalf("the answer is %q", head)
				}
				p.WantText("a frame behind the request", "hi")
				p.SendText("more")
				p.WantText("the connection lives", "more")
				p.SendClose(1000, "")
				p.WantClose("the closing handshake is the Conn's", 1000, nil)
				p.WantEOF("and so is the end")
			}
		})
	}
	t.Run("4.2/unix", func(t *testing.T) {
		conntest.CheckLeaks(t)
		s := &Server{Handler: func(c *Conn) {
			if !c.transport.socket {
				t.Error("the connection is not driven as a socket")
			}
			echoAll(c)
		}}
		ln, err := net.Listen("unix", t.TempDir()+"/s")
		if err != nil {
			t.Skip(err)
		}
		go s.Serve(ln)
		defer s.Close()
		p := conntest.NewPeer(t, dialRaw(t, ln.Addr()), true)
		p.SendBytes([]byte(openingRequest + maskedHi))
		p.ReadHead("the server answers")
		p.WantText("a frame behind the request", "hi")
	})
}

// A Handler's end is the same as behind net/http.
func TestServerHandlerEnds(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(*Conn)
		code uint16
		logs int
	}{
		{"7.1.2/return", func(*Conn) {}, 1000, 0},
		{"2.9/panic", func(*Conn) { explode("boom") }, 1011, 1},
		{"2.9/Goexit", func(*Conn) { runtime.Goexit() }, 1011, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conntest.CheckLeaks(t)
			log := &records{}
			s := &Server{Handler: tt.end, Config: &Config{Logger: slog.New(log)}}
			p := conntest.NewPeer(t, dialRaw(t, startServer(t, s, nil)), true)
			p.SendBytes([]byte(openingRequest))
			p.ReadHead("the server answers")
			p.WantClose("the function has ended", tt.code, "")
			p.SendClose(tt.code, "")
			p.WantEOF("the server closes")
			p.Close() // which the server waits for
			if err := s.Shutdown(t.Context()); err != nil || len(log.get()) != tt.logs {
				t.Errorf("%v, logged %v", err, log.get())
			}
		})
	}
}

func TestServerMisconfigured(t *testing.T) {
	for _, tt := range []struct {
		name string
		s    *Server
		want string
	}{
		{"2.9/no_Handler", &Server{}, "hawser: Server has no Handler and no Events: set one of them"},
		{"10.2/typo_in_Origins", &Server{Handler: echoAll, Config: &Config{Origins: []string{"a.example"}}}, "Config.Origins: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conntest.CheckLeaks(t)
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			if err := tt.s.Serve(ln); !strings.HasPrefix(errText(err), tt.want) {
				t.Errorf("Serve returns %v", err)
			}
			if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("the listener is not closed: %v", err)
			}
			o := serveOne(tt.s, 100, nil)
			if err := <-o.err; !strings.HasPrefix(errText(err), tt.want) {
				t.Errorf("ServeConn returns %v", err)
			}
			if _, err := o.peer.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("the connection is not closed: %v", err)
			}
			if tt.s.Close() != nil || tt.s.Shutdown(t.Context()) != nil {
				t.Error("there is nothing to end")
			}
		})
	}
}

// scriptedListener returns what is in results, then waits until it is closed.
type scriptedListener struct {
	results chan any // an error or a net.Conn
	closed  chan struct{}
	times   []time.Time // of each call
	err     error       // of Close
}

func newScriptedListener(results ...any) *scriptedListener {
	l := &scriptedListener{results: make(chan any, len(results)), closed: make(chan struct{})}
	for _, r := range results {
		l.results <- r
	}
	return l
}

func (l *scriptedListener) Accept() (net.Conn, error) {
	l.times = append(l.times, time.Now())
	select {
	case r := <-l.results:
		if err, ok := r.(error); ok {
			return nil, err
		}
		return r.(net.Conn), nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *scriptedListener) Close() error {
	select {
	case <-l.closed:
	default:
		close(l.closed)
	}
	return l.err
}

func (l *scriptedListener) Addr() net.Addr { return pipeAddr{} }

// Errors of Accept that may pass are waited for, with growing pauses; the others end Serve.
func TestServerAcceptErrors(t *testing.T) {
	tooMany := &net.OpError{Op: "accept", Err: syscall.EMFILE}
	inBubble(t, "2.2/too_many_open_files", func(t *testing.T) {
		log := &records{}
		s := &Server{Handler: func(c *Conn) {}, Config: &Config{Logger: slog.New(log)}}
		ours, theirs := conntest.Pipe(1 << 10)
		results := []any{}
		for range 10 {
			results = append(results, tooMany)
		}
		ln := newScriptedListener(append(results, ours, tooMany)...)
		io.WriteString(theirs, openingRequest)
		ended := make(chan error)
		go func() { ended <- s.Serve(ln) }()
		if _, err := io.ReadFull(theirs, make([]byte, len(openingResponse))); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		s.Close()
		if err := <-ended; err != http.ErrServerClosed {
			t.Errorf("Serve returns %v", err)
		}
		var pauses []time.Duration
		for i := range len(ln.times) - 1 {
			pauses = append(pauses, ln.times[i+1].Sub(ln.times[i])/time.Millisecond)
		}
		want := []time.Duration{5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000, 0, 5}
		if len(pauses) != len(want) {
			t.Fatalf("pauses of %v ms, want %v", pauses, want)
		}
		for i := range want {
			if pauses[i] != want[i] {
				t.Errorf("pauses of %v ms, want %v", pauses, want)
			}
		}
		if got := log.get(); len(got) != 11 || got[0]["msg"] != "hawser: no connection can be accepted for now" || got[0]["error"] != tooMany.Error() || got[1]["pause"] != "10ms" {
			t.Errorf("logged %v", got)
		}
	})
	inBubble(t, "2.2/closed_in_the_pause", func(t *testing.T) {
		s := &Server{Handler: echoAll, Config: &Config{Logger: slog.New(slog.DiscardHandler)}}
		ended := make(chan error)
		go func() { ended <- s.Serve(newScriptedListener(tooMany)) }()
		synctest.Wait()
		start := time.Now()
		s.Close()
		if err := <-ended; err != http.ErrServerClosed || time.Since(start) != 0 {
			t.Errorf("Serve returns %v after %v", err, time.Since(start))
		}
	})
	inBubble(t, "2.2/final_error", func(t *testing.T) {
		s := &Server{Handler: echoAll}
		ln := newScriptedListener(conntest.ErrInjected)
		if err := s.Serve(ln); err != conntest.ErrInjected {
			t.Errorf("Serve returns %v", err)
		}
		<-ln.closed
		if err := s.Serve(newScriptedListener(io.EOF)); err != io.EOF {
			t.Errorf("a second listener: %v", err)
		}
	})
}

// Close ends everything at once, whatever its state.
func TestServerClose(t *testing.T) {
	inBubble(t, "7.1.4/every_state", func(t *testing.T) {
		readErr := make(chan error, 1)
		s := &Server{Handler: func(c *Conn) {
			_, err := c.Read()
			readErr <- err
		}}
		ln := newScriptedListener()
		ln.err = conntest.ErrInjected
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(ln) }()
		half, open, refused := serveOne(s, 1<<10, nil), serveOne(s, 1<<10, nil), serveOne(s, 1<<10, nil)
		io.WriteString(half.peer, openingRequest[:20])
		io.WriteString(open.peer, openingRequest)
		io.WriteString(refused.peer, "GET / HTTP/1.1\r\nHost: a\r\n\r\n") // it lingers
		synctest.Wait()
		start := time.Now()
		if err := s.Close(); !errors.Is(err, conntest.ErrInjected) {
			t.Errorf("Close returns %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("the second Close returns %v", err)
		}
		if err := <-ended; err != http.ErrServerClosed {
			t.Errorf("Serve returns %v", err)
		}
		if err := <-half.err; !errors.Is(err, net.ErrClosed) {
			t.Errorf("in the handshake: %v", err)
		}
		if err := <-open.err; err != nil {
			t.Errorf("of an open connection: %v", err)
		}
		if e, ok := errors.AsType[*HandshakeError](<-refused.err); !ok || e.Status != 426 {
			t.Errorf("of a refused request: %v", e)
		}
		if err := <-readErr; !errors.Is(err, net.ErrClosed) {
			t.Errorf("the Handler reads %v", err)
		}
		if time.Since(start) != 0 {
			t.Errorf("it took %v", time.Since(start))
		}
		// Afterwards nothing begins.
		if err := <-serveOne(s, 100, nil).err; err != http.ErrServerClosed {
			t.Errorf("ServeConn returns %v", err)
		}
		late := newScriptedListener()
		if err := s.Serve(late); err != http.ErrServerClosed {
			t.Errorf("Serve returns %v", err)
		}
		<-late.closed
	})
	inBubble(t, "7.1.4/while_OnRequest_decides", func(t *testing.T) {
		decide := make(chan bool)
		s := &Server{Handler: func(c *Conn) {
			if _, err := c.Read(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("the Handler reads %v", err)
			}
		}, Config: &Config{OnRequest: waitFor(decide)}}
		// A transport that can still be written to when it is closed: the Conn is made after Close, which finds it all the same.
		o := serveOne(s, 1<<10, func(nc net.Conn) net.Conn { return deafConn{nc} })
		io.WriteString(o.peer, openingRequest)
		synctest.Wait()
		s.Close()
		decide <- true
		<-o.err
	})
}

// deafConn does not hear Close the first time.
type deafConn struct{ net.Conn }

func (deafConn) Close() error { return nil }

// Shutdown waits for what there is, and lets nothing begin.
func TestServerShutdown(t *testing.T) {
	inBubble(t, "7.1.4/nothing", func(t *testing.T) {
		s := &Server{Handler: echoAll}
		for range 2 {
			if err := s.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
	inBubble(t, "7.1.4/waits_for_the_Handler", func(t *testing.T) {
		s := &Server{Handler: func(c *Conn) {
			c.Read()
			time.Sleep(time.Hour)
		}}
		ln := newScriptedListener()
		ended := make(chan error, 1)
		go func() { ended <- s.Serve(ln) }()
		o, half := serveOne(s, 1<<10, nil), serveOne(s, 1<<10, nil)
		io.WriteString(o.peer, openingRequest)
		io.WriteString(half.peer, openingRequest[:20])
		synctest.Wait()

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		first := make(chan error, 1)
		go func() { first <- s.Shutdown(ctx) }()
		if err := <-ended; err != http.ErrServerClosed {
			t.Errorf("Serve returns %v", err)
		}
		p := conntest.NewPeer(t, o.peer, true)
		p.ReadHead("the handshake was done before")
		p.WantClose("an open connection is sent away", 1001, "shutting down")
		// A handshake that was under way is refused.
		io.WriteString(half.peer, openingRequest[20:])
		resp, err := http.ReadResponse(bufio.NewReader(half.peer), nil)
		if err != nil || resp.StatusCode != 503 || !resp.Close {
			t.Errorf("the answer is %v, %v", resp, err)
		}
		half.peer.Close()
		if e, ok := errors.AsType[*HandshakeError](<-half.err); !ok || e.Status != 503 {
			t.Errorf("ServeConn returns %v", e)
		}
		if err := <-first; err != context.DeadlineExceeded || time.Since(start) != time.Second {
			t.Errorf("Shutdown returns %v after %v", err, time.Since(start))
		}
		p.WantEOF("the connection is cut")
		if err := s.Shutdown(t.Context()); err != nil || time.Since(start) != time.Hour+time.Second {
			t.Errorf("the second Shutdown returns %v after %v", err, time.Since(start))
		}
		<-o.err
	})
	inBubble(t, "7.1.4/an_opening_handshake_that_stalls", func(t *testing.T) {
		s := &Server{Handler: echoAll}
		half := serveOne(s, 1<<10, nil)
		io.WriteString(half.peer, openingRequest[:20])
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != context.DeadlineExceeded {
			t.Errorf("Shutdown returns %v", err)
		}
		if err := <-half.err; !errors.Is(err, net.ErrClosed) {
			t.Errorf("ServeConn returns %v", err)
		}
	})
}

// waitFor returns an OnRequest that waits for a decision.
func waitFor(decide <-chan bool) func(*requestView) (any, error) {
	return func(*requestView) (any, error) {
		<-decide
		return nil, nil
	}
}
