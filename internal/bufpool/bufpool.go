// Package bufpool lends byte buffers by size class.
//
// One rule of ownership: a buffer belongs to whoever called [Get] until it is given to [Put], and to nobody after. Put is called at most once, by the
// owner, when no slice of the buffer is in use any more. A buffer that is never put is collected like any other; whoever means that says so with [Keep], for in race builds tests count what is lent.
//
// Get and Put pass a pointer to the slice, because a sync.Pool of plain slices allocates a slice header at each Put (24 B here,
// BenchmarkGetPut).
package bufpool

import (
	"math/bits"
	"sync"
)

const (
	minBits = 9  // 512 B: a control frame or a short message with its header
	maxBits = 20 // 1 MiB: the default message limit. Larger buffers are rare, and a pool would keep them from the collector.
)

// Smallest is the size of the smallest buffers.
const Smallest = 1 << minBits

var pools [maxBits - minBits + 1]sync.Pool

// class returns the index of the smallest class that holds n bytes.
func class(n int) int {
	return max(bits.Len(uint(n-1)), minBits) - minBits
}

// Get returns a buffer of at least n bytes, n > 0, its length its whole capacity. Its content is undefined. The caller owns the result.
func Get(n int) *[]byte {
	lent(1)
	if n > 1<<maxBits {
		b := make([]byte, n)
		return &b
	}
	k := class(n)
	if b, ok := pools[k].Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 1<<(k+minBits))
	return &b
}

// Put takes back a buffer that Get returned, which must have its length still; nil is ignored. *b must not be used afterwards: in race builds it is overwritten
// with 0xA5, so that a use shows.
func Put(b *[]byte) {
	if b == nil {
		return
	}
	n := len(*b)
	if n != cap(*b) || n < 1<<minBits {
		panic("hawser/bufpool: Put of a buffer that Get did not return")
	}
	lent(-1)
	poison(*b)
	if n > 1<<maxBits {
		return
	}
	pools[class(n)].Put(b)
}

// Keep ends the loan of a buffer that is somebody's for good, and is collected like any other; nil is ignored. It must not be put afterwards.
func Keep(b *[]byte) {
	if b != nil {
		lent(-1)
	}
}
