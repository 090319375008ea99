package conn

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"go/parser"
	"go/token"
	"math/bits"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"testing/cryptotest"

	"github.com/hawser-go/hawser/internal/conntest"
	"github.com/hawser-go/hawser/mask"
)

// emptyKeyBatches throws away what is left of the batches, so that the next key is from a fresh one.
func emptyKeyBatches() { keyBatches = sync.Pool{New: keyBatches.New} }

// maskingKeys draws n keys.
func maskingKeys(n int) []mask.Key {
	keys := make([]mask.Key, n)
	for i := range keys {
		keys[i] = newMaskingKey()
	}
	return keys
}

// TestMaskingKeysAreFresh: "The masking key needs to be unpredictable" and "A masking key [...] chosen at random by the client" for each
// frame (RFC 6455, 5.3).
func TestMaskingKeysAreFresh(t *testing.T) {
	t.Run("5.3/T-MASK_a/no_key_equals_the_one_before", func(t *testing.T) {
		// By accident it would once in some 2^12 runs; with a fixed seed never.
		cryptotest.SetGlobalRandom(t, 6455)
		emptyKeyBatches()
		const n = 1e6
		var before mask.Key
		var ones [32]int
		for range int(n) {
			k := newMaskingKey()
			if k == before {
				t.Fatalf("key %x twice in a row", k)
			}
			before = k
			for v := binary.BigEndian.Uint32(k[:]); v != 0; v &= v - 1 {
				ones[bits.TrailingZeros32(v)]++
			}
		}
		// Each bit's count has the mean n/2 and the variance n/4, so the sum of the squared deviations over n/4 is chi-squared
		// distributed with 32 degrees of freedom: above 70.0 once in 10,000 times, below 9.0 as rarely.
		chi := 0.0
		for _, c := range ones {
			d := float64(c) - n/2
			chi += d * d / (n / 4)
		}
		if chi > 70 || chi < 9 {
			t.Errorf("the bits are not balanced: chi-squared is %.1f, counts are %v", chi, ones)
		}
	})
	t.Run("5.3/T-MASK_a/every_key_of_a_batch_is_used_once", func(t *testing.T) {
		// From many goroutines, as from many connections. The keys must be those of the deterministic source, none of them twice.
		cryptotest.SetGlobalRandom(t, 13)
		emptyKeyBatches()
		const goroutines, each = 8, 4000
		got := make([][]mask.Key, goroutines)
		var wg sync.WaitGroup
		for i := range got {
			wg.Go(func() { got[i] = maskingKeys(each) })
		}
		wg.Wait()
		cryptotest.SetGlobalRandom(t, 13)
		source := map[mask.Key]int{}
		missing := goroutines * each
		for i := range got {
			for _, k := range got[i] {
				source[k]--
			}
		}
		// The pool may have dropped batches that were not used up: so look for the keys in a stream that is longer.
		var b [512]byte
		for n := 0; n < goroutines*each && missing > 0; n++ {
			rand.Read(b[:])
			for i := 0; i < len(b); i += 4 {
				k := mask.Key(b[i : i+4])
				if _, ok := source[k]; ok {
					if source[k]++; source[k] <= 0 {
						missing--
					}
				}
			}
		}
		if missing > 0 {
			t.Errorf("%d keys are not from crypto/rand, or were used twice", missing)
		}
	})
	t.Run("5.3/a_used_key_is_erased", func(t *testing.T) {
		emptyKeyBatches()
		b := &keyBatch{}
		for i := range b.b {
			b.b[i] = byte(i) | 1
		}
		keyBatches.New = func() any { return b }
		defer func() {
			keyBatches.New = func() any { return &keyBatch{used: len(keyBatch{}.b)} }
			emptyKeyBatches()
		}()
		for i := 0; i < len(b.b); i += 4 {
			want := mask.Key(b.b[i : i+4])
			if got := newMaskingKey(); got != want {
				t.Fatalf("key %d is %x, want %x", i/4, got, want)
			}
			if mask.Key(b.b[i:i+4]) != (mask.Key{}) {
				t.Fatalf("key %d is still in memory", i/4)
			}
		}
		if b.used != len(b.b) {
			t.Errorf("used is %d", b.used)
		}
	})
	t.Run("5.3/T-MASK_b/reproducible", func(t *testing.T) {
		if conntest.RaceEnabled {
			t.Skip("the race detector makes sync.Pool drop at random")
		}
		// One P and no collection: so it is always the same batch.
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		defer debug.SetGCPercent(debug.SetGCPercent(-1))
		var first []mask.Key
		for i := range 2 {
			cryptotest.SetGlobalRandom(t, 1)
			emptyKeyBatches()
			keys := maskingKeys(1000)
			if i == 0 {
				first = keys
				continue
			}
			for j := range keys {
				if keys[j] != first[j] {
					t.Fatalf("key %d is %x, and was %x with the same seed", j, keys[j], first[j])
				}
			}
		}
	})
	t.Run("5.3/no_allocation", func(t *testing.T) {
		conntest.ShouldNotAllocate(t, func() { newMaskingKey() })
	})
}

// TestMaskingKeysInParallel is for the race detector.
func TestMaskingKeysInParallel(t *testing.T) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			var before mask.Key
			for range 1000 {
				k := newMaskingKey()
				if k == before {
					t.Errorf("key %x twice in a row", k)
				}
				before = k
			}
		})
	}
	wg.Wait()
}

// TestNoWeakRandomness: T-MASK c, "strong source of entropy" (RFC 6455, 5.3).
func TestNoWeakRandomness(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		seen++
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range parsed.Imports {
			if strings.HasPrefix(i.Path.Value, `"math/rand`) {
				t.Errorf("%s imports %s", f.Name(), i.Path.Value)
			}
		}
	}
	if seen == 0 {
		t.Error("no source file was found")
	}
}

// BenchmarkMaskingKey: what a key costs from a batch and without one, and what the batch costs.
func BenchmarkMaskingKey(b *testing.B) {
	b.Run("batched", func(b *testing.B) {
		for b.Loop() {
			newMaskingKey()
		}
	})
	b.Run("batched_parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				newMaskingKey()
			}
		})
	})
	for _, n := range []int{4, 64, 512, 4096} {
		b.Run(fmt.Sprintf("rand.Read_%d_bytes", n), func(b *testing.B) {
			p := make([]byte, n)
			for b.Loop() {
				rand.Read(p)
			}
		})
	}
}
