// Package rounds measures operations against others in interleaved rounds, and prints the ratios as a table. What a line compares runs in turn, three slices of each in a round, of
// which the fastest counts, and the rounds are repeated: a machine that is slow for a while is slow for both.
package rounds

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// A Line is one line of the table: an operation, and what it is compared with.
type Line struct {
	Name string
	Ours func()
	// Reference is what Ours is compared with: the figure is how many times as fast Ours is. If it is nil, the figure is the time of Ours in nanoseconds.
	Reference func()
	Per       int // Ours and Reference do this many operations
	Goal      Goal
	Group     string // of the lines of one group the table has only the worst

	calls      [2]int    // of ours and of reference that take a slice's time
	times      []float64 // nanoseconds an operation, one for each round
	references []float64
}

func (l *Line) unit() string {
	if l.Reference != nil {
		return " x"
	}
	return " ns"
}

// slicesPerRound is how often ours and reference take turns in a round.
const slicesPerRound = 3

// measure runs one round.
func (l *Line) measure(least time.Duration) {
	ours, reference := math.Inf(1), math.Inf(1)
	for range slicesPerRound {
		ours = min(ours, perCall(l.Ours, &l.calls[0], least))
		if l.Reference != nil {
			reference = min(reference, perCall(l.Reference, &l.calls[1], least))
		}
	}
	l.times = append(l.times, ours/float64(l.Per))
	if l.Reference != nil {
		l.references = append(l.references, reference/float64(l.Per))
	}
}

// perCall returns how many nanoseconds a call of f takes. n is how many calls take about the time least, 0 if that is not known yet.
func perCall(f func(), n *int, least time.Duration) float64 {
	f() // what the line before left in the caches is not ours
	for {
		*n = max(*n, 1)
		start := time.Now()
		for range *n {
			f()
		}
		// A slice that was interrupted says less, but is no reason to do less in the next.
		d := time.Since(start)
		if d >= least/2 || *n >= 1<<30 {
			return float64(d.Nanoseconds()) / float64(*n)
		}
		*n *= 2
	}
}

// worstOfGroups returns lines with only the worst of each group: the one whose figure is the lowest, if it is a ratio, or the highest time.
func worstOfGroups(lines []*Line) (kept []*Line) {
	at := make(map[string]int)
	for _, l := range lines {
		i, ok := at[l.Group]
		switch {
		case l.Group == "" || !ok:
			at[l.Group] = len(kept)
			kept = append(kept, l)
		case (l.result().figure.median < kept[i].result().figure.median) == (l.Reference != nil):
			kept[i] = l
		}
	}
	return kept
}

// A spread is a median and its quartiles.
type spread struct{ low, median, high float64 }

func spreadOf(values []float64) spread {
	v := slices.Sorted(slices.Values(values))
	at := func(share float64) float64 {
		x := share * float64(len(v)-1)
		i := int(x)
		j := min(i+1, len(v)-1)
		return v[i] + (v[j]-v[i])*(x-float64(i))
	}
	return spread{at(0.25), at(0.5), at(0.75)}
}

// A result is what a line's rounds say.
type result struct {
	time, referenceTime float64
	figure              spread
}

func (l *Line) result() result {
	times := spreadOf(l.times)
	if l.Reference == nil {
		return result{time: times.median, figure: times}
	}
	ratios := make([]float64, len(l.times))
	for i := range ratios {
		ratios[i] = l.references[i] / l.times[i]
	}
	return result{times.median, spreadOf(l.references).median, spreadOf(ratios)}
}

// A Goal is the figure to reach: at least or at most, or none if both are 0.
type Goal struct{ AtLeast, AtMost float64 }

func (g Goal) String() string {
	switch {
	case g.AtLeast > 0:
		return fmt.Sprintf(">= %v x", g.AtLeast)
	case g.AtMost > 0:
		return fmt.Sprintf("<= %v ns", g.AtMost)
	}
	return ""
}

// judge says what has become of the goal.
func (g Goal) judge(s spread) string {
	target := g.AtLeast + g.AtMost // one of them is 0
	good := s.median >= g.AtLeast && (g.AtMost == 0 || s.median <= g.AtMost)
	switch {
	case target == 0:
		return ""
	case math.Abs(s.median-target) < s.high-s.low:
		return "equal"
	case good:
		return "met"
	}
	return "MISSED"
}
