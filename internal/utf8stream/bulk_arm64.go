//go:build !purego

package utf8stream

// Every arm64 processor has NEON. The limits are those of amd64.
var implementations = []implementation{
	{name: "neon", available: true, limits: limits{dense: longMin, any: 256}},
	automaton,
}

// bulkMin is the least that bulk takes: two blocks of 16 octets at the end.
const bulkMin = 32

// bulk returns the length of a beginning of p in which no octet is impossible,
// its last one apart: if that begins a sequence, whether it may is not looked
// at. That is all of p, or ends in or before the 64 octets in which there is an
// error. p begins at a boundary.
//
//go:noescape
func bulk(p []byte) (n int)
