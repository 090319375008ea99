package deflate

// A Level says how much time goes into a small result. Both levels honour every window; they differ in how they look for
// repetitions. Figures are in docs/decisions/0007-deflate-encoder.md.
type Level int8

const (
	// LevelFast takes the first repetition it sees, if it is of six octets or more. On JSON and text of 1 KiB its messages
	// are 3 to 8 % larger than those of LevelBest, with context takeover 10 to 20 % (half as large again where nearly
	// everything repeats), and take a third to a half of the time.
	LevelFast Level = iota
	// LevelBest looks at many repetitions and takes the longest. On a stream of JSON with context takeover its messages are
	// at most 1 % larger than those of zlib at level 6 with the same window, and mostly smaller.
	LevelBest
)

const levels = 2

func newMatcher(level Level) matcher {
	if level == LevelBest {
		return new(bestMatcher)
	}
	return new(fastMatcher)
}
