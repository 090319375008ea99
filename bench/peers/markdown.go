//go:build linux

package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
)

// markdown is results.md: where the figures come from, the charts, and a table for each scenario.
func (r *report) markdown(figures []figure) []byte {
	var b bytes.Buffer
	m := r.Machine
	fmt.Fprintf(&b, "# Comparison of WebSocket servers\n\n")
	if r.Quick {
		fmt.Fprintf(&b, "**A quick run: one round of short windows. Its figures are noise.**\n\n")
	}
	virtual := ""
	if m.Virtual {
		virtual = ", a virtual machine"
	}
	fmt.Fprintf(&b, "%s/linux, %s. %s, %s%s, %.0f GiB. Kernel: %s. Server on core %d with GOMAXPROCS=1, load on %s, if not said otherwise.\n",
		m.Arch, m.Go, m.CPU, plural(m.Cores, "core"), virtual, float64(m.Memory)/(1<<30), m.Kernel, m.Server, coreList(m.Load))
	fmt.Fprintf(&b, "%s. Cells are medians of the rounds; the range is from the smallest to the largest.\n", r.from(r.Scenarios))
	fmt.Fprintf(&b, "How it is measured and how to read it: [docs/benchmarking.md](https://github.com/hawser-go/hawser/blob/main/docs/benchmarking.md).\n\n")
	r.targetTable(&b)
	fmt.Fprintf(&b, "## Charts\n\n")
	for _, f := range figures {
		fmt.Fprintf(&b, "![%s](%s)\n\n", f.title, f.file)
	}

	fmt.Fprintf(&b, "## Libraries\n\n| name | module | version | settings |\n|---|---|---|---|\n")
	for _, p := range r.Libraries {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", p.Name, p.Module, p.Version, strings.ReplaceAll(p.Settings, "|", `\|`))
	}
	for _, s := range r.Scenarios {
		fmt.Fprintf(&b, "\n## %s\n\n%s. %s.\n\n", s.Name, s.Title, s.how())
		switch s.Mode {
		case "idle":
			s.memoryTable(&b)
		case "open":
			s.latencyTable(&b)
		case "slow":
			s.slowTable(&b)
		case "quiet":
			s.quietTable(&b)
		case "first", "held":
			s.firstTable(&b)
		case "mixed":
			s.mixedTable(&b)
		default:
			switch {
			case s.Base != "":
				s.baseTable(&b)
			case s.Handler == "wait":
				s.throughputTable(&b)
			default:
				s.cpuTable(&b)
			}
		}
		s.notes(&b)
	}
	return b.Bytes()
}

// how says how often and how long a scenario was measured.
func (s *scenarioReport) how() string {
	runs := 0
	for _, r := range s.Results {
		runs = max(runs, r.Runs)
	}
	window, err := time.ParseDuration(s.Origin.Window)
	if err != nil {
		return fmt.Sprintf("Commit %s, %s, %s", s.Origin.Commit, s.Origin.Date, plural(runs, "round"))
	}
	window *= time.Duration(max(s.Window, 1))
	if s.Mode == "idle" {
		return fmt.Sprintf("Commit %s, %s, %s", s.Origin.Commit, s.Origin.Date, plural(runs, "round"))
	}
	return fmt.Sprintf("Commit %s, %s, %s of %s after %s of warm-up", s.Origin.Commit, s.Origin.Date, plural(runs, "round"), window, s.Origin.Warm)
}

// from names the commits and the days of scenarios.
func (r *report) from(scenarios []*scenarioReport) string {
	var commits, dates []string
	for _, s := range scenarios {
		if !slices.Contains(commits, s.Origin.Commit) {
			commits = append(commits, s.Origin.Commit)
		}
		if !slices.Contains(dates, s.Origin.Date) {
			dates = append(dates, s.Origin.Date)
		}
	}
	if len(commits) == 0 {
		commits, dates = []string{r.Commit}, []string{r.Date}
	}
	noun := "Commit "
	if len(commits) > 1 {
		noun = "Commits "
	}
	return noun + strings.Join(commits, ", ") + ", " + strings.Join(slices.Sorted(slices.Values(dates)), ", ")
}

func coreList(cores []int) string {
	var s []string
	for _, c := range cores {
		s = append(s, fmt.Sprint(c))
	}
	if len(s) == 1 {
		return "core " + s[0]
	}
	return "cores " + strings.Join(s, ", ")
}

func (s *scenarioReport) cpuTable(b *bytes.Buffer) {
	fmt.Fprintf(b, "| library | CPU ns per %[1]s | range | x raw | range | %[1]ss/s | server busy |\n|---|--:|--:|--:|--:|--:|--:|\n", s.Unit)
	for _, r := range s.Results {
		if r.CPU == nil {
			continue
		}
		fmt.Fprintf(b, "| %s | %.0f | %.0f..%.0f | %s | %.0f | %.0f %% |\n", r.Library, r.CPU.Median, r.CPU.Min, r.CPU.Max, r.Ratio.cells(), r.Throughput.Median, 100*r.Busy.Median)
	}
}

// baseTable is for a scenario that is compared with another one of the same library.
func (s *scenarioReport) baseTable(b *bytes.Buffer) {
	fmt.Fprintf(b, "| library | CPU ns per %[1]s | range | x %[2]s | range | x raw | %[1]ss/s | cores busy |\n|---|--:|--:|--:|--:|--:|--:|--:|\n", s.Unit, s.Base)
	for _, r := range s.Results {
		if r.CPU != nil {
			fmt.Fprintf(b, "| %s | %.0f | %.0f..%.0f | %s | %s | %.0f | %.2f |\n", r.Library, r.CPU.Median, r.CPU.Min, r.CPU.Max, r.BaseRatio.cells(), r.Ratio.middle(), r.Throughput.Median, r.Busy.Median)
		}
	}
}

// throughputTable is for handlers that wait, where the CPU time is not what limits.
func (s *scenarioReport) throughputTable(b *bytes.Buffer) {
	fmt.Fprintf(b, "| library | %[1]ss/s | range | CPU ns per %[1]s | x raw | server busy |\n|---|--:|--:|--:|--:|--:|\n", s.Unit)
	for _, r := range s.Results {
		if r.CPU != nil {
			fmt.Fprintf(b, "| %s | %.0f | %.0f..%.0f | %.0f | %s | %.0f %% |\n", r.Library, r.Throughput.Median, r.Throughput.Min, r.Throughput.Max, r.CPU.Median, r.Ratio.middle(), 100*r.Busy.Median)
		}
	}
}

func (s *scenarioReport) slowTable(b *bytes.Buffer) {
	fmt.Fprintf(b, "The latency of the quick connections, in microseconds: alone, in the first second with the slow ones, and after it.\n\n")
	fmt.Fprintf(b, "| library | alone: p50 | p99 | largest | first second: p50 | p99 | largest | then: p50 | p99 | largest | p99 then / alone | range | slow messages/s |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	three := func(p *percentiles) string {
		return fmt.Sprintf("%.0f | %.0f | %.0f", p.P50.Median/1e3, p.P99.Median/1e3, p.Max/1e3)
	}
	for _, r := range s.Results {
		if r.Alone != nil {
			fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %.0f |\n", r.Library, three(r.Alone), three(r.Early), three(r.Latency), r.SlowRatio.cells(), r.SlowRate.Median)
		}
	}
}

func (s *scenarioReport) quietTable(b *bytes.Buffer) {
	fmt.Fprintf(b, "| library | wake-ups a second | range | CPU us a second |\n|---|--:|--:|--:|\n")
	for _, r := range s.Results {
		if r.Wakeups != nil {
			fmt.Fprintf(b, "| %s | %.1f | %.1f..%.1f | %.0f |\n", r.Library, r.Wakeups.Median, r.Wakeups.Min, r.Wakeups.Max, r.IdleCPU.Median/1e3)
		}
	}
}

// middle is the median, and cells the median and the range, of a ratio; empty if there is none.
func (s *spread) middle() string {
	if s == nil {
		return ""
	}
	return fmt.Sprintf("%.2f", s.Median)
}

func (s *spread) cells() string {
	if s == nil {
		return " | "
	}
	return fmt.Sprintf("%.2f | %.2f..%.2f", s.Median, s.Min, s.Max)
}

func (s *scenarioReport) memoryTable(b *bytes.Buffer) {
	fmt.Fprintf(b, "| library | bytes per connection | heap | stack | Go runtime | resident size |\n|---|--:|--:|--:|--:|--:|\n")
	for _, r := range s.Results {
		switch m := r.Memory; {
		case m != nil && m.Sum == nil:
			fmt.Fprintf(b, "| %s | | | | | %.0f |\n", r.Library, m.RSS.Median)
		case m != nil:
			fmt.Fprintf(b, "| %s | %.0f | %.0f | %.0f | %.0f | %.0f |\n", r.Library, m.Sum.Median, m.Heap.Median, m.Stack.Median, m.Runtime.Median, m.RSS.Median)
		}
	}
}

func (s *scenarioReport) latencyTable(b *bytes.Buffer) {
	fmt.Fprintf(b, "| library | p50 us | p90 us | p99 us | p99.9 us | largest us | CPU ns per message | server busy |\n|---|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, r := range s.Results {
		if r.Latency != nil {
			fmt.Fprintf(b, "| %s | %s | %.0f | %.0f %% |\n", r.Library, r.Latency.cells(), r.CPU.Median, 100*r.Busy.Median)
		}
	}
}

func (s *scenarioReport) firstTable(b *bytes.Buffer) {
	fmt.Fprintf(b, "| library | first: p50 us | p90 us | p99 us | p99.9 us | largest us | last: p50 us | p99 us | messages/s | CPU ns per message |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, r := range s.Results {
		if r.Latency != nil {
			fmt.Fprintf(b, "| %s | %s | %.0f | %.0f | %.0f | %.0f |\n", r.Library, r.Latency.cells(), r.Last.P50.Median/1e3, r.Last.P99.Median/1e3, r.Throughput.Median, r.CPU.Median)
		}
	}
}

func (s *scenarioReport) mixedTable(b *bytes.Buffer) {
	fmt.Fprintf(b, "| library | GET: p50 us | p90 us | p99 us | p99.9 us | largest us | TLS echo: p50 us | p90 us | p99 us | p99.9 us | largest us | messages/s | server busy |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, r := range s.Results {
		if r.Health != nil {
			fmt.Fprintf(b, "| %s | %s | %s | %.0f | %.0f %% |\n", r.Library, r.Health.cells(), r.Echo.cells(), r.Throughput.Median, 100*r.Busy.Median)
		}
	}
}

// cells are five cells in microseconds.
func (p *percentiles) cells() string {
	return fmt.Sprintf("%.0f | %.0f | %.0f | %.0f | %.0f", p.P50.Median/1e3, p.P90.Median/1e3, p.P99.Median/1e3, p.P999.Median/1e3, p.Max/1e3)
}

// notes says who is missing, and what makes a row less than it seems.
func (s *scenarioReport) notes(b *bytes.Buffer) {
	var notes []string
	for _, k := range s.Skipped {
		notes = append(notes, fmt.Sprintf("%s is not here: %s.", k.Library, k.Reason))
	}
	for _, r := range s.Results {
		if len(r.Failures) > 0 {
			notes = append(notes, fmt.Sprintf("%s: %s failed, the first with: %s.", r.Library, plural(len(r.Failures), "run"), strings.TrimSpace(r.Failures[0])))
		}
		if r.LateCloses > 0 {
			notes = append(notes, fmt.Sprintf("%s: %s not closed by the server half a second after the Close frame.", r.Library, plural(int(r.LateCloses), "connection")))
		}
		if s.Compress != "off" && r.Extensions != "" {
			notes = append(notes, fmt.Sprintf("%s agreed on `%s`.", r.Library, r.Extensions))
		}
		if s.Mode == "closed" && s.Conns > 1 && r.CPU != nil && r.Load.Median > r.CPU.Median {
			notes = append(notes, fmt.Sprintf("%s: the load generator used more CPU time than the server (%.0f ns per %s).", r.Library, r.Load.Median, s.Unit))
		}
	}
	if len(notes) > 0 {
		fmt.Fprintf(b, "\n- %s\n", strings.Join(notes, "\n- "))
	}
}
