package rounds

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMeasure(t *testing.T) {
	var calls, referenceCalls int
	compared := &Line{Name: "compared", Per: 1, Ours: func() { calls++ }, Reference: func() { referenceCalls++ }}
	timed := &Line{Name: "timed", Per: 1, Ours: func() {}}
	progress, err := os.Create(filepath.Join(t.TempDir(), "progress"))
	if err != nil {
		t.Fatal(err)
	}
	defer progress.Close()
	const rounds = 10
	Measure([]*Line{compared, timed}, rounds, time.Microsecond, progress)
	if least := rounds * slicesPerRound; calls < least || referenceCalls < least {
		t.Errorf("%d calls and %d of the reference, want at least %d of each", calls, referenceCalls, least)
	}
	if len(compared.times) != rounds || len(compared.references) != rounds || len(timed.times) != rounds || len(timed.references) != 0 {
		t.Errorf("%+v and %+v, want %d rounds", compared, timed, rounds)
	}
	if info, err := progress.Stat(); err != nil || info.Size() != 0 {
		t.Error("progress was shown to what is no terminal")
	}
}

// The times are given, not measured: how fast the machine is has no say in what the table says of them.
func TestTable(t *testing.T) {
	f := func() {}
	var out strings.Builder
	Table(&out, []*Line{
		{Name: "ratio", Reference: f, times: []float64{2, 2, 2}, references: []float64{8, 10, 9}, Goal: Goal{AtLeast: 2}},
		{Name: "time", times: []float64{3, 5, 4}, Goal: Goal{AtMost: 2}},
		{Name: "no goal", times: []float64{1.5}},
	})
	var rows [][]string
	for row := range strings.Lines(out.String()) {
		rows = append(rows, strings.Fields(row))
	}
	want := []string{
		"what ns reference ns figure quartiles target",
		"ratio 2.00 9.00 4.50 x 4.25 to 4.75 >= 2 x met",
		"time 4.00 - 4.00 ns 3.50 to 4.50 <= 2 ns MISSED",
		"no goal 1.50 - 1.50 ns 1.50 to 1.50",
	}
	if len(rows) != len(want) {
		t.Fatalf("%d rows, want %d:\n%s", len(rows), len(want), &out)
	}
	for i, w := range want {
		if got := strings.Join(rows[i], " "); got != w {
			t.Errorf("row %d: %q, want %q", i, got, w)
		}
	}
}
