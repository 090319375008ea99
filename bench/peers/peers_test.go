//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSpreadOf(t *testing.T) {
	for _, tt := range []struct {
		values []float64
		want   *spread
	}{
		{nil, nil},
		{[]float64{3}, &spread{3, 3, 3}},
		{[]float64{5, 1, 3}, &spread{3, 1, 5}},
		{[]float64{4, 1, 3, 2}, &spread{2.5, 1, 4}},
	} {
		got := spreadOf(tt.values)
		if (got == nil) != (tt.want == nil) || got != nil && *got != *tt.want {
			t.Errorf("The spread of %v is %+v, but should be %+v.", tt.values, got, tt.want)
		}
	}
}

func TestParseExternal(t *testing.T) {
	p, err := parseExternal("uws[tls,broadcast]=./uws --port=0")
	if err != nil || p.Name != "uws" || p.Command != "./uws --port=0" || !p.can("tls") || !p.can("broadcast") || p.can("context") {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err = parseExternal("python=python3 server.py"); err != nil || p.Name != "python" || len(p.modes) != 0 {
		t.Errorf("%+v, %v", p, err)
	}
	for _, bad := range []string{"", "name", "name=", "=command", "name[tls=command", "name[speed]=command"} {
		if _, err := parseExternal(bad); err == nil {
			t.Errorf("%q should be refused.", bad)
		}
	}
}

func TestPlanRotates(t *testing.T) {
	o := &options{rounds: 3, scenarios: []scenario{{Name: "a", Compress: "off", Handler: "echo"}, {Name: "b", Compress: "context", Handler: "echo", Rounds: 1}}}
	o.peers = []*peer{{Name: "x", modes: []string{"context"}}, {Name: "y"}, {Name: "raw", Raw: true}}
	runs, skips := plan(o)
	var got []string
	for _, r := range runs {
		got = append(got, fmt.Sprintf("%d%s%s", r.round, r.scenario.Name, r.peer.Name))
	}
	want := []string{"0ax", "0ay", "0araw", "0bx", "1ay", "1araw", "1ax", "2araw", "2ax", "2ay"}
	if !slices.Equal(got, want) {
		t.Errorf("The order is %v, but should be %v.", got, want)
	}
	if len(skips) != 2 || skips[0].peer.Name != "y" || skips[1].peer.Name != "raw" {
		t.Errorf("y and raw have no compression, but %v was skipped.", skips)
	}
}

func TestScenarios(t *testing.T) {
	for _, quick := range []bool{false, true} {
		names := make(map[string]bool)
		for _, s := range allScenarios(quick) {
			if names[s.Name] {
				t.Errorf("Two scenarios are called %s.", s.Name)
			}
			names[s.Name] = true
			if s.Conns <= 0 || s.Inflight <= 0 || s.Group == "" || s.Title == "" || s.Unit == "" {
				t.Errorf("Scenario %s is not complete: %+v.", s.Name, s)
			}
		}
	}
	for n, want := range map[int]string{1: "1", 999: "999", 1000: "1,000", 10000: "10,000", 1234567: "1,234,567"} {
		if got := grouped(n); got != want {
			t.Errorf("%d is written %s, but should be %s.", n, got, want)
		}
	}
	for n, want := range map[int]string{16: "16 B", 1024: "1 KiB", 65536: "64 KiB", 1 << 20: "1 MiB"} {
		if got := spacedSize(n); got != want {
			t.Errorf("%d is written %s, but should be %s.", n, got, want)
		}
	}
}

// A ratio is taken in a round, not between medians.
func TestRatioIsThatOfTheRound(t *testing.T) {
	o := &options{rounds: 2, scenarios: []scenario{{Name: "s", Mode: "closed", Group: "echo-1"}}, peers: []*peer{{Name: "x"}, {Name: "raw", Raw: true}}}
	r := newReport(o, cores{})
	for round, cpu := range [][2]int64{{100, 50}, {300, 300}} { // the second round is slow for both
		r.add(run{&o.scenarios[0], o.peers[0], round}, &measurement{Messages: 1, Elapsed: 1000, cpu: cpu[0]}, nil)
		r.add(run{&o.scenarios[0], o.peers[1], round}, &measurement{Messages: 1, Elapsed: 1000, cpu: cpu[1]}, nil)
	}
	r.summarize()
	res := r.Scenarios[0].Results[0]
	if want := (spread{1.5, 1, 2}); *res.Ratio != want {
		t.Errorf("The ratios are 2 and 1, but %+v was found.", res.Ratio)
	}
	if want := (spread{200, 100, 300}); *res.CPU != want {
		t.Errorf("The times are 100 and 300 ns, but %+v was found.", res.CPU)
	}
}

// A command adds its scenarios to those of another one, and replaces those that it has results of.
func TestMerge(t *testing.T) {
	dir := t.TempDir()
	library := &peer{Name: "x", Module: "m", Version: "v1"}
	measured := func(commit string, peers []*peer, cpu int64, names ...string) *report {
		o := &options{rounds: 1, peers: peers}
		for _, name := range names {
			o.scenarios = append(o.scenarios, scenario{Name: name, Mode: "closed", Group: "echo-1", Unit: "message"})
		}
		r := newReport(o, cores{})
		r.Commit = commit
		for i := range o.scenarios {
			if cpu > 0 {
				r.add(run{&o.scenarios[i], peers[0], 0}, &measurement{Messages: 1, Elapsed: 1000, cpu: cpu}, nil)
			}
		}
		r.summarize()
		return r
	}
	write := func(r *report) {
		t.Helper()
		old, err := r.readOld(dir)
		if err == nil {
			err = r.merged(old).write(dir)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write(measured("c1", []*peer{{Name: "hawser", Version: "c1"}, library}, 100, "text", "echo/16B/1", "other"))
	write(measured("c2", []*peer{library}, 200, "text", "tls"))
	write(measured("c3", []*peer{library}, 0, "tls", "echo/16B/1", "pipelined")) // interrupted at once
	r, err := readReport(filepath.Join(dir, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range r.Scenarios {
		got = append(got, fmt.Sprint(s.Name, " ", s.Origin.Commit, " ", s.Results[0].CPU.Median))
	}
	if want := []string{"echo/16B/1 c1 100", "text c2 200", "tls c2 200", "other c1 100"}; !slices.Equal(got, want) {
		t.Errorf("The scenarios are %q, but should be %q.", got, want)
	}
	if len(r.Libraries) != 2 || r.Libraries[0].Name != "hawser" || r.Libraries[1].Name != "x" {
		t.Errorf("The libraries are %+v.", r.Libraries)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "results.md")); err != nil || !strings.Contains(string(text), "Commits c1, c2,") {
		t.Errorf("results.md should name both commits: %v.\n%s", err, text)
	}
	if names := measured("c4", []*peer{library}, 1, "tls", "pipelined").replaced(r); !slices.Equal(names, []string{"tls"}) {
		t.Errorf("tls would be replaced, but %q was named.", names)
	}
	for name, change := range map[string]func(*report){
		"another machine":           func(r *report) { r.Machine.CPU += " II" },
		"another Go release":        func(r *report) { r.Machine.Go = "go0" },
		"a quick run":               func(r *report) { r.Quick = true },
		"another library's version": func(r *report) { r.Libraries = []*peer{{Name: "x", Module: "m", Version: "v2"}} },
	} {
		r := measured("c5", []*peer{library}, 1, "tls")
		change(r)
		if _, err := r.readOld(dir); err == nil {
			t.Errorf("%s should not be merged.", name)
		}
	}
	r = measured("c5", []*peer{library}, 1, "tls")
	if old, err := r.readOld(t.TempDir()); old != nil || err != nil {
		t.Errorf("An empty directory has nothing to merge: %v, %v.", old, err)
	}
}

func TestThreadCounts(t *testing.T) {
	counts, err := threadCounts(os.Getpid())
	if err != nil || len(counts) == 0 {
		t.Fatalf("This process has threads: %v, %v.", counts, err)
	}
	total := threadCount{}
	for _, c := range counts {
		total.switches += c.switches
		total.cpu += c.cpu
	}
	if total.switches <= 0 {
		t.Errorf("This process has never waited: %+v.", total)
	}
	if _, err := threadCounts(-1); err == nil {
		t.Error("A process that does not exist should be an error.")
	}
}

// TestTargets has one figure of each kind.
func TestTargets(t *testing.T) {
	at := func(v float64) *spread { return &spread{v, v, v} }
	r := &report{Libraries: []*peer{{Name: "hawser"}, {Name: "hawser-push"}, {Name: "a"}, {Name: "b"}, {Name: "raw", Raw: true}, {Name: "rawepoll", Raw: true}}}
	r.Scenarios = []*scenarioReport{
		{scenario: scenario{Name: "echo/1KiB/100"}, Results: []*result{
			{Library: "hawser", CPU: at(99), Ratio: at(0.98)}, {Library: "hawser-push", CPU: at(80), Ratio: at(0.8)}, {Library: "a", Ratio: at(1.2)}, {Library: "b", Ratio: at(1.1)}, {Library: "raw", Ratio: at(1)},
			{Library: "rawepoll", Ratio: at(0.79)},
		}},
		{scenario: scenario{Name: "sleep"}, Results: []*result{{Library: "hawser", Throughput: at(100)}, {Library: "hawser-push", Throughput: at(80)}}},
		{scenario: scenario{Name: "wakeups"}, Results: []*result{{Library: "hawser-push", Wakeups: at(0)}, {Library: "a", Wakeups: at(3)}}},
	}
	var b bytes.Buffer
	r.targetTable(&b)
	for _, want := range []string{
		"3 of 5 targets",
		"| hawser-push | echo/1KiB/100 | CPU time / raw | <= 0.90 | 0.80 | yes | 1.10 |",
		"| hawser-push | echo/1KiB/100 | CPU time / rawepoll | <= 1.05 | 1.01 | yes |  |",
		"| hawser | echo/1KiB/100 | CPU time / raw | <= 0.97 | 0.98 | no | 1.10 |",
		"| hawser-push | sleep | messages a second / hawser | >= 0.90 | 0.80 | no |  |",
		"| hawser-push | wakeups | wake-ups a second | <= 0 | 0 | yes | 3 |",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("The table has no %q:\n%s", want, &b)
		}
	}
	b.Reset()
	(&report{}).targetTable(&b)
	if b.Len() > 0 {
		t.Errorf("Without results there is no table, but %q.", &b)
	}
}

// TestEndToEnd runs every scenario, made small, for every library, with one of them also as an external server.
func TestEndToEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and starts the servers")
	}
	o := options{quick: true, warm: 5 * time.Millisecond, window: 20 * time.Millisecond, out: t.TempDir()}
	external := "external[tls,broadcast,nocontext,sleep,wait,procs,deep,side]="
	if err := o.prepare("^(echo/125B/1|echo/1MiB/1|echo/128B/.*|cores|pipelined|text|compressed/.*|tls|handshake|broadcast|idle/.*|latency/20000|first|held|sleep|slow|wakeups|mixed)$", "", []string{external + "false"}); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(o.bin)
	o.peers[len(o.peers)-1].Command = filepath.Join(o.bin, "peers-server") + ` -lib gorilla -handler "$BENCH_HANDLER" -wait "$BENCH_WAIT" -compress "$BENCH_COMPRESS" -tls=$BENCH_TLS -side=$BENCH_SIDE`
	for i := range o.scenarios {
		s := &o.scenarios[i]
		s.Conns = min(s.Conns, 50)
		s.Rate = min(s.Rate, 500)
		s.Slow = min(s.Slow, s.Conns)
		s.Window = 1
		if s.Name == "slow" {
			s.Window = 5 // a third of it for each phase
		}
	}
	if _, err := chooseCores(); err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if err := compare(ctx, &o); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(o.out, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Scenarios {
		if len(s.Results)+len(s.Skipped) != len(o.peers) {
			t.Errorf("%s has %d results and %d reasons why not, for %d libraries.", s.Name, len(s.Results), len(s.Skipped), len(o.peers))
		}
		for _, res := range s.Results {
			switch {
			case s.Mode == "idle":
				if res.Memory == nil {
					t.Errorf("%s, %s: no memory.", s.Name, res.Library)
				}
			case s.Mode == "quiet":
				if res.Wakeups == nil {
					t.Errorf("%s, %s: no wake-ups were counted, not even none.", s.Name, res.Library)
				}
			case s.Base != "" && res.BaseRatio == nil:
				t.Errorf("%s, %s: no ratio to %s.", s.Name, res.Library, s.Base)
			case s.Mode == "slow" && (res.Alone == nil || res.Early == nil || res.Latency == nil || res.SlowRatio.Median <= 0 || res.SlowRate.Median <= 0):
				t.Errorf("%s, %s: a phase is missing.", s.Name, res.Library)
			case res.CPU == nil || res.Throughput == nil || res.CPU.Median <= 0 || math.IsNaN(res.CPU.Median):
				t.Errorf("%s, %s: no CPU time.", s.Name, res.Library)
			case s.Mode == "mixed" && (res.Health == nil || res.Echo == nil || res.Health.P50.Median <= 0):
				t.Errorf("%s, %s: no answers to the probes.", s.Name, res.Library)
			}
		}
	}
	names, err := filepath.Glob(filepath.Join(o.out, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"results.json", "results.md", "cpu-1.svg", "many.svg", "pipelined.svg", "broadcast.svg", "handshake.svg", "features.svg", "memory.svg", "latency.svg", "first.svg", "blocking.svg", "cores.svg", "mixed.svg"} {
		if !slices.ContainsFunc(names, func(s string) bool { return filepath.Base(s) == want }) {
			t.Errorf("%s was not written, only %v.", want, names)
		}
	}
	// The tables and charts can be written again from results.json alone.
	first, err := os.ReadFile(filepath.Join(o.out, "results.md"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := readReport(filepath.Join(o.out, "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	if second := again.markdown(again.figures()); string(second) != string(first) {
		t.Error("results.md written from results.json is another one.")
	}
	if home, err := os.UserHomeDir(); err == nil && strings.Contains(string(text), home+"/") {
		t.Error("results.json names a folder of this machine.")
	}
}
