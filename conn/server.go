package conn

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// A Server accepts WebSocket connections from listeners, without net/http: it reads the opening handshake straight from the connection. Each connection has one
// goroutine, or calls Events.
//
// The fields must not be modified once a method has been called. Methods may be called from any goroutine.
type Server struct {
	// Handler is called for each connection. When it returns, the connection is closed with 1000 if it is still open; after a panic, which is logged, or runtime.Goexit with 1011.
	Handler func(*Conn)

	// Events are the functions that each connection calls, instead of Handler: one of the two is set. Close ends what the Server has to do for it.
	Events *Events

	// Config configures the connections, nil for the defaults. HandshakeTimeout counts from the moment at which the connection was accepted.
	Config *Config

	// HTTP gets the requests that are no opening handshake, so that one port serves both; from the first such request on, its connection is net/http's: every
	// later one on it goes to HTTP, too, and if HTTP contains a [Handler], an opening handshake among them is served by that. What is not even a request, or has
	// a head of more than 16 KiB or 64 lines, is left to net/http as well. HandshakeTimeout is the time for each request's head, and a connection on which no request
	// comes for two minutes is closed.
	//
	// If HTTP is nil, such requests are answered as RFC 6455, 4.2.1 wants it: 426, 405, 400, or 431 and 414 for what is too large; and the connection is closed.
	HTTP http.Handler

	init sync.Once
	cfg  Config
	err  error // why nothing can be served
	own  Registry

	mu        sync.Mutex
	ending    bool // Shutdown or Close was called
	closed    bool // Close was called
	stop      chan struct{}
	listeners map[*net.Listener]struct{}
	openings  tracked[*opening]
	idle      chan struct{} // closed when no opening handshake is under way any more; nil while nobody waits for that
	http      *http.Server  // for HTTP, once it was needed
}

// prepare returns why nothing can be served, if so.
func (s *Server) prepare() error {
	s.init.Do(func() {
		s.cfg = s.Config.resolved()
		if s.cfg.Registry == nil {
			s.cfg.Registry = &s.own
		}
		s.stop = make(chan struct{})
		s.err = s.cfg.validOrigins()
		switch {
		case s.Handler == nil && s.Events == nil:
			s.err = errors.New("hawser: Server has no Handler and no Events: set one of them")
		case s.Handler != nil && s.Events != nil:
			s.err = errors.New("hawser: Server has a Handler and Events: set one of them")
		}
	})
	return s.err
}

// The pauses after an error of Accept that may pass, as net/http has them.
const (
	firstAcceptPause = 5 * time.Millisecond
	lastAcceptPause  = time.Second
)

// A temporaryError is one that may pass: the process or the machine has too many open files, or the peer was gone before it was accepted.
type temporaryError interface {
	error
	Temporary() bool
}

// Serve accepts connections from ln and serves each in a goroutine, until Accept fails for good, or Shutdown or Close is called: then it returns
// http.ErrServerClosed. ln may be TLS's (tls.NewListener), whose handshake is part of the opening handshake. Serve closes ln when it returns.
//
// An error of Accept that may pass, such as too many open files, is logged, and Accept called again after a pause.
func (s *Server) Serve(ln net.Listener) error {
	defer ln.Close()
	if err := s.prepare(); err != nil {
		return err
	}
	if !s.addListener(&ln) {
		return http.ErrServerClosed
	}
	defer s.removeListener(&ln)
	pause := time.Duration(0)
	for {
		nc, err := ln.Accept()
		if err == nil {
			pause = 0
			if o := s.open(nc); o != nil {
				go o.run()
			}
			continue
		}
		if s.isEnding() {
			return http.ErrServerClosed
		}
		if e, ok := errors.AsType[temporaryError](err); !ok || !e.Temporary() {
			return err
		}
		pause = min(max(2*pause, firstAcceptPause), lastAcceptPause)
		s.cfg.Logger.Error("hawser: no connection can be accepted for now", "error", err, "pause", pause)
		select {
		case <-time.After(pause):
		case <-s.stop:
			return http.ErrServerClosed
		}
	}
}

// ServeConn serves one connection, from its opening handshake to its end, and returns then. If it does not come to be a WebSocket connection, it has been answered
// and closed, and the error is a [*HandshakeError]. A connection that HTTP gets lives on in a goroutine of net/http's when ServeConn returns. After Shutdown or Close,
// ServeConn closes nc and returns http.ErrServerClosed.
func (s *Server) ServeConn(nc net.Conn) error {
	err := s.prepare()
	if err != nil {
		closeStream(nc)
		return err
	}
	o := s.open(nc)
	if o == nil {
		return http.ErrServerClosed
	}
	c, err := o.upgrade()
	switch {
	case c == nil:
	case s.Events != nil:
		ended := make(chan struct{})
		c.driveServed(s.Events, ended)
		<-ended
	default:
		c.serve(s.Handler)
	}
	return err
}

// Close closes the listeners and cuts every connection, whatever its state, without a closing handshake, as [Registry.Close] does: if Config has a Registry, all of its connections, whoever has
// accepted them. Connections that a handler in HTTP has taken over are the Server's only if they are of the same Registry. Close does not wait for the Handlers to return.
func (s *Server) Close() error {
	if s.prepare() != nil {
		return nil
	}
	s.mu.Lock()
	err := s.end()
	s.closed = true
	openings := make([]net.Conn, 0, len(s.openings.m))
	for o := range s.openings.m {
		openings = append(openings, o.nc)
	}
	hs := s.http
	s.mu.Unlock()
	// I/O goes on without the lock. Who comes to be a Conn meanwhile finds the Registry closed.
	for _, nc := range openings {
		closeStream(nc)
	}
	s.cfg.Registry.Close()
	if hs != nil {
		hs.Close()
	}
	return err
}

// Shutdown closes the listeners, answers opening handshakes that are under way with 503, ends every connection with 1001 as [Registry.Shutdown] does, and waits until they have ended and each Handler has
// returned. If Config has a Registry, all of its connections are ended, whoever has accepted them. HTTP's connections are ended last, as [http.Server.Shutdown] does.
//
// If ctx ends before, Shutdown cuts what is left, as Close does, and returns ctx's error.
func (s *Server) Shutdown(ctx context.Context) error {
	if s.prepare() != nil {
		return nil
	}
	s.mu.Lock()
	err := s.end()
	if s.idle == nil {
		s.idle = make(chan struct{})
		s.checkIdle()
	}
	s.mu.Unlock()
	if err := s.wait(ctx); err != nil {
		s.Close()
		return err
	}
	return err
}

// wait ends what has been accepted, and waits for that.
func (s *Server) wait(ctx context.Context) error {
	if err := s.cfg.Registry.Shutdown(ctx); err != nil {
		return err
	}
	select {
	case <-s.idle:
	case <-ctx.Done():
		return ctx.Err()
	}
	s.mu.Lock()
	hs := s.http
	s.mu.Unlock()
	if hs == nil {
		return nil
	}
	return hs.Shutdown(ctx)
}

// end stops the listeners. The caller has s.mu.
func (s *Server) end() error {
	if !s.ending {
		s.ending = true
		close(s.stop)
	}
	var errs []error
	for ln := range s.listeners {
		if err := (*ln).Close(); err != nil {
			errs = append(errs, err)
		}
	}
	clear(s.listeners)
	return errors.Join(errs...)
}

func (s *Server) isEnding() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ending
}

func (s *Server) addListener(ln *net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending {
		return false
	}
	if s.listeners == nil {
		s.listeners = make(map[*net.Listener]struct{})
	}
	s.listeners[ln] = struct{}{}
	return true
}

func (s *Server) removeListener(ln *net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.listeners, ln)
}

// checkIdle tells who waits that no opening handshake is under way any more, if so. The caller has s.mu.
func (s *Server) checkIdle() {
	if s.idle == nil || len(s.openings.m) > 0 {
		return
	}
	select {
	case <-s.idle:
	default:
		close(s.idle)
	}
}

// tracked is a set. A map keeps the memory of all that it ever had: so it is dropped when it is empty again after it had many.
type tracked[K comparable] struct {
	m    map[K]struct{}
	most int
}

const manyTracked = 1 << 10

func (t *tracked[K]) add(k K) {
	if t.m == nil {
		t.m = make(map[K]struct{})
	}
	t.m[k] = struct{}{}
	t.most = max(t.most, len(t.m))
}

func (t *tracked[K]) remove(k K) {
	delete(t.m, k)
	if len(t.m) == 0 && t.most > manyTracked {
		*t = tracked[K]{}
	}
}
