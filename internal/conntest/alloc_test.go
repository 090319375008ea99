package conntest

import "testing"

var sink []byte

func TestShouldNotAllocate(t *testing.T) {
	calls := 0
	ShouldNotAllocate(t, func() { calls++ })
	if calls == 0 {
		t.Error("f was not called")
	}
	got := failure(func(t testing.TB) {
		ShouldNotAllocate(t, func() { sink = make([]byte, 10) })
	})
	if (got == "") != RaceEnabled {
		t.Errorf("an allocation made the test fail with %q, race detector: %v", got, RaceEnabled)
	}
}
