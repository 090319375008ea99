package utf8stream

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hawser-go/hawser/internal/conntest"
)

// underTest are the implementations that this processor has, and beside each
// one that has limits the same without: that takes all lengths that it can.
func underTest() (list []implementation) {
	for _, impl := range implementations {
		if !impl.available {
			continue
		}
		list = append(list, impl)
		if impl.any != never {
			impl.name += "_unlimited"
			impl.any = longMin
			list = append(list, impl)
		}
	}
	return list
}

// use makes Feed use this implementation until the test ends.
func (impl implementation) use(tb testing.TB) {
	before := limit
	tb.Cleanup(func() { limit = before })
	limit = impl.limits
}

// forEach runs a test with every implementation, one after the other.
func forEach(t *testing.T, test func(t *testing.T)) {
	for _, impl := range underTest() {
		t.Run(impl.name, func(t *testing.T) {
			impl.use(t)
			test(t)
		})
	}
}

func TestHardware(t *testing.T) {
	var names []string
	for _, impl := range underTest() {
		names = append(names, impl.name)
	}
	for _, name := range hardware(t) {
		if !slices.Contains(names, name) {
			t.Errorf("this processor has what %q needs, but only %q are tested", name, names)
		}
	}
	// An implementation that leaves everything to the automaton would pass all
	// other tests.
	if limit != automaton.limits {
		if p := []byte(strings.Repeat("世", 1000)); bulk(p) != len(p) {
			t.Errorf("%s looks at %d octets of %d", best(implementations).name, bulk(p), len(p))
		}
	}
}

func TestLimits(t *testing.T) {
	for _, impl := range implementations {
		t.Run(impl.name, func(t *testing.T) {
			if impl.dense < longMin || impl.any < longMin {
				t.Errorf("long is called with less than %d octets: %+v", longMin, impl.limits)
			}
			if impl.dense < 32 {
				t.Errorf("Feed looks at 32 octets of %d", impl.dense)
			}
		})
	}
	if last := implementations[len(implementations)-1]; last != automaton {
		t.Errorf("the last implementation is %q", last.name)
	}
	if automaton.dense != math.MaxInt || automaton.any != math.MaxInt || !automaton.available {
		t.Errorf("automaton has limits: %+v", automaton)
	}
}

func TestBest(t *testing.T) {
	absent := implementation{name: "absent", limits: limits{100, 200}}
	present := implementation{name: "present", available: true, limits: limits{300, 400}}
	for _, tt := range []struct {
		name string
		list []implementation
		want implementation
	}{
		{"first", []implementation{present, automaton}, present},
		{"second", []implementation{absent, present, automaton}, present},
		{"none", []implementation{absent, automaton}, automaton},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := best(tt.list); got != tt.want {
				t.Errorf("got %+v", got)
			}
		})
	}
	if got := best(implementations).limits; limit != got {
		t.Errorf("in use are %+v, the best are %+v", limit, got)
	}
}

// blockMax is the most that bulk looks at at once.
const blockMax = 64

// testBulk compares what bulk says of p with what it promises.
func testBulk(t *testing.T, p []byte) {
	t.Helper()
	if limit == automaton.limits || len(p) < bulkMin {
		return
	}
	n, impossible := bulk(p), firstImpossible(p)
	switch {
	case n < 0 || n > len(p):
		t.Fatalf("%x: bulk returns %d of %d", p, n, len(p))
	case n > impossible+1:
		t.Fatalf("%x: bulk returns %d, but octet %d is impossible", p, n, impossible)
	case n == len(p):
		// Only a lead that is the last octet may be wrong.
	case impossible == len(p) && implementations[0].name != "standard":
		t.Fatalf("%x: bulk returns %d, but no octet is impossible", p, n)
	case impossible >= n+blockMax && implementations[0].name != "standard":
		t.Fatalf("%x: bulk returns %d, but the octet that is impossible is %d", p, n, impossible)
	}
}

// fills surround what is tested. A text that is filled with one of them and
// begins with some "a" has what is tested at any offset.
var fills = []string{"a", "κ", "世", "🌍"}

// filled returns octets of text, then p, then octets of text.
func filled(fill string, before int, p string, after int) []byte {
	text := strings.Repeat("a", before%len(fill)) + strings.Repeat(fill, before/len(fill)) + p +
		strings.Repeat(fill, after/len(fill)) + strings.Repeat("a", after%len(fill))
	return []byte(text)
}

// TestEveryOffset has what is valid and what is not at every offset of a long
// text: every place in a block and across blocks, in what is looked at twice at
// the end, and as the only thing that is not ASCII.
func TestEveryOffset(t *testing.T) {
	type text struct{ name, p string }
	var texts []text
	for _, tt := range invalid {
		texts = append(texts, text{tt.name, tt.p})
	}
	for _, tt := range valid {
		texts = append(texts, text{tt.name, tt.p})
	}
	step := 1
	if conntest.RaceEnabled || testing.Short() {
		step = 7
	}
	forEach(t, func(t *testing.T) {
		for _, tt := range texts {
			t.Run("8.1/"+tt.name, func(t *testing.T) {
				for _, fill := range fills {
					for before := 0; before <= 300; before += step {
						for _, after := range []int{0, 1, 2, 3, 8, 15, 28, 29, 30, 31, 32, 33, 61, 64, 67, 96, 125, 260} {
							p := filled(fill, before, tt.p, after)
							testPieces(t, p)
							testPieces(t, p, before)
							testPieces(t, p, min(before+1, len(p)))
							testBulk(t, p)
						}
					}
				}
			})
		}
	})
}

// TestSwitching has texts that go from ASCII to other text and back in all ways
// that the sizes of blocks allow, with one octet changed.
func TestSwitching(t *testing.T) {
	const fill = "a世κ🌍"
	step := 1
	if conntest.RaceEnabled || testing.Short() {
		step = 17
	}
	forEach(t, func(t *testing.T) {
		for _, n := range []int{31, 64, 97, 128, 130} {
			t.Run(fmt.Sprintf("8.1/every_%d", n), func(t *testing.T) {
				var text []byte
				for len(text) < 700 {
					text = append(text, bytes.Repeat([]byte("a"), n)...)
					text = append(text, strings.Repeat(fill, n/len(fill))...)
				}
				testPieces(t, text)
				testBulk(t, text)
				for at := 0; at < len(text); at += step {
					for _, c := range []byte{'a', 0x80, 0xC3, 0xE4, 0xFF} {
						p := bytes.Clone(text)
						p[at] = c
						testPieces(t, p)
						testPieces(t, p, at)
						testBulk(t, p)
					}
				}
			})
		}
	})
}

// TestBulkExhaustive shows bulk all strings of three octets, and all of four
// that begin with F0 or more, in the middle of a text, across two blocks in all
// ways. With -short, on 32 bits and under the race detector the octets take only the
// values at which something changes.
func TestBulkExhaustive(t *testing.T) {
	if limit == automaton.limits {
		t.Skip("this build has no bulk")
	}
	all, some := octets()
	last := all
	if testing.Short() || conntest.RaceEnabled || math.MaxInt == math.MaxInt32 {
		last = some
	}
	for _, fill := range []string{"a", "世"} {
		for lead := 0; lead < 256; lead += 16 {
			t.Run(fmt.Sprintf("8.1/%s/leads_%X_to_%X", fill, lead, lead+15), func(t *testing.T) {
				t.Parallel()
				for _, n := range []int{3, 4} {
					if n == 4 && lead < 0xF0 {
						continue
					}
					for _, before := range []int{13, 28, 29, 30, 31, 32, 61, 63} {
						if n == 4 && len(last) == len(all) && before != 13 && before != 30 {
							continue // the others have what changes something, below
						}
						exhaustBulk(t, fill, before, n, all[lead:lead+16], all, last, last)
					}
					for before := range 131 {
						exhaustBulk(t, fill, before, n, all[lead:lead+16], some, some, some)
					}
				}
			})
		}
	}
}

func exhaustBulk(t *testing.T, fill string, before, n int, sets ...[]byte) {
	text := filled(fill, before, "1234"[:n], 70)
	p := text[before : before+n]
	count := 0
	var choose func(i int)
	choose = func(i int) {
		if i == n {
			count++
			got, isValid := bulk(text), utf8.Valid(p)
			if isValid != (got == len(text)) || !isValid && got > before+n {
				t.Fatalf("%x behind %d octets of %q: bulk returns %d of %d, valid is %v", p, before, fill, got, len(text), isValid)
			}
			return
		}
		for _, p[i] = range sets[i] {
			choose(i + 1)
		}
	}
	choose(0)
	if count == 0 {
		t.Fatal("nothing was tested")
	}
}

// FuzzImplementations: all implementations give the same answers as the
// automaton, octet by octet, and as the standard library, whatever surrounds p.
func FuzzImplementations(f *testing.F) {
	for i, tt := range invalid {
		f.Add([]byte(tt.p), byte(i), uint16(17*i), uint16(40), uint16(9*i))
	}
	for i, tt := range valid {
		f.Add([]byte(strings.Repeat(tt.p, 9)), byte(i), uint16(3*i), uint16(11*i), uint16(33))
	}
	f.Fuzz(func(t *testing.T, p []byte, fill byte, before, after, cut uint16) {
		text := filled(fills[int(fill)%len(fills)], int(before%400), string(p), int(after%400))
		at := int(cut) % (len(text) + 1)
		for _, impl := range underTest() {
			t.Run(impl.name, func(t *testing.T) {
				impl.use(t)
				testPieces(t, text)
				testPieces(t, text, at)
				testBulk(t, text)
			})
		}
	})
}
