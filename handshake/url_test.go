package handshake_test

import (
	"strings"
	"testing"

	"github.com/hawser-go/hawser/handshake"
)

func TestParseURL(t *testing.T) {
	for _, test := range []struct {
		name, url    string
		secure       bool
		resourceName string
		address      string
		host         string
	}{
		{"3/bare", "ws://example.com", false, "/", "example.com:80", "example.com"},
		{"3/secure", "wss://example.com", true, "/", "example.com:443", "example.com"},
		{"3/scheme_in_capitals", "WSS://example.com/", true, "/", "example.com:443", "example.com"},
		{"3/path_and_query", "ws://example.com/a/b?c=d&e", false, "/a/b?c=d&e", "example.com:80", "example.com"},
		{"3/query_without_path", "ws://example.com?a", false, "/?a", "example.com:80", "example.com"},
		{"3/empty_query", "ws://example.com/a?", false, "/a", "example.com:80", "example.com"},
		{"3/question_mark_in_query", "ws://example.com/a??", false, "/a??", "example.com:80", "example.com"},
		{"3/escapes_stay", "ws://example.com/a%2Fb%20%23?c=%20", false, "/a%2Fb%20%23?c=%20", "example.com:80", "example.com"},
		{"3/path_is_escaped", "ws://example.com/\u00e4 b", false, "/%C3%A4%20b", "example.com:80", "example.com"},
		{"3/two_slashes", "ws://example.com//a", false, "//a", "example.com:80", "example.com"},
		{"3/port", "ws://example.com:8080/", false, "/", "example.com:8080", "example.com:8080"},
		{"3/default_port", "ws://example.com:80/", false, "/", "example.com:80", "example.com"},
		{"3/default_port_secure", "wss://example.com:443/", true, "/", "example.com:443", "example.com"},
		{"3/default_port_of_the_other_scheme", "wss://example.com:80/", true, "/", "example.com:80", "example.com:80"},
		{"3/empty_port", "ws://example.com:/", false, "/", "example.com:80", "example.com"},
		{"3/largest_port", "ws://example.com:65535/", false, "/", "example.com:65535", "example.com:65535"},
		{"3/ipv4", "ws://127.0.0.1:9001", false, "/", "127.0.0.1:9001", "127.0.0.1:9001"},
		{"3/ipv6", "ws://[::1]", false, "/", "[::1]:80", "[::1]"},
		{"3/ipv6_and_port", "wss://[2001:db8::1]:8443/a", true, "/a", "[2001:db8::1]:8443", "[2001:db8::1]:8443"},
		{"3/ipv6_zone", "ws://[fe80::1%25eth0]/", false, "/", "[fe80::1%eth0]:80", "[fe80::1]"},
		{"3/ipv6_zone_and_port", "ws://[fe80::1%25eth0]:81/", false, "/", "[fe80::1%eth0]:81", "[fe80::1]:81"},
		{"11.1.1/internationalized", "ws://b\u00fccher.example/a", false, "/a", "xn--bcher-kva.example:80", "xn--bcher-kva.example"},
		{"11.1.1/internationalized_and_port", "wss://b\u00fccher.example:8443", true, "/", "xn--bcher-kva.example:8443", "xn--bcher-kva.example:8443"},
		{"11.1.1/internationalized_in_capitals", "ws://B\u00dcCHER.example", false, "/", "xn--bcher-kva.example:80", "xn--bcher-kva.example"},
		{"11.1.1/internationalized_and_escaped", "ws://b%C3%BCcher.example/", false, "/", "xn--bcher-kva.example:80", "xn--bcher-kva.example"},
		{"11.1.1/other_script_and_full_stop", "ws://\u4f8b\u3048\u3002jp/", false, "/", "xn--r8jz45g.jp:80", "xn--r8jz45g.jp"},
		{"11.1.1/wide_digits", "ws://\uff11\uff12\uff17.0.0.1/", false, "/", "127.0.0.1:80", "127.0.0.1"},
		{"3/underscore_stays", "ws://my_host:81/", false, "/", "my_host:81", "my_host:81"},
		{"3/punycode", "ws://xn--bcher-kva.example/", false, "/", "xn--bcher-kva.example:80", "xn--bcher-kva.example"},
	} {
		t.Run(test.name, func(t *testing.T) {
			u, secure, err := handshake.ParseURL(test.url)
			if err != nil {
				t.Fatal(err)
			}
			if secure != test.secure {
				t.Errorf("secure is %v", secure)
			}
			if got := u.RequestURI(); got != test.resourceName {
				t.Errorf("resource name is %q, want %q", got, test.resourceName)
			}
			if got := handshake.Address(u); got != test.address {
				t.Errorf("address is %q, want %q", got, test.address)
			}
			if got := handshake.HostField(u); got != test.host {
				t.Errorf("Host is %q, want %q", got, test.host)
			}
			again, _, err := handshake.ParseURL(u.String())
			if err != nil || again.String() != u.String() {
				t.Errorf("%v reads back as %v, %v", u, again, err)
			}
		})
	}
}

func TestParseURLRefuses(t *testing.T) {
	for _, test := range []struct{ name, url, want string }{
		{"3/http", "http://example.com", "scheme is http, use ws"},
		{"3/https", "HTTPS://example.com", "scheme is https, use wss"},
		{"3/other_scheme", "ftp://example.com", `scheme is "ftp", use ws or wss`},
		{"3/empty", "", "no scheme, use ws or wss"},
		{"3/no_scheme", "example.com/a", "no scheme, use ws or wss"},
		{"3/no_scheme_but_port", "localhost:8080/a", `scheme is "localhost", use ws or wss`},
		{"3/network_path", "//example.com/a", "no scheme, use ws or wss"},
		{"3/opaque", "ws:example.com", `no host behind "ws://"`},
		{"3/path_only", "wss:/a", `no host behind "wss://"`},
		{"3/empty_host", "ws:///a", `no host behind "ws://"`},
		{"3/port_only", "ws://:80/a", `host ":80": no host`},
		{"3/fragment", "ws://example.com/a#b", "fragment, not allowed in a WebSocket URI"},
		{"3/empty_fragment", "ws://example.com/a#", "fragment, not allowed in a WebSocket URI"},
		{"3/user", "ws://user@example.com/", "user information, send an Authorization header field instead"},
		{"3/user_and_password", "ws://user:secret@example.com/", "user information, send an Authorization header field instead"},
		{"3/empty_user", "ws://@example.com/", "user information, send an Authorization header field instead"},
		{"3/cr_lf_in_path", "ws://example.com/a\r\nX: secret", "net/url: invalid control character in URL"},
		{"3/cr_lf_in_query", "ws://example.com/?secret\r\n", "net/url: invalid control character in URL"},
		{"3/nul_in_host", "ws://example.com\x00/secret", "net/url: invalid control character in URL"},
		{"3/escaped_cr_lf_in_host", "ws://example.com%0d%0a/secret", `invalid URL escape "%0d"`},
		{"3/space_in_host", "ws://example com/secret", `invalid character " " in host name`},
		{"3/space_in_query", "ws://example.com/?secret a", "a byte in the query must be escaped"},
		{"3/query_not_ascii", "ws://example.com/?secret=\u00e4", "a byte in the query must be escaped"},
		{"11.1.1/host_without_an_ascii_form", "ws://b\u00fccher_\u202e.example/secret", "host \"b\u00fccher_\\u202e.example\": no internationalized host name"},
		{"11.1.1/host_is_no_utf8", "ws://b%FCcher.example/secret", "host \"b\\xfccher.example\": no internationalized host name"},
		{"11.1.1/host_with_a_wide_slash", "ws://b\u00fccher\uff0fa.example/secret", "host \"b\u00fccher\uff0fa.example\": no internationalized host name"},
		{"11.1.1/host_with_a_wide_at", "ws://b\u00fccher\uff20a.example/secret", "host \"b\u00fccher\uff20a.example\": no internationalized host name"},
		{"3/port_too_large", "ws://example.com:65536/secret", `host "example.com:65536": no port number behind ':'`},
		{"3/port_0", "ws://example.com:0/secret", "port is 0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			u, secure, err := handshake.ParseURL(test.url)
			if u != nil || secure {
				t.Errorf("got %v, secure %v", u, secure)
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

func TestConnectAddress(t *testing.T) {
	for _, test := range []struct{ name, url, want string }{
		{"4.1/default_port", "ws://example.com/", "example.com:80"},
		{"4.1/default_port_secure", "wss://example.com/", "example.com:443"},
		{"4.1/port", "ws://example.com:81/", "example.com:81"},
		{"4.1/ipv6_zone", "ws://[fe80::1%25eth0]:81/", "[fe80::1]:81"},
		{"4.1/internationalized", "ws://b\u00fccher.example/", "xn--bcher-kva.example:80"},
	} {
		t.Run(test.name, func(t *testing.T) {
			u, _, err := handshake.ParseURL(test.url)
			if err != nil {
				t.Fatal(err)
			}
			if got := handshake.ConnectAddress(u); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
