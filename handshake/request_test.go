package handshake_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/handshake"
)

// The fields of every 426.
var upgradeFields = []string{"Connection: Upgrade", "Sec-Websocket-Version: 13", "Upgrade: websocket"}

func TestCheckRequest(t *testing.T) {
	r := readRequest(t, sampleRequest.String())
	r.RemoteAddr, r.TLS = "192.0.2.1:1234", &tls.ConnectionState{}
	got, err := handshake.CheckRequest(r)
	if err != nil {
		t.Fatal(err)
	}
	want := &handshake.Request{
		HTTP: r, RemoteAddr: "192.0.2.1:1234", TLS: r.TLS, Host: "server.example.com", RequestURI: "/chat", Origin: "http://example.com",
		Key: sampleKey, Subprotocols: []string{"chat", "superchat"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Requests that differ from the sample in one field and are accepted.
func TestCheckRequestAccepts(t *testing.T) {
	for _, test := range []struct {
		name  string
		field string
		lines []string
	}{
		{"4.2.1(1)/http_1.2", "", []string{"GET /chat HTTP/1.2"}},
		{"4.2.1(3)/upgrade_in_mixed_case", "Upgrade", []string{"uPGRADE: WebSocket"}},
		{"4.2.1(3)/upgrade_list", "Upgrade", []string{"Upgrade: h2c , WEBSOCKET"}},
		{"4.2.1(3)/upgrade_second_line", "Upgrade", []string{"Upgrade: h2c", "Upgrade: websocket"}},
		{"4.2.1(4)/connection_in_mixed_case", "Connection", []string{"connection: uPgRaDe"}},
		{"4.2.1(4)/connection_list", "Connection", []string{"Connection: keep-alive, Upgrade"}},
		{"4.2.1(4)/connection_second_line", "Connection", []string{"Connection: keep-alive", "Connection: upgrade"}},
		{"4.2.1(4)/connection_empty_elements", "Connection", []string{"Connection: ,\t upgrade ,,"}},
		{"4.2.1(5)/key_with_white_space_around", "Sec-WebSocket-Key", []string{"Sec-WebSocket-Key: \t " + sampleKey + " "}},
		{"4.2.1(5)/key_with_a_padding_bit_set", "Sec-WebSocket-Key", []string{"Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC=="}},
		{"4.2.1(6)/version_with_white_space_around", "Sec-WebSocket-Version", []string{"sec-websocket-version:  13 "}},
		{"4.2.1(7)/no_origin", "Origin", nil},
		{"4.2.1(8)/no_subprotocol", "Sec-WebSocket-Protocol", nil},
		{"4.2.1(10)/unknown_field", "X", []string{"X: \xff, \"", "X-Forwarded-For: a"}},
		{"9112,6.2/content_length_0", "Content-Length", []string{"Content-Length: 0"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := sampleRequest.with(test.field, test.lines...).String()
			for _, check := range bothWays(t, s) {
				q, err := check()
				if err != nil {
					t.Fatal(err)
				}
				if test.name == "4.2.1(7)/no_origin" && q.Origin != "" {
					t.Errorf("origin is %q", q.Origin)
				}
			}
			if !parseHead(t, s).AsksForWebSocket() {
				t.Error("it does not ask for a WebSocket")
			}
		})
	}
}

func TestCheckRequestRefuses(t *testing.T) {
	const target = " is neither a path nor an http URI"
	const body = "Connection: close"
	long := strings.Repeat("x", 4096)
	for _, test := range []struct {
		name    string
		field   string
		lines   []string
		status  int
		section string
		detail  string
		header  []string
	}{
		// H1
		{"4.2.1(1)/http_1.0", "", []string{"GET /chat HTTP/1.0"}, 426, "4.2.1", "request is HTTP/1.0, not HTTP/1.1", upgradeFields},
		{"4.2.1(1)/http_0.9", "", []string{"GET /chat HTTP/0.9"}, 505, "4.2.1", "request is HTTP/0.9, not HTTP/1.1", nil},
		{"4.2.1(1)/http_2", "", []string{"GET /chat HTTP/2.0"}, 505, "4.2.1", "request is HTTP/2.0, not HTTP/1.1", nil},
		// H2
		{"4.2.1(1)/post", "", []string{"POST /chat HTTP/1.1"}, 405, "4.2.1", `request method is "POST", not GET`, []string{"Allow: GET"}},
		{"4.2.1(1)/head", "", []string{"HEAD /chat HTTP/1.1"}, 405, "4.2.1", `request method is "HEAD", not GET`, []string{"Allow: GET"}},
		{"4.2.1(1)/connect", "", []string{"CONNECT a:1 HTTP/1.1"}, 405, "4.2.1", `request method is "CONNECT", not GET`, []string{"Allow: GET"}},
		{"4.2.1(1)/get_in_lower_case", "", []string{"get /chat HTTP/1.1"}, 405, "4.2.1", `request method is "get", not GET`, []string{"Allow: GET"}},
		{"4.2.1(1)/long_method", "", []string{long + " /chat HTTP/1.1"}, 405, "4.2.1", `request method is "` + long[:128] + `...", not GET`, []string{"Allow: GET"}},
		{"4.2.1(1)/method_of_128_bytes", "", []string{long[:128] + " /chat HTTP/1.1"}, 405, "4.2.1", `request method is "` + long[:128] + `", not GET`, []string{"Allow: GET"}},
		// H11
		{"4.2.1(1)/asterisk", "", []string{"GET * HTTP/1.1"}, 400, "4.2.1", `request-target "*"` + target, nil},
		{"4.2.1(1)/fragment", "", []string{"GET /chat#a HTTP/1.1"}, 400, "4.2.1", `request-target "/chat#a"` + target, nil},
		{"4.2.1(1)/not_ascii", "", []string{"GET /ch\xc3\xa4t HTTP/1.1"}, 400, "4.2.1", `request-target "/chät"` + target, nil},
		{"4.2.1(1)/absolute_form_with_fragment", "", []string{"GET http://a/chat#a HTTP/1.1"}, 400, "4.2.1", `request-target "http://a/chat#a"` + target, nil},
		{"4.2.1(1)/absolute_form_with_user", "", []string{"GET http://u:p@a/ HTTP/1.1"}, 400, "4.2.1", `request-target "http://u:p@a/"` + target, nil},
		{"4.2.1(1)/absolute_form_of_ftp", "", []string{"GET ftp://a/ HTTP/1.1"}, 400, "4.2.1", `request-target "ftp://a/"` + target, nil},
		{"4.2.1(1)/absolute_form_without_host", "", []string{"GET http:///chat HTTP/1.1"}, 400, "4.2.1", `request-target "http:///chat"` + target, nil},
		{"4.2.1(1)/opaque", "", []string{"GET http:a HTTP/1.1"}, 400, "4.2.1", `request-target "http:a"` + target, nil},
		// H3
		{"4.2.1(2)/no_host", "Host", nil, 400, "4.2.1", `Host "" is invalid: no host`, nil},
		{"4.2.1(2)/empty_host", "Host", []string{"Host: "}, 400, "4.2.1", `Host "" is invalid: no host`, nil},
		{"4.2.1(2)/port_only", "Host", []string{"Host: :80"}, 400, "4.2.1", `Host ":80" is invalid: no host`, nil},
		{"4.2.1(2)/open_bracket", "Host", []string{"Host: [::"}, 400, "4.2.1", `Host "[::" is invalid: '[' without ']'`, nil},
		{"4.2.1(2)/user", "Host", []string{"Host: a@b"}, 400, "4.2.1", `Host "a@b" is invalid: a byte that no host name has`, nil},
		{"4.2.1(2)/path", "Host", []string{"Host: a/b"}, 400, "4.2.1", `Host "a/b" is invalid: a byte that no host name has`, nil},
		{"4.2.1(2)/two_in_one", "Host", []string{"Host: a b"}, 400, "4.2.1", `Host "a b" is invalid: a byte that no host name has`, nil},
		// H8
		{"9112,6.3/content_length", "", []string{"GET /chat HTTP/1.1", "Content-Length: 7"}, 400, "4.2.1", "request has a body", []string{body}},
		{"9112,6.3/chunked", "", []string{"GET /chat HTTP/1.1", "Transfer-Encoding: chunked"}, 400, "4.2.1", "request has a body", []string{body}},
		// H4
		{"4.2.1(3)/no_upgrade", "Upgrade", nil, 426, "4.2.1", "Upgrade is missing, expected websocket", upgradeFields},
		{"4.2.1(3)/empty_upgrade", "Upgrade", []string{"Upgrade:"}, 426, "4.2.1", `Upgrade is "", expected websocket`, upgradeFields},
		{"4.2.1(3)/other_protocol", "Upgrade", []string{"Upgrade: h2c", "Upgrade: TLS/1.0"}, 426, "4.2.1", `Upgrade is "h2c" and "TLS/1.0", expected websocket`, upgradeFields},
		{"4.2.1(3)/websocketx", "Upgrade", []string{"Upgrade: websocketx"}, 426, "4.2.1", `Upgrade is "websocketx", expected websocket`, upgradeFields},
		{"4.2.1(3)/quoted", "Upgrade", []string{`Upgrade: "websocket"`}, 426, "4.2.1", `Upgrade is "\"websocket\"", expected websocket`, upgradeFields},
		{"4.2.1(3)/with_version", "Upgrade", []string{"Upgrade: websocket/13"}, 426, "4.2.1", `Upgrade is "websocket/13", expected websocket`, upgradeFields},
		{"4.2.1(3)/kelvin_sign", "Upgrade", []string{"Upgrade: websoc\u212aet"}, 426, "4.2.1", "Upgrade is \"websoc\u212aet\", expected websocket", upgradeFields},
		{"4.2.1(3)/three_lines", "Upgrade", []string{"Upgrade: a", "Upgrade: b", "Upgrade: c"}, 426, "4.2.1", `Upgrade is "a" and "b" and "c", expected websocket`, upgradeFields},
		{"4.2.1(3)/many_lines", "Upgrade", []string{"Upgrade: a", "Upgrade: b", "Upgrade: c", "Upgrade: d"}, 426, "4.2.1", `Upgrade is "a" and "b" and "c" and more, expected websocket`, upgradeFields},
		{"4.2.1(4)/no_connection", "Connection", nil, 426, "4.2.1", "Connection is missing, expected Upgrade", upgradeFields},
		{"4.2.1(4)/keep_alive", "Connection", []string{"Connection: keep-alive"}, 426, "4.2.1", `Connection is "keep-alive", expected Upgrade`, upgradeFields},
		{"4.2.1(4)/xupgrade", "Connection", []string{"Connection: xupgrade"}, 426, "4.2.1", `Connection is "xupgrade", expected Upgrade`, upgradeFields},
		{"4.2.1(4)/quoted", "Connection", []string{`Connection: "upgrade"`}, 426, "4.2.1", `Connection is "\"upgrade\"", expected Upgrade`, upgradeFields},
		// H6
		{"4.2.1(6)/no_version", "Sec-WebSocket-Version", nil, 426, "4.4", "Sec-WebSocket-Version is missing, expected 13", upgradeFields},
		{"4.4/version_25", "Sec-WebSocket-Version", []string{"Sec-WebSocket-Version: 25"}, 426, "4.4", `Sec-WebSocket-Version is "25", expected 13`, upgradeFields},
		{"4.4/version_8", "Sec-WebSocket-Version", []string{"Sec-WebSocket-Version: 8"}, 426, "4.4", `Sec-WebSocket-Version is "8", expected 13`, upgradeFields},
		{"4.3/leading_zero", "Sec-WebSocket-Version", []string{"Sec-WebSocket-Version: 013"}, 426, "4.4", `Sec-WebSocket-Version is "013", expected 13`, upgradeFields},
		{"4.3/list", "Sec-WebSocket-Version", []string{"Sec-WebSocket-Version: 13, 8"}, 426, "4.4", `Sec-WebSocket-Version is "13, 8", expected 13`, upgradeFields},
		{"4.3/empty", "Sec-WebSocket-Version", []string{"Sec-WebSocket-Version:"}, 426, "4.4", `Sec-WebSocket-Version is "", expected 13`, upgradeFields},
		{"11.3.5/repeated", "Sec-WebSocket-Version", []string{"Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 13"}, 426, "4.4", `Sec-WebSocket-Version is "13" and "13", expected 13`, upgradeFields},
		// H5
		{"4.2.1(5)/no_key", "Sec-WebSocket-Key", nil, 400, "4.2.1", "Sec-WebSocket-Key is missing, expected base64 of 16 bytes", nil},
		{"11.3.1/repeated_key", "Sec-WebSocket-Key", []string{"Sec-WebSocket-Key: " + sampleKey, "Sec-WebSocket-Key: " + sampleKey}, 400, "4.2.1",
			`Sec-WebSocket-Key is "` + sampleKey + `" and "` + sampleKey + `", expected base64 of 16 bytes`, nil},
		{"4.2.1(5)/long_key", "Sec-WebSocket-Key", []string{"Sec-WebSocket-Key: " + long}, 400, "4.2.1",
			`Sec-WebSocket-Key is "` + long[:128] + `...", expected base64 of 16 bytes`, nil},
		// H7
		{"6454,7.3/repeated_origin", "Origin", []string{"Origin: http://a", "Origin: http://a"}, 403, "4.2.1",
			`Origin is "http://a" and "http://a", expected one origin or none`, nil},
		{"6454,7.1/empty_origin", "Origin", []string{"Origin:"}, 403, "4.2.1", `Origin is "", expected one origin or none`, nil},
		// H12
		{"4.1(10)/quoted_subprotocol", "Sec-WebSocket-Protocol", []string{`Sec-WebSocket-Protocol: "chat"`}, 400, "4.1",
			`Sec-WebSocket-Protocol is malformed: not a token at byte 0, near "\"chat\""`, nil},
		{"4.1(10)/subprotocol_with_space", "Sec-WebSocket-Protocol", []string{"Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: a b"}, 400, "4.1",
			`Sec-WebSocket-Protocol is malformed: not a token at byte 0, near "a b"`, nil},
		{"4.1(10)/no_subprotocol_in_field", "Sec-WebSocket-Protocol", []string{"Sec-WebSocket-Protocol: ,,"}, 400, "4.1",
			"Sec-WebSocket-Protocol is malformed: no element", nil},
		{"4.1(10)/subprotocol_twice", "Sec-WebSocket-Protocol", []string{"Sec-WebSocket-Protocol: a, b", "Sec-WebSocket-Protocol: a"}, 400, "4.1",
			`Sec-WebSocket-Protocol is malformed: "a" is there twice`, nil},
		{"10.4/many_subprotocols", "Sec-WebSocket-Protocol", []string{"Sec-WebSocket-Protocol: a" + strings.Repeat(",", 65)}, 400, "4.1",
			"Sec-WebSocket-Protocol is malformed: more than 64 separators", nil},
		{"9.1/malformed_extension", "Sec-WebSocket-Extensions", []string{"Sec-WebSocket-Extensions: a; b="}, 400, "9.1",
			`Sec-WebSocket-Extensions is malformed: expected a parameter's value at byte 5, near "a; b="`, nil},
		{"9.1/empty_extensions", "Sec-WebSocket-Extensions", []string{"Sec-WebSocket-Extensions:"}, 400, "9.1",
			"Sec-WebSocket-Extensions is malformed: no element", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			for i, check := range bothWays(t, sampleRequest.with(test.field, test.lines...).String()+"a body") {
				detail := test.detail
				if test.name == "4.2.1(2)/no_host" && i == 1 {
					detail = "Host is missing, expected one" // net/http does not tell it from an empty one
				}
				_, err := check()
				wantError(t, err, test.status, test.section, detail, test.header...)
			}
		})
	}
	for _, test := range badKeys {
		if strings.ContainsAny(test.key, "\n") || strings.TrimSpace(test.key) != test.key {
			continue // net/http does not let it through
		}
		t.Run("4.2.1(5)/"+test.name, func(t *testing.T) {
			r := readRequest(t, sampleRequest.String())
			r.Header.Set("Sec-WebSocket-Key", test.key)
			_, err := handshake.CheckRequest(r)
			wantError(t, err, 400, "4.2.1", "Sec-WebSocket-Key is "+strconv.Quote(test.key)+", expected base64 of 16 bytes")
		})
	}
}

// bothWays returns the checks of what s has: as net/http reads it, and as we do.
func bothWays(t *testing.T, s string) []func() (*handshake.Request, error) {
	t.Helper()
	r, h := readRequest(t, s), parseHead(t, s)
	return []func() (*handshake.Request, error){
		func() (*handshake.Request, error) { return handshake.CheckRequest(r) },
		func() (*handshake.Request, error) { return handshake.CheckHead(h) },
	}
}

// What net/http would not pass on to a handler.
func TestCheckHeadRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		head   head
		detail string
		header []string
	}{
		{"9112,3.2/H3/two_hosts", sampleRequest.with("X", "Host: server.example.com"), `Host is "server.example.com" and "server.example.com", expected one`, nil},
		{"9112,3.2/H3/no_host_but_absolute_form", sampleRequest.with("", "GET http://a/ HTTP/1.1").with("Host"), "Host is missing, expected one", nil},
		{"9112,3.2/H3/bad_host_and_absolute_form", sampleRequest.with("", "GET http://a/ HTTP/1.1").with("Host", "Host: a b"), `Host "a b" is invalid: a byte that no host name has`, nil},
		{"9112,6.3/H8/content_length_twice", sampleRequest.with("X", "Content-Length: 0", "Content-Length: 5"), "request has a body", []string{"Connection: close"}},
		{"9112,6.3/H8/content_length_in_another_form", sampleRequest.with("X", "Content-Length: 00"), "request has a body", []string{"Connection: close"}},
		{"9112,6.3/H8/content_length_empty", sampleRequest.with("X", "Content-Length:"), "request has a body", []string{"Connection: close"}},
		{"9112,6.1/H8/unknown_coding", sampleRequest.with("X", "Transfer-Encoding: x"), "request has a body", []string{"Connection: close"}},
		{"9112,3.2.2/H11/bad_port", sampleRequest.with("", "GET http://a:x/ HTTP/1.1"), `request-target "http://a:x/" is neither a path nor an http URI`, nil},
		{"9112,3.2.1/H11/no_slash", sampleRequest.with("", "GET chat HTTP/1.1"), `request-target "chat" is neither a path nor an http URI`, nil},
		{"3986,2.1/H11/bad_escape", sampleRequest.with("", "GET /a%2x HTTP/1.1"), `request-target "/a%2x" is neither a path nor an http URI`, nil},
		{"3986,2.1/H11/cut_escape", sampleRequest.with("", "GET /a%2 HTTP/1.1"), `request-target "/a%2" is neither a path nor an http URI`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := handshake.CheckHead(parseHead(t, test.head.String()))
			wantError(t, err, 400, "4.2.1", test.detail, test.header...)
		})
	}
}

// AsksForWebSocket tells a handshake that is wrong from an ordinary request.
func TestAsksForWebSocket(t *testing.T) {
	for _, test := range []struct {
		name string
		head head
		want bool
	}{
		{"4.2.1/handshake", sampleRequest, true},
		{"4.2.1/wrong_handshake", sampleRequest.with("Sec-WebSocket-Key").with("Host").with("Connection"), true},
		{"4.2.1/other_protocol", sampleRequest.with("Upgrade", "Upgrade: h2c"), false},
		{"4.2.1/no_upgrade", sampleRequest.with("Upgrade"), false},
		{"4.2.1/POST", sampleRequest.with("", "POST / HTTP/1.1"), false},
		{"4.2.1/HTTP_1.0", sampleRequest.with("", "GET / HTTP/1.0"), false},
		{"4.2.1/HTTP_2.0", sampleRequest.with("", "PRI * HTTP/2.0"), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := parseHead(t, test.head.String()).AsksForWebSocket(); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestCheckHeadOfAnIncompleteOne(t *testing.T) {
	for name, f := range map[string]func(*handshake.Head){
		"CheckHead":        func(h *handshake.Head) { handshake.CheckHead(h) },
		"AsksForWebSocket": func(h *handshake.Head) { h.AsksForWebSocket() },
	} {
		t.Run("2.9/"+name, func(t *testing.T) {
			h := handshake.NewHead(0, 0)
			h.Parse([]byte("GET / HTTP/1.1\r\n"))
			defer func() {
				if got := recover(); got != "hawser/handshake: the Head is not complete" {
					t.Errorf("panics with %v", got)
				}
			}()
			f(h)
		})
	}
}

// A browser that is pointed at a WebSocket endpoint gets "Upgrade Required".
func TestCheckRequestOfABrowser(t *testing.T) {
	r := httptest.NewRequest("GET", "http://example.com/chat", nil)
	_, err := handshake.CheckRequest(r)
	wantError(t, err, 426, "4.2.1", "Upgrade is missing, expected websocket", upgradeFields...)
}

// The request-target's forms (H11). The sample's Host gives way to the authority
// of an absolute form.
func TestCheckRequestResourceName(t *testing.T) {
	for _, test := range []struct{ name, target, want, host string }{
		{"4.2.1(1)/origin_form", "/chat", "/chat", "server.example.com"},
		{"4.2.1(1)/query", "/chat?a=b&c=%20/", "/chat?a=b&c=%20/", "server.example.com"},
		{"4.2.1(1)/empty_query", "/chat?", "/chat?", "server.example.com"},
		{"4.2.1(1)/escapes_stay", "/a%2Fb%20c", "/a%2Fb%20c", "server.example.com"},
		{"4.2.1(1)/two_slashes", "//evil.example/chat", "//evil.example/chat", "server.example.com"},
		{"4.2.1(1)/characters_that_should_be_escaped", `/{"a"}?|`, `/{"a"}?|`, "server.example.com"},
		{"4.2.1(1)/absolute_form", "http://other.example:81/chat?a=%20", "/chat?a=%20", "other.example:81"},
		{"4.2.1(1)/absolute_form_https", "HTTPS://other.example/a%2Fb", "/a%2Fb", "other.example"},
		{"4.2.1(1)/absolute_form_without_path", "http://other.example", "/", "other.example"},
		{"4.2.1(1)/absolute_form_with_query_only", "http://other.example?a/b", "/?a/b", "other.example"},
		{"4.2.1(1)/absolute_form_of_ipv6", "http://[::1]:81/", "/", "[::1]:81"},
		{"4.2.1(1)/percent_in_a_query", "/chat?100%", "/chat?100%", "server.example.com"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := sampleRequest.with("", "GET "+test.target+" HTTP/1.1")
			for _, check := range bothWays(t, h.String()) {
				q, err := check()
				if err != nil {
					t.Fatal(err)
				}
				if q.RequestURI != test.want || q.Host != test.host {
					t.Errorf("resource name %q at %q, want %q at %q", q.RequestURI, q.Host, test.want, test.host)
				}
			}
		})
	}
}

// Requests that net/http's server does not make, but a test or another server
// may.
func TestCheckRequestMadeByHand(t *testing.T) {
	const target = " is neither a path nor an http URI"
	for _, test := range []struct {
		name   string
		change func(*http.Request)
		detail string
	}{
		{"no_request_target", func(r *http.Request) { r.RequestURI = "" }, `request-target ""` + target},
		{"line_feed_in_target", func(r *http.Request) { r.RequestURI = "/\n" }, `request-target "/\n"` + target},
		{"del_in_target", func(r *http.Request) { r.RequestURI = "/\x7f" }, `request-target "/\x7f"` + target},
		{"space_in_target", func(r *http.Request) { r.RequestURI = "/ HTTP/1.1" }, `request-target "/ HTTP/1.1"` + target},
		{"unknown_body_length", func(r *http.Request) { r.ContentLength = -1 }, "request has a body"},
		{"transfer_encoding", func(r *http.Request) { r.TransferEncoding = []string{"chunked"} }, "request has a body"},
		{"transfer_encoding_field", func(r *http.Request) { r.Header.Set("Transfer-Encoding", "gzip") }, "request has a body"},
		{"control_character_in_origin", func(r *http.Request) { r.Header.Set("Origin", "http://a\x00") }, `Origin is "http://a\x00", expected one origin or none`},
		{"no_header", func(r *http.Request) { r.Header = nil }, "Upgrade is missing, expected websocket"},
	} {
		t.Run("4.2.1/"+test.name, func(t *testing.T) {
			r := readRequest(t, sampleRequest.String())
			test.change(r)
			_, err := handshake.CheckRequest(r)
			if want := "handshake: " + test.detail + " (RFC 6455, 4.2.1)"; err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

// An error's header belongs to the caller: to change it changes no other answer.
func TestErrorHeaderIsTheCallers(t *testing.T) {
	for range 2 {
		r := httptest.NewRequest("GET", "/chat", nil)
		_, err := handshake.CheckRequest(r)
		wantError(t, err, 426, "4.2.1", "Upgrade is missing, expected websocket", upgradeFields...)
		err.(*handshake.Error).Header["Upgrade"][0] = "changed"
	}
}

// What a peer sends never makes an error large (1.5, T-HDR).
func TestCheckRequestErrorsAreShort(t *testing.T) {
	big := strings.Repeat("\x00,;\"", 1<<18)
	for _, name := range []string{
		"Upgrade", "Connection", "Origin", "Sec-Websocket-Key", "Sec-Websocket-Version",
		"Sec-Websocket-Protocol", "Sec-Websocket-Extensions", "Host", "method", "target",
	} {
		t.Run("10.4/"+name, func(t *testing.T) {
			r := readRequest(t, sampleRequest.String())
			r.Header[name] = slices.Repeat([]string{big}, 8)
			switch name {
			case "Host":
				r.Host = big
			case "method":
				r.Method = big
			case "target":
				r.RequestURI = big
			}
			_, err := handshake.CheckRequest(r)
			if err == nil {
				t.Fatal("accepted")
			}
			if n := len(err.Error()); n > 2048 || strings.ContainsRune(err.Error(), 0) {
				t.Errorf("the error has %d bytes or a control character", n)
			}
		})
	}
}
