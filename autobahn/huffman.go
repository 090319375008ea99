package autobahn

import (
	"math/bits"
)

// symbol takes one symbol, of a code of any length.
func (z *inflater) symbol(h *huffman) (int, error) {
	if z.bitLen < 15 {
		z.refill()
	}
	if e := h.table[z.bitBuf&(1<<tableBits-1)]; e != 0 {
		n := uint(e & 15)
		if n > z.bitLen {
			return 0, errCut
		}
		z.bitBuf >>= n
		z.bitLen -= n
		return int(e >> 4), nil
	}
	code, first, index := 0, 0, 0
	for n := uint(1); n <= 15; n++ {
		if n > z.bitLen {
			return 0, errCut
		}
		code |= int(z.bitBuf >> (n - 1) & 1)
		count := int(h.count[n])
		if code-first < count {
			z.bitBuf >>= n
			z.bitLen -= n
			return int(h.symbols[index+code-first]), nil
		}
		index += count
		first = (first + count) << 1
		code <<= 1
	}
	return 0, errSymbol
}

// tableBits is the length of the longest code that the table of a huffman decodes.
const tableBits = 10

// A huffman decodes the codes of one alphabet (RFC 1951, 3.2.2).
type huffman struct {
	table   [1 << tableBits]uint16 // by the next bits: symbol<<4 | code length, or 0 for a longer code
	count   [16]uint16             // codes of each length
	symbols [288]uint16            // in the order of their codes
}

// init makes the codes of these lengths. They have to use up all of the code space; only a
// code with one symbol, or none, may leave some where mayBeSparse is set.
func (h *huffman) init(lengths []byte, mayBeSparse bool) error {
	clear(h.count[:])
	for _, n := range lengths {
		h.count[n]++
	}
	used := len(lengths) - int(h.count[0])
	h.count[0] = 0
	left := 1
	for n := 1; n <= 15; n++ {
		left = left<<1 - int(h.count[n])
		if left < 0 {
			return errCode
		}
	}
	if left > 0 && (!mayBeSparse || used > 1) {
		return errCode
	}
	var next, offset [16]int
	for n := 1; n < 15; n++ {
		next[n+1] = (next[n] + int(h.count[n])) << 1
		offset[n+1] = offset[n] + int(h.count[n])
	}
	clear(h.table[:])
	for sym, n := range lengths {
		if n == 0 {
			continue
		}
		h.symbols[offset[n]] = uint16(sym)
		offset[n]++
		code := next[n]
		next[n]++
		if n > tableBits {
			continue
		}
		for i := int(bits.Reverse16(uint16(code)) >> (16 - n)); i < len(h.table); i += 1 << n {
			h.table[i] = uint16(sym<<4) | uint16(n)
		}
	}
	return nil
}

type extraBits struct {
	base  uint16
	extra byte
}

var (
	lengthCodes   [29]extraBits
	distanceCodes [30]extraBits

	fixedLiterals, fixedDistances huffman
)

func init() {
	base := 3
	for i := range lengthCodes {
		extra := 0
		if i >= 8 {
			extra = i/4 - 1
		}
		lengthCodes[i] = extraBits{uint16(base), byte(extra)}
		base += 1 << extra
	}
	lengthCodes[28] = extraBits{258, 0} // RFC 1951, 3.2.5: not 227 and 5 bits
	base = 1
	for i := range distanceCodes {
		extra := max(i/2-1, 0)
		distanceCodes[i] = extraBits{uint16(base), byte(extra)}
		base += 1 << extra
	}
	var lengths [288]byte
	for i := range lengths {
		switch {
		case i < 144, i >= 280:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		default:
			lengths[i] = 7
		}
	}
	if fixedLiterals.init(lengths[:], false) != nil {
		panic("autobahn: the fixed code of RFC 1951, 3.2.6 is no code")
	}
	// All 32 distance codes have 5 bits; 30 and 31 stand for nothing.
	for i := range 32 {
		lengths[i] = 5
	}
	if fixedDistances.init(lengths[:32], false) != nil {
		panic("autobahn: the fixed code of RFC 1951, 3.2.6 is no code")
	}
}
