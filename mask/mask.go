package mask

// Key is a masking key, in the order of its octets on the wire (RFC 6455, 5.2).
type Key [4]byte

// XOR applies key to b as RFC 6455, 5.3 describes and returns key rotated to
// the octet that follows the last one of b, so that a payload may be processed
// in pieces of any size. b is modified in place.
func XOR(b []byte, key Key) Key { return keyOf(xor(b, key.word())) }

// Copy stores src XOR key in dst[:len(src)], as RFC 6455, 5.3 describes, and
// returns key rotated to the octet that follows the last one of src. The rest
// of dst keeps its content, and src is never modified unless dst is the same
// slice: dst and src either begin at the same octet or do not overlap.
//
// Copy panics if dst is shorter than src.
func Copy(dst, src []byte, key Key) Key { return keyOf(copyXOR(dst, src, key.word())) }
