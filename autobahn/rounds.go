package autobahn

import (
	"bytes"
	"fmt"
)

// sendRound sends the message of this round.
func (s *session) sendRound() {
	r := s.c.Rounds
	s.want = r.Message(s.round)
	payload, rsv := s.want, byte(0)
	if s.deflater != nil {
		payload, rsv = s.deflater.message(s.want), 4
	}
	op := byte(opText)
	if r.Binary {
		op = opBinary
	}
	out := s.out[:0]
	if !s.w.idle() {
		out = nil // the writer still has it
	}
	for i, f := range fragments(op, payload, r.Fragment) {
		if i == 0 {
			f.RSV = rsv
		}
		out, _ = f.append(out, !s.weServe, s.newKey())
		s.logSent(f)
	}
	s.out = out
	if r.Chop > 0 {
		s.chopped(r.Chop, out)
	} else {
		s.w.write(out)
	}
}

// takeRound judges what came back, and goes on to the next round.
func (s *session) takeRound(isBinary bool, message []byte) {
	if s.state != open {
		return
	}
	r := s.c.Rounds
	count := r.Count
	if s.c.Deflate != nil && s.cfg.Messages > 0 {
		count = s.cfg.Messages
	}
	s.round++
	switch {
	case isBinary != r.Binary:
		s.roundWhy = fmt.Sprintf("Message %d came back as the other type.", s.round)
	case len(message) != len(s.want):
		s.roundWhy = fmt.Sprintf("Message %d has %d octets and came back with %d.", s.round, len(s.want), len(message))
	case !bytes.Equal(message, s.want):
		s.roundWhy = fmt.Sprintf("Message %d came back with other octets.", s.round)
	case s.round < count:
		s.sendRound()
		return
	default:
		s.roundVerdict = OK
		s.roundWhy = fmt.Sprintf("%d of %d messages came back as they were sent.", s.round, count)
	}
	s.sendClose(closePayload(s.c.Close.Codes[0], ""))
}
