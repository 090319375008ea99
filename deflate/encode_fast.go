package deflate

import (
	"encoding/binary"
	"math/bits"
)

const (
	fastTableBits = 13
	// fastHashed is how many octets are hashed, and the length of the shortest match. In a code of a block's own,
	// shorter ones often take more bits than their literals.
	fastHashed = 6
)

// A fastMatcher takes the first match it sees. It knows the last position of each hash of six octets.
type fastMatcher struct {
	table [1 << fastTableBits]uint32
}

func load32(b []byte, i int) uint32 { return binary.LittleEndian.Uint32(b[i:]) }
func load64(b []byte, i int) uint64 { return binary.LittleEndian.Uint64(b[i:]) }

// fastHash multiplies by 2^64 divided by the golden ratio, as Knuth proposes.
func fastHash(v uint64) uint64 {
	return v << (64 - 8*fastHashed) * 0x9E3779B97F4A7C15 >> (64 - fastTableBits)
}

// matchLength returns how many octets at s, from s+n on, are those at t; the first n are known to be.
func matchLength(buf []byte, s, t, n int) int {
	for s+n <= len(buf)-16 {
		// Most matches end in the next sixteen octets. In which eight is nothing that a processor could guess.
		a := bits.TrailingZeros64(load64(buf, s+n)^load64(buf, t+n)) >> 3
		b := bits.TrailingZeros64(load64(buf, s+n+8)^load64(buf, t+n+8)) >> 3
		n += a + b&-(a>>3)
		if a+b < 16 {
			return n
		}
	}
	for s+n < len(buf) && buf[s+n] == buf[t+n] {
		n++
	}
	return n
}

func (f *fastMatcher) clear() { clear(f.table[:]) }

// learn indexes every other position: a match of seven octets has one of them, and find looks backwards.
func (f *fastMatcher) learn(buf []byte, s int, base uint32) {
	for s = max(0, s-7); s <= len(buf)-8; s += 2 {
		f.table[fastHash(load64(buf, s))] = base + uint32(s)
	}
}

func (f *fastMatcher) find(k *block, buf []byte, s int, base, window uint32) int {
	start := s // of the literals before the match
	limit := len(buf) - 9
search:
	for s <= limit {
		var d uint32
		for {
			v := load64(buf, s)
			pos := base + uint32(s)
			h := fastHash(v)
			d = pos - f.table[h]
			f.table[h] = pos
			if d-1 < window && (load64(buf, s-int(d))^v)<<(64-8*fastHashed) == 0 {
				break
			}
			k.literal[v&255]++
			// The next octet's hash is in the same word.
			v >>= 8
			s++
			h = fastHash(v)
			d = pos + 1 - f.table[h]
			f.table[h] = pos + 1
			if d-1 < window && (load64(buf, s-int(d))^v)<<(64-8*fastHashed) == 0 {
				break
			}
			k.literal[v&255]++
			s++
			// What has not matched for long is not expected to match soon.
			if skip := min((s-start)>>6, 63); skip > 0 {
				skip = min(skip, len(buf)-s)
				k.count(buf[s : s+skip])
				s += skip
			}
			if s > limit {
				break search
			}
		}
		t := s - int(d)
		n := matchLength(buf, s, t, fastHashed)
		for s > start && t > 0 && buf[s-1] == buf[t-1] {
			s--
			t--
			n++
			k.literal[buf[s]]--
		}
		s += n
		if rest := k.match(s-n-start, n, d); k.full() {
			return s - rest
		}
		start = s
		if s <= limit {
			f.table[fastHash(load64(buf, s-2))] = base + uint32(s-2)
		}
	}
	k.count(buf[s:])
	k.tail = len(buf) - start
	return len(buf)
}
