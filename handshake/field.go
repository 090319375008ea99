package handshake

import (
	"fmt"
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
	for _, name := range sortedNames(make([]string, 0, 16), h) {
		if err := checkField(name, h[name]); err != nil {
			return nil, err
		}
		if isHandshakeField(name) || slices.ContainsFunc(own, func(s string) bool { return httpfield.EqualFold(s, name) }) {
			return nil, fmt.Errorf("handshake: header field %s is set by the handshake", name)
		}
		b = appendFields(b, name, h[name])
	}
	return b, nil
}

// sortedNames appends the names in h to names, in order.
func sortedNames(names []string, h http.Header) []string {
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func appendFields(b []byte, name string, values []string) []byte {
	for _, value := range values {
		b = appendField(b, name, value)
	}
	return b
}

// checkField returns an error for a field of the application's that would break
// a head.
func checkField(name string, values []string) error {
	if !httpfield.IsToken(name) {
		return fmt.Errorf("handshake: header field name %q is not a token", clip(name))
	}
	for _, value := range values {
		if !httpfield.ValidValue(value) {
			return fmt.Errorf("handshake: header field %s has a control character in its value", name)
		}
	}
	return nil
}

// isHandshakeField reports whether name is a field that the handshake sets, or
// that gives a body to a message that has none.
func isHandshakeField(name string) bool {
	const prefix = "Sec-WebSocket-"
	return httpfield.EqualFold(name, "Upgrade") || httpfield.EqualFold(name, "Connection") || isFramingField(name) ||
		len(name) >= len(prefix) && httpfield.EqualFold(name[:len(prefix)], prefix)
}

// isFramingField reports whether name is a field that says how long a body is.
func isFramingField(name string) bool {
	return httpfield.EqualFold(name, "Content-Length") || httpfield.EqualFold(name, "Transfer-Encoding")
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
