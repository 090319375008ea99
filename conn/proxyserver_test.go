package conn

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/hawser-go/hawser/internal/conntest"
)

// A testProxy is a proxy on a socket, for CONNECT or for SOCKS5. Whatever name it is asked for, it connects to one server.
type testProxy struct {
	ln       net.Listener
	server   string // the address of the server behind it
	user     string // "name:password", "" for a proxy without authentication
	protocol func(p *testProxy, nc net.Conn) (asked string, ok bool)

	done sync.WaitGroup

	mu    sync.Mutex
	asked []string     // what tunnels were asked for
	sent  bytes.Buffer // what the clients sent through them
}

// startProxy starts a proxy and ends it with the test. cfg is for TLS to the proxy, nil for none.
func startProxy(t *testing.T, cfg *tls.Config, p *testProxy) *testProxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if p.ln = ln; cfg != nil {
		p.ln = tls.NewListener(ln, cfg)
	}
	p.done.Go(func() {
		for {
			nc, err := p.ln.Accept()
			if err != nil {
				return
			}
			p.done.Go(func() { p.serve(nc) })
		}
	})
	t.Cleanup(func() {
		p.ln.Close()
		p.done.Wait()
	})
	return p
}

func (p *testProxy) serve(nc net.Conn) {
	defer nc.Close()
	asked, ok := p.protocol(p, nc)
	p.mu.Lock()
	p.asked = append(p.asked, asked)
	p.mu.Unlock()
	if !ok {
		return
	}
	up, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer up.Close()
	p.done.Go(func() {
		io.Copy(nc, struct{ io.Reader }{up}) // not by splice, whose pipes stay open for a while
		nc.Close()
	})
	io.Copy(io.MultiWriter(up, lockedWriter{p}), nc)
}

// lockedWriter writes to p.sent.
type lockedWriter struct{ p *testProxy }

func (w lockedWriter) Write(b []byte) (int, error) {
	w.p.mu.Lock()
	defer w.p.mu.Unlock()
	return w.p.sent.Write(b)
}

// serveCONNECT is the protocol of an HTTP proxy (RFC 9110, 9.3.6).
func serveCONNECT(p *testProxy, nc net.Conn) (asked string, ok bool) {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(readRequestHead(nc))))
	if err != nil {
		return err.Error(), false
	}
	r.Header.Set("Authorization", r.Header.Get("Proxy-Authorization"))
	name, password, _ := r.BasicAuth()
	if p.user != "" && name+":"+password != p.user {
		io.WriteString(nc, "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"test\"\r\nContent-Length: 7\r\n\r\nwho is?")
		return r.Host, false
	}
	io.WriteString(nc, "HTTP/1.1 200 Connection established\r\n\r\n")
	return r.Method + " " + r.Host, true
}

// serveSOCKS5 is the protocol of RFC 1928 and 1929.
func serveSOCKS5(p *testProxy, nc net.Conn) (asked string, ok bool) {
	var head [4]byte
	read := func(n int) string {
		b := make([]byte, n)
		io.ReadFull(nc, b)
		return string(b)
	}
	text := func() string { return read(int((read(1) + "\x00")[0])) }
	io.ReadFull(nc, head[:1])
	methods := text()
	switch {
	case head[0] != 5:
		return "not version 5", false
	case p.user == "":
		nc.Write([]byte{5, 0})
	case !strings.Contains(methods, "\x02"):
		nc.Write([]byte{5, 0xff})
		return "no password offered", false
	default:
		nc.Write([]byte{5, 2})
		if read(1) != "\x01" || text()+":"+text() != p.user {
			nc.Write([]byte{1, 1})
			return "wrong password", false
		}
		nc.Write([]byte{1, 0})
	}
	io.ReadFull(nc, head[:])
	var host string
	switch head[3] {
	case 1:
		host = net.IP(read(4)).String()
	case 3:
		host = text()
	case 4:
		host = net.IP(read(16)).String()
	}
	port := binary.BigEndian.Uint16([]byte(read(2)))
	nc.Write([]byte{5, 0, 0, 1, 127, 0, 0, 1, 0, 80})
	return "SOCKS5 " + net.JoinHostPort(host, map[uint16]string{80: "80", 443: "443"}[port]), string(head[:3]) == "\x05\x01\x00"
}

// echoHandler sends every message back.
var echoHandler = Handler(func(c *Conn) {
	for m, err := range c.Messages() {
		if err != nil || c.Write(m.Type, m.Data) != nil {
			return
		}
	}
}, nil)

// wantEcho wants messages back, the last of them large, and a clean close.
func wantEcho(t *testing.T, c *Conn) {
	t.Helper()
	for _, n := range []int{0, 5, 200000} {
		if err := c.Write(Binary, pattern(n)); err != nil {
			t.Fatal(err)
		}
		if m, err := c.Read(); err != nil || !bytes.Equal(m.Data, pattern(n)) {
			t.Fatalf("the echo of %d bytes has %d, %v", n, len(m.Data), err)
		}
	}
	if err := c.Close(1000, ""); err != nil {
		t.Error(err)
	}
}

// TestProxySockets: every kind of proxy, to every kind of server, on sockets.
func TestProxySockets(t *testing.T) {
	cert := testCertificate(t)
	trust := &tls.Config{RootCAs: pool(t, cert)}
	for _, scheme := range []string{"http", "https", "socks5", "socks5h"} {
		for _, user := range []string{"", "gopher:p:w d"} {
			for _, secure := range []bool{false, true} {
				name := "4.1/K6/" + scheme + map[bool]string{false: "/ws", true: "/wss"}[secure] + map[bool]string{false: "/with_password", true: ""}[user == ""]
				t.Run(name, func(t *testing.T) {
					conntest.CheckLeaks(t)
					heads := make(chan *http.Request, 1)
					s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						heads <- r
						echoHandler.ServeHTTP(w, r)
					}))
					s.EnableHTTP2 = true // if it is offered
					target, asked := "ws://example.com/chat", "example.com:80"
					if secure {
						s.StartTLS()
						target, asked = "wss://example.com/chat", "example.com:443"
					} else {
						s.Start()
					}
					defer s.Close()
					p := &testProxy{server: s.Listener.Addr().String(), user: user, protocol: serveSOCKS5}
					asked = "SOCKS5 " + asked
					var proxyTLS *tls.Config
					if strings.HasPrefix(scheme, "http") {
						p.protocol, asked = serveCONNECT, strings.Replace(asked, "SOCKS5", "CONNECT", 1)
						if scheme == "https" {
							proxyTLS = &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"}}
						}
					}
					startProxy(t, proxyTLS, p)
					via := &url.URL{Scheme: scheme, Host: p.ln.Addr().String()}
					if name, password, ok := strings.Cut(user, ":"); ok {
						via.User = url.UserPassword(name, password)
					}
					c, err := Dial(t.Context(), target, &Config{Proxy: http.ProxyURL(via), TLS: trust, ProxyTLS: trust, Header: http.Header{"X-Name": {"a"}}})
					if err != nil {
						t.Fatal(err)
					}
					if want := !secure && scheme != "https"; c.transport.socket != want {
						t.Errorf("the transport is a %T", c.transport.rwc)
					}
					wantEcho(t, c)
					r := <-heads
					if r.Host != "example.com" || r.Header.Get("X-Name") != "a" || len(r.Header) != 5 || r.Header.Get("Proxy-Authorization") != "" {
						t.Errorf("the server got %q and %v", r.Host, r.Header)
					}
					p.ln.Close()
					p.done.Wait()
					if len(p.asked) != 1 || p.asked[0] != asked {
						t.Errorf("the proxy was asked for %q, want %q", p.asked, asked)
					}
					// "Z29waGVyOnA6dyBk" is what Basic makes of it.
					if sent := p.sent.String(); strings.Contains(sent, "gopher") || strings.Contains(sent, "p:w d") || strings.Contains(sent, "Z29waGVyOnA6dyBk") {
						t.Error("the password went to the server")
					}
				})
			}
		}
	}
}

// TestProxyIsVerified: an https proxy needs a certificate as any server does, and what ProxyTLS says is not for the server behind it.
func TestProxyIsVerified(t *testing.T) {
	cert := testCertificate(t)
	for _, tt := range []struct {
		name string
		cfg  Config
		is   func(error) bool
	}{
		{"K5/self-signed", Config{}, isError[x509.UnknownAuthorityError]},
		{"K5/TLS_is_not_for_the_proxy", Config{TLS: &tls.Config{InsecureSkipVerify: true}}, isError[x509.UnknownAuthorityError]},
		{"K5/wrong_host", Config{ProxyTLS: &tls.Config{RootCAs: pool(t, cert), ServerName: "other.example"}}, isError[x509.HostnameError]},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conntest.CheckLeaks(t)
			p := startProxy(t, &tls.Config{Certificates: []tls.Certificate{cert}}, &testProxy{protocol: serveCONNECT})
			cfg := tt.cfg
			cfg.Proxy = http.ProxyURL(&url.URL{Scheme: "https", Host: p.ln.Addr().String(), User: url.User("secret")})
			c, err := Dial(t.Context(), "wss://example.com/", &cfg)
			if e := wantProxyError(t, c, err); e.Status != 0 || !tt.is(e) {
				t.Errorf("error is %v", e)
			}
		})
	}
	t.Run("K5/ProxyTLS_is_not_for_the_server", func(t *testing.T) {
		conntest.CheckLeaks(t)
		s, _ := tlsServer(t, nil)
		p := startProxy(t, &tls.Config{Certificates: []tls.Certificate{cert}}, &testProxy{protocol: serveCONNECT, server: s.Listener.Addr().String()})
		c, err := Dial(t.Context(), "wss://example.com/", &Config{
			Proxy: http.ProxyURL(&url.URL{Scheme: "https", Host: p.ln.Addr().String()}), ProxyTLS: &tls.Config{InsecureSkipVerify: true},
		})
		e := wantHandshakeError(t, c, err)
		if isError[*ProxyError](e) || !isError[x509.UnknownAuthorityError](e) {
			t.Errorf("error is %v", e)
		}
	})
}

// TestProxyEnvironment: without any option, the environment's proxy is used.
func TestProxyEnvironment(t *testing.T) {
	conntest.CheckLeaks(t)
	s := quietServer(t, echoHandler)
	p := startProxy(t, nil, &testProxy{protocol: serveCONNECT, server: s.Listener.Addr().String()})
	clearProxyEnvironment(t)
	t.Setenv("HTTP_PROXY", "http://"+p.ln.Addr().String())
	c, err := Dial(t.Context(), "ws://server.example.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	wantEcho(t, c)
	p.ln.Close()
	p.done.Wait()
	if len(p.asked) != 1 || p.asked[0] != "CONNECT server.example.com:80" {
		t.Errorf("the proxy was asked for %q", p.asked)
	}
}

// TestProxyProgram goes through a proxy that somebody else wrote: HAWSER_PROXY has its URL, with user information that it wants. ".ci/run proxy" starts one.
func TestProxyProgram(t *testing.T) {
	via, err := url.Parse(os.Getenv("HAWSER_PROXY"))
	if err != nil {
		t.Fatal(err)
	}
	if via.Host == "" {
		t.Skip("HAWSER_PROXY is not set")
	}
	wss, _ := tlsServer(t, nil)
	for name, s := range map[string]*httptest.Server{"ws": quietServer(t, echoHandler), "wss": wss} {
		cfg := func(via *url.URL) *Config {
			return &Config{Proxy: http.ProxyURL(via), TLS: &tls.Config{InsecureSkipVerify: true}}
		}
		target := name + "://" + s.Listener.Addr().String()
		t.Run("4.1/"+name, func(t *testing.T) {
			conntest.CheckLeaks(t)
			c, err := Dial(t.Context(), target, cfg(via))
			if err != nil {
				t.Fatal(err)
			}
			wantEcho(t, c)
		})
		t.Run("4.1/K6/407/"+name, func(t *testing.T) {
			conntest.CheckLeaks(t)
			wrong := *via
			wrong.User = url.UserPassword("nobody", "secret")
			c, err := Dial(t.Context(), target, cfg(&wrong))
			// Some answer a wrong password with 401 though RFC 9110, 15.5.8 has 407 for it.
			if e := wantProxyError(t, c, err); e.Status != 407 && e.Status != 401 {
				t.Errorf("status is %d: %v", e.Status, e)
			}
		})
		t.Run("4.1/K6/no_such_server/"+name, func(t *testing.T) {
			conntest.CheckLeaks(t)
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ln.Close()
			c, err := Dial(t.Context(), name+"://"+ln.Addr().String(), cfg(via))
			if e := wantProxyError(t, c, err); e.Status < 500 {
				t.Errorf("status is %d: %v", e.Status, e)
			}
		})
	}
}

// pool returns a pool with the certificate.
func pool(t *testing.T, cert tls.Certificate) *x509.CertPool {
	t.Helper()
	root, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	return roots
}
