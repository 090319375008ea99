package utf8stream

import (
	"runtime/debug"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/internal/conntest"
)

// TestGuardPages: nothing outside of p is read.
func TestGuardPages(t *testing.T) {
	inside := conntest.GuardedPages(t, 2)
	// A fault becomes a panic of this goroutine.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	forEach(t, func(t *testing.T) {
		for _, fill := range append([]string{"世\xFF", "\x80"}, fills...) {
			for _, place := range []string{"first_octets", "last_octets"} {
				t.Run("8.1/"+fill+"_"+place, func(t *testing.T) {
					at := -1
					defer func() {
						if r := recover(); r != nil {
							t.Errorf("length %d: %v", at, r)
						}
					}()
					for n := range 700 {
						at = n
						p := inside[:n:n]
						if place == "last_octets" {
							p = inside[len(inside)-n:]
						}
						copy(p, strings.Repeat(fill, n/len(fill)+1))
						testPieces(t, p)
						testBulk(t, p)
					}
				})
			}
		}
	})
}
