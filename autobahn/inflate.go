package autobahn

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// An inflater takes the compression from the messages of one side of a connection (RFC 7692,
// 7.2.2). It is strict: a stream that is cut, a code that RFC 1951 does not allow, and a
// distance beyond the negotiated window are errors.
type inflater struct {
	window   int // in octets
	takeover bool

	in      []byte
	pos     int
	bitBuf  uint64
	bitLen  uint
	out     []byte // the history, then the message
	history int

	atTail bool // the last block was an empty stored one

	literals, distances huffman
	lengths             [320]byte
}

// newInflater has a window of 2^windowBits octets. Without takeover each message begins with
// an empty one.
func newInflater(windowBits int, takeover bool) *inflater {
	return &inflater{window: 1 << windowBits, takeover: takeover}
}

var (
	errCut      = errors.New("the stream is cut")
	errBlock    = errors.New("the block type 3 does not exist")
	errStored   = errors.New("the length of a stored block does not match its complement")
	errCode     = errors.New("the lengths of a Huffman code do not make a code")
	errSymbol   = errors.New("a code that stands for nothing")
	errTooLarge = errors.New("the message is longer than any case has")
)

// message returns the message of which b is the compressed payload. It is valid until the
// next call. After an error the inflater must not be used again.
func (z *inflater) message(b []byte) ([]byte, error) {
	// "Append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the payload of the
	// message." RFC 7692, 7.2.2
	z.in = append(append(z.in[:0], b...), 0x00, 0x00, 0xff, 0xff)
	z.pos, z.bitBuf, z.bitLen = 0, 0, 0
	if n := len(z.out); z.takeover && n > z.window {
		z.out = z.out[:copy(z.out, z.out[n-z.window:])]
	} else if !z.takeover {
		z.out = z.out[:0]
	}
	z.history = len(z.out)
	for z.pos < len(z.in) || z.bitLen >= 8 {
		z.atTail = false
		final, err := z.block()
		if err != nil {
			return nil, err
		}
		if final {
			// "[...] by beginning the next block at a byte boundary": RFC 7692, 7.2.3.4
			// allows a final block, and another stream may follow in the same message.
			z.align()
		}
	}
	if !z.atTail {
		// "If the resulting data does not end with an empty DEFLATE block with no compression
		// [...], append an empty DEFLATE block with no compression to the tail end." RFC 7692,
		// 7.2.1. The four octets are the length of that block. In a stream that is cut they
		// may happen to be codes, and end another.
		return nil, errCut
	}
	return z.out[z.history:], nil
}

// bits takes n bits, at most 16.
func (z *inflater) bits(n uint) (uint32, error) {
	if z.bitLen < n {
		z.refill()
		if z.bitLen < n {
			return 0, errCut
		}
	}
	v := uint32(z.bitBuf) & (1<<n - 1)
	z.bitBuf >>= n
	z.bitLen -= n
	return v, nil
}

// refill leaves at least 56 bits in the buffer, or all there are.
func (z *inflater) refill() {
	if z.pos+8 <= len(z.in) {
		z.bitBuf |= binary.LittleEndian.Uint64(z.in[z.pos:]) << z.bitLen
		n := (63 - z.bitLen) >> 3
		z.pos += int(n)
		z.bitLen += n * 8
		return
	}
	for z.bitLen <= 56 && z.pos < len(z.in) {
		z.bitBuf |= uint64(z.in[z.pos]) << z.bitLen
		z.pos++
		z.bitLen += 8
	}
}

// align gives up the rest of an octet.
func (z *inflater) align() {
	z.bitBuf >>= z.bitLen & 7
	z.bitLen -= z.bitLen & 7
}

// block inflates one block (RFC 1951, 3.2.3).
func (z *inflater) block() (final bool, err error) {
	h, err := z.bits(3)
	if err != nil {
		return false, err
	}
	final = h&1 != 0
	switch h >> 1 {
	case 0:
		return final, z.stored()
	case 1:
		return final, z.compressed(&fixedLiterals, &fixedDistances)
	case 2:
		if err := z.codes(); err != nil {
			return false, err
		}
		return final, z.compressed(&z.literals, &z.distances)
	}
	return false, errBlock
}

func (z *inflater) stored() error {
	z.align()
	n, err := z.bits(16)
	if err != nil {
		return err
	}
	complement, err := z.bits(16)
	if err != nil {
		return err
	}
	if n != ^complement&0xffff {
		return errStored
	}
	// Give the octets in the bit buffer back, so that they can be copied.
	z.pos -= int(z.bitLen / 8)
	z.bitBuf, z.bitLen = 0, 0
	if len(z.in)-z.pos < int(n) {
		return errCut
	}
	if len(z.out)-z.history+int(n) > maxPayload {
		return errTooLarge
	}
	z.out = append(z.out, z.in[z.pos:z.pos+int(n)]...)
	z.pos += int(n)
	z.atTail = n == 0
	return nil
}

// codeOrder is the order of the code lengths of the code for code lengths (RFC 1951, 3.2.7).
var codeOrder = [19]byte{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// codes reads the Huffman codes of a block (RFC 1951, 3.2.7).
func (z *inflater) codes() error {
	h, err := z.bits(14)
	if err != nil {
		return err
	}
	nLiterals, nDistances, nCodes := int(h&31)+257, int(h>>5&31)+1, int(h>>10)+4
	if nLiterals > 286 || nDistances > 30 {
		return errCode
	}
	clear(z.lengths[:19])
	for _, i := range codeOrder[:nCodes] {
		n, err := z.bits(3)
		if err != nil {
			return err
		}
		z.lengths[i] = byte(n)
	}
	if err := z.literals.init(z.lengths[:19], false); err != nil {
		return err
	}
	all := z.lengths[:nLiterals+nDistances]
	for i := 0; i < len(all); {
		sym, err := z.symbol(&z.literals)
		if err != nil {
			return err
		}
		if sym < 16 {
			all[i] = byte(sym)
			i++
			continue
		}
		again, least, length := uint(7), 11, byte(0)
		switch sym {
		case 16:
			if i == 0 {
				return errCode
			}
			again, least, length = 2, 3, all[i-1]
		case 17:
			again, least = 3, 3
		}
		n, err := z.bits(again)
		if err != nil {
			return err
		}
		end := i + least + int(n)
		if end > len(all) {
			return errCode
		}
		for ; i < end; i++ {
			all[i] = length
		}
	}
	if all[256] == 0 {
		return errCode // a block without an end
	}
	if err := z.literals.init(all[:nLiterals], false); err != nil {
		return err
	}
	return z.distances.init(all[nLiterals:], true)
}

// compressed inflates the octets of a compressed block (RFC 1951, 3.2.5).
func (z *inflater) compressed(literals, distances *huffman) error {
	out := z.out
	for {
		if z.bitLen < 48 {
			z.refill()
		}
		e := literals.table[z.bitBuf&(1<<tableBits-1)]
		n := uint(e & 15)
		sym := int(e >> 4)
		if n == 0 || n > z.bitLen {
			var err error
			if sym, err = z.symbol(literals); err != nil {
				return err
			}
		} else {
			z.bitBuf >>= n
			z.bitLen -= n
		}
		switch {
		case sym < 256:
			out = append(out, byte(sym))
			continue
		case sym == 256:
			z.out = out
			if len(out)-z.history > maxPayload {
				return errTooLarge
			}
			return nil
		case sym > 285:
			return errSymbol
		}
		l := lengthCodes[sym-257]
		extra, err := z.bits(uint(l.extra))
		if err != nil {
			return err
		}
		length := int(l.base) + int(extra)
		if sym, err = z.symbol(distances); err != nil {
			return err
		}
		if sym > 29 {
			return errSymbol
		}
		d := distanceCodes[sym]
		if extra, err = z.bits(uint(d.extra)); err != nil {
			return err
		}
		distance := int(d.base) + int(extra)
		if distance > z.window || distance > len(out) {
			return fmt.Errorf("a distance of %d octets, of a window of %d that has %d", distance, z.window, min(len(out), z.window))
		}
		if len(out)-z.history > maxPayload {
			return errTooLarge
		}
		for length > 0 {
			// What is behind is copied as far as it is there, and then is behind again.
			n := min(length, distance)
			out = append(out, out[len(out)-distance:len(out)-distance+n]...)
			length -= n
		}
	}
}
