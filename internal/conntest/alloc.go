package conntest

import "testing"

// ShouldNotAllocate makes the test fail if f allocates, on average over many calls. Under the race detector, which allocates by itself and
// makes sync.Pool drop at random, it calls f once and checks nothing.
func ShouldNotAllocate(t testing.TB, f func()) {
	t.Helper()
	if RaceEnabled {
		f()
		return
	}
	if n := testing.AllocsPerRun(200, f); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
