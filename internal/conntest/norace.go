//go:build !race

package conntest

// RaceEnabled reports whether the race detector is on.
const RaceEnabled = false
