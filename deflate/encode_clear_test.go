package deflate

import (
	"math/rand/v2"
	"testing"
)

// TestClearForgets: when positions begin again, a position of the last round must not be taken for one of this.
func TestClearForgets(t *testing.T) {
	p := record(rand.New(rand.NewPCG(1, 2)), 2000)
	f := new(fastMatcher)
	f.learn(p, 0, 1)
	if *f == (fastMatcher{}) {
		t.Fatal("the fast matcher has learned nothing")
	}
	if f.clear(); *f != (fastMatcher{}) {
		t.Error("the fast matcher remembers something")
	}
	m := new(bestMatcher)
	m.learn(p, 0, 1)
	if m.clear(); m.head != (bestMatcher{}).head || m.head3 != (bestMatcher{}).head3 {
		t.Error("the best matcher remembers something")
	}
}

// TestLimitErrorText: the limit is a decimal number, also where digits of other bases would differ.
func TestLimitErrorText(t *testing.T) {
	const want = "hawser/deflate: the message inflates to more than 1234567890 octets"
	if got := (&LimitError{1234567890}).Error(); got != want {
		t.Errorf("got %q", got)
	}
}
