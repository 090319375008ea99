package handshake

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/hawser-go/hawser/internal/httpfield"
)

// appendField appends one field line to b.
func appendField(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, "\r\n"...)
}

// appendHeader appends the application's fields, sorted by name, or returns an
// error for one that would break the head or contradict what the handshake
// itself says. Fields in own are refused like those that both sides share.
func appendHeader(b []byte, h http.Header, own ...string) ([]byte, error) {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if !httpfield.IsToken(name) {
			return nil, fmt.Errorf("handshake: header field name %q is not a token", clip(name))
		}
		if isHandshakeField(name) || slices.ContainsFunc(own, func(s string) bool { return httpfield.EqualFold(s, name) }) {
			return nil, fmt.Errorf("handshake: header field %s is set by the handshake", name)
		}
		for _, value := range h[name] {
			if !httpfield.ValidValue(value) {
				return nil, fmt.Errorf("handshake: header field %s has a control character in its value", name)
			}
			b = appendField(b, name, value)
		}
	}
	return b, nil
}

// isHandshakeField reports whether name is a field that the handshake sets, or
// that gives a body to a message that has none.
func isHandshakeField(name string) bool {
	for _, s := range []string{"Upgrade", "Connection", "Content-Length", "Transfer-Encoding"} {
		if httpfield.EqualFold(name, s) {
			return true
		}
	}
	const prefix = "Sec-WebSocket-"
	return len(name) >= len(prefix) && httpfield.EqualFold(name[:len(prefix)], prefix)
}

// checkExtensions returns an error if value is neither "" nor a valid
// Sec-WebSocket-Extensions.
func checkExtensions(value string) error {
	if value == "" {
		return nil
	}
	if _, err := parseExtensions([]string{value}); err != nil {
		return fmt.Errorf("handshake: extensions to send: %w", err)
	}
	return nil
}
