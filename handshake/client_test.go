package handshake_test

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/handshake"
)

var sampleClient = handshake.ClientRequest{
	Host: "server.example.com", RequestURI: "/chat", Key: sampleKey,
	Origin: "http://example.com", Subprotocols: []string{"chat", "superchat"},
	Extensions: "foo; a=1, bar",
}

func TestAppendRequest(t *testing.T) {
	for _, test := range []struct {
		name string
		q    handshake.ClientRequest
		want head
	}{
		{"4.1/bare", handshake.ClientRequest{Host: "[::1]:81", RequestURI: "/?a", Key: sampleKey}, head{
			"GET /?a HTTP/1.1",
			"Host: [::1]:81",
			"Upgrade: websocket",
			"Connection: Upgrade",
			"Sec-WebSocket-Key: " + sampleKey,
			"Sec-WebSocket-Version: 13",
		}},
		{"4.1/every_field", handshake.ClientRequest{
			Host: "server.example.com", RequestURI: "/chat", Key: sampleKey,
			Origin: "http://example.com", Subprotocols: []string{"chat", "superchat"},
			Extensions: "foo; a=1, bar",
			Header:     http.Header{"X-B": {"1", "2"}, "Cookie": {"a=b"}},
		}, head{
			"GET /chat HTTP/1.1",
			"Host: server.example.com",
			"Upgrade: websocket",
			"Connection: Upgrade",
			"Sec-WebSocket-Key: " + sampleKey,
			"Sec-WebSocket-Version: 13",
			"Sec-WebSocket-Protocol: chat, superchat",
			"Sec-WebSocket-Extensions: foo; a=1, bar",
			"Origin: http://example.com",
			"Cookie: a=b",
			"X-B: 1",
			"X-B: 2",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := handshake.AppendRequest([]byte("before"), test.q)
			if want := "before" + test.want.String(); err != nil || string(got) != want {
				t.Errorf("got  %q, %v\nwant %q", got, err, want)
			}
		})
	}
}

func TestAppendRequestRefuses(t *testing.T) {
	type refusal struct {
		name   string
		change func(*handshake.ClientRequest)
		err    string
	}
	const name = " is no escaped path and query"
	tests := []refusal{
		{"4.1(4)/no_host", func(q *handshake.ClientRequest) { q.Host = "" }, `handshake: Host "" is invalid: no host`},
		{"4.1(4)/host_with_cr_lf", func(q *handshake.ClientRequest) { q.Host = "a\r\nX: b" }, `handshake: Host "a\r\nX: b" is invalid: a byte that no host name has`},
		{"4.1(4)/host_with_user", func(q *handshake.ClientRequest) { q.Host = "a@b" }, `handshake: Host "a@b" is invalid: a byte that no host name has`},
		{"4.1(3)/no_resource_name", func(q *handshake.ClientRequest) { q.RequestURI = "" }, `handshake: resource name ""` + name},
		{"4.1(3)/absolute", func(q *handshake.ClientRequest) { q.RequestURI = "http://a/" }, `handshake: resource name "http://a/"` + name},
		{"4.1(3)/space", func(q *handshake.ClientRequest) { q.RequestURI = "/ HTTP/1.0" }, `handshake: resource name "/ HTTP/1.0"` + name},
		{"4.1(3)/cr_lf", func(q *handshake.ClientRequest) { q.RequestURI = "/\r\n" }, `handshake: resource name "/\r\n"` + name},
		{"3/fragment", func(q *handshake.ClientRequest) { q.RequestURI = "/#a" }, `handshake: resource name "/#a"` + name},
		{"4.1(7)/no_key", func(q *handshake.ClientRequest) { q.Key = "" }, `handshake: Sec-WebSocket-Key "" is not base64 of 16 bytes`},
		{"4.1(10)/subprotocol_empty", func(q *handshake.ClientRequest) { q.Subprotocols = []string{""} }, `handshake: subprotocol "" is not a token`},
		{"4.1(10)/subprotocol_list", func(q *handshake.ClientRequest) { q.Subprotocols = []string{"a,b"} }, `handshake: subprotocol "a,b" is not a token`},
		{"4.1(10)/subprotocol_with_lf", func(q *handshake.ClientRequest) { q.Subprotocols = []string{"a", "b\nX: c"} }, `handshake: subprotocol "b\nX: c" is not a token`},
		{"4.1(10)/subprotocol_twice", func(q *handshake.ClientRequest) { q.Subprotocols = []string{"a", "b", "a"} }, `handshake: subprotocol "a" is offered twice`},
		{"9.1/extensions", func(q *handshake.ClientRequest) { q.Extensions = "a;" }, `handshake: extensions to send: expected a parameter's name at byte 2, near "a;"`},
		{"4.1(8)/origin_with_cr_lf", func(q *handshake.ClientRequest) { q.Origin = "http://a\r\nX: b" }, `handshake: Origin "http://a\r\nX: b" has a control character`},
		{"4.1(8)/origin_in_header", func(q *handshake.ClientRequest) { q.Header = http.Header{"origin": {"http://a"}} }, "handshake: header field origin is set by the handshake"},
		{"4.1(4)/host_in_header", func(q *handshake.ClientRequest) { q.Header = http.Header{"Host": {"a"}} }, "handshake: header field Host is set by the handshake"},
	}
	for _, f := range badFields {
		tests = append(tests, refusal{f.name, func(q *handshake.ClientRequest) { q.Header = http.Header{f.field: {f.value}} }, f.err})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			q := sampleClient
			test.change(&q)
			got, err := handshake.AppendRequest([]byte("before"), q)
			wantRefusal(t, got, err, test.err)
		})
	}
}

func TestCheckResponse(t *testing.T) {
	params := []handshake.Param{{Name: "a", Value: "2", HasValue: true}}
	for _, test := range []struct {
		name  string
		field string
		lines []string
		want  handshake.Result
	}{
		{"4.1/sample", "X", nil, handshake.Result{Subprotocol: "chat"}},
		{"4.1/other_reason_phrase", "", []string{"HTTP/1.1 101 Web Socket Protocol Handshake"}, handshake.Result{Subprotocol: "chat"}},
		{"4.1/no_reason_phrase", "", []string{"HTTP/1.1 101"}, handshake.Result{Subprotocol: "chat"}},
		{"4.1/step_2_case", "Upgrade", []string{"upgrade: WebSocket"}, handshake.Result{Subprotocol: "chat"}},
		{"4.1/step_3_case", "Connection", []string{"CONNECTION: upgrade"}, handshake.Result{Subprotocol: "chat"}},
		{"4.1/step_3_list", "Connection", []string{"Connection: Keep-Alive, Upgrade"}, handshake.Result{Subprotocol: "chat"}},
		{"4.1/step_4_white_space", "Sec-WebSocket-Accept", []string{"Sec-WebSocket-Accept: \t" + sampleAccept + "  "}, handshake.Result{Subprotocol: "chat"}},
		{"4.1/step_5_one", "Sec-WebSocket-Extensions", []string{"Sec-WebSocket-Extensions: bar"},
			handshake.Result{Subprotocol: "chat", Extensions: []handshake.Extension{{Name: "bar"}}}},
		{"4.1/step_5_both_in_the_servers_order", "Sec-WebSocket-Extensions", []string{"Sec-WebSocket-Extensions: bar, foo; a=2"},
			handshake.Result{Subprotocol: "chat", Extensions: []handshake.Extension{{Name: "bar"}, {Name: "foo", Params: params}}}},
		{"4.1/step_6_none", "Sec-WebSocket-Protocol", nil, handshake.Result{}},
		{"4.1/step_6_second", "Sec-WebSocket-Protocol", []string{"Sec-WebSocket-Protocol:superchat "}, handshake.Result{Subprotocol: "superchat"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := readResponse(t, sampleResponse.with(test.field, test.lines...).String())
			got, err := handshake.CheckResponse(r, sampleClient)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestCheckResponseRefuses(t *testing.T) {
	const expected = `, expected "` + sampleAccept + `"`
	for _, test := range []struct {
		name    string
		field   string
		lines   []string
		status  int
		section string
		detail  string
	}{
		{"4.1/step_1_not_found", "", []string{"HTTP/1.1 404 Not Found"}, 404, "4.1", "status is 404 Not Found, not 101"},
		{"4.1/step_1_ok", "", []string{"HTTP/1.1 200 OK"}, 200, "4.1", "status is 200 OK, not 101"},
		{"4.1/step_1_continue", "", []string{"HTTP/1.1 100 Continue"}, 100, "4.1", "status is 100 Continue, not 101"},
		{"4.1/step_1_redirect", "", []string{"HTTP/1.1 302 Found"}, 302, "4.1", "status is 302 Found, not 101"},
		{"4.1/step_1_unknown_status", "", []string{"HTTP/1.1 999 \x01"}, 999, "4.1", "status is 999, not 101"},
		{"4.1/step_1_http_1.0_and_404", "", []string{"HTTP/1.0 404 Not Found"}, 404, "4.1", "status is 404 Not Found, not 101"},
		{"4.1/http_1.0", "", []string{"HTTP/1.0 101 Switching Protocols"}, 101, "4.1", "response is HTTP/1.0, not HTTP/1.1"},
		{"4.1/http_2.0", "", []string{"HTTP/2.0 101 Switching Protocols"}, 101, "4.1", "response is HTTP/2.0, not HTTP/1.1"},
		{"4.1/http_2.1", "", []string{"HTTP/2.1 101 Switching Protocols"}, 101, "4.1", "response is HTTP/2.1, not HTTP/1.1"},
		{"4.1/step_2_missing", "Upgrade", nil, 101, "4.1", "Upgrade is missing, expected websocket"},
		{"4.1/step_2_empty", "Upgrade", []string{"Upgrade:"}, 101, "4.1", `Upgrade is "", expected websocket`},
		{"4.1/step_2_other", "Upgrade", []string{"Upgrade: h2c"}, 101, "4.1", `Upgrade is "h2c", expected websocket`},
		{"4.1/step_2_list", "Upgrade", []string{"Upgrade: websocket, h2c"}, 101, "4.1", `Upgrade is "websocket, h2c", expected websocket`},
		{"4.1/step_2_repeated", "Upgrade", []string{"Upgrade: websocket", "Upgrade: websocket"}, 101, "4.1", `Upgrade is "websocket" and "websocket", expected websocket`},
		{"4.1/step_2_longer", "Upgrade", []string{"Upgrade: websocketx"}, 101, "4.1", `Upgrade is "websocketx", expected websocket`},
		{"4.1/step_2_kelvin_sign", "Upgrade", []string{"Upgrade: websoc\u212aet"}, 101, "4.1", "Upgrade is \"websoc\u212aet\", expected websocket"},
		{"4.1/step_3_missing", "Connection", nil, 101, "4.1", "Connection is missing, expected Upgrade"},
		{"4.1/step_3_other", "Connection", []string{"Connection: keep-alive"}, 101, "4.1", `Connection is "keep-alive", expected Upgrade`},
		{"4.1/step_3_quoted", "Connection", []string{`Connection: "upgrade"`}, 101, "4.1", `Connection is "\"upgrade\"", expected Upgrade`},
		{"4.1/step_4_missing", "Sec-WebSocket-Accept", nil, 101, "4.1", "Sec-WebSocket-Accept is missing" + expected},
		{"4.1/step_4_empty", "Sec-WebSocket-Accept", []string{"Sec-WebSocket-Accept:"}, 101, "4.1", `Sec-WebSocket-Accept is ""` + expected},
		{"4.1/step_4_of_another_key", "Sec-WebSocket-Accept", []string{"Sec-WebSocket-Accept: qcC7cougCawcQ/D3qYCIHQb/6I0="}, 101, "4.1", `Sec-WebSocket-Accept is "qcC7cougCawcQ/D3qYCIHQb/6I0="` + expected},
		{"4.1/step_4_the_key_itself", "Sec-WebSocket-Accept", []string{"Sec-WebSocket-Accept: " + sampleKey}, 101, "4.1", `Sec-WebSocket-Accept is "` + sampleKey + `"` + expected},
		{"4.1/step_4_case", "Sec-WebSocket-Accept", []string{"Sec-WebSocket-Accept: " + strings.ToUpper(sampleAccept)}, 101, "4.1", `Sec-WebSocket-Accept is "` + strings.ToUpper(sampleAccept) + `"` + expected},
		{"4.1/step_4_without_padding", "Sec-WebSocket-Accept", []string{"Sec-WebSocket-Accept: " + strings.TrimSuffix(sampleAccept, "=")}, 101, "4.1", `Sec-WebSocket-Accept is "` + strings.TrimSuffix(sampleAccept, "=") + `"` + expected},
		{"4.1/step_4_more_padding", "Sec-WebSocket-Accept", []string{"Sec-WebSocket-Accept: " + sampleAccept + "="}, 101, "4.1", `Sec-WebSocket-Accept is "` + sampleAccept + `="` + expected},
		{"11.3.3/repeated", "Sec-WebSocket-Accept", []string{"Sec-WebSocket-Accept: " + sampleAccept, "Sec-WebSocket-Accept: " + sampleAccept}, 101, "4.1", `Sec-WebSocket-Accept is "` + sampleAccept + `" and "` + sampleAccept + `"` + expected},
		{"4.1/step_5_not_offered", "Sec-WebSocket-Extensions", []string{"Sec-WebSocket-Extensions: foo, baz"}, 101, "4.1", `extension "baz" was not offered`},
		{"4.1/step_5_case", "Sec-WebSocket-Extensions", []string{"Sec-WebSocket-Extensions: Foo"}, 101, "4.1", `extension "Foo" was not offered`},
		{"4.1/step_5_parameter_is_no_offer", "Sec-WebSocket-Extensions", []string{"Sec-WebSocket-Extensions: a"}, 101, "4.1", `extension "a" was not offered`},
		{"9.1/malformed", "Sec-WebSocket-Extensions", []string{"Sec-WebSocket-Extensions: foo;"}, 101, "9.1", `Sec-WebSocket-Extensions is malformed: expected a parameter's name at byte 4, near "foo;"`},
		{"9.1/empty", "Sec-WebSocket-Extensions", []string{"Sec-WebSocket-Extensions:"}, 101, "9.1", "Sec-WebSocket-Extensions is malformed: no element"},
		{"11.3.2/repeated", "Sec-WebSocket-Extensions", []string{"Sec-WebSocket-Extensions: foo", "Sec-WebSocket-Extensions: bar"}, 101, "11.3.2", `Sec-WebSocket-Extensions is repeated: "foo" and "bar"`},
		{"4.1/step_6_not_offered", "Sec-WebSocket-Protocol", []string{"Sec-WebSocket-Protocol: hyperchat"}, 101, "4.1", `subprotocol "hyperchat" was not offered`},
		{"4.1/step_6_case", "Sec-WebSocket-Protocol", []string{"Sec-WebSocket-Protocol: Chat"}, 101, "4.1", `subprotocol "Chat" was not offered`},
		{"4.1/step_6_list", "Sec-WebSocket-Protocol", []string{"Sec-WebSocket-Protocol: chat, superchat"}, 101, "4.1", `subprotocol "chat, superchat" was not offered`},
		{"4.2.2/step_6_empty", "Sec-WebSocket-Protocol", []string{"Sec-WebSocket-Protocol:"}, 101, "4.1", `subprotocol "" was not offered`},
		{"11.3.4/repeated", "Sec-WebSocket-Protocol", []string{"Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: chat"}, 101, "11.3.4", `Sec-WebSocket-Protocol is repeated: "chat" and "chat"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := readResponse(t, sampleResponse.with(test.field, test.lines...).String())
			got, err := handshake.CheckResponse(r, sampleClient)
			wantError(t, err, test.status, test.section, test.detail)
			if !reflect.DeepEqual(got, handshake.Result{}) {
				t.Errorf("result is %+v", got)
			}
		})
	}
	t.Run("4.1/step_5_nothing_offered", func(t *testing.T) {
		q := sampleClient
		q.Extensions = ""
		r := readResponse(t, sampleResponse.with("X", "Sec-WebSocket-Extensions: foo").String())
		_, err := handshake.CheckResponse(r, q)
		wantError(t, err, 101, "4.1", `extension "foo" was not offered`)
	})
	t.Run("4.1/step_6_nothing_offered", func(t *testing.T) {
		q := sampleClient
		q.Subprotocols = nil
		_, err := handshake.CheckResponse(readResponse(t, sampleResponse.String()), q)
		wantError(t, err, 101, "4.1", `subprotocol "chat" was not offered`)
	})
}
