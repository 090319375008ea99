package handshake_test

import (
	"bufio"
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/handshake"
)

// The example of RFC 6455, 1.3.
const (
	sampleKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	sampleAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// A head is the lines of a request or response head, the start line first,
// for tests that change one of them.
type head []string

var sampleRequest = head{
	"GET /chat HTTP/1.1",
	"Host: server.example.com",
	"Upgrade: websocket",
	"Connection: Upgrade",
	"Sec-WebSocket-Key: " + sampleKey,
	"Origin: http://example.com",
	"Sec-WebSocket-Protocol: chat, superchat",
	"Sec-WebSocket-Version: 13",
}

var sampleResponse = head{
	"HTTP/1.1 101 Switching Protocols",
	"Upgrade: websocket",
	"Connection: Upgrade",
	"Sec-WebSocket-Accept: " + sampleAccept,
	"Sec-WebSocket-Protocol: chat",
}

// with returns h with the given lines in place of every field of that name.
// The name "" stands for the start line.
func (h head) with(name string, lines ...string) head {
	if name == "" {
		return append(append(head{}, lines...), h[1:]...)
	}
	out := head{h[0]}
	for _, line := range h[1:] {
		if n, _, _ := strings.Cut(line, ":"); !strings.EqualFold(n, name) {
			out = append(out, line)
		}
	}
	return append(out, lines...)
}

func (h head) String() string { return strings.Join(h, "\r\n") + "\r\n\r\n" }

func readRequest(t testing.TB, s string) *http.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(s)))
	if err != nil {
		t.Fatalf("net/http refuses %q: %v", s, err)
	}
	return r
}

func readResponse(t testing.TB, s string) *http.Response {
	t.Helper()
	r, err := http.ReadResponse(bufio.NewReader(strings.NewReader(s)), nil)
	if err != nil {
		t.Fatalf("net/http refuses %q: %v", s, err)
	}
	return r
}

// wantError fails the test unless err is an *Error with that status, section
// and detail, and exactly the fields of header, given as "Name: value" lines.
func wantError(t *testing.T, err error, status int, section, detail string, header ...string) {
	t.Helper()
	e, ok := errors.AsType[*handshake.Error](err)
	if !ok {
		t.Fatalf("error is %v (%T), want an *Error", err, err)
	}
	if e.Status != status || e.Section != section || e.Detail != detail {
		t.Errorf("got  %d, %s, %s\nwant %d, %s, %s", e.Status, e.Section, e.Detail, status, section, detail)
	}
	var got bytes.Buffer
	if err := e.Header.Write(&got); err != nil {
		t.Fatal(err)
	}
	if want := strings.Join(append(header, ""), "\r\n"); got.String() != want {
		t.Errorf("header is %q, want %q", got.String(), want)
	}
}

// The whole handshake, each side's bytes read by net/http and checked by the
// other side.
func TestRoundTrip(t *testing.T) {
	for _, test := range []struct {
		name        string
		url         string
		client      handshake.ClientRequest
		supported   []string
		extensions  string
		subprotocol string
	}{
		{name: "4.1/bare", url: "ws://example.com"},
		{name: "4.1/every_field", url: "wss://example.com:8443/a%20b/c?d=e%26&f", client: handshake.ClientRequest{
			Subprotocols: []string{"v1.chat", "v2.chat"},
			Extensions:   "permessage-deflate; client_max_window_bits, x; y=z",
			Origin:       "https://example.com:8443",
			Header:       http.Header{"Cookie": {"a=b"}, "X-Many": {"1", "2"}, "x-empty": {""}},
		}, supported: []string{"v2.chat", "v1.chat"}, subprotocol: "v2.chat",
			extensions: "permessage-deflate; client_max_window_bits=12"},
		{name: "4.2.2/no_common_subprotocol", url: "ws://[::1]:80/", client: handshake.ClientRequest{
			Subprotocols: []string{"chat"},
		}, supported: []string{"Chat"}},
		{name: "3/zone_and_double_slash", url: "ws://[fe80::1%25eth0]:81//x", client: handshake.ClientRequest{Origin: "null"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			u, _, err := handshake.ParseURL(test.url)
			if err != nil {
				t.Fatal(err)
			}
			c := test.client
			c.Host, c.RequestURI, c.Key = handshake.HostField(u), u.RequestURI(), sampleKey
			request, err := handshake.AppendRequest(nil, c)
			if err != nil {
				t.Fatal(err)
			}
			q, err := handshake.CheckRequest(readRequest(t, string(request)))
			if err != nil {
				t.Fatal(err)
			}
			if q.Host != c.Host || q.RequestURI != c.RequestURI || q.Origin != c.Origin || q.Key != c.Key {
				t.Errorf("sent %+v, received %+v", c, q)
			}
			subprotocol := handshake.SelectSubprotocol(q.Subprotocols, test.supported)
			if subprotocol != test.subprotocol {
				t.Errorf("server selects %q, want %q", subprotocol, test.subprotocol)
			}
			response, err := handshake.AppendResponse(nil, handshake.Response{
				Key: q.Key, Subprotocol: subprotocol, Extensions: test.extensions,
				Header: http.Header{"Set-Cookie": {"a=b", "c=d"}},
			})
			if err != nil {
				t.Fatal(err)
			}
			r := readResponse(t, string(response))
			result, err := handshake.CheckResponse(r, c)
			if err != nil {
				t.Fatal(err)
			}
			if result.Subprotocol != test.subprotocol || handshake.FormatExtensions(result.Extensions) != test.extensions {
				t.Errorf("agreed on %+v", result)
			}
			if got := r.Header["Set-Cookie"]; len(got) != 2 {
				t.Errorf("Set-Cookie is %q", got)
			}
		})
	}
}

func TestError(t *testing.T) {
	for _, test := range []struct {
		name string
		err  handshake.Error
		want string
	}{
		{"with_section", handshake.Error{Section: "4.2.1", Detail: "what came"}, "handshake: what came (RFC 6455, 4.2.1)"},
		{"of_another_rfc", handshake.Error{Section: "RFC 9112, 5.1", Detail: "what came"}, "handshake: what came (RFC 9112, 5.1)"},
		{"without_section", handshake.Error{Status: 401, Detail: "who are you"}, "handshake: who are you"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.err.Error(); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
