package conn

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"testing"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/conntest"
)

// TestInflateLimit: the limit on messages is for what they inflate to, to the byte; what comes has its own, which the header decides.
func TestInflateLimit(t *testing.T) {
	const limit, wireLimit = 1004, 1004 + 15 + 1024
	// A compressed message of n bytes that inflates to one: empty blocks with no compression take five.
	padded := func(n int) []byte {
		b := newPacker(9, false).pack([]byte("x")) // 3 bytes that end within an octet
		block := []byte{0, 0, 0, 0xff, 0xff}
		b = append(b[:len(b):len(b)], 0, 0, 0xff, 0xff) // what the sender took away
		for len(b)+1 < n {
			b = append(b, block...)
		}
		if b = append(b, 0); len(b) != n {
			panic(len(b))
		}
		return b
	}
	for _, tt := range []struct {
		name    string
		payload []byte
		refused bool
	}{
		{"7.4.1/as_large_as_the_limit", newPacker(9, false).pack(make([]byte, limit)), false},
		{"7.4.1/one_byte_more", newPacker(9, false).pack(make([]byte, limit+1)), true},
		{"7.4.1/much_more", newPacker(9, false).pack(make([]byte, 100*limit)), true},
		{"7.4.1/as_large_as_the_limit_and_incompressible", newPacker(0, false).pack(noise(limit)), false},
		{"7.4.1/one_byte_more_and_incompressible", newPacker(0, false).pack(noise(limit + 1)), true},
		{"7.4.1/longer_as_it_comes_than_the_limit", padded(wireLimit), false},
		{"7.4.1/too_long_as_it_comes", padded(wireLimit + 5), true},
	} {
		for _, size := range []int{len(tt.payload), 100} {
			bothRoles(t, fmt.Sprintf("%s/fragments_of_%d", tt.name, size), func(t *testing.T, role Role) {
				c, p := talkCompressed(t, role, takeover, &Config{MessageLimit: limit})
				got := readAll(c)
				p.Send(pieces(conntest.Binary, tt.payload, size)...)
				if !tt.refused {
					p.SendClose(1000, "")
					if o := <-got; o.err != nil || len(o.messages) != 1 {
						t.Errorf("got %d messages, %v", len(o.messages), o.err)
					}
					return
				}
				p.WantClose("it is too big", 1009, nil)
				o := <-got
				if e, ok := errors.AsType[*frame.ProtocolError](o.err); !ok || e.Code != frame.StatusMessageTooBig || len(o.messages) != 0 {
					t.Errorf("got %q, %v", o.messages, o.err)
				}
			})
		}
	}
}

// TestInflateLimits: a buffer of any size at the start, and limits around it and around the sizes of the buffers.
func TestInflateLimits(t *testing.T) {
	for _, limit := range []int64{1, 511, 4095, 4096, 4097, 65535, 65537, 1<<20 - 1, 1 << 20, 1<<20 + 1, 3 << 20} {
		t.Run(fmt.Sprintf("7.4.1/%d", limit), func(t *testing.T) {
			for _, more := range []int64{0, 1} {
				f := newInflatingFeeder(limit, 15, false)
				b := masked(compressedFrame(conntest.Binary, newPacker(9, false).pack(pattern(int(limit+more))))).Append(nil)
				f.feed(b, len(b))
				f.in.discard()
				if refused := f.err != nil; refused != (more > 0) || len(f.trace) != 1 {
					t.Errorf("%d bytes: %q", limit+more, f.trace)
				}
			}
			allPutBack(t)
		})
	}
}

// TestInflateBuffers: a message is inflated into a buffer of at most four times its size, or the smallest, and never of more than the limit.
func TestInflateBuffers(t *testing.T) {
	for _, tt := range []struct{ limit, size, most int }{
		{1 << 20, 0, 4096},
		{1 << 20, 4096, 4096},
		{1 << 20, 4097, 16 << 10},
		{1 << 20, 60000, 64 << 10},
		{1 << 20, 1 << 20, 1 << 20},
		{3 << 20, 3 << 20, 3 << 20},
	} {
		t.Run(fmt.Sprintf("7.4.1/%d_of_%d", tt.size, tt.limit), func(t *testing.T) {
			f := newInflatingFeeder(int64(tt.limit), 15, false)
			defer f.in.discard()
			b := masked(compressedFrame(conntest.Binary, newPacker(9, false).pack(pattern(tt.size)))).Append(nil)
			for len(b) > 0 {
				n := copy(f.in.space(), b)
				f.in.advance(n)
				b = b[n:]
				_, data, err := f.in.next()
				if err != nil || len(b) == 0 && (len(data) != tt.size || len(*f.in.lent) > tt.most) {
					t.Errorf("%d bytes in a buffer of %d, %v", len(data), len(*f.in.lent), err)
				}
			}
		})
	}
}

// heapNow returns the bytes of objects on the heap, dead ones that no collection has found yet included.
func heapNow() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64())
}

// TestInflateBomb is T-BOMB: with the limit of 1 MiB, a few KiB that inflate to 64 MiB cost no more than 1.5 MiB on the heap at any time.
func TestInflateBomb(t *testing.T) {
	if conntest.RaceEnabled {
		t.Skip("the race detector allocates")
	}
	const limit, most = 1 << 20, 3 << 19
	bomb := func(size int) []byte {
		var out bytes.Buffer
		w, _ := flate.NewWriter(&out, 9)
		zeros := make([]byte, 1<<20)
		for ; size > 0; size -= len(zeros) {
			w.Write(zeros[:min(size, len(zeros))])
		}
		w.Flush()
		return bytes.TrimSuffix(out.Bytes(), []byte{0, 0, 0xff, 0xff})
	}
	large, just := bomb(64<<20), bomb(limit-1)
	if len(large) > 70000 {
		t.Fatalf("the bomb has %d bytes", len(large))
	}
	for _, tt := range []struct {
		name     string
		frames   []conntest.Frame
		repeated int
		messages int
	}{
		{"7.4.1/64_MiB_of_zeros", pieces(conntest.Binary, large, len(large)), 1, 0},
		{"7.4.1/64_MiB_of_zeros_in_64_fragments", pieces(conntest.Binary, large, len(large)/63), 1, 0},
		{"7.4.1/a_thousand_just_under_the_limit", pieces(conntest.Binary, just, len(just)), 1000, 1000},
		{"7.4.1/a_thousand_just_under_the_limit_in_fragments", pieces(conntest.Binary, just, 100), 1000, 1000},
	} {
		for _, takeover := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/takeover_%v", tt.name, takeover), func(t *testing.T) {
				var b []byte
				for _, f := range tt.frames {
					b = masked(f).Append(b)
				}
				f := &feeder{}
				*f = *newInflatingFeeder(limit, 15, takeover)
				defer f.in.discard()
				// What other tests have left in the pools goes with the second collection.
				runtime.GC()
				runtime.GC()
				defer debug.SetGCPercent(debug.SetGCPercent(-1)) // garbage counts
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))  // each processor has pools of its own
				before, peak, messages := heapNow(), int64(0), 0
				for i := 0; i < tt.repeated && f.err == nil; i++ {
					for p := range slices.Chunk(b, 1000) {
						p = slices.Clip(p)
						for len(p) > 0 && f.err == nil {
							n := copy(f.in.space(), p)
							f.in.advance(n)
							p = p[n:]
							for {
								e, data, err := f.in.next()
								peak = max(peak, heapNow()-before)
								if f.err = err; err != nil || e.Kind == 0 {
									break
								}
								if messages++; len(data) != limit-1 {
									t.Fatalf("a message of %d bytes", len(data))
								}
							}
						}
					}
					f.in.idle()
				}
				if messages != tt.messages {
					t.Errorf("%d messages, want %d", messages, tt.messages)
				}
				if e, ok := errors.AsType[*frame.ProtocolError](f.err); tt.messages == 0 && (!ok || e.Code != frame.StatusMessageTooBig) {
					t.Errorf("the bomb ended with %v", f.err)
				}
				if peak > most {
					t.Errorf("the heap grew by %d bytes, more than %d", peak, most)
				}
				t.Logf("the heap grew by %d KiB", peak>>10)
			})
		}
	}
}

// TestInflateHoldsNothing: between messages nothing is held, with context takeover the window alone.
func TestInflateHoldsNothing(t *testing.T) {
	for _, takeover := range []bool{false, true} {
		t.Run(fmt.Sprintf("7.1.1/takeover_%v", takeover), func(t *testing.T) {
			f := newInflatingFeeder(1<<20, 15, takeover)
			z := newPacker(6, takeover)
			for _, n := range []int{5, 5000, 300000} {
				b := masked(compressedFrame(conntest.Binary, z.pack(pattern(n)))).Append(nil)
				f.feed(b, len(b))
				f.in.idle()
				if f.err != nil || f.in.reading != nil || f.in.inflation.inflater != nil {
					t.Errorf("after %d bytes something is held: %v", n, f.err)
				}
			}
			// A message that refers to the window says whether there is one.
			inflater := deflate.GetInflater(&f.in.inflation.window, -1)
			defer deflate.PutInflater(inflater)
			if _, _, err := inflater.Inflate(make([]byte, 0, 100), conntest.Hex("f200110000"), true); (err == nil) != takeover {
				t.Errorf("takeover %v, and a message that refers to the one before: %v", takeover, err)
			}
			f.in.discard()
		})
	}
}
