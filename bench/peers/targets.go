//go:build linux

package main

import (
	"bytes"
	"fmt"
	"math"
	"slices"
)

// A target is a figure that this project wants to reach.
type target struct {
	style    string // the adapter
	scenario string
	what     string
	want     string
	// value is the figure, NaN if it was not measured, and ok whether it is good enough. best is the same figure of the best of the other Go libraries, NaN if it has none.
	value, best float64
	ok          bool
	format      func(float64) string
}

// targets returns those for which there are results.
func (r *report) targets() (all []target) {
	add := func(style, scenario, what string, format func(float64) string, want string, value, best float64, ok bool) {
		if !math.IsNaN(value) {
			all = append(all, target{style, scenario, what, want, value, best, ok, format})
		}
	}
	// atMost is a target for the median of a figure.
	atMost := func(style, scenario, what string, format func(float64) string, limit float64, get figureOf) {
		v := r.value(scenario, style, get)
		add(style, scenario, what, format, "<= "+format(limit), v, r.best(scenario, get), v <= limit)
	}
	const push, pull = "hawser-push", "hawser"
	for _, style := range []struct {
		name                                                                  string
		small, one, large, huge, pipelined, many, broadcast, idle, deep, text float64
	}{
		{name: push, small: 0.90, one: 0.68, pipelined: 0.32, many: 1, idle: 768},
		{name: pull, small: 0.97, one: 1.03, large: 1, huge: 0.85, many: 1, broadcast: 1.03, idle: 4096, deep: 6144, text: 1.03},
	} {
		ratio := func(scenario string, limit float64) {
			if limit > 0 {
				atMost(style.name, scenario, "CPU time / raw", decimals, limit, toRaw)
			}
		}
		for _, size := range []int{16, 125, kib, 4 * kib} {
			scenario := fmt.Sprintf("echo/%s/100", sizeName(size))
			ratio(scenario, style.small)
			if v := r.value(scenario, style.name, toRaw) / r.value(scenario, "rawepoll", toRaw); style.name == push { // through raw: each of a round
				add(push, scenario, "CPU time / rawepoll", decimals, "<= 1.05", v, math.NaN(), v <= 1.05)
			}
		}
		ratio("echo/1KiB/1", style.one)
		ratio("echo/64KiB/1", style.large)
		ratio("echo/64KiB/100", style.large)
		ratio("echo/1MiB/1", style.huge)
		if style.name == pull {
			v, best := r.value("pipelined", pull, cpu), r.best("pipelined", cpu)
			add(pull, "pipelined", "CPU time, us", func(v float64) string { return fmt.Sprintf("%.2f", v/1e3) }, "<= 0.15 x best", v, best, v <= 0.15*best)
		}
		ratio("pipelined", style.pipelined)
		for _, s := range r.group("many") {
			ratio(s.Name, style.many)
		}
		ratio("broadcast", style.broadcast)
		memory := func(scenario string, limit float64) {
			if limit > 0 {
				atMost(style.name, scenario, "bytes per connection", whole, limit, memorySum)
			}
		}
		memory("idle/echo", style.idle)
		memory("idle/deep", style.deep)
		if raw := r.value("idle/tls", "raw", memorySum); style.name == pull && !math.IsNaN(raw) {
			memory("idle/tls", raw-4*kib+kib) // without the buffer that raw holds
		}
		if style.text > 0 {
			v := r.value("text", style.name, toRaw) / r.value("echo/1KiB/100", style.name, toRaw)
			add(style.name, "text", "CPU time / echo/1KiB/100", decimals, "<= 1.03", v, math.NaN(), v <= style.text)
		}
		atMost(style.name, "first", "first reply, p99", duration, 2e6, func(res *result) *spread { return p99(res.Latency) })
		atMost(style.name, "held", "first reply, p50", duration, 1.4e6, func(res *result) *spread { return p50(res.Latency) })
	}

	sleep := func(name string) float64 {
		return r.value("sleep", name, func(res *result) *spread { return res.Throughput })
	}
	v := sleep(push) / sleep(pull)
	add(push, "sleep", "messages a second / hawser", decimals, ">= 0.90", v, math.NaN(), v >= 0.9)
	atMost(push, "slow", "p99 after a second / p99 alone", decimals, 2, func(res *result) *spread { return res.SlowRatio })
	atMost(push, "slow", "p99 in the first second", duration, 10e6, func(res *result) *spread { return p99(res.Early) })
	for _, probe := range []struct {
		what string
		get  figureOf
	}{
		{"HTTP GET", func(res *result) *spread { return p99(res.Health) }}, {"TLS echo", func(res *result) *spread { return p99(res.Echo) }},
	} {
		v := r.value("mixed", push, probe.get) / r.value("mixed", pull, probe.get)
		add(push, "mixed", probe.what+", p99 / hawser", decimals, "<= 2.00", v, math.NaN(), v <= 2)
	}
	atMost(push, "wakeups", "wake-ups a second", short, 0, func(res *result) *spread { return res.Wakeups })
	atMost(push, "cores", "CPU time / GOMAXPROCS=1", decimals, 1.15, func(res *result) *spread { return res.BaseRatio })
	return all
}

// A figureOf takes a figure from a result, nil if it has none.
type figureOf func(*result) *spread

func cpu(res *result) *spread { return res.CPU }

func toRaw(res *result) *spread { return res.Ratio }

func memorySum(res *result) *spread {
	if res.Memory == nil {
		return nil
	}
	return res.Memory.Sum
}

// value is a library's median, NaN if there is none.
func (r *report) value(scenario, library string, get figureOf) float64 {
	if s := r.scenario(scenario); s != nil {
		if res := s.result(library); res != nil {
			if v := get(res); v != nil {
				return v.Median
			}
		}
	}
	return math.NaN()
}

// best is the least of the medians of the other Go libraries, NaN if there is none.
func (r *report) best(scenario string, get figureOf) float64 {
	best := math.NaN()
	for _, p := range r.Libraries {
		if kindOf(p) == 0 && p.Command == "" {
			if v := r.value(scenario, p.Name, get); !math.IsNaN(v) && !(v >= best) {
				best = v
			}
		}
	}
	return best
}

func whole(v float64) string { return grouped(int(math.Round(v))) }

// targetTable says what this project wants to reach, and what it has reached.
func (r *report) targetTable(b *bytes.Buffer) {
	all := r.targets()
	if len(all) == 0 {
		return
	}
	reached := len(all) - len(slices.DeleteFunc(slices.Clone(all), func(t target) bool { return t.ok }))
	fmt.Fprintf(b, "## Targets\n\nWhat Hawser wants to reach: %d of %s. Beside it the least of the medians of the other Go libraries.\n\n", reached, plural(len(all), "target"))
	fmt.Fprintf(b, "| library | scenario | figure | target | measured | reached | least of the others |\n|---|---|---|--:|--:|---|--:|\n")
	for _, t := range all {
		best, ok := "", "no"
		if !math.IsNaN(t.best) {
			best = t.format(t.best)
		}
		if t.ok {
			ok = "yes"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s |\n", t.style, t.scenario, t.what, t.want, t.format(t.value), ok, best)
	}
	fmt.Fprintf(b, "\n")
}
