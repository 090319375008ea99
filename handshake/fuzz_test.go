package handshake_test

import (
	"bufio"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/handshake"
)

// FuzzCheckRequest: a refusal is an *Error with a status that fits; what is
// accepted can be sent again and says the same; and the answer to it satisfies
// the client that sent it.
func FuzzCheckRequest(f *testing.F) {
	f.Add(sampleRequest.String(), "")
	for _, line := range []string{
		"GET //a?b=%20 HTTP/1.1", "GET http://a:1/b HTTP/1.1", "GET * HTTP/1.1", "GET / HTTP/1.0", "POST / HTTP/1.1", "GET /# HTTP/1.1",
	} {
		f.Add(sampleRequest.with("", line).String(), "")
	}
	for _, line := range []string{
		"Host: [::1]:81", "Host: [::", "Upgrade: h2c, WebSocket", "Connection: a,upgrade", "Origin: null", "Origin: http://x@evil",
		"Sec-WebSocket-Version: 12", "Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==", "Content-Length: 3", "Transfer-Encoding: chunked",
		`Sec-WebSocket-Extensions: a; b="\c", d; e`, "Sec-WebSocket-Protocol: a,,b",
	} {
		name, _, _ := strings.Cut(line, ":")
		f.Add(sampleRequest.with(name, line).String(), "http://example.com")
		f.Add(sampleRequest.with("X", line).String(), "self")
	}
	f.Fuzz(func(t *testing.T, in, entry string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(in)))
		if err != nil {
			return
		}
		q, err := handshake.CheckRequest(r)
		if err != nil {
			wantAnswer(t, err)
			return
		}
		if err := handshake.CheckOrigin(q, nil); err != nil {
			wantAnswer(t, err)
		}
		if err := handshake.CheckOrigin(q, []string{entry}); err != nil {
			wantAnswer(t, err)
		} else if q.Origin != "" && handshake.ValidOrigin(entry) != nil {
			t.Fatalf("origin %q matches %q, which is no valid entry", q.Origin, entry)
		}

		c := handshake.ClientRequest{
			Host: q.Host, RequestURI: q.RequestURI, Key: q.Key, Origin: q.Origin,
			Subprotocols: q.Subprotocols, Extensions: handshake.FormatExtensions(q.Extensions),
		}
		b, err := handshake.AppendRequest(nil, c)
		if err != nil {
			t.Fatalf("what was accepted cannot be sent: %v", err)
		}
		again, err := handshake.CheckRequest(readRequest(t, string(b)))
		if err != nil {
			t.Fatalf("sent again, it is refused: %v", err)
		}
		again.HTTP = q.HTTP
		if !reflect.DeepEqual(again, q) {
			t.Fatalf("sent again, %+v is %+v", q, again)
		}

		b, err = handshake.AppendResponse(nil, handshake.Response{
			Key: q.Key, Subprotocol: handshake.SelectSubprotocol(q.Subprotocols, q.Subprotocols), Extensions: c.Extensions,
		})
		if err != nil {
			t.Fatalf("no answer: %v", err)
		}
		result, err := handshake.CheckResponse(readResponse(t, string(b)), c)
		if err != nil {
			t.Fatalf("the answer is refused: %v", err)
		}
		if !reflect.DeepEqual(result.Extensions, q.Extensions) || len(q.Subprotocols) > 0 && result.Subprotocol != q.Subprotocols[0] {
			t.Fatalf("agreed on %+v of %+v", result, q)
		}
	})
}

// wantAnswer fails the test unless err carries an HTTP answer of the statuses
// that CheckRequest documents.
func wantAnswer(t *testing.T, err error) {
	t.Helper()
	e, ok := errors.AsType[*handshake.Error](err)
	if !ok {
		t.Fatalf("error is %T", err)
	}
	switch e.Status {
	case 400, 403, 405, 426, 505:
	default:
		t.Fatalf("status is %d", e.Status)
	}
	if e.Detail == "" || e.Section == "" || len(e.Detail) > 2048 {
		t.Fatalf("section %q, detail of %d bytes", e.Section, len(e.Detail))
	}
	if e.Status == 426 && e.Header.Get("Upgrade") == "" {
		t.Fatal("426 without Upgrade")
	}
}

// FuzzCheckResponse: a refusal is an *Error with the status that came; what is
// accepted proves the key and has nothing that was not offered.
func FuzzCheckResponse(f *testing.F) {
	f.Add(sampleResponse.String())
	for _, line := range []string{"HTTP/1.1 404 Not Found", "HTTP/1.0 101 X", "HTTP/1.1 101"} {
		f.Add(sampleResponse.with("", line).String())
	}
	for _, line := range []string{
		"Upgrade: WebSocket", "Upgrade: h2c", "Connection: a, upgrade", "Connection: close", "Sec-WebSocket-Accept: x",
		"Sec-WebSocket-Protocol: superchat", "Sec-WebSocket-Protocol: x", "Sec-WebSocket-Extensions: bar; x=\"y\", foo", "Sec-WebSocket-Extensions: x",
	} {
		name, _, _ := strings.Cut(line, ":")
		f.Add(sampleResponse.with(name, line).String())
		f.Add(sampleResponse.with("X", line).String())
	}
	f.Fuzz(func(t *testing.T, in string) {
		r, err := http.ReadResponse(bufio.NewReader(strings.NewReader(in)), nil)
		if err != nil {
			return
		}
		result, err := handshake.CheckResponse(r, sampleClient)
		if err != nil {
			if e, ok := errors.AsType[*handshake.Error](err); !ok || e.Status != r.StatusCode || e.Detail == "" || len(e.Detail) > 2048 {
				t.Fatalf("error is %#v", err)
			}
			return
		}
		if r.StatusCode != 101 || strings.TrimSpace(r.Header.Get("Sec-WebSocket-Accept")) != sampleAccept {
			t.Fatal("accepted without proof")
		}
		switch result.Subprotocol {
		case "", "chat", "superchat":
		default:
			t.Fatalf("subprotocol %q", result.Subprotocol)
		}
		for _, e := range result.Extensions {
			if e.Name != "foo" && e.Name != "bar" {
				t.Fatalf("extension %q", e.Name)
			}
		}
	})
}

// FuzzParseExtensions: parse after format is the identity, and so is format
// after parse once a field is in its canonical form.
func FuzzParseExtensions(f *testing.F) {
	for _, test := range extensionFields {
		f.Add(strings.Join(test.lines, ","))
	}
	f.Fuzz(func(t *testing.T, in string) {
		list, err := handshake.ParseExtensions([]string{in})
		if err != nil {
			wantAnswer(t, err)
			return
		}
		canonical := handshake.FormatExtensions(list)
		again, err := handshake.ParseExtensions([]string{canonical})
		if err != nil || !reflect.DeepEqual(again, list) {
			t.Fatalf("%q reads back as %+v, %v", canonical, again, err)
		}
		if c := handshake.FormatExtensions(again); c != canonical {
			t.Fatalf("%q becomes %q", canonical, c)
		}
		again, err = handshake.ParseExtensions(strings.Split(canonical, ", "))
		if err != nil || !reflect.DeepEqual(again, list) {
			t.Fatalf("%q on several lines reads as %+v, %v", canonical, again, err)
		}
	})
}

// FuzzParseURL: what is accepted gives a request that net/http reads and that
// asks the host for the resource.
func FuzzParseURL(f *testing.F) {
	for _, s := range []string{
		"ws://a", "wss://a:443/b?c", "ws://[::1]:81//", "ws://[fe80::1%25eth0]/", "ws://a/%20?%20", "ws://a/?", "ws:a", "http://a", "ws://u@a", "ws://a/#",
		"ws://b\u00fccher.example:81/a", "ws://\uff11.0.0.1", "ws://a%FF\u3002b", "ws://b%C3%BCcher",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, secure, err := handshake.ParseURL(s)
		if err != nil {
			return
		}
		if _, err := handshake.AppendConnect(nil, handshake.ConnectAddress(u), "", nil); err != nil {
			t.Fatalf("%q: no tunnel to it: %v", s, err)
		}
		if !handshake.SameOrigin(u, u) {
			t.Fatalf("%q has another origin than itself", s)
		}
		if secure != (u.Scheme == "wss") || !strings.Contains(handshake.Address(u), ":") {
			t.Fatalf("%q: secure %v, address %q", s, secure, handshake.Address(u))
		}
		c := handshake.ClientRequest{Host: handshake.HostField(u), RequestURI: u.RequestURI(), Key: sampleKey}
		b, err := handshake.AppendRequest(nil, c)
		if err != nil {
			t.Fatalf("%q cannot be asked for: %v", s, err)
		}
		q, err := handshake.CheckRequest(readRequest(t, string(b)))
		if err != nil {
			t.Fatalf("%q is refused: %v", s, err)
		}
		if q.Host != c.Host || q.RequestURI != c.RequestURI {
			t.Fatalf("%q asks %q for %q", s, q.Host, q.RequestURI)
		}
	})
}
