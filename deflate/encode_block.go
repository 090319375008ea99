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
	// learn indexes buf[s:].
	learn(buf []byte, s int, base uint32)
	// clear forgets all positions.
	clear()
}

// A sequence is a run of literals and the match that ends it: the length less 3 in eight bits, the
// distance less 1 in fifteen, above it the number of literals.
type sequence uint64

func (q sequence) literals() int { return int(q >> 23) }

// maxSequences is what a block holds at most.
const maxSequences = 4096

// A block is what a matcher found and the room to encode it. It serves any number of messages of any connections, one after the other.
type block struct {
	n       int
	tail    int // literals after the last sequence
	literal [literalSymbols]uint32
	dist    [distSymbols]uint32
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

// match adds literals, which have been counted, and a match of n octets at the distance d. It returns how many of these the block had no room for.
func (k *block) match(literals, n int, d uint32) (rest int) {
	run := sequence(literals) << 23
	d--
	ds := symbolOfDistance(d)
	for n > maxMatch && k.n < maxSequences-1 {
		// The last piece has to be a match, too.
		m := min(maxMatch, n-minMatch)
		k.literal[firstLength+int(lengthSymbol[m-minMatch])]++
		k.dist[ds]++
		k.seqs[k.n] = sequence(m-minMatch) | sequence(d)<<8 | run
		k.n++
		n -= m
		run = 0
	}
	m := min(n, maxMatch)
	k.literal[firstLength+int(lengthSymbol[m-minMatch])]++
	k.dist[ds]++
	k.seqs[k.n] = sequence(m-minMatch) | sequence(d)<<8 | run
	k.n++
	return n - m
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

// leastSize returns about how many bits the block takes at least in a code of its own, without the extra bits: the entropy of the symbols,
// and what a header has been seen to take.
func (k *block) leastSize() uint64 {
	return entropy(&k.literals, k.literal[:]) + entropy(&k.dists, k.dist[:]) + 80 + 3*uint64(k.literals.n+k.dists.n)
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
