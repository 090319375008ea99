package handshake

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// An Error says that the peer's half of the opening handshake is invalid or was
// refused.
type Error struct {
	// Status is the HTTP status code: on a server the one to answer with, on a
	// client the one that the server sent.
	Status int

	// Header has the fields to add to a server's answer. It may be nil. The
	// caller owns it.
	Header http.Header

	// Section is the section of RFC 6455 that decides the case. It may be empty.
	Section string

	// Detail says what came and what was expected, without a final period. What
	// the peer sent stands in it quoted and cut to a bounded length, so Detail
	// is fit for a log and for a text/plain body of the answer.
	Detail string
}

// Error returns the detail and the section: "handshake: request method is
// "POST", not GET (RFC 6455, 4.2.1)".
func (e *Error) Error() string {
	if e.Section == "" {
		return "handshake: " + e.Detail
	}
	return "handshake: " + e.Detail + " (RFC 6455, " + e.Section + ")"
}

func newError(status int, section, format string, args ...any) *Error {
	return &Error{Status: status, Section: section, Detail: fmt.Sprintf(format, args...)}
}

// upgradeRequired is the answer to a request that is no opening handshake, or
// one of another version of the protocol.
func upgradeRequired(section, format string, args ...any) *Error {
	e := newError(http.StatusUpgradeRequired, section, format, args...)
	// "The server MUST send an Upgrade header field in a 426 response" and a
	// sender of Upgrade "MUST also send an "Upgrade" connection option".
	// RFC 9110, 15.5.22 and 7.8
	e.Header = http.Header{}
	e.Header.Set("Upgrade", "websocket")
	e.Header.Set("Connection", "Upgrade")
	// "a |Sec-WebSocket-Version| header field indicating the version(s) the
	// server is capable of understanding" RFC 6455, 4.2.2
	e.Header.Set("Sec-WebSocket-Version", version)
	return e
}

// clip bounds what a peer's string can add to an Error.
func clip(s string) string {
	const most = 128
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

// quoteLines shows the lines of a field that came, in a bounded length.
func quoteLines(lines []string) string {
	const most = 3
	if len(lines) == 0 {
		return "missing"
	}
	var b strings.Builder
	for i, line := range lines[:min(len(lines), most)] {
		if i > 0 {
			b.WriteString(" and ")
		}
		b.WriteString(strconv.Quote(clip(line)))
	}
	if len(lines) > most {
		b.WriteString(" and more")
	}
	return b.String()
}
