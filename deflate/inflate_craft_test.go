package deflate_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"math/rand/v2"
	"slices"

	"github.com/hawser-go/hawser/deflate"
)

// A stream is a DEFLATE stream that a test makes bit by bit.
type stream struct {
	octets []byte
	n      int // how many bits of the last octet are in use, 0 for all
}

// bits adds n bits of v, "starting with the least-significant bit of the data element" (RFC 1951, 3.1.1).
func (s *stream) bits(v, n int) *stream {
	for i := range n {
		if s.n == 0 {
			s.octets = append(s.octets, 0)
		}
		s.octets[len(s.octets)-1] |= byte(v>>i&1) << s.n
		s.n = (s.n + 1) % 8
	}
	return s
}

// huff adds a Huffman code of n bits, "starting with the most-significant bit of the code" (RFC 1951, 3.1.1).
func (s *stream) huff(v, n int) *stream {
	for i := n - 1; i >= 0; i-- {
		s.bits(v>>i, 1)
	}
	return s
}

// align adds zeros up to the next octet, and raw then adds octets.
func (s *stream) align() *stream { s.n = 0; return s }

func (s *stream) raw(p ...byte) *stream {
	s.octets = append(s.align().octets, p...)
	return s
}

// header adds BFINAL and BTYPE.
func (s *stream) header(final, kind int) *stream { return s.bits(final, 1).bits(kind, 2) }

// stored adds a block with no compression.
func (s *stream) stored(final int, p string) *stream {
	n := len(p)
	return s.header(final, 0).raw(byte(n), byte(n>>8), ^byte(n), ^byte(n>>8)).raw([]byte(p)...)
}

// message ends the message (RFC 7692, 7.2.1) and returns it.
func (s *stream) message() []byte {
	s.header(0, 0).align()
	return s.octets
}

// fixed adds symbols of the fixed code (RFC 1951, 3.2.6).
func (s *stream) fixed(syms ...int) *stream {
	for _, sym := range syms {
		switch {
		case sym < 144:
			s.huff(0x30+sym, 8)
		case sym < 256:
			s.huff(0x190+sym-144, 9)
		case sym < 280:
			s.huff(sym-256, 7)
		default:
			s.huff(0xc0+sym-280, 8)
		}
	}
	return s
}

func (s *stream) text(p string) *stream {
	for _, c := range []byte(p) {
		s.fixed(int(c))
	}
	return s
}

// copyOf adds a length and a distance in the fixed code.
func (s *stream) copyOf(length, distance int) *stream {
	sym, extra, n := lengthSym(length)
	s.fixed(sym).bits(extra, n)
	sym, extra, n = distanceSym(distance)
	return s.huff(sym, 5).bits(extra, n)
}

const end = 256

// The tables of RFC 1951, 3.2.5, as they stand there.
var (
	lengthBase = []int{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthBits = []int{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distBase   = []int{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	distBits   = []int{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
)

func lengthSym(length int) (sym, extra, n int) {
	i := len(lengthBase) - 1
	for lengthBase[i] > length {
		i--
	}
	return 257 + i, length - lengthBase[i], lengthBits[i]
}

func distanceSym(distance int) (sym, extra, n int) {
	i := len(distBase) - 1
	for distBase[i] > distance {
		i--
	}
	return i, distance - distBase[i], distBits[i]
}

// codesOf gives each symbol its code (RFC 1951, 3.2.2).
func codesOf(lens []int) []int {
	codes, code := make([]int, len(lens)), 0
	for l := 1; l <= 15; l++ {
		code <<= 1
		for sym := range lens {
			if lens[sym] == l {
				codes[sym] = code
				code++
			}
		}
	}
	return codes
}

// clenLens is a code length code of all 19 symbols: 13 codes of 4 bits and 6 of 5.
var clenLens = []int{4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5}

// dynamic adds a header with HLIT, HDIST and HCLEN, and the lengths of a code length code.
func (s *stream) dynamic(nlit, ndist int, clens []int) *stream {
	s.header(0, 2).bits(nlit-257, 5).bits(ndist-1, 5).bits(19-4, 4)
	for _, sym := range []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15} {
		s.bits(clens[sym], 3)
	}
	return s
}

// clen adds symbols of clenLens' code.
func (s *stream) clen(syms ...int) *stream { return s.syms(clenLens, syms...) }

// syms adds symbols of the code with the lengths.
func (s *stream) syms(lens []int, syms ...int) *stream {
	codes := codesOf(lens)
	for _, sym := range syms {
		s.huff(codes[sym], lens[sym])
	}
	return s
}

// lens adds a dynamic header for two codes, without any run.
func (s *stream) lens(lit, dist []int) *stream {
	return s.dynamic(len(lit), len(dist), clenLens).clen(lit...).clen(dist...)
}

// lensOf makes lengths from pairs of a symbol and a length, for n symbols.
func lensOf(n int, pairs ...int) []int {
	lens := make([]int, n)
	for i := 0; i < len(pairs); i += 2 {
		lens[pairs[i]] = pairs[i+1]
	}
	return lens
}

// lz compresses p after history with the fixed code, with random copies of what is at most 2^bits octets away.
func lz(r *rand.Rand, bits int, history, p []byte) []byte {
	var s stream
	all := append(slices.Clone(history), p...)
	s.header(0, 1)
	for i := len(history); i < len(all); {
		reach := min(i, 1<<bits)
		best, bestAt := 0, 0
		for range 50 {
			d := 1 + r.IntN(max(reach, 1))
			if reach > 0 && r.IntN(4) == 0 {
				d = reach // the far end of the window
			}
			n := 0
			for d <= reach && n < 258 && i+n < len(all) && all[i+n] == all[i+n-d] {
				n++
			}
			if n > best {
				best, bestAt = n, d
			}
		}
		if best >= 3 {
			s.copyOf(best, bestAt)
			i += best
			continue
		}
		s.fixed(int(all[i]))
		i++
	}
	return s.fixed(end).message()
}

// feed inflates a message that arrives in pieces, as conn would. dst has room for room octets at first, and for room more each time
// it is full; with drain it is emptied instead. Everything that the Inflater may not retain is overwritten.
func feed(w *deflate.Window, limit int64, pieces [][]byte, room int, drain bool) ([]byte, error) {
	f := deflate.GetInflater(w, limit)
	defer deflate.PutInflater(f)
	var drained []byte
	prefix := []byte("prefix")
	dst := append(make([]byte, 0, len(prefix)+room), prefix...)
	for i, piece := range pieces {
		src := slices.Clone(piece)
		for {
			out, n, err := f.Inflate(dst, src, i == len(pieces)-1)
			switch {
			case !bytes.HasPrefix(out, dst):
				return nil, errors.New("test: dst was not appended to")
			case cap(out) != cap(dst):
				return nil, errors.New("test: out is not dst")
			case limit >= 0 && int64(len(drained)+len(out)-len(prefix)) > limit:
				return nil, errors.New("test: more than the limit")
			case err == nil && n != len(src):
				return nil, errors.New("test: no error, and not all of src was used")
			case err == deflate.ErrShortDst && len(out) != cap(out):
				return nil, errors.New("test: ErrShortDst, and there is room")
			}
			dst = out
			scribble(src[:n])
			src = src[n:]
			if err == nil {
				break
			}
			if err != deflate.ErrShortDst {
				return append(drained, dst[len(prefix):]...), err
			}
			old := dst
			if drain {
				f.Drain(dst)
				drained = append(drained, dst[len(prefix):]...)
				dst = append(make([]byte, 0, len(prefix)+room), prefix...)
			} else {
				dst = append(make([]byte, 0, len(dst)+room), dst...)
			}
			scribble(old[:cap(old)])
		}
	}
	out := append(drained, dst[len(prefix):]...)
	scribble(dst[:cap(dst)])
	return out, nil
}

var scribbled = bytes.Repeat([]byte{0xA5}, 1<<12)

func scribble(p []byte) {
	for len(p) > 0 {
		p = p[copy(p, scribbled):]
	}
}

// whole inflates a message that lies in one piece, with room for all of it.
func whole(w *deflate.Window, payload []byte) ([]byte, error) {
	return feed(w, 1<<20, [][]byte{payload}, 1<<16, false)
}

// fresh returns a new window.
func fresh(bits int, takeover bool) *deflate.Window {
	w := new(deflate.Window)
	w.Init(bits, takeover)
	return w
}

// oracle says with compress/flate what a payload inflates to after history, with 2^15 octets of window.
//
// The end of the message is judged by two tails: LEN and NLEN of an empty block, and those of a block of three octets. Only where the
// message ends after the header of a block with no compression do their outputs differ by these octets. An empty stream ends both.
func oracle(history, payload []byte, limit int) ([]byte, error) {
	if len(payload) == 0 {
		return nil, nil
	}
	empty, err := oracleTail(history, payload, "\x00\x00\xff\xff", limit)
	if err != nil {
		return empty, err
	}
	three, err := oracleTail(history, payload, "\x03\x00\xfc\xffabc", limit)
	if err != nil {
		return empty, err
	}
	if string(three) != string(empty)+"abc" {
		return empty, io.ErrUnexpectedEOF
	}
	return empty, nil
}

var errOracleLimit = errors.New("oracle: too much")

func oracleTail(history, payload []byte, tail string, limit int) ([]byte, error) {
	in := bytes.NewReader(slices.Concat(payload, []byte(tail), []byte("\x01\x00\x00\xff\xff")))
	out := slices.Clone(history)
	for in.Len() > 0 { // a stream ends with a block that has BFINAL set
		r := flate.NewReaderDict(in, out[max(0, len(out)-1<<15):])
		p, err := io.ReadAll(io.LimitReader(r, int64(limit+10)))
		out = append(out, p...)
		switch {
		case err != nil:
			return out[len(history):], err
		case len(out)-len(history) > limit+3:
			return out[len(history):], errOracleLimit
		}
	}
	return out[len(history):], nil
}
