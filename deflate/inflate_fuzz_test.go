package deflate_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/deflate"
)

// addSeeds adds the tables of the other tests.
func addSeeds(f *testing.F) {
	for _, v := range vectors {
		for i, p := range v.payloads {
			f.Add([]byte(strings.Join(v.want[:i], "")), []byte(p), uint64(i))
		}
	}
	payloads, plain := corpus()
	for i := range 24 {
		f.Add([]byte{}, payloads[i], uint64(i))
		f.Add(plain[i], payloads[i+1], uint64(i))
	}
	lit := lensOf(259, 'a', 2, 'b', 2, end, 2, 258, 2)
	f.Add([]byte("history"), new(stream).lens(lit, []int{1}).syms(lit, 'a', 258).bits(0, 1).syms(lit, 'b', end).message(), uint64(7))
}

// FuzzInflate compares with compress/flate: whether a payload after a history is a message, and what is in it, however it
// arrives and wherever it goes.
func FuzzInflate(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, history, payload []byte, seed uint64) {
		const limit = 1 << 18
		history = history[max(0, len(history)-1<<15):]
		want, wantErr := oracle(history, payload, limit)

		r := rand.New(rand.NewPCG(seed, 0))
		after := func(bits int) *deflate.Window {
			w := fresh(bits, true)
			if _, err := whole(w, new(stream).stored(0, string(history[:len(history)/2])).stored(0, string(history[len(history)/2:])).message()); err != nil {
				t.Fatal(err)
			}
			return w
		}
		inOne, errOne := feed(after(15), limit, [][]byte{payload}, limit, false)
		cuts := cut(r, payload)
		room, drain := max(1, len(inOne)/(1+r.IntN(40))), r.IntN(2) == 0
		inPieces, errPieces := feed(after(15), limit, cuts, room, drain)
		if !bytes.Equal(inOne, inPieces) || errOne != errPieces && !(isLimit(errOne) && isLimit(errPieces)) {
			t.Fatalf("%d octets, %v; in %d pieces, room %d, drain %v: %d octets, %v", len(inOne), errOne, len(cuts), room, drain, len(inPieces), errPieces)
		}

		corrupt, _ := errors.AsType[*deflate.CorruptError](errOne)
		switch {
		case errOne == nil:
			if wantErr != nil || !bytes.Equal(inOne, want) {
				t.Fatalf("%d octets; compress/flate has %d, %v", len(inOne), len(want), wantErr)
			}
		case isLimit(errOne):
			if !errors.Is(wantErr, errOracleLimit) && len(want) <= limit {
				t.Fatalf("%v; compress/flate has %d octets", errOne, len(want))
			}
		case wantErr == nil && !strings.Contains(corrupt.Detail, "padding"):
			t.Fatalf("%v; compress/flate has %d octets", errOne, len(want))
		}

		// A smaller window refuses some of it and changes nothing.
		bits := 8 + r.IntN(7)
		inSmall, errSmall := feed(after(bits), limit, [][]byte{payload}, limit, false)
		if !bytes.HasPrefix(inOne, inSmall) || errSmall == nil && (errOne != nil || !bytes.Equal(inOne, inSmall)) {
			t.Fatalf("window of %d bits: %d octets, %v, not %d, %v", bits, len(inSmall), errSmall, len(inOne), errOne)
		}
	})
}

func isLimit(err error) bool {
	_, ok := errors.AsType[*deflate.LimitError](err)
	return ok
}

// FuzzInflateBounded asserts bounds, whatever the input, on the output, on what is held between messages, and on the errors there are.
func FuzzInflateBounded(f *testing.F) {
	addSeeds(f)
	f.Add([]byte{}, zeros(1<<20), uint64(9))
	f.Fuzz(func(t *testing.T, first, second []byte, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 1))
		bits := 8 + r.IntN(8)
		limit := int64(r.IntN(1 << r.IntN(18)))
		w := fresh(bits, r.IntN(2) == 0)
		for _, payload := range [][]byte{first, second} {
			room := 1 + r.IntN(1<<r.IntN(14))
			got, err := feed(w, limit, cut(r, payload), room, room < 256 || r.IntN(2) == 0)
			if int64(len(got)) > limit {
				t.Fatalf("%d octets, limit %d", len(got), limit)
			}
			if w.Held() > 1<<bits {
				t.Fatalf("%d octets are held, the window has %d bits", w.Held(), bits)
			}
			if err == nil {
				continue
			}
			if _, ok := errors.AsType[*deflate.CorruptError](err); !ok && !isLimit(err) {
				t.Fatal(err)
			}
			break
		}
		w.Release()
		if n, _ := deflate.Lent(); n != 0 {
			t.Fatalf("%d Inflaters are lent", n)
		}
	})
}
