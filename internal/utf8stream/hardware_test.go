//go:build purego || !(amd64 && linux)

package utf8stream

import (
	"math/bits"
	"testing"
)

// hardware returns the implementations that this processor must have, as far as
// that is known without the detection that is tested.
func hardware(*testing.T) []string {
	switch {
	case implementations[0].name == "neon":
		return []string{"neon", "neon_unlimited", "automaton"}
	case bits.UintSize == 32:
		return []string{"standard", "standard_unlimited", "automaton"}
	}
	return []string{"automaton"}
}
