package rounds

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"
)

// Measure runs count rounds of all lines. A slice takes about the time least. If progress is a terminal, it shows which round it is.
func Measure(lines []*Line, count int, least time.Duration, progress *os.File) {
	info, err := progress.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	for i := range count {
		if terminal {
			fmt.Fprintf(progress, "\rround %d of %d", i+1, count)
		}
		for _, l := range lines {
			l.measure(least)
		}
	}
	if terminal {
		fmt.Fprint(progress, "\r\033[K")
	}
}

// Table prints what has been measured; of the lines of one group only the worst.
func Table(out io.Writer, lines []*Line) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "what\tns\treference ns\tfigure\tquartiles\ttarget\t")
	for _, l := range worstOfGroups(lines) {
		r := l.result()
		reference := "-"
		if l.Reference != nil {
			reference = fmt.Sprintf("%.2f", r.referenceTime)
		}
		fmt.Fprintf(w, "%s\t%.2f\t%s\t%.2f%s\t%.2f to %.2f\t%s\t%s\n",
			l.Name, r.time, reference, r.figure.median, l.unit(), r.figure.low, r.figure.high, l.Goal, l.Goal.judge(r.figure))
	}
	w.Flush()
}
