// Package caseset holds what is known about the cases of the Autobahn testsuite: their
// identifiers, how long each takes, and which of them the testsuite never judges.
//
// The identifiers are data (cases.txt), so that a report can be checked for completeness
// without asking the testsuite which cases it would have liked to run.
package caseset

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

//go:embed cases.txt
var casesTxt string

//go:embed informational.txt
var informationalTxt string

// All returns the identifiers of every case of the testsuite, in order. The caller owns the result.
func All() []string { return Parse(casesTxt) }

// Informational returns the cases that the testsuite ends as INFORMATIONAL whatever the
// testee does, with the reason for each. The caller owns the result.
func Informational() map[string]string {
	reasons := make(map[string]string)
	for _, line := range Parse(informationalTxt) {
		id, reason, _ := strings.Cut(line, ":")
		reasons[id] = strings.TrimSpace(reason)
	}
	return reasons
}

// Parse splits text into lines without empty lines and lines that begin with "#".
func Parse(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	return lines
}

// Select returns the cases of all that match the selection, in order: a comma-separated
// list of identifiers ("1.1.1") and groups ("1.*", "*"). Every element has to match a case,
// so that a misspelt selection cannot pass for a short run. The caller owns the result.
func Select(all []string, selection string) ([]string, error) {
	wanted := make(map[string]bool)
	for pattern := range strings.SplitSeq(selection, ",") {
		pattern = strings.TrimSpace(pattern)
		prefix, isGroup := strings.CutSuffix(pattern, "*")
		if isGroup && prefix != "" && !strings.HasSuffix(prefix, ".") {
			return nil, fmt.Errorf("%q is not a group of cases: write it as \"1.*\" or \"1.2.*\"", pattern)
		}
		matched := false
		for _, id := range all {
			if id == pattern || isGroup && strings.HasPrefix(id, prefix) {
				wanted[id] = true
				matched = true
			}
		}
		if !matched {
			return nil, fmt.Errorf("%q matches no case of the testsuite", pattern)
		}
	}
	var selected []string
	for _, id := range all {
		if wanted[id] {
			selected = append(selected, id)
		}
	}
	return selected, nil
}

// Group returns the first number of an identifier: the group that the case belongs to.
func Group(id string) string {
	group, _, _ := strings.Cut(id, ".")
	return group
}

// Compare orders identifiers number by number: 1.1.2 before 1.1.10 before 2.1.
func Compare(a, b string) int {
	return slices.CompareFunc(strings.Split(a, "."), strings.Split(b, "."), func(x, y string) int {
		m, errM := strconv.Atoi(x)
		n, errN := strconv.Atoi(y)
		if errM != nil || errN != nil {
			return cmp.Compare(x, y)
		}
		return cmp.Compare(m, n)
	})
}
