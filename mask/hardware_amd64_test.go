//go:build linux && !purego

package mask

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// hardware returns the implementations that this processor must have, as the
// kernel knows it: the witness that detection does not leave one out.
func hardware(t *testing.T) (names []string) {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Fatal(err)
	}
	_, flags, found := strings.Cut(string(text), "\nflags")
	if !found {
		t.Fatal("/proc/cpuinfo has no flags")
	}
	flags, _, _ = strings.Cut(flags, "\n")
	has := strings.Fields(flags)
	if slices.Contains(has, "avx2") {
		names = append(names, "avx2", "avx2_unlimited")
	}
	if slices.Contains(has, "avx512f") && slices.Contains(has, "avx512_vbmi2") {
		names = append(names, "avx512", "avx512_unlimited")
	}
	return append(names, "word")
}
