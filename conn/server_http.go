package conn

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"
)

// httpIdleTimeout is how long a connection of net/http's may wait for its next request.
const httpIdleTimeout = 2 * time.Minute

// handOver gives nc to net/http, with what has been read from it.
func (s *Server) handOver(nc net.Conn, read []byte) {
	nc.SetDeadline(time.Time{})
	replay := &replayConn{Conn: nc, rest: slices.Clone(read), tls: tlsState(nc)}
	var ln oneListener
	ln.conn.Store(replay)
	s.httpServer().Serve(&ln) // returns at once, because there is no second connection
}

// httpServer returns the server behind HTTP.
func (s *Server) httpServer() *http.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.http == nil {
		s.http = &http.Server{
			Handler:           http.HandlerFunc(s.serveHTTP),
			ReadHeaderTimeout: s.cfg.HandshakeTimeout,
			IdleTimeout:       httpIdleTimeout,
			ErrorLog:          slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelError),
			ConnContext: func(ctx context.Context, nc net.Conn) context.Context {
				return context.WithValue(ctx, replayKey{}, nc)
			},
		}
		if s.closed {
			s.http.Close()
		}
	}
	return s.http
}

// replayKey is the context key of a request's *replayConn.
type replayKey struct{}

// serveHTTP calls HTTP, and says of a request what net/http does not see behind a replayConn.
func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	if c, ok := r.Context().Value(replayKey{}).(*replayConn); ok {
		r.TLS = c.tls
	}
	s.HTTP.ServeHTTP(w, r)
}

// A replayConn is a net.Conn from which something has been read that is to be read again.
type replayConn struct {
	net.Conn
	rest []byte
	tls  *tls.ConnectionState
}

func (c *replayConn) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.rest)
	if c.rest = c.rest[n:]; len(c.rest) == 0 {
		c.rest = nil // the connection may live for long
	}
	return n, nil
}

// CloseWrite is for net/http's lingering close.
func (c *replayConn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return errors.ErrUnsupported
}

// A oneListener accepts one connection. Accept and Close may come at the same time, when the Server is closed: one of them takes it.
type oneListener struct {
	net.Listener // nil: net/http does not ask for the address
	conn         atomic.Pointer[replayConn]
}

func (l *oneListener) Accept() (net.Conn, error) {
	if c := l.conn.Swap(nil); c != nil {
		return c, nil
	}
	return nil, io.EOF
}

// Close closes a connection that was not accepted, because the http.Server had been closed.
func (l *oneListener) Close() error {
	if c := l.conn.Swap(nil); c != nil {
		return closeStream(c.Conn)
	}
	return nil
}
