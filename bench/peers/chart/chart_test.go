package chart

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
)

var rows = []Row{{"hawser", Ours}, {"a<b&c", Peer}, {"raw", Reference}}

func decimals(v float64) string { return fmt.Sprintf("%.2f", v) }

// check reads a picture as XML and returns its texts.
func check(t *testing.T, svg []byte) (texts []string) {
	t.Helper()
	if bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("Inf")) {
		t.Errorf("The picture has a number that is none:\n%s", svg)
	}
	d := xml.NewDecoder(bytes.NewReader(svg))
	inText := false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return texts
		}
		if err != nil {
			t.Fatalf("The picture is not well-formed: %v.\n%s", err, svg)
		}
		switch token := token.(type) {
		case xml.StartElement:
			inText = token.Name.Local == "text"
		case xml.EndElement:
			inText = false
		case xml.CharData:
			if inText {
				texts = append(texts, string(token))
			}
		}
	}
}

func wantTexts(t *testing.T, texts []string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, w) }) {
			t.Errorf("The picture does not say %q, only %q.", w, texts)
		}
	}
}

func TestDots(t *testing.T) {
	for name, own := range map[string]bool{"one axis": false, "own axes": true} {
		t.Run(name, func(t *testing.T) {
			texts := check(t, Dots{
				Title: "Title", Subtitle: "Subtitle", Axis: "ratio", Source: "source", Rows: rows, Columns: 2, Format: decimals, Tick: decimals, Line: 1, OwnAxes: own,
				Panels: []Panel{
					{Title: "16 B", Values: []*Value{{0.9, 0.8, 1}, {1.5, 1.4, 1.6}, {1, 1, 1}}},
					{Title: "1 KiB", Values: []*Value{{0.95, 0.9, 1}, nil, {1, 1, 1}}},
					{Title: "empty", Values: []*Value{nil, nil, nil}},
					{Title: "time", Axis: "after", Format: func(v float64) string { return fmt.Sprintf("%.1f s", v) }, Values: []*Value{{200, 180, 300}, nil, {150, 140, 160}}},
				},
			}.SVG())
			wantTexts(t, texts, "Title", "Subtitle", "ratio", "source", "hawser", "a<b&c", "raw", "16 B", "1 KiB", "0.90", "1.50", "not available", "after", "200.0 s")
		})
	}
}

func TestBars(t *testing.T) {
	texts := check(t, Bars{
		Title: "Title", Subtitle: "Subtitle", Axis: "KiB", Source: "source", Parts: []string{"heap", "stack"}, Rows: rows, Format: decimals, Cap: 10,
		Panels: []BarPanel{{"echo", [][]float64{{1, 2}, {100, -1}, nil}}, {"none", [][]float64{nil, nil, nil}}},
	}.SVG())
	wantTexts(t, texts, "Title", "KiB", "heap", "stack", "3.00", "100.00", "not available", "source")
}

func TestLines(t *testing.T) {
	l := Lines{
		Title: "Title", Subtitle: "Subtitle", XAxis: "rate", YAxis: "p99", Source: "source", XFormat: decimals, YFormat: decimals, X: []float64{5, 20, 40},
		Series: []Series{
			{"hawser", Ours, []float64{10, 20, 30}}, {"a<b&c", Peer, []float64{11, math.NaN(), 30}}, {"raw", Reference, []float64{9, 10, math.NaN()}},
			{"none", Peer, []float64{math.NaN(), math.NaN(), math.NaN()}},
		},
	}
	texts := check(t, l.SVG())
	wantTexts(t, texts, "Title", "rate", "p99", "hawser  30.00", "a<b&c  30.00", "raw  10.00", "source")
	if slices.Contains(texts, "none") {
		t.Error("A curve without values should not be named.")
	}
	// One point, and none.
	l.X = l.X[:1]
	for i := range l.Series {
		l.Series[i].Y = l.Series[i].Y[:1]
	}
	check(t, l.SVG())
	l.Series = nil
	check(t, l.SVG())
}

func TestSpread(t *testing.T) {
	for _, places := range [][]float64{{}, {50}, {50, 50, 50}, {0, 1, 2, 99, 100}, {-20, 300}} {
		got := slices.Clone(places)
		spread(got, 10, 0, 200)
		for i, y := range got {
			if y < -1 || y > 201 {
				t.Errorf("Place %d of %v was moved to %.1f, outside the chart.", i, places, y)
			}
			if i > 0 && y-got[i-1] < 9.5 {
				t.Errorf("Places %d and %d of %v are %.1f apart, which is less than 10.", i-1, i, places, y-got[i-1])
			}
		}
	}
}

func TestTicks(t *testing.T) {
	for _, r := range [][2]float64{{0.5, 2}, {0.9, 1.1}, {0.01, 1000}, {1, 1e9}, {3, 40}} {
		s := scale{low: r[0], high: r[1], from: 0, to: 300, log: true}
		ticks := s.logTicks(10, func(float64) float64 { return 30 })
		if len(ticks) == 0 {
			t.Errorf("There are no ticks from %v to %v.", r[0], r[1])
		}
		if !slices.IsSorted(ticks) {
			t.Errorf("The ticks %v are not in order.", ticks)
		}
	}
	s := scale{low: 0, high: 23, from: 0, to: 300}
	if got := s.linearTicks(5); !slices.Equal(got, []float64{0, 5, 10, 15, 20}) {
		t.Errorf("The ticks from 0 to 23 are %v.", got)
	}
}
