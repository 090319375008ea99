package deflate

import (
	"errors"
	"fmt"
)

// A scan is what a DEFLATE stream is made of. The parser below knows nothing of the encoder and has its tables from RFC
// 1951 by hand: the judge of distances, which the standard library's inflater does not report.
type scan struct {
	out     []byte
	stored  int // blocks
	fixed   int
	dynamic int
	maxDist int // the greatest distance
	beyond  int // how far back the furthest match begins before the first octet of this stream
	maxCode int // the longest code word in a block's header
}

type bitReader struct {
	b   []byte
	pos int
}

var errCut = errors.New("the stream is cut")

func (r *bitReader) bits(n int) int {
	v := 0
	for i := range n {
		if r.pos>>3 >= len(r.b) {
			panic(errCut)
		}
		v |= int(r.b[r.pos>>3]>>(r.pos&7)&1) << i
		r.pos++
	}
	return v
}

// A scanCode has for each length of words how many there are, and all symbols in the order of their words.
type scanCode struct {
	count   [16]int
	symbols []int
}

func newScanCode(lengths []int) (c scanCode) {
	space := 1 << 15
	for n := 1; n <= 15; n++ {
		for s, l := range lengths {
			if l == n {
				c.count[n]++
				c.symbols = append(c.symbols, s)
				space -= 1 << (15 - n)
			}
		}
	}
	if space != 0 {
		panic(errors.New("the code is not complete"))
	}
	return c
}

func (r *bitReader) symbol(c *scanCode) int {
	code, first, before := 0, 0, 0
	for n := 1; n <= 15; n++ {
		code = code<<1 | r.bits(1)
		first <<= 1
		if code-first < c.count[n] {
			return c.symbols[before+code-first]
		}
		first += c.count[n]
		before += c.count[n]
	}
	panic(errors.New("no such word"))
}

var (
	scanLengths   = []int{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	scanDistances = []int{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
)

// scanMessage parses the payload of a compressed message that comes after the octets of history.
func scanMessage(history, payload []byte) (s scan, err error) {
	defer func() {
		if e, ok := recover().(error); ok {
			err = e
		}
	}()
	r := &bitReader{b: append(append([]byte(nil), payload...), 0, 0, 0xff, 0xff)}
	out := append([]byte(nil), history...)
	for {
		if r.bits(1) != 0 {
			return s, errors.New("BFINAL is set")
		}
		var literal, dist scanCode
		switch r.bits(2) {
		case 0:
			r.pos = (r.pos + 7) &^ 7
			n, complement := r.bits(16), r.bits(16)
			if n^complement != 0xffff {
				return s, errors.New("LEN and NLEN disagree")
			}
			if r.pos/8 == len(r.b) {
				if n != 0 {
					return s, errors.New("the last block is not empty")
				}
				s.out = out[len(history):]
				return s, nil
			}
			s.stored++
			for range n {
				out = append(out, byte(r.bits(8)))
			}
			continue
		case 1:
			s.fixed++
			lengths := make([]int, 288)
			for i := range lengths {
				switch {
				case i < 144:
					lengths[i] = 8
				case i < 256:
					lengths[i] = 9
				case i < 280:
					lengths[i] = 7
				default:
					lengths[i] = 8
				}
			}
			literal = newScanCode(lengths)
			five := make([]int, 32)
			for i := range five {
				five[i] = 5
			}
			dist = newScanCode(five)
		case 2:
			s.dynamic++
			hlit, hdist, hclen := r.bits(5)+257, r.bits(5)+1, r.bits(4)+4
			if hlit > 286 || hdist > 30 {
				return s, errors.New("too many lengths")
			}
			order := []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
			lengths := make([]int, 19)
			for _, i := range order[:hclen] {
				lengths[i] = r.bits(3)
			}
			t := newScanCode(lengths)
			lengths = nil
			for len(lengths) < hlit+hdist {
				repeat := func(v, n int) {
					for range n {
						lengths = append(lengths, v)
					}
				}
				switch c := r.symbol(&t); c {
				case 16:
					repeat(lengths[len(lengths)-1], 3+r.bits(2))
				case 17:
					repeat(0, 3+r.bits(3))
				case 18:
					repeat(0, 11+r.bits(7))
				default:
					lengths = append(lengths, c)
					s.maxCode = max(s.maxCode, c)
				}
			}
			if len(lengths) != hlit+hdist {
				return s, errors.New("a repetition goes too far")
			}
			literal, dist = newScanCode(lengths[:hlit]), newScanCode(lengths[hlit:])
		default:
			return s, errors.New("BTYPE is 11")
		}
		for {
			c := r.symbol(&literal)
			if c == 256 {
				break
			}
			if c < 256 {
				out = append(out, byte(c))
				continue
			}
			extra := 0
			if c >= 265 && c < 285 {
				extra = r.bits((c - 261) / 4)
			}
			n := scanLengths[c-257] + extra
			c = r.symbol(&dist)
			extra = 0
			if c >= 4 {
				extra = r.bits((c - 2) / 2)
			}
			d := scanDistances[c] + extra
			if d > len(out) {
				return s, fmt.Errorf("the distance %d at octet %d is before the beginning", d, len(out))
			}
			s.maxDist = max(s.maxDist, d)
			s.beyond = max(s.beyond, d-(len(out)-len(history)))
			for range n {
				out = append(out, out[len(out)-d])
			}
		}
	}
}
