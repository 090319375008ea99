//go:build linux && !purego

package utf8stream

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// hardware returns the implementations that this processor must have, as the
// kernel knows it: the witness that detection does not leave one out.
func hardware(t *testing.T) []string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Fatal(err)
	}
	_, flags, found := strings.Cut(string(text), "\nflags")
	if !found {
		t.Fatal("/proc/cpuinfo has no flags")
	}
	flags, _, _ = strings.Cut(flags, "\n")
	if slices.Contains(strings.Fields(flags), "avx2") {
		return []string{"avx2", "avx2_unlimited", "automaton"}
	}
	return []string{"automaton"}
}
