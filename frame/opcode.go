package frame

import "strconv"

// Opcode says how the payload of a frame is to be interpreted. It has four
// bits (RFC 6455, 5.2).
type Opcode uint8

// The opcodes that are defined (RFC 6455, 11.8).
const (
	OpcodeContinuation Opcode = 0x0 // RFC 6455, 5.4
	OpcodeText         Opcode = 0x1 // RFC 6455, 5.6
	OpcodeBinary       Opcode = 0x2 // RFC 6455, 5.6
	OpcodeClose        Opcode = 0x8 // RFC 6455, 5.5.1
	OpcodePing         Opcode = 0x9 // RFC 6455, 5.5.2
	OpcodePong         Opcode = 0xA // RFC 6455, 5.5.3
)

// IsControl reports whether o is the opcode of a control frame, defined or
// reserved: "Control frames are identified by opcodes where the most
// significant bit of the opcode is 1." (RFC 6455, 5.5)
func (o Opcode) IsControl() bool { return o&0x8 != 0 }

// IsReserved reports whether o is one of 0x3 to 0x7, "reserved for further
// non-control frames", or 0xB to 0xF, "reserved for further control frames"
// (RFC 6455, 5.2).
func (o Opcode) IsReserved() bool { return o&0x7 > 2 }

// String returns what RFC 6455, 5.2 says that o denotes.
func (o Opcode) String() string {
	switch o {
	case OpcodeContinuation:
		return "continuation"
	case OpcodeText:
		return "text"
	case OpcodeBinary:
		return "binary"
	case OpcodeClose:
		return "connection close"
	case OpcodePing:
		return "ping"
	case OpcodePong:
		return "pong"
	}
	return "reserved 0x" + strconv.FormatUint(uint64(o), 16)
}
