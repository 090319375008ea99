package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Run is what a probe found when it ran last.
type Run struct {
	Probe   string             `json:"probe"`
	Command string             `json:"command"`
	Commit  string             `json:"commit"`
	Date    string             `json:"date"`
	Go      string             `json:"go,omitempty"`
	Machine string             `json:"machine,omitempty"`
	Seconds int                `json:"seconds,omitempty"`
	Values  map[string]float64 `json:"values"`
}

type results struct {
	Runs []Run `json:"runs"`
}

func readResults(name string) (*results, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return &results{}, nil
	}
	if err != nil {
		return nil, err
	}
	r := new(results)
	return r, json.Unmarshal(text, r)
}

func (r *results) write(name string) error {
	slices.SortFunc(r.Runs, func(a, b Run) int { return strings.Compare(a.Probe, b.Probe) })
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	// In one step: an interruption must not cost what was found.
	if err := os.WriteFile(name+".new", append(text, '\n'), 0o666); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// put replaces what the same probe has found before. With add, the values of a run at the same commit on the same machine are summed.
func (r *results) put(run Run, add bool) {
	i := slices.IndexFunc(r.Runs, func(old Run) bool { return old.Probe == run.Probe })
	if i < 0 {
		r.Runs = append(r.Runs, run)
		return
	}
	if old := r.Runs[i]; add && old.Commit == run.Commit && old.Machine == run.Machine && old.Go == run.Go {
		run.Seconds += old.Seconds
		for key, v := range old.Values {
			run.Values[key] += v
		}
	}
	r.Runs[i] = run
}

// get returns what a probe has found, and whether it has.
func (r *results) get(probe string) (Run, bool) {
	for _, run := range r.Runs {
		if run.Probe == probe {
			return run, true
		}
	}
	return Run{}, false
}

// here is what is the same for every probe that runs here and now.
func here(root string) Run {
	return Run{Commit: commit(root), Date: time.Now().UTC().Format(time.DateOnly), Go: runtime.Version(), Machine: machine()}
}

// commit names the commit of a checkout, and says if it has changes. The results themselves are none: each probe writes them.
func commit(folder string) string {
	git := func(args ...string) (string, error) {
		cmd := exec.Command("git", args...)
		cmd.Dir = folder
		out, err := cmd.Output()
		return strings.TrimSpace(string(out)), err
	}
	name, err := git("rev-parse", "--short=12", "HEAD")
	if err != nil {
		return "unknown"
	}
	if _, err := git("diff", "--quiet", "HEAD", "--", ".", ":!reliability/results", ":!docs/scoreboard.md"); err != nil {
		name += "-dirty"
	}
	return name
}

// machine names the processor and how many of them there are, not the machine.
func machine() string {
	name := runtime.GOARCH
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				name = strings.TrimSpace(value)
				break
			}
		}
	}
	return strconv.Itoa(runtime.NumCPU()) + " x " + name + ", " + runtime.GOOS
}
