package histogram

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestClasses(t *testing.T) {
	for _, d := range []time.Duration{0, 1, 127, 128, 129, 255, 256, 257, 1000, 1e6, 1e9, 1e12, math.MaxInt64 - 1, math.MaxInt64} {
		c := class(d)
		if c < 0 || c >= classes {
			t.Fatalf("The class of %d ns is %d, but there are %d.", d, c, classes)
		}
		if u := upper(c); u < d {
			t.Errorf("The upper end of the class of %d ns is %d ns, which is below it.", d, u)
		} else if float64(u-d) > 0.008*float64(d) {
			t.Errorf("The upper end of the class of %d ns is %d ns, more than 0.8 %% above it.", d, u)
		}
		if c > 0 && upper(c-1) >= d {
			t.Errorf("%d ns is in class %d, but the class below ends at %d ns.", d, c, upper(c-1))
		}
	}
}

func TestQuantiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var h Histogram
	all := make([]time.Duration, 10_000)
	for i := range all {
		all[i] = time.Duration(math.Exp(rng.Float64() * 20))
		h.Record(all[i])
	}
	slices.Sort(all)
	for _, q := range []float64{0, 0.001, 0.5, 0.9, 0.99, 0.999, 0.9999, 1} {
		want := all[max(int(math.Ceil(q*float64(len(all)))), 1)-1]
		got := h.Quantile(q)
		if got < want || float64(got-want) > 0.008*float64(want) {
			t.Errorf("The %v quantile is %v, but %v was returned.", q, want, got)
		}
	}
	if h.Max() != all[len(all)-1] || h.Count() != uint64(len(all)) {
		t.Errorf("Max and Count are %v and %d, but should be %v and %d.", h.Max(), h.Count(), all[len(all)-1], len(all))
	}
}

func TestEmptyAndNegative(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 || h.Max() != 0 || h.Count() != 0 {
		t.Error("An empty histogram should say 0.")
	}
	h.Record(-1)
	if h.Quantile(1) != 0 || h.Count() != 1 {
		t.Error("A negative duration should count as 0.")
	}
}
