//go:build linux

package main

import (
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

// TestEndToEnd runs every scenario, made small, for every library, with one of them also as an external server.
func TestEndToEnd(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and starts the servers")
	}
	o := options{quick: true, warm: 5 * time.Millisecond, window: 20 * time.Millisecond, out: t.TempDir()}
	external := "external[tls,broadcast,nocontext,sleep,deep,side]="
	if err := o.prepare("^(echo/125B/1|echo/1MiB/1|echo/128B/.*|pipelined|text|compressed/.*|tls|handshake|broadcast|idle/.*|latency/20000|first|mixed)$", "", []string{external + "false"}); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(o.bin)
	o.peers[len(o.peers)-1].Command = filepath.Join(o.bin, "server") + ` -lib gorilla -handler "$BENCH_HANDLER" -compress "$BENCH_COMPRESS" -tls=$BENCH_TLS -side=$BENCH_SIDE`
	for i := range o.scenarios {
		s := &o.scenarios[i]
		s.Conns = min(s.Conns, 50)
		s.Rate = min(s.Rate, 500)
		s.Window = 1
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
	for _, want := range []string{"results.json", "results.md", "cpu-1.svg", "many.svg", "pipelined.svg", "broadcast.svg", "handshake.svg", "features.svg", "memory.svg", "latency.svg", "first.svg", "mixed.svg"} {
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
