package autobahn

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// A Case is one conformance case.
type Case struct {
	ID          string // "6.4.1"
	Description string
	Expectation string
	Section     string // of the RFC whose words decide the case

	// Steps is what is sent once the connection is open.
	Steps []Step

	// Outcomes are the acceptable sequences of events, each with its verdict. If none of
	// them is what happened, the verdict is FAILED.
	Outcomes []Outcome

	// Close is how the connection has to end.
	Close CloseRule

	// Limit is how long the peer has, after the last step, where that is longer than
	// Config.Timeout. What happens then is a Close frame: with 1001 if Kill is set, which
	// fails the connection, else without a code.
	Limit time.Duration
	Kill  bool

	// KeepOpen: an acceptable outcome is no reason to close. Without it the closing
	// handshake begins as soon as what was received is what every outcome wants.
	KeepOpen bool

	// CodeDecides: a wrong close code makes the behavior FAILED too.
	CodeDecides bool

	// Informational, if not empty, says why both verdicts are INFORMATIONAL, whatever
	// happens.
	Informational string

	// Rounds, if not nil, takes the place of Steps and Outcomes: messages that have to
	// come back one by one.
	Rounds *Rounds

	// Role restricts the case to servers ("server") or clients ("client") as peers.
	Role string

	// Offer is the Sec-WebSocket-Extensions that a server is sent, in a case about
	// negotiation. A server may always decline; Allowed is what else it may answer.
	Offer   string
	Allowed *Allowed

	// MayRefuse: an answer with the status 400 is as good, for the offer has not even the
	// grammar of one.
	MayRefuse bool

	// Answer is the Sec-WebSocket-Extensions that a client is sent, whatever it offered.
	Answer string

	// Deflate, if not nil, are the offers of compression. A case that has them is
	// UNIMPLEMENTED if the peer declines.
	Deflate *Deflate
}

// A Step is one thing that a case does. Frames that follow each other leave in one write,
// where Chop and Alone do not say otherwise.
type Step struct {
	Frame *Frame
	More  []byte // payload octets that follow a frame whose Length promised them

	// Repeat sends the frame so many times more.
	Repeat int

	// Close: the frame is our Close frame, and begins the closing handshake.
	Close bool

	Chop  int  // at most so many octets in one write
	Alone bool // a write of its own

	// Pause waits: Config.Quiet, in which the peer has to do nothing or, with Answer, up
	// to Config.Timeout. If the connection is still open then, and Tag is not empty, that
	// is an event, a "timeout".
	Pause, Answer bool
	Tag           string
}

// An Event is something that the peer did, or did not do in time.
type Event struct {
	Kind   string // "message", "pong" or "timeout"
	Data   []byte // the payload
	Binary bool   // of a message
	Tag    string // of a timeout
}

// String describes the event in a few words.
func (e Event) String() string {
	switch {
	case e.Kind == "timeout":
		return "timeout " + e.Tag
	case e.Kind == "message" && e.Binary:
		return "binary message " + excerpt(e.Data)
	case e.Kind == "message":
		return "text message " + excerpt(e.Data)
	}
	return e.Kind + " " + excerpt(e.Data)
}

func (e Event) equal(o Event) bool {
	return e.Kind == o.Kind && e.Binary == o.Binary && e.Tag == o.Tag && bytes.Equal(e.Data, o.Data)
}

// describe lists events in a line.
func describe(events []Event) string {
	if len(events) == 0 {
		return "nothing"
	}
	var all []string
	for i, e := range events {
		if i == 20 {
			all = append(all, fmt.Sprintf("%d more", len(events)-i))
			break
		}
		all = append(all, e.String())
	}
	return strings.Join(all, ", ")
}

// An Outcome is an acceptable sequence of events.
type Outcome struct {
	Verdict Verdict
	Events  []Event
	Close   *CloseRule // if not nil, in the place of the case's
}

// rule is how a connection has to end that came to this outcome.
func (c *Case) rule(o *Outcome) CloseRule {
	if o != nil && o.Close != nil {
		return *o.Close
	}
	return c.Close
}

// A CloseRule is how a connection has to end.
type CloseRule struct {
	// ByUs: our Close frame has to be the first.
	ByUs bool
	// Codes are the codes that the peer's Close frame may have. None at all is always
	// allowed. Our own Close frame has the first.
	Codes []uint16
	// Clean: there have to be two Close frames, and an end of the connection in time.
	Clean bool
	// Fatal: if the wrong side closes, the behavior is FAILED too.
	Fatal bool
	// NeedsCode: a Close frame without a code says that all is well, and is not strict here.
	NeedsCode bool
}

// Rounds are messages that a peer has to send back, each before the next is sent.
type Rounds struct {
	Count    int
	Binary   bool
	Size     int                // of each message, in octets
	Message  func(i int) []byte // the i-th message, valid until the next call
	Fragment int                // at most so many payload octets in a frame; 0 means one frame
	Chop     int                // at most so many octets in one write
}

// normal is the end that most cases have: we close with 1000, and the peer answers.
var normal = CloseRule{ByUs: true, Codes: []uint16{1000}, Clean: true}

// failed is the end of a connection that the peer has to fail with one of the codes.
func failed(codes ...uint16) CloseRule { return CloseRule{Codes: codes} }

// The steps that cases are made of.

func send(frames ...*Frame) (steps []Step) {
	for _, f := range frames {
		steps = append(steps, Step{Frame: f})
	}
	return steps
}

func alone(frames ...*Frame) (steps []Step) {
	for _, f := range frames {
		steps = append(steps, Step{Frame: f, Alone: true})
	}
	return steps
}

func chopped(n int, frames ...*Frame) (steps []Step) {
	for _, f := range frames {
		steps = append(steps, Step{Frame: f, Chop: n})
	}
	return steps
}

// closing is our Close frame with any payload.
func closing(payload []byte) Step {
	return Step{Frame: &Frame{Fin: true, Opcode: opClose, Payload: payload}, Close: true}
}

// The frames that cases are made of.

func text(s string) *Frame { return &Frame{Fin: true, Opcode: opText, Payload: []byte(s)} }
func ping(s string) *Frame { return &Frame{Fin: true, Opcode: opPing, Payload: []byte(s)} }
func pong(s string) *Frame { return &Frame{Fin: true, Opcode: opPong, Payload: []byte(s)} }
func binaryFrame(s string) *Frame {
	return &Frame{Fin: true, Opcode: opBinary, Payload: []byte(s)}
}

func (f *Frame) with(change func(*Frame)) *Frame {
	changed := *f
	change(&changed)
	return &changed
}

func (f *Frame) rsv(bits byte) *Frame     { return f.with(func(f *Frame) { f.RSV = bits }) }
func (f *Frame) opcode(op byte) *Frame    { return f.with(func(f *Frame) { f.Opcode = op }) }
func (f *Frame) unfinished() *Frame       { return f.with(func(f *Frame) { f.Fin = false }) }
func (f *Frame) continuation() *Frame     { return f.opcode(opContinuation) }
func (f *Frame) form(l LengthForm) *Frame { return f.with(func(f *Frame) { f.Form = l }) }
func (f *Frame) length(n uint64) *Frame   { return f.with(func(f *Frame) { f.Length = &n }) }

// fragments cuts a message as the testsuite does: a message longer than size that is a
// multiple of it ends with an empty frame.
func fragments(opcode byte, payload []byte, size int) (frames []*Frame) {
	if size == 0 || len(payload) <= size {
		return []*Frame{{Fin: true, Opcode: opcode, Payload: payload}}
	}
	for {
		n := min(size, len(payload))
		frames = append(frames, &Frame{Fin: n < size, Opcode: opcode, Payload: payload[:n]})
		if n < size {
			return frames
		}
		payload = payload[n:]
		opcode = opContinuation
	}
}

// The outcomes that cases are made of.

func ok(events ...Event) []Outcome { return []Outcome{{Verdict: OK, Events: events}} }

// okOr is ok, with nothing at all as second best.
func okOr(events ...Event) []Outcome {
	return []Outcome{{Verdict: OK, Events: events}, {Verdict: NonStrict}}
}

func textEvent(s string) Event   { return Event{Kind: "message", Data: []byte(s)} }
func binaryEvent(s string) Event { return Event{Kind: "message", Data: []byte(s), Binary: true} }
func pongEvent(s string) Event   { return Event{Kind: "pong", Data: []byte(s)} }
func timeout(tag string) Event   { return Event{Kind: "timeout", Tag: tag} }
