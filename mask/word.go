package mask

import "encoding/binary"

// The portable implementation. All loads and stores are little-endian, so that
// the octet that comes first is the lowest of a word on every machine; where
// that is not the order of the machine, it has instructions that swap.

// word returns the key as the word that lies over four octets of payload.
func (k Key) word() uint32 { return binary.LittleEndian.Uint32(k[:]) }

func xorWord(b []byte, key Key) {
	k32 := key.word()
	k := uint64(k32)<<32 | uint64(k32)
	// Four words for each turn: the bookkeeping of the slice costs as much as
	// one or two of them.
	for len(b) >= 32 {
		binary.LittleEndian.PutUint64(b[0:8], binary.LittleEndian.Uint64(b[0:8])^k)
		binary.LittleEndian.PutUint64(b[8:16], binary.LittleEndian.Uint64(b[8:16])^k)
		binary.LittleEndian.PutUint64(b[16:24], binary.LittleEndian.Uint64(b[16:24])^k)
		binary.LittleEndian.PutUint64(b[24:32], binary.LittleEndian.Uint64(b[24:32])^k)
		b = b[32:]
	}
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^k)
		b = b[8:]
	}
	if len(b) >= 4 {
		binary.LittleEndian.PutUint32(b, binary.LittleEndian.Uint32(b)^k32)
		b = b[4:]
	}
	for i := range b {
		b[i] ^= byte(k32)
		k32 >>= 8
	}
}

// copyWord needs len(dst) == len(src). Both lengths are compared all the same:
// that is cheaper than the bounds checks it makes unnecessary.
func copyWord(dst, src []byte, key Key) {
	k32 := key.word()
	k := uint64(k32)<<32 | uint64(k32)
	for len(src) >= 32 && len(dst) >= 32 {
		binary.LittleEndian.PutUint64(dst[0:8], binary.LittleEndian.Uint64(src[0:8])^k)
		binary.LittleEndian.PutUint64(dst[8:16], binary.LittleEndian.Uint64(src[8:16])^k)
		binary.LittleEndian.PutUint64(dst[16:24], binary.LittleEndian.Uint64(src[16:24])^k)
		binary.LittleEndian.PutUint64(dst[24:32], binary.LittleEndian.Uint64(src[24:32])^k)
		dst, src = dst[32:], src[32:]
	}
	for len(src) >= 8 && len(dst) >= 8 {
		binary.LittleEndian.PutUint64(dst, binary.LittleEndian.Uint64(src)^k)
		dst, src = dst[8:], src[8:]
	}
	if len(src) >= 4 && len(dst) >= 4 {
		binary.LittleEndian.PutUint32(dst, binary.LittleEndian.Uint32(src)^k32)
		dst, src = dst[4:], src[4:]
	}
	for i := range min(len(src), len(dst)) {
		dst[i] = src[i] ^ byte(k32)
		k32 >>= 8
	}
}
