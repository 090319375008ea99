package bench

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/hawser-go/hawser"
)

// A server is what a user of hawser would run: net/http on a loopback socket, with a Handler. Its connections must be closed before the benchmark ends.
type server struct {
	url     string
	address string
	config  *hawser.Config // for Dial
}

// startServer runs f for each connection. Whatever the benchmark's outcome, the server and its handlers have ended when the cleanups are done.
func startServer(tb testing.TB, secure bool, f func(*hawser.Conn)) *server {
	tb.Helper()
	return startServerWith(tb, secure, nil, f)
}

// startServerWith is startServer with a configuration for Handler.
func startServerWith(tb testing.TB, secure bool, cfg *hawser.Config, f func(*hawser.Conn)) *server {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := &server{url: "ws://" + l.Addr().String(), address: l.Addr().String(), config: &hawser.Config{}}
	var handlers, serving sync.WaitGroup
	hs := &http.Server{Handler: hawser.Handler(func(c *hawser.Conn) {
		handlers.Add(1)
		defer handlers.Done()
		f(c)
	}, cfg)}
	if secure {
		certificate, roots := newCertificate(tb)
		s.url = "wss://" + s.address
		s.config.TLS = &tls.Config{RootCAs: roots}
		// RFC 6455 is about HTTP/1.1: without this list net/http would offer HTTP/2, too.
		hs.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, NextProtos: []string{"http/1.1"}}
	}
	serving.Go(func() {
		if secure {
			hs.ServeTLS(l, "", "")
		} else {
			hs.Serve(l)
		}
	})
	tb.Cleanup(func() {
		hs.Close()
		serving.Wait()
		handlers.Wait()
	})
	return s
}

// newCertificate returns a certificate for the loopback address that has signed itself, and a pool that trusts it.
func newCertificate(tb testing.TB) (tls.Certificate, *x509.CertPool) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		NotAfter:              time.Now().Add(24 * time.Hour),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

// dial opens a connection to s, which is closed with the closing handshake when the benchmark ends.
func (s *server) dial(tb testing.TB) *hawser.Conn {
	tb.Helper()
	c, err := hawser.Dial(context.Background(), s.url, s.config)
	if err != nil {
		tb.Fatal(err)
	}
	closeAtEnd(tb, c)
	return c
}

func closeAtEnd(tb testing.TB, c *hawser.Conn) {
	tb.Cleanup(func() {
		if err := c.Close(hawser.StatusNormalClosure, ""); err != nil {
			tb.Errorf("The connection did not end cleanly: %v.", err)
		}
	})
}

// echo sends each message back until the connection ends.
func echo(c *hawser.Conn) {
	for m, err := range c.Messages() {
		if err != nil || c.Write(m.Type, m.Data) != nil {
			return
		}
	}
}
