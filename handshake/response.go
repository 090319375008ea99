package handshake

import (
	"fmt"
	"net/http"

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
	head = appendField(head, "Sec-WebSocket-Accept", AcceptKey(p.Key))
	// "if the server does not wish to agree to one of the suggested
	// subprotocols, it MUST NOT send back a |Sec-WebSocket-Protocol| header
	// field" RFC 6455, 4.2.2
	if p.Subprotocol != "" {
		head = appendField(head, "Sec-WebSocket-Protocol", p.Subprotocol)
	}
	if p.Extensions != "" {
		head = appendField(head, "Sec-WebSocket-Extensions", p.Extensions)
	}
	head, err := appendHeader(head, p.Header)
	if err != nil {
		return b, err
	}
	return append(head, "\r\n"...), nil
}
