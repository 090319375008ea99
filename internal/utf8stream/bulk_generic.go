//go:build purego || !(amd64 || arm64)

package utf8stream

import (
	"math/bits"
	"unicode/utf8"
)

// On 32 bits a step of the automaton shifts two registers, and the standard
// library, which shifts none, is faster (BenchmarkFeed, 386, 2026-11).
var implementations = []implementation{
	{name: "standard", available: bits.UintSize == 32, limits: limits{dense: never, any: 24}},
	automaton,
}

const bulkMin = 0

// bulk returns the length of a beginning of p in which no octet is impossible:
// all that is complete, or nothing. p begins at a boundary.
func bulk(p []byte) (n int) {
	n = lastBoundary(p)
	if !utf8.Valid(p[:n]) {
		return 0
	}
	return n
}
