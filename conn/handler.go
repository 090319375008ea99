package conn

import (
	"errors"
	"net/http"

	"github.com/hawser-go/hawser/frame"
)

// Handler returns an http.Handler that accepts WebSocket connections and calls f for each, in a goroutine of its own: ServeHTTP returns as soon as the opening
// handshake is done, so that net/http's memory for the request is freed.
//
// When f returns, the connection is closed with 1000 if it is still open. A panic in f closes it with 1011, is logged with its stack, and hurts no other
// connection; http.ErrAbortHandler is not logged. So does runtime.Goexit, without a log.
//
// The connections belong to cfg.Registry; if there is none, to one of the Handler's own, so that they are bounded together, but nobody can shut them down.
//
// A request that fails because of this side is answered with 500 and logged. Handler panics if cfg cannot work: if f
// is nil or an origin is malformed.
func Handler(f func(*Conn), cfg *Config) http.Handler {
	if f == nil {
		panic("hawser: Handler with a nil function: nothing would use the connections")
	}
	return handler(func(c *Conn) { go c.serve(f) }, cfg)
}

// handler returns an http.Handler that calls f, which must not block, for each connection that it accepts.
func handler(f func(*Conn), cfg *Config) http.Handler {
	resolved := cfg.resolved()
	if resolved.Registry == nil {
		resolved.Registry = new(Registry)
	}
	if err := resolved.validOrigins(); err != nil {
		panic("hawser: " + err.Error())
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := accept(w, r, &resolved, true)
		if err != nil {
			if e, ok := errors.AsType[*HandshakeError](err); ok {
				resolved.logRefusal(e, r.RemoteAddr)
			}
			return
		}
		f(c)
	})
}

// serve calls f and closes the connection afterwards. c has joined its Registry as served.
func (c *Conn) serve(f func(*Conn)) {
	defer c.leave()
	code := frame.StatusInternalError
	defer func() {
		if v := recover(); v != nil {
			c.panicked(v)
		}
		c.Close(code, "")
	}()
	f(c)
	code = frame.StatusNormalClosure
}
