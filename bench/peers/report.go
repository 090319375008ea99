//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// A report is results.json. Its origin is that of the command that wrote it last.
type report struct {
	origin
	Machine machine `json:"machine"`
	Quick   bool    `json:"quick,omitempty"`

	Libraries []*peer           `json:"libraries"`
	Scenarios []*scenarioReport `json:"scenarios"`
}

// An origin says which command measured something: results.json may hold scenarios of several.
type origin struct {
	Commit string `json:"commit"`
	Date   string `json:"date"`
	Rounds int    `json:"rounds"`
	Warm   string `json:"warm_up"`
	Window string `json:"window"`
}

type scenarioReport struct {
	scenario
	Origin  *origin   `json:"origin,omitempty"`
	Results []*result `json:"results"`
	Skipped []skipped `json:"skipped,omitempty"`
}

type skipped struct {
	Library string `json:"library"`
	Reason  string `json:"reason"`
}

// A result is one library in one scenario. All CPU times are in nanoseconds per unit of the scenario, all latencies in nanoseconds, all sizes in bytes per connection.
type result struct {
	Library string `json:"library"`
	Runs    int    `json:"runs"`

	CPU *spread `json:"cpu_ns,omitempty"`
	// Ratio is CPU divided by that of raw in the same round.
	Ratio *spread `json:"ratio_to_raw,omitempty"`
	// BaseRatio is CPU divided by that of the same library in the scenario's base in the same round.
	BaseRatio *spread `json:"ratio_to_base,omitempty"`
	// Throughput is units per second. Busy is how much of the window the server's core was used by it: where it is well below 1 the throughput is not the server's limit.
	Throughput *spread `json:"per_second,omitempty"`
	Busy       *spread `json:"server_busy,omitempty"`
	// Load is the CPU time of the load generator per unit.
	Load *spread `json:"load_cpu_ns,omitempty"`

	Latency *percentiles `json:"latency,omitempty"`
	Last    *percentiles `json:"last_reply,omitempty"`
	Health  *percentiles `json:"http_get,omitempty"`
	Echo    *percentiles `json:"tls_echo,omitempty"`

	// Alone and Early are the latency of quick connections without slow ones beside them and in the first second with them; Latency is what follows. SlowRate is how many
	// messages of the slow ones came back each second.
	Alone    *percentiles `json:"alone,omitempty"`
	Early    *percentiles `json:"first_second,omitempty"`
	SlowRate *spread      `json:"slow_per_second,omitempty"`
	// SlowRatio is the 99th percentile of Latency divided by that of Alone in the same run.
	SlowRatio *spread `json:"p99_to_alone,omitempty"`

	Memory *memory `json:"memory,omitempty"`

	// Wakeups is how often a thread of an idle process wakes up each second, IdleCPU its CPU time in nanoseconds each second.
	Wakeups *spread `json:"wakeups_per_second,omitempty"`
	IdleCPU *spread `json:"idle_cpu_ns_per_second,omitempty"`

	Extensions string   `json:"extensions,omitempty"`
	LateCloses int64    `json:"late_closes,omitempty"`
	Failures   []string `json:"failures,omitempty"`

	// CPURuns, RatioRuns and BaseRatioRuns are those of each run, in order of the rounds.
	CPURuns       []float64 `json:"cpu_ns_runs,omitempty"`
	RatioRuns     []float64 `json:"ratio_to_raw_runs,omitempty"`
	BaseRatioRuns []float64 `json:"ratio_to_base_runs,omitempty"`

	runs map[int]*measurement // by round
}

// percentiles has the medians over the rounds of each round's percentile; Max is the largest of all.
type percentiles struct {
	P50  *spread `json:"p50"`
	P90  *spread `json:"p90"`
	P99  *spread `json:"p99"`
	P999 *spread `json:"p999"`
	Max  float64 `json:"max"`
}

// memory is what a connection takes. Sum is heap, stack and runtime, which a server that is not ours may not know; RSS is what the process's resident size grew by.
type memory struct {
	Heap    *spread `json:"heap,omitempty"`
	Stack   *spread `json:"stack,omitempty"`
	Runtime *spread `json:"runtime,omitempty"`
	Sum     *spread `json:"sum,omitempty"`
	RSS     *spread `json:"rss"`
}

func newReport(o *options, c cores) *report {
	r := &report{
		origin:  origin{Commit: commit(), Date: time.Now().UTC().Format(time.DateOnly), Rounds: o.rounds, Warm: o.warm.String(), Window: o.window.String()},
		Machine: readMachine(c), Quick: o.quick, Libraries: o.peers,
	}
	for _, s := range o.scenarios {
		r.Scenarios = append(r.Scenarios, &scenarioReport{scenario: s, Origin: &r.origin})
	}
	return r
}

func (r *report) scenario(name string) *scenarioReport {
	for _, s := range r.Scenarios {
		if s.Name == name {
			return s
		}
	}
	return nil
}

func (s *scenarioReport) result(library string) *result {
	for _, res := range s.Results {
		if res.Library == library {
			return res
		}
	}
	return nil
}

func (r *report) skip(all []skip) {
	for _, k := range all {
		s := r.scenario(k.scenario.Name)
		s.Skipped = append(s.Skipped, skipped{k.peer.Name, k.reason})
	}
}

func (r *report) add(run run, m *measurement, err error) {
	s := r.scenario(run.scenario.Name)
	res := s.result(run.peer.Name)
	if res == nil {
		res = &result{Library: run.peer.Name, runs: make(map[int]*measurement)}
		s.Results = append(s.Results, res)
	}
	if err != nil {
		res.Failures = append(res.Failures, err.Error())
		return
	}
	res.runs[run.round] = m
	res.Extensions = m.Extensions
	res.LateCloses += m.LateCloses
}

// summarize computes what is published from the runs.
func (r *report) summarize() {
	for _, s := range r.Scenarios {
		// In the order of the libraries, whatever the order of the first round was.
		var ordered []*result
		for _, p := range r.Libraries {
			if res := s.result(p.Name); res != nil {
				ordered = append(ordered, res)
			}
		}
		s.Results = ordered
		raw, base := s.result("raw"), r.scenario(s.Base)
		for _, res := range s.Results {
			var baseResult *result
			if base != nil {
				baseResult = base.result(res.Library)
			}
			res.summarize(s, raw, baseResult, r.Rounds)
		}
	}
}

func (res *result) summarize(s *scenarioReport, raw, base *result, rounds int) {
	var runs []*measurement
	res.CPURuns, res.RatioRuns, res.BaseRatioRuns = nil, nil, nil
	for round := range rounds {
		m := res.runs[round]
		if m == nil {
			continue
		}
		runs = append(runs, m)
		if s.Mode == "idle" || s.Mode == "quiet" {
			continue
		}
		res.CPURuns = append(res.CPURuns, m.perMessage())
		if raw != nil && raw.runs[round] != nil && raw.runs[round].perMessage() > 0 {
			res.RatioRuns = append(res.RatioRuns, m.perMessage()/raw.runs[round].perMessage())
		}
		if base != nil && base.runs[round] != nil && base.runs[round].perMessage() > 0 {
			res.BaseRatioRuns = append(res.BaseRatioRuns, m.perMessage()/base.runs[round].perMessage())
		}
	}
	res.Runs = len(runs)
	of := func(f func(*measurement) float64) *spread {
		var values []float64
		for _, m := range runs {
			values = append(values, f(m))
		}
		return spreadOf(values)
	}
	if s.Mode == "idle" {
		if len(runs) > 0 {
			res.Memory = &memory{RSS: of(func(m *measurement) float64 { return m.rss })}
			if sum := of(func(m *measurement) float64 { return m.heap + m.stack + m.runtime }); sum.Median != 0 {
				res.Memory.Heap, res.Memory.Stack = of(func(m *measurement) float64 { return m.heap }), of(func(m *measurement) float64 { return m.stack })
				res.Memory.Runtime, res.Memory.Sum = of(func(m *measurement) float64 { return m.runtime }), sum
			}
		}
		return
	}
	if s.Mode == "quiet" {
		res.Wakeups, res.IdleCPU = of(func(m *measurement) float64 { return m.wakeups }), of(func(m *measurement) float64 { return m.idleCPU })
		return
	}
	res.CPU, res.Ratio, res.BaseRatio = spreadOf(res.CPURuns), spreadOf(res.RatioRuns), spreadOf(res.BaseRatioRuns)
	res.Throughput = of(func(m *measurement) float64 { return float64(m.Messages) / (float64(m.Elapsed) / 1e9) })
	res.Busy = of(func(m *measurement) float64 { return float64(m.cpu) / float64(m.Elapsed) })
	res.Load = of(func(m *measurement) float64 { return float64(m.LoadCPU) / float64(m.Messages) })
	res.Latency = percentilesOf(runs, func(m *measurement) *latency { return m.Latency })
	res.Last = percentilesOf(runs, func(m *measurement) *latency { return m.Last })
	res.Health = percentilesOf(runs, func(m *measurement) *latency { return m.Health })
	res.Echo = percentilesOf(runs, func(m *measurement) *latency { return m.Echo })
	if s.Mode == "slow" {
		res.Alone = percentilesOf(runs, func(m *measurement) *latency { return m.Alone })
		res.Early = percentilesOf(runs, func(m *measurement) *latency { return m.Early })
		res.SlowRatio = of(func(m *measurement) float64 { return float64(m.Latency.P99) / float64(max(m.Alone.P99, 1)) })
		res.SlowRate = of(func(m *measurement) float64 { return m.SlowRate })
	}
}

func percentilesOf(runs []*measurement, get func(*measurement) *latency) *percentiles {
	var p50, p90, p99, p999 []float64
	p := new(percentiles)
	for _, m := range runs {
		if l := get(m); l != nil {
			p50, p90 = append(p50, float64(l.P50)), append(p90, float64(l.P90))
			p99, p999 = append(p99, float64(l.P99)), append(p999, float64(l.P999))
			p.Max = max(p.Max, float64(l.Max))
		}
	}
	if len(p50) == 0 {
		return nil
	}
	p.P50, p.P90, p.P99, p.P999 = spreadOf(p50), spreadOf(p90), spreadOf(p99), spreadOf(p999)
	return p
}

// write writes everything to a directory.
func (r *report) write(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("encoding the results: %w", err)
	}
	figures := r.figures()
	files := map[string][]byte{"results.json": append(text, '\n'), "results.md": r.markdown(figures)}
	for _, f := range figures {
		files[f.file] = f.svg
	}
	for name, content := range files {
		// Whoever is killed in the middle of it leaves the old file.
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path+".new", content, 0o666); err != nil {
			return err
		}
		if err := os.Rename(path+".new", path); err != nil {
			return err
		}
	}
	return nil
}

// readReport reads a results.json.
func readReport(file string) (*report, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	r := new(report)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("%s is not a results.json: %w", file, err)
	}
	for _, s := range r.Scenarios {
		if s.Origin == nil { // of before several commands could write to one
			s.Origin = &r.origin
		}
	}
	return r, nil
}
