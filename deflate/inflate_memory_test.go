package deflate_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"testing"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/internal/conntest"
)

// zeros makes a message of n zeros, n a multiple of 258: two bits for 258 octets, as dense as DEFLATE gets.
func zeros(n int) []byte {
	var s stream
	lit := lensOf(286, 0, 2, end, 2, 285, 1)
	s.lens(lit, []int{1}).syms(lit, slices.Repeat([]int{0}, 258)...)
	for s.n != 0 { // up to a boundary of octets, in whole symbols of 2 bits
		s.syms(lit, 285).bits(0, 1)
		n -= 258
	}
	n = n/258 - 1
	s.octets = append(s.octets, make([]byte, n/4)...)
	for range n % 4 {
		s.syms(lit, 285).bits(0, 1)
	}
	return s.syms(lit, end).message()
}

// bomb inflates p with dst, which is drained whenever it is full, and returns how many octets came out, and how much memory it took.
func bomb(w *deflate.Window, limit int64, p []byte, pieces int, dst []byte) (n int64, allocated uint64, err error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f := deflate.GetInflater(w, limit)
	defer deflate.PutInflater(f)
	for i := range pieces {
		src := p[i*len(p)/pieces : (i+1)*len(p)/pieces]
		for {
			var used int
			dst, used, err = f.Inflate(dst, src, i == pieces-1)
			if src = src[used:]; err != deflate.ErrShortDst {
				break
			}
			n += int64(len(dst))
			f.Drain(dst)
			dst = dst[:0]
		}
		if err != nil {
			break
		}
	}
	runtime.ReadMemStats(&after)
	return n + int64(len(dst)), after.TotalAlloc - before.TotalAlloc, err
}

// TestBomb is T-BOMB: what a message may become bounds what it takes.
func TestBomb(t *testing.T) {
	const mib = 1 << 20
	var level9 bytes.Buffer
	w, _ := flate.NewWriter(&level9, 9)
	for range 64 {
		w.Write(make([]byte, mib))
	}
	w.Flush()
	of64MiB := bytes.TrimSuffix(level9.Bytes(), []byte("\x00\x00\xff\xff"))
	of1GiB := zeros(1024 * mib)
	if len(of64MiB) > 70_000 || len(of1GiB) > mib+mib/16 {
		t.Fatalf("these are no bombs: %d and %d octets", len(of64MiB), len(of1GiB))
	}

	for _, c := range []struct {
		name    string
		payload []byte
		pieces  int
		limit   int64
		want    int64
		fails   bool
	}{
		{"64_MiB_limit_1_MiB", of64MiB, 1, mib, mib, true},
		{"64_MiB_in_64_fragments_limit_1_MiB", of64MiB, 64, mib, mib, true},
		{"64_MiB_limit_64_MiB", of64MiB, 3, 64 * mib, 64 * mib, false},
		{"64_MiB_one_too_many", of64MiB, 3, 64*mib - 1, 64*mib - 1, true},
		{"64_MiB_no_limit", of64MiB, 1, -1, 64 * mib, false},
		{"1_GiB_limit_1_MiB", of1GiB, 1, mib, mib, true},
		{"1_GiB_in_1000_fragments_limit_1_MiB", of1GiB, 1000, mib, mib, true},
	} {
		for _, takeover := range []bool{true, false} {
			t.Run(fmt.Sprintf("RFC_7692_8/%s/takeover_%v", c.name, takeover), func(t *testing.T) {
				for _, room := range []int{1 << 12, 1 << 15, 1 << 20} {
					if conntest.RaceEnabled && room != 1<<15 {
						continue // slow
					}
					w := fresh(15, takeover)
					n, allocated, err := bomb(w, c.limit, c.payload, c.pieces, make([]byte, 0, room))
					_, tooBig := errors.AsType[*deflate.LimitError](err)
					if n != c.want || tooBig != c.fails || err != nil && !tooBig {
						t.Errorf("%d octets, %v", n, err)
					}
					// A window, and an Inflater if the pool has none.
					if allocated > 100_000 && !conntest.RaceEnabled {
						t.Errorf("%d octets allocated", allocated)
					}
					w.Release()
				}
			})
		}
	}
}

// TestWindowMemory is what a connection holds between its messages.
func TestWindowMemory(t *testing.T) {
	say := func(n int) []byte { return new(stream).stored(0, string(bytes.Repeat([]byte{'x'}, n))).message() }
	for bits := 8; bits <= 15; bits++ {
		t.Run(fmt.Sprintf("7.1.2/%d_bits", bits), func(t *testing.T) {
			for _, n := range []int{0, 1, 20, 255, 256, 300, 511, 512, 513, 1000, 5000, 32767, 32768, 40000} {
				w := fresh(bits, true)
				for total := 0; total < 3<<bits; {
					inflate(t, w, make([]byte, 0, n), say(n))
					total += n
					most := min(2*total, 1<<bits)
					if total == n && n <= 512 {
						most = min(n, 1<<bits) // the first one is made to measure
					}
					if held := w.Held(); held > max(most, min(512, 1<<bits, 2*total)) || total == n && n <= 512 && held > most {
						t.Fatalf("%d octets are held after messages of %d, %d in all", held, n, total)
					}
					if n == 0 {
						break
					}
				}
				w.Release()
				if w.Held() != 0 {
					t.Errorf("%d octets are held after Release", w.Held())
				}
			}
		})
	}
	t.Run("7.1.1/no_takeover", func(t *testing.T) {
		w := fresh(15, false)
		for _, drain := range []bool{false, true} {
			if _, err := feed(w, -1, [][]byte{say(5000)}, 1000, drain); err != nil {
				t.Fatal(err)
			}
			if w.Held() != 0 {
				t.Errorf("%d octets are held", w.Held())
			}
		}
	})
	t.Run("7.1.2/heap_of_a_short_history", func(t *testing.T) {
		if conntest.RaceEnabled {
			t.Skip("the race detector allocates by itself, and makes sync.Pool drop at random")
		}
		windows := make([]deflate.Window, 1000)
		payload, dst := say(300), make([]byte, 0, 300)
		warm := fresh(15, false)
		defer warm.Release()
		inflate(t, warm, dst, payload)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for i := range windows {
			windows[i].Init(15, true)
			inflate(t, &windows[i], dst, payload)
		}
		runtime.ReadMemStats(&after)
		// 320 octets is Go's size for 300, and 24 that of a slice's header. One Inflater may be new after a collection.
		if each := (after.TotalAlloc - before.TotalAlloc - 16_000) / 1000; each > 320+24 {
			t.Errorf("a connection that has received 300 octets has allocated %d", each)
		}
		for i := range windows {
			windows[i].Release()
		}
	})
}

func inflate(t testing.TB, w *deflate.Window, dst, payload []byte) []byte {
	f := deflate.GetInflater(w, -1)
	out, _, err := f.Inflate(dst, payload, true)
	deflate.PutInflater(f)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAllocations: no message allocates once the window has grown.
func TestAllocations(t *testing.T) {
	for _, takeover := range []bool{true, false} {
		t.Run(fmt.Sprintf("7.2.2/takeover_%v", takeover), func(t *testing.T) {
			w := fresh(15, takeover)
			defer w.Release()
			p := newDeflater(6, false).message(bytes.Repeat([]byte("one message is like the other "), 100))
			dst := make([]byte, 0, 4096)
			for range 20 {
				inflate(t, w, dst, p)
			}
			conntest.ShouldNotAllocate(t, func() { inflate(t, w, dst, p) })
			// Emptying dst needs a window of its own without context takeover, from a pool.
			conntest.ShouldNotAllocate(t, func() {
				if n, _, err := drainAll(w, p, dst[:0:1000]); n != 3000 || err != nil {
					t.Fatal(n, err)
				}
			})
		})
	}
}

func drainAll(w *deflate.Window, src, dst []byte) (n, drains int, err error) {
	f := deflate.GetInflater(w, -1)
	defer deflate.PutInflater(f)
	for {
		var used int
		dst, used, err = f.Inflate(dst, src, true)
		if src = src[used:]; err != deflate.ErrShortDst {
			return n + len(dst), drains, err
		}
		n += len(dst)
		drains++
		f.Drain(dst)
		dst = dst[:0]
	}
}

var benchDocument = func() []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < 1<<16; i++ {
		fmt.Fprintf(&b, `{"id":%d,"user":"%s","price":%d.%02d,"active":%v,"note":"%x"},`,
			i*7919%1_000_000, []string{"alice", "bob", "carol", "dave", "erin"}[i*i%5], i*i%1000, i*31%100, i%3 == 0, uint32(i)*2654435761)
	}
	return b.Bytes()[:1<<16]
}()

// BenchmarkInflate is messages of JSON, each of them with another part of the document, against compress/flate.
func BenchmarkInflate(b *testing.B) {
	for _, size := range []int{1 << 10, 1 << 16} {
		for _, takeover := range []bool{false, true} {
			d := newDeflater(6, takeover)
			var payloads [][]byte
			for i := range 32 {
				payloads = append(payloads, d.message(benchDocument[i*size%len(benchDocument):][:size]))
			}
			name := fmt.Sprintf("%d/takeover_%v/", size, takeover)
			b.Run(name+"deflate", func(b *testing.B) {
				b.SetBytes(int64(size))
				b.ReportAllocs()
				w, dst := fresh(15, takeover), make([]byte, 0, size+256)
				defer w.Release()
				for i := 0; b.Loop(); i++ {
					if i%len(payloads) == 0 {
						w.Release()
					}
					inflate(b, w, dst, payloads[i%len(payloads)])
				}
			})
			b.Run(name+"compress_flate", func(b *testing.B) {
				b.SetBytes(int64(size))
				b.ReportAllocs()
				r, in := flate.NewReader(nil), new(bytes.Reader)
				history, src, dst := make([]byte, 0, 1<<17), make([]byte, 0, size), make([]byte, size+1)
				for i := 0; b.Loop(); i++ {
					if i%len(payloads) == 0 {
						history = history[:0]
					}
					src = append(append(src[:0], payloads[i%len(payloads)]...), "\x00\x00\xff\xff\x01\x00\x00\xff\xff"...)
					in.Reset(src)
					r.(flate.Resetter).Reset(in, history)
					n, err := io.ReadFull(r, dst)
					if err != io.ErrUnexpectedEOF || n != size {
						b.Fatal(n, err)
					}
					if takeover {
						history = append(history, dst[:n]...)
						k := copy(history, history[max(0, len(history)-1<<15):])
						history = history[:k]
					}
				}
			})
		}
	}
}
