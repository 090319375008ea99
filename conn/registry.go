package conn

import (
	"iter"
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hawser-go/hawser/handshake"
)

// The defaults of [Registry].
const (
	DefaultMaxBuffered = 1 << 30
	DefaultSpread      = 10 * time.Second
)

// A Registry is a set of connections: it bounds what all of them take together, and ends them together. A connection belongs to the [Config].Registry that it was made with, by a [Server], a [Handler],
// [Accept], [Dial], [New] or [Pipe], from its opening handshake until it has ended and, if a Server or Handler has called a function for it, that has returned.
//
// The zero value is ready. For each number zero means the documented default, and negative means none. The fields must not be modified, nor the Registry copied, once it is in use. Methods may be called from any
// goroutine.
type Registry struct {
	// MaxConns is how many connections there may be. When there are as many, a further opening handshake is answered with 503 (Service Unavailable) and a Retry-After of 10 s, before
	// OnRequest is asked; one that is being decided on counts, too. New, Dial and Pipe are never refused, but what they return counts. Default none.
	MaxConns int

	// MaxBuffered is how many bytes the connections may hold together: messages that are not complete, or that came in fragments or compressed and are being read; what has come of a frame while
	// its rest is waited for; read buffers of more than 8 KiB; what waits to be sent; and what compression keeps between messages, up to 32 KiB for each direction of a connection. Each counts with the
	// size of its buffer, at most twice what has come. Not counted are a message of up to 8 KiB while it is read, what Read has returned, what the transport holds, and buffers that wait to be used again.
	//
	// Over it, opening handshakes are answered with 503, as above, and connections are closed with 1013 (Try Again Later), those first that hold most for longest: what counts is the product of the bytes and the
	// time since which they are held, for a message since it began. Their memory is given back at once, as far as no function of the application's has it. As many are closed as it takes to come down to seven eighths.
	// What comes meanwhile may take the sum an eighth beyond MaxBuffered; a message that would need more is not read on, and its connection closed with 1013. So a message
	// must not be larger than that, whatever [Config].MessageLimit says. Default 1 GiB.
	MaxBuffered int64

	// Spread is the time over which [Registry.Shutdown] spreads its Close frames, so that the clients do not all come back at once: at most so long, and at most half of the time that its context has. If
	// there are few connections it takes 1 ms for each. Default 10 s; negative: they all leave at once.
	Spread time.Duration

	mu        sync.Mutex
	slots     []*Conn       // a connection keeps its place, so that who goes through them meets each once; nil where there is none
	free      []int32       // which are nil
	admitted  int           // opening handshakes that are being decided on
	iterating int           // who goes through slots
	ending    bool          // Shutdown or Close was called
	closed    bool          // Close was called
	quit      chan struct{} // closed by Close
	drained   chan struct{} // closed when nothing is left; nil while nobody waits for that

	buffered  atomic.Int64 // by all connections
	dying     atomic.Int64 // by those of them that have ended or are made to
	relieving atomic.Bool
}

// A member is a connection's place in its Registry. It is guarded by the Registry's mu.
type member struct {
	slot int32
	uses int32 // the end of the connection, and that of the function that is called for it; 0 if it is not in the set
}

// retryAfter is how many seconds a client is asked to wait that gets a 503: most of what is in short supply then is bounded by timeouts of 10 and 20 s.
const retryAfter = "10"

// unavailable returns the answer to an opening handshake for which there is no place.
func unavailable(detail string) *handshake.Error {
	return &handshake.Error{Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {retryAfter}}, Detail: detail}
}

// admit takes a place for the connection that an opening handshake will become, or says why there is none. The place is given back by dismiss, or taken by join.
func (r *Registry) admit() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.ending:
		return unavailable("the server is shutting down")
	case r.MaxConns > 0 && r.len()+r.admitted >= r.MaxConns:
		return unavailable("the server has as many connections as it may have")
	case r.buffered.Load() > r.limit():
		return unavailable("the server's connections hold as much memory as they may")
	}
	r.admitted++
	return nil
}

// dismiss gives back the place of an opening handshake that does not become a connection.
func (r *Registry) dismiss() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.admitted--
	r.checkDrained()
}

// join makes c, which is complete, one of its Registry's. served says that a function is called for it, which leaves it, too; admitted that admit has given it a place.
func (c *Conn) join(served, admitted bool) {
	r := c.cfg.Registry
	if r == nil {
		return
	}
	c.in.of = c
	r.mu.Lock()
	c.member.uses = 1
	if served {
		c.member.uses++
	}
	if admitted {
		r.admitted--
	}
	if k := len(r.free); k > 0 {
		c.member.slot, r.free = r.free[k-1], r.free[:k-1]
		r.slots[c.member.slot] = c
	} else {
		c.member.slot = int32(len(r.slots))
		r.slots = append(r.slots, c)
	}
	ending, closed := r.ending, r.closed
	r.mu.Unlock()
	switch {
	case closed:
		c.CloseNow()
	case ending:
		c.goAway()
	}
}

// leave ends one of the uses of c. The last one takes it out of the set.
func (c *Conn) leave() {
	r := c.cfg.Registry
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	m := &c.member
	if m.uses == 0 {
		return // it has never joined
	}
	if m.uses--; m.uses > 0 {
		return
	}
	r.slots[m.slot] = nil
	r.free = append(r.free, m.slot)
	r.compact()
	r.checkDrained()
}

// manySlots is what is worth giving back.
const manySlots = 1 << 10

// compact gives memory back when most slots are free, and nobody goes through them who would miss a connection that moves, or meet it twice.
func (r *Registry) compact() {
	if r.iterating > 0 || len(r.slots) < manySlots || r.len() > len(r.slots)/4 {
		return
	}
	slots := make([]*Conn, 0, 2*r.len())
	for _, c := range r.slots {
		if c != nil {
			c.member.slot = int32(len(slots))
			slots = append(slots, c)
		}
	}
	r.slots, r.free = slots, nil
}

func (r *Registry) len() int { return len(r.slots) - len(r.free) }

// Len returns how many connections there are, those included that have ended, but whose function has not returned.
func (r *Registry) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.len()
}

// Buffered returns how many bytes the connections hold: see MaxBuffered.
func (r *Registry) Buffered() int64 { return r.buffered.Load() }

// All returns an iterator over the connections that have not ended, in no order. Connections may come and go meanwhile: one that is there all the time is met once, and one that comes or ends meanwhile
// at most once. The body may do anything, and take its time; no lock is held while it runs, and nothing is allocated.
func (r *Registry) All() iter.Seq[*Conn] {
	return func(yield func(*Conn) bool) {
		for c := range r.every() {
			if !c.over.Load() && !yield(c) {
				return
			}
		}
	}
}

// every is All with the connections that have ended.
func (r *Registry) every() iter.Seq[*Conn] {
	return func(yield func(*Conn) bool) {
		r.mu.Lock()
		r.iterating++
		end := len(r.slots) // who comes later is not met, lest this never end
		r.mu.Unlock()
		defer func() {
			r.mu.Lock()
			r.iterating--
			r.mu.Unlock()
		}()
		var batch [64]*Conn
		for from := 0; from < end; {
			n := 0
			r.mu.Lock()
			for ; from < end && n < len(batch); from++ { // slots does not become shorter meanwhile
				if c := r.slots[from]; c != nil {
					batch[n] = c
					n++
				}
			}
			r.mu.Unlock()
			for _, c := range batch[:n] {
				if !yield(c) {
					return
				}
			}
		}
	}
}

// limit returns how many bytes may be buffered before connections are closed.
func (r *Registry) limit() int64 {
	switch {
	case r.MaxBuffered == 0:
		return DefaultMaxBuffered
	case r.MaxBuffered < 0:
		return math.MaxInt64
	}
	return r.MaxBuffered
}

// most returns how many bytes may be buffered at all.
func (r *Registry) most() int64 {
	n := r.limit()
	return n + min(n/8, math.MaxInt64-n)
}
