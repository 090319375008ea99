package handshake

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// An Error says that the peer's half of the opening handshake is invalid or was
// refused. A server's user may make one to refuse a request.
type Error struct {
	// Status is the HTTP status code: on a server the one to answer with, on a
	// client the one that the server sent.
	Status int

	// Header has the fields to add to a server's answer. It may be nil. The
	// caller owns it. It has "Connection: close" if the connection cannot be used
	// for another request.
	Header http.Header

	// Body is the body of a server's answer. If it is nil, that is the text of
	// the error, as text/plain.
	Body []byte

	// Section is the section that decides the case: of RFC 6455, or of another
	// RFC if it says so, as "RFC 9112, 5.1". It may be empty.
	Section string

	// Detail says what came and what was expected, without a final period. What
	// the peer sent stands in it quoted and cut to a bounded length, so Detail
	// is fit for a log and for a text/plain body of the answer.
	Detail string
}

// Error returns the detail and the section: "handshake: request method is
// "POST", not GET (RFC 6455, 4.2.1)".
func (e *Error) Error() string {
	switch {
	case e.Section == "":
		return "handshake: " + e.Detail
	case strings.HasPrefix(e.Section, "RFC "):
		return "handshake: " + e.Detail + " (" + e.Section + ")"
	}
	return "handshake: " + e.Detail + " (RFC 6455, " + e.Section + ")"
}

// Valid returns an error that says why e cannot be sent as an answer: a Status
// that is not final or no status at all, a field name that is no token, a value
// with a control character, or a field that says how long the body is.
func (e *Error) Valid() error {
	if e.Status < 200 || e.Status > 599 {
		return fmt.Errorf("handshake: %d is no status to refuse a request with", e.Status)
	}
	for name, values := range e.Header {
		if err := checkField(name, values); err != nil {
			return err
		}
		if isFramingField(name) {
			return fmt.Errorf("handshake: header field %s is set by the answer", name)
		}
	}
	return nil
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
