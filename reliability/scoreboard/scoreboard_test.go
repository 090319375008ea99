package main

import (
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	resultsFile = "../results/scoreboard.json"
	pageFile    = "../../docs/scoreboard.md"
)

func committed(t *testing.T) *results {
	t.Helper()
	found, err := readResults(resultsFile)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestPage: the page is what the results make of it, with a row for each figure and each probe.
func TestPage(t *testing.T) {
	text, err := os.ReadFile(pageFile)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	if page != render(committed(t)) {
		t.Errorf("%s is not what %s says: run \"go run ./scoreboard -n\" in reliability", pageFile, resultsFile)
	}
	for _, f := range figures {
		if strings.Count(page, "\n| "+f.name+" | ") != 1 {
			t.Errorf("the page has no row, or several, for %q", f.name)
		}
	}
	for _, p := range probes {
		if strings.Count(page, "\n| "+p.name+" | `") != 1 {
			t.Errorf("the page has no row, or several, for the probe %q", p.name)
		}
	}
}

// TestCommitted: what the page cites of results that are committed elsewhere is what they say now.
func TestCommitted(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	found := committed(t)
	for _, p := range probes {
		if p.read == nil {
			continue
		}
		now, err := p.read(root)
		if err != nil {
			t.Error(err)
			continue
		}
		if r, ok := found.get(p.name); !ok || !maps.Equal(r.Values, now) {
			t.Errorf("%s has changed, from %v to %v: run \"go run ./scoreboard -run '^%s$'\" in reliability", p.name, r.Values, now, p.name)
		}
	}
}

// TestResults: what is committed is of probes that there are, by the commands that they run now, and has each value.
func TestResults(t *testing.T) {
	for _, r := range committed(t).Runs {
		i := slices.IndexFunc(probes, func(p probe) bool { return p.name == r.Probe })
		if i < 0 {
			t.Errorf("%s is no probe", r.Probe)
			continue
		}
		p := probes[i]
		if r.Command != p.shown() {
			t.Errorf("%s ran %q, and would run %q now", p.name, r.Command, p.shown())
		}
		if r.Commit == "" || r.Commit == "unknown" || r.Date == "" || r.Machine == "" || r.Go == "" {
			t.Errorf("%s: what ran where, and when, is not all there: %+v", p.name, r)
		}
		for _, v := range p.values {
			if _, ok := r.Values[v.key]; !ok {
				t.Errorf("%s has no value %q", p.name, v.key)
			}
		}
	}
}

// TestFigures: each is made of probes that there are, names only what they find, is not met without them, and says why if it is not met.
func TestFigures(t *testing.T) {
	found := committed(t)
	for _, f := range figures {
		for _, name := range f.probes {
			if !slices.ContainsFunc(probes, func(p probe) bool { return p.name == name }) {
				t.Errorf("%s: %s is no probe", f.name, name)
			}
		}
		if o := f.judge(f.evidence(found)); o.verdict != met && o.why == "" {
			t.Errorf("%s is %s, and nobody says why", f.name, o.verdict)
		} else if strings.Contains(o.reached, "?") && o.verdict != notMeasured {
			t.Errorf("%s: no probe has found all of %q", f.name, o.reached)
		}
		if o := f.judge(evidence{}); o.verdict == met || o.verdict == inPart {
			t.Errorf("%s is %s although nothing has been measured", f.name, o.verdict)
		}
	}
}

func TestExtract(t *testing.T) {
	out := `{"Action":"run","Test":"TestA"}
{"Action":"output","Test":"TestA/x","Output":"    a_test.go:1: grew by 12 bytes\n"}
{"Action":"output","Test":"TestA/y","Output":"    a_test.go:1: grew by 1,007 bytes\n"}
{"Action":"output","Test":"TestB","Output":"    b_test.go:1: grew by 9999 bytes\n"}
{"Action":"pass","Test":"TestA/x"}
{"Action":"fail","Test":"TestA/y"}
{"Action":"pass"}
a line of another command: -3.5 ms
`
	for _, tt := range []struct {
		name  string
		value value
		want  float64
		ok    bool
	}{
		{"most", value{"k", most, "^TestA", `grew by ([\d,]+)`}, 1007, true},
		{"sum", value{"k", sum, "^TestA", `grew by ([\d,]+)`}, 1019, true},
		{"passes", value{"k", passes, "^TestA", ""}, 1, true},
		{"plain", value{"k", most, "", `: (-[0-9.]+) ms`}, -3.5, true},
		{"renamed", value{"k", most, "^TestC", `grew by (\d+)`}, 0, false},
		{"no_pass", value{"k", passes, "^TestB", ""}, 0, false},
		{"no_number", value{"k", most, "^TestA", `(grew)`}, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := probe{name: "p", values: []value{tt.value}}
			values, err := p.extract([]byte(out))
			if got := values["k"]; got != tt.want || (err == nil) != tt.ok {
				t.Errorf("got %v, %v, want %v", got, err, tt.want)
			}
		})
	}
}

// TestFailedCommand: what a command found that failed counts nothing.
func TestFailedCommand(t *testing.T) {
	p := probe{name: "p", command: []string{"go", "no such thing"}, fixed: map[string]float64{"k": 1}}
	if r, err := p.run("."); err == nil || r.Values != nil {
		t.Errorf("got %v, %v", r.Values, err)
	}
}

func TestPut(t *testing.T) {
	r := &results{}
	run := func(probe, commit string, v float64) Run {
		return Run{Probe: probe, Commit: commit, Seconds: 1, Values: map[string]float64{"k": v}}
	}
	for _, step := range []struct {
		name string
		run  Run
		add  bool
		want float64
	}{
		{"first", run("a", "c", 1), true, 1},
		{"adds", run("a", "c", 2), true, 3},
		{"replaces", run("a", "c", 2), false, 2},
		{"another_commit", run("a", "d", 5), true, 5},
		{"another_probe", run("b", "d", 7), true, 7},
	} {
		r.put(step.run, step.add)
		if got, ok := r.get(step.run.Probe); !ok || got.Values["k"] != step.want {
			t.Errorf("%s: %v, want %v", step.name, got.Values, step.want)
		}
	}
	if len(r.Runs) != 2 {
		t.Errorf("%d runs", len(r.Runs))
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -816: "-816", -1234: "-1,234", 1.98: "1.98", 99.999: "100", 12345.678: "12,345.68"} {
		if got := number(v); got != want {
			t.Errorf("%v is %q, want %q", v, got, want)
		}
	}
}

func TestShown(t *testing.T) {
	p := probe{env: []string{"N=1"}, folder: "x", command: test("^A$", "./b", "-race")}
	if got, want := p.shown(), "cd x && N=1 go test -count=1 -v -run '^A$' -race ./b"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWilson(t *testing.T) {
	for _, tt := range []struct{ k, n, low, high float64 }{{5, 10, 0.2366, 0.7634}, {95, 100, 0.8882, 0.9785}, {10, 10, 0.7225, 1}} {
		if low, high := wilson(tt.k, tt.n); math.Abs(low-tt.low) > 1e-4 || math.Abs(high-tt.high) > 1e-4 {
			t.Errorf("%v of %v: between %v and %v, want %v and %v", tt.k, tt.n, low, high, tt.low, tt.high)
		}
	}
}
