package conn

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"runtime/debug"

	"github.com/hawser-go/hawser/handshake"
)

// judge decides about a request that is a valid opening handshake: it returns the response and the connection's value, or why there is none.
func (c *Config) judge(q *handshake.Request) (handshake.Response, any, error) {
	if err := handshake.CheckOrigin(q, c.Origins); err != nil {
		return handshake.Response{}, nil, err
	}
	value, err := c.onRequest(q)
	if err != nil {
		return handshake.Response{}, nil, err
	}
	p, err := q.Response(c.Subprotocols)
	p.Header = c.Header
	return p, value, err
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
