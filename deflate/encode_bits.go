package deflate

import (
	"encoding/binary"
	"slices"
)

// A bitWriter writes bits, the lowest of each octet first (RFC 1951, 3.1.1). It writes whole
// words: eight octets beyond those that are full have to be there.
type bitWriter struct {
	b     []byte
	n     int    // full octets
	bits  uint64 // those that do not fill an octet yet, and after add more
	nbits uint
}

// add appends n bits. Between two calls of flush there is room for 56.
func (w *bitWriter) add(v uint64, n uint) {
	w.bits |= v << (w.nbits & 63)
	w.nbits += n
}

func (w *bitWriter) flush() {
	binary.LittleEndian.PutUint64(w.b[w.n:], w.bits)
	w.n += int(w.nbits >> 3)
	w.bits >>= w.nbits & 56
	w.nbits &= 7
}

// grow makes room for n octets and the words in which they are written.
func (w *bitWriter) grow(n int) {
	if len(w.b)-w.n < n+16 {
		w.b = slices.Grow(w.b[:w.n], n+16)
		w.b = w.b[:cap(w.b)]
	}
}

// header appends the header of a block.
func (w *bitWriter) header(c *prefixCode) {
	n := c.headerBits
	for i := 0; ; i += 7 {
		v := binary.LittleEndian.Uint64(c.header[i:])
		if n <= 56 {
			w.add(v&(1<<n-1), n)
			w.flush()
			return
		}
		w.add(v&(1<<56-1), 56)
		w.flush()
		n -= 56
	}
}

// stored appends src as stored blocks (RFC 1951, 3.2.4).
func (w *bitWriter) stored(src []byte) {
	w.grow(len(src) + 5*(1+len(src)/65535))
	for len(src) > 0 {
		n := min(len(src), 65535)
		w.align()
		binary.LittleEndian.PutUint32(w.b[w.n:], uint32(n)|uint32(^uint16(n))<<16)
		w.n += 4
		w.n += copy(w.b[w.n:], src[:n])
		src = src[n:]
	}
}

// align appends the header of a stored block, BFINAL 0 and BTYPE 00, and fills the octet: "Any
// bits of input up to the next byte boundary are ignored" (RFC 1951, 3.2.4).
func (w *bitWriter) align() {
	w.nbits = (w.nbits + 3 + 7) &^ 7
	w.flush()
}

// sync appends an empty stored block.
func (w *bitWriter) sync() {
	w.grow(5)
	w.align()
	binary.LittleEndian.PutUint32(w.b[w.n:], 0xffff0000)
	w.n += 4
}

// sequences appends the literals and matches of a block and its end.
func (w *bitWriter) sequences(c *prefixCode, src []byte, seqs []sequence, tail int) {
	b, n, acc, nacc := w.b, w.n, w.bits, w.nbits
	for _, q := range seqs {
		run := q.literals()
		for ; run >= 4; run -= 4 {
			c0, c1, c2, c3 := c.literal[src[0]], c.literal[src[1]], c.literal[src[2]], c.literal[src[3]]
			src = src[4:]
			acc |= uint64(c0&0xffff) << (nacc & 63)
			nacc += uint(c0 >> wordShift)
			acc |= uint64(c1&0xffff) << (nacc & 63)
			nacc += uint(c1 >> wordShift)
			acc |= uint64(c2&0xffff) << (nacc & 63)
			nacc += uint(c2 >> wordShift)
			acc |= uint64(c3&0xffff) << (nacc & 63)
			nacc += uint(c3 >> wordShift)
			binary.LittleEndian.PutUint64(b[n:], acc)
			n += int(nacc >> 3)
			acc >>= nacc & 56
			nacc &= 7
		}
		// What is left is written without a branch, which would be guessed wrong all the time: the
		// words of the three next octets, which there are because a match follows, made empty if they are too many.
		c0, c1, c2 := c.literal[src[0]], c.literal[src[1]], c.literal[src[2]]
		c0 &= word(-int32(run) >> 31)
		c1 &= word((1 - int32(run)) >> 31)
		c2 &= word((2 - int32(run)) >> 31)
		acc |= uint64(c0&0xffff) << (nacc & 63)
		nacc += uint(c0 >> wordShift)
		acc |= uint64(c1&0xffff) << (nacc & 63)
		nacc += uint(c1 >> wordShift)
		acc |= uint64(c2&0xffff) << (nacc & 63)
		nacc += uint(c2 >> wordShift)
		binary.LittleEndian.PutUint64(b[n:], acc)
		n += int(nacc >> 3)
		acc >>= nacc & 56
		nacc &= 7
		src = src[run+int(q.length())+minMatch:]
		ls, ds := q.lengthSymbol(), q.distSymbol()
		lw, dw := c.literal[firstLength+ls], c.dist[ds]
		acc |= uint64(lw&0xffff) << (nacc & 63)
		nacc += uint(lw >> wordShift)
		acc |= uint64(q.length()-uint32(lengthBase[ls])) << (nacc & 63)
		nacc += uint(lengthExtra[ls])
		acc |= uint64(dw&0xffff) << (nacc & 63)
		nacc += uint(dw >> wordShift)
		acc |= uint64(q.dist()-uint32(distBase[ds])) << (nacc & 63)
		nacc += uint(distExtra[ds])
		binary.LittleEndian.PutUint64(b[n:], acc)
		n += int(nacc >> 3)
		acc >>= nacc & 56
		nacc &= 7
	}
	w.n, w.bits, w.nbits = n, acc, nacc
	for _, s := range src[:tail] {
		w.word(c.literal[s])
	}
	w.word(c.literal[endOfBlock])
}

func (w *bitWriter) word(v word) {
	w.add(uint64(v&0xffff), uint(v>>wordShift))
	w.flush()
}
