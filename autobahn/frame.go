package autobahn

import (
	"encoding/binary"
	"math"
)

// The opcodes of RFC 6455, 5.2. The others are reserved.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
)

// A LengthForm is how a frame's header tells the payload length (RFC 6455, 5.2).
type LengthForm byte

const (
	Minimal LengthForm = iota // as few octets as the length allows, which is the only legal form
	Form16                    // 126 and a 16-bit length
	Form64                    // 127 and a 64-bit length
)

// A Frame is a frame to send, legal or not.
type Frame struct {
	Fin     bool
	RSV     byte // three bits: 4 is RSV1, 2 is RSV2, 1 is RSV3
	Opcode  byte // four bits
	Payload []byte

	// Form is the form of the payload length.
	Form LengthForm

	// Length, if not nil, is the payload length that the header tells, whatever Payload
	// has. What is missing may follow as Step.More.
	Length *uint64

	// WrongMask: masked where our role must not mask, not masked where it must.
	WrongMask bool
}

// append appends the frame to b, with its payload masked by key if masked is set, and
// returns the extended slice and the key rotated to the payload octet that would be next.
func (f *Frame) append(b []byte, masked bool, key [4]byte) (out []byte, next [4]byte) {
	length := uint64(len(f.Payload))
	if f.Length != nil {
		length = *f.Length
	}
	form := f.Form
	if form == Minimal {
		switch {
		case length > math.MaxUint16:
			form = Form64
		case length > 125:
			form = Form16
		}
	}
	b0 := f.RSV&7<<4 | f.Opcode&15
	if f.Fin {
		b0 |= 0x80
	}
	var b1 byte
	if masked {
		b1 = 0x80
	}
	switch form {
	case Minimal:
		b = append(b, b0, b1|byte(length))
	case Form16:
		b = append(b, b0, b1|126)
		b = binary.BigEndian.AppendUint16(b, uint16(length))
	case Form64:
		b = append(b, b0, b1|127)
		b = binary.BigEndian.AppendUint64(b, length)
	}
	if masked {
		b = append(b, key[:]...)
	}
	begin := len(b)
	b = append(b, f.Payload...)
	if masked {
		key = xor(b[begin:], key)
	}
	return b, key
}

// xor masks b, or unmasks it, and returns the key rotated to the next octet (RFC 6455, 5.3).
// b is modified in place.
func xor(b []byte, key [4]byte) [4]byte {
	k := uint64(binary.LittleEndian.Uint32(key[:]))
	k |= k << 32
	for len(b) >= 32 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^k)
		binary.LittleEndian.PutUint64(b[8:], binary.LittleEndian.Uint64(b[8:])^k)
		binary.LittleEndian.PutUint64(b[16:], binary.LittleEndian.Uint64(b[16:])^k)
		binary.LittleEndian.PutUint64(b[24:], binary.LittleEndian.Uint64(b[24:])^k)
		b = b[32:]
	}
	for i := range b {
		b[i] ^= key[i&3]
	}
	n := len(b) & 3
	return [4]byte{key[n&3], key[(n+1)&3], key[(n+2)&3], key[(n+3)&3]}
}
