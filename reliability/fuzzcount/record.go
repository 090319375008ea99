package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Run is what one target has had on one machine at one commit.
type Run struct {
	Target     string `json:"target"` // "folder name"
	Executions int64  `json:"executions"`
	Failures   int    `json:"failures"`
	Seconds    int    `json:"seconds"`
	Date       string `json:"date"` // of the last run
	Commit     string `json:"commit"`
	Go         string `json:"go"`
	Machine    string `json:"machine"`
}

type record struct {
	Runs  []Run `json:"runs"`
	known []string
}

func readRecord(name string) (*record, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return &record{}, nil
	}
	if err != nil {
		return nil, err
	}
	r := new(record)
	return r, json.Unmarshal(text, r)
}

// know adds a target to the table, run or not.
func (r *record) know(target string) { r.known = append(r.known, target) }

// add adds a run to that of the same target at the same commit, or as another one. A failure begins a new one: what was executed before it is not hidden, but does not count as clean.
func (r *record) add(run Run) {
	for i := range r.Runs {
		old := &r.Runs[i]
		if old.Target == run.Target && old.Commit == run.Commit && old.Go == run.Go && old.Machine == run.Machine && old.Failures == 0 && run.Failures == 0 {
			old.Executions += run.Executions
			old.Seconds += run.Seconds
			old.Date = run.Date
			return
		}
	}
	r.Runs = append(r.Runs, run)
}

func (r *record) write(name string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	slices.SortStableFunc(r.Runs, func(a, b Run) int { return strings.Compare(a.Target, b.Target) })
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	// In one step: an interruption must not cost the record.
	if err := os.WriteFile(name+".new", append(text, '\n'), 0o666); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

type sum struct {
	executions, clean int64 // clean are those since the last failure
	failures, seconds int
	last              Run
}

func (r *record) sum(target string) (s sum) {
	for _, run := range r.Runs {
		if run.Target != target {
			continue
		}
		s.executions += run.Executions
		s.clean += run.Executions
		if run.Failures > 0 {
			s.clean = 0
		}
		s.failures += run.Failures
		s.seconds += run.Seconds
		s.last = run
	}
	return s
}

// table returns the sums in Markdown: of the targets that there are, and of those that were.
func (r *record) table() string {
	var b strings.Builder
	b.WriteString("| package | target | executions | since the last failure | failures | hours | last run | at commit |\n|---|---|---:|---:|---:|---:|---|---|\n")
	names := slices.Clone(r.known)
	for _, run := range r.Runs {
		names = append(names, run.Target)
	}
	slices.Sort(names)
	var all int64
	for _, name := range slices.Compact(names) {
		s := r.sum(name)
		folder, target, _ := strings.Cut(name, " ")
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %d | %.2f | %s | %s |\n", folder, target, s.executions, s.clean, s.failures, float64(s.seconds)/3600, s.last.Date, s.last.Commit)
		all += s.executions
	}
	fmt.Fprintf(&b, "\n%d executions in all.\n", all)
	return b.String()
}
