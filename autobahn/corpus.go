package autobahn

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"sync"
)

// A corpus is what the messages of groups 12 and 13 are cut from: as long as the testsuite's
// file, and of the same kind, but made here, the same in every run.
type corpus struct {
	title  string
	binary bool
	size   int
	make   func(r *random, size int) []byte

	once sync.Once
	data []byte
}

// corpora are in the order of the groups 12.1 to 12.5.
var corpora = []*corpus{
	{title: "JSON", size: 194056, make: makeJSON},
	{title: "a picture", binary: true, size: 263222, make: makePicture},
	{title: "prose", binary: true, size: 222218, make: makeProse},
	{title: "HTML", size: 263647, make: makeHTML},
	{title: "a document with compressed parts", binary: true, size: 1042328, make: makeDocument},
}

// message is the i-th message of a size. Each begins where the one before ends, and the end
// of the corpus is followed by its beginning.
func (c *corpus) message(i, size int) []byte {
	c.once.Do(func() {
		c.data = c.make(&random{uint64(c.size)}, c.size)[:c.size]
	})
	begin := int(int64(i) * int64(size) % int64(c.size))
	if begin+size <= c.size {
		return c.data[begin : begin+size]
	}
	return append(append(make([]byte, 0, size), c.data[begin:]...), c.data[:begin+size-c.size]...)
}

// A random makes numbers that are the same in every run (the generator is SplitMix64).
type random struct{ state uint64 }

func (r *random) uint64() uint64 {
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (r *random) below(n int) int { return int(r.uint64() % uint64(n)) }

// word is an invented one. Some are much more frequent than others, as in a language.
func (r *random) word() string {
	n := 1 + int(math.Exp(float64(r.below(1000))/1000*7)) // 1 to about 1100
	w := random{uint64(n) * 0x1234567}
	var s strings.Builder
	for range 1 + w.below(3) {
		s.WriteString(syllables[w.below(len(syllables))])
	}
	return s.String()
}

var syllables = strings.Fields("ba be bi bo da den der die do el en er es fa ge gen ha he ich in ka ki la le li ma me mi mo na ne nen ni no ra re ri ro sa sche se si so ta te ten ti to um un ver vo wa we wi zu")

func makeJSON(r *random, size int) []byte {
	type result struct {
		Behavior        string `json:"behavior"`
		BehaviorClose   string `json:"behaviorClose"`
		Duration        int    `json:"duration"`
		RemoteCloseCode int    `json:"remoteCloseCode"`
		Reportfile      string `json:"reportfile"`
	}
	var b []byte
	for len(b) < size {
		agent := fmt.Sprintf("%s/%d.%d.%d", r.word(), r.below(10), r.below(20), r.below(10))
		results := make(map[string]result)
		for i := range 100 {
			id := fmt.Sprintf("%d.%d.%d", i/25+1, i/5%5+1, i%5+1)
			results[id] = result{"OK", "OK", r.below(200), 1000 + 2*r.below(2), fmt.Sprintf("%s_case_%s.json", agent, strings.ReplaceAll(id, ".", "_"))}
		}
		text, err := json.MarshalIndent(map[string]any{agent: results}, "", "   ")
		if err != nil {
			panic("autobahn: " + err.Error())
		}
		b = append(append(b, text...), '\n')
	}
	return b
}

// makePicture is a bitmap in 256 greys: smooth surfaces, edges and noise.
func makePicture(r *random, size int) []byte {
	b := []byte("BM")
	const width = 512
	for i := 0; len(b) < size; i++ {
		x, y := float64(i%width), float64(i/width)
		grey := 128 + 60*math.Sin(x/70)*math.Cos(y/50) + 30*math.Sin((x+y)/23)
		if math.Hypot(x-250, y-260) < 120 {
			grey += 40
		}
		b = append(b, byte(grey)+byte(r.below(8)))
	}
	return b
}

func makeProse(r *random, size int) []byte {
	var b []byte
	for len(b) < size {
		for line := range 2 + r.below(6) {
			for i := range 4 + r.below(5) {
				w := r.word()
				if i == 0 {
					w = strings.ToUpper(w[:1]) + w[1:]
				} else {
					b = append(b, ' ')
				}
				if r.below(12) == 0 {
					w += "\xe4\xdf" // as in the testsuite's, the letters beyond ASCII are Latin-1
				}
				b = append(b, w...)
			}
			b = append(b, ",.;!"[(line+r.below(2))%4])
			b = append(b, '\r', '\n')
		}
		b = append(b, '\r', '\n')
	}
	return b
}

func makeHTML(r *random, size int) []byte {
	var b []byte
	b = append(b, "<!DOCTYPE html>\n<html><head><title>Results</title></head>\n<body>\n<table>\n"...)
	for row := 0; len(b) < size; row++ {
		b = fmt.Appendf(b, "  <tr class=\"row %s\">\n    <td class=\"case\"><a href=\"#case_%d\">Case %d</a></td>\n", []string{"odd", "even"}[row%2], row, row)
		for range 6 {
			b = fmt.Appendf(b, "    <td class=\"ok\"><a href=\"%s_%d.html\">Pass</a><br/><span>%d ms</span></td>\n", r.word(), row, r.below(100))
		}
		b = fmt.Appendf(b, "    <td>%s %s %s %s</td>\n  </tr>\n", r.word(), r.word(), r.word(), r.word())
	}
	return b
}

// makeDocument is objects with a few words of markup around parts that cannot be compressed.
func makeDocument(r *random, size int) []byte {
	b := []byte("%PDF-1.4\n")
	for i := 1; len(b) < size; i++ {
		n := 2000 + r.below(12000)
		b = fmt.Appendf(b, "%d 0 obj <<\n/Length %d      \n/Filter /FlateDecode\n>>\nstream\n", i, n)
		for range n {
			b = append(b, byte(r.uint64()))
		}
		b = append(b, "\nendstream\nendobj\n"...)
		for range r.below(40) {
			b = fmt.Appendf(b, "<< /Type /Annot /Rect [%d.%03d %d.%03d] /Subtype /Link >>\n", r.below(600), r.below(1000), r.below(800), r.below(1000))
		}
	}
	return b
}
