package deflate

import (
	"encoding/binary"
	"errors"
)

// errEndOfBlock says that the code for the end of the block has been read.
var errEndOfBlock = errors.New("end of block")

const (
	// bulkIn is how many octets bulk reads at once.
	bulkIn = 8
	// bulkOut is more than bulk writes before it looks at what room is left.
	bulkOut = 8
	// distBits is the most that a distance takes, with its extra bits.
	distBits = maxCodeLen + 13
)

func load(b []byte, i int) uint64     { return binary.LittleEndian.Uint64(b[i:]) }
func store(b []byte, i int, v uint64) { binary.LittleEndian.PutUint64(b[i:], v) }

// bulk decodes symbols as long as input can be read, and output written, eight
// octets at a time. It returns nil when that ends.
//
// Eight octets give 56 bits or more: enough for any length with its distance,
// which have 48 at most, or for three literals. All variables are local, as
// the compiler keeps none of an Inflater's in registers.
func (f *Inflater) bulk() (err error) {
	in, out := f.in, f.out
	acc, nbits := f.acc, f.nbits
	ip, op := 0, f.op
	litlen, dist := &f.litlen.entries, &f.dist.entries
	litlenBits, distIndexBits := f.litlen.bits, f.dist.bits
	litlenMask, distMask := uint64(1)<<litlenBits-1, uint64(1)<<distIndexBits-1
	window, head, history := 1<<f.h.bits, int(f.h.head), int(f.h.n)
	var ring []byte
	if f.h.ring != nil {
		ring = *f.h.ring
	}

	var e uint32
	ready := false // e is the entry of the next symbol, and there are 56 bits
loop:
	for len(out)-op >= bulkOut {
		if !ready {
			if len(in)-ip < bulkIn {
				break
			}
			acc |= load(in, ip) << (nbits & 63)
			ip += int((63 - nbits) >> 3)
			nbits |= 56
			e = litlen[acc&litlenMask&(litlenTableSize-1)]
		}
		ready = false

		if e&entryLiteral != 0 {
			acc >>= e & entryBits
			nbits -= uint(e & entryBits)
			out[op] = byte(e >> entryValue)
			op++
			e = litlen[acc&litlenMask&(litlenTableSize-1)]
			if e&entryLiteral != 0 {
				acc >>= e & entryBits
				nbits -= uint(e & entryBits)
				out[op] = byte(e >> entryValue)
				op++
				e = litlen[acc&litlenMask&(litlenTableSize-1)]
				if e&entryLiteral != 0 {
					acc >>= e & entryBits
					nbits -= uint(e & entryBits)
					out[op] = byte(e >> entryValue)
					op++
					continue
				}
			}
		}
		if e&entrySpecial != 0 {
			if e&entryTable != 0 {
				e = litlen[(uint64(e>>entryValue)+acc>>(litlenBits&63)&(1<<(e&entryBits)-1))&(litlenTableSize-1)]
			}
			switch {
			case e&entryLiteral != 0:
				acc >>= e & entryBits
				nbits -= uint(e & entryBits)
				out[op] = byte(e >> entryValue)
				op++
				continue
			case e&entryEnd != 0:
				acc >>= e & entryBits
				nbits -= uint(e & entryBits)
				err = errEndOfBlock
				break loop
			case e&entrySpecial != 0:
				err = errLitlenSym
				break loop
			}
		}
		n := uint(e & entryBits)
		if nbits < n+distBits {
			continue // and decode it again with more bits
		}
		length := int(e>>entryValue) + int(acc&(1<<(n&63)-1)>>codeLen(e))
		acc >>= n & 63

		e = dist[acc&distMask&(distTableSize-1)]
		if e&entrySpecial != 0 {
			if e&entryTable != 0 {
				e = dist[(uint64(e>>entryValue)+acc>>(distIndexBits&63)&(1<<(e&entryBits)-1))&(distTableSize-1)]
			}
			if e&entrySpecial != 0 {
				err = errDistSym
				break loop
			}
		}
		distance := int(e>>entryValue) + int(acc&(1<<(e&entryBits)-1)>>codeLen(e))
		acc >>= e & entryBits
		nbits -= n + uint(e&entryBits)

		if distance > window {
			err = errFarDist
			break loop
		}
		// The copy below often ends where the processor did not expect it. With
		// the next entry at hand already it loses less: 6 to 8 % of a message of
		// JSON (2026-11).
		if len(in)-ip >= bulkIn {
			acc |= load(in, ip) << (nbits & 63)
			ip += int((63 - nbits) >> 3)
			nbits |= 56
			e = litlen[acc&litlenMask&(litlenTableSize-1)]
			ready = true
		}
		words := (length + 7) &^ 7 // what is copied, and written over later
		if from := op - distance; from >= 0 {
			if distance >= 8 && words <= len(out)-op {
				for end := op + length; ; {
					store(out, op, load(out, from))
					from += 8
					if op += 8; op >= end {
						op = end
						break
					}
				}
				continue
			}
		} else {
			if -from > history {
				err = errHistory
				break loop
			}
			back := -from
			if from = head - back; from < 0 {
				from += len(ring)
			}
			if length <= back && words <= len(ring)-from && words <= len(out)-op {
				for end := op + length; ; {
					store(out, op, load(ring, from))
					from += 8
					if op += 8; op >= end {
						op = end
						break
					}
				}
				continue
			}
		}
		f.op = op
		all := f.copy(distance, length)
		if op = f.op; !all {
			err = ErrShortDst
			break loop
		}
	}
	f.in = in[ip:]
	f.op = op
	f.acc, f.nbits = acc&(1<<(nbits&63)-1), nbits
	return err
}
