//go:build !purego

package mask

import "golang.org/x/sys/cpu"

// The limits are measured, and so is the worth of AVX-512: BenchmarkXOR and
// BenchmarkCopy on an AMD EPYC (Zen 5), 2026-11.
//
// xor, copy: from here on a call of assembly is not slower than words. In place
// that is later, because there a payload whose length is not a multiple of 32,
// masked and masked again, waits for its own stores.
//
// wide: the speed with 512 bits by that with 256, slices aligned and not
// aligned, medians; the quartiles are mostly within 2 % of them.
//
//	octets  256        512        1024       4096       16384      65536      1048576
//	XOR     0.91 0.88  1.10 1.00  1.11 1.10  1.49 1.14  1.41 1.31  1.10 1.11  1.05 1.05
//	Copy    0.95 0.92  1.26 1.12  1.33 1.15  1.45 1.07  1.03 1.03  0.97 1.06  1.09 1.08
//
// Stores that pass by the cache are not used: at 1 MiB the builtin copy, which
// has them, takes longer than Copy.
var implementations = []implementation{
	{
		name: "avx512",
		// AVX-512F is what the code needs. VBMI2 is asked for because it came
		// with the first processors that do not lower their clock for wide
		// registers: Ice Lake, Zen 4.
		available: cpu.X86.HasAVX512F && cpu.X86.HasAVX512VBMI2,
		limits:    limits{xor: 128, copy: 64, wide: 512},
	},
	{
		name:      "avx2",
		available: cpu.X86.HasAVX2,
		limits:    limits{xor: 128, copy: 64, wide: never},
	},
	words,
}

// vectorMin is the least n that vector takes.
const vectorMin = 64

// vector stores src XOR k in dst, n octets each, n >= vectorMin. It needs
// limit to be that of an available implementation.
func vector(dst, src *byte, n int, k uint32) { xorAVX(dst, src, n, k, limit.wide) }

// xorAVX needs AVX2, and AVX-512F where n >= wide. wide is at least 256.
//
//go:noescape
func xorAVX(dst, src *byte, n int, k uint32, wide int)
