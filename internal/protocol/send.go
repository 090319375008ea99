package protocol

import (
	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/mask"
)

// A CloseFrame is the body of a Close frame that went one way.
type CloseFrame struct {
	Code   frame.StatusCode
	Reason string
}

const (
	// MaxControlFrame is the size of the largest control frame that [Sender.AppendControl] appends.
	MaxControlFrame = 2 + 4 + frame.MaxControlPayload
	// MaxControl is the size of all control frames that can be due at a time: a Pong, a Ping and a Close.
	MaxControl = 2*MaxControlFrame + 2 + 4 + PingSize
	// PingSize is the size of the application data of the Pings that a Sender sends.
	PingSize = 8
)

// A Sender decides what one side may send, and holds the control frames that are due: at most one Pong, one Ping and one Close. The zero
// value is the Sender of an open server-side connection; see [NewSender]. Calls must not overlap.
type Sender struct {
	role     Role
	state    State
	closeDue bool
	pongDue  bool
	pingDue  bool
	first    bool           // we sent the first Close
	end      *end           // nil as long as the connection is open
	pong     *controlBuffer // of the Pong that is due, nil if that is empty
	ping     [PingSize]byte
}

// end is how the closing handshake went so far.
type end struct {
	sent     *CloseFrame
	received *CloseFrame
	failure  error
}

// ending returns s.end to be set.
func (s *Sender) ending() *end {
	if s.end == nil {
		s.end = new(end)
	}
	return s.end
}

// ended returns s.end as it is.
func (s *Sender) ended() end {
	if s.end == nil {
		return end{}
	}
	return *s.end
}

// NewSender returns the Sender of an open connection for the side role.
func NewSender(role Role) Sender { return Sender{role: role} }

// State returns how far the closing handshake has come.
func (s *Sender) State() State { return s.state }

// MaySendData reports whether a message may be begun.
func (s *Sender) MaySendData() bool { return s.state.maySendData() }

// Sent returns the Close frame that this side sent or is about to, nil if there is none.
func (s *Sender) Sent() *CloseFrame { return s.ended().sent }

// Received returns the Close frame that came, nil if none did.
func (s *Sender) Received() *CloseFrame { return s.ended().received }

// Began reports whether this side's Close frame was the first, which no rule that the peer broke had caused.
func (s *Sender) Began() bool { return s.first }

// Failure returns what [Sender.Fail] was called with, nil if the connection has not failed.
func (s *Sender) Failure() error { return s.ended().failure }

// Handle does what an event of the peer's asks of this side. It does not retain the event's Payload.
func (s *Sender) Handle(e Event) {
	switch e.Kind {
	case Ping:
		// "If an endpoint receives a Ping frame and has not yet sent Pong frame(s) in response to previous Ping frame(s), the endpoint MAY
		// elect to send a Pong frame for only the most recently processed Ping frame." (RFC 6455, 5.5.3) So one slot is enough, whatever comes.
		if s.state.mayPong() {
			s.forgetPong()
			s.pongDue = true
			if len(e.Payload) > 0 {
				s.pong = s.pong.add(e.Payload)
			}
		}
	case Close:
		s.receiveClose(CloseFrame{e.Code, string(e.Payload)})
	}
}

// receiveClose answers the peer's Close frame: "If an endpoint receives a Close frame and did not previously send a Close
// frame, the endpoint MUST send a Close frame in response. (When sending a Close frame in response, the endpoint typically echos the status
// code it received.)" (RFC 6455, 5.5.1)
func (s *Sender) receiveClose(f CloseFrame) {
	answer := s.state == Open
	s.state = s.state.after(receiveClose)
	s.ending().received = &f
	s.forgetPong()
	s.pingDue = false
	if answer {
		s.queueClose(CloseFrame{Code: f.Code})
	}
}

// forgetPong makes no Pong due.
func (s *Sender) forgetPong() {
	s.pong.release()
	s.pong, s.pongDue = nil, false
}

// Close begins the closing handshake with code and reason, which frame.CheckClose has accepted. It reports whether it did: not if a Close
// frame was sent or due before.
func (s *Sender) Close(code frame.StatusCode, reason string) bool {
	if s.state != Open {
		return false
	}
	s.first = true
	s.queueClose(CloseFrame{code, reason})
	return true
}

func (s *Sender) queueClose(f CloseFrame) {
	s.state = s.state.after(sendClose)
	s.ending().sent, s.closeDue = &f, true
}

// Fail fails the connection (RFC 6455, 7.1.7) because of err: a Close frame with code and reason is due, unless one was sent before.
func (s *Sender) Fail(code frame.StatusCode, reason string, err error) {
	open := s.state == Open
	s.state = s.state.after(fail)
	if s.state != Failed || s.ended().failure != nil {
		return
	}
	s.ending().failure = err
	s.forgetPong()
	s.pingDue = false
	if open {
		s.ending().sent, s.closeDue = &CloseFrame{code, reason}, true
	}
}

// Ping makes a Ping with that application data due, in the place of one that has not left yet: the answer to the last one answers them all. It reports whether one may be sent: not once a Close
// frame went either way.
func (s *Sender) Ping(data [PingSize]byte) bool {
	if s.state != Open {
		return false
	}
	s.pingDue, s.ping = true, data
	return true
}

// PingDue reports whether a Ping waits to be sent.
func (s *Sender) PingDue() bool { return s.pingDue }

// ControlDue reports whether a control frame waits to be sent.
func (s *Sender) ControlDue() bool { return s.pongDue || s.pingDue || s.closeDue }

// CloseNext reports whether the control frame that is due next is a Close: nothing follows it.
func (s *Sender) CloseNext() bool { return s.closeDue && !s.pongDue && !s.pingDue }

// CloseWaits reports whether a Close frame of this side's own is due that nothing has overtaken: data that was to be sent before it may go first.
func (s *Sender) CloseWaits() bool { return s.closeDue && s.first && s.state == CloseSent }

// AppendControl appends to b the control frame that is due next, masked with key if this side is a client, and forgets it. A Pong leaves before a Ping, and both before a Close.
// It appends nothing if none is due.
func (s *Sender) AppendControl(b []byte, key mask.Key) []byte {
	switch {
	case s.pongDue:
		p := s.pong.bytes()
		b = s.appendHeader(b, frame.OpcodePong, uint64(len(p)), key)
		start := len(b)
		b = append(b, p...)
		s.mask(b[start:], key)
		s.forgetPong()
	case s.pingDue:
		s.pingDue = false
		b = s.appendHeader(b, frame.OpcodePing, PingSize, key)
		start := len(b)
		b = append(b, s.ping[:]...)
		s.mask(b[start:], key)
	case s.closeDue:
		s.closeDue = false
		f := s.end.sent
		b = s.appendHeader(b, frame.OpcodeClose, uint64(frame.SizeClose(f.Code, f.Reason)), key)
		start := len(b)
		b = frame.AppendClose(b, f.Code, f.Reason)
		s.mask(b[start:], key)
	}
	return b
}

func (s *Sender) appendHeader(b []byte, op frame.Opcode, size uint64, key mask.Key) []byte {
	h := frame.Header{Fin: true, Opcode: op, Masked: s.role == Client, MaskingKey: key, PayloadLength: size}
	return h.Append(b)
}

func (s *Sender) mask(p []byte, key mask.Key) {
	if s.role == Client {
		mask.XOR(p, key)
	}
}
