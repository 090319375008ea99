package conn

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestDialJar: which cookies are sent and stored (RFC 6265).
func TestDialJar(t *testing.T) {
	set := func(response, cookie string) string {
		return strings.Replace(response, "\r\n", "\r\nSet-Cookie: "+cookie+"\r\n", 1)
	}
	for _, tt := range []struct {
		name   string
		url    string
		header http.Header
		jar    map[string]string // URL -> cookies before
		answer string
		sent   []string          // the Cookie field
		after  map[string]string // URL -> cookies that are sent there
	}{
		{"4.1/none", "ws://a.example/", nil, nil, goodResponse, nil, nil},
		{"4.1/own_only", "ws://a.example/", http.Header{"Cookie": {"own=1"}}, nil, goodResponse, []string{"own=1"}, nil},
		{"4.1/sent", "ws://a.example/", nil, map[string]string{"http://a.example/": "a=1", "http://b.example/": "b=2"}, goodResponse, []string{"a=1"}, nil},
		{"4.1/one_field", "ws://a.example/", http.Header{"Cookie": {"own=1", "x=2"}}, map[string]string{"http://a.example/": "a=1"}, goodResponse, []string{"own=1; x=2; a=1"}, nil},
		{"4.1/port_does_not_count", "ws://a.example:81/", nil, map[string]string{"http://a.example/": "a=1"}, goodResponse, []string{"a=1"}, nil},
		{"4.1/path", "ws://a.example/chat/b", nil, map[string]string{"http://a.example/": "a=1; Path=/chat", "http://a.example/x": "x=1; Path=/x"}, goodResponse, []string{"a=1"}, nil},
		{"4.1/secure_over_wss", "wss://a.example/", nil, map[string]string{"https://a.example/": "a=1; Secure"}, goodResponse, []string{"a=1"}, nil},
		{"4.1/secure_not_over_ws", "ws://a.example/", nil, map[string]string{"https://a.example/": "a=1; Secure"}, goodResponse, nil, nil},
		{"4.1/HttpOnly", "ws://a.example/", nil, map[string]string{"http://a.example/": "a=1; HttpOnly"}, goodResponse, []string{"a=1"}, nil},
		{"4.1/IDNA", "ws://B\u00dccher.example/", nil, map[string]string{"http://xn--bcher-kva.example/": "a=1"}, goodResponse, []string{"a=1"}, nil},
		{"4.1/Unix_socket", "ws+unix:///run/a.sock:/b", nil, map[string]string{"http://localhost/b": "a=1"}, goodResponse, []string{"a=1"}, nil},
		{"4.1/stored", "ws://a.example/", nil, nil, set(goodResponse, "a=1"), nil, map[string]string{"http://a.example/": "a=1", "http://b.example/": ""}},
		{"4.1/stored_for_its_path", "ws://a.example/chat/b", nil, nil, set(goodResponse, "a=1"), nil, map[string]string{"http://a.example/chat/c": "a=1", "http://a.example/": ""}},
		{"4.1/stored_of_a_refusal", "ws://a.example/", nil, nil, set("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "a=1"), nil, map[string]string{"http://a.example/": "a=1"}},
		{"4.1/secure_stored_over_wss", "wss://a.example/", nil, nil, set(goodResponse, "a=1; Secure"), nil, map[string]string{"https://a.example/": "a=1", "http://a.example/": ""}},
		{"4.1/of_another_domain", "ws://a.example/", nil, nil, set(goodResponse, "a=1; Domain=b.example"), nil, map[string]string{"http://b.example/": "", "http://a.example/": ""}},
		{"4.1/not_of_a_1xx", "ws://a.example/", nil, nil, set("HTTP/1.1 103 Early Hints\r\n\r\n", "a=1") + goodResponse, nil, map[string]string{"http://a.example/": ""}},
	} {
		inBubble(t, tt.name, func(t *testing.T) {
			jar, err := cookiejar.New(nil)
			if err != nil {
				t.Fatal(err)
			}
			parse := func(s string) *url.URL {
				u, err := url.Parse(s)
				if err != nil {
					t.Fatal(err)
				}
				return u
			}
			for at, line := range tt.jar {
				cookie, err := http.ParseSetCookie(line)
				if err != nil {
					t.Fatal(err)
				}
				jar.SetCookies(parse(at), []*http.Cookie{cookie})
			}
			h := &hopServer{answers: []string{tt.answer}}
			cfg := h.config()
			cfg.Jar, cfg.Header = jar, tt.header
			before := fmt.Sprint(tt.header)
			if c, err := Dial(t.Context(), tt.url, &cfg); err == nil {
				c.CloseNow()
			}
			for _, s := range h.servers {
				s.checkClosed(t)
			}
			if got := h.requests[0].Header["Cookie"]; !slices.Equal(got, tt.sent) {
				t.Errorf("Cookie is %q, want %q", got, tt.sent)
			}
			for at, want := range tt.after {
				if got := strings.Trim(fmt.Sprint(jar.Cookies(parse(at))), "[]"); got != want {
					t.Errorf("the jar has %q for %s, want %q", got, at, want)
				}
			}
			if fmt.Sprint(tt.header) != before {
				t.Errorf("Config was written to: %v", tt.header)
			}
		})
	}
}

// brokenJar is a jar whose cookies no response could set.
type brokenJar struct{ http.CookieJar }

func (brokenJar) Cookies(*url.URL) []*http.Cookie {
	return []*http.Cookie{{Name: "a", Value: "1\r\nX-B: c"}, {Name: "d\r\ne", Value: "f;g"}}
}

func (brokenJar) SetCookies(*url.URL, []*http.Cookie) {}

// TestDialBrokenJar: a cookie cannot add a field to the request.
func TestDialBrokenJar(t *testing.T) {
	log.SetOutput(io.Discard) // net/http says there what it drops
	defer log.SetOutput(os.Stderr)
	inBubble(t, "4.1/T-SPLIT", func(t *testing.T) {
		h := &hopServer{answers: []string{goodResponse}}
		cfg := h.config()
		cfg.Jar = brokenJar{}
		c, err := Dial(t.Context(), "ws://a.example/", &cfg)
		if err != nil {
			t.Fatal(err)
		}
		c.CloseNow()
		h.servers[0].checkClosed(t)
		if r := h.requests[0]; len(r.Header) != 5 || len(r.Header["Cookie"]) != 1 || r.Header.Get("X-B") != "" {
			t.Errorf("the request has %q", r.Header)
		}
	})
}
