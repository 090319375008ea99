package handshake

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/hawser-go/hawser/internal/httpfield"
)

// A ClientRequest is what the client's opening handshake says (RFC 6455, 4.1).
type ClientRequest struct {
	// Host is the value of the Host field, as [HostField] returns it.
	Host string

	// RequestURI is the resource name, path and query, as the RequestURI method
	// of the URL that [ParseURL] returns has it.
	RequestURI string

	// Key is the Sec-WebSocket-Key, as [EncodeKey] returns it.
	Key string

	// Subprotocols has the subprotocols to offer, the preferred one first.
	Subprotocols []string

	// Extensions is the value of Sec-WebSocket-Extensions, "" to offer none.
	Extensions string

	// Origin is the value of the Origin field, "" for none. Only a browser must
	// send one.
	Origin string

	// Header has further fields. Those that the handshake sets are refused:
	// Host, Upgrade, Connection, Origin, Sec-WebSocket-*, and also
	// Content-Length and Transfer-Encoding.
	Header http.Header
}

// AppendRequest appends the complete head of the request to b, up to and with
// the empty line. It does not retain q.
//
// What could change the meaning of the head is refused: a host, resource name or
// key that is invalid, a subprotocol that is repeated or no token, a field name
// that is no token, a field value with a control character, malformed
// extensions, a field that the handshake sets. b is then returned as it came.
func AppendRequest(b []byte, q ClientRequest) ([]byte, error) {
	if _, err := parseAuthority(q.Host); err != nil {
		return b, fmt.Errorf("handshake: Host %q is invalid: %w", clip(q.Host), err)
	}
	if !validTarget(q.RequestURI) || q.RequestURI[0] != '/' {
		return b, fmt.Errorf("handshake: resource name %q is no escaped path and query", clip(q.RequestURI))
	}
	if !ValidKey(q.Key) {
		return b, fmt.Errorf("handshake: Sec-WebSocket-Key %q is not base64 of 16 bytes", clip(q.Key))
	}
	for _, s := range q.Subprotocols {
		if !httpfield.IsToken(s) {
			return b, fmt.Errorf("handshake: subprotocol %q is not a token", clip(s))
		}
	}
	if s, ok := duplicate(q.Subprotocols); ok {
		return b, fmt.Errorf("handshake: subprotocol %q is offered twice", clip(s))
	}
	if err := checkExtensions(q.Extensions); err != nil {
		return b, err
	}
	if !httpfield.ValidValue(q.Origin) {
		return b, fmt.Errorf("handshake: Origin %q has a control character", clip(q.Origin))
	}
	head := append(b, "GET "...)
	head = append(head, q.RequestURI...)
	head = append(head, " HTTP/1.1\r\n"...)
	head = appendField(head, "Host", q.Host)
	head = append(head, "Upgrade: websocket\r\nConnection: Upgrade\r\n"...)
	head = appendField(head, "Sec-WebSocket-Key", q.Key)
	head = appendField(head, "Sec-WebSocket-Version", version)
	if len(q.Subprotocols) > 0 {
		head = appendField(head, "Sec-WebSocket-Protocol", strings.Join(q.Subprotocols, ", "))
	}
	if q.Extensions != "" {
		head = appendField(head, "Sec-WebSocket-Extensions", q.Extensions)
	}
	if q.Origin != "" {
		head = appendField(head, "Origin", q.Origin)
	}
	head, err := appendHeader(head, q.Header, "Host", "Origin")
	if err != nil {
		return b, err
	}
	return append(head, "\r\n"...), nil
}

// A Result is what a client and a server have agreed on.
type Result struct {
	// Subprotocol is the subprotocol in use, "" for none.
	Subprotocol string

	// Extensions has the extensions in use in the order in which the server
	// lists them. Their parameters have not been judged.
	Extensions []Extension
}

// CheckResponse checks the answer to the request q by every step of RFC 6455,
// 4.1. It does not read r's body and does not retain r or q. The caller owns the
// result. An error is an [*Error] with the status of r.
func CheckResponse(r *http.Response, q ClientRequest) (Result, error) {
	fail := func(section, format string, args ...any) (Result, error) {
		return Result{}, newError(r.StatusCode, section, format, args...)
	}
	// "If the status code received from the server is not 101, the client
	// handles the response per HTTP [RFC2616] procedures." Step 1
	if r.StatusCode != http.StatusSwitchingProtocols {
		return fail("4.1", "status is %s, not 101", statusLine(r.StatusCode))
	}
	// 101 is unknown to HTTP/1.0, and the request was HTTP/1.1.
	if r.ProtoMajor != 1 || r.ProtoMinor < 1 {
		return fail("4.1", "response is HTTP/%d.%d, not HTTP/1.1", r.ProtoMajor, r.ProtoMinor)
	}
	// "[...] contains a value that is not an ASCII case-insensitive match for the
	// value "websocket"" Step 2
	if v := r.Header["Upgrade"]; len(v) != 1 || !httpfield.EqualFold(strings.Trim(v[0], " \t"), "websocket") {
		return fail("4.1", "Upgrade is %s, expected websocket", quoteLines(v))
	}
	// "[...] doesn't contain a token that is an ASCII case-insensitive match for
	// the value "Upgrade"" Step 3
	if v := r.Header["Connection"]; !httpfield.HasToken(v, "upgrade") {
		return fail("4.1", "Connection is %s, expected Upgrade", quoteLines(v))
	}
	// "[...] ignoring any leading and trailing whitespace" Step 4. It "MUST NOT
	// appear more than once in an HTTP response." RFC 6455, 11.3.3
	accept := AcceptKey(q.Key)
	if v := r.Header["Sec-Websocket-Accept"]; len(v) != 1 || strings.Trim(v[0], " \t") != accept {
		return fail("4.1", "Sec-WebSocket-Accept is %s, expected %q", quoteLines(v), accept)
	}
	var result Result
	// "[...] the use of an extension that was not present in the client's
	// handshake" Step 5. The field "MUST NOT appear more than once in an HTTP
	// response" (RFC 6455, 11.3.2), whatever 4.2.2 says about several instances.
	if v := r.Header["Sec-Websocket-Extensions"]; len(v) > 1 {
		return fail("11.3.2", "Sec-WebSocket-Extensions is repeated: %s", quoteLines(v))
	} else if list, err := parseExtensions(v); err != nil {
		return fail("9.1", "Sec-WebSocket-Extensions is malformed: %v", err)
	} else {
		for _, e := range list {
			if !offersExtension(q.Extensions, e.Name) {
				return fail("4.1", "extension %q was not offered", clip(e.Name))
			}
		}
		result.Extensions = list
	}
	// "[...] the use of a subprotocol that was not present in the client's
	// handshake" Step 6. The field "MUST NOT appear more than once in an HTTP
	// response." RFC 6455, 11.3.4
	if v := r.Header["Sec-Websocket-Protocol"]; len(v) > 1 {
		return fail("11.3.4", "Sec-WebSocket-Protocol is repeated: %s", quoteLines(v))
	} else if len(v) == 1 {
		result.Subprotocol = strings.Trim(v[0], " \t")
		if !slices.Contains(q.Subprotocols, result.Subprotocol) {
			return fail("4.1", "subprotocol %q was not offered", clip(result.Subprotocol))
		}
	}
	return result, nil
}

// offersExtension reports whether the Sec-WebSocket-Extensions value offer,
// which AppendRequest has checked, has an extension of that name.
func offersExtension(offer, name string) bool {
	list, _ := parseExtensions([]string{offer})
	return slices.ContainsFunc(list, func(e Extension) bool { return e.Name == name })
}

func statusLine(code int) string {
	if text := http.StatusText(code); text != "" {
		return fmt.Sprintf("%d %s", code, text)
	}
	return fmt.Sprint(code)
}
