package deflate

import "github.com/hawser-go/hawser/internal/bufpool"

// Window is what a receiver keeps of one connection between its messages: the
// LZ77 sliding window, if the context is taken over, and nothing if not. A
// Compressor that is quiet keeps one, too.
//
// With context takeover it holds the last 2^bits octets of what was inflated,
// in a buffer that grows with them up to that size and never beyond: after one
// message of 300 octets it has 300, and later less than twice what was
// received. The buffer is a ring, so that the end of a message costs a copy of
// that message, at most 2^bits octets, whatever the size of the window.
//
// A Window must be initialised with Init and not be copied after. It is used by
// one goroutine at a time, and by one [Inflater] at a time.
type Window struct {
	ring     *[]byte // bufpool's from 512 octets on, nil when nothing is held
	head     int32   // behind the latest octet; the oldest ones are there when the ring is full
	n        int32   // how many octets there are
	bits     uint8
	takeover bool
}

// Init makes w an empty window of 2^bits octets, 8 <= bits <= 15, of a
// connection with or without context takeover in the direction that we
// receive (RFC 7692, 7.1.1 and 7.1.2). It panics if bits is something else.
// Memory that w held is forgotten, not released.
func (w *Window) Init(bits int, takeover bool) {
	if bits < minWindowBits || bits > maxWindowBits {
		panic("hawser/deflate: window bits out of range")
	}
	*w = Window{bits: uint8(bits), takeover: takeover}
}

// Held returns how many octets of memory w holds.
func (w *Window) Held() int {
	if w.ring == nil {
		return 0
	}
	return len(*w.ring)
}

// Release gives back the memory that w holds and makes it empty. It belongs to
// the end of a connection: messages that refer to what was received before fail
// after it. No [Inflater] may be using w.
func (w *Window) Release() {
	if w.Held() >= pooledRing {
		bufpool.Put(w.ring)
	}
	w.ring, w.head, w.n = nil, 0, 0
}

// pooledRing is the size from which rings are bufpool's. Smaller ones are made to
// measure: a window of 256 octets may not hold 512.
const pooledRing = bufpool.Smallest

// add makes p the latest part of the history. It does not retain p.
func (w *Window) add(p []byte) {
	if len(p) == 0 {
		return
	}
	size := 1 << w.bits
	if len(p) >= size {
		p = p[len(p)-size:]
		w.head, w.n = 0, 0 // all that was there is out of reach
	}
	if need := min(int(w.n)+len(p), size); need > w.Held() {
		w.grow(need, size)
	}
	ring := *w.ring
	k := copy(ring[w.head:], p)
	w.head += int32(k)
	if k < len(p) {
		w.head = int32(copy(ring, p[k:]))
	}
	w.n = int32(min(int(w.n)+len(p), size))
}

// parts returns the octets, the older ones first.
func (w *Window) parts() (older, newer []byte) {
	if w.ring == nil {
		return nil, nil
	}
	ring := *w.ring
	if int(w.n) < 1<<w.bits {
		return nil, ring[:w.n] // it has never gone round
	}
	return ring[w.head:], ring[:w.head]
}

// grow makes room for need octets, at most size. A ring that is smaller than
// the window has never gone round: its octets begin at 0.
func (w *Window) grow(need, size int) {
	var larger *[]byte
	if room := max(need, min(2*w.Held(), pooledRing)); room < pooledRing {
		b := make([]byte, min(room, size))
		larger = &b
	} else {
		larger = bufpool.Get(need) // a power of two, so at most size
	}
	if w.ring != nil {
		copy(*larger, (*w.ring)[:w.n])
	}
	head, n := w.n, w.n
	w.Release()
	w.ring, w.head, w.n = larger, head, n
}
