package conn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/handshake"
)

// Dial opens a connection to a ws or wss URL (RFC 6455, 3 and 4.1), or to a server on a Unix socket: ws+unix:///path/of/the.sock:/resource, and wss+unix for
// TLS over it, see [handshake.ParseUnixURL]. The context, and [Config].HandshakeTimeout, bound all of it: proxy, TLS, redirects and the opening handshake; afterwards the
// context has no effect.
//
// The way to the server may lead through a proxy, by default as the environment says: see Config.Proxy. Redirects are followed only if Config.Redirects allows it.
//
// An error is a [*HandshakeError]; it has the server's answer if there was one, and the proxy's, with a [*ProxyError] as its Err, if that failed.
func Dial(ctx context.Context, url string, cfg *Config) (*Conn, error) {
	d := dialer{Config: cfg.resolved()}
	t, err := parseTarget(url)
	if err != nil {
		return nil, &HandshakeError{Err: err}
	}
	if d.HandshakeTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.HandshakeTimeout)
		defer cancel()
	}
	for {
		c, next, err := d.dial(ctx, &t)
		if next == nil {
			return c, err
		}
		d.follow(&t, next)
		t = *next
	}
}

// A target is what a connection is opened to.
type target struct {
	url    *url.URL // ws or wss
	secure bool
	socket string // the path of the Unix socket behind which it is, "" for none
}

func parseTarget(s string) (t target, err error) {
	if handshake.IsUnixURL(s) {
		t.url, t.socket, t.secure, err = handshake.ParseUnixURL(s)
	} else {
		t.url, t.secure, err = handshake.ParseURL(s)
	}
	return t, err
}

// dialled returns what the functions that open a byte stream are called with.
func (t *target) dialled() (network, address string) {
	if t.socket != "" {
		return "unix", t.socket
	}
	return "tcp", handshake.Address(t.url)
}

// http returns the http or https form of the URL, which cookie jars and proxy functions know.
func (t *target) http() *url.URL {
	u := *t.url
	u.Scheme = "http"
	if t.secure {
		u.Scheme = "https"
	}
	u.Host = handshake.HostField(t.url) // without a zone
	return &u
}

// A dialer is one call of Dial.
type dialer struct {
	Config        // Header and TLS lose what another origin must not get: see follow
	redirects int // followed so far
}

// dial opens a connection to t. It returns that, or where t redirects to, or an error.
func (d *dialer) dial(ctx context.Context, t *target) (c *Conn, next *target, err error) {
	q := d.clientRequest(t)
	head, err := handshake.AppendRequest(nil, q)
	if err != nil {
		return nil, nil, &HandshakeError{Err: err}
	}
	nc, err := d.dialStream(ctx, t)
	if err != nil {
		return nil, nil, dialError(ctx, err)
	}
	err = bounded(ctx, nc, func() error {
		resp, buffered, err := exchange(nc, head)
		if err != nil {
			return err
		}
		d.storeCookies(t, resp)
		result, err := handshake.CheckResponse(resp, q)
		params, compressed := deflate.Params{}, false
		if err == nil {
			params, compressed, err = deflate.CheckResponse(result.Extensions, d.Compression)
		}
		if err == nil {
			c = newConn(nc, RoleClient, buffered, &d.Config)
			c.agree(result.Subprotocol, nil)
			if compressed {
				c.compress(params, handshake.FormatExtensions(result.Extensions))
			}
			return nil
		}
		if next, err = d.redirect(t, resp, err); err != nil {
			return dialRefusal(nc, resp, err)
		}
		return nil
	})
	if err != nil || next != nil {
		closeStream(nc)
	}
	if err != nil {
		return nil, nil, err
	}
	if c != nil {
		c.observe(Observation{Kind: ObservedOpened})
		c.join(false, false)
	}
	return c, next, nil
}

// bounded calls f, which reads and writes nc, and makes it return when ctx ends. It does not close nc otherwise.
func bounded(ctx context.Context, nc net.Conn, f func() error) error {
	// Closing ends a write and a read on any transport. The connection is of no use after the context anyway.
	stop := context.AfterFunc(ctx, func() { closeStream(nc) })
	err := f()
	if stop() {
		return err
	}
	if e, ok := errors.AsType[*HandshakeError](err); ok && e.Status != 0 {
		// There is an answer, only its body was cut.
		e.Err = fmt.Errorf("%w (body: %w)", e.Err, contextError(ctx))
		return e
	}
	// What f met is only what the closing did.
	return &HandshakeError{Err: contextError(ctx)}
}

// dialError returns err as a HandshakeError, and the context's error in its place if the context has ended: each way to dial says that differently.
func dialError(ctx context.Context, err error) *HandshakeError {
	if e, ok := errors.AsType[*HandshakeError](err); ok {
		return e
	}
	if ctx.Err() != nil {
		err = contextError(ctx)
	}
	return &HandshakeError{Err: err}
}

// contextError returns why ctx ended: an error that matches both ctx.Err() and the cause, if that is another.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == err {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}
