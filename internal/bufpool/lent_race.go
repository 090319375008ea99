//go:build race

package bufpool

import "sync/atomic"

var lentCount atomic.Int64

// lent counts buffers in race builds only: a counter that every processor writes to is not free.
func lent(n int64) { lentCount.Add(n) }

// Lent returns how many buffers have been lent and were neither put back nor kept, for tests. It counts in race builds; in others ok is false.
func Lent() (n int64, ok bool) { return lentCount.Load(), true }
