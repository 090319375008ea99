package autobahn

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// Everything that our deflater makes, of every kind of message, is what the inflater with the
// same parameters gives back, and what the one of the standard library does.
func TestDeflateAndInflate(t *testing.T) {
	for _, takeover := range []bool{true, false} {
		for bits := 8; bits <= 15; bits++ {
			t.Run(fmt.Sprintf("7692_7.1/window_%d_takeover_%v", bits, takeover), func(t *testing.T) {
				d, z := newDeflater(bits, takeover), newInflater(bits, takeover)
				var std io.ReadCloser
				var stream bytes.Buffer
				for _, c := range corpora {
					for i, size := range []int{0, 1, 16, 700, 5000, 40000, 3} {
						want := c.message(i, size)
						compressed := d.message(want)
						got, err := z.message(compressed)
						if err != nil || !bytes.Equal(got, want) {
							t.Fatalf("%s, %d octets: %d came back, %v", c.title, size, len(got), err)
						}
						if std == nil || !takeover {
							stream.Reset()
							std = flate.NewReader(&stream)
						}
						stream.Write(compressed)
						stream.WriteString("\x00\x00\xff\xff")
						fromStd := make([]byte, size)
						if _, err := io.ReadFull(std, fromStd); err != nil || !bytes.Equal(fromStd, want) {
							t.Fatalf("%s, %d octets: compress/flate disagrees: %v", c.title, size, err)
						}
					}
				}
			})
		}
	}
}

// What the standard library makes, of every level, and with it every type of block.
func TestInflateOfAnotherDeflater(t *testing.T) {
	for level := flate.HuffmanOnly; level <= flate.BestCompression; level++ {
		var b bytes.Buffer
		w, err := flate.NewWriter(&b, level)
		if err != nil {
			t.Fatal(err)
		}
		z := newInflater(15, true)
		for _, c := range corpora {
			want := c.message(1, 50000)
			b.Reset()
			w.Write(want)
			w.Flush()
			got, err := z.message(bytes.TrimSuffix(b.Bytes(), []byte("\x00\x00\xff\xff")))
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("level %d, %s: %d octets, %v", level, c.title, len(got), err)
			}
		}
	}
}

// The examples of RFC 7692, 7.2.3.
func TestInflateExamples(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"7692_7.2.3.1/hello", "\xf2\x48\xcd\xc9\xc9\x07\x00", "Hello"},
		{"7692_7.2.3.3/not_compressed", "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", "Hello"},
		{"7692_7.2.3.4/final_block", "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "Hello"},
		{"7692_7.2.3.5/two_blocks", "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", "Hello"},
		{"7692_7.2.3.6/empty", "\x00", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := newInflater(15, true).message([]byte(tt.in))
			if err != nil || string(got) != tt.want {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	z := newInflater(15, true)
	for _, in := range []string{"\xf2\x48\xcd\xc9\xc9\x07\x00", "\xf2\x00\x11\x00\x00"} {
		if got, err := z.message([]byte(in)); err != nil || string(got) != "Hello" {
			t.Errorf("7.2.3.2, with the window shared: %q, %v", got, err)
		}
	}
}

func TestInflateRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     error
	}{
		{"block_type_3", "\x06", errBlock},
		{"stored_length", "\x00\x05\x00\xfa\xfe", errStored},
		{"stored_cut_in_its_length", "\x00\x05", errStored}, // the tail is taken for the complement
		{"stored_cut_in_its_octets", "\x00\xff\x00\x00\xff", errCut},
		{"no_code", "\x04\x00\x00\x00", errCode},
		{"distance_into_nothing", "\x02\x02\x00", nil},
		{"garbage", "\xff\xff\xff\xff\xff", errBlock},
		{"too_many_lengths", "\xf4\x00\x00", errCode},
		{"final_block_without_padding", "\xf3\x48\xcd\xc9\xc9\x07\x00", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := newInflater(15, true).message([]byte(tt.in))
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("%q, %v, want %v", got, err, tt.want)
			}
		})
	}
}

// A message that is cut is either an error, or shorter by what was cut off: no part of it is
// taken for the whole.
func TestInflateCutAnywhere(t *testing.T) {
	want := corpora[2].message(0, 2000)
	whole := bytes.Clone(newDeflater(15, false).message(want))
	for n := range len(whole) {
		if got, err := newInflater(15, false).message(whole[:n]); err == nil && !bytes.HasPrefix(want, got) {
			t.Errorf("cut at %d of %d: something else came out", n, len(whole))
		} else if err == nil && len(got) == len(want) && n < len(whole)-1 {
			t.Errorf("cut at %d of %d: the whole message came out", n, len(whole))
		}
	}
}

// RFC 7692, 7.1.2.1: a distance beyond the window that was agreed on is refused, and with
// context takeover one within it reaches into the messages before.
func TestInflateKeepsToTheWindow(t *testing.T) {
	far := []byte(strings.Repeat("x", 10) + string(corpora[4].message(1, 600)) + strings.Repeat("y", 10) + string(corpora[4].message(1, 600)))
	compressed := bytes.Clone(newDeflater(15, false).message(far))
	for bits := 8; bits <= 15; bits++ {
		got, err := newInflater(bits, false).message(compressed)
		if reaches := bits >= 10; reaches != (err == nil) || reaches && !bytes.Equal(got, far) {
			t.Errorf("window of %d bits: %v", bits, err)
		}
	}
	d, fresh, kept := newDeflater(15, true), newInflater(15, false), newInflater(15, true)
	for i := range 2 {
		b := d.message(far)
		if got, err := kept.message(b); err != nil || !bytes.Equal(got, far) {
			t.Errorf("message %d, with takeover: %v", i, err)
		}
		if _, err := fresh.message(b); (err == nil) != (i == 0) {
			t.Errorf("message %d, without takeover: %v", i, err)
		}
	}
}

func TestInflateIsBounded(t *testing.T) {
	d, z := newDeflater(15, true), newInflater(15, true)
	if _, err := z.message(d.message(make([]byte, maxPayload+maxPayload/8))); !errors.Is(err, errTooLarge) {
		t.Errorf("more than the longest message: %v", err)
	}
}

func FuzzInflate(f *testing.F) {
	for _, c := range corpora {
		f.Add(bytes.Clone(newDeflater(15, false).message(c.message(0, 300))))
	}
	f.Add([]byte("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := newInflater(15, false).message(b)
		r := flate.NewReader(io.MultiReader(bytes.NewReader(b), strings.NewReader("\x00\x00\xff\xff")))
		var want bytes.Buffer
		// The standard library stops at a final block, so that the oracle is a prefix there.
		_, stdErr := io.Copy(&want, io.LimitReader(r, maxPayload))
		if err != nil {
			return
		}
		if !bytes.HasPrefix(got, want.Bytes()) || stdErr == io.ErrUnexpectedEOF && want.Len() != len(got) {
			t.Errorf("%d octets, but compress/flate has %d and %v", len(got), want.Len(), stdErr)
		}
	})
}

func BenchmarkInflate(b *testing.B) {
	for _, c := range corpora {
		b.Run(c.title, func(b *testing.B) {
			compressed := bytes.Clone(newDeflater(15, false).message(c.message(0, 131072)))
			z := newInflater(15, false)
			b.SetBytes(131072)
			for b.Loop() {
				if _, err := z.message(compressed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDeflate(b *testing.B) {
	for _, c := range corpora {
		for _, bits := range []int{9, 15} {
			b.Run(fmt.Sprint(c.title, bits), func(b *testing.B) {
				d := newDeflater(bits, true)
				b.SetBytes(131072)
				for b.Loop() {
					d.message(c.message(0, 131072))
				}
			})
		}
	}
}
