package handshake

import (
	"fmt"
	"slices"

	"github.com/hawser-go/hawser/internal/httpfield"
)

// SelectSubprotocol returns the first element of supported that is also in
// offered, or "" if there is none: of several that both sides speak, the
// server's order of preference decides, not the client's. The comparison is
// exact, case included (RFC 6455, 4.2.2).
func SelectSubprotocol(offered, supported []string) string {
	for _, s := range supported {
		if slices.Contains(offered, s) {
			return s
		}
	}
	return ""
}

// appendSubprotocols appends what the lines of a request's
// Sec-WebSocket-Protocol field have to list, which is empty.
func appendSubprotocols(list, lines []string) ([]string, error) {
	if tooLong(lines, ",") {
		return list, errTooLong
	}
	list, err := httpfield.AppendTokens(list, lines)
	if err != nil {
		return list, err
	}
	// "The ABNF for the value of this header field is 1#token" RFC 6455, 4.1
	if len(lines) > 0 && len(list) == 0 {
		return list, errEmptyList
	}
	if s, ok := duplicate(list); ok {
		return list, fmt.Errorf("%q is there twice", clip(s))
	}
	return list, nil
}

// duplicate returns an element that list has twice: subprotocols "MUST all be
// unique strings" (RFC 6455, 4.1). Its time is quadratic, so list must be short.
func duplicate(list []string) (string, bool) {
	for i, s := range list {
		if slices.Contains(list[:i], s) {
			return s, true
		}
	}
	return "", false
}
