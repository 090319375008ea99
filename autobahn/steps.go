package autobahn

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// begin starts what the case does when the connection is open.
func (s *session) begin() {
	if s.c.Deflate != nil && s.deflater == nil {
		s.unimplemented = true
		s.sendClose(closePayload(1000, ""))
		return
	}
	if s.c.Rounds != nil {
		s.roundVerdict = Failed
		s.roundWhy = fmt.Sprintf("The messages did not come back within %v.", max(s.c.Limit, s.cfg.Timeout))
		s.sendRound()
	}
	s.step()
}

// step sends steps until one has to wait, then sets the timer that ends the case.
func (s *session) step() {
	defer s.flush()
	for s.next < len(s.c.Steps) {
		step := &s.c.Steps[s.next]
		s.next++
		switch {
		case step.Pause:
			d := s.cfg.Quiet
			if step.Answer {
				d = s.cfg.Timeout
			}
			s.after("pause", d, func() {
				switch {
				case step.Tag == "":
				case s.state == open:
					s.record(timeout(step.Tag))
				default:
					s.next = len(s.c.Steps) // the peer has closed, and the rest is not for it
				}
				s.step()
			})
			return
		case step.Close:
			if s.state == open {
				s.chop(step, s.frame(step.Frame))
				s.closing()
			}
		case step.Frame != nil:
			for range 1 + step.Repeat {
				s.chop(step, s.frame(step.Frame))
			}
		default:
			more := bytes.Clone(step.More)
			if !s.weServe {
				s.key = xor(more, s.key)
			}
			s.log.add("sent", "more of the frame, "+excerpt(step.More), step.More)
			s.chop(step, more)
		}
	}
	s.after("case", max(s.c.Limit, s.cfg.Timeout), func() {
		s.log.note("the time of the case is over")
		switch {
		case !s.c.Kill:
			s.sendClose(nil)
		case s.state == open:
			s.sendClose(closePayload(1001, "the peer did not do what the case expects"))
		default:
			if !s.end.clean && s.end.notClean == "" {
				s.end.notClean = "the peer did not answer our Close frame in time"
			}
			s.drop("the peer has not ended it")
		}
	})
}

// chop puts octets into writes, as the step says.
func (s *session) chop(step *Step, b []byte) {
	switch {
	case step.Chop > 0:
		s.flush()
		s.chopped(step.Chop, b)
	case step.Alone:
		s.flush()
		s.w.write(b)
	default:
		s.pending = append(s.pending, b...)
	}
}

func (s *session) chopped(n int, b []byte) {
	if n == 1 {
		s.w.writeOctets(b)
		return
	}
	var writes [][]byte
	for len(b) > 0 {
		k := min(n, len(b))
		writes = append(writes, b[:k:k])
		b = b[k:]
	}
	s.w.write(writes...)
}

func (s *session) flush() {
	if len(s.pending) > 0 {
		s.w.write(s.pending)
		s.pending = nil
	}
}

// frame encodes a frame for our role. The masking keys are the same in every run, so that a
// run can be repeated: they keep no secret here.
func (s *session) frame(f *Frame) []byte {
	b, key := f.append(make([]byte, 0, len(f.Payload)+14), s.weServe == f.WrongMask, s.newKey())
	s.key = key
	s.logSent(f)
	return b
}

func (s *session) newKey() (key [4]byte) {
	s.keys++
	binary.BigEndian.PutUint32(key[:], s.keys*0x9e3779b1)
	return key
}

func (s *session) logSent(f *Frame) {
	length := uint64(len(f.Payload))
	if f.Length != nil {
		length = *f.Length
	}
	text := describeFrame(f.Opcode, f.RSV, f.Fin, length, f.Payload)
	if f.WrongMask {
		text += ", wrongly masked or not"
	}
	if f.Form != Minimal {
		text += fmt.Sprintf(", length in %d bits", []int{7, 16, 64}[f.Form])
	}
	s.log.add("sent", text, f.Payload)
}

// sendClose begins the closing handshake, if it has not begun.
func (s *session) sendClose(payload []byte) {
	if s.state != open {
		return
	}
	s.flush()
	s.w.write(s.frame(&Frame{Fin: true, Opcode: opClose, Payload: payload}))
	s.closing()
}

func (s *session) closing() {
	s.state = closingState
	s.end.closedByUs = true
	s.after("answer", s.cfg.Timeout, func() {
		s.end.clean = false
		s.end.notClean = "the peer did not answer our Close frame in time"
		s.drop(s.end.notClean)
	})
}
