package deflate

import (
	"sync"

	"github.com/hawser-go/hawser/internal/bufpool"
)

const (
	maxWindow = 1 << 15
	// segment is how much of a long message find is given at once, so that positions stay far from overflow. A match ends
	// with its segment.
	segment = 64 << 10
	// minRoom is what a buffer has beyond the window, so that short windows do not slide all the time.
	minRoom = 8 << 10

	// firstBase is further than any window from the zeros of an empty index, and lastBase well below
	// where positions would overflow.
	firstBase = 2 * maxWindow
	lastBase  = 1 << 31
)

// An encoder is what makes a [Compressor] warm: a matcher that knows the history, and the history. It belongs to one
// compressor, or to nobody and is in its pool.
type encoder struct {
	matcher
	level  Level
	base   uint32 // the position of the first octet of what the matcher is given
	window int
	// buffer[:n] is the history and what follows it. Messages that are compressed in place need none.
	buffer *[]byte
	n      int
}

var (
	encoders [levels]sync.Pool // of *encoder
	blocks   = sync.Pool{New: func() any { return new(block) }}
)

// encodersLent, if not nil, is told of encoders that are taken from the pools (+1) and given back (-1). Tests set it.
var encodersLent func(int)

func getEncoder(level Level, window int) *encoder {
	if encodersLent != nil {
		encodersLent(1)
	}
	e, ok := encoders[level].Get().(*encoder)
	if !ok {
		e = &encoder{level: level, base: firstBase, matcher: newMatcher(level)}
	}
	e.window = window
	return e
}

// put gives the encoder back to its pool. What it has indexed is out of reach of the next owner.
func (e *encoder) put() {
	e.forget()
	if encodersLent != nil {
		encodersLent(-1)
	}
	bufpool.Put(e.buffer)
	e.buffer = nil
	encoders[e.level].Put(e)
}

// forget makes the history empty: what is indexed is out of reach from now on.
func (e *encoder) forget() {
	e.advance(e.n + segment + 2*maxWindow) // what is compressed in place is at most a segment behind a window
	e.n = 0
}

// advance says that the matcher will be given what follows n octets further on.
func (e *encoder) advance(n int) {
	e.base += uint32(n)
	if e.base > lastBase {
		e.clear()
		e.base = firstBase
	}
}

// inPlace appends p[s:] to w. It has no history but p[:s], of which the matcher knows what it found itself. It returns what
// is left of p: its last octets, a window of them or more unless p is shorter.
func (e *encoder) inPlace(w *bitWriter, p []byte, s int) []byte {
	k := blocks.Get().(*block)
	for s < len(p) {
		if over := s - e.window; over > 0 {
			p, s = p[over:], s-over
			e.advance(over)
		}
		end := min(len(p), s+segment)
		next := k.find(e, p[:end], s)
		k.encode(w, p[s:next])
		s = next
	}
	blocks.Put(k)
	return p
}

// room makes room in the buffer for n octets more, and returns for how many there is.
func (e *encoder) room(n int) int {
	if e.buffer == nil {
		e.buffer = bufpool.Get(e.window + max(e.window, minRoom))
	}
	b := *e.buffer
	if over := e.n - e.window; over > 0 && len(b)-e.n < n {
		copy(b, b[over:e.n])
		e.n -= over
		e.advance(over)
	}
	return len(b) - e.n // at least a window, if n is more
}

// add appends p to w and to the history.
func (e *encoder) add(w *bitWriter, p []byte) {
	n := min(len(p), e.room(len(p)))
	b := (*e.buffer)[:e.n+n]
	copy(b[e.n:], p)
	k := blocks.Get().(*block)
	for e.n < len(b) {
		next := k.find(e, b, e.n)
		k.encode(w, b[e.n:next])
		e.n = next
	}
	blocks.Put(k)
	if n < len(p) {
		// What went through the buffer is a window at least, so the rest refers to p alone.
		e.advance(e.n - n)
		p = e.inPlace(w, p, n)
		over := len(p) - e.window
		e.advance(over)
		e.n = copy(*e.buffer, p[over:])
	}
}

// learn appends p to the history only.
func (e *encoder) learn(p []byte) {
	p = p[max(0, len(p)-e.window):]
	for len(p) > 0 {
		n := min(len(p), e.room(len(p)))
		b := (*e.buffer)[:e.n+n]
		copy(b[e.n:], p)
		e.matcher.learn(b, e.n, e.base)
		e.n = len(b)
		p = p[n:]
	}
}

// history returns the last octets, at most a window. There is a buffer.
func (e *encoder) history() []byte {
	return (*e.buffer)[max(0, e.n-e.window):e.n]
}
