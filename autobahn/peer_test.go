package autobahn

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf8"
)

// A wrongPeer is an endpoint that echoes. Zero, it is right and strict; each field is a
// mistake of its own.
type wrongPeer struct {
	client bool // it is the client

	drops       bool   // drops the connection at the first message
	silent      bool   // answers no message
	changes     bool   // echoes other octets
	shortens    bool   // echoes one octet less
	otherType   bool   // echoes text as binary, and binary as text
	closes      bool   // closes with 1000 where it should echo
	noPong      bool   // answers no ping
	pings       bool   // sends a ping before each message
	lenient     bool   // fails for nothing
	lateUTF8    bool   // looks at the text when it is complete
	mask        bool   // masks where it must not, or does not where it must
	rsv         bool   // sets RSV1
	noClose     bool   // does not answer a Close frame
	stays       bool   // does not end the TCP connection
	code        uint16 // answers a Close frame with this code
	closeOctets string // answers a Close frame with this payload
	notUTF8     bool   // echoes octets that are not UTF-8
	twice       bool   // answers a Close frame with two messages behind the Close
	failsWith   uint16 // fails connections with this code

	deflater *deflater
	inflater *inflater
}

// run plays the peer's part until the connection ends.
func (p *wrongPeer) run(conn net.Conn) {
	if !p.stays {
		defer conn.Close()
	}
	parse := parser{masked: !p.client, compressed: p.inflater != nil}
	out := func(f *Frame) { p.write(conn, f) }
	fail := func(v *violation) {
		code := v.code
		if p.failsWith != 0 {
			code = p.failsWith
		}
		out(&Frame{Fin: true, Opcode: opClose, Payload: closePayload(code, "")})
	}
	var message []byte
	var opcode byte
	var compressed, over bool
	take := func(h header, payload []byte) *violation {
		switch {
		case over:
		case h.opcode == opPing && !p.noPong:
			out(&Frame{Fin: true, Opcode: opPong, Payload: bytes.Clone(payload)})
		case h.opcode == opClose:
			over = true
			return p.answerClose(payload, out)
		case h.opcode < opClose:
			if h.opcode != opContinuation {
				opcode, message, compressed = h.opcode, nil, h.rsv != 0
			}
			message = append(message, payload...)
			if opcode == opText && !p.lateUTF8 && !p.lenient && !compressed && !validPrefix(message) {
				return &violation{1007, "not UTF-8"}
			}
			if !h.fin {
				return nil
			}
			if compressed {
				var err error
				if message, err = p.inflater.message(message); err != nil {
					return &violation{1007, err.Error()}
				}
			}
			if opcode == opText && !p.lenient && !utf8.Valid(message) {
				return &violation{1007, "not UTF-8"}
			}
			if p.drops {
				over = true
				return &violation{0, "dropped"}
			}
			p.echo(opcode, message, compressed, out)
		}
		return nil
	}
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		if !over {
			_, v := parse.feed(buf[:n], take)
			switch {
			case v == nil:
			case v.code == 0:
				return
			case p.lenient:
			default:
				over = true
				fail(v)
				if !p.stays {
					return
				}
			}
		}
		if over && !p.client && !p.stays && !p.noClose {
			return
		}
		if err != nil {
			return
		}
	}
}

func (p *wrongPeer) echo(opcode byte, message []byte, compressed bool, out func(*Frame)) {
	if p.pings {
		out(ping("are you there?"))
	}
	f := &Frame{Fin: true, Opcode: opcode, Payload: bytes.Clone(message)}
	switch {
	case p.silent:
		return
	case p.closes:
		f = &Frame{Fin: true, Opcode: opClose, Payload: closePayload(1000, "")}
	case p.changes && len(message) > 0:
		f.Payload[0] ^= 1
	case p.shortens && len(message) > 0:
		f.Payload = f.Payload[1:]
	case p.otherType:
		f.Opcode ^= opText ^ opBinary
	case p.notUTF8:
		f.Payload = []byte("\xff")
	case p.rsv:
		f.RSV = 4
	case compressed:
		f.RSV, f.Payload = 4, p.deflater.message(message)
	}
	out(f)
}

func (p *wrongPeer) answerClose(payload []byte, out func(*Frame)) *violation {
	code := uint16(1005)
	if len(payload) >= 2 {
		code = uint16(payload[0])<<8 | uint16(payload[1])
	}
	answer := closePayload(code, "")
	switch {
	case p.noClose:
		return nil
	case p.closeOctets != "":
		answer = []byte(p.closeOctets)
	case p.code != 0:
		answer = closePayload(p.code, "")
	case len(payload) == 1 || len(payload) >= 2 && !validCode(code):
		answer = closePayload(1002, "")
	case len(payload) > 2 && !utf8.Valid(payload[2:]):
		answer = closePayload(1007, "")
	case len(payload) == 0:
		answer = nil
	}
	out(&Frame{Fin: true, Opcode: opClose, Payload: answer})
	if p.twice {
		out(text("late"))
	}
	return nil
}

func (p *wrongPeer) write(conn net.Conn, f *Frame) {
	b, _ := f.append(nil, p.client != p.mask, [4]byte{1, 2, 3, 4})
	conn.Write(b)
}

// validPrefix reports whether b can be the beginning of a text.
func validPrefix(b []byte) bool {
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			return !utf8.FullRune(b)
		}
		b = b[n:]
	}
	return true
}

func caseByID(t *testing.T, id string) *Case {
	t.Helper()
	for _, c := range append(Cases(), MoreCases()...) {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("there is no case %s", id)
	return nil
}

// playCase plays a case against a peer, in memory and in virtual time.
func playCase(t *testing.T, c *Case, peer *wrongPeer) (r *Result) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		ended := make(chan struct{})
		go func() {
			peer.run(theirs)
			close(ended)
		}()
		cfg := (&Config{Messages: 3}).withDefaults()
		s := &session{c: c, cfg: cfg, conn: ours, weServe: peer.client, deflater: nil}
		if peer.inflater != nil {
			s.deflater, s.inflater = newDeflater(15, true), newInflater(15, true)
			s.p.compressed = true
		}
		r = &Result{Case: c, Agent: "peer"}
		s.play(nil)
		ours.Close()
		s.judge(r)
		<-ended
		theirs.Close()
	})
	return r
}

// logText is what a case's log says, for tests.
func logText(r *Result) string {
	var s strings.Builder
	for _, e := range r.Log {
		s.WriteString(e.Side + " " + e.Text + "\n")
	}
	return s.String()
}
