package bench

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The guard holds the engine to what guard.txt says it costs, in what can be counted: no figure here is a time. This file compares and records; a file for each group
// measures: guard_allocs_test.go, guard_calls_test.go, guard_instructions_test.go, guard_syscalls_test.go.

var update = flag.Bool("update", false, "write what was measured to guard.txt instead of comparing with it")

// guardFile has the limits; -update writes it.
const guardFile = "guard.txt"

// A guardGroup is the part of guard.txt that one test measures: the lines whose name begins with the group's.
type guardGroup struct {
	name  string
	about string // the comment above its lines

	// slack returns how much more than recorded is no regression, for a measure that is not exact.
	slack func(name string, recorded float64) float64
}

func exact(string, float64) float64 { return 0 }

var guardGroups = []*guardGroup{&allocGuard, &callGuard, &instructionGuard, &syscallGuard}

// A guardLine is one limit.
type guardLine struct {
	name   string
	value  float64
	number int // in the file
}

// parseGuard reads the text of guard.txt: a name and a value on each line, sorted by name, beside comments and empty lines.
func parseGuard(text string) (lines []guardLine, err error) {
	number := 0
	for l := range strings.Lines(text) {
		number++
		fields := strings.Fields(l)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != 2 {
			return nil, fmt.Errorf("%s:%d: want a name and a value", guardFile, number)
		}
		value, err := strconv.ParseFloat(fields[1], 64)
		if err != nil || value < 0 || math.IsNaN(value) {
			return nil, fmt.Errorf("%s:%d: %q is not a value", guardFile, number, fields[1])
		}
		if len(lines) > 0 && lines[len(lines)-1].name >= fields[0] {
			return nil, fmt.Errorf("%s:%d: %s is not in order", guardFile, number, fields[0])
		}
		lines = append(lines, guardLine{fields[0], value, number})
	}
	return lines, nil
}

// has reports whether the line with this name belongs to g.
func (g *guardGroup) has(name string) bool { return strings.HasPrefix(name, g.name+"/") }

// compare says what is worse than recorded, and what is better, one sentence each.
func (g *guardGroup) compare(lines []guardLine, got map[string]float64) (worse, better []string) {
	command := fmt.Sprintf("\"go test ./bench -run '^TestGuard$/^%s$' -update\"", g.name)
	howTo := "If that is meant, run " + command + " and say why in the commit."
	recorded := make(map[string]guardLine)
	for _, l := range lines {
		if g.has(l.name) {
			recorded[l.name] = l
			if _, ok := got[l.name]; !ok {
				worse = append(worse, fmt.Sprintf("%s:%d: %s is not measured any more. %s", guardFile, l.number, l.name, howTo))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		l, ok := recorded[name]
		value := round(got[name])
		switch slack := g.slack(name, l.value); {
		case !ok:
			worse = append(worse, fmt.Sprintf("%s has no line for %s, which is %v. %s", guardFile, name, value, howTo))
		case value > l.value+slack && slack == 0:
			worse = append(worse, fmt.Sprintf("%s:%d: %s is %v, which was %v. %s", guardFile, l.number, name, value, l.value, howTo))
		case value > l.value+slack:
			worse = append(worse, fmt.Sprintf("%s:%d: %s is %v, which was %v; up to %v is noise. %s", guardFile, l.number, name, value, l.value, round(l.value+slack), howTo))
		case value < l.value-slack:
			better = append(better, fmt.Sprintf("%s:%d: %s is %v, which was %v: %s holds on to that.", guardFile, l.number, name, value, l.value, command))
		}
	}
	return worse, better
}

// record returns the text of guard.txt with the lines of g replaced.
func (g *guardGroup) record(lines []guardLine, got map[string]float64) string {
	lines = slices.DeleteFunc(slices.Clone(lines), func(l guardLine) bool { return g.has(l.name) })
	for name, value := range got {
		lines = append(lines, guardLine{name: name, value: round(value)})
	}
	slices.SortFunc(lines, func(a, b guardLine) int { return cmp.Compare(a.name, b.name) })
	var text strings.Builder
	text.WriteString(guardHead)
	for _, g := range guardGroups {
		fmt.Fprintf(&text, "\n# %s\n", strings.ReplaceAll(g.about, "\n", "\n# "))
		for _, l := range lines {
			if g.has(l.name) {
				fmt.Fprintf(&text, "%-40s %s\n", l.name, strconv.FormatFloat(l.value, 'f', -1, 64))
			}
		}
	}
	return text.String()
}

const guardHead = `# What the engine costs, in what can be counted. "go test ./bench" fails if it costs more; README.md has the rest.
# Written by "go test ./bench -run '^TestGuard$' -update": the commit that changes a line says why.
`

// round leaves what is worth a line's change: four decimals of a share of something, none of thousands.
func round(value float64) float64 {
	scale := 10000.0
	if value >= 1000 {
		scale = 1
	}
	return math.Round(value*scale) / scale
}

// check compares what was measured with guard.txt, or writes it there.
func (g *guardGroup) check(t *testing.T, got map[string]float64) {
	t.Helper()
	text, err := os.ReadFile(guardFile)
	if err != nil && !(*update && errors.Is(err, fs.ErrNotExist)) {
		t.Fatal(err)
	}
	lines, err := parseGuard(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if t.Failed() {
			t.Fatalf("%s is not written: not everything was measured.", guardFile)
		}
		if err := os.WriteFile(guardFile, []byte(g.record(lines, got)), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	worse, better := g.compare(lines, got)
	for _, s := range worse {
		t.Error(s)
	}
	for _, s := range better {
		t.Log(s)
	}
}

func TestGuardFileIsSound(t *testing.T) {
	text, err := os.ReadFile(guardFile)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := parseGuard(string(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		if !slices.ContainsFunc(guardGroups, func(g *guardGroup) bool { return g.has(l.name) }) {
			t.Errorf("%s:%d: no test measures %s.", guardFile, l.number, l.name)
		}
	}
	for _, g := range guardGroups {
		if !slices.ContainsFunc(lines, func(l guardLine) bool { return g.has(l.name) }) {
			t.Errorf("%s has no line for the group %s.", guardFile, g.name)
		}
	}
	// What -update would write if nothing had changed is what is there.
	got := make(map[string]float64)
	for _, l := range lines {
		if callGuard.has(l.name) {
			got[l.name] = l.value
		}
	}
	if want := callGuard.record(lines, got); want != string(text) {
		t.Errorf("%s is not as -update writes it: it may have been edited by hand.", guardFile)
	}
}

func TestGuardRefusesMalformedFiles(t *testing.T) {
	for name, text := range map[string]string{
		"no value":     "allocs/a\n",
		"two values":   "allocs/a 1 2\n",
		"not a number": "allocs/a few\n",
		"NaN":          "allocs/a NaN\n",
		"negative":     "allocs/a -1\n",
		"unsorted":     "allocs/b 1\nallocs/a 1\n",
		"twice":        "allocs/a 1\nallocs/a 1\n",
	} {
		t.Run(name, func(t *testing.T) {
			if lines, err := parseGuard("# a comment\n\n" + text); err == nil || !strings.Contains(err.Error(), guardFile+":") {
				t.Errorf("%v, error %v", lines, err)
			}
		})
	}
}

func TestGuardCompares(t *testing.T) {
	lines, err := parseGuard("# a comment\n\nallocs/a 1\ncalls/a 5\ntest/a 10\ntest/b 2.5\n")
	if err != nil {
		t.Fatal(err)
	}
	strict := guardGroup{name: "test", slack: exact}
	loose := guardGroup{name: "test", slack: func(_ string, v float64) float64 { return v / 10 }}
	for _, tt := range []struct {
		name          string
		group         guardGroup
		a, b          float64
		extra         string
		worse, better string
	}{
		{name: "equal", group: strict, a: 10, b: 2.5},
		{name: "equal after rounding", group: strict, a: 10, b: 2.500001},
		{name: "worse", group: strict, a: 11, b: 2.5, worse: "guard.txt:5: test/a is 11, which was 10."},
		{name: "worse by a fraction", group: strict, a: 10, b: 2.5625, worse: "guard.txt:6: test/b is 2.5625, which was 2.5."},
		{name: "better", group: strict, a: 9, b: 2.5, better: "guard.txt:5: test/a is 9, which was 10: "},
		{name: "within the slack", group: loose, a: 11, b: 2.25},
		{name: "beyond the slack", group: loose, a: 11.5, b: 2.5, worse: "guard.txt:5: test/a is 11.5, which was 10; up to 11 is noise."},
		{name: "better than the slack", group: loose, a: 8.5, b: 2.5, better: "guard.txt:5: test/a is 8.5"},
		{name: "new", group: strict, a: 10, b: 2.5, extra: "test/c", worse: "guard.txt has no line for test/c, which is 0."},
		{name: "not measured", group: strict, a: 10, b: -1, worse: "guard.txt:6: test/b is not measured any more."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := map[string]float64{"test/a": tt.a, "test/b": tt.b}
			if tt.b < 0 {
				delete(got, "test/b")
			}
			if tt.extra != "" {
				got[tt.extra] = 0
			}
			worse, better := tt.group.compare(lines, got)
			checkSentence(t, worse, tt.worse)
			checkSentence(t, better, tt.better)
			if tt.worse != "" && !strings.Contains(worse[0], "go test ./bench -run '^TestGuard$/^test$' -update") {
				t.Errorf("%q does not say how to update", worse[0])
			}
		})
	}
}

// checkSentence: one sentence that begins like this, or none if it is empty.
func checkSentence(t *testing.T, got []string, want string) {
	t.Helper()
	switch {
	case want == "" && len(got) > 0:
		t.Fatalf("unexpected: %q", got)
	case want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], want)):
		t.Fatalf("%q, want one that begins with %q", got, want)
	}
}

func TestGuardRecords(t *testing.T) {
	lines, err := parseGuard("allocs/a 1\nallocs/b 2\ncalls/a 5\n")
	if err != nil {
		t.Fatal(err)
	}
	text := allocGuard.record(lines, map[string]float64{"allocs/c": 3, "allocs/a": 0.5})
	again, err := parseGuard(text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	for i := range again {
		again[i].number = 0
	}
	if want := []guardLine{{"allocs/a", 0.5, 0}, {"allocs/c", 3, 0}, {"calls/a", 5, 0}}; !slices.Equal(again, want) {
		t.Errorf("%v, want %v, in\n%s", again, want, text)
	}
}

// guardGo is the Go version that guard.txt was recorded with. Another one compiles and allocates differently, in net/http above all, which says nothing about the engine.
const guardGo = "go1.26"

// TestGuard is the guard.
func TestGuard(t *testing.T) {
	if v := runtime.Version(); v != guardGo && !strings.HasPrefix(v, guardGo+".") {
		t.Skipf("%s was recorded with %s, and this is %s", guardFile, guardGo, v)
	}
	t.Run("allocs", guardAllocs)
	t.Run("calls", guardCalls)
	t.Run("instructions", guardInstructions)
	t.Run("syscalls", guardSyscalls)
}
