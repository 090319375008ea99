package conn

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/handshake"
	"github.com/hawser-go/hawser/internal/conntest"
)

// A hopServer gives one answer to each connection, the last one to all further ones.
type hopServer struct {
	answers   []string
	servers   []*scriptedServer
	addresses []string
	requests  []*http.Request
}

func (h *hopServer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	answer := h.answers[0]
	if len(h.answers) > 1 {
		h.answers = h.answers[1:]
	}
	s := &scriptedServer{capacity: 64 << 10, script: func(nc *conntest.PipeConn) {
		head := readRequestHead(nc)
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
		if err != nil {
			return
		}
		h.requests = append(h.requests, r)
		io.WriteString(nc, answerTo(answer, head))
	}}
	h.servers = append(h.servers, s)
	h.addresses = append(h.addresses, network+" "+address)
	return s.dial(ctx, network, address)
}

// dialTLS is dial with a mark: the servers need no TLS of their own.
func (h *hopServer) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	return h.dial(ctx, "TLS "+network, address)
}

func (h *hopServer) config() Config {
	return Config{NetDial: h.dial, NetDialTLS: h.dialTLS, Redirects: 100}
}

// redirectTo is a redirect; its body has no end.
func redirectTo(location string) string {
	return "HTTP/1.1 302 Found\r\nLocation: " + location + "\r\n\r\nmoved"
}

// TestRedirect: where a redirect leads to, and what goes with it (K4, T-REDIR).
func TestRedirect(t *testing.T) {
	all := http.Header{
		"Authorization": {"secret"}, "Proxy-Authorization": {"secret"}, "Cookie": {"a=secret"}, "X-Api-Key": {"secret"},
		"Host": {"secret.example"}, "Origin": {"https://app.example"}, "User-Agent": {"agent"}, "Accept-Language": {"en"},
	}
	const plain = "tcp a.example:80"
	for _, tt := range []struct {
		name      string
		url       string
		locations []string
		want      []string // what is dialled and asked for after the first
		kept      bool     // all fields, for the last
	}{
		{"path", "ws://a.example/b/c?d", []string{"/e?f"}, []string{plain + "/e?f"}, true},
		{"relative_path", "ws://a.example/b/c?d", []string{"e"}, []string{plain + "/b/e"}, true},
		{"dots", "ws://a.example/b/c", []string{"../../e"}, []string{plain + "/e"}, true},
		{"query", "ws://a.example/b/c?d", []string{"?e"}, []string{plain + "/b/c?e"}, true},
		{"fragment_stays_here", "ws://a.example/", []string{"/b#c", "#d", "/e#"}, []string{plain + "/b", plain + "/b", plain + "/e"}, true},
		{"absolute_ws", "ws://a.example/", []string{"ws://A.example:80"}, []string{"tcp A.example:80/"}, true},
		{"absolute_http", "ws://a.example/", []string{"http://a.example/b"}, []string{plain + "/b"}, true},
		{"absolute_https", "wss://a.example/", []string{"https://a.example:443/b"}, []string{"TLS tcp a.example:443/b"}, true},
		{"same_host_without_scheme", "wss://a.example:81/", []string{"//a.example:81/b"}, []string{"TLS tcp a.example:81/b"}, true},
		{"IDNA", "ws://b\u00fccher.example/", []string{"http://xn--bcher-kva.example/b"}, []string{"tcp xn--bcher-kva.example:80/b"}, true},
		{"other_host", "ws://a.example/", []string{"ws://b.example/"}, []string{"tcp b.example:80/"}, false},
		{"other_host_without_scheme", "wss://a.example/", []string{"//b.example"}, []string{"TLS tcp b.example:443/"}, false},
		{"subdomain", "ws://a.example/", []string{"ws://b.a.example/"}, []string{"tcp b.a.example:80/"}, false},
		{"other_port", "ws://a.example/", []string{"ws://a.example:81/"}, []string{"tcp a.example:81/"}, false},
		{"other_zone", "ws://[fe80::1%25a]/", []string{"ws://[fe80::1%25b]/"}, []string{"tcp [fe80::1%b]:80/"}, false},
		{"other_scheme", "ws://a.example/", []string{"https://a.example/"}, []string{"TLS tcp a.example:443/"}, false},
		{"other_scheme_same_port", "ws://a.example:81/", []string{"wss://a.example:81/"}, []string{"TLS tcp a.example:81/"}, false},
		{"there_and_back", "ws://a.example/", []string{"ws://b.example/", "ws://a.example/"}, []string{"tcp b.example:80/", plain + "/"}, false},
		{"away_in_the_middle", "ws://a.example/", []string{"/b", "ws://b.example/", "/c"}, []string{plain + "/b", "tcp b.example:80/", "tcp b.example:80/c"}, false},
		{"Unix_socket", "ws+unix:///run/a.sock:/b", []string{"c", "http://localhost/d"}, []string{"unix /run/a.sock/c", "unix /run/a.sock/d"}, true},
		{"away_from_a_Unix_socket", "ws+unix:///run/a.sock:/b", []string{"http://localhost:81/d"}, []string{"tcp localhost:81/d"}, false},
	} {
		inBubble(t, "K4/T-REDIR/"+tt.name, func(t *testing.T) {
			h := &hopServer{}
			for _, location := range tt.locations {
				h.answers = append(h.answers, redirectTo(location))
			}
			h.answers = append(h.answers, goodResponse)
			cfg := h.config()
			cfg.Header = all.Clone()
			c, err := Dial(t.Context(), tt.url, &cfg)
			if err != nil {
				t.Fatal(err)
			}
			c.CloseNow()
			if len(h.requests) != len(tt.want)+1 {
				t.Fatalf("dialled %q", h.addresses)
			}
			keys := map[string]bool{}
			for i, r := range h.requests {
				h.servers[i].checkClosed(t)
				keys[r.Header.Get("Sec-WebSocket-Key")] = true
				if got := h.addresses[i] + r.RequestURI; i > 0 && got != tt.want[i-1] {
					t.Errorf("hop %d went to %s, want %s", i, got, tt.want[i-1])
				}
			}
			if len(keys) != len(h.requests) {
				t.Error("a nonce was used twice")
			}
			last := h.requests[len(h.requests)-1]
			for name, v := range all {
				got, want := last.Header.Get(name), v[0]
				if name == "Host" {
					got = last.Host
				}
				switch {
				case tt.kept, name == "User-Agent", name == "Accept-Language":
				case name == "Origin":
					want = "null"
				case name == "Host":
					// The address without the default port.
					_, want, _ = strings.Cut(h.addresses[len(h.addresses)-1], "tcp ")
					want = strings.TrimSuffix(strings.TrimSuffix(strings.Replace(want, "%b", "", 1), ":80"), ":443")
				default:
					want = ""
				}
				if got != want {
					t.Errorf("the last request's %s is %q, want %q", name, got, want)
				}
			}
			if !tt.kept && strings.Contains(fmt.Sprint(last.Header, last.Host), "secret") {
				t.Errorf("a secret went to another origin: %v", last.Header)
			}
			if fmt.Sprint(cfg.Header) != fmt.Sprint(all) {
				t.Error("Config was written to")
			}
		})
	}
	for _, status := range []int{301, 302, 303, 307, 308} {
		inBubble(t, fmt.Sprintf("K4/T-REDIR/%d", status), func(t *testing.T) {
			h := &hopServer{answers: []string{strings.Replace(redirectTo("/b"), "302", fmt.Sprint(status), 1), goodResponse}}
			cfg := h.config()
			cfg.Subprotocols = []string{"chat"}
			c, err := Dial(t.Context(), "ws://a.example/", &cfg)
			if err != nil {
				t.Fatal(err)
			}
			c.CloseNow()
			for i, r := range h.requests {
				h.servers[i].checkClosed(t)
				if r.Method != "GET" || r.Header.Get("Sec-WebSocket-Protocol") != "chat" {
					t.Errorf("request %d is %s with %v", i, r.Method, r.Header)
				}
			}
		})
	}
}

// TestRedirectRefuses: redirects that are not followed (K4, T-REDIR). The error has the answer.
func TestRedirectRefuses(t *testing.T) {
	const one = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n"
	for _, tt := range []struct {
		name   string
		url    string
		cfg    Config
		answer string
		hops   int // connections that are opened
		err    string
	}{
		{"off", "ws://a.example/", Config{}, redirectTo("/b"), 1, "status is 302 Found, not 101 (RFC 6455, 4.1): \"moved\""},
		{"negative", "ws://a.example/", Config{Redirects: -1}, redirectTo("/b"), 1, "status is 302 Found, not 101 (RFC 6455, 4.1): \"moved\""},
		{"one_too_many", "ws://a.example/", Config{Redirects: 1}, redirectTo("/b"), 2, "(RFC 6455, 4.1), after 1 redirects"},
		{"at_most_10", "ws://a.example/", Config{Redirects: 1000}, redirectTo("/"), 11, ", after 10 redirects"},
		{"wss_to_ws", "wss://a.example/", Config{Redirects: 9}, redirectTo("ws://a.example/"), 1, "and the redirect is not followed: it leads from wss to ws"},
		{"wss_to_http", "wss://a.example/", Config{Redirects: 9}, redirectTo("http://a.example/"), 1, "it leads from wss to ws"},
		{"subprotocols_to_another_host", "ws://a.example/", Config{Redirects: 9, Subprotocols: []string{"token.secret"}}, redirectTo("ws://b.example/"), 1,
			"it leads to another origin, which must not get Config.Subprotocols"},
		{"subprotocols_to_another_scheme", "ws://a.example/", Config{Redirects: 9, Subprotocols: []string{"token.secret"}}, redirectTo("https://a.example/"), 1, "it leads to another origin"},
		{"no_Location", "ws://a.example/", Config{Redirects: 9}, one + "\r\n", 1, "it does not have one Location"},
		{"empty_Location", "ws://a.example/", Config{Redirects: 9}, one + "Location:\r\n\r\n", 1, "it does not have one Location"},
		{"two_Locations", "ws://a.example/", Config{Redirects: 9}, one + "Location: /b\r\nLocation: /c\r\n\r\n", 1, "it does not have one Location"},
		{"no_URL", "ws://a.example/", Config{Redirects: 9}, redirectTo("http://[::1/secret"), 1, "its Location is no URL"},
		{"userinfo", "ws://a.example/", Config{Redirects: 9}, redirectTo("ws://secret:secret@b.example/"), 1, "its Location is no WebSocket URI: handshake: WebSocket URI: user information"},
		{"other_scheme", "ws://a.example/", Config{Redirects: 9}, redirectTo("file:///etc/passwd"), 1, `scheme is "file", use ws or wss`},
		{"to_a_Unix_socket", "ws://a.example/", Config{Redirects: 9}, redirectTo("ws+unix:///run/secret.sock"), 1, `scheme is "ws+unix", use ws or wss`},
		{"opaque", "ws://a.example/", Config{Redirects: 9}, redirectTo("ws:b.example"), 1, "no host"},
		{"no_host", "ws://a.example/", Config{Redirects: 9}, redirectTo("ws:///b"), 1, "no host"},
		{"port_0", "ws://a.example/", Config{Redirects: 9}, redirectTo("//a.example:0/"), 1, "port is 0"},
		{"space_in_the_query", "ws://a.example/", Config{Redirects: 9}, redirectTo("/?a b"), 1, "a byte in the query must be escaped"},
		{"300", "ws://a.example/", Config{Redirects: 9}, strings.Replace(redirectTo("/b"), "302 Found", "300 Multiple Choices", 1), 1, "status is 300 Multiple Choices, not 101"},
		{"304", "ws://a.example/", Config{Redirects: 9}, strings.Replace(redirectTo("/b"), "302 Found", "304 Not Modified", 1), 1, "status is 304 Not Modified, not 101"},
		{"305", "ws://a.example/", Config{Redirects: 9}, strings.Replace(redirectTo("/b"), "302 Found", "305 Use Proxy", 1), 1, "status is 305 Use Proxy, not 101"},
		{"200_with_Location", "ws://a.example/", Config{Redirects: 9}, strings.Replace(redirectTo("/b"), "302 Found", "200 OK", 1), 1, "status is 200 OK, not 101"},
	} {
		inBubble(t, "K4/T-REDIR/"+tt.name, func(t *testing.T) {
			h := &hopServer{answers: []string{tt.answer}}
			cfg := tt.cfg
			cfg.NetDial, cfg.NetDialTLS = h.dial, h.dialTLS
			c, err := Dial(t.Context(), tt.url, &cfg)
			e := wantHandshakeError(t, c, err)
			if !strings.Contains(e.Error(), tt.err) || strings.Contains(e.Error(), "secret") {
				t.Errorf("error is %v, want %q", e, tt.err)
			}
			status := strings.Fields(tt.answer)[1]
			if cause, ok := errors.AsType[*handshake.Error](err); !ok || fmt.Sprint(e.Status) != status || cause.Status != e.Status || e.Header == nil {
				t.Errorf("status is %d, the cause %v, the fields %v", e.Status, cause, e.Header)
			}
			if len(h.servers) != tt.hops {
				t.Errorf("%d connections were opened, want %d", len(h.servers), tt.hops)
			}
			for _, s := range h.servers {
				s.checkClosed(t)
			}
		})
	}
}

// TestRedirectBody: a redirect that is followed is not read to its end.
func TestRedirectBody(t *testing.T) {
	inBubble(t, "K3/endless_body", func(t *testing.T) {
		h := &hopServer{answers: []string{redirectTo("/b") + strings.Repeat("x", 60<<10), goodResponse}}
		cfg := h.config()
		c, err := Dial(t.Context(), "ws://a.example/", &cfg)
		if err != nil {
			t.Fatal(err)
		}
		c.CloseNow()
		read := 0
		for _, event := range h.servers[0].ends[0].Events() {
			if event.Op == "read" {
				read += event.N
			}
		}
		if read > maxResponseHead {
			t.Errorf("%d bytes were read", read)
		}
		for _, s := range h.servers {
			s.checkClosed(t)
		}
	})
}

// TestRedirectTLS: the name to verify is that of each server, and what Config.TLS says of it is for the first one only.
func TestRedirectTLS(t *testing.T) {
	for _, tt := range []struct{ name, location, want string }{
		{"same_origin", "/b", "pinned.example"},
		{"another_origin", "wss://b.example/", ""},
	} {
		t.Run("K5/"+tt.name, func(t *testing.T) {
			from, err := parseTarget("wss://a.example/")
			if err != nil {
				t.Fatal(err)
			}
			ours := &tls.Config{ServerName: "pinned.example", MinVersion: tls.VersionTLS13}
			d := dialer{Config: Config{TLS: ours}}
			to, err := d.redirectTarget(&from, []string{tt.location})
			if err != nil {
				t.Fatal(err)
			}
			d.follow(&from, to)
			if d.TLS.ServerName != tt.want || d.TLS.MinVersion != tls.VersionTLS13 || ours.ServerName != "pinned.example" {
				t.Errorf("server name is %q", d.TLS.ServerName)
			}
		})
	}
}

// TestRedirectProxy: each hop asks for its proxy, and a proxy's password goes to no other.
func TestRedirectProxy(t *testing.T) {
	inBubble(t, "K6/another_proxy", func(t *testing.T) {
		var heads []string
		answers := []string{redirectTo("ws://b.example/"), goodResponse}
		s := &scriptedServer{capacity: 64 << 10}
		s.script = func(nc *conntest.PipeConn) {
			heads = append(heads, readRequestHead(nc))
			io.WriteString(nc, established)
			io.WriteString(nc, answerTo(answers[len(s.ends)-1], readRequestHead(nc)))
		}
		var addresses []string
		c, err := Dial(t.Context(), "ws://a.example/", &Config{
			Redirects: 1,
			NetDial: func(ctx context.Context, network, address string) (net.Conn, error) {
				addresses = append(addresses, address)
				return s.dial(ctx, network, address)
			},
			Proxy: func(r *http.Request) (*url.URL, error) {
				proxy := &url.URL{Scheme: "http", Host: "proxy-of-" + r.URL.Host}
				if r.URL.Host == "a.example" {
					proxy.User = url.User("secret")
				}
				return proxy, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		c.CloseNow()
		s.checkClosed(t)
		if strings.Join(addresses, " ") != "proxy-of-a.example:80 proxy-of-b.example:80" || strings.Contains(heads[1], "Authorization") {
			t.Errorf("dialled %v and asked %q", addresses, heads)
		}
	})
}

// TestRedirectCookies: a redirect's cookies are sent to where they belong, and only there.
func TestRedirectCookies(t *testing.T) {
	for _, tt := range []struct{ name, location, want string }{
		{"same_origin", "/b", "login=yes"},
		{"another_origin", "ws://b.example/", ""},
	} {
		inBubble(t, "K4/"+tt.name, func(t *testing.T) {
			jar, err := cookiejar.New(nil)
			if err != nil {
				t.Fatal(err)
			}
			h := &hopServer{answers: []string{strings.Replace(redirectTo(tt.location), "\r\n", "\r\nSet-Cookie: login=yes\r\n", 1), goodResponse}}
			cfg := h.config()
			cfg.Jar = jar
			c, err := Dial(t.Context(), "ws://a.example/", &cfg)
			if err != nil {
				t.Fatal(err)
			}
			c.CloseNow()
			for _, s := range h.servers {
				s.checkClosed(t)
			}
			if got := h.requests[1].Header.Get("Cookie"); got != tt.want {
				t.Errorf("Cookie is %q, want %q", got, tt.want)
			}
		})
	}
}

// TestRedirectFaults fails operation 0, 1, 2, ... of the transports of two hops.
func TestRedirectFaults(t *testing.T) {
	conntest.FailEach(t, conntest.Kinds(), func(t *testing.T, wrap func(net.Conn) net.Conn) {
		inBubble(t, "K4", func(t *testing.T) {
			h := &hopServer{answers: []string{redirectTo("/b"), goodResponse}}
			c, err := Dial(t.Context(), "ws://a.example/", &Config{Redirects: 1, NetDial: func(ctx context.Context, network, address string) (net.Conn, error) {
				nc, err := h.dial(ctx, network, address)
				return wrap(nc), err
			}})
			if err == nil {
				c.CloseNow()
			} else if wantHandshakeError(t, c, err); !errors.Is(err, conntest.ErrInjected) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.ErrShortWrite) && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error is %v", err)
			}
			for _, s := range h.servers {
				s.checkClosed(t)
			}
		})
	})
}
