package frame

// Rules is what the receiver of a frame knows that decides whether its header
// is legal.
type Rules struct {
	// Masked: the peer must mask, because the receiver is a server
	// (RFC 6455, 5.1).
	Masked bool

	// RSV1: an extension that defines RSV1 was negotiated. It may be set on the
	// first frame of a data message only (RFC 7692, 6).
	RSV1 bool

	// Fragmented: a fragmented message is unfinished (RFC 6455, 5.4).
	Fragmented bool
}

var (
	errRSV             = &ProtocolError{StatusProtocolError, "RFC 6455, 5.2", "RSV2 or RSV3 is set, and no extension defines it"}
	errRSV1            = &ProtocolError{StatusProtocolError, "RFC 6455, 5.2", "RSV1 is set, and no extension that defines it was negotiated"}
	errRSV1Control     = &ProtocolError{StatusProtocolError, "RFC 7692, 6", "RSV1 is set on a control frame"}
	errRSV1Fragment    = &ProtocolError{StatusProtocolError, "RFC 7692, 6", "RSV1 is set on a continuation frame"}
	errOpcode          = &ProtocolError{StatusProtocolError, "RFC 6455, 5.2", "opcode is reserved"}
	errNotMasked       = &ProtocolError{StatusProtocolError, "RFC 6455, 5.1", "frame from a client is not masked"}
	errMasked          = &ProtocolError{StatusProtocolError, "RFC 6455, 5.1", "frame from a server is masked"}
	errControlFragment = &ProtocolError{StatusProtocolError, "RFC 6455, 5.5", "control frame is fragmented"}
	errControlTooLong  = &ProtocolError{StatusProtocolError, "RFC 6455, 5.5", "payload length of a control frame takes more than 7 bits"}
	errContinuation    = &ProtocolError{StatusProtocolError, "RFC 6455, 5.4", "continuation frame without a message to continue"}
	errInterleaved     = &ProtocolError{StatusProtocolError, "RFC 6455, 5.4", "new message inside a fragmented message"}
	errTopBit          = &ProtocolError{StatusProtocolError, "RFC 6455, 5.2", "most significant bit of the payload length is set"}
	errNotMinimal      = &ProtocolError{StatusProtocolError, "RFC 6455, 5.2", "payload length is not encoded in the minimal number of bytes"}
)

// Check returns nil if the receiver that r describes may accept a frame with
// the header h, else a [*ProtocolError] with the code 1002. h and n are what
// [ConsumeHeader] returned. If n is 0, only the first two octets are known:
// every rule is checked but the ones on how the length is encoded.
//
// Check holds every rule of RFC 6455 on a single header. The limit on the
// length of a message is not one of them. If several rules are broken, the
// error names the one that explains most: a bit or an opcode of an extension
// that we do not know, then the wrong role, then a control frame's form, then the
// frame's place among the fragments of a message, and last how the length is
// encoded. So what the first two octets can tell comes first, and the error does
// not depend on how many bytes had come.
func Check(h Header, n int, r Rules) error { return h.Check(n, r) }

// Check is the function [Check] for a header that stays where it is; see
// [Header.Consume]. It does not modify h.
func (h *Header) Check(n int, r Rules) error {
	switch {
	case h.RSV2 || h.RSV3:
		// "If a nonzero value is received and none of the negotiated extensions
		// defines the meaning of such a nonzero value, the receiving endpoint MUST
		// _Fail the WebSocket Connection_." RFC 6455, 5.2
		return errRSV
	case h.RSV1 && !r.RSV1:
		// The same sentence. RFC 6455, 5.2
		return errRSV1
	case h.Opcode.IsReserved():
		// "If an unknown opcode is received, the receiving endpoint MUST _Fail the
		// WebSocket Connection_." RFC 6455, 5.2
		return errOpcode
	case h.RSV1 && h.Opcode.IsControl():
		// "An endpoint MUST NOT set the "Per-Message Compressed" bit of control
		// frames and non-first fragments of a data message." RFC 7692, 6
		return errRSV1Control
	case h.RSV1 && h.Opcode == OpcodeContinuation:
		// The same sentence. RFC 7692, 6
		return errRSV1Fragment
	case r.Masked && !h.Masked:
		// "The server MUST close the connection upon receiving a frame that is not
		// masked." RFC 6455, 5.1
		return errNotMasked
	case !r.Masked && h.Masked:
		// "A client MUST close a connection if it detects a masked frame."
		// RFC 6455, 5.1
		return errMasked
	case h.Opcode.IsControl() && !h.Fin:
		// "All control frames MUST have a payload length of 125 bytes or less and
		// MUST NOT be fragmented." RFC 6455, 5.5
		return errControlFragment
	case h.Opcode.IsControl() && (h.PayloadLength > MaxControlPayload || n != 0 && n != h.size()):
		// The same sentence; a longer form of a shorter length is not minimal. The
		// second octet shows both alike. RFC 6455, 5.5
		return errControlTooLong
	case h.Opcode == OpcodeContinuation && !r.Fragmented:
		// "A fragmented message consists of a single frame with the FIN bit clear
		// and an opcode other than 0, followed by [...]" RFC 6455, 5.4
		return errContinuation
	case h.Opcode != OpcodeContinuation && !h.Opcode.IsControl() && r.Fragmented:
		// "The fragments of one message MUST NOT be interleaved between the
		// fragments of another message" RFC 6455, 5.4
		return errInterleaved
	case h.PayloadLength >= topBit:
		// "the most significant bit MUST be 0" RFC 6455, 5.2
		return errTopBit
	case n != 0 && n != h.size():
		// "in all cases, the minimal number of bytes MUST be used to encode the
		// length" RFC 6455, 5.2
		return errNotMinimal
	}
	return nil
}
