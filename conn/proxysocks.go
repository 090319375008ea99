package conn

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"

	"golang.org/x/net/proxy"
)

// socks5 asks the SOCKS5 proxy u, at the other end of nc, for a tunnel to address (RFC 1928). A host name goes to the proxy as it is: the proxy looks it up.
func socks5(nc net.Conn, u *url.URL, address string) error {
	var auth *proxy.Auth
	if u.User != nil {
		password, _ := u.User.Password()
		auth = &proxy.Auth{User: u.User.Username(), Password: password} // RFC 1929
	}
	d, err := proxy.SOCKS5("tcp", proxyAddress(u), auth, opened{nc})
	if err == nil {
		// It uses nc, reads no byte too many, and leaves the context to our caller, who closes nc when that ends.
		_, err = d.Dial("tcp", address)
	}
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("it closed the connection: %w", io.ErrUnexpectedEOF)
	}
	return err
}

// opened is a proxy.Dialer to the proxy that has been dialled already.
type opened struct{ net.Conn }

// Dial implements [proxy.Dialer].
func (o opened) Dial(string, string) (net.Conn, error) { return o.Conn, nil }
