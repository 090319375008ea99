//go:build linux

package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/hawser-go/hawser/bench/peers/chart"
)

// A figure is one chart: one question.
type figure struct {
	file, title string
	svg         []byte
}

// figures draws the charts for which there are results.
func (r *report) figures() (figures []figure) {
	source := fmt.Sprintf("hawser %s, %s, %s, %s, %s", r.Commit, r.Date, r.Machine.Go, r.Machine.CPU, plural(r.Rounds, "round"))
	if r.Quick {
		source = "QUICK RUN, NOISE: " + source
	}
	ratio := func(file, title, subtitle string, columns int, scenarios ...*scenarioReport) {
		d := chart.Dots{
			Title: title, Subtitle: subtitle + " Median and range; less is better.", Source: source, Axis: "CPU time, bare TCP echo (dashed) = 1",
			Columns: columns, Format: decimals, Tick: short, Line: 1,
		}
		r.dots(&figures, file, d, scenarios, func(_ *scenarioReport, res *result) *spread { return res.Ratio })
	}
	for _, conns := range []int{1, 100} {
		ratio(fmt.Sprintf("cpu-%d.svg", conns), fmt.Sprintf("CPU time per message, %s", plural(conns, "connection")),
			"An echo, one message in flight, by size.", 3, r.group(fmt.Sprintf("echo-%d", conns))...)
	}
	ratio("many.svg", "CPU time per message, many connections", "An echo, one message in flight on each.", 1, r.group("many")...)
	ratio("pipelined.svg", "CPU time per message, 16 in flight", "An echo of 1 KiB over 100 connections.", 1, r.group("pipelined")...)
	ratio("broadcast.svg", "CPU time per recipient of a broadcast", "One message of 512 B to all connections.", 1, r.group("broadcast")...)
	ratio("handshake.svg", "CPU time per connection: connect, upgrade, close", "The bare TCP echo returns the request's bytes.", 1, r.group("handshake")...)
	r.dots(&figures, "features.svg", chart.Dots{
		Title: "CPU time per message with text, TLS and compression", Subtitle: "An echo of 1 KiB over 100 connections. Median and range; less is better.", Source: source,
		Axis: "us of CPU time per message", Columns: 2, Format: micros, Tick: short, OwnAxes: true,
	}, slices.Concat(r.group("text"), r.group("tls"), r.group("compressed")), func(_ *scenarioReport, res *result) *spread { return scaled(res.CPU, 1e-3) })
	r.memoryFigure(&figures, source)
	r.latencyFigure(&figures, source)
	r.firstFigure(&figures, source)
	r.mixedFigure(&figures, source)
	return figures
}

func (r *report) group(name string) (scenarios []*scenarioReport) {
	for _, s := range r.Scenarios {
		if s.Group == name {
			scenarios = append(scenarios, s)
		}
	}
	return scenarios
}

func kindOf(p *peer) chart.Kind {
	switch {
	case p.Name == "hawser", p.Name == "hawser-push":
		return chart.Ours
	case p.Raw:
		return chart.Reference
	}
	return chart.Peer
}

// ranked puts the libraries in order of the geometric mean of a value, references last, and drops those that have none.
func (r *report) ranked(mean func(*peer) float64) []*peer {
	var ranked []*peer
	for _, p := range r.Libraries {
		if !math.IsNaN(mean(p)) {
			ranked = append(ranked, p)
		}
	}
	slices.SortStableFunc(ranked, func(a, b *peer) int {
		if a.Raw != b.Raw {
			if a.Raw {
				return 1
			}
			return -1
		}
		return cmp.Compare(mean(a), mean(b))
	})
	return ranked
}

func rowsOf(peers []*peer) (rows []chart.Row) {
	for _, p := range peers {
		rows = append(rows, chart.Row{Label: p.Name, Kind: kindOf(p)})
	}
	return rows
}

// dots draws one panel for each scenario.
func (r *report) dots(figures *[]figure, file string, d chart.Dots, scenarios []*scenarioReport, get func(*scenarioReport, *result) *spread) {
	value := func(s *scenarioReport, p *peer) *spread {
		if res := s.result(p.Name); res != nil {
			return get(s, res)
		}
		return nil
	}
	peers := r.ranked(func(p *peer) float64 {
		sum, n := 0.0, 0
		for _, s := range scenarios {
			if v := value(s, p); v != nil && v.Median > 0 {
				// Relative to the first library that has a value: scenarios that a library does not have must not move it.
				sum += math.Log(v.Median / r.typical(s, value))
				n++
			}
		}
		return math.Exp(sum / float64(n))
	})
	if len(peers) == 0 {
		return
	}
	d.Rows = rowsOf(peers)
	for _, s := range scenarios {
		p := chart.Panel{Title: panelTitle(s)}
		for _, peer := range peers {
			var v *chart.Value
			if x := value(s, peer); x != nil && x.Min > 0 {
				v = &chart.Value{Mid: x.Median, Low: x.Min, High: x.Max}
			}
			p.Values = append(p.Values, v)
		}
		d.Panels = append(d.Panels, p)
	}
	*figures = append(*figures, figure{file, d.Title, d.SVG()})
}

// typical is the median of a scenario's medians.
func (r *report) typical(s *scenarioReport, value func(*scenarioReport, *peer) *spread) float64 {
	var all []float64
	for _, p := range r.Libraries {
		if v := value(s, p); v != nil && v.Median > 0 {
			all = append(all, v.Median)
		}
	}
	return spreadOf(all).Median
}

func panelTitle(s *scenarioReport) string {
	switch s.Group {
	case "echo-1", "echo-100":
		return spacedSize(s.Size)
	case "many", "broadcast":
		return fmt.Sprintf("%d B, %s", s.Size, plural(s.Conns, "connection"))
	case "pipelined":
		return "1 KiB, 16 in flight, 100 connections"
	case "handshake":
		return "16 at a time"
	case "text":
		return "Text"
	case "tls":
		return "TLS, binary"
	case "compressed":
		if s.Compress == "context" {
			return "Compressed, context takeover"
		}
		return "Compressed, no context takeover"
	case "idle":
		switch {
		case s.TLS:
			return fmt.Sprintf("TLS, %s open", grouped(s.Conns))
		case s.Handler == "deep":
			return "handler used 8 KiB of stack"
		}
		return fmt.Sprintf("echo, %s open", grouped(s.Conns))
	}
	return s.Name
}

func (r *report) memoryFigure(figures *[]figure, source string) {
	scenarios := r.group("idle")
	if len(scenarios) == 0 {
		return
	}
	total := func(s *scenarioReport, p *peer) float64 {
		if res := s.result(p.Name); res != nil && res.Memory != nil && res.Memory.Sum != nil {
			return res.Memory.Sum.Median
		}
		return math.NaN()
	}
	peers := r.ranked(func(p *peer) float64 { return total(scenarios[0], p) })
	if len(peers) == 0 {
		return
	}
	b := chart.Bars{
		Title: "Memory of an idle connection", Subtitle: "After traffic and five garbage collections; less is better.", Source: source, Axis: "KiB per connection",
		Parts: []string{"heap", "goroutine stacks", "Go runtime"}, Rows: rowsOf(peers), Format: micros,
	}
	for _, s := range scenarios {
		p := chart.BarPanel{Title: panelTitle(s)}
		for _, peer := range peers {
			var parts []float64
			if res := s.result(peer.Name); res != nil && res.Memory != nil && res.Memory.Sum != nil {
				parts = []float64{res.Memory.Heap.Median / kib, res.Memory.Stack.Median / kib, res.Memory.Runtime.Median / kib}
			}
			p.Values = append(p.Values, parts)
		}
		b.Panels = append(b.Panels, p)
	}
	*figures = append(*figures, figure{"memory.svg", b.Title, b.SVG()})
}

func (r *report) latencyFigure(figures *[]figure, source string) {
	scenarios := r.group("latency")
	if len(scenarios) == 0 {
		return
	}
	l := chart.Lines{
		Title: "Latency by load, 99th percentile", Subtitle: "125 B over 100 connections, open loop, from the time at which a message was due; less is better.", Source: source,
		XAxis: "thousand messages per second", YAxis: "99th percentile", XFormat: func(v float64) string { return fmt.Sprintf("%g", v/1e3) }, YFormat: duration,
	}
	for _, s := range scenarios {
		l.X = append(l.X, s.Rate)
	}
	found := false
	for _, p := range r.Libraries {
		series := chart.Series{Label: p.Name, Kind: kindOf(p)}
		for _, s := range scenarios {
			y := math.NaN()
			if res := s.result(p.Name); res != nil && res.Latency != nil {
				y, found = res.Latency.P99.Median, true
			}
			series.Y = append(series.Y, y)
		}
		l.Series = append(l.Series, series)
	}
	if found {
		*figures = append(*figures, figure{"latency.svg", l.Title, l.SVG()})
	}
}

// twoPanels draws percentiles of one scenario, side by side.
func (r *report) twoPanels(figures *[]figure, file string, s *scenarioReport, d chart.Dots, titles [2]string, get [2]func(*result) *spread) {
	peers := r.ranked(func(p *peer) float64 {
		if res := s.result(p.Name); res != nil {
			if v := get[0](res); v != nil {
				return v.Median
			}
		}
		return math.NaN()
	})
	if len(peers) == 0 {
		return
	}
	d.Rows, d.Columns = rowsOf(peers), 2
	for i, title := range titles {
		panel := chart.Panel{Title: title}
		for _, p := range peers {
			var v *chart.Value
			if x := get[i](s.result(p.Name)); x != nil && x.Min > 0 {
				v = &chart.Value{Mid: x.Median, Low: x.Min, High: x.Max}
			}
			panel.Values = append(panel.Values, v)
		}
		d.Panels = append(d.Panels, panel)
	}
	*figures = append(*figures, figure{file, d.Title, d.SVG()})
}

func (r *report) firstFigure(figures *[]figure, source string) {
	for _, s := range r.group("first") {
		r.twoPanels(figures, "first.svg", s, chart.Dots{
			Title: "Time to the first and to the last of 16 replies", Subtitle: "16 messages sent at once, the handler takes 100 us each; less is better.", Source: source,
			Axis: "after the messages were sent", Format: duration, Tick: duration, OwnAxes: true,
		}, [2]string{"first reply, 99th percentile", "last reply, median"}, [2]func(*result) *spread{
			func(res *result) *spread { return p99(res.Latency) },
			func(res *result) *spread {
				if res.Last == nil {
					return nil
				}
				return res.Last.P50
			},
		})
	}
}

func (r *report) mixedFigure(figures *[]figure, source string) {
	for _, s := range r.group("mixed") {
		r.twoPanels(figures, "mixed.svg", s, chart.Dots{
			Title: "The rest of the process while it is saturated with echoes", Subtitle: "Round trips on GOMAXPROCS=1, 99th percentile; less is better.", Source: source,
			Axis: "round trip", Format: duration, Tick: duration,
		}, [2]string{"HTTP GET", "TLS echo"}, [2]func(*result) *spread{
			func(res *result) *spread { return p99(res.Health) },
			func(res *result) *spread { return p99(res.Echo) },
		})
	}
}

func p99(p *percentiles) *spread {
	if p == nil {
		return nil
	}
	return p.P99
}

func scaled(s *spread, by float64) *spread {
	if s == nil {
		return nil
	}
	return &spread{s.Median * by, s.Min * by, s.Max * by}
}

func decimals(v float64) string { return fmt.Sprintf("%.2f", v) }
func short(v float64) string    { return fmt.Sprintf("%.3g", v) }

func micros(v float64) string {
	if v < 9.95 {
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// duration writes nanoseconds with two digits or three.
func duration(ns float64) string {
	switch {
	case ns < 999.5:
		return fmt.Sprintf("%.3g ns", ns)
	case ns < 999.5e3:
		return fmt.Sprintf("%.3g us", ns/1e3)
	case ns < 999.5e6:
		return fmt.Sprintf("%.3g ms", ns/1e6)
	}
	return fmt.Sprintf("%.3g s", ns/1e9)
}

// spacedSize writes 1 KiB.
func spacedSize(n int) string {
	name := sizeName(n)
	i := strings.IndexAny(name, "KMB")
	return name[:i] + " " + name[i:]
}
