package conn

import (
	"bytes"
	"sync"
	"sync/atomic"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/bufpool"
)

// An outgoing is a message on its way out.
type outgoing struct {
	opcode   frame.Opcode
	plain    bool // is not to be compressed
	data     []byte
	prepared *Prepared // whose data is, or nil
	buf      *[]byte   // that data lies in, if it is the queue's
}

// queuedOverhead is what a queued message counts for beside its bytes: about what the queue needs to hold it. So empty messages fill it, too.
const queuedOverhead = 64

func (m *outgoing) cost() int64 { return int64(len(m.data)) + queuedOverhead }

// held is what a queued message counts for in a [Registry]: a prepared one has its bytes once, for all connections.
func (m *outgoing) held() int64 {
	if m.prepared != nil {
		return queuedOverhead
	}
	return m.cost()
}

// A sendQueue holds the messages that Send could not write. A connection has none until it needs one.
type sendQueue struct {
	c       *Conn
	mu      sync.Mutex
	waiting []outgoing // from first on
	first   int
	cost    int64         // of those that wait, and of those that are being written
	writing int64         // of the latter
	payload int64         // their bytes
	added   uint64        // how many ever were
	room    chan struct{} // closed when there is more room; nil while nobody waits for that
	closed  bool
}

// queued reports whether anything waits in the queue.
func (c *Conn) queued() bool {
	q := c.queue.Load()
	return q != nil && !q.isEmpty()
}

func (q *sendQueue) isEmpty() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.first == len(q.waiting)
}

// add puts a copy of m, which costs at most limit, behind the others, if what waits or is being written then costs at most limit, kept included. If there is no room, room is closed when there is more. dropOldest makes room by
// dropping from the front; what is being written, or kept, cannot be dropped, and does not count then: or the oldest would be sent, and the newest dropped.
func (q *sendQueue) add(m *outgoing, limit int64, kept *atomic.Int64, dropOldest bool) (ok bool, room <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return true, nil // the connection is over: as good as sent
	}
	switch {
	case dropOldest:
		for q.cost-q.writing+m.cost() > limit {
			dropped := q.take()
			q.forget(&dropped)
			bufpool.Put(dropped.buf)
		}
	case q.cost+m.cost() > limit-kept.Load():
		return false, q.awaitRoom()
	}
	if !q.c.tryHold(stockQueued, m.held()) {
		return false, nil // who waited would wait for other connections
	}
	n := *m
	switch {
	case n.prepared != nil:
	case len(n.data) < bufpool.Smallest: // a buffer would be up to 500 times as large, and the queue hold that much more than it counts
		n.data = bytes.Clone(n.data)
	default:
		n.buf = bufpool.Get(len(n.data))
		n.data = append((*n.buf)[:0], n.data...)
	}
	q.waiting = append(q.waiting, n)
	q.added++
	q.cost += n.cost()
	q.payload += int64(len(n.data))
	return true, nil
}

// next takes the first message. It counts until wrote is called.
func (q *sendQueue) next() (m outgoing, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.first == len(q.waiting) {
		return m, false
	}
	m = q.take()
	q.writing += m.cost()
	return m, true
}

// take takes the first message. The caller has q.mu.
func (q *sendQueue) take() outgoing {
	m := q.waiting[q.first]
	q.waiting[q.first] = outgoing{}
	q.first++
	switch n := len(q.waiting) - q.first; {
	case n == 0:
		q.waiting, q.first = nil, 0 // an idle connection keeps none of it
	case q.first >= 16 && q.first >= n: // moved at most as often as it was added
		copy(q.waiting, q.waiting[q.first:])
		clear(q.waiting[n:])
		q.waiting, q.first = q.waiting[:n], 0
	}
	return m
}

// forget ends the counting of m. The caller has q.mu.
func (q *sendQueue) forget(m *outgoing) {
	q.cost -= m.cost()
	q.payload -= int64(len(m.data))
	q.c.hold(stockQueued, -m.held())
}

// left returns a channel that is closed when something has left the queue.
func (q *sendQueue) left() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.awaitRoom()
}

// awaitRoom returns the channel that tell closes. The caller has q.mu.
func (q *sendQueue) awaitRoom() <-chan struct{} {
	if q.room == nil {
		q.room = make(chan struct{})
	}
	return q.room
}

// tell wakes who waits for room. The caller has q.mu.
func (q *sendQueue) tell() {
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
}

// wrote tells that messages with this many bytes, which cost and held so much, have been written.
func (q *sendQueue) wrote(payload, cost, held int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.payload -= payload
	q.cost -= cost
	q.writing -= cost
	q.c.hold(stockQueued, -held)
	q.tell()
}

// clear drops all that waits; nothing is added afterwards.
func (q *sendQueue) clear() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, m := range q.waiting[q.first:] {
		q.forget(&m)
		bufpool.Put(m.buf)
	}
	q.waiting, q.first, q.closed = nil, 0, true
	q.tell()
}

// amount returns how many bytes of messages have not been written.
func (q *sendQueue) amount() int64 {
	if q == nil {
		return 0
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.payload
}

// last returns the number of the message that was added last.
func (q *sendQueue) last() uint64 {
	if q == nil {
		return 0
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.added
}

// reached reports whether all messages up to the given number have left the queue.
func (q *sendQueue) reached(last uint64) bool {
	if q == nil {
		return true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.added-uint64(len(q.waiting)-q.first) >= last
}
