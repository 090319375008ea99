package autobahn

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/hawser-go/hawser/autobahn/caseset"
)

// Cases returns the cases of the testsuite, in order. The caller owns the result, but must
// not modify the cases.
func Cases() []*Case { return slices.Clone(testsuite()) }

var testsuite = sync.OnceValue(func() []*Case {
	return slices.Concat(withoutCompression(), compression())
})

// MoreCases returns our own cases, for what the testsuite lacks, in order. The caller owns
// the result, but must not modify the cases.
func MoreCases() []*Case { return slices.Clone(moreCases()) }

var moreCases = sync.OnceValue(ownCases)

// group is the part of an identifier before the first dot.
func (c *Case) group() string { return caseset.Group(c.ID) }

// Select returns the cases that the configuration selects for a peer that is a "server" or a
// "client", in order. The caller owns the result, but must not modify the cases.
func (c *Config) Select(role string) ([]*Case, error) {
	cfg := c.withDefaults()
	all := slices.Concat(testsuite(), moreCases())
	selection := cfg.Cases
	if selection == "*" {
		all = testsuite()
	}
	cases, err := pick(all, selection)
	if err != nil {
		return nil, err
	}
	if cfg.Exclude != "" {
		excluded, err := pick(slices.Concat(testsuite(), moreCases()), cfg.Exclude)
		if err != nil {
			return nil, err
		}
		cases = slices.DeleteFunc(cases, func(c *Case) bool { return slices.Contains(excluded, c) })
	}
	cases = slices.DeleteFunc(cases, func(c *Case) bool { return c.Role != "" && c.Role != role })
	if len(cases) == 0 {
		return nil, fmt.Errorf("%q without %q is no case for a %s", selection, cfg.Exclude, role)
	}
	return cases, nil
}

// pick returns the cases that a selection names.
func pick(all []*Case, selection string) (picked []*Case, err error) {
	ids := make([]string, len(all))
	for i, c := range all {
		ids[i] = c.ID
	}
	chosen, err := caseset.Select(ids, strings.TrimSpace(selection))
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		if slices.Contains(chosen, c.ID) {
			picked = append(picked, c)
		}
	}
	return picked, nil
}
