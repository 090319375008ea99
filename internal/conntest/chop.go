package conntest

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"net"
	"sync"
)

const (
	everySplit  = 1024 // up to this length Chop makes every split in two
	splitMargin = 256  // and beyond it, this many at each end
	randomChops = 8
)

// Chop returns named choppings of p, each of which makes p again when it is put together: whole, one
// byte at a time (also with an empty piece before each byte), every split in two, and some random
// ones whose names bear their seed. For a p of more than 1,024 bytes the splits are those at
// the first 256 and the last 256 bytes, where the headers are, and around each power of two.
//
// Each chopping is a copy of its own, so that a parser may modify its input: the caller owns the
// result.
func Chop(p []byte) iter.Seq2[string, [][]byte] {
	return func(yield func(string, [][]byte) bool) {
		chop := func(name string, sizes ...int) bool { return yield(name, pieces(p, sizes)) }
		if !chop("whole", len(p)) || len(p) == 0 {
			return
		}
		ones := make([]int, len(p))
		gaps := make([]int, 2*len(p))
		for i := range ones {
			ones[i] = 1
			gaps[2*i+1] = 1
		}
		if !chop("one_byte_at_a_time", ones...) || !chop("one_byte_with_empty_pieces", gaps...) {
			return
		}
		for i := 1; i < len(p); i++ {
			near := i <= splitMargin || i >= len(p)-splitMargin
			power := i&(i-1) == 0 || i&(i+1) == 0 || (i-1)&(i-2) == 0
			if len(p) > everySplit && !near && !power {
				continue
			}
			if !chop(fmt.Sprintf("split_at_%d", i), i, len(p)-i) {
				return
			}
		}
		for seed := range uint64(randomChops) {
			r := rand.New(rand.NewPCG(seed, uint64(len(p))))
			var sizes []int
			longest := 1 + r.IntN(len(p))
			for left := len(p); left > 0; {
				n := min(left, 1+r.IntN(longest))
				sizes = append(sizes, n)
				left -= n
			}
			if !chop(fmt.Sprintf("random_seed_%d", seed), sizes...) {
				return
			}
		}
	}
}

// pieces cuts a copy of p.
func pieces(p []byte, sizes []int) [][]byte {
	p = append([]byte(nil), p...)
	out := make([][]byte, len(sizes))
	for i, n := range sizes {
		out[i], p = p[:n:n], p[n:]
	}
	return out
}

// ChoppedConn is a connection whose Reads end at chosen places.
type ChoppedConn struct {
	net.Conn

	mu    sync.Mutex
	sizes []int
	left  int // what is left of sizes[0]
}

// Chopped returns c with Reads that end at chosen places in the stream: after sizes[0] bytes, after
// sizes[1] more, and so on. The last size repeats: Chopped(c, 1) reads one byte at a time. A size
// of 0 means that there are no more boundaries. A Read may also end earlier, because there is no more
// to read or because its buffer is small; the boundaries stay where they are.
func Chopped(c net.Conn, sizes ...int) *ChoppedConn {
	for _, n := range sizes {
		if n < 0 {
			panic("hawser/conntest: negative size")
		}
	}
	if len(sizes) == 0 {
		sizes = []int{0}
	}
	return &ChoppedConn{Conn: c, sizes: sizes, left: sizes[0]}
}

// Read implements [net.Conn]. Concurrent Reads are allowed, but share the boundaries.
func (c *ChoppedConn) Read(p []byte) (int, error) {
	c.mu.Lock()
	limit := len(p)
	if c.sizes[0] > 0 {
		limit = min(limit, c.left)
	}
	c.mu.Unlock()
	n, err := c.Conn.Read(p[:limit])
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sizes[0] > 0 {
		if c.left -= n; c.left <= 0 {
			if len(c.sizes) > 1 {
				c.sizes = c.sizes[1:]
			}
			c.left = c.sizes[0]
		}
	}
	return n, err
}

// CloseWrite half-closes the connection; without such a method under it, it returns
// [errors.ErrUnsupported].
func (c *ChoppedConn) CloseWrite() error { return closeWrite(c.Conn) }

// Reset resets the connection under c, as far as that can be done.
func (c *ChoppedConn) Reset() { reset(c.Conn) }
