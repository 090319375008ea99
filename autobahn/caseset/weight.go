package caseset

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
)

//go:embed weights.txt
var weightsTxt string

// defaultWeight is the time of a case that waits for nothing and moves next to no data.
const defaultWeight = 5

var weights = sync.OnceValue(func() map[string]int {
	m := make(map[string]int)
	for _, line := range Parse(weightsTxt) {
		id, ms, _ := strings.Cut(line, " ")
		if n, err := strconv.Atoi(strings.TrimSpace(ms)); err == nil {
			m[id] = n
		}
	}
	return m
})

// Weight returns about how many milliseconds a case takes. Only the proportions between
// cases mean anything: they depend on the testsuite more than on the testee.
func Weight(id string) int {
	if w, ok := weights()[id]; ok {
		return w
	}
	return defaultWeight
}
