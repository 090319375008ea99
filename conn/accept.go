package conn

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/hawser-go/hawser/handshake"
)

// Accept does the server's half of the opening handshake (RFC 6455, 4.2) on a request that net/http has read, and takes the connection over. The HTTP handler should
// return soon after, so that net/http's memory for the request is freed; the request's context ends with it, the Conn does not.
//
// w may be a middleware's ResponseWriter if it has a method Unwrap() http.ResponseWriter, as [http.ResponseController] wants it.
//
// The response has the fields of Config.Header, and what OnRequest adds, and not those of w.Header().
//
// c belongs to cfg.Registry, which may refuse the request. Nobody but the caller closes c otherwise: a panic of the HTTP handler is caught and logged by net/http, but leaves c open. So defer c.CloseNow().
//
// If the handshake is invalid or refused, the HTTP answer has been written and the error is a [*HandshakeError].
func Accept(w http.ResponseWriter, r *http.Request, cfg *Config) (*Conn, error) {
	resolved := cfg.resolved()
	if err := resolved.validOrigins(); err != nil {
		return nil, refuse(w, err)
	}
	return accept(w, r, &resolved, false)
}

// accept is Accept with a Config that is resolved. served says that serve is called for the connection.
func accept(w http.ResponseWriter, r *http.Request, cfg *Config, served bool) (*Conn, error) {
	q, err := handshake.CheckRequest(r)
	if err != nil {
		return nil, refuse(w, err)
	}
	h, err := hijacker(w)
	if err != nil {
		return nil, refuse(w, err)
	}
	a, err := cfg.judge(q)
	if err != nil {
		return nil, refuse(w, err)
	}
	joins := false
	defer func() {
		if !joins {
			cfg.Registry.dismiss()
		}
	}()
	head, err := handshake.AppendResponse(nil, a.Response)
	if err != nil {
		return nil, refuse(w, err)
	}
	nc, rw, err := h.Hijack()
	if err != nil {
		return nil, refuse(w, fmt.Errorf("the %T does not give up the connection: %w", h, err))
	}
	var deadline time.Time
	if cfg.HandshakeTimeout > 0 {
		deadline = time.Now().Add(cfg.HandshakeTimeout)
	}
	nc.SetDeadline(deadline)
	if err := writeAll(nc, head); err != nil {
		closeStream(nc)
		return nil, &HandshakeError{Status: http.StatusSwitchingProtocols, Err: err}
	}
	// What came behind the request belongs to the connection.
	buffered, _ := rw.Reader.Peek(rw.Reader.Buffered())
	if replay, ok := nc.(*replayConn); ok { // a Server's
		nc = replay.Conn
		buffered = slices.Concat(buffered, replay.rest)
	}
	joins = true
	return cfg.serverConn(nc, buffered, a, served), nil
}

// hijacker finds who gives up the connection, behind any number of middlewares.
func hijacker(w http.ResponseWriter) (http.Hijacker, error) {
	for {
		if h, ok := w.(http.Hijacker); ok {
			return h, nil
		}
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return nil, fmt.Errorf("the http.ResponseWriter is a %T that does not give up the connection, because it has neither Hijack nor Unwrap: %w", w, http.ErrNotSupported)
		}
		w = u.Unwrap()
	}
}

func writeAll(nc net.Conn, p []byte) error {
	n, err := nc.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return err
}

// refuse answers a request that does not become a connection, and returns the error that says so.
func refuse(w http.ResponseWriter, err error) *HandshakeError {
	answer, err := refusal(err)
	body, contentType := answer.Content()
	e := handshakeError(answer, err)
	if contentType != "" {
		e.Header.Set("Content-Type", contentType)
		e.Header.Set("X-Content-Type-Options", "nosniff")
	}
	w.Header().Del("Content-Length") // middleware cannot know it
	maps.Copy(w.Header(), e.Header)
	w.WriteHeader(e.Status)
	w.Write(body)
	return e
}
