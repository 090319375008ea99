package autobahn

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"
)

//go:embed report.html
var reportHTML string

var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"ms":       func(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000) },
	"round":    func(d time.Duration) string { return d.Round(10 * time.Millisecond).String() },
	"class":    func(v Verdict) string { return strings.ToLower(strings.ReplaceAll(string(v), " ", "-")) },
	"section":  sectionURL,
	"describe": describe,
	"wants":    wants,
}).Parse(reportHTML))

// WriteHTML writes a page with the whole report. It needs no other file and no network.
func (r *Report) WriteHTML(w io.Writer) error {
	return page.Execute(w, r.view())
}

type htmlView struct {
	*Report
	Agents []*htmlAgent
}

type htmlAgent struct {
	Name   string
	Groups []*htmlGroup
	Totals []htmlTotal
	Failed int
	Count  int
}

type htmlTotal struct {
	Verdict Verdict
	Count   int
}

type htmlGroup struct {
	ID, Title string
	Results   []*Result
	Passed    int
}

// view puts results under their groups, and counts.
func (r *Report) view() *htmlView {
	v := &htmlView{Report: r}
	for _, result := range r.Results {
		if n := len(v.Agents); n == 0 || v.Agents[n-1].Name != result.Agent {
			v.Agents = append(v.Agents, &htmlAgent{Name: result.Agent})
		}
		a := v.Agents[len(v.Agents)-1]
		id := result.Case.group()
		if isOwn(result.Case.ID) {
			id = strings.Join(strings.SplitN(result.Case.ID, ".", 3)[:2], ".")
		}
		if n := len(a.Groups); n == 0 || a.Groups[n-1].ID != id {
			a.Groups = append(a.Groups, &htmlGroup{ID: id, Title: groupTitles[id]})
		}
		g := a.Groups[len(a.Groups)-1]
		g.Results = append(g.Results, result)
		a.Count++
		a.count(result.Behavior)
		if result.Pass() {
			g.Passed++
		} else {
			a.Failed++
		}
	}
	return v
}

func (a *htmlAgent) count(v Verdict) {
	for i := range a.Totals {
		if a.Totals[i].Verdict == v {
			a.Totals[i].Count++
			return
		}
	}
	a.Totals = append(a.Totals, htmlTotal{v, 1})
}

// sectionURL is where a section of an RFC can be read: "RFC 6455, 5.2".
func sectionURL(s string) string {
	rfc, section, ok := strings.Cut(strings.TrimPrefix(s, "RFC "), ", ")
	if !ok {
		return ""
	}
	return "https://www.rfc-editor.org/rfc/rfc" + rfc + "#section-" + section
}

// wants says what a case expects, in a line.
func wants(c *Case) string {
	var all []string
	for _, o := range c.Outcomes {
		all = append(all, fmt.Sprintf("%s: %s", o.Verdict, describe(o.Events)))
	}
	return strings.Join(all, "; ")
}

// groupTitles are the names of the groups.
var groupTitles = map[string]string{
	"1": "Framing", "2": "Pings and pongs", "3": "Reserved bits", "4": "Opcodes", "5": "Fragmentation", "6": "UTF-8",
	"7": "Closing", "9": "Long messages, many messages", "10": "Auto-fragmentation",
	"12": "Compression, of different messages", "13": "Compression, with different parameters",
	"H.1": "Payload lengths", "H.2": "Every header", "H.3": "Lengths that lie", "H.4": "Fragments", "H.5": "Close codes",
	"H.6": "One octet in a write", "H.7": "Offers of compression", "H.8": "Answers with compression", "H.9": "Compressed messages that are wrong",
	"H.10": "Compression beyond what was agreed on",
}
