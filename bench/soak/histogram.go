package main

import (
	"math/bits"
	"sync"
	"time"
)

// A histogram counts durations in classes an eighth wide.
type histogram struct {
	counts [64 * 8]uint64
	n      uint64
}

// class returns the index of the class of d: the number of its bits, and the three behind the first.
func class(d time.Duration) int {
	v := uint64(max(d, 8))
	n := bits.Len64(v)
	return n*8 + int(v>>(n-4)&7)
}

// upper returns the largest duration of a class.
func upper(class int) time.Duration {
	n, part := class/8, uint64(class%8)
	return time.Duration((8+part+1)<<(n-4) - 1)
}

func (h *histogram) record(d time.Duration) {
	h.counts[class(d)]++
	h.n++
}

func (h *histogram) add(o *histogram) {
	for i, c := range o.counts {
		h.counts[i] += c
	}
	h.n += o.n
}

// quantile returns the upper end of the class in which the q-th part of the durations ends, 0 if there are none.
func (h *histogram) quantile(q float64) time.Duration {
	rest := uint64(q * float64(h.n))
	for i, c := range h.counts {
		if c > rest {
			return upper(i).Round(time.Microsecond)
		}
		rest -= c
	}
	return 0
}

// A recorder is a histogram that many write to.
type recorder struct {
	mu sync.Mutex
	h  histogram
}

func (r *recorder) record(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.h.record(d)
}

// take returns what was recorded since the last call.
func (r *recorder) take() histogram {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.h
	r.h = histogram{}
	return h
}
