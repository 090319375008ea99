package mask

import "math"

// An implementation is one way to mask what is long. What is shorter than its
// limits is masked by words, which is the reference that all others must match.
type implementation struct {
	name      string
	available bool // on this processor
	limits
}

// limits are lengths in octets.
type limits struct {
	xor  int // XOR calls vector from here on
	copy int // Copy calls vector from here on
	wide int // vector uses its widest registers from here on
}

// never is longer than any slice.
const never = math.MaxInt

// words is the implementation of every processor.
var words = implementation{name: "word", available: true, limits: limits{xor: never, copy: never, wide: never}}

// limit is the only state of the package. It is set here, and by tests.
var limit = best(implementations).limits

// best returns the first implementation that is available. The last one is
// words.
func best(list []implementation) implementation {
	for !list[0].available {
		list = list[1:]
	}
	return list[0]
}
