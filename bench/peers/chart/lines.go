package chart

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// A Series is one curve; its values are those at the X of the chart, NaN for one that is missing.
type Series struct {
	Label string
	Kind  Kind
	Y     []float64
}

// Lines has curves over a common axis, each with its name at its end. The vertical axis is logarithmic.
type Lines struct {
	Title, Subtitle, XAxis, YAxis, Source string

	X                []float64
	Series           []Series
	XFormat, YFormat func(float64) string
}

var (
	curveColours = []string{"--b", "--c", "--d", "--e", "--f", "--text"}
	curveDashes  = []string{"", "7 3", "2 3"}
)

// SVG draws the chart.
func (l Lines) SVG() []byte {
	const height = 500.0
	var c canvas
	var rows []Row
	low, high := math.Inf(1), math.Inf(-1)
	for _, s := range l.Series {
		rows = append(rows, Row{s.Label, s.Kind})
		for _, y := range s.Y {
			if y > 0 {
				low, high = min(low, y), max(high, y)
			}
		}
	}
	if math.IsInf(low, 0) {
		low, high = 1, 10
	}
	x := scale{low: l.X[0], high: l.X[len(l.X)-1], from: margin + 58, to: width - margin - labelWidth(rows) - 70}
	if x.low == x.high {
		x.low, x.high = x.low*0.9, x.high*1.1
	}
	y := scale{low: low / 1.25, high: high * 1.25, from: height - 54, to: headHeight + 8, log: true}
	for _, t := range y.logTicks(26, func(float64) float64 { return 0 }) {
		c.line(x.from, y.at(t), x.to, y.at(t), "grid")
		c.text(x.from-8, y.at(t)+4, "tick", "end", l.YFormat(t))
	}
	for _, v := range l.X {
		c.line(x.at(v), y.from, x.at(v), y.from+5, "grid")
		c.text(x.at(v), y.from+18, "tick", "middle", l.XFormat(v))
	}
	c.text((x.from+x.to)/2, y.from+38, "axis", "middle", l.XAxis)
	c.printf(`<text class="axis" text-anchor="middle" transform="translate(%.1f %.1f) rotate(-90)">%s</text>`+"\n", margin-4, (y.from+y.to)/2, l.YAxis)

	// Ours last, so that it lies above the others.
	order := slices.Clone(l.Series)
	slices.SortStableFunc(order, func(a, b Series) int { return rank(a.Kind) - rank(b.Kind) })
	type end struct {
		series Series
		style  string
		at, y  float64
	}
	var ends []end
	peers, ours := 0, 0
	for _, s := range order {
		colour, dash := "--ours", ""
		switch s.Kind {
		case Ours:
			dash = curveDashes[ours%len(curveDashes)]
			ours++
		case Peer:
			colour, dash = curveColours[peers%len(curveColours)], curveDashes[peers/len(curveColours)%len(curveDashes)]
			peers++
		case Reference:
			colour, dash = "--muted", "1 4"
		}
		style := fmt.Sprintf("stroke:var(%s);stroke-dasharray:%s", colour, cmp.Or(dash, "none"))
		var points []string
		last := -1
		for i, v := range s.Y {
			if v > 0 {
				points = append(points, fmt.Sprintf("%.1f,%.1f", x.at(l.X[i]), y.at(v)))
				last = i
			}
		}
		if last < 0 {
			continue
		}
		class := "curve"
		if s.Kind == Ours {
			class += " thick"
		}
		c.printf(`<polyline class="%s" style="%s" points="%s"/>`+"\n", class, style, strings.Join(points, " "))
		for i, v := range s.Y {
			if v > 0 {
				c.printf(`<circle cx="%.1f" cy="%.1f" r="3" style="fill:var(%s)"/>`+"\n", x.at(l.X[i]), y.at(v), colour)
			}
		}
		ends = append(ends, end{s, style, x.at(l.X[last]), y.at(s.Y[last])})
	}
	// The names, pushed apart, each joined to its curve.
	slices.SortStableFunc(ends, func(a, b end) int { return cmp.Compare(a.y, b.y) })
	places := make([]float64, len(ends))
	for i, e := range ends {
		places[i] = e.y
	}
	spread(places, 15, y.to+4, y.from)
	for i, e := range ends {
		c.printf(`<path d="M%.1f %.1f L%.1f %.1f" class="curve" style="%s;stroke-width:1"/>`+"\n", e.at+5, e.y, x.to+26, places[i], e.style)
		c.text(x.to+31, places[i]+4, e.series.Kind.label(), "start", e.series.Label+"  "+l.YFormat(e.series.Y[lastOf(e.series.Y)]))
	}
	return c.document(height, l.Title, l.Subtitle, l.Source)
}

func rank(k Kind) int { return [...]int{Peer: 1, Ours: 2, Reference: 0}[k] }

func lastOf(y []float64) int {
	for i := len(y) - 1; i >= 0; i-- {
		if y[i] > 0 {
			return i
		}
	}
	return 0
}

// spread moves sorted places apart until they are gap away from each other, within low and high if there is room.
func spread(places []float64, gap, low, high float64) {
	for range 200 {
		moved := false
		for i := 1; i < len(places); i++ {
			if d := gap - (places[i] - places[i-1]); d > 0.01 {
				places[i-1] -= d / 2
				places[i] += d / 2
				moved = true
			}
		}
		if n := len(places); n > 0 {
			places[0], places[n-1] = max(places[0], low), min(places[n-1], high)
		}
		if !moved {
			break
		}
	}
}
