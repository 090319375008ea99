package handshake_test

import (
	"strings"
	"testing"

	"github.com/hawser-go/hawser/handshake"
)

func TestParseUnixURL(t *testing.T) {
	for _, test := range []struct {
		name, url    string
		socket       string
		secure       bool
		resourceName string
	}{
		{"3/path_only", "ws+unix:///run/a.sock", "/run/a.sock", false, "/"},
		{"3/colon_and_no_more", "ws+unix:///run/a.sock:", "/run/a.sock", false, "/"},
		{"3/resource", "ws+unix:///run/a.sock:/chat/b:c?d=e:f", "/run/a.sock", false, "/chat/b:c?d=e:f"},
		{"3/resource_is_escaped", "ws+unix:///run/a.sock:/a%20\u00e4", "/run/a.sock", false, "/a%20%C3%A4"},
		{"3/query_only", "ws+unix:///run/a.sock?b", "/run/a.sock", false, "/?b"},
		{"3/one_slash", "ws+unix:/run/a.sock:/b", "/run/a.sock", false, "/b"},
		{"3/secure", "wss+unix:///run/a.sock:/", "/run/a.sock", true, "/"},
		{"3/scheme_in_capitals", "WSS+UNIX:///run/a.sock", "/run/a.sock", true, "/"},
		{"3/socket_is_escaped", "ws+unix:///run/a%3Ab%20%25%3f%23.sock:/c", "/run/a:b %?#.sock", false, "/c"},
		{"3/socket_is_not_ascii", "ws+unix:///run/\u00e4 b.sock:/c", "/run/\u00e4 b.sock", false, "/c"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if !handshake.IsUnixURL(test.url) {
				t.Error("IsUnixURL is false")
			}
			u, socket, secure, err := handshake.ParseUnixURL(test.url)
			if err != nil {
				t.Fatal(err)
			}
			if socket != test.socket || secure != test.secure || u.RequestURI() != test.resourceName {
				t.Errorf("got %q, %v, %q", socket, secure, u.RequestURI())
			}
			if host := handshake.HostField(u); host != "localhost" {
				t.Errorf("Host is %q", host)
			}
			again, secure, err := handshake.ParseURL(u.String())
			if err != nil || secure != test.secure || again.String() != u.String() {
				t.Errorf("%v reads back as %v, %v, %v", u, again, secure, err)
			}
		})
	}
}

func TestParseUnixURLRefuses(t *testing.T) {
	const path = "no absolute path of a Unix socket, use ws+unix:///path:/resource"
	for _, test := range []struct{ name, url, want string }{
		{"3/other_scheme", "ws:///a.sock", "the scheme is neither ws+unix nor wss+unix"},
		{"3/plus_sign_behind_the_scheme", "ws://secret+:/a.sock", "the scheme is neither ws+unix nor wss+unix"},
		{"3/nothing", "ws+unix:", path},
		{"3/root", "ws+unix:///", path},
		{"3/root_and_resource", "ws+unix:///:/secret", path},
		{"3/relative", "ws+unix:a.sock:/secret", path},
		{"3/host", "ws+unix://example.com/a.sock:/secret", path},
		{"3/user", "ws+unix://secret@/a.sock", path},
		{"3/no_path", "ws+unix://?/a.sock", path},
		{"3/bad_escape", "ws+unix:///secret%2.sock", "the path of the Unix socket is not properly escaped"},
		{"3/nul", "ws+unix:///secret%00.sock", "the path of the Unix socket is not properly escaped"},
		{"3/relative_resource", "ws+unix:///a.sock:secret", `no "/" behind the path of the Unix socket and its colon`},
		{"3/port_for_a_resource", "ws+unix:///a.sock:80/secret", `no "/" behind the path of the Unix socket and its colon`},
		{"3/fragment", "ws+unix:///a.sock:/secret#a", "fragment, not allowed in a WebSocket URI"},
		{"3/fragment_of_the_socket", "ws+unix:///a#secret.sock:/", "fragment, not allowed in a WebSocket URI"},
		{"3/cr_lf_in_resource", "ws+unix:///a.sock:/\r\nX: secret", "net/url: invalid control character in URL"},
		{"3/space_in_query", "ws+unix:///a.sock:/?secret a", "a byte in the query must be escaped"},
	} {
		t.Run(test.name, func(t *testing.T) {
			u, socket, secure, err := handshake.ParseUnixURL(test.url)
			if u != nil || socket != "" || secure {
				t.Errorf("got %v, %q, %v", u, socket, secure)
			}
			if want := "handshake: WebSocket URI: " + test.want + " (RFC 6455, 3)"; err == nil || err.Error() != want {
				t.Fatalf("got  %v\nwant %s", err, want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Error("the error repeats a secret")
			}
		})
	}
}

func TestIsUnixURL(t *testing.T) {
	for _, s := range []string{"", "ws+unix", "ws://a/ws+unix:", "unix:/a", "http+unix:/a", "ws+unixx:/a"} {
		t.Run("3/"+s, func(t *testing.T) {
			// Only the scheme counts, and without a colon "ws+unix" is nothing but that.
			if got, want := handshake.IsUnixURL(s), s == "ws+unix"; got != want {
				t.Errorf("IsUnixURL is %v", got)
			}
		})
	}
}

func TestSameOrigin(t *testing.T) {
	for _, test := range []struct {
		name, a, b string
		want       bool
	}{
		{"T-REDIR/equal", "ws://a/b", "ws://a/c?d", true},
		{"T-REDIR/default_port", "wss://a:443/", "wss://a/", true},
		{"T-REDIR/case_and_trailing_dot", "ws://A.Example./", "ws://a.example/", true},
		{"T-REDIR/address", "ws://[::1]/", "ws://[0:0::1]:80/", true},
		{"T-REDIR/internationalized", "ws://b\u00fccher.example/", "ws://xn--bcher-kva.example/", true},
		{"T-REDIR/scheme", "ws://a/", "wss://a/", false},
		{"T-REDIR/scheme_with_one_port", "ws://a:81/", "wss://a:81/", false},
		{"T-REDIR/host", "ws://a/", "ws://b/", false},
		{"T-REDIR/subdomain", "ws://a/", "ws://b.a/", false},
		{"T-REDIR/port", "ws://a/", "ws://a:81/", false},
		{"T-REDIR/zone", "ws://[fe80::1%25a]/", "ws://[fe80::1%25b]/", false},
		{"T-REDIR/equal_zone", "ws://[fe80::1%25a]/", "ws://[FE80::1%25a]/", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, _, err := handshake.ParseURL(test.a)
			if err != nil {
				t.Fatal(err)
			}
			b, _, err := handshake.ParseURL(test.b)
			if err != nil {
				t.Fatal(err)
			}
			if handshake.SameOrigin(a, b) != test.want || handshake.SameOrigin(b, a) != test.want {
				t.Errorf("SameOrigin is not %v", test.want)
			}
		})
	}
}

// FuzzParseUnixURL: what is accepted has an absolute path, and asks for a resource that ParseURL accepts too.
func FuzzParseUnixURL(f *testing.F) {
	for _, s := range []string{"ws+unix:///a.sock:/b?c", "wss+unix:/a%3A", "ws+unix:///a#", "ws+unix:a", "ws+unix:///a:b", "ws+unix:///a%"} {
		f.Add(s)
	}
	f.Add("ws://0+:/0")
	f.Fuzz(func(t *testing.T, s string) {
		u, socket, secure, err := handshake.ParseUnixURL(s)
		if err != nil {
			return
		}
		if !handshake.IsUnixURL(s) {
			t.Fatalf("%q has another scheme", s)
		}
		if !strings.HasPrefix(socket, "/") || len(socket) < 2 || strings.Contains(socket, "\x00") {
			t.Fatalf("%q: socket %q", s, socket)
		}
		if secure != (u.Scheme == "wss") || handshake.HostField(u) != "localhost" || handshake.ConnectAddress(u) != handshake.Address(u) {
			t.Fatalf("%q: %v, secure %v", s, u, secure)
		}
		if again, _, err := handshake.ParseURL(u.String()); err != nil || again.String() != u.String() {
			t.Fatalf("%v reads back as %v, %v", u, again, err)
		}
	})
}
