package chart

import (
	"fmt"
	"math"
)

// A BarPanel is one question; its values are those of the rows, one for each part, nil for a row that has none.
type BarPanel struct {
	Title  string
	Values [][]float64
}

// Bars has a row for each of those compared and a panel for each question: a bar of several parts, and their sum beside it. The axis begins at 0.
type Bars struct {
	Title, Subtitle, Axis, Source string

	Parts  []string
	Rows   []Row
	Panels []BarPanel
	Format func(float64) string
	// Cap is the end of the axis if a bar is much longer than most: it is cut there, and its sum written all the same. 0 for none.
	Cap float64
}

var partColours = []string{"--a", "--b", "--c", "--d"}

// SVG draws the chart. A negative part is drawn as 0.
func (b Bars) SVG() []byte {
	var c canvas
	labels := labelWidth(b.Rows)
	columns := max(len(b.Panels), 1)
	panelWidth := (width - 2*margin - labels - float64(columns-1)*22) / float64(columns)
	x := margin
	for i, part := range b.Parts {
		c.printf(`<rect x="%.1f" y="%.1f" width="12" height="12" style="fill:var(%s)"/>`+"\n", x, headHeight-8, partColours[i%len(partColours)])
		c.text(x+18, headHeight+2, "", "start", part)
		x += 18 + float64(len(part))*charWidth + 18
	}
	top := headHeight + 16
	body := float64(len(b.Rows)) * rowHeight
	high := 0.0
	for _, p := range b.Panels {
		for _, v := range p.Values {
			high = max(high, sum(v))
		}
	}
	if b.Cap > 0 {
		high = min(high, b.Cap)
	}
	if high == 0 {
		high = 1
	}
	for i, p := range b.Panels {
		s := scale{low: 0, high: high * 1.18, from: margin + labels + float64(i)*(panelWidth+22)}
		s.to = s.from + panelWidth
		c.panelTitle(s.from, top+16, panelWidth, p.Title)
		first := top + panelHead
		for _, t := range s.linearTicks(max(int(panelWidth/70), 2)) {
			c.line(s.at(t), first, s.at(t), first+body, "grid")
			c.text(s.at(t), first+body+15, "tick", "middle", fmt.Sprintf("%g", t))
		}
		c.text((s.from+s.to)/2, first+body+31, "axis", "middle", b.Axis)
		for k, r := range b.Rows {
			cy := first + (float64(k)+0.5)*rowHeight
			if i == 0 {
				c.text(s.from-10, cy+4, r.Kind.label(), "end", r.Label)
			}
			if p.Values[k] == nil {
				c.text(s.from+4, cy+4, "missing", "start", "not available")
				continue
			}
			b.bar(&c, s, cy, high, p.Values[k], r.Kind)
		}
	}
	return c.document(top+panelHead+body+panelFoot, b.Title, b.Subtitle, b.Source)
}

func (b Bars) bar(c *canvas, s scale, cy, high float64, parts []float64, kind Kind) {
	at := 0.0
	for i, v := range parts {
		v = max(v, 0)
		from, to := s.at(min(at, high)), s.at(min(at+v, high))
		if to > from {
			c.printf(`<rect x="%.1f" y="%.1f" width="%.1f" height="13" style="fill:var(%s)"/>`+"\n", from, cy-6.5, to-from, partColours[i%len(partColours)])
		}
		at += v
	}
	end := s.at(min(at, high))
	if at > high*1.001 { // cut: two strokes through the bar's end
		c.printf(`<path d="M%.1f %.1f l6 -17 M%.1f %.1f l6 -17" style="stroke:var(--back);stroke-width:3"/>`+"\n", end-22, cy+8.5, end-15, cy+8.5)
	}
	c.text(end+6, cy+4, "value "+kind.label(), "start", b.Format(sum(parts)))
}

func sum(v []float64) (s float64) {
	for _, x := range v {
		s += math.Max(x, 0)
	}
	return s
}
