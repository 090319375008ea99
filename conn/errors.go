package conn

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/protocol"
)

var (
	// ErrClosed is matched by every error that ends a connection for good.
	ErrClosed = errors.New("hawser: connection closed")

	// ErrReading is returned by a read while a Messages loop of the same connection runs. The error of a read of a connection that calls [Events] matches it.
	ErrReading = errors.New("hawser: a Messages loop is reading this connection: use what it yields, or leave it first")

	// ErrInvalidMessageType is returned by a write of a message that is neither Text nor Binary, such as the zero Message.
	ErrInvalidMessageType = errors.New("hawser: message type is neither Text nor Binary (RFC 6455, 5.6)")

	// ErrInvalidUTF8 is returned by a write of a Text message that is not valid UTF-8 (RFC 6455, 5.6). Nothing has been sent.
	ErrInvalidUTF8 = errors.New("hawser: text message is not valid UTF-8: send such bytes as Binary (RFC 6455, 5.6)")

	// Always the Err of a CloseError, whose text has the prefix.
	errCloseTimeout = timeoutError("the close timeout has passed")
	errWriteTimeout = timeoutError("no progress within the write timeout")
)

// Close is the body of a Close frame (RFC 6455, 5.5.1).
type Close struct {
	// Code is the status code, StatusNoStatusRcvd for a frame without one.
	Code frame.StatusCode
	// Reason is at most 123 bytes of UTF-8.
	Reason string
}

// String returns for example `1001 (Going Away) "restart"`.
func (c Close) String() string {
	s := strconv.Itoa(int(c.Code))
	if name := c.Code.String(); !strings.Contains(name, s) { // a code without a name is called by its number
		s += " (" + name + ")"
	}
	if c.Reason != "" {
		s += fmt.Sprintf(" %q", c.Reason)
	}
	return s
}

// EOF says where in the stream of frames the transport ended.
type EOF uint8

const (
	// NoEOF: the transport did not end by itself.
	NoEOF EOF = iota
	// EOFBoundary: the transport ended between messages, without a Close frame.
	EOFBoundary
	// EOFInside: the transport ended inside a frame or between the fragments of a message. What had come of the message is lost.
	EOFInside
)

// A CloseError says how a connection ended. Its text is not covered by any promise of compatibility; its fields are.
//
// errors.Is matches it with
//   - [ErrClosed], always,
//   - io.EOF, if the end was clean: see Clean,
//   - io.ErrUnexpectedEOF, if the transport ended inside a frame or a fragmented message,
//   - net.ErrClosed, if this side closed: Close or CloseNow was called,
//   - and whatever Err matches, for example os.ErrDeadlineExceeded after a timeout.
//
// errors.AsType[*frame.ProtocolError] has the rule that the peer broke, if it did.
type CloseError struct {
	// Received is the Close frame that came, nil if none did.
	Received *Close
	// Sent is the Close frame that this side sent, or was about to send when the connection ended, nil if none.
	Sent *Close
	// Local reports that this side ended the connection, by Close or CloseNow, before any Close frame came.
	Local bool
	// EOF says where the transport ended, if it did before the closing handshake was complete.
	EOF EOF
	// Err is the cause if there is one beside the closing handshake: the rule or limit that the peer broke, or the transport's error.
	Err error
}

// Clean reports whether the connection ended as it should: a Close frame came with 1000, 1001 or without a code, or one that this side began with
// was answered, and nothing had gone wrong before.
func (e *CloseError) Clean() bool {
	if e.Err != nil || e.Received == nil {
		return false
	}
	switch e.Received.Code {
	case frame.StatusNormalClosure, frame.StatusGoingAway, frame.StatusNoStatusRcvd:
		return true
	}
	return e.Local
}

// Error says what was received, what was sent, and why.
func (e *CloseError) Error() string {
	var s []string
	received, sent := "", ""
	if e.Received != nil {
		received = "received close " + e.Received.String()
	}
	if e.Sent != nil {
		sent = "sent close " + e.Sent.String()
	}
	if e.Local {
		received, sent = sent, received
	}
	for _, part := range []string{received, sent} {
		if part != "" {
			s = append(s, part)
		}
	}
	switch {
	case e.EOF == EOFBoundary:
		s = append(s, "the peer ended the stream without a close frame")
	case e.EOF == EOFInside:
		s = append(s, "the peer ended the stream inside a message")
	case e.Local && e.Sent == nil:
		s = append(s, "closed by this side without a close frame")
	}
	if e.Err != nil {
		s = append(s, e.Err.Error())
	}
	if e.Err == protocol.ErrMessageTooBig {
		s[len(s)-1] += ": raise Config.MessageLimit if such messages are to come" // the peer is not told about our Config
	}
	if len(s) == 0 {
		return ErrClosed.Error()
	}
	return ErrClosed.Error() + ": " + strings.Join(s, ", ")
}

// Is implements what the type's comment promises.
func (e *CloseError) Is(target error) bool {
	switch target {
	case ErrClosed:
		return true
	case io.EOF:
		return e.Clean()
	case io.ErrUnexpectedEOF:
		return e.EOF == EOFInside
	case net.ErrClosed:
		return e.Local
	}
	return false
}

// Unwrap returns Err.
func (e *CloseError) Unwrap() error { return e.Err }

// A HandshakeError says why the opening handshake failed.
type HandshakeError struct {
	// Status is the HTTP status code of the answer: the one that Accept has sent, or the one that Dial has received, from a proxy if Err is a *ProxyError; 0 if Dial received none.
	Status int
	// Header has the answer's fields.
	Header http.Header
	// Body is a prefix of the body that Dial received, at most 1 KiB.
	Body []byte
	// Err is the cause: usually a *handshake.Error, or an error of the network or of the context.
	Err error
}

// Error says what went wrong, with a prefix of the body if there is one.
func (e *HandshakeError) Error() string {
	s := "hawser: opening handshake failed: " + strings.TrimPrefix(e.Err.Error(), "handshake: ")
	if len(e.Body) > 0 {
		s += fmt.Sprintf(": %.200q", e.Body)
	}
	return s
}

// Unwrap returns Err.
func (e *HandshakeError) Unwrap() error { return e.Err }

// timeoutError is a net.Error that matches os.ErrDeadlineExceeded.
type timeoutError string

func (e timeoutError) Error() string   { return string(e) }
func (e timeoutError) Timeout() bool   { return true }
func (e timeoutError) Temporary() bool { return false }
func (e timeoutError) Is(target error) bool {
	return target == os.ErrDeadlineExceeded
}
