package handshake_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"unsafe"

	"github.com/hawser-go/hawser/handshake"
)

// What a hook sees is the same from both sources.
func TestRequestFields(t *testing.T) {
	h := sampleRequest.with("", "GET /a%2Fb%20c?d=e%26&f=1&f=2;3 HTTP/1.1").with("X", "cookie: a=b", "Cookie: c=d", "X-Empty:")
	for i, check := range bothWays(t, h.String()) {
		q, err := check()
		if err != nil {
			t.Fatal(err)
		}
		if got := q.Path(); got != "/a/b c" {
			t.Errorf("Path is %q", got)
		}
		if got, want := q.Query(), (url.Values{"d": {"e&"}, "f": {"1"}}); !maps.EqualFunc(got, want, slices.Equal) {
			t.Errorf("Query is %v, want %v", got, want)
		}
		if got := q.Values("COOKIE"); !slices.Equal(got, []string{"a=b", "c=d"}) {
			t.Errorf("Values is %q", got)
		}
		for name, want := range map[string]string{"cookie": "a=b", "HOST": "server.example.com", "x-empty": "", "None": "", "origin": "http://example.com"} {
			if got := q.Get(name); got != want {
				t.Errorf("Get(%q) is %q, want %q", name, got, want)
			}
		}
		got := http.Header{}
		for name, value := range q.Fields() {
			got.Add(name, value)
		}
		want := readRequest(t, h.String()).Header
		if !maps.EqualFunc(got, want, slices.Equal) {
			t.Errorf("Fields are %v, want %v", got, want)
		}
		n := 0
		for range q.Fields() {
			n++
			break
		}
		if n != 1 || (q.HTTP == nil) != (i == 1) {
			t.Errorf("%d fields before a break, HTTP %v", n, q.HTTP)
		}
	}
	var zero handshake.Request
	if zero.Get("a") != "" || zero.Values("a") != nil || zero.Path() != "" {
		t.Error("the zero Request has fields")
	}
	for range zero.Fields() {
		t.Error("the zero Request has fields")
	}
}

// H12: the hook's choice goes before the configuration's.
func TestRequestResponse(t *testing.T) {
	for _, test := range []struct {
		name   string
		choose func(*handshake.Request)
		want   string
		err    string
	}{
		{"4.2.2/configured", func(q *handshake.Request) {}, "superchat", ""},
		{"4.2.2/chosen", func(q *handshake.Request) { q.SetSubprotocol("chat") }, "chat", ""},
		{"4.2.2/none_chosen", func(q *handshake.Request) { q.SetSubprotocol("") }, "", ""},
		{"4.2.2/not_offered", func(q *handshake.Request) { q.SetSubprotocol("Chat") }, "", `handshake: subprotocol "Chat" is not one that the client offers`},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, check := range bothWays(t, sampleRequest.String()) {
				q, err := check()
				if err != nil {
					t.Fatal(err)
				}
				test.choose(q)
				q.ResponseHeader().Set("Set-Cookie", "a=b")
				q.ResponseHeader().Add("Set-Cookie", "c=d")
				p, err := q.Response([]string{"superchat", "chat"})
				if test.err != "" {
					if err == nil || err.Error() != test.err {
						t.Errorf("error is %v", err)
					}
					continue
				}
				if err != nil || p.Subprotocol != test.want || p.Key != sampleKey || len(p.Extra["Set-Cookie"]) != 2 {
					t.Errorf("%+v, %v", p, err)
				}
			}
		})
	}
}

// The connection keeps its subprotocol for long: that must not keep the head, too.
func TestRequestResponseKeepsNothing(t *testing.T) {
	q, err := handshake.CheckHead(parseHead(t, sampleRequest.String()))
	if err != nil {
		t.Fatal(err)
	}
	q.SetSubprotocol(q.Subprotocols[1])
	p, err := q.Response(nil)
	if err != nil || p.Subprotocol != "superchat" || unsafe.StringData(p.Subprotocol) == unsafe.StringData(q.Subprotocols[1]) {
		t.Errorf("1.2/the answer has a part of the head: %+v, %v", p, err)
	}
}
