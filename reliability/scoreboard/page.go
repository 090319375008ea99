package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// render returns the page. It depends on found alone.
func render(found *results) string {
	var b strings.Builder
	b.WriteString(`# The scoreboard

What the engine promises about its reliability, as numbers, and what was measured. This page is written by a command, from ` + "`reliability/results/scoreboard.json`" + `:

    cd reliability && go run ./scoreboard              what takes a minute or two is measured again
    cd reliability && go run ./scoreboard -all         everything, hours
    cd reliability && go run ./scoreboard -run NAME    one probe, by its name below

Do not edit it. A figure is **met**, **not met**, met **in part**, or **not measured**; what is not met says why. Memory is bytes of objects on the heap, garbage included. ` + "`TestPage`" + ` in ` + "`reliability/scoreboard`" + ` fails if the page and the results
differ, or if results that are committed elsewhere have changed.

| figure | target | reached | | why, and what it would take | probes |
|---|---|---|---|---|---|
`)
	counts := map[verdict]int{}
	for _, f := range figures {
		o := f.judge(f.evidence(found))
		counts[o.verdict]++
		fmt.Fprintf(&b, "| %s | %s | %s | **%s** | %s | %s |\n", f.name, f.target, o.reached, o.verdict, o.why, strings.Join(f.probes, ", "))
	}
	var words []string
	for _, v := range []verdict{met, inPart, notMet, notMeasured} {
		words = append(words, fmt.Sprintf("%d %s", counts[v], v))
	}
	fmt.Fprintf(&b, "\n%d figures: %s.\n", len(figures), strings.Join(words, ", "))
	b.WriteString("\n## The probes\n\nWhat each ran, where, and what it found. A commit with `-dirty` had changes that were not committed, of tests or of tools; the commit that brings this page has them. Of a probe that reads what is committed, they are those of the reading.\n\n" +
		"| probe | the command that repeats it, in the repository's root | commit | date | s | machine | found |\n|---|---|---|---|--:|---|---|\n")
	for _, p := range probes {
		r, ok := found.get(p.name)
		if !ok {
			fmt.Fprintf(&b, "| %s | `%s` | | | | | not run yet |\n", p.name, cell(p.shown()))
			continue
		}
		var list []string
		for _, key := range sortedKeys(r.Values) {
			list = append(list, key+": "+number(r.Values[key]))
		}
		seconds := ""
		if r.Seconds > 0 {
			seconds = fmt.Sprint(r.Seconds)
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s | %s | %s, %s | %s |\n", p.name, cell(r.Command), r.Commit, r.Date, seconds, r.Machine, r.Go, strings.Join(list, "; "))
	}
	return b.String()
}

// cell is text for a cell of a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// number is a whole number with commas, or one with at most two decimals.
func number(v float64) string {
	s := strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
	whole, rest, dot := strings.Cut(s, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if dot {
		rest = "." + rest
	}
	return sign + whole + rest
}
