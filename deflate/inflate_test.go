package deflate_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/internal/conntest"
)

// corpus is short messages of every kind of block, each with what it inflates to.
func corpus() (payloads, plain [][]byte) {
	r := rand.New(rand.NewPCG(5, 5))
	for i := range 200 {
		p := randomMessage(r, nil, 10+r.IntN(600))
		var payload []byte
		switch i % 4 {
		case 0, 1:
			payload = newDeflater([]int{-2, 0, 1, 3, 6, 9}[i/4%6], false).message(p)
		case 2:
			payload = lz(r, 15, nil, p)
		case 3: // several blocks of several kinds, with a flush between them, or with BFINAL
			d := newDeflater(6, true)
			half := len(p) / 2
			payload = append(d.message(p[:half]), "\x00\x00\xff\xff"...)
			payload = append(payload, new(stream).stored(i/4%2, string(p[half:half+half/3])).octets...)
			payload = append(payload, lz(r, 15, p[:half+half/3], p[half+half/3:])...)
		}
		payloads, plain = append(payloads, payload), append(plain, p)
	}
	return payloads, plain
}

// TestTruncated cuts 200 messages after every octet: what is left may pass only where the oracle says that it is a message, too.
func TestTruncated(t *testing.T) {
	t.Run("7.2.1/cut_after_every_octet", func(t *testing.T) {
		payloads, plain := corpus()
		cuts, complete := 0, 0
		for i, payload := range payloads {
			for n := range len(payload) + 1 {
				want, wantErr := oracle(nil, payload[:n], 1<<20)
				got, err := whole(fresh(15, i%2 == 0), payload[:n])
				switch {
				case (err == nil) != (wantErr == nil):
					t.Fatalf("stream %d of %d octets, cut after %d: %v; compress/flate: %v", i, len(payload), n, err, wantErr)
				case err == nil && !bytes.Equal(got, want):
					t.Fatalf("stream %d of %d octets, cut after %d: another content", i, len(payload), n)
				case n == len(payload) && !bytes.Equal(got, plain[i]):
					t.Fatalf("stream %d: another content", i)
				case err == nil:
					complete++
				}
				cuts++
			}
		}
		if cuts < 10_000 || complete < 2*len(payloads) || complete > 4*len(payloads) {
			t.Errorf("%d of %d cuts are complete", complete, cuts)
		}
	})
}

// TestSplits is every split of the input, and every granularity of the output.
func TestSplits(t *testing.T) {
	payloads, plain := corpus()
	streams := 48
	if conntest.RaceEnabled {
		streams = 12 // ten times slower
	}
	for i := range streams {
		t.Run(fmt.Sprintf("7.2.2/stream_%d", i), func(t *testing.T) {
			for name, pieces := range conntest.Chop(payloads[i]) {
				for _, room := range []int{1, 2, 3, 5, 8, 9, 16, 17, 31, 64, 257, 258, 259, 1000} {
					if len(name) > 6 && name[:6] == "split_" && room != 1 && room != 9 && room != 1000 {
						continue
					}
					for _, drain := range []bool{false, true} {
						got, err := feed(fresh(15, i%3 == 0), int64(len(plain[i])), pieces, room, drain)
						if err != nil || !bytes.Equal(got, plain[i]) {
							t.Fatalf("%s, room %d, drain %v: %v", name, room, drain, err)
						}
					}
				}
			}
		})
	}
}

// TestPieces is pieces of one length, so that each part of a header begins with every number of bits left, and few octets to come.
func TestPieces(t *testing.T) {
	payloads, plain := corpus()
	for size := 2; size <= 17; size++ {
		t.Run(fmt.Sprintf("7.2.2/pieces_of_%d", size), func(t *testing.T) {
			for i, payload := range payloads {
				for first := 1; first <= size; first++ {
					pieces := slices.Collect(slices.Chunk(payload[min(first, len(payload)):], size))
					pieces = append([][]byte{payload[:min(first, len(payload))]}, pieces...)
					got, err := feed(fresh(15, false), -1, pieces, 1000, false)
					if err != nil || !bytes.Equal(got, plain[i]) {
						t.Fatalf("stream %d, the first of %d: %v", i, first, err)
					}
				}
			}
		})
	}
}

// TestLimit is limits around the length of a message: exactly that many octets pass, and one more does not.
func TestLimit(t *testing.T) {
	payloads, plain := corpus()
	for i := range 48 {
		t.Run(fmt.Sprintf("7.2.2/stream_%d", i), func(t *testing.T) {
			n := len(plain[i])
			for _, limit := range []int{0, 1, n / 2, n - 9, n - 8, n - 1, n, n + 1} {
				for name, pieces := range conntest.Chop(payloads[i]) {
					if len(name) > 6 && name[:6] == "split_" {
						continue
					}
					for _, room := range []int{1, 7, 8, 1000} {
						if limit < 0 {
							continue
						}
						got, err := feed(fresh(15, true), int64(limit), pieces, room, room == 7)
						if limit >= n {
							if err != nil || !bytes.Equal(got, plain[i]) {
								t.Fatalf("limit %d, %s, room %d: %v", limit, name, room, err)
							}
							continue
						}
						tooBig, ok := errors.AsType[*deflate.LimitError](err)
						if !ok || tooBig.Limit != int64(limit) || !bytes.Equal(got, plain[i][:limit]) {
							t.Fatalf("limit %d, %s, room %d: %d octets, %v", limit, name, room, len(got), err)
						}
					}
				}
			}
		})
	}
}

func TestErrorsStay(t *testing.T) {
	for _, c := range []struct {
		name    string
		payload string
		limit   int64
	}{
		{"7.2.1/corrupt", "\x06", -1},
		{"7.2.2/too_long", "\xf2\x48\xcd\xc9\xc9\x07\x00", 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := deflate.GetInflater(fresh(15, true), c.limit)
			defer deflate.PutInflater(f)
			dst := make([]byte, 0, 100)
			dst, _, first := f.Inflate(dst, []byte(c.payload), true)
			if first == nil || first == deflate.ErrShortDst {
				t.Fatal(first)
			}
			out, n, err := f.Inflate(dst, []byte("\xf2\x48\xcd\xc9\xc9\x07\x00"), true)
			if err != first || n != 0 || len(out) != len(dst) {
				t.Errorf("%q, %d, %v after %v", out, n, err, first)
			}
		})
	}
}

func TestErrorTexts(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{deflate.ErrShortDst, "hawser/deflate: the destination is full"},
		{&deflate.LimitError{Limit: 5}, "hawser/deflate: the message inflates to more than 5 octets"},
		{&deflate.CorruptError{Section: "RFC 0, 1", Detail: "what"}, "hawser/deflate: what (RFC 0, 1)"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// TestMisuse is what a caller may not do.
func TestMisuse(t *testing.T) {
	hello := []byte("\xf2\x48\xcd\xc9\xc9\x07\x00")
	begun := func() *deflate.Inflater {
		f := deflate.GetInflater(fresh(15, false), -1)
		if _, _, err := f.Inflate(make([]byte, 0, 3), hello, false); err != deflate.ErrShortDst {
			t.Fatal(err)
		}
		return f
	}
	for _, c := range []struct {
		name string
		f    func()
	}{
		{"window_of_7_bits", func() { fresh(7, true) }},
		{"window_of_16_bits", func() { fresh(16, true) }},
		{"window_without_Init", func() { deflate.GetInflater(new(deflate.Window), 0) }},
		{"dst_is_too_short", func() {
			f := begun()
			defer deflate.PutInflater(f)
			f.Inflate(make([]byte, 2, 10), nil, false)
		}},
		{"Drain_of_too_little", func() {
			f := begun()
			defer deflate.PutInflater(f)
			f.Drain(make([]byte, 2))
		}},
		{"after_the_end", func() {
			f := deflate.GetInflater(fresh(15, false), -1)
			defer deflate.PutInflater(f)
			dst, _, err := f.Inflate(make([]byte, 0, 10), hello, true)
			if err != nil {
				return // no panic: the test fails
			}
			f.Inflate(dst, nil, true)
		}},
		{"put_twice", func() {
			f := begun()
			deflate.PutInflater(f)
			deflate.PutInflater(f)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			c.f()
		})
	}
	deflate.PutInflater(nil)
}

// TestMisuseIsNamed: what is wrong is said, not found out by an index.
func TestMisuseIsNamed(t *testing.T) {
	hello := []byte("\xf2\x48\xcd\xc9\xc9\x07\x00")
	for _, c := range []struct {
		name, want string
		f          func(f *deflate.Inflater)
	}{
		{"dst_is_too_short", "hawser/deflate: dst is without the octets inflated before", func(f *deflate.Inflater) {
			defer deflate.PutInflater(f)
			f.Inflate(make([]byte, 0, 3), hello, false)
			f.Inflate(make([]byte, 2, 10), nil, false)
		}},
		{"Drain_of_too_little", "hawser/deflate: dst is without the octets inflated before", func(f *deflate.Inflater) {
			defer deflate.PutInflater(f)
			f.Inflate(make([]byte, 0, 3), hello, false)
			f.Drain(make([]byte, 2))
		}},
		{"after_PutInflater", "hawser/deflate: Inflate after the end of a message", func(f *deflate.Inflater) {
			deflate.PutInflater(f)
			f.Inflate(make([]byte, 0, 10), []byte("\x00\x01\x00\xfe\xffa"), false)
		}},
		{"window_without_Init", "hawser/deflate: the Window has not been initialised", func(f *deflate.Inflater) {
			deflate.PutInflater(f)
			deflate.GetInflater(new(deflate.Window), 0)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer func() {
				if got := fmt.Sprint(recover()); got != c.want {
					t.Errorf("it ends with %q, want %q", got, c.want)
				}
			}()
			c.f(deflate.GetInflater(fresh(15, false), -1))
		})
	}
}

// TestLent counts what the other tests of this package have left. It runs alone, when they are over or have not begun.
func TestLent(t *testing.T) {
	n, ok := deflate.Lent()
	if ok != conntest.RaceEnabled {
		t.Fatalf("counting is %v", ok)
	}
	if n != 0 {
		t.Errorf("%d Inflaters have not been put back", n)
	}
	f := deflate.GetInflater(fresh(15, true), 0)
	if n, _ := deflate.Lent(); ok && n != 1 {
		t.Errorf("%d Inflaters are lent, want 1", n)
	}
	deflate.PutInflater(f)
	if n, _ := deflate.Lent(); n != 0 {
		t.Errorf("%d Inflaters are lent, want none", n)
	}
}

// TestPrefix is output behind data of the caller's own, which an Inflater leaves alone and which no distance reaches.
func TestPrefix(t *testing.T) {
	t.Run("3.2.3/distance_into_the_prefix", func(t *testing.T) {
		f := deflate.GetInflater(fresh(15, false), -1)
		defer deflate.PutInflater(f)
		p := new(stream).header(0, 1).text("a").copyOf(3, 2).fixed(end).message()
		dst := append(make([]byte, 0, 100), "prefix"...)
		out, _, err := f.Inflate(dst, p, true)
		if _, ok := errors.AsType[*deflate.CorruptError](err); !ok || string(out) != "prefixa" {
			t.Errorf("%q, %v", out, err)
		}
	})
	t.Run("7.2.2/the_prefix_changes", func(t *testing.T) {
		payloads, plain := corpus()
		f := deflate.GetInflater(fresh(15, false), -1)
		defer deflate.PutInflater(f)
		var dst []byte
		for at := range payloads[2] {
			moved := append(make([]byte, at%5, at%5+len(dst)+1000), dst...)
			out, _, err := f.Inflate(moved, payloads[2][at:at+1], at == len(payloads[2])-1)
			if err != nil {
				t.Fatal(err)
			}
			dst = slices.Clone(out[at%5:])
		}
		if !bytes.Equal(dst, plain[2]) {
			t.Error("another content")
		}
	})
}
