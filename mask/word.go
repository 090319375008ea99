package mask

import (
	"encoding/binary"
	"math/bits"
)

// The portable implementation, and the way to the others. It decides itself
// when a payload is long enough for vector: behind a function that decides, a
// payload of 16 octets would take 0.7 ns more, a quarter (BenchmarkXOR,
// 2026-11).
//
// All loads and stores are little-endian, so that the octet that comes first is
// the lowest of a word on every machine; where that is not the order of the
// machine, it has instructions that swap. A slice such as b[i:i+8:i+8], whose
// capacity is a constant, saves the instructions that keep an empty slice from
// pointing past its array.

// word returns the key as the word that lies over four octets of payload.
func (k Key) word() uint32 { return binary.LittleEndian.Uint32(k[:]) }

// keyOf is the opposite of Key.word.
func keyOf(k uint32) (key Key) {
	binary.LittleEndian.PutUint32(key[:], k)
	return key
}

// rotate returns k as it stands after n octets of payload.
func rotate(k uint32, n int) uint32 { return bits.RotateLeft32(k, -8*n) }

// xor is XOR with the key as a word.
func xor(b []byte, k32 uint32) uint32 {
	n, i := len(b), 0
	next := rotate(k32, n)
	if n >= 8 {
		if n >= limit.xor {
			vector(&b[0], &b[0], n, k32)
			return next
		}
		k := uint64(k32)<<32 | uint64(k32)
		// Four words for each turn: the bookkeeping of the loop costs as much
		// as one or two of them.
		for ; i <= n-32; i += 32 {
			w := b[i : i+32 : i+32]
			binary.LittleEndian.PutUint64(w[0:8], binary.LittleEndian.Uint64(w[0:8])^k)
			binary.LittleEndian.PutUint64(w[8:16], binary.LittleEndian.Uint64(w[8:16])^k)
			binary.LittleEndian.PutUint64(w[16:24], binary.LittleEndian.Uint64(w[16:24])^k)
			binary.LittleEndian.PutUint64(w[24:32], binary.LittleEndian.Uint64(w[24:32])^k)
		}
		if n&31 == 0 {
			return next
		}
		if n&16 != 0 {
			w := b[i : i+16 : i+16]
			binary.LittleEndian.PutUint64(w[0:8], binary.LittleEndian.Uint64(w[0:8])^k)
			binary.LittleEndian.PutUint64(w[8:16], binary.LittleEndian.Uint64(w[8:16])^k)
			i += 16
		}
		if n&8 != 0 {
			w := b[i : i+8 : i+8]
			binary.LittleEndian.PutUint64(w, binary.LittleEndian.Uint64(w)^k)
			i += 8
		}
	} else if n == 1 {
		b[0] ^= byte(k32) // the steps below, done one by one, are slower than a loop over one octet
		return next
	}
	// The last seven octets are not done with one word that lies over some of
	// those before, as copyXOR does it: a processor cannot hand a load what two
	// stores have just written, and waits.
	if n&4 != 0 {
		w := b[i : i+4 : i+4]
		binary.LittleEndian.PutUint32(w, binary.LittleEndian.Uint32(w)^k32)
		i += 4
	}
	if n&3 == 0 {
		return next
	}
	if n&2 != 0 {
		w := b[i : i+2 : i+2]
		binary.LittleEndian.PutUint16(w, binary.LittleEndian.Uint16(w)^uint16(k32))
		i += 2
		k32 >>= 16
	}
	if n&1 != 0 {
		b[i] ^= byte(k32)
	}
	return next
}

// copyXOR is Copy with the key as a word.
func copyXOR(dst, src []byte, k32 uint32) uint32 {
	n, i := len(src), 0
	if len(dst) < n {
		panic("hawser/mask: Copy: dst is shorter than src")
	}
	next := rotate(k32, n)
	switch {
	case n >= limit.copy:
		vector(&dst[0], &src[0], n, k32)
	case n >= 8:
		k := uint64(k32)<<32 | uint64(k32)
		// The last word lies over some octets of those before. It is loaded
		// before they are stored, because dst may be src.
		last := binary.LittleEndian.Uint64(src[n-8:n:n]) ^ bits.RotateLeft64(k, -8*(n&3))
		for ; i <= n-32; i += 32 {
			d, s := dst[i:i+32:i+32], src[i:i+32:i+32]
			binary.LittleEndian.PutUint64(d[0:8], binary.LittleEndian.Uint64(s[0:8])^k)
			binary.LittleEndian.PutUint64(d[8:16], binary.LittleEndian.Uint64(s[8:16])^k)
			binary.LittleEndian.PutUint64(d[16:24], binary.LittleEndian.Uint64(s[16:24])^k)
			binary.LittleEndian.PutUint64(d[24:32], binary.LittleEndian.Uint64(s[24:32])^k)
		}
		if n&16 != 0 {
			d, s := dst[i:i+16:i+16], src[i:i+16:i+16]
			binary.LittleEndian.PutUint64(d[0:8], binary.LittleEndian.Uint64(s[0:8])^k)
			binary.LittleEndian.PutUint64(d[8:16], binary.LittleEndian.Uint64(s[8:16])^k)
			i += 16
		}
		if n&8 != 0 {
			binary.LittleEndian.PutUint64(dst[i:i+8:i+8], binary.LittleEndian.Uint64(src[i:i+8:i+8])^k)
		}
		binary.LittleEndian.PutUint64(dst[n-8:n:n], last)
	case n >= 4:
		last := binary.LittleEndian.Uint32(src[n-4:n:n]) ^ next
		binary.LittleEndian.PutUint32(dst, binary.LittleEndian.Uint32(src)^k32)
		binary.LittleEndian.PutUint32(dst[n-4:n:n], last)
	default:
		if n&2 != 0 {
			binary.LittleEndian.PutUint16(dst, binary.LittleEndian.Uint16(src)^uint16(k32))
			i = 2
			k32 >>= 16
		}
		if n&1 != 0 {
			dst[i] = src[i] ^ byte(k32)
		}
	}
	return next
}
