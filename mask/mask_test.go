package mask

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/internal/conntest"
)

// oracle is RFC 6455, 5.3 as it is written: octet i of the result is octet i of
// the original XOR "octet at index i modulo 4 of the masking key".
func oracle(dst, src []byte, key Key) {
	for i := range src {
		dst[i] = src[i] ^ key[i%4]
	}
}

// testKey has four octets that differ, so that a wrong phase shows.
var testKey = Key{0x37, 0xfa, 0x21, 0x3d}

// after returns k as it stands after n octets of payload.
func after(k Key, n int) Key { return Key{k[n%4], k[(n+1)%4], k[(n+2)%4], k[(n+3)%4]} }

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

func TestKeySize(t *testing.T) {
	// "The masking key is a 32-bit value" (RFC 6455, 5.3).
	if n := len(Key{}); n != 4 {
		t.Errorf("5.3: a masking key has %d octets", n)
	}
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
	for _, impl := range underTest() {
		t.Run("5.3/"+impl.name, func(t *testing.T) {
			impl.use(t)
			n := testing.AllocsPerRun(100, func() {
				var b, dst [600]byte // on the stack, unless they escape
				for _, n := range []int{20, 100, 600} {
					Copy(dst[:], b[:n], XOR(b[:n], testKey))
				}
			})
			if n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

func FuzzXOR(f *testing.F) {
	for _, n := range []int{0, 1, 3, 4, 7, 8, 9, 31, 32, 33, 63, 64, 65, 125, 129, 255, 256, 257, 300, 513, 1100} {
		f.Add(bytes.Repeat([]byte{0x5a}, n), uint32(0x37fa213d), n/3)
	}
	f.Fuzz(func(t *testing.T, src []byte, k uint32, split int) {
		for _, impl := range underTest() {
			impl.use(t)
			testXOR(t, impl.name, src, k, split)
		}
	})
}

// TestRandomXOR is FuzzXOR without the fuzzing engine: of each input four octets are the key and one says where it is cut.
func TestRandomXOR(t *testing.T) {
	var seeds [][]byte
	for _, n := range []int{5, 9, 33, 129, 300} {
		seeds = append(seeds, bytes.Repeat([]byte{0x5a, 3, 0x81, 0xff, 7}, n/5+1))
	}
	for _, impl := range underTest() {
		t.Run(impl.name, func(t *testing.T) {
			impl.use(t)
			conntest.Random(t, seeds, func(p []byte) {
				if len(p) < 5 {
					return
				}
				testXOR(t, impl.name, p[5:], binary.BigEndian.Uint32(p), int(p[4]))
			})
		})
	}
}

// testXOR is the oracle: both forms, in two pieces, are what a loop over octets makes, and the source is as it was.
func testXOR(t *testing.T, name string, src []byte, k uint32, split int) {
	key := Key{byte(k >> 24), byte(k >> 16), byte(k >> 8), byte(k)}
	if split < 0 || split > len(src) {
		split = len(src) / 2
	}
	want, unchanged := make([]byte, len(src)), bytes.Clone(src)
	oracle(want, src, key)
	b, dst := bytes.Clone(src), make([]byte, len(src))
	k1 := XOR(b[split:], XOR(b[:split], key))
	k2 := Copy(dst[split:], src[split:], Copy(dst, src[:split], key))
	if !bytes.Equal(b, want) || !bytes.Equal(dst, want) || k1 != after(key, len(src)) || k2 != k1 {
		t.Errorf("%s: split %d: xor %x, copy %x, want %x; keys %x, %x", name, split, b, dst, want, k1, k2)
	}
	if !bytes.Equal(src, unchanged) {
		t.Errorf("%s: split %d: the source was modified", name, split)
	}
}
