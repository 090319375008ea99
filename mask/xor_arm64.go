//go:build !purego

package mask

// Every arm64 processor has NEON. The limits are those of amd64.
var implementations = []implementation{
	{name: "neon", available: true, limits: limits{xor: 128, copy: 64, wide: never}},
	words,
}

// vectorMin is the least n that vector takes.
const vectorMin = 64

// vector stores src XOR k in dst, n octets each, n >= vectorMin.
func vector(dst, src *byte, n int, k uint32) { xorNEON(dst, src, n, k) }

//go:noescape
func xorNEON(dst, src *byte, n int, k uint32)
