package chart

import (
	"cmp"
	"math"
)

// A Value is a median and the range around it.
type Value struct{ Mid, Low, High float64 }

// A Panel is one question; its values are those of the rows, nil for one that has none.
type Panel struct {
	Title  string
	Values []*Value
	// Axis and Format, if set, are this panel's instead of the chart's; Format writes ticks, too. Panels with the same Axis share one.
	Axis   string
	Format func(float64) string
}

// Dots has a row for each of those compared and a panel for each question: a dot for the median, a bar for the range, and the value beside it. The axis is logarithmic,
// so that twice as much is as far as half as much.
type Dots struct {
	// Axis names the axis; Source, at the foot, says where the figures come from.
	Title, Subtitle, Axis, Source string

	Rows    []Row
	Panels  []Panel
	Columns int
	// Format writes a value, Tick a tick of the axis.
	Format, Tick func(float64) string
	// Line is where a line is drawn through every panel, 0 for none. Axis should say what it is.
	Line float64
	// OwnAxes gives each panel an axis of its own; otherwise they share one.
	OwnAxes bool
}

const (
	rowHeight = 20.0
	panelHead = 30.0
	panelFoot = 40.0
)

// SVG draws the chart.
func (d Dots) SVG() []byte {
	var c canvas
	columns := min(max(d.Columns, 1), len(d.Panels))
	labels := labelWidth(d.Rows)
	panelWidth := (width - 2*margin - labels - float64(columns-1)*22) / float64(columns)
	panelRows := (len(d.Panels) + columns - 1) / max(columns, 1)
	body := float64(len(d.Rows)) * rowHeight
	for i, p := range d.Panels {
		together := d.Panels[i : i+1]
		if !d.OwnAxes {
			together = nil
			for _, q := range d.Panels {
				if q.Axis == p.Axis {
					together = append(together, q)
				}
			}
		}
		low, high := d.domain(together)
		column, row := i%columns, i/columns
		x := margin + labels + float64(column)*(panelWidth+22)
		y := headHeight + float64(row)*(panelHead+body+panelFoot)
		if column == 0 {
			for k, r := range d.Rows {
				c.text(x-10, y+panelHead+(float64(k)+0.5)*rowHeight+4, r.Kind.label(), "end", r.Label)
			}
		}
		d.panel(&c, p, scale{low: low, high: high, from: x, to: x + panelWidth, log: true}, y)
	}
	return c.document(headHeight+float64(panelRows)*(panelHead+body+panelFoot), d.Title, d.Subtitle, d.Source)
}

// domain is the range of an axis, with room at both ends for a value's text.
func (d Dots) domain(panels []Panel) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	if d.Line > 0 {
		low, high = d.Line, d.Line
	}
	for _, p := range panels {
		for _, v := range p.Values {
			if v != nil {
				low, high = min(low, v.Low), max(high, v.High)
			}
		}
	}
	if !(low > 0) || math.IsInf(high, 0) {
		return 0.5, 2
	}
	if high < low*1.5 {
		low, high = low/1.25, high*1.25
	}
	room := math.Pow(high/low, 0.06)
	return low / room, high * room
}

func (d Dots) panel(c *canvas, p Panel, s scale, y float64) {
	format, tick, axis := d.Format, d.Tick, cmp.Or(p.Axis, d.Axis)
	if p.Format != nil {
		format, tick = p.Format, p.Format
	}
	top, bottom := y+panelHead, y+panelHead+float64(len(d.Rows))*rowHeight
	c.panelTitle(s.from, y+16, s.to-s.from, p.Title)
	for _, t := range s.logTicks(10, func(v float64) float64 { return float64(len(tick(v))) * charWidth }) {
		c.line(s.at(t), top, s.at(t), bottom, "grid")
		c.text(s.at(t), bottom+15, "tick", "middle", tick(t))
	}
	c.text((s.from+s.to)/2, bottom+31, "axis", "middle", axis)
	if d.Line > 0 {
		c.line(s.at(d.Line), top-4, s.at(d.Line), bottom, "line")
	}
	for k, r := range d.Rows {
		cy := top + (float64(k)+0.5)*rowHeight
		c.line(s.from, cy, s.to, cy, "row")
		v := p.Values[k]
		if v == nil {
			c.text(s.from+4, cy+4, "missing", "start", "not available")
			continue
		}
		x := s.at(v.Mid)
		c.line(s.at(v.Low), cy, s.at(v.High), cy, "span-"+r.Kind.mark())
		radius := 4.5
		if r.Kind == Ours {
			radius = 5.5
		}
		c.printf(`<circle cx="%.1f" cy="%.1f" r="%.1f" class="%s"/>`+"\n", x, cy, radius, r.Kind.mark())
		class := "value " + r.Kind.label()
		if right := s.at(v.High) + 9; right+float64(len(format(v.Mid)))*charWidth < s.to+12 {
			c.text(right, cy+4, class, "start", format(v.Mid))
		} else {
			c.text(s.at(v.Low)-9, cy+4, class, "end", format(v.Mid))
		}
	}
}
