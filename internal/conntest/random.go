package conntest

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
)

// Random calls body with inputs that it makes of seeds, of which there is one at least: a few changes at random, and nothing learned from what body does with them. That is no replacement for a fuzz target, whose
// engine looks for inputs that reach new code; it is for oracles that are so quick that the engine takes most of the time. HAWSER_EXECUTIONS says how many inputs there are, without it ten thousand. The same number has
// the same inputs.
//
// It does not retain seeds. p is valid until body returns, and body may modify it.
func Random(t testing.TB, seeds [][]byte, body func(p []byte)) {
	t.Helper()
	n := 10_000
	if s := os.Getenv("HAWSER_EXECUTIONS"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatalf("HAWSER_EXECUTIONS: %v", err)
		}
	}
	r := rand.New(rand.NewPCG(6455, uint64(n)))
	var p []byte
	for range n {
		p = append(p[:0], seeds[r.IntN(len(seeds))]...)
		for range 1 + r.IntN(4) {
			p = change(r, p, seeds[r.IntN(len(seeds))])
		}
		body(p)
	}
	t.Logf("figure: random executions = %d", n)
}

// edges are octets at which something changes, in frames, in UTF-8 or in header fields.
const edges = "\x00\x01\x0f\x1f\x20\x22\x2c\x3b\x3d\x5c\x7d\x7e\x7f\x80\x81\x88\x8f\x9f\xa0\xbf\xc0\xc2\xdf\xe0\xed\xef\xf0\xf4\xf5\xfe\xff"

// change changes p a little. It may take something from other.
func change(r *rand.Rand, p, other []byte) []byte {
	at := r.IntN(len(p) + 1)
	if at == len(p) {
		switch r.IntN(2) {
		case 0:
			return append(p, byte(r.Uint32()))
		default:
			return append(p, other[r.IntN(len(other)+1):]...)
		}
	}
	switch r.IntN(6) {
	case 0:
		p[at] ^= 1 << r.IntN(8)
	case 1:
		p[at] = byte(r.Uint32())
	case 2:
		p[at] = edges[r.IntN(len(edges))]
	case 3:
		p = slices.Insert(p, at, edges[r.IntN(len(edges))])
	case 4:
		p = slices.Delete(p, at, at+1)
	default:
		p = p[:at]
	}
	return p
}
