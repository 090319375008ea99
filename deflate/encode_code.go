package deflate

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

const (
	// maxCodeBits is the length of our longest code words. RFC 1951 allows 15; with 14, four literals and what is left
	// of an octet fit a register, and a message hardly ever gets longer by it.
	maxCodeBits = 14
	// maxLengthBits is the length of the longest words of the code for code lengths (RFC 1951, 3.2.7).
	maxLengthBits = 7
)

// A word is a code word in the order in which it is written, its first bit the lowest; its
// length in bits is above wordShift.
type word = uint32

const (
	wordShift = 16
	// noWord is the word of a symbol that a code does not have: so long that no block that needs it
	// can be the shortest.
	noWord word = 1 << 14 << wordShift
)

// A prefixCode is the two codes of a block and the block's header, which describes them.
type prefixCode struct {
	literal    [firstLength + 32]word // the first literalSymbols of them
	dist       [32]word               // the first distSymbols of them
	header     [320]byte              // BFINAL, which is 0, BTYPE and, for a dynamic code, the code lengths
	headerBits uint
}

// fixedCode is the code of RFC 1951, 3.2.6.
var fixedCode = func() *prefixCode {
	c := &prefixCode{headerBits: 3}
	c.header[0] = 0b010 // BTYPE 01
	for s := range literalSymbols {
		var n, code int
		switch {
		case s < 144:
			n, code = 8, 0b00110000+s
		case s < 256:
			n, code = 9, 0b110010000+s-144
		case s < 280:
			n, code = 7, s-256
		default:
			n, code = 8, 0b11000000+s-280
		}
		c.literal[s] = newWord(code, n)
	}
	for s := range distSymbols {
		c.dist[s] = newWord(s, 5)
	}
	return c
}()

// newWord returns the word of n bits whose value, the first bit the highest, is code: "Huffman codes are packed starting
// with the most-significant bit of the code" (RFC 1951, 3.1.1).
func newWord(code, n int) word {
	return word(bits.Reverse16(uint16(code))>>(16-n)) | word(n)<<wordShift
}

// noWords is a code without any symbol.
var noWords = func() (w [literalSymbols]word) {
	for i := range w {
		w[i] = noWord
	}
	return w
}()

// A codeBuilder is the room in which codes are made. What takes part are only the symbols that a block uses: of a
// short message these are some sixty of 316.
type codeBuilder struct {
	sorted [literalSymbols]uint32 // frequency, above nine bits of symbol
	weight [literalSymbols]uint32 // of the inner nodes of the tree, in the order in which they were made
	parent [literalSymbols]uint16 // their parents
	runs   [literalSymbols + distSymbols]uint16
}

// symbols is a list of the symbols that have a frequency, in order.
type symbols struct {
	n    int
	list [literalSymbols + 1]uint16
}

func (u *symbols) collect(freq []uint32) {
	n := 0
	for s := 0; s < len(freq); s += 4 {
		f := freq[s:min(s+4, len(freq))]
		if len(f) == 4 && f[0]|f[1]|f[2]|f[3] == 0 {
			continue // half of the octets do not occur in text
		}
		for i, f := range f {
			u.list[n] = uint16(s + i)
			n += int((f | -f) >> 31) // 1 unless f is 0; a branch would be guessed wrong
		}
	}
	u.n = n
}

// pair makes the list two symbols long if it is shorter. A code of one word is allowed for
// distances only (RFC 1951, 3.2.7), and not every decoder has heard of that.
func (u *symbols) pair() {
	switch {
	case u.n == 0:
		u.list[0], u.list[1] = 0, 1
	case u.n == 1 && u.list[0] == 0:
		u.list[1] = 1
	case u.n == 1:
		u.list[0], u.list[1] = 0, u.list[0]
	default:
		return
	}
	u.n = 2
}

// words sets words to the best code for the symbols used, with these frequencies, in which no word is longer than limit.
func (b *codeBuilder) words(words []word, u *symbols, freq []uint32, limit int) {
	u.pair()
	used := u.list[:u.n]
	sorted := b.sort(used, freq)

	// Huffman's tree. The least of the leaves and the least of the inner nodes are each in front.
	inner := len(used) - 1
	weight, parent := b.weight[:inner], b.parent[:inner]
	leaf, node := 0, 0
	for k := range weight {
		sum := uint32(0)
		for range 2 {
			if leaf < len(sorted) && (node == k || sorted[leaf]>>9 <= weight[node]) {
				sum += sorted[leaf] >> 9
				leaf++
			} else {
				sum += weight[node]
				parent[node] = uint16(k)
				node++
			}
		}
		weight[k] = sum
	}

	// What matters of the tree is how many leaves there are at each depth. weight now takes the depths
	// of the inner nodes. What is below the limit is lifted up to it.
	var count, next [16]int
	weight[inner-1] = 0
	count[1] = 2
	for k := inner - 2; k >= 0; k-- {
		depth := min(int(weight[parent[k]])+1, limit)
		weight[k] = uint32(depth)
		count[depth&15]--
		count[min(depth+1, limit)&15] += 2
	}
	over := -1 << limit // by how many of the longest words the words are too many
	for n := 1; n <= limit; n++ {
		over += count[n&15] << (limit - n)
	}
	for ; over > 0; over-- {
		// A leaf becomes an inner node, and takes one of the deepest leaves as a second below it.
		n := limit - 1
		for count[n] == 0 {
			n--
		}
		count[n]--
		count[n+1] += 2
		count[limit]--
	}

	// The rarest symbols get the longest words; among words of a length the order is that of the symbols
	// (RFC 1951, 3.2.2).
	copy(words, noWords[:])
	i := 0
	for n := limit; n > 0; n-- {
		for _, key := range sorted[i : i+count[n&15]] {
			words[key&511] = word(n) << wordShift
		}
		i += count[n&15]
	}
	code := 0
	for n := 1; n < len(next); n++ {
		code = (code + count[n-1]) << 1
		next[n] = code
	}
	for _, s := range used {
		n := int(words[s]>>wordShift) & 15
		words[s] = newWord(next[n], n)
		next[n]++
	}
}

// sort returns the symbols with their frequencies, the rarest first.
func (b *codeBuilder) sort(used []uint16, freq []uint32) []uint32 {
	// Most frequencies of a short message are low: they are sorted by counting.
	const buckets = 32
	var at [buckets]uint16
	for _, s := range used {
		at[min(freq[s], buckets-1)]++
	}
	sum := uint16(0)
	for i, n := range at {
		at[i] = sum
		sum += n
	}
	last := at[buckets-1]
	for _, s := range used {
		f := freq[s]
		k := min(f, buckets-1)
		b.sorted[at[k]] = f<<9 | uint32(s)
		at[k]++
	}
	slices.Sort(b.sorted[last:len(used)])
	return b.sorted[:len(used)]
}

// lengthOrder is the order in which the lengths of the code length code are written (RFC 1951, 3.2.7).
var lengthOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// header makes the header of a block whose codes have words for the symbols of literal and dist.
func (b *codeBuilder) header(c *prefixCode, literal, dist *symbols) {
	hlit := int(literal.list[literal.n-1]) + 1
	hdist := int(dist.list[dist.n-1]) + 1

	// "The code length repeat codes can cross from HLIT + 257 to the HDIST + 1 code lengths" (RFC 1951, 3.2.7).
	l := runList{runs: b.runs[:0]}
	for _, s := range literal.list[:literal.n] {
		l.add(int(s), uint8(c.literal[s]>>wordShift))
	}
	for _, s := range dist.list[:dist.n] {
		l.add(hlit+int(s), uint8(c.dist[s]>>wordShift))
	}
	l.end()

	var used symbols
	var words [19]word
	used.collect(l.freq[:])
	b.words(words[:], &used, l.freq[:], maxLengthBits)
	for i := range words {
		if words[i] == noWord {
			words[i] = 0
		}
	}
	hclen := len(lengthOrder)
	for words[lengthOrder[hclen-1]] == 0 {
		hclen--
	}

	b.writeHeader(c, uint64(hlit-257)|uint64(hdist-1)<<5|uint64(hclen-4)<<10, &words, hclen, l.runs)
}

// writeHeader writes the header of a dynamic block: the three counts, the code of the code lengths, and these.
func (b *codeBuilder) writeHeader(c *prefixCode, counts uint64, words *[19]word, hclen int, runs []uint16) {
	// Fields of a bitWriter would be in memory all the time.
	out, n := c.header[:], 0
	acc, nacc := 0b100|counts<<3, uint(17) // BTYPE 10
	for _, s := range lengthOrder[:hclen] {
		if nacc > 48 {
			binary.LittleEndian.PutUint64(out[n:], acc)
			n, acc, nacc = n+int(nacc>>3), acc>>(nacc&56), nacc&7
		}
		acc |= uint64(words[s]>>wordShift) << (nacc & 63)
		nacc += 3
	}
	for _, r := range runs {
		if nacc > 48 {
			binary.LittleEndian.PutUint64(out[n:], acc)
			n, acc, nacc = n+int(nacc>>3), acc>>(nacc&56), nacc&7
		}
		s := r & 31
		v := words[s%19]
		acc |= uint64(v&0xffff) << (nacc & 63)
		nacc += uint(v >> wordShift)
		acc |= uint64(r>>5) << (nacc & 63)
		nacc += uint(repeatBits[s])
	}
	binary.LittleEndian.PutUint64(out[n:], acc)
	c.headerBits = uint(n)*8 + nacc
}

// repeatBits are the extra bits of the code length symbols.
var repeatBits = [32]uint8{16: 2, 17: 3, 18: 7}

// A runList is code lengths in the symbols of RFC 1951, 3.2.7, above five bits what follows the symbol.
type runList struct {
	runs []uint16
	freq [19]uint32
	next int   // the symbol for which a length is due
	last uint8 // the length before it
	run  int   // how often that is still to be written
}

func (l *runList) put(symbol uint8, extra int) {
	l.freq[symbol]++
	l.runs = append(l.runs, uint16(symbol)|uint16(extra)<<5)
}

// add says that the next symbol with a word is symbol, and the length of its word.
func (l *runList) add(symbol int, length uint8) {
	zeros := symbol - l.next
	l.next = symbol + 1
	if zeros == 0 && length == l.last {
		l.run++
		return
	}
	l.end()
	for zeros >= 11 {
		k := min(zeros, 138)
		l.put(18, k-11)
		zeros -= k
	}
	if zeros >= 3 {
		l.put(17, zeros-3)
		zeros = 0
	}
	for range zeros {
		l.put(0, 0)
	}
	l.put(length, 0)
	l.last = length
}

func (l *runList) end() {
	for l.run >= 3 {
		k := min(l.run, 6)
		l.put(16, k-3)
		l.run -= k
	}
	for ; l.run > 0; l.run-- {
		l.put(l.last, 0)
	}
}
