package handshake

import (
	"fmt"
	"net/http"

	"github.com/hawser-go/hawser/internal/httpfield"
)

// AppendConnect appends to b the head of a CONNECT request, which asks a proxy
// for a tunnel to address (RFC 9110, 9.3.6; RFC 6455, 4.1): the host and port as
// [ConnectAddress] returns them. authorization is the value of
// Proxy-Authorization, "" for none. header has further fields; a
// Proxy-Authorization among them takes the place of authorization. AppendConnect
// does not retain header.
//
// As in [AppendRequest], what could change the meaning of the head is refused,
// and b is then returned as it came.
func AppendConnect(b []byte, address, authorization string, header http.Header) ([]byte, error) {
	if a, err := parseAuthority(address); err != nil {
		return b, fmt.Errorf("handshake: CONNECT to %q: %w", clip(address), err)
	} else if a.port == "" {
		return b, fmt.Errorf("handshake: CONNECT to %q: no port", clip(address))
	}
	if !httpfield.ValidValue(authorization) {
		return b, fmt.Errorf("handshake: Proxy-Authorization has a control character in its value")
	}
	head := append(b, "CONNECT "...)
	head = append(head, address...)
	head = append(head, " HTTP/1.1\r\n"...)
	head = appendField(head, "Host", address)
	if authorization != "" && header["Proxy-Authorization"] == nil {
		head = appendField(head, "Proxy-Authorization", authorization)
	}
	head, err := appendHeader(head, header, "Host")
	if err != nil {
		return b, err
	}
	return append(head, "\r\n"...), nil
}
