package frame

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"
)

// MaxCloseReason is the greatest length in octets of the reason of a Close
// frame: what is left of [MaxControlPayload] after the status code.
const MaxCloseReason = MaxControlPayload - 2

// What [CheckClose] returns. It is our side that is about to break a rule, so
// these are not a [*ProtocolError].
var (
	// ErrStatusCode: the status code must not appear in a Close frame.
	ErrStatusCode = errors.New("hawser/frame: status code must not be sent in a Close frame: use 1000 to 1003, 1007 to 1014, or 3000 to 4999 (RFC 6455, 7.4)")

	// ErrReasonTooLong: the reason has more than MaxCloseReason octets.
	ErrReasonTooLong = errors.New("hawser/frame: reason of a Close frame is longer than 123 bytes (RFC 6455, 5.5)")

	// ErrReasonNotUTF8: the reason is not valid UTF-8.
	ErrReasonNotUTF8 = errors.New("hawser/frame: reason of a Close frame is not valid UTF-8 (RFC 6455, 5.5.1)")

	// ErrReasonWithoutCode: there is a reason, and the status code is
	// StatusNoStatusRcvd, which stands for an empty Close frame.
	ErrReasonWithoutCode = errors.New("hawser/frame: reason without a status code")
)

var (
	errCloseTooLong = &ProtocolError{StatusProtocolError, "RFC 6455, 5.5", "payload of a Close frame is longer than 125 bytes"}
	errCloseOneByte = &ProtocolError{StatusProtocolError, "RFC 6455, 5.5.1", "payload of a Close frame is one byte"}
	errCloseCode    = &ProtocolError{StatusProtocolError, "RFC 6455, 7.4", "status code that must not be sent"}
	errCloseReason  = &ProtocolError{StatusInvalidFramePayloadData, "RFC 6455, 5.5.1", "reason of a Close frame is not valid UTF-8"}
)

// ConsumeClose reads the whole payload p of a Close frame, unmasked (RFC 6455,
// 5.5.1). An empty payload is StatusNoStatusRcvd with no reason. reason is the
// rest of p, not a copy, and is nil if there is none; it is valid until p is
// next modified.
//
// A payload that the peer must not send is a [*ProtocolError], with code and
// reason zero: its Code is 1007 if the reason is not UTF-8, and 1002 if p is a
// single octet, is longer than MaxControlPayload, or has a status code that
// must not be sent.
func ConsumeClose(p []byte) (code StatusCode, reason []byte, err error) {
	switch len(p) {
	case 0:
		// "If this Close control frame contains no status code, _The WebSocket
		// Connection Close Code_ is considered to be 1005." RFC 6455, 7.1.5
		return StatusNoStatusRcvd, nil, nil
	case 1:
		// "If there is a body, the first two bytes of the body MUST be a 2-byte
		// unsigned integer" RFC 6455, 5.5.1
		return 0, nil, errCloseOneByte
	}
	code = StatusCode(binary.BigEndian.Uint16(p))
	switch {
	case len(p) > MaxControlPayload:
		// "All control frames MUST have a payload length of 125 bytes or less"
		// RFC 6455, 5.5
		return 0, nil, errCloseTooLong
	case !code.MayBeSent():
		// "Endpoints MAY use the following pre-defined status codes" RFC 6455, 7.4.1
		return 0, nil, errCloseCode
	case !utf8.Valid(p[2:]):
		// "the body MAY contain UTF-8-encoded data" RFC 6455, 5.5.1
		return 0, nil, errCloseReason
	case len(p) == 2:
		return code, nil, nil
	}
	return code, p[2:], nil
}

// AppendClose appends the payload of a Close frame to b and returns the
// extended slice: the status code and the reason or, for StatusNoStatusRcvd,
// nothing. It does not check its arguments: [CheckClose] does. The caller owns
// the result. (RFC 6455, 5.5.1)
func AppendClose(b []byte, code StatusCode, reason string) []byte {
	if code == StatusNoStatusRcvd {
		return b
	}
	b = append(b, byte(code>>8), byte(code))
	return append(b, reason...)
}

// SizeClose returns the number of octets that AppendClose appends.
func SizeClose(code StatusCode, reason string) int {
	if code == StatusNoStatusRcvd {
		return 0
	}
	return 2 + len(reason)
}

// CheckClose reports whether a Close frame with code and reason may be sent.
// StatusNoStatusRcvd with an empty reason may: it stands for a Close frame
// without payload. The error is [ErrStatusCode], [ErrReasonWithoutCode],
// [ErrReasonTooLong] or [ErrReasonNotUTF8]. (RFC 6455, 5.5.1 and 7.4)
func CheckClose(code StatusCode, reason string) error {
	switch {
	case code == StatusNoStatusRcvd && reason == "":
		return nil
	case code == StatusNoStatusRcvd:
		// "If there is a body, the first two bytes of the body MUST be a 2-byte
		// unsigned integer" RFC 6455, 5.5.1
		return ErrReasonWithoutCode
	case !code.MayBeSent():
		return ErrStatusCode
	case len(reason) > MaxCloseReason:
		// "All control frames MUST have a payload length of 125 bytes or less"
		// RFC 6455, 5.5
		return ErrReasonTooLong
	case !utf8.ValidString(reason):
		// "the body MAY contain UTF-8-encoded data" RFC 6455, 5.5.1
		return ErrReasonNotUTF8
	}
	return nil
}
