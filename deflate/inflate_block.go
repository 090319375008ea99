package deflate

// compressedBlock decodes the data of a block with a Huffman code (RFC 1951,
// 3.2.3): in bulk while there is enough of everything, else symbol by symbol.
func (f *Inflater) compressedBlock() error {
	if f.copyLen > 0 {
		if !f.copy(f.copyDist, f.copyLen) {
			return ErrShortDst
		}
	}
	for {
		if len(f.in) >= bulkIn && len(f.out)-f.op >= bulkOut {
			switch err := f.bulk(); {
			case err == errEndOfBlock:
				return f.endBlock()
			case err != nil:
				return err
			}
		}
		switch err := f.symbol(); {
		case err == errEndOfBlock:
			return f.endBlock()
		case err != nil:
			return err
		}
	}
}

// symbol decodes one literal, one copy or the end of the block. Nothing is
// dropped from the input before it is known to be complete.
func (f *Inflater) symbol() error {
	f.fill()
	lt := f.litlen
	e := lt.entries[f.acc&(1<<lt.bits-1)]
	if e&entryTable != 0 {
		e = lt.entries[uint64(e>>entryValue)+f.acc>>lt.bits&(1<<(e&entryBits)-1)]
	}
	n := uint(e & entryBits)
	if n > f.nbits {
		return errMoreInput
	}
	switch {
	case e&entryLiteral != 0:
		if f.op == len(f.out) {
			return ErrShortDst
		}
		f.take(n)
		f.out[f.op] = byte(e >> entryValue)
		f.op++
		return nil
	case e&entryEnd != 0:
		f.take(n)
		return errEndOfBlock
	case e&entrySpecial != 0:
		return errLitlenSym
	}
	length := int(e>>entryValue) + int(f.acc&(1<<n-1)>>codeLen(e))

	dt := f.dist
	acc := f.acc >> n
	e = dt.entries[acc&(1<<dt.bits-1)]
	if e&entryTable != 0 {
		e = dt.entries[uint64(e>>entryValue)+acc>>dt.bits&(1<<(e&entryBits)-1)]
	}
	m := uint(e & entryBits)
	if n+m > f.nbits {
		return errMoreInput
	}
	if e&entrySpecial != 0 {
		return errDistSym
	}
	distance := int(e>>entryValue) + int(acc&(1<<m-1)>>codeLen(e))
	if err := f.reach(distance); err != nil {
		return err
	}
	f.take(n + m)
	if !f.copy(distance, length) {
		return ErrShortDst
	}
	return nil
}

// reach says whether there is something at a distance.
func (f *Inflater) reach(distance int) error {
	switch {
	case distance > 1<<f.h.bits:
		return errFarDist
	case distance-f.op > int(f.h.n):
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
