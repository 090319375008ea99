package rounds

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMeasureAndTable(t *testing.T) {
	work := func(n int) func() {
		return func() {
			for i := range n {
				sink += i
			}
		}
	}
	lines := []*Line{
		{Name: "ratio", Per: 1, Ours: work(100), Reference: work(10000), Goal: Goal{AtLeast: 1}},
		{Name: "time", Per: 100, Ours: work(100), Goal: Goal{AtMost: 1e6}},
		{Name: "no goal", Per: 1, Ours: work(1)},
	}
	progress, err := os.Create(filepath.Join(t.TempDir(), "progress"))
	if err != nil {
		t.Fatal(err)
	}
	defer progress.Close()
	Measure(lines, 10, time.Microsecond, progress)
	var out strings.Builder
	Table(&out, lines)
	rows := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(rows) != 4 {
		t.Fatalf("%d rows, want a head and 3:\n%s", len(rows), &out)
	}
	for i, want := range [][]string{{"what", "target"}, {"ratio", " x ", ">= 1 x", "met"}, {"time", " - ", "<= 1e+06 ns", "met"}, {"no goal", " ns "}} {
		for _, part := range want {
			if !strings.Contains(rows[i], part) {
				t.Errorf("row %d lacks %q: %s", i, part, rows[i])
			}
		}
	}
	for _, l := range lines {
		if len(l.times) != 10 || l.Reference != nil && len(l.references) != 10 {
			t.Errorf("%s has %d rounds", l.Name, len(l.times))
		}
	}
	if info, err := progress.Stat(); err != nil || info.Size() != 0 {
		t.Error("progress was shown to what is no terminal")
	}
}

var sink int
