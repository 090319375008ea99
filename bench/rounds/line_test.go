package rounds

import (
	"slices"
	"testing"
)

func TestSpreadOf(t *testing.T) {
	for _, tt := range []struct {
		values []float64
		want   spread
	}{
		{[]float64{3}, spread{3, 3, 3}},
		{[]float64{5, 1, 4, 2, 3}, spread{2, 3, 4}},
		{[]float64{4, 1, 3, 2}, spread{1.75, 2.5, 3.25}},
	} {
		if got := spreadOf(tt.values); got != tt.want {
			t.Errorf("%v: %v, want %v", tt.values, got, tt.want)
		}
	}
}

func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		name string
		goal Goal
		s    spread
		want string
	}{
		{"ratio above", Goal{AtLeast: 5}, spread{5.9, 6, 6.1}, "met"},
		{"ratio below", Goal{AtLeast: 5}, spread{3.9, 4, 4.1}, "MISSED"},
		{"ratio below within the spread", Goal{AtLeast: 5}, spread{4, 4.8, 5.1}, "equal"},
		{"ratio above within the spread", Goal{AtLeast: 5}, spread{4.9, 5.1, 5.3}, "equal"},
		{"exactly, without a spread", Goal{AtLeast: 1}, spread{1, 1, 1}, "met"},
		{"time below", Goal{AtMost: 5}, spread{3.9, 4, 4.1}, "met"},
		{"time above", Goal{AtMost: 5}, spread{5.9, 6, 6.1}, "MISSED"},
		{"time above within the spread", Goal{AtMost: 5}, spread{4.9, 5.1, 5.3}, "equal"},
		{"none", Goal{}, spread{1, 2, 3}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.goal.judge(tt.s); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// The figure is the median of the rounds' own ratios: two rounds on a machine that was ten times slower do not count for more.
func TestResult(t *testing.T) {
	l := Line{times: []float64{2, 20, 2}, references: []float64{4, 40, 4}, Reference: func() {}}
	if got, want := l.result(), (result{2, 4, spread{2, 2, 2}}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestWorstOfGroups(t *testing.T) {
	f := func() {}
	ratio := func(group string, x float64) *Line {
		return &Line{Group: group, Reference: f, times: []float64{1}, references: []float64{x}}
	}
	a, b, c, d := ratio("a", 2), ratio("a", 1), ratio("a", 3), ratio("", 9)
	e, slow, g := &Line{Group: "b", times: []float64{1}}, &Line{Group: "b", times: []float64{2}}, ratio("", 1)
	if got, want := worstOfGroups([]*Line{a, b, c, d, e, slow, g}), []*Line{b, d, slow, g}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
