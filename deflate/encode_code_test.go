package deflate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// huffmanBits returns the bits that the best code without any limit takes.
func huffmanBits(freq []uint32) (n uint64) {
	var w []uint64
	for _, f := range freq {
		if f != 0 {
			w = append(w, uint64(f))
		}
	}
	if len(w) == 1 {
		return w[0]
	}
	for len(w) > 1 {
		slices.Sort(w)
		n += w[0] + w[1]
		w = append(w[2:], w[0]+w[1])
	}
	return n
}

func TestWords(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	fibonacci := func(n int) []uint32 {
		f := make([]uint32, n)
		a, b := uint32(1), uint32(1)
		for i := range f {
			f[i] = a
			a, b = b, a+b
		}
		return f
	}
	random := func(n int, skew float64) []uint32 {
		f := make([]uint32, n)
		for i := range f {
			if r.IntN(3) > 0 {
				f[i] = uint32(r.ExpFloat64() * skew * r.ExpFloat64())
			}
		}
		return f
	}
	type test struct {
		freq  []uint32
		limit int
	}
	tests := []test{
		{make([]uint32, 19), 7}, {[]uint32{5, 0, 0}, 7}, {[]uint32{0, 0, 5}, 7}, {[]uint32{0, 5}, 14}, {[]uint32{1, 1}, 14},
		{fibonacci(19), maxLengthBits}, {fibonacci(30), maxCodeBits}, {slices.Repeat([]uint32{1}, 286), maxCodeBits}, {slices.Repeat([]uint32{1}, 128), 7},
	}
	for i := range 2000 {
		tests = append(tests, test{random(2+r.IntN(285), float64(uint(1)<<(i%12))), maxCodeBits}, test{random(19, float64(uint(1)<<(i%12))), maxLengthBits})
	}
	var b codeBuilder
	for i, tt := range tests {
		name := fmt.Sprintf("3.2.2/%d", i)
		var u symbols
		u.collect(tt.freq)
		words := make([]word, len(tt.freq))
		b.words(words, &u, tt.freq, tt.limit)
		space, bits, longest := 0, uint64(0), 0
		for s, w := range words {
			if w == noWord {
				if tt.freq[s] != 0 {
					t.Fatalf("%s: symbol %d has no word", name, s)
				}
				continue
			}
			n := int(w >> wordShift)
			space += 1 << (16 - n)
			bits += uint64(n) * uint64(tt.freq[s])
			longest = max(longest, n)
			for o, v := range words[:s] {
				if v == noWord {
					continue
				}
				if short := min(n, int(v>>wordShift)); (v^w)&(1<<short-1) == 0 {
					t.Fatalf("%s: the word of %d begins with that of %d", name, s, o)
				}
			}
		}
		if space != 1<<16 {
			t.Fatalf("%s: the code is not complete: %d", name, space)
		}
		if longest > tt.limit {
			t.Fatalf("%s: a word of %d bits, the limit is %d", name, longest, tt.limit)
		}
		best := huffmanBits(tt.freq)
		if longest < tt.limit && bits != best && best != 0 {
			t.Fatalf("%s: %d bits, the best code has %d", name, bits, best)
		}
		if i >= 9 && bits > best+best/20+20 {
			t.Errorf("%s: %d bits, without a limit %d", name, bits, best)
		}
	}
}

// The tables against RFC 1951, 3.2.5.
func TestSymbols(t *testing.T) {
	for n := minMatch; n <= maxMatch; n++ {
		s := lengthSymbol[n-minMatch]
		extra := 0
		if c := int(s) + 257; c >= 265 && c < 285 {
			extra = (c - 261) / 4
		}
		if base := scanLengths[s]; n < base || n >= base+1<<extra || int(lengthBase[s]) != base-minMatch || int(lengthExtra[s]) != extra {
			t.Errorf("3.2.5/length=%d: symbol %d, base %d, %d extra bits", n, s, lengthBase[s], lengthExtra[s])
		}
	}
	for d := 1; d <= maxWindow; d++ {
		s := symbolOfDistance(uint32(d - 1))
		extra := 0
		if s >= 4 {
			extra = int(s-2) / 2
		}
		if base := scanDistances[s]; d < base || d >= base+1<<extra || int(distBase[s]) != base-1 || int(distExtra[s]) != extra {
			t.Errorf("3.2.5/distance=%d: symbol %d, base %d, %d extra bits", d, s, distBase[s], distExtra[s])
		}
	}
}
