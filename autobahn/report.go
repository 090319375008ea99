package autobahn

import (
	"cmp"
	"slices"
	"time"

	"github.com/hawser-go/hawser/autobahn/caseset"
)

// A Report is the results of a run.
type Report struct {
	Role     string // of the peer: "server" or "client"
	Started  time.Time
	Duration time.Duration
	Messages int // how many messages the cases of groups 12 and 13 sent
	Results  []*Result
}

// Pass reports whether all results pass.
func (r *Report) Pass() bool {
	return !slices.ContainsFunc(r.Results, func(r *Result) bool { return !r.Pass() })
}

// finish puts the results in order.
func (r *Report) finish() {
	r.Duration = time.Since(r.Started)
	slices.SortFunc(r.Results, func(a, b *Result) int {
		return cmp.Or(cmp.Compare(a.Agent, b.Agent), compareIDs(a.Case.ID, b.Case.ID))
	})
}

// compareIDs orders the testsuite's cases before our own.
func compareIDs(a, b string) int {
	if own := isOwn(a); own != isOwn(b) {
		if own {
			return 1
		}
		return -1
	}
	return caseset.Compare(a, b)
}

// isOwn reports whether an identifier is one of [MoreCases].
func isOwn(id string) bool { return id[0] > '9' }

// messages is how many messages the cases of groups 12 and 13 send.
func (cfg *Config) messages() int {
	if cfg.Messages > 0 {
		return cfg.Messages
	}
	return 1000
}
