package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hawser-go/hawser/autobahn"
	"github.com/hawser-go/hawser/autobahn/caseset"
)

// conclude prints and writes what a report says, and returns the exit status.
func conclude(o *options, report *autobahn.Report, stdout io.Writer) (status int, err error) {
	problems := complaints(report)
	if o.expect != "" {
		expected, err := os.ReadFile(o.expect)
		if err != nil {
			return 2, err
		}
		if problems, err = report.Compare(expected); err != nil {
			return 2, fmt.Errorf("%s: %w", o.expect, err)
		}
	}
	table(stdout, report)
	if report.Messages != testsuiteMessages && slices.ContainsFunc(report.Results, compressed) {
		fmt.Fprintf(stdout, "the cases of groups 12 and 13 had %d messages each, not the testsuite's %d\n", report.Messages, testsuiteMessages)
	}
	for _, p := range problems {
		fmt.Fprintln(stdout, p)
	}
	if o.out != "" {
		if err := report.WriteFiles(o.out); err != nil {
			return 2, err
		}
		fmt.Fprintf(stdout, "reports: %s/index.html\n", strings.TrimSuffix(o.out, "/"))
	}
	if o.write != "" {
		if err := os.WriteFile(o.write, report.Verdicts(), 0o666); err != nil {
			return 2, err
		}
	}
	took := report.Duration.Round(100 * time.Millisecond)
	switch {
	case len(problems) > 0:
		fmt.Fprintf(stdout, "FAILED: %d problems in %d cases, %v\n", len(problems), len(report.Results), took)
		return 1, nil
	case o.expect != "":
		fmt.Fprintf(stdout, "all %d verdicts are as expected, %v\n", len(report.Results), took)
	default:
		fmt.Fprintf(stdout, "all %d cases pass, %v\n", len(report.Results), took)
	}
	return 0, nil
}

// testsuiteMessages is how many messages the testsuite sends in a case of groups 12 and 13.
const testsuiteMessages = 1000

// compressed reports whether a result is of group 12 or 13.
func compressed(r *autobahn.Result) bool {
	group := caseset.Group(r.Case.ID)
	return group == "12" || group == "13"
}

func complaints(report *autobahn.Report) (all []string) {
	for _, r := range report.Results {
		if !r.Pass() {
			all = append(all, fmt.Sprintf("%s %s: %s, close %s (%s)\n    %s\n    %s", r.Agent, r.Case.ID, r.Behavior, r.BehaviorClose, r.Case.Section, r.Why, r.WhyClose))
		}
	}
	return all
}

// table prints a line for each group: how many cases have which verdict on their behavior,
// and how many do not pass.
func table(w io.Writer, report *autobahn.Report) {
	columns := []autobahn.Verdict{autobahn.OK, autobahn.NonStrict, autobahn.Informational, autobahn.Unimplemented, autobahn.Failed}
	type row struct {
		name   string
		counts map[autobahn.Verdict]int
		closes int
		time   time.Duration
	}
	var rows []*row
	for _, r := range report.Results {
		name := r.Agent + "\t" + caseset.Group(r.Case.ID)
		if n := len(rows); n == 0 || rows[n-1].name != name {
			rows = append(rows, &row{name: name, counts: make(map[autobahn.Verdict]int)})
		}
		last := rows[len(rows)-1]
		last.counts[r.Behavior]++
		last.time = max(last.time, r.Duration)
		if r.BehaviorClose != autobahn.OK && r.BehaviorClose != autobahn.Informational {
			last.closes++
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "agent\tgroup\t")
	for _, c := range columns {
		fmt.Fprintf(t, "%s\t", c)
	}
	fmt.Fprintln(t, "bad close\tlongest\t")
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t", r.name)
		for _, c := range columns {
			fmt.Fprintf(t, "%s\t", orDot(r.counts[c]))
		}
		fmt.Fprintf(t, "%s\t%v\t\n", orDot(r.closes), r.time.Round(time.Millisecond))
	}
	t.Flush()
}

func orDot(n int) string {
	if n == 0 {
		return "."
	}
	return fmt.Sprint(n)
}

// A progress shows how many cases are done, on a terminal only.
type progress struct {
	w         io.Writer
	terminal  bool
	total     int // 0: nobody knows
	done, bad int
}

func newProgress(w io.Writer) *progress {
	p := &progress{w: w}
	if f, ok := w.(*os.File); ok {
		info, err := f.Stat()
		p.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

func (p *progress) show(r *autobahn.Result) {
	p.done++
	if !r.Pass() {
		p.bad++
	}
	if p.terminal {
		of := ""
		if p.total > 0 {
			of = fmt.Sprintf(" of %d", p.total)
		}
		fmt.Fprintf(p.w, "\r\x1b[K%d%s cases, %d do not pass: %s", p.done, of, p.bad, r.Case.ID)
	}
}

func (p *progress) clear() {
	if p.terminal {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
