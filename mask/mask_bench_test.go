package mask

import (
	"fmt"
	"testing"
)

var benchSizes = []int{1, 2, 4, 8, 16, 32, 64, 125, 256, 512, 1024, 4096, 16384, 65536, 1 << 20}

// benchSlices calls f with the slices to measure on: they begin at a page, or at
// no boundary and differently.
func benchSlices(f func(name string, dst, src []byte)) {
	for _, size := range benchSizes {
		for _, offset := range []int{0, 5} {
			dst, src := make([]byte, size+8192), make([]byte, size+8192)
			f(fmt.Sprintf("size=%d/offset=%d", size, offset), dst[offset:][:size], src[offset*3:][:size])
		}
	}
}

// benchmarkBuiltin is what the others are measured against.
func benchmarkBuiltin(b *testing.B, name string, dst, src []byte) {
	b.Run(name+"/impl=builtin_copy", func(b *testing.B) {
		b.SetBytes(int64(len(src)))
		for b.Loop() {
			copy(dst, src)
		}
	})
}

func BenchmarkXOR(b *testing.B) {
	key := Key{1, 2, 3, 4}
	benchSlices(func(name string, dst, src []byte) {
		benchmarkBuiltin(b, name, dst, src)
		for _, impl := range implementations {
			b.Run(name+"/impl="+impl.name, func(b *testing.B) {
				if !impl.available {
					b.Skip("not available")
				}
				impl.use(b)
				b.SetBytes(int64(len(dst)))
				for b.Loop() {
					XOR(dst, key)
				}
			})
		}
	})
}

func BenchmarkCopy(b *testing.B) {
	key := Key{1, 2, 3, 4}
	benchSlices(func(name string, dst, src []byte) {
		benchmarkBuiltin(b, name, dst, src)
		for _, impl := range implementations {
			b.Run(name+"/impl="+impl.name, func(b *testing.B) {
				if !impl.available {
					b.Skip("not available")
				}
				impl.use(b)
				b.SetBytes(int64(len(src)))
				for b.Loop() {
					Copy(dst, src, key)
				}
			})
		}
	})
}
