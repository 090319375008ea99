package conn

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"runtime/debug"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/handshake"
)

// agreed is what a server and a client have agreed on, and what OnRequest has returned.
type agreed struct {
	handshake.Response
	params deflate.Params // if Response.Extensions is not empty
	value  any
}

// judge decides about a request that is a valid opening handshake: it returns what is agreed on, or why nothing is. In the first case the
// Registry has a place for the connection, which join takes or the caller gives back.
func (c *Config) judge(q *handshake.Request) (a agreed, err error) {
	if err := handshake.CheckOrigin(q, c.Origins); err != nil {
		return a, err
	}
	if err := c.Registry.admit(); err != nil {
		return a, err
	}
	admitted := false
	defer func() { // also after runtime.Goexit in OnRequest
		if !admitted {
			c.Registry.dismiss()
		}
	}()
	if a.value, err = c.onRequest(q); err != nil {
		return a, err
	}
	a.Response, err = q.Response(c.Subprotocols)
	a.Header = c.Header
	a.params, a.Extensions, _ = deflate.Accept(q.Extensions, c.Compression)
	admitted = err == nil
	return a, err
}

// serverConn returns the connection of a server after the opening handshake. served says that serve is called for it.
func (c *Config) serverConn(nc net.Conn, buffered []byte, a agreed, served bool) *Conn {
	conn := newConn(nc, RoleServer, buffered, c)
	conn.agree(a.Subprotocol, a.value)
	if a.Extensions != "" {
		conn.compress(a.params, a.Extensions)
	}
	conn.observe(Observation{Kind: ObservedOpened})
	conn.join(served, true)
	return conn
}

// onRequest calls OnRequest. A panic in it is an error that has been logged.
func (c *Config) onRequest(q *handshake.Request) (value any, err error) {
	if c.OnRequest == nil {
		return nil, nil
	}
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		if v != http.ErrAbortHandler {
			c.Logger.Error("hawser: panic in OnRequest", "remote", q.RemoteAddr, "panic", v, "stack", string(debug.Stack()))
		}
		err = panicError{v}
	}()
	return c.OnRequest(q)
}

// panicError is a panic in OnRequest with this value.
type panicError struct{ value any }

func (e panicError) Error() string { return fmt.Sprintf("panic in OnRequest: %v", e.value) }

// refusal returns the answer to a request that failed with err, and why it gets that.
func refusal(err error) (*handshake.Error, error) {
	if e, ok := errors.AsType[*handshake.Error](err); ok {
		invalid := e.Valid()
		if invalid == nil {
			return e, err
		}
		err = fmt.Errorf("OnRequest refuses the request with what cannot be sent: %w", invalid)
	}
	// What is wrong on this side is not the peer's business.
	status := http.StatusInternalServerError
	return &handshake.Error{Status: status, Body: []byte(http.StatusText(status) + "\n")}, err
}

// handshakeError returns what the caller of the handshake gets. Its Header is its own.
func handshakeError(answer *handshake.Error, err error) *HandshakeError {
	e := &HandshakeError{Status: answer.Status, Header: http.Header{}, Err: err}
	maps.Copy(e.Header, answer.Header)
	return e
}

// logRefusal logs what is wrong on this side, which the answer does not tell.
func (c *Config) logRefusal(e *HandshakeError, remote string) {
	if _, ok := errors.AsType[*handshake.Error](e.Err); ok || e.Status != http.StatusInternalServerError {
		return
	}
	if _, ok := errors.AsType[panicError](e.Err); ok {
		return // that has been logged
	}
	c.Logger.Error("hawser: no connection can be accepted", "remote", remote, "error", e)
}

func (c *Config) validOrigins() error {
	for _, o := range c.Origins {
		if err := handshake.ValidOrigin(o); err != nil {
			return fmt.Errorf("Config.Origins: %w", err)
		}
	}
	return nil
}
