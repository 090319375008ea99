package conn

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"strings"
)

// dialStream opens the byte stream to t, through a proxy if there is one, with TLS if t is secure.
func (d *dialer) dialStream(ctx context.Context, t *target) (net.Conn, error) {
	proxy, err := d.proxyFor(ctx, t)
	if err != nil {
		return nil, err
	}
	network, address := t.dialled()
	var nc net.Conn
	switch {
	case proxy != nil:
		nc, err = d.dialThrough(ctx, proxy, t)
	case t.secure && d.NetDialTLS != nil:
		return d.NetDialTLS(ctx, network, address)
	default:
		nc, err = d.netDial(ctx, network, address)
	}
	if err != nil || !t.secure {
		return nc, err
	}
	return startTLS(ctx, nc, d.TLS, t.url.Hostname())
}

func (d *dialer) netDial(ctx context.Context, network, address string) (net.Conn, error) {
	if d.NetDial != nil {
		return d.NetDial(ctx, network, address)
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}

// startTLS does the client's half of a TLS handshake with host over nc, and closes nc if that fails.
func startTLS(ctx context.Context, nc net.Conn, base *tls.Config, host string) (net.Conn, error) {
	cfg := &tls.Config{}
	if base != nil {
		cfg = base.Clone()
	}
	if cfg.ServerName == "" {
		// A certificate has no zone, which is local to this machine.
		cfg.ServerName, _, _ = strings.Cut(host, "%")
	}
	// The Upgrade mechanism and our CONNECT are HTTP/1.1's. A configuration that net/http uses, too, has h2 in it.
	cfg.NextProtos = slices.DeleteFunc(slices.Clone(cfg.NextProtos), func(p string) bool { return p == "h2" })
	if len(cfg.NextProtos) == 0 {
		cfg.NextProtos = []string{"http/1.1"}
	}
	if below, ok := nc.(*tls.Conn); ok {
		nc = outerTLS{below}
	}
	tc := tls.Client(nc, cfg)
	if err := tc.HandshakeContext(ctx); err != nil {
		nc.Close()
		return nil, err
	}
	return tc, nil
}

// outerTLS is a TLS connection that carries another one. What closes the inner one closes the stream below both at once: see closeStream.
type outerTLS struct{ *tls.Conn }

func (c outerTLS) Close() error { return closeStream(c.Conn) }
