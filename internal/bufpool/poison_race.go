//go:build race

package bufpool

// poison doubles what is overwritten: one byte after another is slow under the race detector.
func poison(b []byte) {
	b[0] = 0xA5
	for n := 1; n < len(b); n *= 2 {
		copy(b[n:], b[:n])
	}
}
