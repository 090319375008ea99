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
	s := uint64(v.state)
	for {
		for s == uint64(boundary) && len(p) >= 8 && binary.LittleEndian.Uint64(p)&nonASCII == 0 {
			p = p[8:]
			for len(p) >= 32 && (binary.LittleEndian.Uint64(p[0:8])|binary.LittleEndian.Uint64(p[8:16])|
				binary.LittleEndian.Uint64(p[16:24])|binary.LittleEndian.Uint64(p[24:32]))&nonASCII == 0 {
				p = p[32:]
			}
		}
		if len(p) < 16 {
			break
		}
		// The steps depend on each other through one shift alone; a failure is
		// looked for after the last one, as no octet leads out of it.
		s = rows[p[0]] >> (s & stateMask)
		s = rows[p[1]] >> (s & stateMask)
		s = rows[p[2]] >> (s & stateMask)
		s = rows[p[3]] >> (s & stateMask)
		s = rows[p[4]] >> (s & stateMask)
		s = rows[p[5]] >> (s & stateMask)
		s = rows[p[6]] >> (s & stateMask)
		s = rows[p[7]] >> (s & stateMask)
		s = rows[p[8]] >> (s & stateMask)
		s = rows[p[9]] >> (s & stateMask)
		s = rows[p[10]] >> (s & stateMask)
		s = rows[p[11]] >> (s & stateMask)
		s = rows[p[12]] >> (s & stateMask)
		s = rows[p[13]] >> (s & stateMask)
		s = rows[p[14]] >> (s & stateMask)
		s = rows[p[15]] >> (s & stateMask) & stateMask
		if s == uint64(failed) {
			break
		}
		p = p[16:]
	}
	if s != uint64(failed) {
		for _, c := range p {
			s = rows[c] >> (s & stateMask)
		}
	}
	v.state = state(s & stateMask)
	return v.state != failed
}

// Complete reports whether the text so far is valid UTF-8: nothing has failed
// and no sequence is open. It is what decides at the end of a message.
func (v *Validator) Complete() bool { return v.state == boundary }

// Reset makes v ready for another text.
func (v *Validator) Reset() { v.state = boundary }
