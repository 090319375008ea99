// Package histogram counts durations in log-linear classes: exact up to 127 ns, and at most 0.8 % wide above.
package histogram

import (
	"math/bits"
	"time"
)

const (
	bitsPerOctave = 7
	perOctave     = 1 << bitsPerOctave
	classes       = (64 - bitsPerOctave) * perOctave
)

// A Histogram counts durations. The zero value is empty. It must not be used by two goroutines at once.
type Histogram struct {
	counts [classes]uint64
	count  uint64
	max    time.Duration
}

// Record counts d. A negative one counts as 0.
func (h *Histogram) Record(d time.Duration) {
	d = max(d, 0)
	h.counts[class(d)]++
	h.count++
	h.max = max(h.max, d)
}

// Count returns how many durations were recorded.
func (h *Histogram) Count() uint64 { return h.count }

// Max returns the largest duration recorded, exactly.
func (h *Histogram) Max() time.Duration { return h.max }

// Quantile returns the upper end of the class that holds the q-quantile, 0 <= q <= 1, but not more than Max. It is 0 if nothing was recorded.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.count == 0 {
		return 0
	}
	// The smallest class with at least q of all in it and below it.
	want := uint64(q * float64(h.count))
	if float64(want) < q*float64(h.count) {
		want++
	}
	want = min(max(want, 1), h.count)
	var sum uint64
	for i, n := range &h.counts {
		if sum += n; sum >= want {
			return min(upper(i), h.max)
		}
	}
	return h.max
}

// class returns the index of d's class: d itself below 128, and above the octave and the seven bits behind its leading one.
func class(d time.Duration) int {
	v := uint64(d)
	if v < perOctave {
		return int(v)
	}
	shift := bits.Len64(v) - bitsPerOctave - 1
	return (shift+1)*perOctave + int(v>>shift) - perOctave
}

// upper returns the largest duration of a class.
func upper(class int) time.Duration {
	if class < perOctave {
		return time.Duration(class)
	}
	shift := class/perOctave - 1
	return time.Duration(uint64(class%perOctave+perOctave+1)<<shift - 1)
}
