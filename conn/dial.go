package conn

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/hawser-go/hawser/handshake"
)

const (
	// maxResponseHead bounds what a server can make Dial read before it decides.
	maxResponseHead = 16 << 10
	// maxErrorBody is how much of a refusal's body a HandshakeError keeps.
	maxErrorBody = 1 << 10
	// errorBodyTimeout bounds the wait for it: the answer is known, and a body without a length ends when the server closes.
	errorBodyTimeout = time.Second
)

// Dial opens a connection to a ws or wss URL (RFC 6455, 3 and 4.1). The context, and [Config].HandshakeTimeout, bound the opening handshake;
// afterwards the context has no effect. Redirects are not followed.
//
// An error is a [*HandshakeError]; it has the server's answer if there was one.
func Dial(ctx context.Context, url string, cfg *Config) (*Conn, error) {
	resolved := cfg.resolved()
	u, secure, err := handshake.ParseURL(url)
	if err != nil {
		return nil, &HandshakeError{Err: err}
	}
	if resolved.HandshakeTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, resolved.HandshakeTimeout)
		defer cancel()
	}
	q := clientRequest(u, &resolved)
	head, err := handshake.AppendRequest(nil, q)
	if err != nil {
		return nil, &HandshakeError{Err: err}
	}
	nc, err := resolved.dialTransport(ctx, u, secure)
	if err != nil {
		if ctx.Err() != nil {
			err = contextError(ctx) // each way to dial says it differently
		}
		return nil, &HandshakeError{Err: err}
	}
	c, err := upgrade(ctx, nc, head, q, &resolved)
	if err != nil {
		closeStream(nc)
		return nil, err
	}
	return c, nil
}

// clientRequest returns the client's half of the handshake, with a fresh nonce.
func clientRequest(u *url.URL, cfg *Config) handshake.ClientRequest {
	var nonce [16]byte
	rand.Read(nonce[:])
	q := handshake.ClientRequest{
		Host:         handshake.HostField(u),
		RequestURI:   u.RequestURI(),
		Key:          handshake.EncodeKey(nonce),
		Subprotocols: cfg.Subprotocols,
		Header:       cfg.Header,
	}
	// Host and Origin have their places in the request; a field of the application's replaces ours.
	if host, origin := cfg.Header.Get("Host"), cfg.Header.Get("Origin"); host != "" || origin != "" {
		q.Header = cfg.Header.Clone()
		q.Header.Del("Host")
		q.Header.Del("Origin")
		q.Origin = origin
		if host != "" {
			q.Host = host
		}
	}
	return q
}

// dialTransport opens the byte stream, with TLS if secure.
func (c *Config) dialTransport(ctx context.Context, u *url.URL, secure bool) (net.Conn, error) {
	dial := c.NetDial
	if secure && c.NetDialTLS != nil {
		dial = c.NetDialTLS
	}
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	nc, err := dial(ctx, "tcp", handshake.Address(u))
	if err != nil || !secure || c.NetDialTLS != nil {
		return nc, err
	}
	cfg := &tls.Config{}
	if c.TLS != nil {
		cfg = c.TLS.Clone()
	}
	if cfg.ServerName == "" {
		cfg.ServerName = u.Hostname()
	}
	if cfg.NextProtos == nil {
		cfg.NextProtos = []string{"http/1.1"} // the Upgrade mechanism is HTTP/1.1's
	}
	tc := tls.Client(nc, cfg)
	if err := tc.HandshakeContext(ctx); err != nil {
		nc.Close()
		return nil, err
	}
	return tc, nil
}

// upgrade sends the request's head and takes the answer. It does not close nc.
func upgrade(ctx context.Context, nc net.Conn, head []byte, q handshake.ClientRequest, cfg *Config) (*Conn, error) {
	// Closing ends a write and a read on any transport. The connection is of no use after the context anyway.
	stop := context.AfterFunc(ctx, func() { closeStream(nc) })
	c, err := exchange(nc, head, q, cfg)
	if !stop() {
		if e, ok := errors.AsType[*HandshakeError](err); ok && e.Status != 0 {
			// There is an answer, only its body was cut.
			e.Err = fmt.Errorf("%w (body: %w)", e.Err, contextError(ctx))
			return nil, e
		}
		// What the exchange met is only what the closing did.
		return nil, &HandshakeError{Err: contextError(ctx)}
	}
	return c, err
}

// contextError returns why ctx ended: an error that matches both ctx.Err() and the cause, if that is another.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == err {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}

func exchange(nc net.Conn, head []byte, q handshake.ClientRequest, cfg *Config) (*Conn, error) {
	if _, err := nc.Write(head); err != nil {
		return nil, &HandshakeError{Err: err}
	}
	in := &responseReader{r: nc, rest: maxResponseHead}
	br := bufio.NewReader(in)
	for {
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			return nil, &HandshakeError{Err: in.cause(err)}
		}
		// "a client MUST be able to parse one or more 1xx responses received prior to a final response" (RFC 9110, 15.2). 101 is final here.
		if resp.StatusCode < 200 && resp.StatusCode != http.StatusSwitchingProtocols {
			continue
		}
		result, err := handshake.CheckResponse(resp, q)
		if err != nil {
			nc.SetReadDeadline(time.Now().Add(errorBodyTimeout))
			body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody)) // as much as there is
			return nil, &HandshakeError{Status: resp.StatusCode, Header: resp.Header, Body: body, Err: err}
		}
		// What came behind the response belongs to the connection.
		buffered, _ := br.Peek(br.Buffered())
		c := newConn(nc, RoleClient, buffered, cfg)
		c.subprotocol = result.Subprotocol
		return c, nil
	}
}

// A responseReader reads at most rest bytes from r, and keeps the error that ended it: http.ReadResponse says of a line that was cut only that it is malformed.
type responseReader struct {
	r    io.Reader
	rest int
	err  error
}

func (r *responseReader) Read(p []byte) (n int, err error) {
	if r.rest == 0 {
		r.err = fmt.Errorf("the response head is larger than %d bytes", maxResponseHead)
		return 0, r.err
	}
	n, r.err = r.r.Read(p[:min(len(p), r.rest)])
	r.rest -= n
	return n, r.err
}

// cause returns why http.ReadResponse returned err.
func (r *responseReader) cause(err error) error {
	switch r.err {
	case nil:
		return err
	case io.EOF:
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("%w, %w", err, io.ErrUnexpectedEOF)
		}
		return fmt.Errorf("the server closed the connection without a complete response: %w", err)
	}
	return r.err
}
