package conn

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/internal/conntest"
)

// established is what a proxy answers.
const established = "HTTP/1.1 200 Connection established\r\n\r\n"

// wantProxyError wants Dial to fail at the proxy.
func wantProxyError(t *testing.T, c *Conn, err error) *HandshakeError {
	t.Helper()
	e := wantHandshakeError(t, c, err)
	p, ok := errors.AsType[*ProxyError](e.Err)
	if !ok || !strings.HasPrefix(e.Error(), "hawser: opening handshake failed: proxy "+p.Proxy+": ") || strings.Contains(e.Error(), "secret") {
		t.Errorf("error is %v", e)
	}
	return e
}

// viaProxy returns a Config.Proxy that always returns the same.
func viaProxy(t *testing.T, s string) func(*http.Request) (*url.URL, error) {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return http.ProxyURL(u)
}

// proxying returns a server that is both a proxy and the server behind it: it answers a CONNECT, and then a handshake. heads gets what was asked.
func proxying(answer string, heads *[]string) *scriptedServer {
	return &scriptedServer{capacity: 64 << 10, script: func(nc *conntest.PipeConn) {
		*heads = append(*heads, readRequestHead(nc))
		io.WriteString(nc, answer)
		head := readRequestHead(nc)
		*heads = append(*heads, head)
		io.WriteString(nc, answerTo(goodResponse, head)+helloFrame)
	}}
}

// TestProxyConnect: what a proxy is asked, and every answer that opens a tunnel.
func TestProxyConnect(t *testing.T) {
	const example = "CONNECT server.example.com:80 HTTP/1.1\r\nHost: server.example.com:80\r\n"
	for _, tt := range []struct {
		name, url, proxy string
		header           http.Header
		answer           string
		address, head    string
	}{
		{"4.1/default_port", "ws://server.example.com/chat", "http://relay.example", nil, established, "tcp relay.example:80", example + "\r\n"},
		{"4.1/port", "ws://server.example.com:81/", "http://relay.example:3128", nil, established, "tcp relay.example:3128",
			"CONNECT server.example.com:81 HTTP/1.1\r\nHost: server.example.com:81\r\n\r\n"},
		{"4.1/IPv6", "ws://[2001:db8::1]/", "http://[::1]:3128", nil, established, "tcp [::1]:3128", "CONNECT [2001:db8::1]:80 HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n"},
		{"4.1/IPv6_zone", "ws://[fe80::1%25eth0]/", "http://[fe80::2%25eth0]:3128", nil, established, "tcp [fe80::2%eth0]:3128", "CONNECT [fe80::1]:80 HTTP/1.1\r\nHost: [fe80::1]:80\r\n\r\n"},
		{"4.1/IDNA", "ws://b\u00fccher.example/", "http://relay.example", nil, established, "tcp relay.example:80",
			"CONNECT xn--bcher-kva.example:80 HTTP/1.1\r\nHost: xn--bcher-kva.example:80\r\n\r\n"},
		{"K6/password", "ws://server.example.com/", "http://user:pass%20word@relay.example", nil, established, "tcp relay.example:80",
			example + "Proxy-Authorization: Basic dXNlcjpwYXNzIHdvcmQ=\r\n\r\n"},
		{"K6/no_password", "ws://server.example.com/", "http://user@relay.example", nil, established, "tcp relay.example:80", example + "Proxy-Authorization: Basic dXNlcjo=\r\n\r\n"},
		{"K6/header", "ws://server.example.com/", "http://relay.example", http.Header{"User-Agent": {"a"}, "X-Team": {"b", "c"}}, established, "tcp relay.example:80",
			example + "User-Agent: a\r\nX-Team: b\r\nX-Team: c\r\n\r\n"},
		{"K6/header_instead_of_password", "ws://server.example.com/", "http://user:secret@relay.example", http.Header{"Proxy-Authorization": {"Bearer x"}}, established,
			"tcp relay.example:80", example + "Proxy-Authorization: Bearer x\r\n\r\n"},
		{"9.3.6/HTTP_1.0", "ws://server.example.com/", "http://relay.example", nil, "HTTP/1.0 200 OK\r\n\r\n", "tcp relay.example:80", example + "\r\n"},
		{"9.3.6/any_2xx", "ws://server.example.com/", "http://relay.example", nil, "HTTP/1.1 204 No Content\r\n\r\n", "tcp relay.example:80", example + "\r\n"},
		// "A client MUST ignore any Content-Length or Transfer-Encoding header fields received in a successful response to CONNECT." RFC 9110, 9.3.6
		{"9.3.6/Content-Length", "ws://server.example.com/", "http://relay.example", nil, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", "tcp relay.example:80", example + "\r\n"},
		{"9.3.6/Transfer-Encoding", "ws://server.example.com/", "http://relay.example", nil, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "tcp relay.example:80", example + "\r\n"},
		{"9.3.6/1xx_first", "ws://server.example.com/", "http://relay.example", nil, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + established, "tcp relay.example:80", example + "\r\n"},
	} {
		for _, pace := range []string{"whole", "byte_by_byte"} {
			inBubble(t, tt.name+"/"+pace, func(t *testing.T) {
				var heads []string
				s := proxying(tt.answer, &heads)
				if pace == "byte_by_byte" {
					s.wrap = func(nc net.Conn) net.Conn { return conntest.Chopped(nc, 1) }
				}
				cfg := &Config{NetDial: s.dial, Proxy: viaProxy(t, tt.proxy), ProxyHeader: tt.header, Header: http.Header{"Authorization": {"Bearer ours"}}}
				c, err := Dial(t.Context(), tt.url, cfg)
				if err != nil {
					t.Fatal(err)
				}
				if m, err := c.Read(); string(m.Data) != "hello" {
					t.Errorf("read %q, %v", m.Data, err)
				}
				c.CloseNow()
				s.checkClosed(t)
				if s.address != tt.address || heads[0] != tt.head {
					t.Errorf("dialled %s and asked\n%q, want %s and\n%q", s.address, heads[0], tt.address, tt.head)
				}
				r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(heads[1])))
				if err != nil {
					t.Fatal(err)
				}
				if len(r.Header) != 5 || r.Header.Get("Authorization") != "Bearer ours" {
					t.Errorf("the server got %v", r.Header)
				}
			})
		}
	}
}

// TestProxyRefuses: every answer that opens no tunnel is an error with the answer in it (K6).
func TestProxyRefuses(t *testing.T) {
	long := strings.Repeat("long ", 1000)
	for _, tt := range []struct {
		name   string
		answer string
		status int
		body   string
		err    string // a part of the text
	}{
		{"K6/407", "HTTP/1.1 407 Proxy Authentication Required\r\nX-Why: password\r\nContent-Length: 6\r\n\r\nno way", 407, "no way", `proxy http://relay.example: CONNECT was answered with 407 Proxy Authentication Required: "no way"`},
		{"K6/401", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", 401, "", "CONNECT was answered with 401 Unauthorized"},
		{"K6/redirect_is_not_followed", "HTTP/1.1 302 Found\r\nLocation: ws://other.example/\r\nContent-Length: 0\r\n\r\n", 302, "", "CONNECT was answered with 302 Found"},
		{"K6/101", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 101, "", "CONNECT was answered with 101 Switching Protocols"},
		{"K6/503_until_the_end", "HTTP/1.0 503 Service Unavailable\r\n\r\nbusy", 503, "busy", "CONNECT was answered with 503 Service Unavailable"},
		{"K6/599_has_no_name", "HTTP/1.1 599 Whatever\r\nContent-Length: 0\r\n\r\n", 599, "", "CONNECT was answered with 599"},
		{"K6/cookie_is_not_stored", "HTTP/1.1 403 Forbidden\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n", 403, "", "CONNECT was answered with 403 Forbidden"},
		{"K3/long_body", "HTTP/1.1 500 Oops\r\nContent-Length: 5000\r\n\r\n" + long, 500, long[:1024], "CONNECT was answered with 500"},
		{"K3/endless_fields", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Name: value\r\n", 5000), 0, "", "the response head is larger than 16384 bytes"},
		{"K3/endless_line", "HTTP/1.1 200 " + strings.Repeat("x", 50000), 0, "", "the response head is larger than 16384 bytes"},
		{"K3/endless_1xx", strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n", 2000), 0, "", "the response head is larger than 16384 bytes"},
		{"K6/bytes_behind_the_answer", established + "H", 0, "", "bytes came through the tunnel before anything was sent"},
		{"K6/answer_of_the_server_before_its_request", established + goodResponse, 0, "", "bytes came through the tunnel before anything was sent"},
		{"K6/garbage", "SSH-2.0-OpenSSH_9.6\r\n", 0, "", "malformed HTTP"},
		{"K6/nothing", "", 0, "", "the server closed the connection without a complete response: unexpected EOF"},
		{"K6/1xx_and_no_more", "HTTP/1.1 100 Continue\r\n\r\n", 0, "", "without a complete response"},
	} {
		inBubble(t, tt.name, func(t *testing.T) {
			s := answeringAndClosing(tt.answer)
			jar, err := cookiejar.New(nil)
			if err != nil {
				t.Fatal(err)
			}
			c, err := Dial(t.Context(), "ws://server.example.com/", &Config{NetDial: s.dial, Proxy: viaProxy(t, "http://user:secret@relay.example"), Redirects: 5, Jar: jar})
			e := wantProxyError(t, c, err)
			if e.Status != tt.status || string(e.Body) != tt.body || !strings.Contains(e.Error(), tt.err) || (e.Header != nil) != (tt.status != 0) {
				t.Errorf("status %d, body %q, text %q; want %d, %q, %q", e.Status, e.Body, e, tt.status, tt.body, tt.err)
			}
			if strings.Contains(tt.answer, "X-Why") && e.Header.Get("X-Why") != "password" {
				t.Errorf("fields are %v", e.Header)
			}
			s.checkClosed(t)
			if len(s.ends) != 1 {
				t.Errorf("%d connections were opened", len(s.ends))
			}
			read := 0
			for _, event := range s.ends[0].Events() {
				if event.Op == "read" {
					read += event.N
				}
			}
			if read > maxResponseHead {
				t.Errorf("%d bytes were read", read)
			}
			for _, host := range []string{"server.example.com", "relay.example"} {
				if cookies := jar.Cookies(&url.URL{Scheme: "http", Host: host, Path: "/"}); len(cookies) != 0 {
					t.Errorf("the jar has %v for %s", cookies, host)
				}
			}
		})
	}
}

// TestProxyPrefixes: an answer that ends too early, at any byte, is an error.
func TestProxyPrefixes(t *testing.T) {
	for proxy, answer := range map[string]string{
		"http://relay.example":             established,
		"socks5://user:pass@relay.example": "\x05\x02\x01\x00\x05\x00\x00\x03\x04name\x00\x50",
	} {
		scheme, _, _ := strings.Cut(proxy, ":")
		for i := range len(answer) {
			for _, how := range []string{"EOF", "reset"} {
				inBubble(t, fmt.Sprintf("K6/%s/%s_after_%d_bytes", scheme, how, i), func(t *testing.T) {
					s := &scriptedServer{capacity: 1 << 10, script: func(nc *conntest.PipeConn) {
						go io.Copy(io.Discard, nc)
						io.WriteString(nc, answer[:i])
						synctest.Wait() // until the client has read it
						if how == "reset" {
							nc.Reset()
						}
						nc.CloseWrite()
					}}
					c, err := Dial(t.Context(), "ws://server.example.com/", &Config{NetDial: s.dial, Proxy: viaProxy(t, proxy)})
					want := error(io.ErrUnexpectedEOF)
					if how == "reset" {
						want = syscall.ECONNRESET
					}
					if e := wantProxyError(t, c, err); e.Status != 0 || !errors.Is(e, want) || errors.Is(e, io.EOF) {
						t.Errorf("error is %v, want %v", e, want)
					}
					s.checkClosed(t)
				})
			}
		}
	}
}

// TestProxyFaults fails operation 0, 1, 2, ... of the transport on the way through each kind of proxy.
func TestProxyFaults(t *testing.T) {
	// A CONNECT that is refused sets a deadline for the body.
	const refused = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 6\r\n\r\nno way"
	for name, answer := range map[string]string{"http": established, "http_refused": refused, "socks5": ""} {
		t.Run("K6/"+name, func(t *testing.T) {
			conntest.FailEach(t, conntest.Kinds(), func(t *testing.T, wrap func(net.Conn) net.Conn) {
				inBubble(t, "4.1", func(t *testing.T) {
					var heads []string
					s, proxy := proxying(answer, &heads), "http://user:secret@relay.example"
					if name == "socks5" {
						s, proxy = socksServer("user:secret", nil), "socks5://user:secret@relay.example"
					}
					s.wrap = wrap
					c, err := Dial(t.Context(), "ws://server.example.com/", &Config{NetDial: s.dial, Proxy: viaProxy(t, proxy)})
					if err == nil {
						c.CloseNow()
					} else if e := wantHandshakeError(t, c, err); e.Status != 407 && !errors.Is(err, conntest.ErrInjected) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.ErrShortWrite) && !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("error is %v", err)
					}
					s.checkClosed(t)
				})
			})
		})
	}
}

// clearProxyEnvironment makes the environment have no proxy.
func clearProxyEnvironment(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "REQUEST_METHOD"} {
		t.Setenv(name, "")
		t.Setenv(strings.ToLower(name), "")
	}
}

// TestProxyChoice: which proxy is used, if any.
func TestProxyChoice(t *testing.T) {
	dial := func(context.Context, string, string) (net.Conn, error) { return nil, nil }
	both := map[string]string{"HTTP_PROXY": "http://a:1", "HTTPS_PROXY": "socks5://b:2"}
	with := func(more ...string) map[string]string {
		env := map[string]string{more[0]: more[1]}
		for k, v := range both {
			env[k] = v
		}
		return env
	}
	for _, tt := range []struct {
		name string
		env  map[string]string
		cfg  Config
		url  string
		want string
	}{
		{"4.1/nothing", nil, Config{}, "ws://server.example.com/", ""},
		{"4.1/ws_is_http", both, Config{}, "ws://server.example.com/", "http://a:1"},
		{"4.1/wss_is_https", both, Config{}, "wss://server.example.com/", "socks5://b:2"},
		{"4.1/lower_case", map[string]string{"http_proxy": "a:1"}, Config{}, "ws://server.example.com/", "http://a:1"},
		{"4.1/wss_is_not_http", map[string]string{"HTTP_PROXY": "http://a:1"}, Config{}, "wss://server.example.com/", ""},
		{"4.1/loopback", both, Config{}, "ws://127.0.0.1/", ""},
		{"4.1/localhost", both, Config{}, "ws://localhost:81/", ""},
		{"4.1/NO_PROXY", with("NO_PROXY", "other.example,example.com"), Config{}, "ws://server.example.com/", ""},
		{"4.1/NO_PROXY_with_the_port", with("no_proxy", "server.example.com:80"), Config{}, "ws://server.example.com/", ""},
		{"4.1/NO_PROXY_with_another_port", with("no_proxy", "server.example.com:80"), Config{}, "wss://server.example.com/", "socks5://b:2"},
		{"4.1/NO_PROXY_with_a_network", with("NO_PROXY", "192.0.2.0/24"), Config{}, "wss://192.0.2.7/", ""},
		{"4.1/NO_PROXY_and_IDNA", with("NO_PROXY", "xn--bcher-kva.example"), Config{}, "wss://B\u00dccher.example/", ""},
		{"4.1/Unix_socket", both, Config{}, "ws+unix:///run/a.sock", ""},
		{"4.1/Unix_socket_and_Proxy", nil, Config{Proxy: viaProxy(t, "http://c:3")}, "ws+unix:///run/a.sock", ""},
		{"4.1/NetDial", both, Config{NetDial: dial}, "ws://server.example.com/", ""},
		{"4.1/NetDialTLS", both, Config{NetDialTLS: dial}, "ws://server.example.com/", ""},
		{"4.1/NetDial_and_Proxy", nil, Config{NetDial: dial, Proxy: http.ProxyFromEnvironment}, "ws://127.0.0.1/", ""},
		{"4.1/Proxy", both, Config{Proxy: viaProxy(t, "http://c:3")}, "ws://server.example.com/", "http://c:3"},
		{"4.1/Proxy_and_loopback", nil, Config{Proxy: viaProxy(t, "http://c:3")}, "ws://127.0.0.1/", "http://c:3"},
		{"4.1/Proxy_and_NetDialTLS_for_ws", nil, Config{NetDialTLS: dial, Proxy: viaProxy(t, "http://c:3")}, "ws://server.example.com/", "http://c:3"},
		{"4.1/Proxy_none", both, Config{Proxy: http.ProxyURL(nil)}, "ws://server.example.com/", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			clearProxyEnvironment(t)
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			to, err := parseTarget(tt.url)
			if err != nil {
				t.Fatal(err)
			}
			proxy, err := (&dialer{Config: tt.cfg}).proxyFor(t.Context(), &to)
			got := ""
			if proxy != nil {
				got = proxy.String()
			}
			if err != nil || got != tt.want {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// TestProxyFunc: what Config.Proxy is called with.
func TestProxyFunc(t *testing.T) {
	type key struct{}
	for _, tt := range []struct{ name, url, want string }{
		{"4.1/ws", "ws://server.example.com/a?b", "http://server.example.com/a?b"},
		{"4.1/wss", "wss://server.example.com:8443", "https://server.example.com:8443/"},
		{"4.1/default_port", "wss://server.example.com:443/", "https://server.example.com/"},
		{"4.1/IPv6_zone", "ws://[fe80::1%25eth0]:81/", "http://[fe80::1]:81/"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			header := http.Header{"X-Name": {"a"}}
			c, err := Dial(context.WithValue(t.Context(), key{}, "value"), tt.url, &Config{Header: header, Proxy: func(r *http.Request) (*url.URL, error) {
				if r.URL.String() != tt.want || r.Method != "GET" || r.Host != r.URL.Host || r.Header.Get("X-Name") != "a" || r.Context().Value(key{}) != "value" {
					t.Errorf("the request is %+v", r)
				}
				r.Header.Set("X-Name", "b") // is its own
				return nil, conntest.ErrInjected
			}})
			if e := wantHandshakeError(t, c, err); !errors.Is(e, conntest.ErrInjected) || !strings.Contains(e.Error(), "Config.Proxy") || header.Get("X-Name") != "a" {
				t.Errorf("error is %v", e)
			}
		})
	}
}

// TestProxyMisuse: what cannot be meant is an error before anything is opened.
func TestProxyMisuse(t *testing.T) {
	for _, tt := range []struct {
		name, url, proxy string
		cfg              Config
		want             string
	}{
		{"K6/scheme", "ws://a/", "ftp://relay.example", Config{}, "proxy ftp://relay.example: its scheme is none of http, https, socks5 and socks5h"},
		{"K6/no_scheme", "ws://a/", "//relay.example", Config{}, "its scheme is none of"},
		{"K6/no_host", "ws://a/", "http://:3128", Config{}, "its URL has no host"},
		{"K6/colon_in_the_user", "ws://a/", "http://a%3Asecret:b@relay.example", Config{}, "its user name has a colon"},
		{"K6/LF_in_the_user", "ws://a/", "http://a%0Asecret@relay.example", Config{}, "a control character"},
		{"K6/LF_in_the_password", "ws://a/", "http://a:secret%0A@relay.example", Config{}, "a control character"},
		{"K6/CR_LF_in_ProxyHeader", "ws://a/", "http://relay.example", Config{ProxyHeader: http.Header{"X-A": {"b\r\nsecret: c"}}}, "header field X-A has a control character in its value"},
		{"K6/Host_in_ProxyHeader", "ws://a/", "https://relay.example", Config{ProxyHeader: http.Header{"Host": {"b"}}}, "header field Host is set by the handshake"},
		{"K6/NetDialTLS", "wss://a/", "http://relay.example", Config{NetDialTLS: mustNotDial(t)}, "Config.NetDialTLS cannot be used through a proxy"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := tt.cfg
			cfg.NetDial, cfg.Proxy = mustNotDial(t), viaProxy(t, tt.proxy)
			c, err := Dial(t.Context(), tt.url, &cfg)
			if e := wantHandshakeError(t, c, err); e.Status != 0 || !strings.Contains(e.Error(), tt.want) || strings.Contains(e.Error(), "secret") {
				t.Errorf("error is %v, want %q", e, tt.want)
			}
		})
	}
	t.Run("K6/proxy_cannot_be_reached", func(t *testing.T) {
		c, err := Dial(t.Context(), "ws://a/", &Config{Proxy: viaProxy(t, "http://user:secret@relay.example"), NetDial: func(context.Context, string, string) (net.Conn, error) {
			return nil, conntest.ErrInjected
		}})
		if e := wantProxyError(t, c, err); !errors.Is(e, conntest.ErrInjected) {
			t.Errorf("error is %v", e)
		}
	})
	t.Run("K6/NetDialTLS_beside_a_proxy_that_is_not_for_this_URL", func(t *testing.T) {
		dialled := []string{}
		c, err := Dial(t.Context(), "wss://a/", &Config{Proxy: http.ProxyURL(nil), NetDialTLS: func(_ context.Context, network, address string) (net.Conn, error) {
			dialled = append(dialled, network, address)
			return nil, conntest.ErrInjected
		}})
		if wantHandshakeError(t, c, err); !slices.Equal(dialled, []string{"tcp", "a:443"}) {
			t.Errorf("dialled %v", dialled)
		}
	})
}
