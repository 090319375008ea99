package handshake_test

import (
	"strings"
	"testing"

	"github.com/hawser-go/hawser/handshake"
)

func TestCheckOrigin(t *testing.T) {
	list := []string{"https://app.example", "https://b.example:8443", "http://[::1]:3000", "app://obsidian.md", "file://"}
	pattern := []string{"https://*.app.example"}
	const (
		allowed = ""
		refused = "not allowed"
	)
	for _, test := range []struct {
		name    string
		origin  string
		host    string
		entries []string
		want    string // what the detail has, "" for allowed
	}{
		// The default: same host and port.
		{"4.2.1(7)/no_origin", "", "a.example", nil, allowed},
		{"10.2/same_host", "http://a.example", "a.example", nil, allowed},
		{"10.2/same_host_https", "https://a.example", "a.example", nil, allowed},
		{"10.2/same_host_and_port", "http://a.example:8080", "a.example:8080", nil, allowed},
		{"10.2/scheme_is_not_compared", "https://a.example:8080", "a.example:8080", nil, allowed},
		{"10.2/ws_scheme", "ws://a.example", "a.example", nil, allowed},
		{"10.2/wss_scheme", "wss://a.example", "a.example:443", nil, allowed},
		{"10.2/default_port_in_host", "https://a.example", "a.example:443", nil, allowed},
		{"10.2/default_port_in_origin", "http://a.example:80", "a.example", nil, allowed},
		{"10.2/empty_port_in_host", "http://a.example", "a.example:", nil, allowed},
		{"10.2/leading_zero_in_port", "http://a.example:0080", "a.example", nil, allowed},
		{"10.2/port_80_is_not_443", "https://a.example", "a.example:80", nil, refused},
		{"10.2/port_443_is_not_80", "http://a.example", "a.example:443", nil, refused},
		{"10.2/port_443_over_http", "http://a.example:443", "a.example", nil, refused},
		{"10.2/other_port", "http://a.example:8080", "a.example:8081", nil, refused},
		{"10.2/port_in_origin_only", "http://a.example:8080", "a.example", nil, refused},
		{"10.2/port_in_host_only", "http://a.example", "a.example:8080", nil, refused},
		{"10.2/case", "HTTP://A.eXample", "a.EXAMPLE", nil, allowed},
		{"10.2/trailing_dot_in_host", "http://a.example", "a.example.", nil, allowed},
		{"10.2/trailing_dot_in_origin", "http://a.example.:80", "a.example", nil, allowed},
		{"10.2/two_trailing_dots", "http://a.example..", "a.example", nil, refused},
		{"10.2/internationalized", "https://xn--bcher-kva.example", "XN--bcher-kva.example", nil, allowed},
		{"10.2/ipv4", "http://127.0.0.1:1234", "127.0.0.1:1234", nil, allowed},
		{"10.2/ipv6", "http://[::1]", "[::1]:80", nil, allowed},
		{"10.2/ipv6_spelling", "http://[2001:db8::A]:1", "[2001:0db8:0:0:0:0:0:a]:1", nil, allowed},
		{"10.2/ipv6_other", "http://[::1]", "[::2]", nil, refused},
		{"10.2/ipv4_mapped_is_not_ipv4", "http://[::ffff:127.0.0.1]", "127.0.0.1", nil, refused},
		{"10.2/other_host", "http://b.example", "a.example", nil, refused},
		{"10.2/suffix", "http://a.example.evil", "a.example", nil, refused},
		{"10.2/prefix", "http://evila.example", "a.example", nil, refused},
		{"10.2/subdomain", "http://x.a.example", "a.example", nil, refused},
		{"10.2/parent", "http://example", "a.example", nil, refused},
		{"10.2/null", "null", "null", nil, refused},
		{"10.2/other_scheme", "app://a.example", "a.example", nil, refused},
		{"10.2/other_scheme_and_port", "app://a.example:80", "a.example:80", nil, refused},
		{"10.2/file", "file://", "a.example", nil, refused},

		// Malformed origins.
		{"6454,6.2/user", "http://a.example@evil", "a.example", nil, "malformed: a byte that no host name has"},
		{"6454,6.2/user_that_is_the_host", "http://x@a.example", "a.example", nil, "malformed: a byte that no host name has"},
		{"6454,6.2/path", "http://a.example/", "a.example", nil, "malformed: a byte that no host name has"},
		{"6454,6.2/query", "http://a.example?x", "a.example", nil, "malformed: a byte that no host name has"},
		{"6454,6.2/fragment", "http://a.example#x", "a.example", nil, "malformed: a byte that no host name has"},
		{"6454,6.2/backslash", `http://evil\.a.example`, "a.example", nil, "malformed: a byte that no host name has"},
		{"6454,6.2/several", "http://a.example http://b.example", "a.example", nil, "malformed: a byte that no host name has"},
		{"6454,6.2/several_with_comma", "http://a.example, http://b.example", "a.example", nil, "malformed: a byte that no host name has"},
		{"6454,6.2/not_ascii", "http://b\u00fccher.example", "a.example", nil, "malformed: a byte that no host name has"},
		{"6454,6.2/escape", "http://a%2eexample", "a.example", nil, "malformed: a byte that no host name has"},
		{"6454,6.2/line_feed", "http://a.example\n", "a.example", nil, "malformed: a byte that no host name has"},
		{"6454,6.2/no_scheme", "a.example", "a.example", nil, `malformed: no "scheme://"`},
		{"6454,6.2/empty_scheme", "://a.example", "a.example", nil, `malformed: no "scheme://"`},
		{"6454,6.2/scheme_starts_with_a_digit", "4http://a.example", "a.example", nil, `malformed: no "scheme://"`},
		{"6454,6.2/scheme_with_space", " http://a.example", "a.example", nil, `malformed: no "scheme://"`},
		{"6454,6.2/scheme_not_ascii", "h\u00e4://a.example", "a.example", nil, `malformed: no "scheme://"`},
		{"6454,6.2/opaque", "data:,x", "a.example", nil, `malformed: no "scheme://"`},
		{"6454,6.2/null_in_capitals", "NULL", "a.example", []string{"null"}, `malformed: no "scheme://"`},
		{"6454,6.2/no_host", "http://:80", "a.example", nil, "malformed: no host"},
		{"6454,6.2/dot", "http://.", "a.example", nil, "malformed: no host"},
		{"6454,6.2/port_no_number", "http://a.example:http", "a.example", nil, "malformed: no port number behind ':'"},
		{"6454,6.2/port_signed", "http://a.example:+80", "a.example", nil, "malformed: no port number behind ':'"},
		{"6454,6.2/port_too_large", "http://a.example:65616", "a.example", nil, "malformed: no port number behind ':'"},
		{"6454,6.2/port_twice", "http://a.example:80:80", "a.example", nil, "malformed: no port number behind ':'"},
		{"6454,6.2/ipv6_without_brackets", "http://::1", "[::1]", nil, "malformed: no host"},
		{"6454,6.2/ipv6_open", "http://[::1", "[::1]", nil, "malformed: '[' without ']'"},
		{"6454,6.2/ipv6_zone", "http://[fe80::1%eth0]", "[fe80::1]", nil, "malformed: no IPv6 address"},
		{"6454,6.2/ipv4_in_brackets", "http://[127.0.0.1]", "127.0.0.1", nil, "malformed: no IPv6 address"},
		{"6454,6.2/name_in_brackets", "http://[a.example]", "a.example", nil, "malformed: no IPv6 address"},
		{"6454,6.2/text_behind_bracket", "http://[::1]x:80", "[::1]", nil, "malformed: text behind ']'"},
		{"6454,6.2/malformed_with_a_list", "http://x@app.example", "app.example", list, "malformed: a byte that no host name has"},
		{"10.2/host_malformed", "http://a.example", "[::", nil, refused},

		// An allow-list, which replaces the default.
		{"10.2/listed", "https://app.example", "a.example", list, allowed},
		{"10.2/listed_case_dot_and_port", "https://APP.example.:443", "a.example", list, allowed},
		{"10.2/listed_with_port", "https://b.example:8443", "a.example", list, allowed},
		{"10.2/listed_ipv6", "http://[0::1]:3000", "a.example", list, allowed},
		{"10.2/listed_other_scheme", "app://obsidian.md", "a.example", list, allowed},
		{"10.2/listed_scheme_with_plus", "a+b-c.d://x", "a.example", []string{"A+B-C.D://x"}, allowed},
		{"10.2/listed_without_host", "file://", "a.example", list, allowed},
		{"10.2/no_origin_with_a_list", "", "a.example", list, allowed},
		{"10.2/listed_in_another_scheme", "http://app.example", "app.example", list, refused},
		{"10.2/listed_with_another_port", "https://app.example:8443", "a.example", list, refused},
		{"10.2/listed_without_its_port", "https://b.example", "a.example", list, refused},
		{"10.2/subdomain_of_listed", "https://x.app.example", "a.example", list, refused},
		{"10.2/same_host_not_listed", "http://a.example", "a.example", list, refused},
		{"10.2/null_not_listed", "null", "a.example", list, refused},
		{"10.2/self_same_host", "http://a.example", "a.example", []string{"https://app.example", "self"}, allowed},
		{"10.2/self_listed", "https://app.example", "a.example", []string{"self", "https://app.example"}, allowed},
		{"10.2/self_other", "https://b.example", "a.example", []string{"self"}, refused},
		{"10.2/null_listed", "null", "a.example", []string{"null"}, allowed},
		{"10.2/only_null_listed", "http://a.example", "a.example", []string{"null"}, refused},
		{"10.2/any", "https://evil.example", "a.example", []string{"https://app.example", "*"}, allowed},
		{"10.2/any_and_null", "null", "a.example", []string{"*"}, allowed},
		{"10.2/any_and_malformed", "localhost", "a.example", []string{"*"}, allowed},

		// "*." is exactly one label (CVE-2022-42975: a wildcard that matched too much).
		{"10.2/H7/pattern", "https://x.app.example", "a.example", pattern, allowed},
		{"10.2/H7/pattern_case_dot_and_port", "HTTPS://X.App.EXAMPLE.:443", "a.example", pattern, allowed},
		{"10.2/H7/pattern_with_a_dot", "https://x.app.example", "a.example", []string{"https://*.APP.example."}, allowed},
		{"10.2/H7/pattern_punycode", "https://xn--bcher-kva.app.example", "a.example", pattern, allowed},
		{"10.2/H7/pattern_below_punycode", "https://x.xn--bcher-kva.example", "a.example", []string{"https://*.XN--bcher-kva.example"}, allowed},
		{"10.2/H7/pattern_port", "http://x.app.example:8080", "a.example", []string{"http://*.app.example:8080"}, allowed},
		{"10.2/H7/pattern_localhost", "http://x.localhost:3000", "a.example", []string{"http://*.localhost:3000"}, allowed},
		{"10.2/H7/pattern_first_of_two", "https://x.b.example", "a.example", []string{"https://*.app.example", "https://*.b.example"}, allowed},
		{"10.2/H7/pattern_is_not_the_name_itself", "https://app.example", "a.example", pattern, refused},
		{"10.2/H7/pattern_not_two_labels", "https://x.y.app.example", "a.example", pattern, refused},
		{"10.2/H7/pattern_not_a_longer_label", "https://evilapp.example", "a.example", pattern, refused},
		{"10.2/H7/pattern_not_with_a_hyphen", "https://evil-app.example", "a.example", pattern, refused},
		{"10.2/H7/pattern_not_as_a_prefix", "https://x.app.example.evil", "a.example", pattern, refused},
		{"10.2/H7/pattern_no_empty_label", "https://.app.example", "a.example", pattern, refused},
		{"10.2/H7/pattern_other_scheme", "http://x.app.example", "a.example", pattern, refused},
		{"10.2/H7/pattern_other_port", "https://x.app.example:8443", "a.example", pattern, refused},
		{"10.2/H7/pattern_two_dots_at_the_end", "https://x.app.example..", "a.example", pattern, refused},
		{"10.2/H7/pattern_in_a_user", "https://x.app.example@evil.example", "a.example", pattern, "malformed: a byte that no host name has"},
		{"10.2/H7/no_other_patterns", "https://x.app.example", "a.example",
			[]string{"https://**.app.example", "https://*.*.example", "https://x.*.example", "*.app.example", "https://*", "https://*.example", "*://x.app.example"}, refused},
		{"10.2/H7/no_pattern_within_a_label", "https://evilapp.example", "a.example", []string{"https://*app.example"}, refused},
		{"10.2/H7/no_pattern_of_addresses", "http://127.0.0.1", "a.example", []string{"http://*.0.0.1", "http://*"}, refused},
		{"10.2/entry_without_scheme", "https://app.example", "a.example", []string{"app.example", ""}, refused},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := handshake.CheckOrigin(&handshake.Request{Origin: test.origin, Host: test.host}, test.entries)
			switch {
			case test.want == allowed:
				if err != nil {
					t.Error(err)
				}
			case err == nil:
				t.Error("allowed")
			case !strings.Contains(err.Error(), test.want):
				t.Errorf("error is %v, want %s", err, test.want)
			case err.(*handshake.Error).Status != 403:
				t.Errorf("status is %d", err.(*handshake.Error).Status)
			}
		})
	}
}

func TestCheckOriginNamesBothAndTheOption(t *testing.T) {
	err := handshake.CheckOrigin(&handshake.Request{Origin: "https://b.example", Host: "a.example:81"}, nil)
	wantError(t, err, 403, "10.2",
		`Origin "https://b.example" is not allowed to connect to host "a.example:81"; if it should be, add it to Config.Origins`)
}

func TestValidOrigin(t *testing.T) {
	for _, entry := range []string{
		"*", "null", "self", "https://example.com", "http://example.com:8080", "http://[::1]:3000",
		"HTTPS://Example.com", "https://*.example.com", "http://*.localhost:3000", "https://*.xn--bcher-kva.example.", "app://obsidian.md", "chrome-extension://abc", "file://",
	} {
		if err := handshake.ValidOrigin(entry); err != nil {
			t.Errorf("10.2: %v", err)
		}
	}
	for _, test := range []struct{ name, entry, want string }{
		{"empty", "", `handshake: "" is no origin like "https://example.com": no "scheme://"`},
		{"no_scheme", "example.com", `handshake: "example.com" is no origin like "https://example.com": no "scheme://"`},
		{"final_slash", "https://a.example/", `handshake: "https://a.example/" is no origin like "https://example.com": a byte that no host name has`},
		{"null_in_capitals", "Null", `handshake: "Null" is no origin like "https://example.com": no "scheme://"`},
		{"pattern_within_a_label", "https://*a.example", `handshake: "https://*a.example" is no origin like "https://example.com": a "*" stands for the first label only, as in "https://*.example.com"`},
		{"two_patterns", "https://*.*.example", `handshake: "https://*.*.example" is no origin like "https://example.com": a "*" stands for the first label only, as in "https://*.example.com"`},
		{"pattern_of_one_label", "https://*.example", `handshake: "https://*.example" is no origin like "https://example.com": behind "*." a name of two labels or more must stand`},
		{"pattern_without_a_name", "https://*.", `handshake: "https://*." is no origin like "https://example.com": a "*" stands for the first label only, as in "https://*.example.com"`},
		{"pattern_with_two_dots", "https://*.a..", `handshake: "https://*.a.." is no origin like "https://example.com": behind "*." a name of two labels or more must stand`},
		{"pattern_of_addresses", "http://*.0.0.1", `handshake: "http://*.0.0.1" is no origin like "https://example.com": behind "*." a name must stand, no IP address`},
		{"internationalized", "https://b\u00fccher.example", "handshake: \"https://b\u00fccher.example\" is no origin like \"https://example.com\": a byte that no host name has"},
		{"port_pattern", "https://a.example:*", `handshake: "https://a.example:*" is no origin like "https://example.com": no port number behind ':'`},
	} {
		t.Run("10.2/"+test.name, func(t *testing.T) {
			if err := handshake.ValidOrigin(test.entry); err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}
