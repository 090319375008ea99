package handshake_test

import (
	"bufio"
	"bytes"
	"errors"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/handshake"
)

// FuzzHead compares us with net/http.
//
// What we accept, net/http accepts, too, with the same method, target, version
// and fields; but it does not skip an empty line before the request line, takes
// Host out of the fields, and adds Cache-Control to "Pragma: no-cache".
//
// What both read and only net/http accepts as an opening handshake is one of the
// things that stricter lists.
//
// And however the bytes are cut, the outcome is the same.
func FuzzHead(f *testing.F) {
	for _, h := range []head{
		browserRequest, sampleRequest, sampleRequest.with("", "GET http://a:1/b?c HTTP/1.1"), sampleRequest.with("", "GET //a HTTP/1.2"),
		sampleRequest.with("", "POST / HTTP/1.1"), sampleRequest.with("", "GET /%zz HTTP/1.1"), sampleRequest.with("X", "Content-Length: 0"),
		sampleRequest.with("X", "Content-Length: 00"), sampleRequest.with("X", "Transfer-Encoding: chunked"), sampleRequest.with("X", "A : b"),
		sampleRequest.with("X", "A: b", " c"), sampleRequest.with("X", "A: \x00"), sampleRequest.with("Host"), sampleRequest.with("X", "Host: b"),
		sampleRequest.with("X", "A:"+strings.Repeat(" ", 100)+"b \t"), sampleRequest.with("X", slices.Repeat([]string{"A: b"}, 70)...),
	} {
		f.Add([]byte(h.String()))
		f.Add([]byte("\r\n" + h.String() + "\x81\x80"))
		f.Add([]byte(strings.ReplaceAll(h.String(), "\r", "")))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		h := handshake.NewHead(0, 0)
		n, err := h.Parse(in)
		compareChopped(t, in, h, n, err)
		// As net/http sees it: whether h is complete there is for it to find out.
		r, httpErr := http.ReadRequest(bufio.NewReader(bytes.NewReader(bytes.TrimPrefix(in, []byte("\r\n")))))
		if n == 0 {
			if err != nil {
				wantHeadError(t, err)
			}
			if httpErr == nil {
				// It is complete to net/http.
				if err == nil || !stricter(err) {
					t.Fatalf("net/http reads %+v, and we do not: %v", r, err)
				}
			}
			return
		}
		q, err := handshake.CheckHead(h)
		if err != nil {
			wantAnswer(t, err)
			if httpErr == nil {
				if _, httpErr := handshake.CheckRequest(r); httpErr == nil && !stricter(err) {
					t.Fatalf("net/http's request is accepted, ours is not: %v", err)
				}
			}
			return
		}
		if httpErr != nil {
			t.Fatalf("we accept what net/http does not read: %v", httpErr)
		}
		want, err := handshake.CheckRequest(r)
		if err != nil {
			t.Fatalf("we accept what is refused of net/http: %v", err)
		}
		if q.Host != want.Host || q.RequestURI != want.RequestURI || q.Origin != want.Origin || q.Key != want.Key ||
			!slices.Equal(q.Subprotocols, want.Subprotocols) || handshake.FormatExtensions(q.Extensions) != handshake.FormatExtensions(want.Extensions) {
			t.Fatalf("got %+v, net/http %+v", q, want)
		}
		compareFields(t, h, r)
		if !h.AsksForWebSocket() || q.Path() != r.URL.Path && r.URL.Path != "" || !maps.EqualFunc(q.Query(), r.URL.Query(), slices.Equal) {
			t.Fatalf("path %q, query %v; net/http %q, %v", q.Path(), q.Query(), r.URL.Path, r.URL.Query())
		}
	})
}

// compareChopped feeds in in another way: one byte at a time.
func compareChopped(t *testing.T, in []byte, whole *handshake.Head, n int, err error) {
	t.Helper()
	if len(in) > 20<<10 {
		return
	}
	h := handshake.NewHead(0, 0)
	var m int
	var chopped error
	for i := 0; i < len(in) && m == 0 && chopped == nil; i++ {
		m, chopped = h.Parse(in[:i+1])
	}
	if m != n || !reflect.DeepEqual(chopped, err) || n != 0 && !slices.Equal(contents(h), contents(whole)) {
		t.Fatalf("whole: %d, %v; one byte at a time: %d, %v", n, err, m, chopped)
	}
}

func compareFields(t *testing.T, h *handshake.Head, r *http.Request) {
	t.Helper()
	got := http.Header{}
	for i := range h.Fields() {
		name, value := h.Field(i)
		got.Add(string(name), string(value))
	}
	got.Del("Host")
	if v := got["Pragma"]; len(v) > 0 && v[0] == "no-cache" && got["Cache-Control"] == nil {
		got["Cache-Control"] = []string{"no-cache"}
	}
	if !maps.EqualFunc(got, r.Header, slices.Equal) || string(h.Method()) != r.Method || string(h.Target()) != r.RequestURI {
		t.Fatalf("got %s %s %v, net/http %s %s %v", h.Method(), h.Target(), got, r.Method, r.RequestURI, r.Header)
	}
	if major, minor := h.Version(); major != r.ProtoMajor || minor != r.ProtoMinor {
		t.Fatalf("version %d %d, net/http %s", major, minor, r.Proto)
	}
}

// wantHeadError fails the test unless err is what Parse documents.
func wantHeadError(t *testing.T, err error) {
	t.Helper()
	e, ok := errors.AsType[*handshake.Error](err)
	if !ok || e.Header.Get("Connection") != "close" || len(e.Detail) > 256 || e.Section == "" {
		t.Fatalf("error is %#v", err)
	}
	switch e.Status {
	case 400, 414, 431:
	default:
		t.Fatalf("status is %d", e.Status)
	}
}

// stricter reports whether err is one of the differences that are meant: what
// net/http reads and we refuse.
func stricter(err error) bool {
	e, ok := errors.AsType[*handshake.Error](err)
	if !ok {
		return false
	}
	switch e.Section {
	case "RFC 9112, 2.2", // a CR without LF
		"RFC 9112, 3",   // a request line with other white space, or LF alone behind it, or too long
		"RFC 9112, 5.1", // a line that is no field; LF alone for the empty line
		"RFC 9112, 5.2", // a field on several lines, or white space before the first
		"RFC 9110, 5.5", // a control character in a value, or LF alone behind it
		"RFC 6585, 5":   // the limits
		return true
	}
	// Host and Content-Length in forms that net/http mends or does not look at.
	return strings.HasPrefix(e.Detail, "Host ") || e.Detail == "request has a body"
}
