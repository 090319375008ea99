package handshake_test

import (
	"net/http"
	"strings"
	"testing"

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
