//go:build !purego

package utf8stream

import "golang.org/x/sys/cpu"

// The limits are measured: BenchmarkFeed on an AMD EPYC of family 26 (Zen 5),
// 2026-11.
var implementations = []implementation{
	{name: "avx2", available: cpu.X86.HasAVX2, limits: limits{dense: longMin, any: 256}},
	automaton,
}

// bulkMin is the least that bulk takes: a block of 32 octets at the end, and
// the three before it.
const bulkMin = 35

// bulk returns the length of a beginning of p in which no octet is impossible,
// its last one apart: if that begins a sequence, whether it may is not looked
// at. That is all of p, or ends in or before the block of 32 octets in which
// there is an error. p begins at a boundary. bulk needs AVX2.
//
//go:noescape
func bulk(p []byte) (n int)
