package protocol

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/conntest"
)

// A reference is a decoder of a whole stream, as naive as RFC 6455 allows: it is recursive where the engine is a machine, looks at everything again
// for each frame, and knows no state but what it has seen. It shares no code with the engine.
type reference struct {
	masked bool // the peer has to mask
	limits Limits
	trace  []string
	code   int // why the connection fails, 0 if it does not
}

// read reads b, the rest of the stream, where message holds the fragments so far, nil between messages.
func (r *reference) read(b []byte, opcode byte, message []byte, fragments uint64) {
	if len(b) < 2 {
		return
	}
	op, n := b[0]&15, int(b[1]&127)
	control := op == 8 || op == 9 || op == 10
	switch {
	case b[0]&0x70 != 0, // 5.2: no extension gives the RSV bits a meaning
		!control && op > 2,                        // 5.2: an unknown opcode
		control && (b[0]&0x80 == 0 || n > 125),    // 5.5
		(b[1]&0x80 != 0) != r.masked,              // 5.1
		!control && (op == 0) != (message != nil): // 5.4
		r.code = 1002
		return
	}
	// What follows is judged when the header is whole, although its length may show a little earlier.
	header := 2 + map[int]int{126: 2, 127: 8}[n]
	key := make([]byte, 4)
	if r.masked {
		header += 4
	}
	if len(b) < header {
		return
	}
	if r.masked {
		copy(key, b[header-4:])
	}
	length, least, most := uint64(n), uint64(0), uint64(125)
	switch n {
	case 126:
		length, least, most = uint64(binary.BigEndian.Uint16(b[2:])), 126, 65535
	case 127:
		length, least, most = binary.BigEndian.Uint64(b[2:]), 65536, 1<<63-1
	}
	if length < least || length > most { // 5.2: "the minimal number of bytes MUST be used", "the most significant bit MUST be 0"
		r.code = 1002
		return
	}
	if !control {
		if op != 0 {
			opcode, message, fragments = op, []byte{}, 0
		}
		switch fragments++; {
		case uint64(len(message))+length > r.limits.Message:
			r.code = 1009
			return
		case fragments > r.limits.Fragments:
			r.code = 1008
			return
		}
	}
	complete := uint64(len(b)-header) >= length
	end := len(b)
	if complete {
		end = header + int(length)
	}
	payload := slices.Clone(b[header:end])
	for i := range payload {
		payload[i] ^= key[i%4]
	}
	if control {
		if complete && r.control(op, payload) {
			r.read(b[end:], opcode, message, fragments)
		}
		return
	}
	message = append(message, payload...)
	last := complete && b[0]&0x80 != 0
	if opcode == 1 && !utf8.Valid(message) && (last || !mayBecomeValid(message)) {
		r.code = 1007
		return
	}
	switch {
	case !complete:
		return
	case last:
		r.trace = append(r.trace, fmt.Sprintf("%s %q", [...]string{1: "text", 2: "binary"}[opcode], message))
		message = nil
	default:
		r.trace = append(r.trace, "fragment")
	}
	r.read(b[end:], opcode, message, fragments)
}

// control takes a control frame, and reports whether something may follow.
func (r *reference) control(op byte, p []byte) bool {
	switch op {
	case 9:
		r.trace = append(r.trace, fmt.Sprintf("ping %q", p))
		return true
	case 10:
		r.trace = append(r.trace, fmt.Sprintf("pong %q", p))
		return true
	}
	code := 1005
	if len(p) >= 2 {
		code = int(p[0])*256 + int(p[1])
		p = p[2:]
		// 7.4.1, 7.4.2, and IANA's registry for 1012 to 1014.
		if code < 1000 || code > 4999 || code >= 1015 && code <= 2999 || code >= 1004 && code <= 1006 {
			r.code = 1002
			return false
		}
	} else if len(p) == 1 {
		r.code = 1002
		return false
	}
	if !utf8.Valid(p) {
		r.code = 1007
		return false
	}
	r.trace = append(r.trace, fmt.Sprintf("close %d %q", code, p))
	return false
}

// mayBecomeValid reports whether p is a prefix of UTF-8.
func mayBecomeValid(p []byte) bool {
	for len(p) > 0 {
		if r, n := utf8.DecodeRune(p); r != utf8.RuneError || n != 1 {
			p = p[n:]
			continue
		}
		return !utf8.FullRune(p)
	}
	return true
}

// diverges says in what the engine and the reference differ, "" if in nothing.
func diverges(role Role, limits Limits, input []byte, step int) string {
	r := &reference{masked: role == Server, limits: limits}
	r.read(input, 0, nil, 0)
	e := newEndpoint(role, limits)
	for p := range slices.Chunk(slices.Clone(input), step) {
		e.feed(p)
	}
	got, code := e.trace, 0
	if refused, ok := errors.AsType[*frame.ProtocolError](e.err); ok {
		code = int(refused.Code)
		got = got[:len(got)-1] // its text
	}
	if !slices.Equal(got, r.trace) || code != r.code {
		return fmt.Sprintf("as %v, in steps of %d, the engine has %s and fails with %d, the reference has %s and fails with %d",
			role, step, strings.Join(got, ", "), code, strings.Join(r.trace, ", "), r.code)
	}
	return ""
}

// FuzzReference: whatever comes, the engine has the messages, the control frames and the status code that the reference has.
func FuzzReference(f *testing.F) {
	for _, tt := range conversations {
		f.Add(conntest.Hex(tt.hex), uint16(1000), uint8(3))
		f.Add(conntest.Hex(tt.hex), uint16(5), uint8(1))
	}
	f.Add(conntest.Hex("01 01 c3 80 01 a9"), uint16(9), uint8(0))
	f.Add(conntest.Hex("02 00 00 00 80 01 78"), uint16(1), uint8(2))
	f.Add(conntest.Hex("82 03 61 62 63"), uint16(2), uint8(1)) // one octet too many
	f.Fuzz(func(t *testing.T, input []byte, limit uint16, step uint8) {
		input = input[:min(len(input), 4096)] // the reference is quadratic
		limits := Limits{Message: uint64(limit), Fragments: uint64(limit%7) + 1}
		for _, role := range []Role{Server, Client} {
			if d := diverges(role, limits, input, int(step)+1); d != "" {
				t.Fatalf("% x: %s", input[:min(len(input), 64)], d)
			}
		}
	})
}
