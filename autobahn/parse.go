package autobahn

import (
	"encoding/binary"
	"fmt"
)

// A header is the header of a frame that the peer sent.
type header struct {
	fin    bool
	rsv    byte
	opcode byte
	masked bool
	key    [4]byte
	length uint64
}

// maxPayload is the longest payload that the suite takes from a peer. Twice the longest
// message of a case leaves room for a peer that is wrong without being absurd.
const maxPayload = 32 << 20

// A violation is a MUST that the peer broke, with the code that RFC 6455, 7.4.1 has for it.
type violation struct {
	code   uint16
	detail string
}

func protocolError(format string, args ...any) *violation {
	return &violation{1002, fmt.Sprintf(format, args...)}
}

// A parser reads the frames of a peer, fed in pieces of any size. It is strict: it holds
// every rule of RFC 6455 that the receiver of a frame can check.
type parser struct {
	masked     bool // the peer has to mask: it is a client (RFC 6455, 5.1)
	compressed bool // permessage-deflate was negotiated: RSV1 may be set (RFC 7692, 6)

	inFrame    bool
	fragmented bool // a message is unfinished
	head       []byte
	h          header
	payload    []byte
}

// feed consumes b and calls frame for each frame that ends in it. The payload is unmasked
// and valid until frame returns. feed stops at the first violation, which begins at rest.
func (p *parser) feed(b []byte, frame func(h header, payload []byte) *violation) (rest []byte, v *violation) {
	for {
		if !p.inFrame {
			if b = p.fill(b); !p.inFrame {
				if len(p.head) >= 2 {
					// What the first two octets can tell need not wait for the others.
					if v := p.check(); v != nil {
						p.head = p.head[:0]
						return b, v
					}
				}
				return b, nil
			}
			if v := p.check(); v != nil {
				p.inFrame = false
				return b, v
			}
			if p.h.length > maxPayload {
				p.inFrame = false
				return b, &violation{1009, fmt.Sprintf("a frame of %d octets", p.h.length)}
			}
			p.payload = p.payload[:0]
		}
		n := min(len(b), int(p.h.length)-len(p.payload))
		payload := b[:n]
		if n < int(p.h.length) {
			p.payload = append(p.payload, payload...)
			payload = p.payload
		}
		b = b[n:]
		if len(payload) < int(p.h.length) {
			return b, nil
		}
		p.inFrame = false
		if p.h.masked {
			xor(payload, p.h.key)
		}
		if p.h.opcode < opClose {
			p.fragmented = !p.h.fin
		}
		if v := frame(p.h, payload); v != nil {
			return b, v
		}
	}
}

// fill moves octets of b to the header until it is complete, and returns the rest of b.
func (p *parser) fill(b []byte) []byte {
	for {
		need := 2
		if len(p.head) >= 2 {
			switch p.head[1] & 0x7f {
			case 126:
				need += 2
			case 127:
				need += 8
			}
			if p.head[1]&0x80 != 0 {
				need += 4
			}
		}
		if len(p.head) >= need {
			p.decode()
			p.head = p.head[:0]
			p.inFrame = true
			return b
		}
		n := min(len(b), need-len(p.head))
		p.head = append(p.head, b[:n]...)
		b = b[n:]
		if n == 0 {
			if len(p.head) >= 2 {
				p.decode()
			}
			return b
		}
	}
}

// decode reads p.head, as far as it goes, into p.h. An extended length that has not come is
// the least one that is legal.
func (p *parser) decode() {
	b := p.head
	p.h = header{fin: b[0]&0x80 != 0, rsv: b[0] >> 4 & 7, opcode: b[0] & 15, masked: b[1]&0x80 != 0}
	p.h.length = uint64(b[1] & 0x7f)
	b = b[2:]
	switch {
	case p.h.length == 126 && len(b) >= 2:
		p.h.length, b = uint64(binary.BigEndian.Uint16(b)), b[2:]
		p.h.length |= notMinimal(p.h.length <= 125)
	case p.h.length == 127 && len(b) >= 8:
		p.h.length, b = binary.BigEndian.Uint64(b), b[8:]
		p.h.length |= notMinimal(p.h.length <= 1<<16-1)
	case p.h.length == 127:
		p.h.length = 1 << 16
	}
	if p.h.masked && len(b) >= 4 {
		p.h.key = [4]byte(b)
	}
}

// longForm marks a length whose form is longer than it needs. Lengths have 63 bits, and one
// that is marked needs 16, so the bit is free.
const longForm = 1 << 62

func notMinimal(is bool) uint64 {
	if is {
		return longForm
	}
	return 0
}

// check returns what is wrong with the header p.h.
func (p *parser) check() *violation {
	h := &p.h
	control := h.opcode >= opClose
	switch {
	case h.rsv&3 != 0 || h.rsv != 0 && !p.compressed:
		// "MUST be 0 unless an extension is negotiated that defines meanings for
		// non-zero values." RFC 6455, 5.2
		return protocolError("RSV is %d", h.rsv)
	case h.opcode > opBinary && h.opcode < opClose || h.opcode > opPong:
		// "If an unknown opcode is received, the receiving endpoint MUST _Fail the
		// WebSocket Connection_." RFC 6455, 5.2
		return protocolError("the opcode %d is reserved", h.opcode)
	case h.rsv != 0 && (control || h.opcode == opContinuation):
		// "An endpoint MUST NOT set the "Per-Message Compressed" bit of control frames and
		// non-first fragments of a data message." RFC 7692, 6
		return protocolError("RSV1 on a frame with opcode %d", h.opcode)
	case p.masked && !h.masked:
		// "The server MUST close the connection upon receiving a frame that is not
		// masked." RFC 6455, 5.1
		return protocolError("a frame of a client is not masked")
	case !p.masked && h.masked:
		// "A client MUST close a connection if it detects a masked frame." RFC 6455, 5.1
		return protocolError("a frame of a server is masked")
	case control && (h.length > 125 || !h.fin):
		// "All control frames MUST have a payload length of 125 bytes or less and MUST NOT
		// be fragmented." RFC 6455, 5.5
		return protocolError("a control frame of more than 125 octets, or a fragment of one")
	case h.opcode == opContinuation && !p.fragmented:
		// "A fragmented message consists of a single frame with the FIN bit clear and an
		// opcode other than 0, followed by [...]" RFC 6455, 5.4
		return protocolError("a continuation of nothing")
	case h.opcode != opContinuation && !control && p.fragmented:
		// "The fragments of one message MUST NOT be interleaved between the fragments of
		// another message" RFC 6455, 5.4
		return protocolError("a new message inside a fragmented one")
	case h.length >= 1<<63:
		// "the most significant bit MUST be 0" RFC 6455, 5.2
		return protocolError("the top bit of the payload length is set")
	case h.length&longForm != 0 && h.length&^longForm <= 1<<16-1:
		// "in all cases, the minimal number of bytes MUST be used to encode the length"
		// RFC 6455, 5.2
		return protocolError("the payload length %d in a longer form than it needs", h.length&^longForm)
	}
	return nil
}
