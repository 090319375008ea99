package mask

import (
	"fmt"
	"testing"
)

var benchSizes = []int{16, 125, 1024, 4096, 65536, 1 << 20}

func BenchmarkXOR(b *testing.B) {
	for _, impl := range implementations {
		for _, size := range benchSizes {
			b.Run(fmt.Sprintf("impl=%s/size=%d", impl.name, size), func(b *testing.B) {
				p, key := make([]byte, size), Key{1, 2, 3, 4}
				b.SetBytes(int64(size))
				for b.Loop() {
					impl.xor(p, key)
				}
			})
		}
	}
}

func BenchmarkCopy(b *testing.B) {
	for _, impl := range implementations {
		for _, size := range benchSizes {
			b.Run(fmt.Sprintf("impl=%s/size=%d", impl.name, size), func(b *testing.B) {
				dst, src, key := make([]byte, size), make([]byte, size), Key{1, 2, 3, 4}
				b.SetBytes(int64(size))
				for b.Loop() {
					impl.copy(dst, src, key)
				}
			})
		}
	}
}

// BenchmarkBuiltinCopy is what the other two are measured against.
func BenchmarkBuiltinCopy(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			dst, src := make([]byte, size), make([]byte, size)
			b.SetBytes(int64(size))
			for b.Loop() {
				copy(dst, src)
			}
		})
	}
}
