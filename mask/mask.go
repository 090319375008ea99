package mask

import (
	"encoding/binary"
	"math/bits"
)

// Key is a masking key, in the order of its octets on the wire (RFC 6455, 5.2).
type Key [4]byte

// XOR applies key to b as RFC 6455, 5.3 describes and returns key rotated to
// the octet that follows the last one of b, so that a payload may be processed
// in pieces of any size. b is modified in place.
func XOR(b []byte, key Key) Key {
	xorWord(b, key)
	return key.rotate(len(b))
}

// Copy stores src XOR key in dst[:len(src)], as RFC 6455, 5.3 describes, and
// returns key rotated to the octet that follows the last one of src. The rest
// of dst keeps its content, and src is never modified unless dst is the same
// slice: dst and src either begin at the same octet or do not overlap.
//
// Copy panics if dst is shorter than src.
func Copy(dst, src []byte, key Key) Key {
	if len(dst) < len(src) {
		panic("hawser/mask: Copy: dst is shorter than src")
	}
	copyWord(dst[:len(src)], src, key)
	return key.rotate(len(src))
}

// rotate returns k as it stands after n octets of payload.
func (k Key) rotate(n int) (next Key) {
	// One load and one store: octet by octet, the next load of the whole key
	// would wait for four stores.
	binary.LittleEndian.PutUint32(next[:], bits.RotateLeft32(k.word(), -8*(n&3)))
	return next
}
