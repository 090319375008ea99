package deflate_test

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/deflate"
)

// deflater compresses messages with compress/flate, as a peer with a window of 2^15 octets does.
type deflater struct {
	w        *flate.Writer
	buf      bytes.Buffer
	takeover bool
}

func newDeflater(level int, takeover bool) *deflater {
	d := &deflater{takeover: takeover}
	d.w, _ = flate.NewWriter(&d.buf, level)
	return d
}

func (d *deflater) message(p []byte) []byte {
	d.buf.Reset()
	if !d.takeover {
		d.w.Reset(&d.buf)
	}
	d.w.Write(p)
	d.w.Flush()
	return bytes.Clone(d.buf.Bytes()[:d.buf.Len()-4])
}

// randomMessage is of random length, and repeats itself and sometimes what was before.
func randomMessage(r *rand.Rand, history []byte, longest int) []byte {
	words := strings.Fields(`{"id": "user":"alice" "user":"bob" price true null 299792458 [ ] , the quick brown fox`)
	p := []byte{}
	for n := r.IntN(1 << r.IntN(18)); len(p) < min(n, longest); {
		switch k := r.IntN(40); {
		case k == 0:
			p = append(p, byte(r.Uint32()))
		case k == 1:
			p = append(p, bytes.Repeat([]byte{'x'}, r.IntN(600))...)
		case k < 8 && len(history) > 0:
			i := r.IntN(len(history))
			p = append(p, history[i:min(len(history), i+r.IntN(400))]...)
		default:
			p = append(p, words[r.IntN(len(words))]...)
		}
	}
	return p
}

// TestSequences is random messages, with all ways to feed the Inflater mixed, against compress/flate.
func TestSequences(t *testing.T) {
	for _, takeover := range []bool{true, false} {
		for _, level := range []int{flate.HuffmanOnly, 0, 1, 6, 9} {
			t.Run(fmt.Sprintf("7.2.2/takeover_%v/level_%d", takeover, level), func(t *testing.T) {
				r := rand.New(rand.NewPCG(uint64(level), 1))
				d, w := newDeflater(level, takeover), fresh(15, takeover)
				var history []byte
				for i := range 60 {
					p := randomMessage(r, history, 100_000)
					payload := d.message(p)
					seen := history
					if !takeover {
						seen = nil
					}
					if want, err := oracle(seen, payload, len(p)); err != nil || !bytes.Equal(want, p) {
						t.Fatalf("message %d: compress/flate: %v", i, err)
					}
					got, err := feed(w, int64(len(p)), cut(r, payload), 1+r.IntN(len(p)+2), r.IntN(3) == 0)
					if err != nil || !bytes.Equal(got, p) {
						t.Fatalf("message %d of %d octets: %v", i, len(p), err)
					}
					history = append(history, p...)
					history = history[max(0, len(history)-1<<15):]
				}
				w.Release()
			})
		}
	}
}

// cut cuts p into some pieces.
func cut(r *rand.Rand, p []byte) (pieces [][]byte) {
	for r.IntN(3) > 0 {
		n := r.IntN(len(p) + 1)
		pieces, p = append(pieces, p[:n]), p[n:]
	}
	return append(pieces, p)
}

// TestWindows is random messages that refer to what is at most 2^bits octets away, often to the very end of the window.
func TestWindows(t *testing.T) {
	for bits := 8; bits <= 15; bits++ {
		t.Run(fmt.Sprintf("7.1.2/%d_bits", bits), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(bits), 2))
			w := fresh(bits, true)
			defer w.Release()
			var history []byte
			for total := 0; total < 5<<bits; {
				p := randomMessage(r, history, 1<<bits+r.IntN(1<<bits))
				payload := lz(r, bits, history, p)
				if want, err := oracle(history, payload, len(p)); err != nil || !bytes.Equal(want, p) {
					t.Fatalf("compress/flate: %v", err)
				}
				got, err := feed(w, int64(len(p)), cut(r, payload), 1+r.IntN(len(p)+2), r.IntN(3) == 0)
				if err != nil || !bytes.Equal(got, p) {
					t.Fatalf("%d octets after %d: %v", len(p), total, err)
				}
				if w.Held() > 1<<bits {
					t.Fatalf("%d octets are held", w.Held())
				}
				total += len(p)
				history = append(history, p...)
				history = history[max(0, len(history)-1<<bits):]
			}
		})
	}
}

// TestZlib is what zlib has compressed with each window: testdata/zlib/make.py.
func TestZlib(t *testing.T) {
	words := strings.Split(`{"id":|"user":"|alice|bob|"},|price|true|null|0|17|299792458|[|]|`+"\n|€|the quick brown fox", "|")
	for bits := 9; bits <= 15; bits++ {
		t.Run(fmt.Sprintf("7.1.2/%d_bits", bits), func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("testdata", "zlib", fmt.Sprintf("w%d.bin", bits)))
			if err != nil {
				t.Fatal(err)
			}
			state := bits
			random := func(n int) int {
				state = int((int64(state)*1103515245 + 12345) % (1 << 31))
				return (state >> 8) % n
			}
			r := rand.New(rand.NewPCG(uint64(bits), 3))
			w, chopped, smaller := fresh(bits, true), fresh(bits, true), fresh(bits-1, true)
			refused, total := false, 0
			for len(data) > 0 {
				n := int(binary.BigEndian.Uint16(data))
				payload := data[2 : 2+n]
				data = data[2+n:]
				var want []byte
				for range random(1<<(bits-4)) + 1 {
					if random(8) != 0 {
						want = append(want, words[random(len(words))]...)
					} else {
						want = append(want, byte(random(256)))
					}
				}
				total += len(want)
				if got, err := whole(w, payload); err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%d octets: %v", len(want), err)
				}
				if got, err := feed(chopped, -1, cut(r, payload), 1+r.IntN(len(want)), r.IntN(2) == 0); err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%d octets in pieces: %v", len(want), err)
				}
				if !refused {
					_, err := whole(smaller, payload)
					refused = err != nil
				}
			}
			if total < 2<<bits {
				t.Errorf("%d octets do not try the window", total)
			}
			// zlib leaves 262 octets of its window unused, more than half of 2^9.
			if !refused && bits > 9 {
				t.Errorf("all of it fits a window of %d bits", bits-1)
			}
		})
	}
}

// TestLongCodes is symbols that take as many bits as there can be: 15 for a literal, 20 for a length and 28 for a distance.
func TestLongCodes(t *testing.T) {
	lit, dist := make([]int, 286), make([]int, 30)
	for i := range 13 {
		lit[i] = i + 1
	}
	lit[13], lit[14], lit[281], lit[end] = 15, 15, 15, 15
	for i := range 14 {
		dist[i] = i + 1
	}
	dist[28], dist[29] = 15, 15
	r := rand.New(rand.NewPCG(6, 6))
	for i := range 20 {
		t.Run(fmt.Sprintf("RFC_1951_3.2.5/stream_%d", i), func(t *testing.T) {
			var s stream
			s.stored(0, string(make([]byte, 1<<15))).stored(0, strings.Repeat("history", 100)).lens(lit, dist)
			for range 100 {
				for range r.IntN(4) {
					s.syms(lit, []int{9, 9, 9, 13, 14}[r.IntN(5)]) // of 10 bits, which index the first table, and of 15
				}
				s.syms(lit, 281).bits(r.IntN(32), 5).syms(dist, 28+r.IntN(2)).bits(r.IntN(1<<13), 13)
			}
			payload := s.syms(lit, end).message()
			want, err := oracle(nil, payload, 1<<20)
			if err != nil {
				t.Fatalf("compress/flate: %v", err)
			}
			for room := range 5 {
				got, err := feed(fresh(15, true), -1, cut(r, payload), 100<<(2*room), room%2 == 0)
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("room %d: %v", 100<<(2*room), err)
				}
			}
		})
	}
}

// TestReach is the far end of each window, of what was received, and of the message.
func TestReach(t *testing.T) {
	say := func(p []byte) []byte { return new(stream).stored(0, string(p)).message() }
	refer := func(distance int) []byte { return new(stream).header(0, 1).copyOf(3, distance).fixed(end).message() }
	r := rand.New(rand.NewPCG(4, 4))
	for bits := 8; bits <= 15; bits++ {
		size := 1 << bits
		text := make([]byte, size+50)
		for i := range text {
			text[i] = byte(r.Uint32())
		}
		for _, c := range []struct {
			name     string
			takeover bool
			before   int // octets in the messages before
			within   int // octets of this message, with what it says
			distance int
			detail   string // "" if it is right
		}{
			{"the_whole_window", true, size, 0, size, ""},
			{"one_beyond_the_window", true, size + 50, 0, size + 1, "window"},
			{"the_whole_window_within_the_message", false, 0, size, size, ""},
			{"one_beyond_the_window_within_the_message", false, 0, size + 50, size + 1, "window"},
			{"the_window_lies_in_both", true, size, 50, size, ""},
			{"one_beyond_a_window_in_both", true, size, 50, size + 1, "window"},
			{"all_that_was_received", true, 20, 0, 20, ""},
			{"one_before_it", true, 20, 0, 21, "beginning"},
			{"all_that_was_received_in_both", true, 20, 9, 29, ""},
			{"one_before_both", true, 20, 9, 30, "beginning"},
			{"nothing_was_received", true, 0, 0, 1, "beginning"},
			{"no_takeover_nothing_of_this_message", false, size, 0, 1, "beginning"},
			{"no_takeover_the_beginning_of_this_message", false, size, 10, 10, ""},
			{"no_takeover_the_message_before", false, size, 10, 11, "beginning"},
		} {
			if c.distance > 1<<15 {
				continue // cannot be said
			}
			t.Run(fmt.Sprintf("7.1/%d_bits/%s", bits, c.name), func(t *testing.T) {
				for _, slack := range []int{0, 40} { // with it the bulk of the code sees the distance
					for _, room := range []int{size / 256, 7 * size / 256, 1 << 17} {
						for _, drain := range []bool{false, true} {
							w := fresh(bits, c.takeover)
							for i := 0; i < c.before; i += 19 {
								if _, err := feed(w, -1, [][]byte{say(text[i:min(i+19, c.before)])}, 19, false); err != nil {
									t.Fatal(err)
								}
							}
							var s stream
							if c.within > 0 {
								s.stored(0, string(text[len(text)-c.within:]))
							}
							s.header(0, 1).copyOf(3, c.distance).fixed(slices.Repeat([]int{'z'}, slack)...).fixed(end)
							got, err := feed(w, -1, [][]byte{s.message()}, room, drain)
							w.Release()
							if c.detail != "" {
								corrupt, ok := errors.AsType[*deflate.CorruptError](err)
								if !ok || !strings.Contains(corrupt.Detail, c.detail) {
									t.Fatalf("slack %d, room %d: %v, want %q", slack, room, err, c.detail)
								}
								continue
							}
							all := append(slices.Clone(text[:c.before]), text[len(text)-c.within:]...)
							all = append(all, all[len(all)-c.distance:][:min(3, c.distance)]...)
							want := append(all[c.before:], bytes.Repeat([]byte{'z'}, slack)...)
							if err != nil || !bytes.Equal(got, want) {
								t.Fatalf("slack %d, room %d: %q, %v", slack, room, got, err)
							}
						}
					}
				}
			})
		}
		t.Run(fmt.Sprintf("7.1/%d_bits/after_Release", bits), func(t *testing.T) {
			w := fresh(bits, true)
			if _, err := whole(w, say(text[:100])); err != nil {
				t.Fatal(err)
			}
			w.Release()
			if _, err := whole(w, refer(1)); err == nil {
				t.Error("what was released is still there")
			}
		})
	}
}
