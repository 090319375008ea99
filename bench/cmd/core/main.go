// Command core measures the framing core against the figures that it has to reach, and prints a table:
//
//	go run ./bench/cmd/core
//	go run ./bench/cmd/core -rounds 30 -run utf8
//
// What a line compares runs in turn, three slices of each in a round, of which the fastest counts, and the rounds are repeated: a machine that is slow for a while is slow
// for both. A line is the median of its rounds with its quartiles. A target is met or missed; it is "equal" if the median is nearer to it than the spread, the distance of the
// quartiles. Absolute times are for one class of machine; ratios are what counts.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"text/tabwriter"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 15, "how many interleaved rounds are measured, at least 10")
	least := flag.Duration("time", 300*time.Microsecond, "how long one slice takes")
	pattern := flag.String("run", "", "measure only what matches this regular expression")
	flag.Parse()
	match, err := regexp.Compile(*pattern)
	if err != nil || *rounds < 10 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "core: -run takes a regular expression, -rounds at least 10, and there are no arguments")
		flag.Usage()
		os.Exit(2)
	}
	var lines []*line
	for _, l := range allLines() {
		if match.MatchString(l.name) {
			lines = append(lines, l)
		}
	}
	progress := func(format string, args ...any) {}
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		progress = func(format string, args ...any) { fmt.Fprintf(os.Stderr, format, args...) }
	}
	for i := range *rounds {
		progress("\rround %d of %d", i+1, *rounds)
		for _, l := range lines {
			l.measure(*least)
		}
	}
	progress("\r\033[K")
	fmt.Printf("%s %s/%s, %d rounds\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, *rounds)
	report(os.Stdout, worstOfGroups(lines))
}

// report prints the table.
func report(out io.Writer, lines []*line) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "what\tns\treference ns\tfigure\tquartiles\ttarget\t")
	for _, l := range lines {
		r := l.result()
		reference := "-"
		if l.reference != nil {
			reference = fmt.Sprintf("%.2f", r.referenceTime)
		}
		fmt.Fprintf(w, "%s\t%.2f\t%s\t%.2f%s\t%.2f to %.2f\t%s\t%s\n",
			l.name, r.time, reference, r.figure.median, l.unit(), r.figure.low, r.figure.high, l.goal, l.goal.judge(r.figure))
	}
	w.Flush()
}
