package handshake_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser/handshake"
)

func TestAppendResponse(t *testing.T) {
	for _, test := range []struct {
		name string
		p    handshake.Response
		want head
	}{
		{"4.2.2/bare", handshake.Response{Key: sampleKey}, sampleResponse[:4]},
		{"1.3/sample", handshake.Response{Key: sampleKey, Subprotocol: "chat"}, sampleResponse},
		{"4.2.2/every_field", handshake.Response{
			Key: sampleKey, Subprotocol: "chat", Extensions: "a; b=c",
			Header: http.Header{"X-B": {"2", "", "\t\xff"}, "X-A": {"1"}, "X-None": {}},
		}, append(append(head{}, sampleResponse...), "Sec-WebSocket-Extensions: a; b=c", "X-A: 1", "X-B: 2", "X-B: ", "X-B: \t\xff")},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := handshake.AppendResponse([]byte("before"), test.p)
			if want := "before" + test.want.String(); err != nil || string(got) != want {
				t.Errorf("got  %q, %v\nwant %q", got, err, want)
			}
		})
	}
}

// badFields are header fields that an application must not add to either side's
// head (1.6, T-SPLIT).
var badFields = []struct{ name, field, value, err string }{
	{"4.2.2/upgrade", "Upgrade", "h2c", "handshake: header field Upgrade is set by the handshake"},
	{"4.2.2/connection_in_lower_case", "connection", "close", "handshake: header field connection is set by the handshake"},
	{"4.2.2/accept", "Sec-WebSocket-Accept", "a", "handshake: header field Sec-WebSocket-Accept is set by the handshake"},
	{"4.2.2/protocol_in_capitals", "SEC-WEBSOCKET-PROTOCOL", "a", "handshake: header field SEC-WEBSOCKET-PROTOCOL is set by the handshake"},
	{"4.2.2/extensions", "Sec-Websocket-Extensions", "a", "handshake: header field Sec-Websocket-Extensions is set by the handshake"},
	{"4.2.2/unknown_sec_websocket", "Sec-WebSocket-", "a", "handshake: header field Sec-WebSocket- is set by the handshake"},
	{"9112,6/content_length", "Content-Length", "0", "handshake: header field Content-Length is set by the handshake"},
	{"9112,6/transfer_encoding", "Transfer-encoding", "chunked", "handshake: header field Transfer-encoding is set by the handshake"},
	{"9110,5.5/cr_lf", "X-A", "a\r\nX-B: b", "handshake: header field X-A has a control character in its value"},
	{"9110,5.5/lf", "X-A", "a\n", "handshake: header field X-A has a control character in its value"},
	{"9110,5.5/cr", "X-A", "\r", "handshake: header field X-A has a control character in its value"},
	{"9110,5.5/nul", "X-A", "a\x00b", "handshake: header field X-A has a control character in its value"},
	{"9110,5.5/del", "X-A", "\x7f", "handshake: header field X-A has a control character in its value"},
	{"9110,5.1/empty_name", "", "a", `handshake: header field name "" is not a token`},
	{"9110,5.1/name_with_space", "X A", "a", `handshake: header field name "X A" is not a token`},
	{"9110,5.1/name_with_colon", "X-A:", "a", `handshake: header field name "X-A:" is not a token`},
	{"9110,5.1/name_with_cr_lf", "X-A: a\r\nX-B", "a", `handshake: header field name "X-A: a\r\nX-B" is not a token`},
	{"9110,5.1/name_not_ascii", "X-\u00c4", "a", `handshake: header field name "X-Ä" is not a token`},
}

func TestAppendResponseRefuses(t *testing.T) {
	type refusal struct {
		name string
		p    handshake.Response
		err  string
	}
	tests := []refusal{
		{"4.2.2/no_key", handshake.Response{}, `handshake: Sec-WebSocket-Key "" is not base64 of 16 bytes`},
		{"4.2.2/subprotocol_list", handshake.Response{Key: sampleKey, Subprotocol: "a, b"}, `handshake: subprotocol "a, b" is not a token`},
		{"4.2.2/subprotocol_with_cr_lf", handshake.Response{Key: sampleKey, Subprotocol: "a\r\nX: b"}, `handshake: subprotocol "a\r\nX: b" is not a token`},
		{"4.2.2/subprotocol_with_nul", handshake.Response{Key: sampleKey, Subprotocol: "a\x00"}, `handshake: subprotocol "a\x00" is not a token`},
		{"9.1/extensions_with_lf", handshake.Response{Key: sampleKey, Extensions: "a\nX: b"},
			`handshake: extensions to send: expected ',' or ';' at byte 1, near "a\nX: b"`},
		{"9.1/no_extension", handshake.Response{Key: sampleKey, Extensions: " "}, "handshake: extensions to send: no element"},
	}
	for _, f := range badFields {
		tests = append(tests, refusal{f.name, handshake.Response{Key: sampleKey, Header: http.Header{f.field: {f.value}}}, f.err})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := handshake.AppendResponse([]byte("before"), test.p)
			wantRefusal(t, got, err, test.err)
		})
	}
}

// wantRefusal fails the test unless nothing was appended to "before" and the
// error is that of a wrong argument, not of the peer.
func wantRefusal(t *testing.T, got []byte, err error, want string) {
	t.Helper()
	if string(got) != "before" {
		t.Errorf("appended %q", strings.TrimPrefix(string(got), "before"))
	}
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if _, ok := err.(*handshake.Error); ok {
		t.Error("the error blames the peer")
	}
}

// Both kinds of fields, and the rules hold for both (T-SPLIT).
func TestAppendResponseExtra(t *testing.T) {
	p := handshake.Response{Key: sampleKey, Header: http.Header{"X-A": {"1"}}, Extra: http.Header{"Set-Cookie": {"a=b", "c=d"}}}
	b, err := handshake.AppendResponse(nil, p)
	if err != nil || !strings.HasSuffix(string(b), "\r\nX-A: 1\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\n") {
		t.Errorf("%q, %v", b, err)
	}
	p.Extra = http.Header{"X-B": {"a\r\nb"}}
	if b, err := handshake.AppendResponse([]byte("x"), p); string(b) != "x" || err == nil {
		t.Errorf("%q, %v", b, err)
	}
}

func TestAppendRefusal(t *testing.T) {
	now := time.Date(1994, 11, 6, 9, 49, 37, 0, time.FixedZone("", 3600)) // RFC 9110, 5.6.7
	const date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
	const text = "Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n"
	for _, test := range []struct {
		name     string
		err      *handshake.Error
		headOnly bool
		want     string
	}{
		{"9112,4/text", &handshake.Error{Status: 400, Detail: "bad"}, false,
			"HTTP/1.1 400 Bad Request\r\n" + date + "Connection: close\r\n" + text + "Content-Length: 15\r\n\r\nhandshake: bad\n"},
		{"9110,9.3.2/HEAD", &handshake.Error{Status: 405, Detail: "bad", Header: http.Header{"Allow": {"GET"}}}, true,
			"HTTP/1.1 405 Method Not Allowed\r\n" + date + "Connection: close\r\nAllow: GET\r\n" + text + "Content-Length: 15\r\n\r\n"},
		{"9110,7.8/426", &handshake.Error{Status: 426, Detail: "bad", Header: http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}}}, false,
			"HTTP/1.1 426 Upgrade Required\r\n" + date + "Connection: Upgrade, close\r\nUpgrade: websocket\r\n" + text + "Content-Length: 15\r\n\r\nhandshake: bad\n"},
		{"9112,9.6/close_once", &handshake.Error{Status: 400, Detail: "bad", Header: http.Header{"Connection": {"close"}, "Date": {"now"}}}, false,
			"HTTP/1.1 400 Bad Request\r\n" + date + "Connection: close\r\n" + text + "Content-Length: 15\r\n\r\nhandshake: bad\n"},
		{"9110,8.3/own_body", &handshake.Error{Status: 401, Body: []byte("{}"), Header: http.Header{"Content-Type": {"application/json"}, "Www-Authenticate": {"a", "b"}}}, false,
			"HTTP/1.1 401 Unauthorized\r\n" + date + "Connection: close\r\nContent-Type: application/json\r\nWww-Authenticate: a\r\nWww-Authenticate: b\r\nContent-Length: 2\r\n\r\n{}"},
		{"9110,8.6/empty_body", &handshake.Error{Status: 503, Body: []byte{}}, false,
			"HTTP/1.1 503 Service Unavailable\r\n" + date + "Connection: close\r\n" + text + "Content-Length: 0\r\n\r\n"},
		{"9110,15.3.5/204", &handshake.Error{Status: 204, Header: http.Header{"Content-Type": {"a/b"}}}, false,
			"HTTP/1.1 204 No Content\r\n" + date + "Connection: close\r\nContent-Type: a/b\r\n\r\n"},
		{"9110,15.4.5/304", &handshake.Error{Status: 304, Header: http.Header{"content-type": {"a/b"}}}, false,
			"HTTP/1.1 304 Not Modified\r\n" + date + "Connection: close\r\ncontent-type: a/b\r\n\r\n"},
		{"9110,15/status_without_a_name", &handshake.Error{Status: 499, Body: []byte("x")}, false,
			"HTTP/1.1 499 \r\n" + date + "Connection: close\r\n" + text + "Content-Length: 1\r\n\r\nx"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, err := handshake.AppendRefusal([]byte("x"), test.err, !test.headOnly, now)
			if err != nil || string(b) != "x"+test.want {
				t.Errorf("got  %q, %v\nwant %q", b, err, test.want)
			}
		})
	}
	for _, test := range []struct {
		name string
		err  *handshake.Error
		want string
	}{
		{"9110,15/no_status", &handshake.Error{}, "handshake: 0 is no status to refuse a request with"},
		{"9110,15.2/101", &handshake.Error{Status: 101}, "handshake: 101 is no status to refuse a request with"},
		{"9110,15/600", &handshake.Error{Status: 600}, "handshake: 600 is no status to refuse a request with"},
		{"9110,5.5/T-SPLIT/value", &handshake.Error{Status: 403, Header: http.Header{"X-A": {"b", "c\nd"}}}, "handshake: header field X-A has a control character in its value"},
		{"9110,5.1/T-SPLIT/name", &handshake.Error{Status: 403, Header: http.Header{"X A": {"b"}}}, `handshake: header field name "X A" is not a token`},
		{"9110,8.6/length", &handshake.Error{Status: 403, Header: http.Header{"content-length": {"0"}}}, "handshake: header field content-length is set by the answer"},
		{"9112,6.1/coding", &handshake.Error{Status: 403, Header: http.Header{"Transfer-Encoding": {"chunked"}}}, "handshake: header field Transfer-Encoding is set by the answer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, err := handshake.AppendRefusal([]byte("x"), test.err, true, now)
			if string(b) != "x" || err == nil || err.Error() != test.want {
				t.Errorf("%q, %v", b, err)
			}
		})
	}
}
