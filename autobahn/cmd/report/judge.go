package main

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/hawser-go/hawser/autobahn/caseset"
)

// The only two of the testsuite's verdicts that can be a pass.
const (
	verdictOK            = "OK"
	verdictInformational = "INFORMATIONAL"
)

// passes reports whether both halves of a verdict are OK, or INFORMATIONAL for a case that
// cannot end otherwise. NON-STRICT is not a pass.
func (v verdict) passes(informational bool) bool {
	good := func(s string) bool { return s == verdictOK || informational && s == verdictInformational }
	return good(v.Behavior) && good(v.BehaviorClose)
}

// judge compares verdicts with the expected cases, writes one line per group and one per
// problem to w, and returns the number of problems.
func judge(w io.Writer, expected []string, verdicts map[string]verdict) (problems int) {
	informational := caseset.Informational()
	cases := slices.Concat(expected, slices.Collect(maps.Keys(verdicts)))
	slices.SortFunc(cases, caseset.Compare)
	cases = slices.Compact(cases)

	var complaints []string
	for len(cases) > 0 {
		group := caseset.Group(cases[0])
		var ok, info, bad int
		for len(cases) > 0 && caseset.Group(cases[0]) == group {
			id := cases[0]
			cases = cases[1:]
			v, ran := verdicts[id]
			_, mayBeInformational := informational[id]
			switch {
			case !ran:
				bad++
				complaints = append(complaints, fmt.Sprintf("case %s is missing from the reports", id))
			case !slices.Contains(expected, id):
				bad++
				complaints = append(complaints, fmt.Sprintf("case %s was run but is not expected", id))
			case !v.passes(mayBeInformational):
				bad++
				complaints = append(complaints, fmt.Sprintf("case %s: %s, close %s: %s\n    %s", id, v.Behavior, v.BehaviorClose, v.why(), v.reportFile))
			case v.Behavior == verdictInformational:
				info++
			default:
				ok++
			}
		}
		fmt.Fprintf(w, "group %2s: %3d OK", group, ok)
		if info > 0 {
			fmt.Fprintf(w, ", %d informational", info)
		}
		if bad > 0 {
			fmt.Fprintf(w, ", %d FAILED", bad)
		}
		fmt.Fprintln(w)
	}
	for _, c := range complaints {
		fmt.Fprintln(w, c)
	}
	return len(complaints)
}
