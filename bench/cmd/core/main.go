// Command core measures the framing core against the figures that it has to reach, and prints a table:
//
//	go run ./bench/cmd/core
//	go run ./bench/cmd/core -rounds 30 -run utf8
//
// Package rounds says how. A line is the median of its rounds with its quartiles. A target is met or missed; it is "equal" if the median is nearer to it than the spread, the distance of the
// quartiles. Absolute times are for one class of machine; ratios are what counts.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"time"

	"github.com/hawser-go/hawser/bench/rounds"
)

func main() {
	count := flag.Int("rounds", 15, "how many interleaved rounds are measured, at least 10")
	least := flag.Duration("time", 300*time.Microsecond, "how long one slice takes")
	pattern := flag.String("run", "", "measure only what matches this regular expression")
	flag.Parse()
	match, err := regexp.Compile(*pattern)
	if err != nil || *count < 10 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "core: -run takes a regular expression, -rounds at least 10, and there are no arguments")
		flag.Usage()
		os.Exit(2)
	}
	var lines []*rounds.Line
	for _, l := range allLines() {
		if match.MatchString(l.Name) {
			lines = append(lines, l)
		}
	}
	rounds.Measure(lines, *count, *least, os.Stderr)
	fmt.Printf("%s %s/%s, %d rounds\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, *count)
	rounds.Table(os.Stdout, lines)
}
