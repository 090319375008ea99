package main

import (
	"fmt"
	"io"
)

// figures are what was found.
type figures struct {
	quiet, hostile                                histogram
	messages, drops, attacks, outlasted           int64
	heapGrowth, heapLeft, goroutines, descriptors int64
	firstDrop                                     error
}

// verdict prints a line for each bound, and reports whether all were kept.
func (v *figures) verdict(b bounds, out io.Writer) (ok bool) {
	ok = true
	judge := func(what string, got, most int64) {
		word := "ok  "
		if got > most {
			word, ok = "FAIL", false
		}
		fmt.Fprintf(out, "%s  %-46s %12d, at most %d\n", word, what, got, most)
	}
	fmt.Fprintf(out, "%d honest messages, %d attacks\n", v.messages, v.attacks)
	for _, q := range []struct {
		name string
		q    float64
	}{{"p50", 0.5}, {"p99", 0.99}} {
		quiet, hostile := v.quiet.quantile(q.q), v.hostile.quantile(q.q)
		fmt.Fprintf(out, "      honest %s %v, and %v under attack: %.1f times as long\n", q.name, quiet, hostile, float64(hostile)/float64(max(quiet, 1)))
	}
	judge("bytes more on the heap under attack", v.heapGrowth, b.heapGrowth)
	judge("bytes on the heap left", v.heapLeft, b.heapLeft)
	judge("goroutines left", v.goroutines, b.goroutines)
	judge("descriptors left", v.descriptors, b.descriptors)
	judge("honest messages and connections dropped", v.drops, b.drops)
	if v.firstDrop != nil {
		fmt.Fprintf(out, "      the first of them: %v\n", v.firstDrop)
	}
	judge("attacks borne for longer than a minute", v.outlasted, b.outlasted)
	if v.messages == 0 {
		fmt.Fprintln(out, "FAIL  no honest message came back")
		ok = false
	}
	if v.attacks == 0 {
		fmt.Fprintln(out, "note  there was no attack")
	}
	verdict := "it was borne"
	if !ok {
		verdict = "it was not borne"
	}
	fmt.Fprintln(out, "soak:", verdict)
	return ok
}
