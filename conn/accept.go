package conn

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/handshake"
)

// Accept does the server's half of the opening handshake (RFC 6455, 4.2) on a request that net/http has read, and takes the connection over. The HTTP handler should
// return soon after, so that net/http's memory for the request is freed; the request's context ends with it, the Conn does not.
//
// The response has the fields of Config.Header and not those of w.Header().
//
// If the handshake is invalid or refused, the HTTP answer has been written and the error is a [*HandshakeError].
func Accept(w http.ResponseWriter, r *http.Request, cfg *Config) (*Conn, error) {
	resolved := cfg.resolved()
	return accept(w, r, &resolved)
}

func accept(w http.ResponseWriter, r *http.Request, cfg *Config) (*Conn, error) {
	q, err := handshake.CheckRequest(r)
	if err == nil {
		err = cfg.validOrigins()
	}
	if err == nil {
		err = handshake.CheckOrigin(q, cfg.Origins)
	}
	if err != nil {
		return nil, refuse(w, err)
	}
	subprotocol := handshake.SelectSubprotocol(q.Subprotocols, cfg.Subprotocols)
	head, err := handshake.AppendResponse(nil, handshake.Response{
		Key: q.Key, Subprotocol: subprotocol, Header: cfg.Header,
	})
	if err != nil {
		return nil, refuse(w, err)
	}
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, refuse(w, fmt.Errorf("the http.ResponseWriter is a %T that does not give up the connection: %w", w, err))
	}
	var deadline time.Time
	if cfg.HandshakeTimeout > 0 {
		deadline = time.Now().Add(cfg.HandshakeTimeout)
	}
	nc.SetDeadline(deadline)
	if _, err := nc.Write(head); err != nil {
		closeStream(nc)
		return nil, &HandshakeError{Status: http.StatusSwitchingProtocols, Err: err}
	}
	// What came behind the request belongs to the connection.
	buffered, _ := rw.Reader.Peek(rw.Reader.Buffered())
	c := newConn(nc, RoleServer, buffered, cfg)
	c.subprotocol = subprotocol
	return c, nil
}

// refuse answers a request that does not become a connection, and returns the error that says so.
func refuse(w http.ResponseWriter, err error) *HandshakeError {
	e := &HandshakeError{Status: http.StatusInternalServerError, Header: http.Header{}, Err: err}
	text := http.StatusText(e.Status) // what is wrong on this side is not the peer's business
	if h, ok := errors.AsType[*handshake.Error](err); ok {
		e.Status, text = h.Status, h.Error()
		maps.Copy(e.Header, h.Header)
	}
	e.Header.Set("Content-Type", "text/plain; charset=utf-8")
	e.Header.Set("X-Content-Type-Options", "nosniff")
	w.Header().Del("Content-Length") // middleware cannot know it
	maps.Copy(w.Header(), e.Header)
	w.WriteHeader(e.Status)
	io.WriteString(w, text+"\n")
	return e
}

func (c *Config) validOrigins() error {
	for _, o := range c.Origins {
		if err := handshake.ValidOrigin(o); err != nil {
			return fmt.Errorf("Config.Origins: %w", err)
		}
	}
	return nil
}

// Handler returns an http.Handler that accepts WebSocket connections and calls f for each, in a goroutine of its own: ServeHTTP returns as soon as the opening
// handshake is done, so that net/http's memory for the request is freed.
//
// When f returns, the connection is closed with 1000 if it is still open. A panic in f closes it with 1011, is logged with its stack, and hurts no other
// connection; http.ErrAbortHandler is not logged. A request that fails because of this side is answered with 500 and logged. Handler panics if cfg cannot work: if f
// is nil or an origin is malformed.
func Handler(f func(*Conn), cfg *Config) http.Handler {
	resolved := cfg.resolved()
	if f == nil {
		panic("hawser: Handler with a nil function")
	}
	if err := resolved.validOrigins(); err != nil {
		panic("hawser: " + err.Error())
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := accept(w, r, &resolved)
		if err != nil {
			// It is answered. What is wrong on this side the answer does not tell.
			if e, ok := errors.AsType[*HandshakeError](err); ok && e.Status == http.StatusInternalServerError {
				resolved.Logger.Error("hawser: no connection can be accepted", "remote", r.RemoteAddr, "error", err)
			}
			return
		}
		go c.serve(f)
	})
}

// serve calls f and closes the connection afterwards.
func (c *Conn) serve(f func(*Conn)) {
	code := frame.StatusInternalError
	defer func() {
		if v := recover(); v != nil && v != http.ErrAbortHandler {
			c.cfg.Logger.Error("hawser: panic in a connection's handler",
				"remote", c.RemoteAddr(), "panic", v, "stack", string(debug.Stack()))
		}
		c.Close(code, "")
	}()
	f(c)
	code = frame.StatusNormalClosure
}
