package deflate

import "github.com/hawser-go/hawser/internal/bufpool"

// A history is the last octets of a stream and nothing else: what is kept of a connection that is quiet. It is a
// ring, so that adding to it costs what is added. Its zero value is empty.
type history struct {
	buffer *[]byte
	next   int // where the next octet goes
	n      int
}

// add appends p, and drops what is further back than window.
func (h *history) add(p []byte, window int) {
	p = p[max(0, len(p)-window):]
	if len(p) == 0 {
		return
	}
	if want := min(h.n+len(p), window); h.buffer == nil || len(*h.buffer) < want {
		// Until the window is full the ring begins at 0.
		b := bufpool.Get(want)
		if h.buffer != nil {
			copy(*b, (*h.buffer)[:h.n])
			bufpool.Put(h.buffer)
		}
		h.buffer, h.next = b, h.n
	}
	b := (*h.buffer)[:min(len(*h.buffer), window)]
	k := copy(b[h.next:], p)
	h.next += k
	if k < len(p) {
		h.next = copy(b, p[k:])
	}
	if h.next == len(b) {
		h.next = 0
	}
	h.n = min(h.n+len(p), len(b))
}

// parts returns the octets, the older ones first.
func (h *history) parts(window int) (older, newer []byte) {
	if h.buffer == nil {
		return nil, nil
	}
	b := (*h.buffer)[:min(len(*h.buffer), window)]
	if h.n < len(b) {
		return nil, b[:h.n]
	}
	return b[h.next:], b[:h.next]
}

func (h *history) drop() {
	bufpool.Put(h.buffer)
	*h = history{}
}
