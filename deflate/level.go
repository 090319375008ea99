package deflate

// Level is how hard compression tries.
type Level int8

const (
	// LevelFast takes the first match it finds.
	LevelFast Level = iota
	// LevelBest searches as zlib's level 6 does, and its messages have that size.
	LevelBest
)

const levels = 2

func newMatcher(level Level) matcher {
	if level == LevelBest {
		return new(bestMatcher)
	}
	return new(fastMatcher)
}
