package bufpool

import (
	"fmt"
	"testing"

	"github.com/hawser-go/hawser/internal/conntest"
)

func TestGetHoldsWhatWasAskedFor(t *testing.T) {
	for _, n := range []int{1, 2, 511, 512, 513, 1024, 4096, 65536, 65537, 1<<20 - 1, 1 << 20, 1<<20 + 1} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			b := Get(n)
			if len(*b) < n || len(*b) != cap(*b) {
				t.Fatalf("Get(%d) has length %d and capacity %d", n, len(*b), cap(*b))
			}
			if len(*b) != 1<<minBits && len(*b) >= 2*n {
				t.Errorf("Get(%d) has %d bytes: more than the next class", n, len(*b))
			}
			Put(b)
		})
	}
}

func TestPutRefusesForeignBuffers(t *testing.T) {
	short := (*Get(600))[:100]
	tiny := make([]byte, 10)
	for name, b := range map[string]*[]byte{"cut": &short, "tiny": &tiny} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("Put took a buffer that Get did not return")
				}
			}()
			Put(b)
		})
	}
	Put(nil)
}

func TestPutPoisonsInRaceBuilds(t *testing.T) {
	b := Get(512)
	p := *b
	p[0], p[511] = 1, 1
	Put(b)
	want := byte(1)
	if conntest.RaceEnabled {
		want = 0xA5
	}
	if p[0] != want || p[511] != want {
		t.Errorf("after Put the buffer holds %#x ... %#x, want %#x", p[0], p[511], want)
	}
}

func TestLent(t *testing.T) {
	lent := func() int64 {
		n, counted := Lent()
		if counted != conntest.RaceEnabled {
			t.Fatalf("counted is %v", counted)
		}
		return n
	}
	before, want := lent(), int64(0)
	if conntest.RaceEnabled {
		want = 3
	}
	small, large, kept := Get(1), Get(1<<20+1), Get(4096)
	if n := lent() - before; n != want {
		t.Errorf("%d buffers are lent, want %d", n, want)
	}
	Put(small)
	Put(large)
	Put(nil)
	Keep(kept)
	Keep(nil)
	if n := lent() - before; n != 0 {
		t.Errorf("%d buffers are lent, want none", n)
	}
}

func TestGetPutDoesNotAllocate(t *testing.T) {
	Put(Get(4096))
	conntest.ShouldNotAllocate(t, func() { Put(Get(4096)) })
}

// BenchmarkGetPut is what a connection pays each time it takes a read buffer and gives it back.
func BenchmarkGetPut(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Put(Get(4096))
	}
}
