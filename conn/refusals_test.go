package conn

import (
	"net/http"
)

var (
	fields426 = http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Version": {"13"}}
	noFields  = http.Header{}
)

// refusals are the requests that become no connection (RELIABILITY 2.5), for Accept and for Server.
var refusals = []struct {
	name    string
	cfg     *Config
	request string
	status  int
	header  http.Header // beside the content's
	body    string      // a part of it
	closed  bool        // HTTP does not let the connection go on
	err     string      // a part of Accept's error; body, if empty
}{
	{name: "4.2.1/H1/HTTP_1.0", request: replaced("HTTP/1.1", "HTTP/1.0"), status: 426, header: fields426, body: "request is HTTP/1.0, not HTTP/1.1", closed: true},
	{name: "4.2.1/H2/POST", request: replaced("GET", "POST"), status: 405, header: http.Header{"Allow": {"GET"}}, body: `request method is "POST", not GET (RFC 6455, 4.2.1)`},
	{name: "4.2.1/H2/lower_case", request: replaced("GET", "get"), status: 405, header: http.Header{"Allow": {"GET"}}, body: `request method is "get", not GET`},
	{name: "4.2.1/H3/empty_Host", request: replaced("Host: server.example.com", "Host:"), status: 400, header: noFields, body: `Host "" is invalid`},
	{name: "4.2.1/H3/malformed_Host", request: replaced("Host: server.example.com", "Host: a:b:c"), status: 400, header: noFields, body: `Host "a:b:c" is invalid`},
	{name: "4.2.1/H4/no_Upgrade", request: replaced("Upgrade: websocket\r\n", ""), status: 426, header: fields426, body: "Upgrade is missing, expected websocket"},
	{name: "4.2.1/H4/Upgrade_websocketx", request: replaced("Upgrade: websocket", "Upgrade: websocketx"), status: 426, header: fields426, body: `Upgrade is "websocketx"`},
	{name: "4.2.1/H4/Upgrade_quoted", request: replaced("Upgrade: websocket", `Upgrade: "websocket"`), status: 426, header: fields426, body: "expected websocket"},
	{name: "4.2.1/H4/no_Connection", request: replaced("Connection: Upgrade\r\n", ""), status: 426, header: fields426, body: "Connection is missing, expected Upgrade"},
	{name: "4.2.1/H4/Connection_xupgrade", request: replaced("Connection: Upgrade", "Connection: xupgrade, keep-alive"), status: 426, header: fields426, body: `Connection is "xupgrade, keep-alive"`},
	{name: "4.2.1/H5/no_key", request: replaced("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), status: 400, header: noFields, body: "Sec-WebSocket-Key is missing"},
	{name: "4.2.1/H5/repeated_key", request: withFields("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), status: 400, header: noFields, body: "expected base64 of 16 bytes"},
	{name: "4.2.1/H5/key_not_base64", request: replaced("dGhl", "d*hl"), status: 400, header: noFields, body: `Sec-WebSocket-Key is "d*hlIHNhbXBsZSBub25jZQ=="`},
	{name: "4.2.1/H5/key_of_15_bytes", request: replaced("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j"), status: 400, header: noFields, body: "expected base64 of 16 bytes"},
	{name: "4.4/H6/no_version", request: replaced("Sec-WebSocket-Version: 13\r\n", ""), status: 426, header: fields426, body: "Sec-WebSocket-Version is missing, expected 13 (RFC 6455, 4.4)"},
	{name: "4.4/H6/version_8", request: replaced("Version: 13", "Version: 8"), status: 426, header: fields426, body: `Sec-WebSocket-Version is "8", expected 13`},
	{name: "4.4/H6/version_list", request: replaced("Version: 13", "Version: 13, 8"), status: 426, header: fields426, body: `Sec-WebSocket-Version is "13, 8"`},
	{name: "11.3.5/H6/repeated_version", request: withFields("Sec-WebSocket-Version: 13"), status: 426, header: fields426, body: "Sec-WebSocket-Version"},
	{name: "10.2/H7/other_origin", request: withFields("Origin: https://evil.example"), status: 403, header: noFields,
		body: `Origin "https://evil.example" is not allowed to connect to host "server.example.com"; if it should be, add it to Config.Origins (RFC 6455, 10.2)`},
	{name: "10.2/H7/null", request: withFields("Origin: null"), status: 403, header: noFields, body: `Origin "null" is not allowed`},
	{name: "10.2/H7/userinfo", request: withFields("Origin: http://server.example.com@evil.example"), status: 403, header: noFields, body: "is malformed"},
	{name: "10.2/H7/suffix", request: withFields("Origin: http://server.example.com.evil.example"), status: 403, header: noFields, body: "is not allowed"},
	{name: "10.2/H7/other_port", request: withFields("Origin: http://server.example.com:8080"), status: 403, header: noFields, body: "is not allowed"},
	{name: "10.2/H7/repeated", request: withFields("Origin: http://server.example.com\r\nOrigin: http://server.example.com"), status: 403, header: noFields, body: "expected one origin or none"},
	{name: "10.2/H7/empty", request: withFields("Origin:"), status: 403, header: noFields, body: "expected one origin or none"},
	{name: "10.2/H7/not_in_the_list", cfg: &Config{Origins: []string{"https://a.example", "https://b.example:444"}}, request: withFields("Origin: https://b.example"),
		status: 403, header: noFields, body: `Origin "https://b.example" is not allowed to connect to host "server.example.com"`},
	{name: "10.2/H7/the_list_replaces_the_same_origin", cfg: &Config{Origins: []string{"https://a.example"}}, request: withFields("Origin: http://server.example.com"),
		status: 403, header: noFields, body: "is not allowed"},
	{name: "4.2.1/H8/T-BODY/Content-Length", request: withFields("Content-Length: 8") + maskedHi, status: 400, header: http.Header{"Connection": {"close"}}, body: "request has a body", closed: true},
	{name: "4.2.1/H8/T-BODY/chunked", request: withFields("Transfer-Encoding: chunked") + "8\r\n" + maskedHi + "\r\n0\r\n\r\n", status: 400, header: http.Header{"Connection": {"close"}}, body: "request has a body", closed: true},
	{name: "4.2.1/H11/fragment", request: replaced("/chat", "/chat#x"), status: 400, header: noFields, body: "request-target"},
	{name: "4.2.1/H11/other_scheme", request: replaced("/chat", "ftp://server.example.com/chat"), status: 400, header: noFields, body: "request-target"},
	{name: "4.1/H12/subprotocol_twice", request: withFields("Sec-WebSocket-Protocol: a, a"), status: 400, header: noFields, body: `"a" is there twice`},
	{name: "4.1/H12/subprotocol_no_token", request: withFields("Sec-WebSocket-Protocol: a/b"), status: 400, header: noFields, body: "Sec-WebSocket-Protocol is malformed"},
	{name: "9.1/H12/malformed_extensions", request: withFields("Sec-WebSocket-Extensions: ;"), status: 400, header: noFields, body: "Sec-WebSocket-Extensions is malformed"},
	{name: "4.2.2/T-SPLIT/CR_LF", cfg: &Config{Header: http.Header{"X-Name": {"a\r\nSet-Cookie: b=c"}}}, request: openingRequest, status: 500, header: noFields,
		body: "Internal Server Error", err: "header field X-Name has a control character in its value"},
	{name: "4.2.2/T-SPLIT/NUL", cfg: &Config{Header: http.Header{"X-Name": {"a\x00"}}}, request: openingRequest, status: 500, header: noFields,
		body: "Internal Server Error", err: "header field X-Name has a control character in its value"},
	{name: "4.2.2/T-SPLIT/name", cfg: &Config{Header: http.Header{"X-A: b\r\nX-C": {"d"}}}, request: openingRequest, status: 500, header: noFields,
		body: "Internal Server Error", err: `header field name "X-A: b\r\nX-C" is not a token`},
	{name: "4.2.2/T-SPLIT/reserved_name", cfg: &Config{Header: http.Header{"Sec-Websocket-Accept": {"x"}}}, request: openingRequest, status: 500, header: noFields,
		body: "Internal Server Error", err: "header field Sec-Websocket-Accept is set by the handshake"},
	{name: "4.2.2/T-SPLIT/subprotocol", cfg: &Config{Subprotocols: []string{"a\r\nX-B: c"}}, request: withFields("Sec-WebSocket-Protocol: a\tX-B: c"), status: 400, header: noFields,
		body: "Sec-WebSocket-Protocol is malformed"},
	{name: "10.2/H14/typo_in_Origins", cfg: &Config{Origins: []string{"https:/a.example"}}, request: openingRequest, status: 500, header: noFields,
		body: "Internal Server Error", err: `Config.Origins: handshake: "https:/a.example" is no origin`},
}
