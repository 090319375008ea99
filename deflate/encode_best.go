package deflate

const (
	bestHeadBits  = 14
	bestHead3Bits = 12
	bestPrevious  = 1 << 15

	// How hard a bestMatcher tries. The figures are zlib's for its level 6, with which everybody compares; only that
	// zlib looks at 128 positions, which takes a fifth longer and saves 1 % (BenchmarkCompress, November 2026).
	bestChain = 48  // positions looked at
	bestGood  = 8   // a quarter of them if the match before is this long
	bestLazy  = 16  // a match this long is taken without a look at the next position
	bestNice  = 128 // a match this long ends the search

	// A short match from far away can take more bits than its literals. How far that is depends on the code: the fixed
	// one, which short messages have, has long words for literals.
	bestShort    = 512 // a message
	bestFar3     = 256 // for a match of three octets
	bestFar4     = 2048
	bestShortFar = 4096 // for a match of three octets in a short message
)

// A bestMatcher takes a match only if the next position does not have a longer one, and looks at many. It knows all
// positions of each hash of four octets, as a chain from the last one back, and of each hash of three octets the last.
type bestMatcher struct {
	head     [1 << bestHeadBits]uint32
	head3    [1 << bestHead3Bits]uint32
	previous [bestPrevious]uint16 // by position: how far back the one before is, or 65535 for further
}

func (m *bestMatcher) clear() {
	clear(m.head[:])
	clear(m.head3[:])
}

func bestHash(v uint32) uint32  { return v * 0x9E3779B1 >> (32 - bestHeadBits) }
func bestHash3(v uint32) uint32 { return v << 8 * 0x9E3779B1 >> (32 - bestHead3Bits) }

// insert takes the position pos, at which v is, into the chains and returns how far back the last ones with
// the hashes of its four and its three octets are.
func (m *bestMatcher) insert(v, pos uint32) (d, d3 uint32) {
	h, h3 := bestHash(v), bestHash3(v)
	d, d3 = pos-m.head[h], pos-m.head3[h3]
	m.previous[pos%bestPrevious] = uint16(min(d, 65535))
	m.head[h], m.head3[h3] = pos, pos
	return d, d3
}

func (m *bestMatcher) learn(buf []byte, s int, base uint32) {
	for s = max(0, s-3); s <= len(buf)-4; s++ {
		m.insert(load32(buf, s), base+uint32(s))
	}
}

// longest inserts s and returns the longest match there, at most window back, if it is longer than least, which is 2 at
// least, and worth its distance.
func (m *bestMatcher) longest(buf []byte, s, least int, base, window, far3, far4 uint32) (length int, dist uint32) {
	v := load32(buf, s)
	pos := base + uint32(s)
	d, d3 := m.insert(v, pos)
	window = min(window, uint32(s))
	length = least
	if least == 2 && d3-1 < min(window, far3) {
		if t := s - int(d3); (load32(buf, t)^v)<<8 == 0 {
			length, dist = matchLength(buf, s, t, 3), d3
		}
	}
	chain := bestChain
	if least >= bestGood {
		chain /= 4
	}
	// What is not longer than length differs in the four octets at tail already, or would not end in buf.
	tail := max(length-3, 0)
	for ; chain > 0 && d-1 < window && s+tail <= len(buf)-4; chain-- {
		t := s - int(d)
		if load32(buf, t+tail) == load32(buf, s+tail) && load32(buf, t) == v {
			if n := matchLength(buf, s, t, 4); n > length {
				length, dist, tail = n, d, n-3
				if n >= bestNice {
					break
				}
			}
		}
		// After a message that was taken back, the chain may lead anywhere, but not around in circles.
		step := uint32(m.previous[(pos-d)%bestPrevious])
		if step == 0 {
			break
		}
		d += step
	}
	if length == 4 && dist > far4 {
		return least, 0
	}
	return length, dist
}

func (m *bestMatcher) find(k *block, buf []byte, s int, base, window uint32) int {
	start := s // of the literals before the match
	limit := len(buf) - 4
	for i := max(0, s-3); i < s && i <= limit; i++ {
		// The last call could not hash these, unless its block was full.
		if v, pos := load32(buf, i), base+uint32(i); m.head[bestHash(v)] != pos {
			m.insert(v, pos)
		}
	}
	far3, far4 := uint32(bestFar3), uint32(bestFar4)
	if len(buf)-s < bestShort {
		far3, far4 = bestShortFar, maxWindow
	}
	length, dist := 2, uint32(0) // the match at s-1, if dist is not 0
	for s <= limit || dist != 0 {
		var n int
		var d uint32
		switch {
		case s > limit:
		case length < bestLazy:
			n, d = m.longest(buf, s, length, base, window, far3, far4)
		default:
			m.insert(load32(buf, s), base+uint32(s))
		}
		if d != 0 {
			length, dist = n, d // better than the one before, whose first octet becomes a literal
		}
		if d != 0 {
			s++
			continue
		}
		if dist == 0 {
			s += 1 + min((s-start)>>7, 15) // what has not matched for long is not expected to match soon
			continue
		}
		// The one before is better.
		end := s - 1 + length
		for s++; s < min(end, limit+1); s++ {
			m.insert(load32(buf, s), base+uint32(s))
		}
		s = end
		k.count(buf[start : s-length])
		if rest := k.match(s-length-start, length, dist); k.full() {
			return s - rest
		}
		start = s
		length, dist = 2, 0
	}
	k.count(buf[start:])
	k.tail = len(buf) - start
	return len(buf)
}
