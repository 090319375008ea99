package deflate

import (
	"math/bits"
	"sync"
)

// A decoding table maps the next bits of the input to an entry:
//
//	bits 0-5    how many bits to drop: those of the code and the extra bits after it
//	bits 8-11   how many of these are the code
//	bits 12-15  flags
//	bits 16-31  the literal, or what the extra bits are added to
//
// Codes longer than the index lead to a second table behind the first one. The
// entry says where it begins in bits 16-31, and how many bits index it in 0-5.
const (
	entryLiteral = 1 << 12
	entrySpecial = 1 << 13 // none of: literal, length, distance
	entryEnd     = 1 << 14 // with entrySpecial: the end of the block
	entryTable   = 1 << 15 // with entrySpecial: a second table
	// entrySpecial alone stands for nothing.

	entryBits    = 63
	entryValue   = 16
	entryCodeLen = 1<<8 | 1 // times the length of the code: what the code adds to an entry
)

func codeLen(e uint32) uint32 { return e >> 8 & 15 }

const (
	maxCodeLen = 15
	litlenSyms = 288 // the last two never occur (RFC 1951, 3.2.6)
	distSyms   = 32  // likewise

	// The sizes of the tables: 1,332 and 402 entries is the most that any code
	// of 286 and 32 symbols needs when 10 and 8 bits index the first part. Powers
	// of two let an index be masked, not checked.
	litlenTableSize = 2048
	distTableSize   = 512
	litlenTableBits = 10
	distTableBits   = 8
	clenTableBits   = 7 // the longest code there is
)

type (
	litlenTable struct {
		entries [litlenTableSize]uint32
		bits    uint // that index the first part
	}
	distTable struct {
		entries [distTableSize]uint32
		bits    uint
	}
)

// code is a Huffman code by the lengths of its codes, which determine it (RFC
// 1951, 3.2.2). Only symbols that occur are in it, in order, so that nothing
// has to look at the others again: most of the 286 do not occur in a text.
type code struct {
	syms  [litlenSyms]uint16 // the symbol, and the length of its code times symLen
	n     int
	count [maxCodeLen + 1]uint16 // how many codes have which length
}

const symLen = 1 << 9

func (c *code) reset() {
	c.n = 0
	c.count = [maxCodeLen + 1]uint16{}
}

func (c *code) add(sym, length int) {
	c.syms[c.n] = uint16(sym + length*symLen)
	c.n++
	c.count[length]++
}

// has reports whether the code has a symbol, fast if it is among the last.
func (c *code) has(sym uint16) bool {
	i := c.n - 1
	for i >= 0 && c.syms[i]%symLen > sym {
		i--
	}
	return i >= 0 && c.syms[i]%symLen == sym
}

// build fills table for the code. An entry is that of the symbol in entries,
// and the length of the code. It returns how many bits index the first part of
// the table, at most most, or 0 if the lengths form no code.
//
// A code that leaves bits without a meaning is refused, but for one code of one
// bit, and for no code at all: "If only one distance code is used, it is
// encoded using one bit, not zero bits; [...] One distance code of zero bits
// means that there are no distance codes used at all" (RFC 1951, 3.2.7). As in
// zlib, this holds for every code; what has no meaning is an error only where
// it occurs.
func (c *code) build(table, entries []uint32, most uint) (indexBits uint) {
	free, longest := 1, 0 // free: the codes of this length that are left
	var place [maxCodeLen + 2]uint16
	for l := 1; l <= maxCodeLen; l++ {
		n := int(c.count[l])
		if n > 0 {
			longest = l
		}
		if free = 2*free - n; free < 0 {
			return 0
		}
		place[l+1] = place[l] + uint16(n)
	}
	if free > 0 {
		if longest > 1 {
			return 0
		}
		table[0], table[1] = entrySpecial|1, entrySpecial|1
		if c.n == 1 {
			table[0] = entries[c.syms[0]%symLen] + entryCodeLen
		}
		return 1
	}

	var sorted [litlenSyms]uint16 // by length, and by symbol
	for _, s := range c.syms[:c.n] {
		l := s / symLen & 15
		sorted[place[l]] = s % symLen
		place[l]++
	}

	// The codes in the order of their values. "Huffman codes are packed starting
	// with the most-significant bit of the code" (RFC 1951, 3.1.1) into bits that
	// are read from the least significant one, so the index is the code reversed.
	// As lengths grow the table doubles: each code of the length is put in once
	// and all that is there is then copied behind itself.
	indexBits = min(uint(longest), most)
	next, reversed := 0, 0
	for l := 1; l <= int(indexBits); l++ {
		add := uint32(l * entryCodeLen)
		for range c.count[l] {
			table[reversed] = entries[sorted[next]] + add
			next++
			reversed = following(reversed, l)
		}
		if l < int(indexBits) {
			copy(table[1<<l:2<<l], table[:1<<l])
		}
	}

	// The rest lies in second tables, one for each beginning of indexBits bits.
	end, begin, size, prefix := 1<<indexBits, 0, 0, -1
	for l := int(indexBits) + 1; l <= longest; l++ {
		add := uint32(l * entryCodeLen)
		for left := int(c.count[l]); left > 0; left-- {
			if p := reversed & (1<<indexBits - 1); p != prefix {
				prefix = p
				// As large as it takes for the codes that follow to fill it.
				k := l - int(indexBits)
				for room := 1<<k - left; room > 0; {
					k++
					room = 2*room - int(c.count[int(indexBits)+k])
				}
				begin, size = end, 1<<k
				end += size
				table[prefix] = uint32(begin)<<entryValue | entrySpecial | entryTable | uint32(k)
			}
			e := entries[sorted[next]] + add
			next++
			for i := reversed >> indexBits; i < size; i += 1 << (l - int(indexBits)) {
				table[begin+i] = e
			}
			reversed = following(reversed, l)
		}
	}
	return indexBits
}

// following adds one to a number of l bits that is written with its bits in
// reverse: the ones at the top become zeros, and the zero below them a one.
func following(reversed, l int) int {
	top := 1 << bits.Len(uint(reversed^(1<<l-1))) >> 1
	return reversed&(top-1) | top
}

var (
	litlenEntries = makeLitlenEntries()
	distEntries   = makeDistEntries()
	clenEntries   = makeClenEntries()
)

// makeLitlenEntries is the table of lengths in RFC 1951, 3.2.5.
func makeLitlenEntries() (t [litlenSyms]uint32) {
	for i := range 256 {
		t[i] = uint32(i)<<entryValue | entryLiteral
	}
	t[256] = entrySpecial | entryEnd
	base, extra := uint32(3), uint32(0)
	for i := 257; i < 285; i++ {
		if i >= 265 && i%4 == 1 {
			extra++
		}
		t[i] = base<<entryValue | extra
		base += 1 << extra
	}
	t[285] = 258 << entryValue
	t[286], t[287] = entrySpecial, entrySpecial
	return t
}

// makeDistEntries is the table of distances in RFC 1951, 3.2.5.
func makeDistEntries() (t [distSyms]uint32) {
	base, extra := uint32(1), uint32(0)
	for i := range 30 {
		if i >= 4 && i%2 == 0 {
			extra++
		}
		t[i] = base<<entryValue | extra
		base += 1 << extra
	}
	t[30], t[31] = entrySpecial, entrySpecial
	return t
}

const (
	clenSyms  = 19
	clenPrev  = 16 // copy the code length before
	clenZero3 = 17
	clenZero7 = 18
)

// makeClenEntries is the alphabet of code lengths in RFC 1951, 3.2.7. Lengths are
// literals, and what copies the length before is special.
func makeClenEntries() (t [clenSyms]uint32) {
	for i := range clenPrev {
		t[i] = uint32(i)<<entryValue | entryLiteral
	}
	t[clenPrev] = 3<<entryValue | entrySpecial | 2
	t[clenZero3] = 3<<entryValue | 3
	t[clenZero7] = 11<<entryValue | 7
	return t
}

// fixedTables returns the tables of blocks of type 01 (RFC 1951, 3.2.6).
var fixedTables = sync.OnceValues(func() (*litlenTable, *distTable) {
	var (
		c      code
		litlen litlenTable
		dist   distTable
	)
	for sym := range litlenSyms {
		switch {
		case sym < 144, sym >= 280:
			c.add(sym, 8)
		case sym < 256:
			c.add(sym, 9)
		default:
			c.add(sym, 7)
		}
	}
	litlen.bits = c.build(litlen.entries[:], litlenEntries[:], litlenTableBits)
	c.reset()
	for sym := range distSyms {
		c.add(sym, 5)
	}
	dist.bits = c.build(dist.entries[:], distEntries[:], distTableBits)
	return &litlen, &dist
})
