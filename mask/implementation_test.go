package mask

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hawser-go/hawser/internal/conntest"
)

// wideMin is the least limit of that kind that the assembly allows.
const wideMin = 256

// underTest are the implementations that this processor has, and beside each
// one with assembly the same without limits: that takes all lengths that the
// assembly can take.
func underTest() (list []implementation) {
	for _, impl := range implementations {
		if !impl.available {
			continue
		}
		list = append(list, impl)
		if impl.xor != never {
			unlimited := impl
			unlimited.name += "_unlimited"
			unlimited.xor, unlimited.copy = vectorMin, vectorMin
			if impl.wide != never {
				unlimited.wide = wideMin
			}
			list = append(list, unlimited)
		}
	}
	return list
}

// use makes XOR and Copy use this implementation until the test ends.
func (impl implementation) use(tb testing.TB) {
	before := limit
	tb.Cleanup(func() { limit = before })
	limit = impl.limits
}

const (
	maxLen    = 300
	maxOffset = 15
	maxAlign  = 64 // a cache line, and the widest vector
	guard     = 320
)

// largeLengths have one to three octets fewer or more than what loops take in a
// turn, and enough turns for all parts of a page.
var largeLengths = []int{383, 384, 385, 511, 512, 513, 514, 640, 767, 769, 1023, 1024, 1025, 1150, 2047, 2051, 4096, 4099}

// A field is a slice at a chosen alignment whose surroundings are known.
type field struct {
	before []byte // random, the content of all at first
	all    []byte // begins at a boundary of maxAlign
	want   []byte // what all should be
}

func newField(r *rand.ChaCha8) *field {
	// Objects of this size begin at a page.
	size := 32 << 10
	f := &field{before: make([]byte, size), all: make([]byte, size), want: make([]byte, size)}
	r.Read(f.before)
	return f
}

// slice resets the field and returns n octets that begin at this alignment, and
// the same octets of want.
func (f *field) slice(at, n int) (p, want []byte) {
	end := guard + at + n + guard
	copy(f.all[:end], f.before)
	copy(f.want[:end], f.before)
	return f.all[guard+at:][:n:n], f.want[guard+at:][:n:n]
}

// ok reports whether the octets of slice(at, n) and those around are as wanted.
func (f *field) ok(at, n int) bool {
	end := guard + at + n + guard
	return bytes.Equal(f.all[:end], f.want[:end])
}

// TestDifferential is length x alignment x phase of the key x offset at which
// the payload is taken up again with the key that was returned.
func TestDifferential(t *testing.T) {
	var ran []string
	step := 1
	if conntest.RaceEnabled || testing.Short() {
		step = 7 // odd, so that it comes to every kind of alignment
	}
	lengths := slices.Clone(largeLengths)
	for n := range maxLen + 1 {
		lengths = append(lengths, n)
	}
	// cases calls f with every case, until it returns false.
	cases := func(f func(n, at, offset int, key Key) bool) {
		for _, n := range lengths {
			for at := 0; at < maxAlign; at += step {
				for phase := range 4 {
					for offset := 0; offset <= min(n, maxOffset); offset += step {
						if !f(n, at, offset, after(testKey, phase)) {
							return
						}
					}
				}
			}
		}
	}
	for _, impl := range underTest() {
		ran = append(ran, impl.name)
		r := rand.NewChaCha8([32]byte{1})
		dst, src := newField(r), newField(r)
		t.Run("5.3/xor_"+impl.name, func(t *testing.T) {
			impl.use(t)
			cases(func(n, at, offset int, key Key) bool {
				b, want := dst.slice(at, n)
				oracle(want, want, key)
				next := XOR(b[offset:], XOR(b[:offset], key))
				if !dst.ok(at, n) || next != after(key, n) {
					t.Errorf("length %d, alignment %d, offset %d, key %x:\n got %x\nwant %x", n, at, offset, key, b, want)
					return false
				}
				return true
			})
		})
		t.Run("5.3/copy_"+impl.name, func(t *testing.T) {
			impl.use(t)
			cases(func(n, at, offset int, key Key) bool {
				from := (at*7 + n) % maxAlign
				b, want := dst.slice(at, n)
				p, same := src.slice(from, n)
				oracle(want, p, key)
				next := Copy(b[offset:], p[offset:], Copy(b[:offset], p[:offset], key))
				if !dst.ok(at, n) || next != after(key, n) {
					t.Errorf("length %d, alignments %d and %d, offset %d, key %x:\n got %x\nwant %x", n, at, from, offset, key, b, want)
					return false
				}
				if !src.ok(from, n) {
					t.Errorf("length %d, alignments %d and %d: the source was modified:\n got %x\nwant %x", n, at, from, p, same)
					return false
				}
				return true
			})
		})
		t.Run("5.3/copy_onto_itself_"+impl.name, func(t *testing.T) {
			impl.use(t)
			cases(func(n, at, offset int, key Key) bool {
				if offset != 0 {
					return true // not taken up again
				}
				b, want := dst.slice(at, n)
				oracle(want, want, key)
				if next := Copy(b, b, key); !dst.ok(at, n) || next != after(key, n) {
					t.Errorf("length %d, alignment %d, key %x:\n got %x\nwant %x", n, at, key, b, want)
					return false
				}
				return true
			})
		})
	}
	t.Run("5.3/all_ran", func(t *testing.T) {
		for _, name := range hardware(t) {
			if !slices.Contains(ran, name) {
				t.Errorf("this processor has what %q needs, but only %q were tested", name, ran)
			}
		}
	})
}

func TestHuge(t *testing.T) {
	// Lengths of which the loops take many turns.
	for _, impl := range underTest() {
		t.Run("5.3/"+impl.name, func(t *testing.T) {
			impl.use(t)
			r := rand.NewChaCha8([32]byte{2})
			for _, n := range []int{16384, 65536 + 33, 1<<20 - 1, 1 << 20, 1<<20 + 77} {
				for _, at := range []int{0, 1, 22, 63} {
					buf, src := make([]byte, guard+at+n+guard), make([]byte, n+7)
					r.Read(buf)
					r.Read(src)
					want, unchanged := bytes.Clone(buf), bytes.Clone(src)
					oracle(want[guard+at:], want[guard+at:][:n], testKey)
					XOR(buf[guard+at:][:n], testKey)
					if !bytes.Equal(buf, want) {
						t.Errorf("XOR: length %d, alignment %d", n, at)
					}
					oracle(want[guard+at:], src[7:], testKey)
					Copy(buf[guard+at:], src[7:], testKey)
					if !bytes.Equal(buf, want) || !bytes.Equal(src, unchanged) {
						t.Errorf("Copy: length %d, alignment %d", n, at)
					}
				}
			}
		})
	}
}

func TestLimits(t *testing.T) {
	for _, impl := range implementations {
		t.Run("5.3/"+impl.name, func(t *testing.T) {
			// What the assembly relies upon.
			if impl.xor < vectorMin || impl.copy < vectorMin {
				t.Errorf("vector is called with less than %d octets: %+v", vectorMin, impl.limits)
			}
			if impl.wide < wideMin {
				t.Errorf("the widest registers are used for less than %d octets: %+v", wideMin, impl.limits)
			}
		})
	}
	if last := implementations[len(implementations)-1]; last != words {
		t.Errorf("the last implementation is %q", last.name)
	}
	if words.xor != math.MaxInt || words.copy != math.MaxInt || !words.available {
		t.Errorf("words has limits: %+v", words)
	}
}

func TestBest(t *testing.T) {
	absent := implementation{name: "absent", limits: limits{1, 2, 3}}
	present := implementation{name: "present", available: true, limits: limits{4, 5, 6}}
	for _, tt := range []struct {
		name string
		list []implementation
		want implementation
	}{
		{"first", []implementation{present, words}, present},
		{"second", []implementation{absent, present, words}, present},
		{"none", []implementation{absent, words}, words},
	} {
		t.Run("5.3/"+tt.name, func(t *testing.T) {
			if got := best(tt.list); got != tt.want {
				t.Errorf("got %+v", got)
			}
		})
	}
	if got := best(implementations).limits; limit != got {
		t.Errorf("in use are %+v, the best are %+v", limit, got)
	}
}
