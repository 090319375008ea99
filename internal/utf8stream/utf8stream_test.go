package utf8stream

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode/utf8"
	"unsafe"

	"github.com/hawser-go/hawser/internal/conntest"
)

// prefixes are the proper prefixes of all encodings that unicode/utf8 makes:
// the oracle for "this octet is impossible", which knows nothing of ranges.
var prefixes = func() map[string]bool {
	prefixes := map[string]bool{}
	var b [utf8.UTFMax]byte
	for r := range rune(utf8.MaxRune + 1) {
		if !utf8.ValidRune(r) {
			continue
		}
		for i := range utf8.EncodeRune(b[:], r) {
			if !prefixes[string(b[:i])] {
				prefixes[string(b[:i])] = true
			}
		}
	}
	return prefixes
}()

// possible reports whether some continuation of p, perhaps none, is valid.
func possible(p []byte) bool {
	for len(p) > 0 {
		if r, n := utf8.DecodeRune(p); r != utf8.RuneError || n > 1 {
			p = p[n:]
			continue
		}
		return prefixes[string(p)]
	}
	return true
}

// firstImpossible returns the index of the first octet of p after which no
// continuation is valid, or len(p).
func firstImpossible(p []byte) int {
	for i := 0; i < len(p); {
		if r, n := utf8.DecodeRune(p[i:]); r != utf8.RuneError || n > 1 {
			i += n
			continue
		}
		for j := i; j < len(p); j++ {
			if !prefixes[string(p[i:j+1])] {
				return j
			}
		}
		break
	}
	return len(p)
}

func TestOracle(t *testing.T) {
	tests := []struct {
		p    string
		want int
	}{
		{"", 0}, {"a", 1}, {"\xce", 1}, {"\xce\xba", 2}, {"\xe0\xa0", 2}, {"\xe0\x80", 1}, {"\xf0\x9f\x8c", 3},
		{"\xf4\x90", 1}, {"\xc0", 0}, {"ab\x80", 2}, {"\uffff", 3}, {"\ufffd", 3}, {"\xf5", 0},
	}
	for _, tt := range tests {
		if got := firstImpossible([]byte(tt.p)); got != tt.want {
			t.Errorf("%x: got %d, want %d", tt.p, got, tt.want)
		}
	}
}

// testSplits feeds p whole, octet by octet and in two pieces at every split.
func testSplits(t *testing.T, p []byte) {
	t.Helper()
	for split := range len(p) + 1 {
		testPieces(t, p, split)
	}
	every := make([]int, len(p))
	for i := range every {
		every[i] = i + 1
	}
	testPieces(t, p, every...)
}

// testPieces feeds p cut at the ascending offsets cuts and compares every
// answer with the oracle.
func testPieces(t *testing.T, p []byte, cuts ...int) {
	t.Helper()
	impossible := firstImpossible(p)
	var v Validator
	from := 0
	for _, to := range append(cuts, len(p)) {
		if got, want := v.Feed(p[from:to:to]), to <= impossible; got != want {
			t.Fatalf("%x cut at %v: Feed of octets %d to %d is %v, the first impossible octet is %d", p, cuts, from, to, got, impossible)
		}
		if got, want := v.Complete(), utf8.Valid(p[:to]); got != want {
			t.Fatalf("%x cut at %v: Complete after %d octets is %v, want %v", p, cuts, to, got, want)
		}
		from = to
	}
	if v.Feed(nil) != (impossible == len(p)) {
		t.Fatalf("%x cut at %v: Feed of nothing changes the answer", p, cuts)
	}
	if impossible < len(p) && (v.Feed([]byte("a")) || v.Complete()) {
		t.Fatalf("%x cut at %v: the failure was forgotten", p, cuts)
	}
	v.Reset()
	if !v.Complete() || !v.Feed([]byte("κ")) || !v.Complete() {
		t.Fatalf("%x cut at %v: not ready after Reset", p, cuts)
	}
}

// invalid is the list that every implementation has to refuse.
var invalid = []struct {
	name  string
	p     string
	first int // the index of the first impossible octet; -1: only the end is wrong
}{
	{"overlong_2_first", "\xC0\x80", 0},
	{"overlong_2_last", "\xC1\xBF", 0},
	{"overlong_3_first", "\xE0\x80\x80", 1},
	{"overlong_3_last", "\xE0\x9F\xBF", 1},
	{"surrogate_first", "\xED\xA0\x80", 1},
	{"surrogate_last", "\xED\xBF\xBF", 1},
	{"overlong_4_first", "\xF0\x80\x80\x80", 1},
	{"overlong_4_last", "\xF0\x8F\xBF\xBF", 1},
	{"beyond_U+10FFFF", "\xF4\x90\x80\x80", 1},
	{"lead_F5", "\xF5\x80\x80\x80", 0},
	{"five_octets", "\xF8\x88\x80\x80\x80", 0},
	{"octet_FF", "\xFF", 0},
	{"continuation_alone", "\x80", 0},
	{"truncated", "\xE2\x82", -1},
	{"truncated_then_ASCII", "\xE2\x82a", 2},
	{"truncated_then_lead", "\xF0\x9F\x8C\xF0\x9F\x8C\x8D", 3},
	{"continuation_too_many", "κ\x80", 2},
}

var valid = []struct{ name, p string }{
	{"empty", ""},
	{"NUL", "\x00"},
	{"ASCII", "The quick brown fox"},
	{"greek", "κόσμε"},
	{"first_and_last_of_2", "\u0080\u07ff"},
	{"first_and_last_of_3", "\u0800\uffff"},
	{"around_surrogates", "\ud7ff\ue000"},
	{"first_and_last_of_4", "\U00010000\U0010ffff"},
	{"noncharacters", "\ufffe\uffff\ufdd0\U0001fffe\U0010ffff"},
	{"replacement_character", "\ufffd"},
	{"byte_order_mark", "\ufeffx"},
	{"all_lengths", "aκ世🌍a🌍世κa"},
}

func TestInvalid(t *testing.T) {
	forEach(t, func(t *testing.T) {
		for _, tt := range invalid {
			t.Run("8.1/"+tt.name, func(t *testing.T) {
				if want := tt.first; want >= 0 && firstImpossible([]byte(tt.p)) != want {
					t.Fatalf("the oracle says %d, the table %d", firstImpossible([]byte(tt.p)), want)
				}
				if utf8.ValidString(tt.p) {
					t.Fatal("it is valid")
				}
				// At every place of a text, near both ends and at any alignment.
				for _, n := range []int{0, 1, 2, 3, 5, 7, 8, 14, 15, 16, 17} {
					for _, fill := range []string{"a", "κ", "世", "🌍"} {
						testSplits(t, []byte(strings.Repeat(fill, n)+tt.p))
						testSplits(t, []byte(strings.Repeat(fill, n/2)+tt.p+strings.Repeat(fill, n)))
					}
				}
			})
		}
	})
}

func TestValid(t *testing.T) {
	forEach(t, func(t *testing.T) {
		for _, tt := range valid {
			t.Run("8.1/"+tt.name, func(t *testing.T) {
				if !utf8.ValidString(tt.p) {
					t.Fatal("it is not valid")
				}
				testSplits(t, []byte(tt.p))
				testSplits(t, []byte(strings.Repeat(tt.p, 10)))
			})
		}
	})
}

// TestFragmentations feeds κόσμε in all the 2^10 ways to cut its eleven octets.
func TestFragmentations(t *testing.T) {
	forEach(t, func(t *testing.T) {
		p := []byte("\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5")
		for set := range 1 << (len(p) - 1) {
			var cuts []int
			for i := range len(p) - 1 {
				if set>>i&1 == 1 {
					cuts = append(cuts, i+1)
				}
			}
			testPieces(t, p, cuts...)
		}
	})
}

// TestFailFast: the octet that makes a text impossible is refused when it is
// the last of a piece (Autobahn 6.4).
func TestFailFast(t *testing.T) {
	forEach(t, func(t *testing.T) {
		for _, p := range []string{"\xE0\x80", "\xE0\x9F", "\xED\xA0", "\xED\xBF", "\xF0\x80", "\xF0\x8F", "\xF4\x90", "\xF4\xBF", "\xF0\x90\x41", "\xE1\x80\xC2"} {
			t.Run(fmt.Sprintf("8.1/%X", p), func(t *testing.T) {
				for n := range 40 {
					var v Validator
					if v.Feed([]byte(strings.Repeat("a", n) + p)) {
						t.Errorf("accepted behind %d octets", n)
					}
				}
			})
		}
	})
}

// TestExhaustive compares with unicode/utf8 all strings of one to three octets
// and all strings of four that begin with F0 or more, fed whole and octet by
// octet. With -short, on 32 bits and under the race detector the last octets take
// only the values at which something changes.
func TestExhaustive(t *testing.T) {
	all, some := octets()
	second, third, fourth := all, all, all
	if conntest.RaceEnabled {
		second = some
	}
	if testing.Short() || conntest.RaceEnabled || math.MaxInt == math.MaxInt32 {
		third, fourth = some, some
	}
	forEach(t, func(t *testing.T) {
		if limit != automaton.limits && limit.any > 4 {
			t.Skip("leaves four octets to the automaton; TestBulkExhaustive surrounds them")
		}
		for lead := 0; lead < 256; lead += 16 {
			t.Run(fmt.Sprintf("8.1/leads_%X_to_%X", lead, lead+15), func(t *testing.T) {
				t.Parallel()
				for _, c := range all[lead : lead+16] {
					exhaust(t, c, second, third, fourth)
				}
			})
		}
	})
}

// octets returns all octets, and those at which something changes.
func octets() (all, some []byte) {
	for c := range 256 {
		all = append(all, byte(c))
		switch c {
		case 0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xED, 0xEF, 0xF0, 0xF4, 0xF5, 0xFF:
			some = append(some, byte(c))
		}
	}
	return all, some
}

func exhaust(t *testing.T, lead byte, second, third, fourth []byte) {
	var p [4]byte
	// check returns the validator after p[:n], whose last octet is new, given
	// the one before that octet.
	check := func(n int, before Validator, canBe bool) (after Validator, isPossible bool) {
		var whole Validator
		isValid := utf8.Valid(p[:n])
		if canBe {
			canBe = isValid || possible(p[:n])
		}
		step := before
		if step.Feed(p[n-1:n]) != canBe || step.Complete() != isValid {
			t.Fatalf("%x octet by octet: %+v, possible is %v, valid is %v", p[:n], step, canBe, isValid)
		}
		if whole.Feed(p[:n]) != canBe || whole.Complete() != isValid {
			t.Fatalf("%x whole: %+v, possible is %v, valid is %v", p[:n], whole, canBe, isValid)
		}
		return step, canBe
	}
	p[0] = lead
	v1, ok1 := check(1, Validator{}, true)
	for _, p[1] = range second {
		v2, ok2 := check(2, v1, ok1)
		for _, p[2] = range third {
			v3, ok3 := check(3, v2, ok2)
			if lead < 0xF0 {
				continue
			}
			for _, p[3] = range fourth {
				// Runs 2^28 times: no more than is needed. Behind an impossible
				// prefix, v3 has failed already.
				var whole Validator
				if !ok3 {
					if whole.Feed(p[:]) {
						t.Fatalf("%x is accepted whole", p)
					}
					continue
				}
				step, isValid := v3, utf8.Valid(p[:])
				if step.Feed(p[3:]) != isValid || whole.Feed(p[:]) != isValid || step != whole {
					t.Fatalf("%x: octet by octet %+v, whole %+v, valid is %v", p, step, whole, isValid)
				}
			}
		}
	}
}

func TestSize(t *testing.T) {
	// One of these lies in every connection.
	if n := unsafe.Sizeof(Validator{}); n > 8 {
		t.Errorf("a Validator has %d octets", n)
	}
}

func TestAllocations(t *testing.T) {
	if conntest.RaceEnabled {
		t.Skip("allocations are not counted under the race detector")
	}
	forEach(t, func(t *testing.T) {
		for _, n := range []int{2, 20, 200} {
			p := []byte(strings.Repeat("aκ世🌍", n))
			var v Validator
			allocs := testing.AllocsPerRun(100, func() {
				v.Reset()
				// The first piece is on the stack, if Feed lets it.
				var first [8]byte
				copy(first[:], p)
				if !v.Feed(first[:]) || !v.Feed(p[8:len(p)-3]) || !v.Feed(p[len(p)-3:]) || !v.Complete() {
					t.Error("refused")
				}
			})
			if allocs != 0 {
				t.Errorf("%v allocations for %d octets", allocs, len(p))
			}
		}
	})
}

// FuzzFeed: in any three pieces the answers are those of the oracle.
func FuzzFeed(f *testing.F) {
	for _, tt := range invalid {
		f.Add([]byte(tt.p), 1, 1)
		f.Add([]byte("0123456789abcdef"+tt.p+"κ"), 16, 2)
	}
	for _, tt := range valid {
		f.Add([]byte(tt.p), 2, 1)
	}
	f.Fuzz(func(t *testing.T, p []byte, first, second int) {
		first = int(uint(first) % uint(len(p)+1))
		second = first + int(uint(second)%uint(len(p)-first+1))
		for _, impl := range underTest() {
			t.Run(impl.name, func(t *testing.T) {
				impl.use(t)
				testPieces(t, p, first, second)
				testPieces(t, p)
			})
		}
		if possible(p) != (firstImpossible(p) == len(p)) {
			t.Fatalf("%x: the oracle contradicts itself", p)
		}
	})
}

// TestRandomText is FuzzFeed without the fuzzing engine: the first two octets say where the text is cut.
func TestRandomText(t *testing.T) {
	seeds := [][]byte{[]byte("\x05\x03ASCII alone, longer than a vector has octets, to its end and on")}
	for _, tt := range invalid {
		seeds = append(seeds, []byte("\x02\x01"+tt.p), []byte("\x10\x020123456789abcdef"+tt.p+"κ"))
	}
	for _, tt := range valid {
		seeds = append(seeds, []byte("\x01\x02"+tt.p))
	}
	forEach(t, func(t *testing.T) {
		conntest.Random(t, seeds, func(p []byte) {
			if len(p) < 2 {
				return
			}
			first, second, p := int(p[0]), int(p[1]), p[2:]
			first %= len(p) + 1
			testPieces(t, p, first, first+second%(len(p)-first+1))
		})
	})
}

var benchTexts = []struct{ name, p string }{
	{"ASCII", "WebSocket "},
	{"German", "Zwölf Boxkämpfer jagen Viktor quer über den Sylter Deich. "},
	{"Greek", "κόσμε"},
	{"Chinese", "世界你好"},
	{"emoji", "🌍🚀"},
	{"mixed", `{"id":4711,"user":"Jürgen Müller","text":"Grüße aus Köln, bis 18:00 am Dom 🌍","tags":["news","世界"],` +
		`"reply":false,"time":"2026-11-22T09:36:00Z","where":{"lat":50.9413,"lon":6.9583},` +
		`"client":"web/1.12.3 (X11; Linux x86_64)","trace":"4bf92f3577b34da6a3ce929d0e0e4736"},`},
}

var benchSizes = []int{16, 125, 1024, 4096, 65536}

// bench calls f with every text in every size, cut at a boundary.
func bench(b *testing.B, name string, f func(p []byte) bool) {
	for _, bm := range benchTexts {
		for _, size := range benchSizes {
			p := []byte(strings.Repeat(bm.p, size/len(bm.p)+1))[:size]
			p = p[:lastBoundary(p)]
			b.Run(fmt.Sprintf("impl=%s/text=%s/size=%d", name, bm.name, size), func(b *testing.B) {
				b.SetBytes(int64(len(p)))
				for b.Loop() {
					if !f(p) {
						b.Fatal("refused")
					}
				}
			})
		}
	}
}

func BenchmarkFeed(b *testing.B) {
	for _, impl := range implementations {
		if !impl.available {
			continue
		}
		impl.use(b)
		bench(b, impl.name, func(p []byte) bool {
			var v Validator
			return v.Feed(p) && v.Complete()
		})
	}
	// What the others are measured against.
	bench(b, "unicode_utf8", utf8.Valid)
}
