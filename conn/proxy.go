package conn

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/hawser-go/hawser/handshake"

	"golang.org/x/net/http/httpproxy"
)

// A ProxyError says that a connection failed at the proxy. It is the Err of a [HandshakeError], whose Status, Header and Body are then the proxy's answer to CONNECT.
type ProxyError struct {
	// Proxy is the URL of the proxy, without user information.
	Proxy string
	// Err is the cause.
	Err error
}

// Error names the proxy and says what went wrong.
func (e *ProxyError) Error() string { return "proxy " + e.Proxy + ": " + e.Err.Error() }

// Unwrap returns Err.
func (e *ProxyError) Unwrap() error { return e.Err }

// proxyFor returns the URL of the proxy through which t is reached, nil for none.
func (d *dialer) proxyFor(ctx context.Context, t *target) (*url.URL, error) {
	choose := d.Proxy
	switch {
	case t.socket != "":
		return nil, nil
	case choose != nil:
	case d.NetDial != nil || d.NetDialTLS != nil:
		return nil, nil
	default:
		return httpproxy.FromEnvironment().ProxyFunc()(t.http())
	}
	r := &http.Request{Method: http.MethodGet, URL: t.http(), Host: handshake.HostField(t.url), Header: d.Header.Clone()}
	proxy, err := choose(r.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("Config.Proxy: %w", err)
	}
	if proxy != nil && t.secure && d.NetDialTLS != nil {
		return nil, errors.New("Config.NetDialTLS cannot be used through a proxy: set TLS and NetDial")
	}
	return proxy, nil
}

// dialThrough opens the byte stream to t through proxy. An error is a HandshakeError with a ProxyError in it.
func (d *dialer) dialThrough(ctx context.Context, proxy *url.URL, t *target) (net.Conn, error) {
	nc, err := d.dialProxy(ctx, proxy, handshake.ConnectAddress(t.url))
	if err != nil {
		e := dialError(ctx, err)
		e.Err = &ProxyError{Proxy: proxy.Scheme + "://" + proxy.Host, Err: e.Err}
		return nil, e
	}
	return nc, nil
}

// dialProxy opens the byte stream to proxy and asks for a tunnel to address.
func (d *dialer) dialProxy(ctx context.Context, proxy *url.URL, address string) (net.Conn, error) {
	ask, err := d.tunnelThrough(proxy, address)
	if err != nil {
		return nil, err
	}
	if proxy.Hostname() == "" {
		return nil, errors.New("its URL has no host")
	}
	nc, err := d.netDial(ctx, "tcp", proxyAddress(proxy))
	if err != nil {
		return nil, err
	}
	if proxy.Scheme == "https" {
		if nc, err = startTLS(ctx, nc, d.ProxyTLS, proxy.Hostname()); err != nil {
			return nil, err
		}
	}
	if err := bounded(ctx, nc, func() error { return ask(nc) }); err != nil {
		closeStream(nc)
		return nil, err
	}
	return nc, nil
}

// proxyAddress returns the "host:port" of a proxy.
func proxyAddress(proxy *url.URL) string {
	port := proxy.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[proxy.Scheme]
	}
	if port == "" {
		port = "1080" // RFC 1928, 3
	}
	return net.JoinHostPort(proxy.Hostname(), port)
}

// tunnelThrough returns the function that asks a proxy for a tunnel to address, over a connection to the proxy.
func (d *dialer) tunnelThrough(proxy *url.URL, address string) (func(net.Conn) error, error) {
	switch proxy.Scheme {
	case "http", "https":
		authorization, err := basicAuthorization(proxy.User)
		if err != nil {
			return nil, err
		}
		head, err := handshake.AppendConnect(nil, address, authorization, d.ProxyHeader)
		if err != nil {
			return nil, err
		}
		return func(nc net.Conn) error { return connect(nc, head) }, nil
	case "socks5", "socks5h":
		return func(nc net.Conn) error { return socks5(nc, proxy, address) }, nil
	}
	return nil, errors.New("its scheme is none of http, https, socks5 and socks5h")
}

// connect sends a CONNECT request and wants a tunnel (RFC 9110, 9.3.6).
func connect(nc net.Conn, head []byte) error {
	resp, buffered, err := exchange(nc, head)
	switch {
	case err != nil:
		return err
	// "Any 2xx (Successful) response indicates that the sender (and all inbound proxies) will switch to tunnel mode" A redirect is not followed: who
	// sits between here and the proxy must not be able to move the connection elsewhere.
	case resp.StatusCode/100 != 2:
		return dialRefusal(nc, resp, fmt.Errorf("CONNECT was answered with %s", strings.TrimSpace(fmt.Sprint(resp.StatusCode, " ", http.StatusText(resp.StatusCode)))))
	// Neither HTTP nor TLS has a server that speaks first.
	case len(buffered) > 0:
		return errors.New("bytes came through the tunnel before anything was sent")
	}
	return nil
}

// basicAuthorization returns the Proxy-Authorization for the user information of a proxy's URL, "" for none (RFC 7617, 2).
func basicAuthorization(user *url.Userinfo) (string, error) {
	if user == nil {
		return "", nil
	}
	name := user.Username()
	password, _ := user.Password()
	// "a user-id containing a colon character is invalid, as the first colon in a user-pass string separates user-id and password". Control characters are, too.
	if strings.Contains(name, ":") || strings.ContainsFunc(name+password, unicode.IsControl) {
		return "", errors.New("its user name has a colon, or it or the password a control character")
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password)), nil
}
