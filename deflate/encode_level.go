package deflate

const levels = 2

func newMatcher(level Level) matcher {
	if level == LevelBest {
		return new(bestMatcher)
	}
	return new(fastMatcher)
}
