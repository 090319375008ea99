//go:build linux

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
)

// readOld reads what an earlier command has written to a directory, nil if there is nothing, and refuses what cannot stand beside r.
func (r *report) readOld(dir string) (*report, error) {
	old, err := readReport(filepath.Join(dir, "results.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	differs := func(what string) error {
		return fmt.Errorf("%s has results of %s: write to another directory, or remove it", dir, what)
	}
	a, b := old.Machine, r.Machine
	switch {
	case a.CPU != b.CPU || a.Cores != b.Cores || a.Kernel != b.Kernel || a.Arch != b.Arch:
		return nil, differs("another machine")
	case a.Go != b.Go:
		return nil, differs("another Go release")
	case old.Quick != r.Quick:
		return nil, differs("quick runs or of long ones")
	}
	for _, p := range r.Libraries {
		i := slices.IndexFunc(old.Libraries, func(q *peer) bool { return q.Name == p.Name })
		// Our own version is the commit, which each scenario says.
		if i >= 0 && old.Libraries[i].Version != p.Version && p.Version != r.Commit {
			return nil, differs(fmt.Sprintf("another version of %s, %s", p.Name, old.Libraries[i].Version))
		}
	}
	return old, nil
}

// merged is r and those scenarios of old that r has no results of: a scenario's figures are always those of one command.
func (r *report) merged(old *report) *report {
	m := *r
	m.Scenarios = nil
	for _, s := range r.Scenarios {
		if len(s.Results) > 0 {
			m.Scenarios = append(m.Scenarios, s)
		}
	}
	if old == nil {
		return &m
	}
	for _, s := range old.Scenarios {
		if m.scenario(s.Name) == nil {
			m.Scenarios = append(m.Scenarios, s)
		}
	}
	place := make(map[string]int)
	for i, s := range allScenarios(r.Quick) {
		place[s.Name] = i
	}
	of := func(s *scenarioReport) int {
		if i, ok := place[s.Name]; ok {
			return i
		}
		return math.MaxInt // of another limit of open files, or of another time
	}
	slices.SortStableFunc(m.Scenarios, func(a, b *scenarioReport) int { return cmp.Compare(of(a), of(b)) })

	// In the order of the report that has more: -libs may name a few in any order.
	more, fewer := old.Libraries, r.Libraries
	if len(fewer) >= len(more) {
		more, fewer = fewer, more
	}
	m.Libraries = nil
	for _, p := range slices.Concat(more, fewer) {
		if slices.ContainsFunc(m.Libraries, func(q *peer) bool { return q.Name == p.Name }) {
			continue
		}
		if i := slices.IndexFunc(r.Libraries, func(q *peer) bool { return q.Name == p.Name }); i >= 0 {
			p = r.Libraries[i] // the newest words
		}
		m.Libraries = append(m.Libraries, p)
	}
	return &m
}

// replaced names the scenarios of old that r will have again.
func (r *report) replaced(old *report) (names []string) {
	if old == nil {
		return nil
	}
	for _, s := range r.Scenarios {
		if old.scenario(s.Name) != nil {
			names = append(names, s.Name)
		}
	}
	return names
}
