package handshake

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/hawser-go/hawser/internal/httpfield"
)

// A Response is what the server's opening handshake says (RFC 6455, 4.2.2).
type Response struct {
	// Key is the request's Sec-WebSocket-Key.
	Key string

	// Subprotocol is the subprotocol in use, "" for none. It must be one that
	// the client has offered.
	Subprotocol string

	// Extensions is the value of Sec-WebSocket-Extensions, "" for no extension.
	// It must have none that the client has not offered.
	Extensions string

	// Header has further fields. Those that the handshake sets are refused:
	// Upgrade, Connection, Sec-WebSocket-*, and also Content-Length and
	// Transfer-Encoding.
	Header http.Header

	// Extra has fields for this response alone, under the same rules.
	Extra http.Header
}

// AppendResponse appends the complete head of a 101 response to b, up to and
// with the empty line. It does not retain p.
//
// What could change the meaning of the head is refused: a Key that is invalid, a
// subprotocol or field name that is no token, a field value with a control
// character, malformed extensions, a field that the handshake sets. b is then
// returned as it came.
func AppendResponse(b []byte, p Response) ([]byte, error) {
	if !ValidKey(p.Key) {
		return b, fmt.Errorf("handshake: Sec-WebSocket-Key %q is not base64 of 16 bytes", clip(p.Key))
	}
	if p.Subprotocol != "" && !httpfield.IsToken(p.Subprotocol) {
		return b, fmt.Errorf("handshake: subprotocol %q is not a token", clip(p.Subprotocol))
	}
	if err := checkExtensions(p.Extensions); err != nil {
		return b, err
	}
	head := append(b, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"...)
	head = append(head, "Sec-WebSocket-Accept: "...)
	head = appendAcceptKey(head, p.Key)
	head = append(head, "\r\n"...)
	// "if the server does not wish to agree to one of the suggested
	// subprotocols, it MUST NOT send back a |Sec-WebSocket-Protocol| header
	// field" RFC 6455, 4.2.2
	if p.Subprotocol != "" {
		head = appendField(head, "Sec-WebSocket-Protocol", p.Subprotocol)
	}
	if p.Extensions != "" {
		head = appendField(head, "Sec-WebSocket-Extensions", p.Extensions)
	}
	for _, h := range []http.Header{p.Header, p.Extra} {
		var err error
		if head, err = appendHeader(head, h); err != nil {
			return b, err
		}
	}
	return append(head, "\r\n"...), nil
}

// AppendRefusal appends the complete response that e stands for to b, which is
// sent on a connection that is closed then. withBody is false in answer to a
// HEAD request. It returns an error, and b as it came, if e is not valid.
func AppendRefusal(b []byte, e *Error, withBody bool, now time.Time) ([]byte, error) {
	if err := e.Valid(); err != nil {
		return b, err
	}
	body, contentType := e.Content()
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(e.Status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(e.Status)...)
	b = append(b, "\r\nDate: "...)
	b = now.UTC().AppendFormat(b, http.TimeFormat)
	b = append(b, "\r\n"...)
	if httpfield.HasToken(e.Header["Connection"], "upgrade") {
		b = appendField(b, "Connection", "Upgrade, close")
	} else {
		b = appendField(b, "Connection", "close")
	}
	for _, name := range sortedNames(nil, e.Header) {
		if !httpfield.EqualFold(name, "Connection") && !httpfield.EqualFold(name, "Date") {
			b = appendFields(b, name, e.Header[name])
		}
	}
	if contentType != "" {
		b = appendField(b, "Content-Type", contentType)
		b = appendField(b, "X-Content-Type-Options", "nosniff")
	}
	// "A server MUST NOT send a Content-Length header field in any response with
	// a status code of 1xx (Informational) or 204 (No Content)", and a 304 has no
	// body to count. RFC 9110, 8.6
	if e.Status == http.StatusNoContent || e.Status == http.StatusNotModified {
		return append(b, "\r\n"...), nil
	}
	b = appendField(b, "Content-Length", strconv.Itoa(len(body)))
	b = append(b, "\r\n"...)
	if withBody {
		b = append(b, body...)
	}
	return b, nil
}

// Content returns the body of the answer that e stands for, and the Content-Type
// to add, "" if Header has one. It does not copy Body.
func (e *Error) Content() (body []byte, contentType string) {
	if body = e.Body; body == nil {
		body = append([]byte(e.Error()), '\n')
	}
	for name := range e.Header {
		if httpfield.EqualFold(name, "Content-Type") {
			return body, ""
		}
	}
	return body, "text/plain; charset=utf-8"
}
