//go:build linux

package main

import (
	"bytes"
	"fmt"
	"strings"
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
	fmt.Fprintf(&b, "Commit %s, %s, %s/linux, %s. %s, %s%s, %.0f GiB. Server on core %d with GOMAXPROCS=1, load on %s.\n",
		r.Commit, r.Date, m.Arch, m.Go, m.CPU, plural(m.Cores, "core"), virtual, float64(m.Memory)/(1<<30), m.Server, coreList(m.Load))
	fmt.Fprintf(&b, "Kernel: %s. %s of %s after %s of warm-up for each run. Cells are medians; the range is from the smallest to the largest run.\n",
		m.Kernel, plural(r.Rounds, "round"), r.Window, r.Warm)
	fmt.Fprintf(&b, "How it is measured and how to read it: [docs/benchmarking.md](https://github.com/hawser-go/hawser/blob/main/docs/benchmarking.md).\n\n")
	for _, f := range figures {
		fmt.Fprintf(&b, "![%s](%s)\n\n", f.title, f.file)
	}

	fmt.Fprintf(&b, "## Libraries\n\n| name | module | version | settings |\n|---|---|---|---|\n")
	for _, p := range r.Libraries {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", p.Name, p.Module, p.Version, strings.ReplaceAll(p.Settings, "|", `\|`))
	}
	for _, s := range r.Scenarios {
		fmt.Fprintf(&b, "\n## %s\n\n%s.\n\n", s.Name, s.Title)
		switch s.Mode {
		case "idle":
			s.memoryTable(&b)
		case "open":
			s.latencyTable(&b)
		case "first":
			s.firstTable(&b)
		case "mixed":
			s.mixedTable(&b)
		default:
			s.cpuTable(&b)
		}
		s.notes(&b)
	}
	return b.Bytes()
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
		ratio, ratioRange := "", ""
		if r.Ratio != nil {
			ratio = fmt.Sprintf("%.2f", r.Ratio.Median)
			ratioRange = fmt.Sprintf("%.2f..%.2f", r.Ratio.Min, r.Ratio.Max)
		}
		fmt.Fprintf(b, "| %s | %.0f | %.0f..%.0f | %s | %s | %.0f | %.0f %% |\n", r.Library, r.CPU.Median, r.CPU.Min, r.CPU.Max, ratio, ratioRange, r.Throughput.Median, 100*r.Busy.Median)
	}
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
	fmt.Fprintf(b, "| library | GET: p50 us | p90 us | p99 us | p99.9 us | largest us | TLS echo: p50 us | p90 us | p99 us | p99.9 us | largest us | messages/s |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, r := range s.Results {
		if r.Health != nil {
			fmt.Fprintf(b, "| %s | %s | %s | %.0f |\n", r.Library, r.Health.cells(), r.Echo.cells(), r.Throughput.Median)
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
