package deflate

// The alphabets of RFC 1951, 3.2.5 as an encoder needs them: from a match to its symbols.

const (
	minMatch = 3 // "matches of length 3..258" (RFC 1951, 2)
	maxMatch = 258

	endOfBlock     = 256 // "the value 256 indicates end-of-block" (RFC 1951, 3.2.5)
	firstLength    = 257 // the first symbol of a length
	literalSymbols = 286 // literals, the end of the block, lengths
	distSymbols    = 30
)

// lengthSymbol maps a length less minMatch to its symbol less firstLength.
var lengthSymbol [maxMatch - minMatch + 1]uint8

// lengthBase is the least length less minMatch of a symbol less firstLength, lengthExtra the number
// of bits that follow it.
var (
	lengthBase  [32]uint8 // the first 29 of them
	lengthExtra [32]uint8
)

// distSymbol maps a distance less 1 to its symbol: those below 256 directly, the others by
// their upper bits, which is where symbols change from there on.
var distSymbol [512]uint8

var (
	distBase  [32]uint16 // the least distance less 1; the first distSymbols of them
	distExtra [32]uint8
)

// symbolOfDistance returns the symbol of the distance d+1. It has no branch, because that would be guessed wrong half
// the time.
func symbolOfDistance(d uint32) uint8 {
	far := uint32(int32(255-d) >> 31) // all ones if d is 256 or more
	return distSymbol[(d&^far|(256+d>>7)&far)&511]
}

func init() {
	// A length symbol has as many extra bits as fit four symbols of each size; the longest match has
	// a symbol of its own (RFC 1951, 3.2.5).
	base := 0
	for s := range literalSymbols - firstLength {
		if s >= 8 {
			lengthExtra[s] = uint8(s/4 - 1)
		}
		if s == literalSymbols-firstLength-1 {
			base, lengthExtra[s] = maxMatch-minMatch, 0
		}
		lengthBase[s] = uint8(base)
		for i := base; i < base+1<<lengthExtra[s] && i < len(lengthSymbol); i++ {
			lengthSymbol[i] = uint8(s)
		}
		base += 1 << lengthExtra[s]
	}
	base = 0
	for s := range distSymbols {
		if s >= 4 {
			distExtra[s] = uint8(s/2 - 1)
		}
		distBase[s] = uint16(base)
		for d := base; d < base+1<<distExtra[s]; d++ {
			if d < 256 {
				distSymbol[d] = uint8(s)
			} else {
				distSymbol[256+d>>7] = uint8(s)
			}
		}
		base += 1 << distExtra[s]
	}
}
