package deflate

import (
	"encoding/binary"
	"errors"
)

// errMoreInput says that all input has been taken and that it was too little.
var errMoreInput = errors.New("more input")

// fill takes input until there are at least 56 bits or there is no more.
func (f *Inflater) fill() {
	if len(f.in) >= 8 {
		f.acc |= binary.LittleEndian.Uint64(f.in) << (f.nbits & 63)
		f.in = f.in[(63-f.nbits)>>3:]
		f.nbits |= 56
		f.acc &= 1<<(f.nbits&63) - 1
		return
	}
	for f.nbits < 56 && len(f.in) > 0 {
		f.acc |= uint64(f.in[0]) << (f.nbits & 63)
		f.in = f.in[1:]
		f.nbits += 8
	}
}

// need reports whether there are n bits, n <= 56.
func (f *Inflater) need(n uint) bool {
	if f.nbits < n {
		f.fill()
	}
	return f.nbits >= n
}

// take drops n bits that are there and returns them.
func (f *Inflater) take(n uint) int {
	v := f.acc & (1<<n - 1)
	f.acc >>= n
	f.nbits -= n
	return int(v)
}

// header reads the header of a block (RFC 1951, 3.2.3).
func (f *Inflater) header() error {
	if !f.need(3) {
		return errMoreInput
	}
	f.final = f.take(1) == 1
	switch f.take(2) {
	case 0:
		// "Any bits of input up to the next byte boundary are ignored." (RFC
		// 1951, 3.2.4)
		f.take(f.nbits & 7)
		f.state = storedHeader
	case 1:
		f.litlen, f.dist = fixedTables()
		f.state = compressedBlock
	case 2:
		f.state = dynamicHeader
	default:
		return errBlockType
	}
	return nil
}

// endBlock ends a block. Another one may follow in the same message also if
// BFINAL was set: "An endpoint MAY use both DEFLATE blocks with the "BFINAL" bit
// set to 0 and DEFLATE blocks with the "BFINAL" bit set to 1.", and "The next
// DEFLATE block follows the padded data if any." (RFC 7692, 7.2.1) The sliding
// window goes on, too: 7.2.2 resets it at most between messages.
func (f *Inflater) endBlock() error {
	f.state = blockHeader
	// "[...] an endpoint MUST add minimal padding bits of 0 to make it end at a
	// byte boundary." (RFC 7692, 7.2.1)
	if f.final && f.take(f.nbits&7) != 0 {
		return errPadding
	}
	return nil
}

// storedHeader reads LEN and NLEN (RFC 1951, 3.2.4).
func (f *Inflater) storedHeader() error {
	if !f.need(32) {
		return errMoreInput
	}
	f.stored = f.take(16)
	if f.take(16) != f.stored^0xffff {
		return errStoredLen
	}
	f.state = storedBlock
	return nil
}

// storedBlock copies the octets of a block with no compression.
func (f *Inflater) storedBlock() error {
	for ; f.stored > 0 && f.nbits > 0; f.stored-- {
		if f.op == len(f.out) {
			return ErrShortDst
		}
		f.out[f.op] = byte(f.take(8))
		f.op++
	}
	n := copy(f.out[f.op:], f.in[:min(f.stored, len(f.in))])
	f.op += n
	f.in = f.in[n:]
	switch f.stored -= n; {
	case f.stored == 0:
		return f.endBlock()
	case len(f.in) == 0:
		return errMoreInput
	default:
		return ErrShortDst
	}
}

// clenOrder is the order of the code lengths of the code length code (RFC 1951,
// 3.2.7).
var clenOrder = [clenSyms]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// dynamicHeader reads HLIT, HDIST and HCLEN (RFC 1951, 3.2.7).
func (f *Inflater) dynamicHeader() error {
	if !f.need(14) {
		return errMoreInput
	}
	f.nlitlen = 257 + f.take(5)
	f.nlens = f.nlitlen + 1 + f.take(5)
	f.nclen = 4 + f.take(4)
	// The fields could say 288 and 32. What is beyond 286 and 30 "will never
	// actually occur in the compressed data" (3.2.6), and zlib refuses it, too.
	switch {
	case f.nlitlen > 286:
		return errHLIT
	case f.nlens-f.nlitlen > 30:
		return errHDIST
	}
	clear(f.clens[:])
	f.done = 0
	f.state = codeLengthCode
	return nil
}

// codeLengthCode reads the code lengths of the code length code.
func (f *Inflater) codeLengthCode() error {
	for f.done < f.nclen {
		if !f.need(3) {
			return errMoreInput
		}
		f.clens[clenOrder[f.done]] = uint8(f.take(3))
		f.done++
	}
	c := &f.litlenCode // not in use yet
	c.reset()
	for sym, l := range f.clens {
		if l != 0 {
			c.add(sym, int(l))
		}
	}
	if f.clenBits = c.build(f.clen[:], clenEntries[:], clenTableBits); f.clenBits == 0 {
		return errCodeLens
	}
	f.litlenCode.reset()
	f.distCode.reset()
	f.done, f.prev = 0, -1
	f.state = codeLengths
	return nil
}

// codeLengths reads the code lengths of both codes, which are one sequence: a
// run may cross from the literals and lengths to the distances.
func (f *Inflater) codeLengths() error {
	for f.done < f.nlens {
		e := f.clen[f.acc&(1<<f.clenBits-1)]
		if uint(e&entryBits) > f.nbits {
			f.fill()
			if e = f.clen[f.acc&(1<<f.clenBits-1)]; uint(e&entryBits) > f.nbits {
				return errMoreInput
			}
		}
		length, times := int(e>>entryValue), 1
		if e&entryLiteral != 0 {
			f.take(uint(e & entryBits))
		} else {
			times = length + f.take(uint(e&entryBits))>>codeLen(e)
			length = 0
			if e&entrySpecial != 0 {
				switch {
				case e>>entryValue == 0:
					return errCodeLens
				case f.prev < 0:
					return errRepeatNone
				}
				length = f.prev
			}
			if times > f.nlens-f.done {
				return errRepeatPast
			}
		}
		f.prev = length
		if length == 0 {
			f.done += times
			continue
		}
		for ; times > 0; times-- {
			if f.done < f.nlitlen {
				f.litlenCode.add(f.done, length)
			} else {
				f.distCode.add(f.done-f.nlitlen, length)
			}
			f.done++
		}
	}
	return f.tables()
}

// tables makes the decoding tables of a dynamic block.
func (f *Inflater) tables() error {
	f.litlen, f.dist = &f.dynLitlen, &f.dynDist
	if !f.litlenCode.has(256) {
		return errNoEnd
	}
	if f.litlen.bits = f.litlenCode.build(f.litlen.entries[:], litlenEntries[:], litlenTableBits); f.litlen.bits == 0 {
		return errLitlenLens
	}
	if f.dist.bits = f.distCode.build(f.dist.entries[:], distEntries[:], distTableBits); f.dist.bits == 0 {
		return errDistLens
	}
	f.state = compressedBlock
	return nil
}
