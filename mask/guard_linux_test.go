package mask

import (
	"bytes"
	"runtime/debug"
	"testing"

	"github.com/hawser-go/hawser/internal/conntest"
)

// TestGuardPages shows what octets around cannot: that nothing outside the
// slices is read, and that Copy does not even store in src what is there.
func TestGuardPages(t *testing.T) {
	inside, src := conntest.GuardedPages(t, 2), conntest.GuardedPages(t, 2)
	for i := range src {
		src[i] = byte(i * 7)
	}
	conntest.ReadOnly(t, src)
	want := make([]byte, len(src))
	lengths := append([]int{len(src) - 1, len(src)}, largeLengths...)
	for n := range maxLen + 1 {
		lengths = append(lengths, n)
	}
	places := []struct {
		name string
		of   func(b []byte, n int) []byte
	}{
		{"first_octets", func(b []byte, n int) []byte { return b[:n:n] }},
		{"last_octets", func(b []byte, n int) []byte { return b[len(b)-n:] }},
	}
	for _, impl := range underTest() {
		for _, place := range places {
			t.Run("5.3/"+place.name+"_"+impl.name, func(t *testing.T) {
				impl.use(t)
				at := -1
				debug.SetPanicOnFault(true) // of this goroutine, which ends here
				defer func() {
					if r := recover(); r != nil {
						t.Errorf("length %d: %v", at, r)
					}
				}()
				for _, n := range lengths {
					at = n
					b, s, w := place.of(inside, n), place.of(src, n), want[:n]
					oracle(w, s, testKey)
					Copy(b, s, testKey)
					if !bytes.Equal(b, w) {
						t.Errorf("Copy: length %d: got %x, want %x", n, b, w)
					}
					XOR(b, testKey)
					if !bytes.Equal(b, s) {
						t.Errorf("XOR: length %d: got %x, want %x", n, b, s)
					}
				}
			})
		}
	}
}
