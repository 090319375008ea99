// Package utf8stream validates UTF-8 that arrives in pieces, as the payload of
// a text message does: "When an endpoint is to interpret a byte stream as
// UTF-8 but finds that the byte stream is not, in fact, a valid UTF-8 stream,
// that endpoint MUST _Fail the WebSocket Connection_." (RFC 6455, 8.1)
package utf8stream

import "encoding/binary"

// Validator validates one text. Its zero value is ready. A Validator is used
// by one goroutine at a time.
type Validator struct {
	state state
}

// Feed adds p to the text. It returns false if the text so far cannot be the
// beginning of valid UTF-8, which is known from the first impossible octet on,
// and then false until Reset, whatever p. It does not retain p.
func (v *Validator) Feed(p []byte) bool {
	if len(p) >= limit.any {
		return v.long(p)
	}
	s := uint64(v.state)
	p = p[:len(p):len(p)] // a capacity of its own would be computed with each cut

	// Most texts are ASCII. Where the last octets do not fill a word, the words
	// at the end overlap.
	if s == uint64(boundary) && len(p) >= 8 && isASCII8(p) {
		rest := p
		for len(rest) > 32 && isASCII32(rest) {
			rest = rest[32:]
		}
		switch {
		case len(rest) > 32:
		case len(p) >= 32:
			if isASCII32(p[len(p)-32:]) {
				return true
			}
		case len(p) >= 16:
			if (word(p)|word(p[8:])|word(p[len(p)-16:])|word(p[len(p)-8:]))&nonASCII == 0 {
				return true
			}
		default:
			if isASCII8(p[len(p)-8:]) {
				return true
			}
		}
		p = rest
	}

	for {
		for s == uint64(boundary) && len(p) >= 8 && isASCII8(p) {
			p = p[8:]
			for len(p) >= 32 && isASCII32(p) {
				p = p[32:]
			}
		}
		if len(p) < 16 {
			break
		}
		// Where ASCII follows, the steps below are less than the call.
		if len(p) >= limit.dense && (word(p[8:])|word(p[16:])|word(p[24:]))&nonASCII != 0 {
			v.state = state(s)
			return v.long(p)
		}
		// The steps depend on each other through one shift alone; a failure is
		// looked for after the last one, as no octet leads out of it. Four loads
		// in a row, because the compiler then copies less.
		a, b, c, d := rows[p[0]], rows[p[1]], rows[p[2]], rows[p[3]]
		s = a >> (s & stateMask)
		s = b >> (s & stateMask)
		s = c >> (s & stateMask)
		s = d >> (s & stateMask)
		a, b, c, d = rows[p[4]], rows[p[5]], rows[p[6]], rows[p[7]]
		s = a >> (s & stateMask)
		s = b >> (s & stateMask)
		s = c >> (s & stateMask)
		s = d >> (s & stateMask)
		a, b, c, d = rows[p[8]], rows[p[9]], rows[p[10]], rows[p[11]]
		s = a >> (s & stateMask)
		s = b >> (s & stateMask)
		s = c >> (s & stateMask)
		s = d >> (s & stateMask)
		a, b, c, d = rows[p[12]], rows[p[13]], rows[p[14]], rows[p[15]]
		s = a >> (s & stateMask)
		s = b >> (s & stateMask)
		s = c >> (s & stateMask)
		s = d >> (s & stateMask) & stateMask
		if s == uint64(failed) {
			break
		}
		p = p[16:]
	}
	if s != uint64(failed) {
		if len(p) >= 8 {
			a, b, c, d := rows[p[0]], rows[p[1]], rows[p[2]], rows[p[3]]
			s = a >> (s & stateMask)
			s = b >> (s & stateMask)
			s = c >> (s & stateMask)
			s = d >> (s & stateMask)
			a, b, c, d = rows[p[4]], rows[p[5]], rows[p[6]], rows[p[7]]
			s = a >> (s & stateMask)
			s = b >> (s & stateMask)
			s = c >> (s & stateMask)
			s = d >> (s & stateMask)
			p = p[8:]
		}
		if len(p) >= 4 {
			a, b, c, d := rows[p[0]], rows[p[1]], rows[p[2]], rows[p[3]]
			s = a >> (s & stateMask)
			s = b >> (s & stateMask)
			s = c >> (s & stateMask)
			s = d >> (s & stateMask)
			p = p[4:]
		}
		for _, c := range p {
			s = rows[c] >> (s & stateMask)
		}
	}
	v.state = state(s & stateMask)
	return v.state != failed
}

// long is Feed for at least longMin octets. The automaton closes the sequence
// that is open, bulk looks at the rest, and the automaton goes on where bulk
// ended, so that it alone says which octet is impossible and what state a piece
// ends in. That is either the last sequence, which may be open, or an error,
// which ends the text.
func (v *Validator) long(p []byte) bool {
	s := uint64(v.state)
	for s != uint64(boundary) && s != uint64(failed) { // at most three times
		s = rows[p[0]] >> s & stateMask
		p = p[1:]
	}
	if s == uint64(boundary) {
		n := bulk(p)
		for _, c := range p[lastBoundary(p[:n]):] {
			if s = rows[c] >> s & stateMask; s == uint64(failed) {
				break
			}
		}
	}
	v.state = state(s)
	return s != uint64(failed)
}

// longMin is the least that long takes.
const longMin = bulkMin + 3

// lastBoundary returns the place of the last lead of p, if its sequence is not
// complete, or else len(p). No octet of p is impossible, the last one apart.
func lastBoundary(p []byte) int {
	n := len(p)
	switch {
	case n >= 1 && p[n-1] >= 0xC0:
		return n - 1
	case n >= 2 && p[n-2] >= 0xE0:
		return n - 2
	case n >= 3 && p[n-3] >= 0xF0:
		return n - 3
	}
	return n
}

// Complete reports whether the text so far is valid UTF-8: nothing has failed
// and no sequence is open. It is what decides at the end of a message.
func (v *Validator) Complete() bool { return v.state == boundary }

// Reset makes v ready for another text.
func (v *Validator) Reset() { v.state = boundary }

const nonASCII = 0x8080808080808080

func word(p []byte) uint64 { return binary.LittleEndian.Uint64(p) }

func isASCII8(p []byte) bool { return word(p)&nonASCII == 0 }

func isASCII32(p []byte) bool {
	return (word(p)|word(p[8:])|word(p[16:])|word(p[24:]))&nonASCII == 0
}
