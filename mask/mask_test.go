package mask

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/internal/conntest"
)

// implementations are tested and measured by name. xor and copy have the
// contracts of xorWord and copyWord: no rotated key, and equal lengths.
var implementations = []implementation{
	{"public", func(b []byte, k Key) { XOR(b, k) }, func(dst, src []byte, k Key) { Copy(dst, src, k) }},
	{"word", xorWord, copyWord},
}

type implementation struct {
	name string
	xor  func(b []byte, key Key)
	copy func(dst, src []byte, key Key)
}

// oracle is RFC 6455, 5.3 as it is written: octet i of the result is octet i of
// the original XOR "octet at index i modulo 4 of the masking key".
func oracle(dst, src []byte, key Key) {
	for i := range src {
		dst[i] = src[i] ^ key[i%4]
	}
}

const (
	maxLen   = 300
	maxAlign = 64 // a cache line, and the widest vector
	guard    = 64 // a vector that is stored too far is seen
)

// A field is a slice at a chosen alignment inside a larger one whose other
// octets must not change.
type field struct {
	all, want []byte
	p         []byte
}

// newField returns a field with n random octets. at is the offset from a
// boundary that the allocator aligns: 8 KiB objects begin at a page.
func newField(r *rand.ChaCha8, buf []byte, at, n int) *field {
	f := &field{all: buf[:guard+at+n+guard]}
	r.Read(f.all)
	f.want = bytes.Clone(f.all)
	f.p = f.all[guard+at:][:n:n]
	return f
}

func (f *field) wanted() []byte { return f.want[len(f.want)-guard-len(f.p):][:len(f.p)] }

// testKey has four octets that differ, so that a wrong phase shows.
var testKey = Key{0x37, 0xfa, 0x21, 0x3d}

func TestDifferential(t *testing.T) {
	alignments := make([]int, maxAlign)
	for i := range alignments {
		alignments[i] = i
	}
	if conntest.RaceEnabled {
		alignments = []int{0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63} // a tenth of the time
	}
	// All alignments for these lengths, a fifth of them for the others.
	sampled := func(n int) bool {
		return n < 9 || n%32 <= 1 || n%32 == 31 || n == 125 || n == 300
	}
	for _, impl := range implementations {
		r := rand.NewChaCha8([32]byte{1})
		buf, src := make([]byte, 8192), make([]byte, 8192)
		t.Run("5.3/xor_"+impl.name, func(t *testing.T) {
			for n := range maxLen + 1 {
				for phase := range 4 {
					for _, at := range alignments {
						if at%5 != n%5 && !sampled(n) {
							continue
						}
						key := testKey.rotate(phase)
						f := newField(r, buf, at, n)
						oracle(f.wanted(), f.wanted(), key)
						impl.xor(f.p, key)
						if !bytes.Equal(f.all, f.want) {
							t.Fatalf("length %d, alignment %d, phase %d:\n got %x\nwant %x", n, at, phase, f.all, f.want)
						}
					}
				}
			}
		})
		t.Run("5.3/copy_"+impl.name, func(t *testing.T) {
			for n := range maxLen + 1 {
				for phase := range 4 {
					for _, at := range alignments {
						if at%5 != n%5 && !sampled(n) {
							continue
						}
						key := testKey.rotate(phase)
						f := newField(r, buf, at, n)
						g := newField(r, src, (at*7+n)%maxAlign, n)
						oracle(f.wanted(), g.p, key)
						impl.copy(f.p, g.p, key)
						if !bytes.Equal(f.all, f.want) {
							t.Fatalf("length %d, alignment %d, phase %d:\n got %x\nwant %x", n, at, phase, f.all, f.want)
						}
						if !bytes.Equal(g.all, g.want) {
							t.Fatalf("length %d, alignment %d, phase %d: the source was modified", n, at, phase)
						}
					}
				}
			}
		})
		t.Run("5.3/copy_onto_itself_"+impl.name, func(t *testing.T) {
			for n := range maxLen + 1 {
				f := newField(r, buf, n%maxAlign, n)
				oracle(f.wanted(), f.wanted(), testKey)
				impl.copy(f.p, f.p, testKey)
				if !bytes.Equal(f.all, f.want) {
					t.Fatalf("length %d:\n got %x\nwant %x", n, f.all, f.want)
				}
			}
		})
		t.Run("5.3/offset_"+impl.name, func(t *testing.T) {
			// A payload that is taken up again at an offset, with the key that
			// the first piece returned.
			for n := range maxLen + 1 {
				for offset := range min(16, n+1) {
					for phase := range 4 {
						key := testKey.rotate(phase)
						f := newField(r, buf, (n+offset)%maxAlign, n)
						oracle(f.wanted(), f.wanted(), key)
						impl.xor(f.p[:offset], key)
						impl.xor(f.p[offset:], key.rotate(offset))
						if !bytes.Equal(f.all, f.want) {
							t.Fatalf("length %d, offset %d, phase %d:\n got %x\nwant %x", n, offset, phase, f.all, f.want)
						}
					}
				}
			}
		})
	}
}

func TestHello(t *testing.T) {
	// RFC 6455, 5.7: the masked text message.
	const masked = "\x7f\x9f\x4d\x51\x58"
	t.Run("5.7/xor", func(t *testing.T) {
		b := []byte(masked)
		if next := XOR(b, testKey); string(b) != "Hello" || next != (Key{0xfa, 0x21, 0x3d, 0x37}) {
			t.Errorf("got %q and the key %x", b, next)
		}
	})
	t.Run("5.7/copy", func(t *testing.T) {
		dst := []byte("......")
		if next := Copy(dst, []byte("Hello"), testKey); string(dst) != masked+"." || next != (Key{0xfa, 0x21, 0x3d, 0x37}) {
			t.Errorf("got %q and the key %x", dst, next)
		}
	})
}

func TestKeyReturned(t *testing.T) {
	k := testKey
	for n := range 40 {
		want := Key{k[n%4], k[(n+1)%4], k[(n+2)%4], k[(n+3)%4]}
		t.Run(fmt.Sprintf("5.3/after_%d", n), func(t *testing.T) {
			b := make([]byte, n)
			if got := XOR(b, k); got != want {
				t.Errorf("XOR: got %x, want %x", got, want)
			}
			if got := Copy(make([]byte, n+3), b, k); got != want {
				t.Errorf("Copy: got %x, want %x", got, want)
			}
		})
	}
}

func TestPieces(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	src := make([]byte, 1000)
	for i := range src {
		src[i] = byte(r.Uint32())
	}
	want := make([]byte, len(src))
	oracle(want, src, testKey)
	sizes := map[string]func() int{
		"random": func() int { return r.IntN(70) },
	}
	for _, n := range []int{1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 64, 127, 999} {
		sizes[fmt.Sprint(n)] = func() int { return n }
	}
	for name, size := range sizes {
		t.Run("5.3/pieces_of_"+name, func(t *testing.T) {
			b, dst := bytes.Clone(src), make([]byte, len(src))
			k1, k2 := testKey, testKey
			for i := 0; i < len(b); {
				n := min(size(), len(b)-i)
				k1 = XOR(b[i:i+n], k1)
				k2 = Copy(dst[i:], src[i:i+n], k2)
				i += n
			}
			if !bytes.Equal(b, want) {
				t.Error("XOR in pieces differs from XOR of the whole")
			}
			if !bytes.Equal(dst, want) {
				t.Error("Copy in pieces differs from Copy of the whole")
			}
		})
	}
}

func TestCopyLongerDestination(t *testing.T) {
	dst := []byte("0123456789")
	Copy(dst, make([]byte, 4), Key{'a', 'b', 'c', 'd'})
	if string(dst) != "abcd456789" {
		t.Errorf("got %q", dst)
	}
}

func TestCopyShortDestination(t *testing.T) {
	dst := []byte{0, 0, 0}
	defer func() {
		s, _ := recover().(string)
		if !strings.HasPrefix(s, "hawser/mask: ") {
			t.Errorf("panic value: %q", s)
		}
		if !bytes.Equal(dst, []byte{0, 0, 0}) {
			t.Errorf("dst was modified before the panic: %x", dst)
		}
	}()
	Copy(dst, make([]byte, 4), testKey)
	t.Error("no panic")
}

func TestAllocations(t *testing.T) {
	if conntest.RaceEnabled {
		t.Skip("allocations are not counted under the race detector")
	}
	b, dst := make([]byte, 300), make([]byte, 300)
	if n := testing.AllocsPerRun(100, func() { Copy(dst, b, XOR(b, testKey)) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzXOR(f *testing.F) {
	for _, n := range []int{0, 1, 3, 4, 7, 8, 9, 31, 32, 33, 63, 64, 65, 125, 300} {
		f.Add(bytes.Repeat([]byte{0x5a}, n), uint32(0x37fa213d), n/3)
	}
	f.Fuzz(func(t *testing.T, src []byte, k uint32, split int) {
		key := Key{byte(k >> 24), byte(k >> 16), byte(k >> 8), byte(k)}
		if split < 0 || split > len(src) {
			split = len(src) / 2
		}
		want := make([]byte, len(src))
		oracle(want, src, key)
		for _, impl := range implementations {
			b, dst := bytes.Clone(src), make([]byte, len(src))
			impl.xor(b[:split], key)
			impl.xor(b[split:], key.rotate(split))
			impl.copy(dst[:split], b[:split], Key{})
			impl.copy(dst[split:], src[split:], key.rotate(split))
			if !bytes.Equal(b, want) || !bytes.Equal(dst, want) {
				t.Errorf("%s: split %d: xor %x, copy %x, want %x", impl.name, split, b, dst, want)
			}
		}
	})
}
