package handshake_test

import (
	"net/http"
	"testing"

	"github.com/hawser-go/hawser/handshake"
)

func TestAppendConnect(t *testing.T) {
	for _, test := range []struct {
		name          string
		address       string
		authorization string
		header        http.Header
		want          head
	}{
		{"4.1/bare", "example.com:443", "", nil, head{"CONNECT example.com:443 HTTP/1.1", "Host: example.com:443"}},
		{"4.1/ipv6", "[::1]:80", "", nil, head{"CONNECT [::1]:80 HTTP/1.1", "Host: [::1]:80"}},
		{"4.1/authorization_and_fields", "example.com:80", "Basic YTpi", http.Header{"User-Agent": {"a"}, "X-B": {"1", "2"}},
			head{"CONNECT example.com:80 HTTP/1.1", "Host: example.com:80", "Proxy-Authorization: Basic YTpi", "User-Agent: a", "X-B: 1", "X-B: 2"}},
		{"4.1/authorization_in_the_fields", "example.com:80", "Basic YTpi", http.Header{"Proxy-Authorization": {"Bearer c"}},
			head{"CONNECT example.com:80 HTTP/1.1", "Host: example.com:80", "Proxy-Authorization: Bearer c"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := handshake.AppendConnect([]byte("before"), test.address, test.authorization, test.header)
			if want := "before" + test.want.String(); err != nil || string(got) != want {
				t.Errorf("got  %q, %v\nwant %q", got, err, want)
			}
			r := readRequest(t, string(got[len("before"):]))
			if r.Method != "CONNECT" || r.Host != test.address || r.RequestURI != test.address {
				t.Errorf("net/http reads %s %s for %s", r.Method, r.RequestURI, r.Host)
			}
		})
	}
}

func TestAppendConnectRefuses(t *testing.T) {
	type refusal struct {
		name, address, authorization string
		header                       http.Header
		err                          string
	}
	tests := []refusal{
		{"K6/no_address", "", "", nil, `handshake: CONNECT to "": no host`},
		{"K6/no_port", "a", "", nil, `handshake: CONNECT to "a": no port`},
		{"K6/cr_lf_in_host", "a\r\nX: b:80", "", nil, `handshake: CONNECT to "a\r\nX: b:80": a byte that no host name has`},
		{"K6/space_in_host", "a b:80", "", nil, `handshake: CONNECT to "a b:80": a byte that no host name has`},
		{"K6/user", "a@b:80", "", nil, `handshake: CONNECT to "a@b:80": a byte that no host name has`},
		{"K6/path", "a:80/", "", nil, `handshake: CONNECT to "a:80/": no port number behind ':'`},
		{"K6/zone", "[fe80::1%a]:80", "", nil, `handshake: CONNECT to "[fe80::1%a]:80": no IPv6 address between '[' and ']'`},
		{"K6/cr_lf_in_authorization", "a:80", "Basic \r\nX: b", nil, "handshake: Proxy-Authorization has a control character in its value"},
		{"K6/cr_lf_in_authorization_of_the_fields", "a:80", "", http.Header{"Proxy-Authorization": {"\r\n"}}, "handshake: header field Proxy-Authorization has a control character in its value"},
		{"K6/host_in_header", "a:80", "", http.Header{"Host": {"b"}}, "handshake: header field Host is set by the handshake"},
	}
	for _, f := range badFields {
		tests = append(tests, refusal{f.name, "a:80", "", http.Header{f.field: {f.value}}, f.err})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := handshake.AppendConnect([]byte("before"), test.address, test.authorization, test.header)
			wantRefusal(t, got, err, test.err)
		})
	}
}
