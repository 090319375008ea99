package conn

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/bufpool"
)

// queueModel is a sendQueue as simple as it can be.
type queueModel struct {
	waiting, writing [][]byte
	added            uint64
	closed           bool
}

func total(messages [][]byte) (payload, cost int64) {
	for _, m := range messages {
		payload += int64(len(m))
		cost += int64(len(m)) + 64
	}
	return payload, cost
}

// TestSendQueue does random things to a sendQueue and to a plain slice, and wants the same of both.
func TestSendQueue(t *testing.T) {
	for seed := range 200 {
		t.Run(fmt.Sprintf("5.6/seed_%d", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(uint64(seed), 8))
			q, want := &sendQueue{c: &Conn{cfg: &Config{}}}, queueModel{}
			var kept atomic.Int64
			limit := int64(1000 + rnd.IntN(20000))
			adding := 2 + rnd.IntN(7) // of 10: so some queues stay short, and some stay full
			prepared, err := Prepare(Binary, pattern(700))
			if err != nil {
				t.Fatal(err)
			}
			for step := range 400 {
				var room <-chan struct{}
				switch k := rnd.IntN(10); {
				case step == 399:
					q.clear()
					want.waiting, want.closed = nil, true
				case rnd.IntN(20) == 0:
					kept.Store(rnd.Int64N(3) * 400)
				case k < adding:
					m := &outgoing{opcode: frame.OpcodeBinary, data: slices.Repeat([]byte{byte(step)}, rnd.IntN(900))}
					if rnd.IntN(5) == 0 {
						m = prepared.outgoing()
					}
					dropOldest := rnd.IntN(4) == 0
					var ok bool
					ok, room = q.add(m, limit, &kept, dropOldest)
					_, writing := total(want.writing)
					fits := func() bool {
						_, waiting := total(want.waiting)
						if dropOldest {
							return waiting+m.cost() <= limit
						}
						return waiting+writing+m.cost()+kept.Load() <= limit
					}
					for dropOldest && !fits() {
						want.waiting = want.waiting[1:]
					}
					if ok != fits() || (room == nil) != ok {
						t.Fatalf("step %d: add says %v, want %v", step, ok, fits())
					}
					if ok {
						want.waiting = append(want.waiting, bytes.Clone(m.data))
						want.added++
						if m.prepared == nil {
							clear(m.data) // it has been copied
						}
					}
				case rnd.IntN(2) == 0:
					m, ok := q.next()
					if ok != (len(want.waiting) > 0) {
						t.Fatalf("step %d: next says %v", step, ok)
					}
					if ok {
						if !bytes.Equal(m.data, want.waiting[0]) {
							t.Fatalf("step %d: next has %d bytes, want %d", step, len(m.data), len(want.waiting[0]))
						}
						want.writing = append(want.writing, want.waiting[0])
						want.waiting = want.waiting[1:]
						bufpool.Put(m.buf)
					}
				default:
					_, room = q.add(&outgoing{data: pattern(int(limit))}, limit, &kept, false) // which costs too much
					payload, cost := total(want.writing)
					q.wrote(payload, cost, cost)
					want.writing = nil
					select {
					case <-room:
					default:
						t.Fatalf("step %d: nobody was told that there is room", step)
					}
				}
				waiting, waitingCost := total(want.waiting)
				writing, writingCost := total(want.writing)
				if q.amount() != waiting+writing || q.cost != waitingCost+writingCost || q.writing != writingCost || q.isEmpty() != (len(want.waiting) == 0) || q.last() != want.added {
					t.Fatalf("step %d: amount %d, cost %d, writing %d, empty %v, last %d", step, q.amount(), q.cost, q.writing, q.isEmpty(), q.last())
				}
				if n := want.added - uint64(len(want.waiting)); !q.reached(n) || q.reached(n+1) {
					t.Fatalf("step %d: what has left is not number %d", step, n)
				}
				if len(want.waiting) == 0 && q.waiting != nil {
					t.Fatalf("step %d: an empty queue keeps room for %d", step, cap(q.waiting))
				}
			}
			payload, cost := total(want.writing)
			q.wrote(payload, cost, cost)
			if q.amount() != 0 || q.cost != 0 || q.writing != 0 {
				t.Errorf("in the end amount %d, cost %d, writing %d", q.amount(), q.cost, q.writing)
			}
			if ok, _ := q.add(&outgoing{data: pattern(10)}, limit, &kept, false); !ok || !q.isEmpty() {
				t.Error("something was added behind clear")
			}
		})
	}
}

// TestSendQueueCompacts: what has left is not kept, however long the queue never gets empty.
func TestSendQueueCompacts(t *testing.T) {
	q, kept := &sendQueue{c: &Conn{cfg: &Config{}}}, new(atomic.Int64)
	for i := range 10000 {
		q.add(&outgoing{data: []byte{byte(i)}}, 1<<20, kept, false)
		if i < 20 {
			continue
		}
		if m, ok := q.next(); !ok || m.data[0] != byte(i-20) {
			t.Fatalf("message %d: %v %v", i, m.data, ok)
		}
		q.wrote(1, 65, 65)
	}
	if cap(q.waiting) > 128 {
		t.Errorf("the queue has room for %d messages, and holds 20", cap(q.waiting))
	}
}

// TestSendQueueHoldsWhatItCounts: the queue takes about the memory that its messages count for.
func TestSendQueueHoldsWhatItCounts(t *testing.T) {
	for _, size := range []int{0, 1, 16, 100, bufpool.Smallest - 1, bufpool.Smallest, 5000} {
		t.Run(fmt.Sprintf("5.6/%d_bytes", size), func(t *testing.T) {
			q, kept := &sendQueue{c: &Conn{cfg: &Config{}}}, new(atomic.Int64)
			m := &outgoing{data: pattern(size)}
			q.add(m, 1<<20, kept, false)
			if held := cap(q.waiting[0].data); int64(held) > 2*m.cost() {
				t.Errorf("it counts for %d and holds %d bytes", m.cost(), held)
			}
			q.clear()
		})
	}
	var none *sendQueue
	if none.amount() != 0 || none.last() != 0 || !none.reached(0) {
		t.Error("no queue has something in it")
	}
}
