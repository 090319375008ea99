package deflate

import (
	"encoding/binary"
	"math/bits"
)

const fastTableBits = 13

// A fastMatcher takes the first match it sees. It knows of each hash of four octets the last position.
type fastMatcher struct {
	table [1 << fastTableBits]uint32
}

func load32(b []byte, i int) uint32 { return binary.LittleEndian.Uint32(b[i:]) }
func load64(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i:]) }

// fastHash multiplies by 2^32 divided by the golden ratio, as Knuth proposes.
func fastHash(v uint32) uint32 { return v * 0x9E3779B1 >> (32 - fastTableBits) }

// matchLength returns how many octets at s, from s+n on, are those at t; the first n are known to be.
func matchLength(buf []byte, s, t, n int) int {
	for s+n <= len(buf)-8 {
		if x := load64(buf, s+n) ^ load64(buf, t+n); x != 0 {
			return n + bits.TrailingZeros64(x)>>3
		}
		n += 8
	}
	for s+n < len(buf) && buf[s+n] == buf[t+n] {
		n++
	}
	return n
}

func (f *fastMatcher) clear() { clear(f.table[:]) }

// learn has every other position of buf[s:]: a match of five octets or more contains one, and
// find looks backwards.
func (f *fastMatcher) learn(buf []byte, s int, base uint32) {
	for ; s <= len(buf)-4; s += 2 {
		f.table[fastHash(load32(buf, s))] = base + uint32(s)
	}
}

func (f *fastMatcher) find(k *block, buf []byte, s int, base, window uint32) int {
	start := s // of the literals before the match
	limit := len(buf) - 4
search:
	for s <= limit {
		var d uint32
		for {
			v := load32(buf, s)
			h := fastHash(v)
			pos := base + uint32(s)
			d = pos - f.table[h]
			f.table[h] = pos
			if d-1 < window && load32(buf, s-int(d)) == v {
				break
			}
			s += 1 + (s-start)>>6 // what has not matched for long is not expected to match soon
			if s > limit {
				break search
			}
		}
		t := s - int(d)
		n := matchLength(buf, s, t, 4)
		for s > start && t > 0 && buf[s-1] == buf[t-1] {
			s--
			t--
			n++
		}
		s += n
		if rest := k.match(buf[start:s-n], n, d); k.full() {
			return s - rest
		}
		start = s
		if s <= limit {
			f.table[fastHash(load32(buf, s-2))] = base + uint32(s-2)
		}
	}
	k.end(buf[start:])
	return len(buf)
}
