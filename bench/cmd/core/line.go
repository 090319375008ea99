package main

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// A line is one line of the table: an operation, and what it is compared with.
type line struct {
	name string
	ours func()
	// reference is what ours is compared with: the figure is how many times as fast ours is. If it is nil, the figure is ours's time in nanoseconds.
	reference func()
	per       int // ours and reference do this many operations
	goal      goal
	group     string // of the lines of one group the table has only the worst

	calls      [2]int    // of ours and of reference that take a slice's time
	times      []float64 // nanoseconds an operation, one for each round
	references []float64
}

func (l *line) unit() string {
	if l.reference != nil {
		return " x"
	}
	return " ns"
}

// slicesPerRound is how often ours and reference take turns in a round.
const slicesPerRound = 3

// measure runs one round.
func (l *line) measure(least time.Duration) {
	ours, reference := math.Inf(1), math.Inf(1)
	for range slicesPerRound {
		ours = min(ours, perCall(l.ours, &l.calls[0], least))
		if l.reference != nil {
			reference = min(reference, perCall(l.reference, &l.calls[1], least))
		}
	}
	l.times = append(l.times, ours/float64(l.per))
	if l.reference != nil {
		l.references = append(l.references, reference/float64(l.per))
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
func worstOfGroups(lines []*line) (kept []*line) {
	at := make(map[string]int)
	for _, l := range lines {
		i, ok := at[l.group]
		switch {
		case l.group == "" || !ok:
			at[l.group] = len(kept)
			kept = append(kept, l)
		case (l.result().figure.median < kept[i].result().figure.median) == (l.reference != nil):
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

func (l *line) result() result {
	times := spreadOf(l.times)
	if l.reference == nil {
		return result{time: times.median, figure: times}
	}
	ratios := make([]float64, len(l.times))
	for i := range ratios {
		ratios[i] = l.references[i] / l.times[i]
	}
	return result{times.median, spreadOf(l.references).median, spreadOf(ratios)}
}

// A goal is the figure to reach: at least or at most, or none if both are 0.
type goal struct{ atLeast, atMost float64 }

func (g goal) String() string {
	switch {
	case g.atLeast > 0:
		return fmt.Sprintf(">= %v x", g.atLeast)
	case g.atMost > 0:
		return fmt.Sprintf("<= %v ns", g.atMost)
	}
	return ""
}

// judge says what has become of the goal.
func (g goal) judge(s spread) string {
	target := g.atLeast + g.atMost // one of them is 0
	good := s.median >= g.atLeast && (g.atMost == 0 || s.median <= g.atMost)
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
