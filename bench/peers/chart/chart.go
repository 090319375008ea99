// Package chart draws the three kinds of chart of the comparison as SVG: dots on a line, stacked bars, and curves.
//
// Each follows the reader's light or dark colour scheme. What tells things apart is their place and their label first: one colour marks our own library, references are
// hollow, and where several colours are needed they are those of Okabe and Ito, which people with a colour vision deficiency can tell apart.
package chart

import (
	"bytes"
	"fmt"
	"html"
	"math"
)

// A Kind says how a row or a curve is marked.
type Kind uint8

const (
	// Peer is one of those compared.
	Peer Kind = iota
	// Ours is the one to look at.
	Ours
	// Reference is a measure for the others, not one of them.
	Reference
)

// A Row is one of those compared.
type Row struct {
	Label string
	Kind  Kind
}

const (
	width  = 960.0
	margin = 24.0
	// charWidth is about how wide a character of the small font is.
	charWidth = 6.7
)

const style = `<style>
svg{color-scheme:light dark;--back:#fff;--text:#1f2328;--muted:#59636e;--grid:#d8dee4;--peer:#59636e;--ours:#0072b2;--a:#0072b2;--b:#e69f00;--c:#009e73;--d:#cc79a7;--e:#d55e00;--f:#56b4e9}
@media(prefers-color-scheme:dark){svg{--back:#0d1117;--text:#e6edf3;--muted:#9198a1;--grid:#30363d;--peer:#9198a1;--ours:#56b4e9;--a:#3a9bdc;--f:#9ad2f5}}
text{paint-order:stroke;stroke:var(--back);stroke-width:3px;stroke-linejoin:round;font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;fill:var(--text)}
.back{fill:var(--back)}.title{font-size:18px;font-weight:600}.sub,.axis,.tick{fill:var(--muted)}.panel{font-size:13px;font-weight:600}.tick{font-size:11px}
.grid{stroke:var(--grid);stroke-width:1}.row{stroke:var(--grid);stroke-width:1;stroke-dasharray:1 4}.line{stroke:var(--text);stroke-width:1.25;stroke-dasharray:5 3}
.ours{fill:var(--ours)}.peer{fill:var(--peer)}.reference{fill:var(--back);stroke:var(--peer);stroke-width:1.75}
.span-ours{stroke:var(--ours);stroke-width:3;stroke-opacity:.45}.span-peer,.span-reference{stroke:var(--peer);stroke-width:3;stroke-opacity:.35}
.bold{font-weight:700;fill:var(--ours)}.soft{fill:var(--muted)}.value{font-size:11px}.missing{fill:var(--muted);font-size:11px;font-style:italic}
.curve{fill:none;stroke-width:1.75;stroke-linejoin:round}.thick{stroke-width:3.5}.dashed{stroke-dasharray:6 4}
</style>
`

// A canvas collects elements.
type canvas struct{ bytes.Buffer }

func (c *canvas) printf(format string, args ...any) { fmt.Fprintf(&c.Buffer, format, args...) }

// text writes s, escaped. anchor is start, middle or end.
func (c *canvas) text(x, y float64, class, anchor, s string) {
	c.printf(`<text x="%.1f" y="%.1f" class="%s" text-anchor="%s">%s</text>`+"\n", x, y, class, anchor, html.EscapeString(s))
}

// panelTitle writes the title of a panel, smaller if it has too little room.
func (c *canvas) panelTitle(x, y, room float64, title string) {
	const size, perChar = 13.0, 8.2
	if w := float64(len(title)) * perChar; w > room {
		c.printf(`<text x="%.1f" y="%.1f" class="panel" style="font-size:%.1fpx">%s</text>`+"\n", x, y, size*room/w, html.EscapeString(title))
		return
	}
	c.text(x, y, "panel", "start", title)
}

func (c *canvas) line(x1, y1, x2, y2 float64, class string) {
	c.printf(`<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" class="%s"/>`+"\n", x1, y1, x2, y2, class)
}

// document puts what was drawn into a picture with a title, a subtitle, a background, and at the foot where the figures come from.
func (c *canvas) document(height float64, title, subtitle, source string) []byte {
	var d canvas
	height += 26
	d.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img" aria-label="%s">`+"\n", width, height, width, height, html.EscapeString(title+". "+subtitle))
	d.WriteString(style)
	d.printf(`<rect class="back" width="%.0f" height="%.0f"/>`+"\n", width, height)
	d.text(margin, 34, "title", "start", title)
	d.text(margin, 54, "sub", "start", subtitle)
	d.Write(c.Bytes())
	d.text(margin, height-12, "tick", "start", source)
	d.WriteString("</svg>\n")
	return d.Bytes()
}

// headHeight is what title and subtitle take.
const headHeight = 72.0

// class names the mark and the text of a kind.
func (k Kind) mark() string { return [...]string{"peer", "ours", "reference"}[k] }
func (k Kind) label() string {
	return [...]string{"", "bold", "soft"}[k]
}

// A scale maps values to pixels, logarithmically or not.
type scale struct {
	low, high float64
	from, to  float64
	log       bool
}

func (s scale) at(v float64) float64 {
	low, high := s.low, s.high
	if s.log {
		v, low, high = math.Log(v), math.Log(low), math.Log(high)
	}
	return s.from + (v-low)/(high-low)*(s.to-s.from)
}

// logTicks returns round numbers within low and high: as many as there is room for, when each takes as many pixels as room says and the ticks are at least gap apart.
func (s scale) logTicks(gap float64, room func(float64) float64) (ticks []float64) {
	for _, steps := range [][]float64{{1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8}, {1, 1.5, 2, 3, 5, 7}, {1, 2, 5}, {1, 3}, {1}} {
		ticks = ticks[:0]
		fits := true
		for exp := math.Floor(math.Log10(s.low)) - 1; exp <= math.Ceil(math.Log10(s.high)); exp++ {
			for _, step := range steps {
				v := step * math.Pow(10, exp)
				if v < s.low*0.999 || v > s.high*1.001 {
					continue
				}
				if n := len(ticks); n > 0 && math.Abs(s.at(v)-s.at(ticks[n-1])) < gap+(room(v)+room(ticks[n-1]))/2 {
					fits = false
				}
				ticks = append(ticks, v)
			}
		}
		if fits && len(ticks) > 0 {
			break
		}
	}
	return ticks
}

// linearTicks returns multiples of a round step from 0.
func (s scale) linearTicks(most int) (ticks []float64) {
	step := math.Pow(10, math.Floor(math.Log10(s.high/float64(most))))
	for _, m := range []float64{1, 2, 2.5, 5, 10} {
		if s.high/(m*step) <= float64(most) {
			step *= m
			break
		}
	}
	for i := 0; float64(i)*step <= s.high*1.001; i++ {
		ticks = append(ticks, float64(i)*step)
	}
	return ticks
}

// labelWidth is the room that the rows' labels need.
func labelWidth(rows []Row) float64 {
	longest := 0.0
	for _, r := range rows {
		w := float64(len(r.Label)) * charWidth
		if r.Kind == Ours {
			w *= 1.2 // it is bold
		}
		longest = max(longest, w)
	}
	return longest + 14
}
