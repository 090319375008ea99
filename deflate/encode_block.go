package deflate

import (
	"math"
	"math/bits"
)

// A matcher finds what occurred before. It indexes positions, which are counted on and on: the
// position of an octet of a buffer is base more than its index. So what the index has of
// earlier messages or other connections is too far back, and is not cleared.
type matcher interface {
	// find adds to k the sequences of buf[s:], with matches in all of buf but not further back than
	// window. It returns where it stopped: len(buf), or where the block was full.
	find(k *block, buf []byte, s int, base, window uint32) int
	// learn indexes buf[s:], and what is before it and could not be hashed for want of octets.
	learn(buf []byte, s int, base uint32)
	// clear forgets all positions.
	clear()
}

// A sequence is a run of literals and the match that ends it: from the lowest bits on, the length less 3 in eight, the
// distance less 1 in fifteen, their symbols in five each (a length's less firstLength), and the number of literals.
type sequence uint64

func newSequence(literals, length, d uint32) sequence {
	return sequence(length) | sequence(d)<<8 | sequence(symbolOfDistance(d))<<23 | sequence(lengthSymbol[length&255])<<28 | sequence(literals)<<33
}

func (q sequence) length() uint32       { return uint32(q) & 255 }
func (q sequence) dist() uint32         { return uint32(q) >> 8 & 0x7fff }
func (q sequence) distSymbol() uint32   { return uint32(q>>23) & 31 }
func (q sequence) lengthSymbol() uint32 { return uint32(q>>28) & 31 }
func (q sequence) literals() int        { return int(q >> 33) }

// maxSequences is what a block holds at most.
const maxSequences = 4096

// A block is what a matcher found and the room to encode it. It serves any number of messages of any connections, one
// after the other.
type block struct {
	n       int
	tail    int                      // literals after the last sequence
	literal [firstLength + 32]uint32 // the first literalSymbols of them
	dist    [32]uint32               // the first distSymbols of them
	// Those that occur.
	literals, dists symbols
	fresh           prefixCode
	builder         codeBuilder
	seqs            [maxSequences]sequence
}

// find fills the block with what e finds in buf[s:].
func (k *block) find(e *encoder, buf []byte, s int) int {
	k.n, k.tail = 0, 0
	clear(k.literal[:])
	clear(k.dist[:])
	k.literal[endOfBlock] = 1
	return e.matcher.find(k, buf, s, e.base, uint32(e.window))
}

func (k *block) full() bool { return k.n == maxSequences }

// match adds literals, which have been counted, and a match of n octets at the distance d. It returns how many of these
// the block had no room for.
func (k *block) match(literals, n int, d uint32) (rest int) {
	for n > maxMatch && k.n < maxSequences-1 {
		// The last piece has to be a match, too.
		m := min(maxMatch, n-minMatch)
		k.add(newSequence(uint32(literals), uint32(m-minMatch), d-1))
		n -= m
		literals = 0
	}
	m := min(n, maxMatch)
	k.add(newSequence(uint32(literals), uint32(m-minMatch), d-1))
	return n - m
}

func (k *block) add(q sequence) {
	k.literal[firstLength+q.lengthSymbol()]++
	k.dist[q.distSymbol()]++
	k.seqs[k.n] = q
	k.n++
}

// count counts literals.
func (k *block) count(literals []byte) {
	for _, c := range literals {
		k.literal[c]++
	}
}

// size returns the bits of the block in the code c, without the extra bits of lengths and distances.
func (k *block) size(c *prefixCode) uint64 {
	n := uint64(c.headerBits)
	for _, s := range k.literals.list[:k.literals.n] {
		n += uint64(k.literal[s]) * uint64(c.literal[s]>>wordShift)
	}
	for _, s := range k.dists.list[:k.dists.n] {
		n += uint64(k.dist[s]) * uint64(c.dist[s]>>wordShift)
	}
	return n
}

func (k *block) extraBits() (n uint64) {
	for i, x := range &lengthExtra {
		n += uint64(k.literal[firstLength+i]) * uint64(x)
	}
	for i, x := range &distExtra {
		n += uint64(k.dist[i]) * uint64(x)
	}
	return n
}

func (k *block) build(c *prefixCode) {
	k.builder.words(c.literal[:], &k.literals, k.literal[:], maxCodeBits)
	k.builder.words(c.dist[:], &k.dists, k.dist[:], maxCodeBits)
	k.builder.header(c, &k.literals, &k.dists)
}

// leastSize returns about how many bits the block takes at least in a code of its own, without the extra bits: the
// entropy of the symbols, and what a header has been seen to take.
func (k *block) leastSize() uint64 {
	used := k.literals.n + k.dists.n
	return entropy(&k.literals, k.literal[:]) + entropy(&k.dists, k.dist[:]) + 80 + 3*uint64(min(used, 100))
}

// log2s is the binary logarithm, times 256.
var log2s = func() (t [256]uint32) {
	for i := 1; i < len(t); i++ {
		t[i] = uint32(math.Round(256 * math.Log2(float64(i))))
	}
	return t
}()

// entropy returns the bits that symbols of these frequencies take in the best of all codes.
func entropy(u *symbols, freq []uint32) uint64 {
	var n, sum uint64
	for _, s := range u.list[:u.n] {
		f := freq[s]
		n += uint64(f)
		sum += uint64(f) * uint64(log2(f))
	}
	return (n*uint64(log2(uint32(n))) - sum) >> 8
}

func log2(f uint32) uint32 {
	shift := max(bits.Len32(f), 8) - 8
	return log2s[f>>shift] + uint32(shift)<<8
}

// encode appends the block, which is src, to w.
func (k *block) encode(w *bitWriter, src []byte) {
	k.literals.collect(k.literal[:])
	k.dists.collect(k.dist[:])
	c := fixedCode
	n := k.size(c)
	// To make a code takes longer than to look for matches in 200 octets.
	if n > k.leastSize() {
		k.build(&k.fresh)
		if fresh := k.size(&k.fresh); fresh < n {
			c, n = &k.fresh, fresh
		}
	}
	n += k.extraBits()
	if stored := uint64(len(src)+5*(1+len(src)/65535)) * 8; stored <= n {
		w.stored(src)
		return
	}
	w.grow(int(n / 8))
	w.header(c)
	w.sequences(c, src, k.seqs[:k.n], k.tail)
}
