package autobahn

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"time"
	"unicode/utf8"
)

// A state is what we will and will not do on a connection.
type state int

const (
	open         state = iota // send anything
	closingState              // our Close frame has been sent: send what the case still has, take what comes
	gone                      // nothing
)

// A session plays one case over one connection, whose opening handshake is done. It is one
// goroutine, which reads and keeps the timers, and the writer's.
type session struct {
	c       *Case
	cfg     *Config
	weServe bool
	conn    net.Conn
	w       *writer
	p       parser
	log     wireLog

	state    state
	timers   []timer
	end      ending
	failed   bool // we found the peer breaking a MUST: nothing it sends counts any more
	received []Event

	// The message that is being received.
	message    []byte
	opcode     byte
	compressed bool

	next    int     // the next step
	keys    uint32  // how many masking keys were made
	key     [4]byte // of the last frame, for Step.More
	pending []byte  // frames that leave in one write

	unimplemented bool // the peer declined the extension that the case is about

	round        int
	roundVerdict Verdict
	roundWhy     string
	want         []byte
	out          []byte

	deflater *deflater
	inflater *inflater
}

// A timer calls do when it is time. There are never more than a few.
type timer struct {
	name string
	at   time.Time
	do   func()
}

func (s *session) after(name string, d time.Duration, do func()) {
	s.stop(name)
	s.timers = append(s.timers, timer{name, time.Now().Add(d), do})
}

func (s *session) stop(name string) {
	for i, t := range s.timers {
		if t.name == name {
			s.timers = append(s.timers[:i], s.timers[i+1:]...)
			return
		}
	}
}

// due removes and returns the timer that is next, if it is time.
func (s *session) due() (t timer, ok bool) {
	first := s.first()
	if first < 0 || time.Until(s.timers[first].at) > 0 {
		return timer{}, false
	}
	t = s.timers[first]
	s.timers = append(s.timers[:first], s.timers[first+1:]...)
	return t, true
}

func (s *session) first() int {
	first := -1
	for i, t := range s.timers {
		if first < 0 || t.at.Before(s.timers[first].at) {
			first = i
		}
	}
	return first
}

// play runs the case until the connection is to be closed, which is left to the caller. rest is what the peer has sent already.
func (s *session) play(rest []byte) {
	s.log.begin = time.Now()
	s.end.opened = true
	s.end.weServe = s.weServe
	s.p.masked = s.weServe
	s.w = newWriter(s.conn)
	s.begin()
	s.feed(rest)
	buf := make([]byte, 128<<10)
	var set time.Time
	for s.state != gone {
		if t, ok := s.due(); ok {
			t.do()
			continue
		}
		if at := s.timers[s.first()].at; !at.Equal(set) {
			set = at
			s.conn.SetReadDeadline(at)
		}
		n, err := s.conn.Read(buf)
		s.feed(buf[:n])
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && s.state != gone {
			s.log.note("the peer ended the connection: %v", err)
			if !s.end.clean && s.end.notClean == "" {
				s.end.notClean = "the peer ended the connection without a closing handshake"
			}
			s.state = gone
		}
	}
	s.w.finish(s.cfg.Timeout)
}

// drop ends the connection.
func (s *session) drop(why string) {
	if s.state == gone {
		return
	}
	s.log.note("we end the connection: %s", why)
	s.end.droppedByUs = true
	s.state = gone
}

// feed takes octets of the peer.
func (s *session) feed(b []byte) {
	if s.failed || s.state == gone {
		return
	}
	_, v := s.p.feed(b, s.take)
	if v == nil || s.failed {
		return
	}
	s.failed = true
	s.log.note("the peer broke a MUST: %s", v.detail)
	if s.state == open {
		s.sendClose(closePayload(v.code, v.detail[:min(len(v.detail), 120)]))
		s.end.notClean = "the peer broke a MUST: " + v.detail
		return
	}
	s.end.notClean = "the peer broke a MUST: " + v.detail
	s.drop("the peer broke a MUST")
}

// take handles a frame.
func (s *session) take(h header, payload []byte) *violation {
	s.log.add("received", describeFrame(h.opcode, h.rsv, h.fin, h.length, payload), payload)
	if s.state == gone {
		return nil
	}
	switch h.opcode {
	case opPing:
		if s.state == open {
			s.w.write(s.frame(&Frame{Fin: true, Opcode: opPong, Payload: payload}))
		}
		return nil
	case opPong:
		if s.c.Rounds == nil {
			s.record(Event{Kind: "pong", Data: bytes.Clone(payload)})
		}
		return nil
	case opClose:
		return s.takeClose(payload)
	case opContinuation:
	default:
		s.opcode, s.compressed = h.opcode, h.rsv != 0
		s.message = s.message[:0]
	}
	message := payload
	if !h.fin || h.opcode == opContinuation {
		if len(s.message)+len(payload) > maxPayload {
			return &violation{1009, "a message of more octets than any case has"}
		}
		s.message = append(s.message, payload...)
		message = s.message
	}
	if !h.fin {
		return nil
	}
	if s.compressed {
		var err error
		if message, err = s.inflater.message(message); err != nil {
			return &violation{1007, "a compressed message cannot be inflated: " + err.Error()}
		}
	}
	if s.opcode == opText && !utf8.Valid(message) {
		// "When an endpoint is to interpret a byte stream as UTF-8 but finds that the byte
		// stream is not, in fact, a valid UTF-8 stream, that endpoint MUST _Fail the
		// WebSocket Connection_." RFC 6455, 8.1
		return &violation{1007, "a text that is not UTF-8"}
	}
	if s.c.Rounds != nil {
		s.takeRound(s.opcode == opBinary, message)
	} else {
		s.record(Event{Kind: "message", Data: bytes.Clone(message), Binary: s.opcode == opBinary})
	}
	return nil
}

// takeClose handles the peer's Close frame.
func (s *session) takeClose(payload []byte) *violation {
	if len(payload) == 1 {
		return protocolError("a Close frame with a payload of one octet")
	}
	s.end.emptyClose = len(payload) == 0
	if len(payload) >= 2 {
		code := binary.BigEndian.Uint16(payload)
		s.end.remoteCode = &code
		if !validCode(code) {
			return protocolError("a Close frame with the code %d", code)
		}
		if !utf8.Valid(payload[2:]) {
			return &violation{1007, "a close reason that is not UTF-8"}
		}
	}
	s.stop("answer")
	s.end.clean = true
	if s.state == open {
		s.state = closingState
		s.flush()
		s.w.write(s.frame(&Frame{Fin: true, Opcode: opClose, Payload: closePayload(1000, "")}))
		if s.weServe {
			s.drop("both Close frames were exchanged, and the server ends the connection")
		}
		s.after("server", s.cfg.Timeout, func() { s.drop("the server did not") })
		return nil
	}
	if s.weServe {
		s.drop("both Close frames were exchanged, and the server ends the connection")
		return nil
	}
	s.after("server", s.cfg.Timeout, func() {
		s.end.clean = false
		s.end.notClean = "the server did not end the TCP connection in time"
		s.drop(s.end.notClean)
	})
	return nil
}

// record adds an event, and begins the closing handshake if there is no more to wait for.
func (s *session) record(e Event) {
	s.received = append(s.received, e)
	if s.c.KeepOpen {
		return
	}
	if o := match(s.c.Outcomes, s.received); o != nil && s.c.rule(o).ByUs {
		s.sendClose(closePayload(s.c.rule(o).Codes[0], ""))
	}
}
