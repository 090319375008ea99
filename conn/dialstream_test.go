package conn

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser/internal/conntest"
)

// TestDialSockets: over a socket, without any option.
func TestDialSockets(t *testing.T) {
	t.Run("4.1/echo", func(t *testing.T) {
		conntest.CheckLeaks(t)
		s := quietServer(t, Handler(func(c *Conn) {
			for m, err := range c.Messages() {
				if err != nil || c.Write(m.Type, m.Data) != nil {
					return
				}
			}
		}, nil))
		c, err := Dial(t.Context(), "ws"+strings.TrimPrefix(s.URL, "http"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if !c.transport.socket {
			t.Error("the transport is no socket")
		}
		if err := c.Write(Text, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if m, err := c.Read(); string(m.Data) != "hello" {
			t.Errorf("read %q, %v", m.Data, err)
		}
		if err := c.Close(1000, ""); err != nil {
			t.Error(err)
		}
	})
	t.Run("4.1/refusal_of_our_server", func(t *testing.T) {
		conntest.CheckLeaks(t)
		s := quietServer(t, Handler(func(*Conn) {}, nil))
		c, err := Dial(t.Context(), "ws"+strings.TrimPrefix(s.URL, "http"), &Config{Header: http.Header{"Origin": {"https://evil.example"}}})
		e := wantHandshakeError(t, c, err)
		if e.Status != 403 || !strings.Contains(string(e.Body), `Origin "https://evil.example" is not allowed`) || e.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("error is %v with %v", e, e.Header)
		}
	})
}

// tlsServer serves an echo over TLS and sends what each connection's state was.
func tlsServer(t *testing.T, cfg *tls.Config) (s *httptest.Server, states <-chan tls.ConnectionState) {
	t.Helper()
	ch := make(chan tls.ConnectionState, 10)
	h := Handler(func(c *Conn) {
		for m, err := range c.Messages() {
			if err != nil || c.Write(m.Type, m.Data) != nil {
				return
			}
		}
	}, nil)
	s = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ch <- *r.TLS
		h.ServeHTTP(w, r)
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	s.TLS = cfg
	if cfg == nil {
		s.TLS = &tls.Config{NextProtos: []string{"h2", "http/1.1"}} // ALPN chooses HTTP/2 if it is offered
	}
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, ch
}

// TestDialTLS: K5, T-TLS.
func TestDialTLS(t *testing.T) {
	roots := func(s *httptest.Server) *x509.CertPool {
		pool := x509.NewCertPool()
		pool.AddCert(s.Certificate())
		return pool
	}
	redirect := func(s *httptest.Server) func(context.Context, string, string) (net.Conn, error) {
		return func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, s.Listener.Addr().String())
		}
	}
	for _, tt := range []struct {
		name string
		url  string // "" for the server's own address
		cfg  func(s *httptest.Server) *Config
		sni  string
	}{
		{"address", "", func(s *httptest.Server) *Config { return &Config{TLS: &tls.Config{RootCAs: roots(s)}} }, ""},
		{"name", "wss://example.com/", func(s *httptest.Server) *Config {
			return &Config{TLS: &tls.Config{RootCAs: roots(s)}, NetDial: redirect(s)}
		}, "example.com"},
		{"ServerName", "wss://other.example/", func(s *httptest.Server) *Config {
			return &Config{TLS: &tls.Config{RootCAs: roots(s), ServerName: "example.com"}, NetDial: redirect(s)}
		}, "example.com"},
		{"NextProtos", "wss://example.com/", func(s *httptest.Server) *Config {
			return &Config{TLS: &tls.Config{RootCAs: roots(s), NextProtos: []string{"http/1.1"}}, NetDial: redirect(s)}
		}, "example.com"},
		// As net/http leaves a configuration that it has used.
		{"NextProtos_with_h2", "wss://example.com/", func(s *httptest.Server) *Config {
			return &Config{TLS: &tls.Config{RootCAs: roots(s), NextProtos: []string{"h2", "http/1.1"}}, NetDial: redirect(s)}
		}, "example.com"},
		{"NextProtos_with_h2_only", "wss://example.com/", func(s *httptest.Server) *Config {
			return &Config{TLS: &tls.Config{RootCAs: roots(s), NextProtos: []string{"h2"}}, NetDial: redirect(s)}
		}, "example.com"},
		{"IPv6_zone", "wss://[::1%25eth0]/", func(s *httptest.Server) *Config {
			return &Config{TLS: &tls.Config{RootCAs: roots(s)}, NetDial: redirect(s)}
		}, ""},
		{"NetDialTLS", "wss://example.com/", func(s *httptest.Server) *Config {
			return &Config{
				TLS:     &tls.Config{ServerName: "not used"},
				NetDial: mustNotDial(t),
				NetDialTLS: func(ctx context.Context, network, address string) (net.Conn, error) {
					if network != "tcp" || address != "example.com:443" {
						t.Errorf("NetDialTLS of %s %s", network, address)
					}
					d := tls.Dialer{Config: &tls.Config{RootCAs: roots(s), ServerName: "example.com", NextProtos: []string{"http/1.1"}}}
					return d.DialContext(ctx, network, s.Listener.Addr().String())
				},
			}
		}, "example.com"},
	} {
		t.Run("4.1/K5/"+tt.name, func(t *testing.T) {
			conntest.CheckLeaks(t)
			s, states := tlsServer(t, nil)
			cfg := tt.cfg(s)
			before := fmt.Sprint(cfg.TLS.ServerName, cfg.TLS.NextProtos)
			u := tt.url
			if u == "" {
				u = "wss://" + s.Listener.Addr().String()
			}
			c, err := Dial(t.Context(), u, cfg)
			if err != nil {
				t.Fatal(err)
			}
			state := <-states
			if state.ServerName != tt.sni || state.NegotiatedProtocol != "http/1.1" || state.Version < tls.VersionTLS12 {
				t.Errorf("server name %q, protocol %q, version %x", state.ServerName, state.NegotiatedProtocol, state.Version)
			}
			if err := c.Write(Text, []byte("hello")); err != nil {
				t.Fatal(err)
			}
			if m, err := c.Read(); string(m.Data) != "hello" {
				t.Errorf("read %q, %v", m.Data, err)
			}
			if err := c.Close(1000, ""); err != nil {
				t.Error(err)
			}
			if after := fmt.Sprint(cfg.TLS.ServerName, cfg.TLS.NextProtos); after != before {
				t.Errorf("Config.TLS was %s and is %s", before, after)
			}
		})
	}
	for _, tt := range []struct {
		name   string
		url    string
		server *tls.Config
		cfg    func(s *httptest.Server) *tls.Config
		is     func(error) bool
	}{
		{"self-signed", "wss://example.com/", nil, func(*httptest.Server) *tls.Config { return nil }, isError[x509.UnknownAuthorityError]},
		{"self-signed_with_a_config", "wss://example.com/", nil, func(*httptest.Server) *tls.Config { return &tls.Config{RootCAs: x509.NewCertPool()} }, isError[x509.UnknownAuthorityError]},
		{"wrong_host", "wss://other.example/", nil, func(s *httptest.Server) *tls.Config { return &tls.Config{RootCAs: roots(s)} }, isError[x509.HostnameError]},
		{"wrong_address", "wss://192.0.2.1/", nil, func(s *httptest.Server) *tls.Config { return &tls.Config{RootCAs: roots(s)} }, isError[x509.HostnameError]},
		{"expired", "wss://example.com/", nil, func(s *httptest.Server) *tls.Config {
			return &tls.Config{RootCAs: roots(s), Time: func() time.Time { return time.Date(2500, 1, 1, 0, 0, 0, 0, time.UTC) }}
		}, isError[x509.CertificateInvalidError]},
		{"TLS_1.1", "wss://example.com/", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, func(s *httptest.Server) *tls.Config {
			return &tls.Config{RootCAs: roots(s)}
		}, func(err error) bool { return strings.Contains(err.Error(), "protocol version") }},
	} {
		t.Run("4.1/K5/"+tt.name, func(t *testing.T) {
			conntest.CheckLeaks(t)
			s, states := tlsServer(t, tt.server)
			c, err := Dial(t.Context(), tt.url, &Config{TLS: tt.cfg(s), NetDial: redirect(s)})
			if e := wantHandshakeError(t, c, err); e.Status != 0 || !tt.is(e) {
				t.Errorf("error is %v", err)
			}
			if len(states) > 0 {
				t.Error("a request was sent")
			}
		})
	}
	t.Run("4.1/K5/a_server_without_TLS", func(t *testing.T) {
		conntest.CheckLeaks(t)
		s := quietServer(t, Handler(func(*Conn) {}, nil))
		c, err := Dial(t.Context(), "wss"+strings.TrimPrefix(s.URL, "http"), nil)
		if e := wantHandshakeError(t, c, err); e.Status != 0 || !isError[tls.RecordHeaderError](e) {
			t.Errorf("error is %v", err)
		}
	})
	for name, proxy := range map[string]string{"server": "", "proxy": "https://relay.example"} {
		inBubble(t, "4.1/K5/a_"+name+"_that_speaks_no_TLS_is_left", func(t *testing.T) {
			s := &scriptedServer{capacity: 64 << 10, script: func(nc *conntest.PipeConn) { io.WriteString(nc, "HTTP/1.1 400 Bad Request\r\n\r\n") }}
			cfg := &Config{NetDial: s.dial}
			if proxy != "" {
				cfg.Proxy = viaProxy(t, proxy)
			}
			c, err := Dial(t.Context(), "wss://example.com/", cfg)
			if e := wantHandshakeError(t, c, err); !isError[tls.RecordHeaderError](e) || isError[*ProxyError](e) != (proxy != "") {
				t.Errorf("error is %v", e)
			}
			s.checkClosed(t)
		})
	}
	t.Run("4.1/NetDialTLS_is_not_for_ws", func(t *testing.T) {
		conntest.CheckLeaks(t)
		s := quietServer(t, Handler(func(*Conn) {}, nil))
		c, err := Dial(t.Context(), "ws"+strings.TrimPrefix(s.URL, "http"), &Config{NetDialTLS: mustNotDial(t)})
		if err != nil {
			t.Fatal(err)
		}
		c.CloseNow()
	})
	t.Run("4.1/K5/nothing_turns_verification_off", func(t *testing.T) {
		for _, pattern := range []string{"dial*.go", "proxy*.go", "redirect*.go"} {
			files, err := filepath.Glob(pattern)
			if err != nil || len(files) == 0 {
				t.Fatal(pattern, err)
			}
			for _, file := range files {
				source, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				for _, name := range []string{"InsecureSkipVerify", "Renegotiation", "MinVersion", "VerifyPeerCertificate", "VerifyConnection"} {
					if !strings.HasSuffix(file, "_test.go") && bytes.Contains(source, []byte(name)) {
						t.Errorf("%s has the word %s", file, name)
					}
				}
			}
		}
	})
}

// TestDialTruncation: the end of a TLS stream without close_notify is a cut, which an attacker can make (K5).
func TestDialTruncation(t *testing.T) {
	cert := testCertificate(t)
	for _, notify := range []bool{false, true} {
		for name, said := range map[string]string{"in_the_head": goodResponse[:50], "in_a_frame": goodResponse + helloFrame[:4], "between_frames": goodResponse + helloFrame} {
			inBubble(t, "K5/"+name+map[bool]string{false: "", true: "_with_close_notify"}[notify], func(t *testing.T) {
				s := &scriptedServer{capacity: 64 << 10, script: func(nc *conntest.PipeConn) {
					tc := tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{cert}, SessionTicketsDisabled: true})
					io.WriteString(tc, answerTo(said, readRequestHead(tc)))
					if notify {
						tc.CloseWrite()
					}
					nc.CloseWrite()
				}}
				c, err := Dial(t.Context(), "wss://example.com/", &Config{NetDial: s.dial, TLS: &tls.Config{RootCAs: pool(t, cert), Time: certificateTime(t, cert)}})
				if name == "in_the_head" {
					if e := wantHandshakeError(t, c, err); e.Status != 0 || !errors.Is(e, io.ErrUnexpectedEOF) || errors.Is(e, io.EOF) {
						t.Errorf("error is %v", e)
					}
					s.checkClosed(t)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if name == "between_frames" {
					if m, err := c.Read(); string(m.Data) != "hello" {
						t.Errorf("read %q, %v", m.Data, err)
					}
				}
				// crypto/tls takes an end between two records for io.EOF, with close_notify or without. No end without a Close frame is clean.
				_, err = c.Read()
				if errors.Is(err, io.EOF) || !errors.Is(err, ErrClosed) || (name == "in_a_frame") != errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("error is %v", err)
				}
				c.CloseNow()
				s.checkClosed(t)
			})
		}
	}
}

// certificateTime returns a clock that shows a time at which the certificate is valid: that of a bubble starts in 2000.
func certificateTime(t *testing.T, cert tls.Certificate) func() time.Time {
	t.Helper()
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return func() time.Time { return leaf.NotBefore.Add(time.Hour) }
}

func isError[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
