package handshake

import (
	"errors"
	"strings"
)

// maxSeparators bounds the list that a peer may send in
// Sec-WebSocket-Protocol or Sec-WebSocket-Extensions: a field of 1 MiB would
// grow to many times its size once it is split (RFC 6455, 10.4).
const maxSeparators = 64

var (
	errTooLong   = errors.New("more than 64 separators")
	errEmptyList = errors.New("no element")
)

// tooLong reports whether lines, joined by commas, hold more than maxSeparators
// of the bytes in separators.
func tooLong(lines []string, separators string) bool {
	n := len(lines) - 1
	for _, line := range lines {
		for i := range len(line) {
			if strings.IndexByte(separators, line[i]) >= 0 {
				n++
			}
		}
	}
	return n > maxSeparators
}
