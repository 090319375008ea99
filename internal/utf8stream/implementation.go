package utf8stream

import "math"

// An implementation is one way to validate what is long. What is shorter than
// its limits, what is open at the beginning and at the end of a piece, and what
// is wrong is for the automaton, which is the reference.
type implementation struct {
	name      string
	available bool // on this processor
	limits
}

// limits are lengths in octets.
type limits struct {
	dense int // Feed calls bulk from here on for what is not ASCII, and
	any   int // from here on whatever it is
}

// never is longer than any slice.
const never = math.MaxInt

// automaton is the implementation of every processor.
var automaton = implementation{name: "automaton", available: true, limits: limits{dense: never, any: never}}

// limit is the only state of the package. It is set here, and by tests.
var limit = best(implementations).limits

// best returns the first implementation that is available. The last one is
// automaton.
func best(list []implementation) implementation {
	for !list[0].available {
		list = list[1:]
	}
	return list[0]
}
