package conntest

import (
	"bytes"
	"slices"
	"testing"
)

func TestRandom(t *testing.T) {
	seeds := [][]byte{nil, []byte("Hello"), {0x81, 0x05}}
	run := func() (inputs map[string]bool, n int) {
		inputs = map[string]bool{}
		Random(t, seeds, func(p []byte) {
			inputs[string(p)] = true
			n++
			clear(p) // it is ours
		})
		return inputs, n
	}
	t.Setenv("HAWSER_EXECUTIONS", "")
	first, n := run()
	if again, _ := run(); n != 10_000 || len(first) < n/4 || len(first) != len(again) {
		t.Errorf("%d executions of %d different inputs, then of %d", n, len(first), len(again))
	}
	if !slices.EqualFunc(seeds, [][]byte{nil, []byte("Hello"), {0x81, 0x05}}, bytes.Equal) {
		t.Errorf("the seeds are %q now", seeds)
	}
	t.Setenv("HAWSER_EXECUTIONS", "7")
	if _, n := run(); n != 7 {
		t.Errorf("%d executions, want 7", n)
	}
	t.Setenv("HAWSER_EXECUTIONS", "many")
	wantFailure(t, func(t testing.TB) { Random(t, seeds, func([]byte) {}) }, "HAWSER_EXECUTIONS", "many")
}
