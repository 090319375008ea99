package protocol

import (
	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/utf8stream"
)

// Limits bounds what a peer can make the receiver of its messages hold.
type Limits struct {
	// Message is the largest message that is accepted, in bytes.
	Message uint64
	// Compressed is the same for the payload of a compressed message (RFC 7692, 6.2) as it comes, 0 if permessage-deflate has not been negotiated. What it inflates to is for whoever inflates it
	// to bound.
	Compressed uint64
	// Fragments is the largest number of frames that a message may come in, empty ones included.
	Fragments uint64
}

// Kind says what an [Event] is.
type Kind uint8

const (
	// None: the frame is not complete yet.
	None Kind = iota
	// Fragment: a data frame is complete, its message goes on.
	Fragment
	// Message: a data frame is complete, and with it the message.
	Message
	// Ping: a Ping frame is complete. Payload is its application data.
	Ping
	// Pong: a Pong frame is complete. Payload is its application data.
	Pong
	// Close: a Close frame is complete. Code is its status code, [frame.StatusNoStatusRcvd] if it has none, and Payload the reason.
	// It is the last event.
	Close
)

// An Event is what the end of a frame means.
type Event struct {
	Kind Kind
	Code frame.StatusCode
	// Payload belongs to a control frame. It aliases the last argument of Payload or the Receiver: valid until the next call to Header.
	Payload []byte
}

// A Receiver takes the frames of one peer: for each frame a call of Header, then calls of Payload until it is complete. It holds every
// rule on what a peer may send, and the limits on messages. The zero value is not ready, use [NewReceiver]. Calls must not overlap.
//
// Once a call has returned an error or a Close event, nothing more is received (RFC 6455, 5.5.1, 7.1.7) and each later call
// returns the same error, or [ErrEnded] after a Close.
type Receiver struct {
	limits Limits
	rules  frame.Rules
	err    error

	frame     frame.Header
	remaining uint64 // payload of the frame that is still to come

	// The message that is unfinished, or the last one.
	opcode     frame.Opcode
	compressed bool
	size       uint64 // of the frames whose headers have come
	fragments  uint64
	utf8       utf8stream.Validator

	control *controlBuffer // for a control frame that comes in pieces
}

// NewReceiver returns a Receiver for the side role.
func NewReceiver(role Role, limits Limits) Receiver {
	return Receiver{limits: limits, rules: frame.Rules{Masked: role == Server, RSV1: limits.Compressed > 0}}
}

type endedError struct{}

func (endedError) Error() string { return "protocol: the peer has sent its Close frame" }

// ErrEnded is returned by a Receiver that has returned a Close event.
var ErrEnded error = endedError{}

// The limits a message may break; RFC 6455, 7.4.1 has the codes.
var (
	ErrMessageTooBig = &frame.ProtocolError{Code: frame.StatusMessageTooBig, Section: "RFC 6455, 7.4.1",
		Detail: "message is larger than the limit"}
	errFragments = &frame.ProtocolError{Code: frame.StatusPolicyViolation, Section: "RFC 6455, 10.4",
		Detail: "message has more fragments than the limit"}
	errText = &frame.ProtocolError{Code: frame.StatusInvalidFramePayloadData, Section: "RFC 6455, 8.1",
		Detail: "text message is not valid UTF-8"}
)

// Header takes the header of the next frame from the start of b and returns how many bytes it had. 0 without an error means that
// b is too short: nothing was taken, call again with more. What is wrong with the first two octets is refused when they are there; what is wrong with a length
// that follows them, or breaks a limit, when the header is whole, with the masking key.
// It must be called only between frames. Header does not retain b.
func (r *Receiver) Header(b []byte) (n int, err error) {
	if r.err != nil {
		return 0, r.err
	}
	if r.control != nil {
		r.control.release() // its event has been dealt with
		r.control = nil
	}
	if len(b) < 2 {
		return 0, nil
	}
	h := &r.frame
	n = h.Consume(b)
	if err := h.Check(n, r.rules); err != nil {
		r.err = err
		return 0, err
	}
	if n == 0 {
		// The limits wait for the length: what is reported must not depend on where the bytes were split.
		return 0, nil
	}
	if h.Opcode.IsControl() {
		r.remaining = h.PayloadLength
		return n, nil
	}
	size, fragments, compressed := r.size, r.fragments, r.compressed
	if h.Opcode != frame.OpcodeContinuation {
		// The first frame says whether the message is compressed: by RSV1 (RFC 7692, 6).
		size, fragments, compressed = 0, 0, h.RSV1
	}
	limit := r.limits.Message
	if compressed {
		limit = r.limits.Compressed
	}
	if h.PayloadLength > limit-size {
		r.err = ErrMessageTooBig
		return 0, r.err
	}
	if fragments >= r.limits.Fragments {
		r.err = errFragments
		return 0, r.err
	}
	if h.Opcode != frame.OpcodeContinuation {
		r.compressed = compressed
		r.opcode = h.Opcode // and utf8 is at a boundary: a text message ended complete, or was the last
	}
	r.remaining = h.PayloadLength
	r.size, r.fragments = size+h.PayloadLength, fragments+1
	r.rules.Fragmented = !h.Fin
	return n, nil
}

// Frame returns the header that Header took last. It must not be modified; valid until the next call to Header, which overwrites it also if it takes nothing.
func (r *Receiver) Frame() *frame.Header { return &r.frame }

// Opcode returns the type of the message that the current data frame belongs to: text or binary, also in a continuation.
func (r *Receiver) Opcode() frame.Opcode { return r.opcode }

// Compressed reports whether the message that the current data frame belongs to is compressed. Then the caller inflates what Payload has taken, and passes the result to Inflated.
func (r *Receiver) Compressed() bool { return r.compressed }

// Inflated takes what the payload that the last call of Payload took has inflated to; last says that the message is complete with it. It does not retain p.
func (r *Receiver) Inflated(p []byte, last bool) error {
	if r.opcode == frame.OpcodeText && (!r.utf8.Feed(p) || last && !r.utf8.Complete()) {
		r.err = errText
		return r.err
	}
	return nil
}

// Fail ends the receiving because of err, which the caller has found in a message.
func (r *Receiver) Fail(err error) { r.err = err }

// Remaining returns how many bytes of the current frame's payload are still to come.
func (r *Receiver) Remaining() uint64 { return r.remaining }

// Received returns how many bytes of the payload of the message that is unfinished have come, 0 between messages.
func (r *Receiver) Received() uint64 {
	control := r.frame.Opcode.IsControl()
	switch {
	case !r.rules.Fragmented && (control || r.remaining == 0):
		return 0
	case control:
		return r.size
	}
	return r.size - r.remaining
}

// AtRest reports whether nothing is unfinished, between frames, and anything may follow: then a new Receiver can take the place of r.
func (r *Receiver) AtRest() bool { return r.err == nil && !r.rules.Fragmented }

// InMessage reports whether a fragmented message is unfinished.
func (r *Receiver) InMessage() bool { return r.rules.Fragmented }

// Payload takes the next bytes of the current frame's payload, unmasked, at most Remaining of them, and returns what the frame means if
// it is complete with them. It must be called at least once for each frame: with no bytes for an empty one.
// The event's Payload may alias p; otherwise Payload does not retain p.
func (r *Receiver) Payload(p []byte) (Event, error) {
	if r.err != nil {
		return Event{}, r.err
	}
	if uint64(len(p)) > r.remaining {
		panic("hawser/protocol: Payload called with more bytes than the frame has")
	}
	r.remaining -= uint64(len(p))
	if r.frame.Opcode.IsControl() {
		return r.controlPayload(p)
	}
	if r.opcode == frame.OpcodeText && !r.compressed {
		// "When an endpoint is to interpret a byte stream as UTF-8 but finds that the byte stream is not, in fact, a valid UTF-8 stream, that
		// endpoint MUST _Fail the WebSocket Connection_." (RFC 6455, 8.1)
		if !r.utf8.Feed(p) || r.remaining == 0 && r.frame.Fin && !r.utf8.Complete() {
			r.err = errText
			return Event{}, r.err
		}
	}
	switch {
	case r.remaining != 0:
		return Event{}, nil
	case r.frame.Fin:
		return Event{Kind: Message}, nil
	}
	return Event{Kind: Fragment}, nil
}

func (r *Receiver) controlPayload(p []byte) (Event, error) {
	if r.remaining != 0 || r.control != nil {
		r.control = r.control.add(p)
		if r.remaining != 0 {
			return Event{}, nil
		}
		p = r.control.bytes()
	}
	switch r.frame.Opcode {
	case frame.OpcodePing:
		return Event{Kind: Ping, Payload: p}, nil
	case frame.OpcodePong:
		return Event{Kind: Pong, Payload: p}, nil
	}
	code, reason, err := frame.ConsumeClose(p)
	if err != nil {
		r.err = err
		return Event{}, err
	}
	r.err = ErrEnded
	return Event{Kind: Close, Code: code, Payload: reason}, nil
}
