//go:build !race

package deflate

// lent counts Inflaters in race builds only: a counter that every message of
// every processor writes to is not free.
func lent(int64) {}

// Lent returns how many Inflaters have been lent and not been put back, for
// tests. It counts in race builds; in others ok is false.
func Lent() (n int64, ok bool) { return 0, false }
