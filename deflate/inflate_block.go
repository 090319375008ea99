package deflate

// compressedBlock decodes the data of a block with a Huffman code (RFC 1951,
// 3.2.3): in bulk while there is enough of everything, else with care.
func (f *Inflater) compressedBlock() error {
	if f.copyLen > 0 {
		if !f.copy(f.copyDist, f.copyLen) {
			return ErrShortDst
		}
	}
	for {
		err := f.bulk()
		if err == nil {
			err = f.careful()
		}
		switch err {
		case nil:
		case errEndOfBlock:
			return f.endBlock()
		default:
			return err
		}
	}
}

// careful decodes symbols where input or room is too little for bulk, and
// returns nil when it is not. Nothing is dropped from the input before a symbol
// is known to be complete.
func (f *Inflater) careful() (err error) {
	in, out, op := f.in, f.out, f.op
	acc, nbits := f.acc, f.nbits
	litlen, dist := f.litlen, f.dist
	for len(in) < bulkIn || len(out)-op < bulkOut {
		for nbits < 56 && len(in) > 0 {
			acc |= uint64(in[0]) << (nbits & 63)
			in = in[1:]
			nbits += 8
		}
		e := litlen.entries[acc&(1<<(litlen.bits&63)-1)&(litlenTableSize-1)]
		if e&entryTable != 0 {
			e = litlen.entries[uint64(e>>entryValue)+acc>>litlen.bits&(1<<(e&entryBits)-1)]
		}
		n := uint(e & entryBits)
		if n > nbits {
			err = errMoreInput
			break
		}
		if e&entryLiteral != 0 {
			if op == len(out) {
				err = ErrShortDst
				break
			}
			acc >>= n & 63
			nbits -= n
			out[op] = byte(e >> entryValue)
			op++
			continue
		}
		if e&entrySpecial != 0 {
			if err = errLitlenSym; e&entryEnd != 0 {
				acc >>= n & 63
				nbits -= n
				err = errEndOfBlock
			}
			break
		}
		length := int(e>>entryValue) + int(acc&(1<<(n&63)-1)>>codeLen(e))

		rest := acc >> (n & 63)
		e = dist.entries[rest&(1<<(dist.bits&63)-1)&(distTableSize-1)]
		if e&entryTable != 0 {
			e = dist.entries[uint64(e>>entryValue)+rest>>dist.bits&(1<<(e&entryBits)-1)]
		}
		if n += uint(e & entryBits); n > nbits {
			err = errMoreInput
			break
		}
		if e&entrySpecial != 0 {
			err = errDistSym
			break
		}
		distance := int(e>>entryValue) + int(rest&(1<<(e&entryBits)-1)>>codeLen(e))
		if err = f.reach(distance, op); err != nil {
			break
		}
		acc >>= n & 63
		nbits -= n
		f.op = op
		all := f.copy(distance, length)
		if op = f.op; !all {
			err = ErrShortDst
			break
		}
	}
	f.in, f.op = in, op
	f.acc, f.nbits = acc, nbits
	return err
}

// reach says whether there is something at a distance from op.
func (f *Inflater) reach(distance, op int) error {
	switch {
	case distance > 1<<f.h.bits:
		return errFarDist
	case distance-op > int(f.h.n):
		return errHistory
	}
	return nil
}

// copy appends length octets from a distance that is within reach, or as many
// as there is room for. It reports whether these were all.
func (f *Inflater) copy(distance, length int) bool {
	room := len(f.out) - f.op
	f.copyDist, f.copyLen = distance, max(length-room, 0)
	end := f.op + min(length, room)
	for f.op < end && distance > f.op {
		ring := *f.h.ring
		back := distance - f.op
		from := int(f.h.head) - back
		if from < 0 {
			from += len(ring)
		}
		f.op += copy(f.out[f.op:min(end, f.op+back)], ring[from:])
	}
	// What lies between distance and the end repeats itself, so the source may
	// grow with the copy.
	for from := f.op - distance; f.op < end; {
		f.op += copy(f.out[f.op:end], f.out[from:f.op])
	}
	return f.copyLen == 0
}
