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
	ratio := func(file, title, subtitle string, columns int, scenarios ...*scenarioReport) {
		d := chart.Dots{
			Title: title, Subtitle: subtitle + " Median and range; less is better.", Source: r.source(scenarios), Axis: "CPU time, bare TCP echo (dashed) = 1",
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
	features := slices.Concat(r.group("text"), r.group("tls"), r.group("compressed"))
	r.dots(&figures, "features.svg", chart.Dots{
		Title: "CPU time per message with text, TLS and compression", Subtitle: "An echo of 1 KiB over 100 connections. Median and range; less is better.", Source: r.source(features),
		Axis: "us of CPU time per message", Columns: 2, Format: micros, Tick: short, OwnAxes: true,
	}, features, func(_ *scenarioReport, res *result) *spread { return scaled(res.CPU, 1e-3) })
	r.dots(&figures, "cores.svg", chart.Dots{
		Title: "CPU time per message on two cores", Subtitle: "An echo of 1 KiB over 100 connections, GOMAXPROCS=2. Median and range; less is better.", Source: r.source(r.group("cores")),
		Axis: "CPU time, the same library with GOMAXPROCS=1 on one core (dashed) = 1", Columns: 1, Format: decimals, Tick: short, Line: 1,
	}, r.group("cores"), func(_ *scenarioReport, res *result) *spread { return res.BaseRatio })
	r.memoryFigure(&figures)
	r.latencyFigure(&figures)
	r.firstFigure(&figures)
	r.blockingFigure(&figures)
	r.mixedFigure(&figures)
	return figures
}

// source is the last line of a chart: where its figures come from.
func (r *report) source(scenarios []*scenarioReport) string {
	runs := 0
	for _, s := range scenarios {
		for _, res := range s.Results {
			runs = max(runs, res.Runs)
		}
	}
	source := fmt.Sprintf("%s, %s, %s, %s", r.from(scenarios), r.Machine.Go, r.Machine.CPU, plural(runs, "round"))
	if r.Quick {
		source = "QUICK RUN, NOISE: " + source
	}
	return source
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
	var gets []figureOf
	for _, s := range scenarios {
		gets = append(gets, func(res *result) *spread { return get(s, res) })
		d.Panels = append(d.Panels, chart.Panel{Title: panelTitle(s)})
	}
	r.panels(figures, file, d, scenarios, gets)
}

// panels draws the panels of d, whose values are those that gets takes from the results of scenarios, each from its own. Without a value there is no chart.
func (r *report) panels(figures *[]figure, file string, d chart.Dots, scenarios []*scenarioReport, gets []figureOf) {
	value := func(i int, p *peer) *spread {
		if res := scenarios[i].result(p.Name); res != nil {
			return gets[i](res)
		}
		return nil
	}
	peers := r.ranked(func(p *peer) float64 {
		sum, n := 0.0, 0
		for i := range scenarios {
			if v := value(i, p); v != nil && v.Median > 0 {
				// Relative to the middle of all: scenarios that a library does not have must not move it.
				sum += math.Log(v.Median / r.typical(func(p *peer) *spread { return value(i, p) }))
				n++
			}
		}
		return math.Exp(sum / float64(n))
	})
	if len(peers) == 0 {
		return
	}
	d.Rows = rowsOf(peers)
	for i := range d.Panels {
		for _, p := range peers {
			var v *chart.Value
			if x := value(i, p); x != nil && x.Min > 0 {
				v = &chart.Value{Mid: x.Median, Low: x.Min, High: x.Max}
			}
			d.Panels[i].Values = append(d.Panels[i].Values, v)
		}
	}
	*figures = append(*figures, figure{file, d.Title, d.SVG()})
}

// typical is the median of the libraries' medians.
func (r *report) typical(value func(*peer) *spread) float64 {
	var all []float64
	for _, p := range r.Libraries {
		if v := value(p); v != nil && v.Median > 0 {
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
	case "cores":
		return "1 KiB, 100 connections"
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

func (r *report) memoryFigure(figures *[]figure) {
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
		Title: "Memory of an idle connection", Subtitle: "After traffic and five garbage collections; less is better.", Source: r.source(scenarios), Axis: "KiB per connection",
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

func (r *report) latencyFigure(figures *[]figure) {
	scenarios := r.group("latency")
	if len(scenarios) == 0 {
		return
	}
	l := chart.Lines{
		Title: "Latency by load, 99th percentile", Subtitle: "125 B over 100 connections, open loop, from the time at which a message was due; less is better.", Source: r.source(scenarios),
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

// twoPanels draws two figures of one scenario, side by side.
func (r *report) twoPanels(figures *[]figure, file string, s *scenarioReport, d chart.Dots, titles [2]string, get [2]figureOf) {
	d.Columns = 2
	for _, title := range titles {
		d.Panels = append(d.Panels, chart.Panel{Title: title})
	}
	r.panels(figures, file, d, []*scenarioReport{s, s}, get[:])
}

func (r *report) firstFigure(figures *[]figure) {
	for _, s := range r.group("first") {
		r.twoPanels(figures, "first.svg", s, chart.Dots{
			Title: "Time to the first and to the last of 16 replies", Subtitle: "16 messages sent at once, the handler takes 100 us each; less is better.", Source: r.source([]*scenarioReport{s}),
			Axis: "after the messages were sent", Format: duration, Tick: duration, OwnAxes: true,
		}, [2]string{"first reply, 99th percentile", "last reply, median"}, [2]figureOf{
			func(res *result) *spread { return p99(res.Latency) },
			func(res *result) *spread { return p50(res.Last) },
		})
	}
}

// blockingFigure is about handlers that sleep: quick connections beside slow ones, and those that sleep.
func (r *report) blockingFigure(figures *[]figure) {
	type panel struct {
		group, title, axis string
		get                figureOf
	}
	panels := []panel{
		{"slow", "quick ones alone, p99", "from the time at which a message was due", func(res *result) *spread { return p99(res.Alone) }},
		{"slow", "first second beside slow, p99", "from the time at which a message was due", func(res *result) *spread { return p99(res.Early) }},
		{"slow", "after that second, p99", "from the time at which a message was due", func(res *result) *spread { return p99(res.Latency) }},
		{"sleep", "all sleep 1 ms, time per message", "1 / messages per second", func(res *result) *spread { return inverse(res.Throughput) }},
		{"held", "first of two replies, median", "after both were sent", func(res *result) *spread { return p50(res.Latency) }},
		{"held", "first of two replies, p99", "after both were sent", func(res *result) *spread { return p99(res.Latency) }},
	}
	var scenarios []*scenarioReport
	var gets []figureOf
	var shown []chart.Panel
	for _, p := range panels {
		for _, s := range r.group(p.group) {
			scenarios, gets = append(scenarios, s), append(gets, p.get)
			shown = append(shown, chart.Panel{Title: p.title, Axis: p.axis})
		}
	}
	r.panels(figures, "blocking.svg", chart.Dots{
		Title: "Handlers that sleep", Subtitle: "90 connections with quick handlers beside 10 that sleep 10 ms; 100 that sleep 1 ms; two messages at once, 20 ms for the second. Less is better.",
		Source: r.source(scenarios), Columns: 3, Format: duration, Tick: duration, Panels: shown,
	}, scenarios, gets)
}

// inverse makes nanoseconds per message of messages per second.
func inverse(s *spread) *spread {
	if s == nil || s.Min <= 0 {
		return nil
	}
	return &spread{1e9 / s.Median, 1e9 / s.Max, 1e9 / s.Min}
}

func (r *report) mixedFigure(figures *[]figure) {
	for _, s := range r.group("mixed") {
		r.twoPanels(figures, "mixed.svg", s, chart.Dots{
			Title: "The rest of the process while it is saturated with echoes", Subtitle: "Round trips on GOMAXPROCS=1, 99th percentile; less is better.", Source: r.source([]*scenarioReport{s}),
			Axis: "round trip", Format: duration, Tick: duration,
		}, [2]string{"HTTP GET", "TLS echo"}, [2]figureOf{
			func(res *result) *spread { return p99(res.Health) },
			func(res *result) *spread { return p99(res.Echo) },
		})
	}
}

func p50(p *percentiles) *spread {
	if p == nil {
		return nil
	}
	return p.P50
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
