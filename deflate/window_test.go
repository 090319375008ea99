package deflate

import (
	"bytes"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"testing"
)

func heap() int {
	runtime.GC()
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// The ring against a slice that forgets its beginning.
func TestWindowParts(t *testing.T) {
	for _, window := range []int{256, 512, 1024, 32768} {
		r := rand.New(rand.NewPCG(1, uint64(window)))
		var h Window
		h.Init(bits.Len(uint(window-1)), true)
		var want []byte
		for i := range 300 {
			p := noise(r, r.IntN(window*5/4)/(1+i%17))
			h.add(p)
			want = append(want, p...)
			want = want[max(0, len(want)-window):]
			older, newer := h.parts()
			if !bytes.Equal(append(append([]byte(nil), older...), newer...), want) {
				t.Fatalf("window=%d: after %d additions, the last of %d octets, the history is wrong.", window, i+1, len(p))
			}
			if h.Held() > max(512, 2*len(want)) {
				t.Fatalf("window=%d: %d octets take %d", window, len(want), h.Held())
			}
			if i%50 == 49 {
				h.Release()
				want = nil
			}
		}
		h.Release()
	}
}
