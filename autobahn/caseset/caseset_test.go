package caseset_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/autobahn/caseset"
)

func TestAllIsTheWholeTestsuite(t *testing.T) {
	all := caseset.All()
	if !slices.IsSortedFunc(all, caseset.Compare) {
		t.Error("cases.txt is not in order")
	}
	if n := len(slices.Compact(slices.Clone(all))); n != len(all) {
		t.Errorf("cases.txt names %d cases but only %d different ones", len(all), n)
	}
	got := make(map[string]int)
	for _, id := range all {
		got[caseset.Group(id)]++
	}
	want := map[string]int{"1": 16, "2": 11, "3": 7, "4": 10, "5": 20, "6": 145, "7": 37, "9": 54, "10": 1, "12": 90, "13": 126}
	if !maps.Equal(got, want) {
		t.Errorf("cases per group: got %v, want %v", got, want)
	}
}

func TestInformationalCasesExistAndHaveAReason(t *testing.T) {
	reasons := caseset.Informational()
	if got, want := slices.Sorted(maps.Keys(reasons)), []string{"7.1.6", "7.13.1", "7.13.2"}; !slices.Equal(got, want) {
		t.Errorf("informational cases: got %v, want %v", got, want)
	}
	for id, reason := range reasons {
		if reason == "" {
			t.Errorf("informational.txt gives no reason for %s", id)
		}
	}
}

func TestParse(t *testing.T) {
	got := caseset.Parse("# comment\n\n 1.1.1\r\n1.1.2")
	if want := []string{"1.1.1", "1.1.2"}; !slices.Equal(got, want) {
		t.Errorf("Parse: got %q, want %q", got, want)
	}
}

func TestSelect(t *testing.T) {
	all := []string{"1.1.1", "1.1.2", "1.2.1", "2.1", "10.1.1", "12.1.1"}
	for _, tt := range []struct{ name, selection, want string }{
		{"everything", "*", "1.1.1 1.1.2 1.2.1 2.1 10.1.1 12.1.1"},
		{"group_1_is_not_group_10", "1.*", "1.1.1 1.1.2 1.2.1"},
		{"subgroup", "1.1.*", "1.1.1 1.1.2"},
		{"one_case", "2.1", "2.1"},
		{"order_is_the_testsuite's", "12.*, 2.1 ,1.1.*", "1.1.1 1.1.2 2.1 12.1.1"},
		{"overlap_counts_once", "1.1.1,1.*", "1.1.1 1.1.2 1.2.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := caseset.Select(all, tt.selection)
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.Fields(tt.want); !slices.Equal(got, want) {
				t.Errorf("Select(%q): got %v, want %v", tt.selection, got, want)
			}
		})
	}
	for _, bad := range []string{"", "3.*", "1.1.3", "1*", "1.*,", "1"} {
		t.Run("bad/"+bad, func(t *testing.T) {
			if got, err := caseset.Select(all, bad); err == nil {
				t.Errorf("Select(%q) selected %v, want an error", bad, got)
			}
		})
	}
}

func TestCompare(t *testing.T) {
	ordered := []string{"1.1.1", "1.1.2", "1.1.10", "1.2", "1.2.1", "2.1", "9.1.1", "10.1.1", "x"}
	for i, a := range ordered {
		for j, b := range ordered {
			got := caseset.Compare(a, b)
			if want := i - j; (got < 0) != (want < 0) || (got > 0) != (want > 0) {
				t.Errorf("Compare(%q, %q) = %d, want the sign of %d", a, b, got, want)
			}
		}
	}
}

func TestSplit(t *testing.T) {
	all := caseset.All()
	for _, n := range []int{-1, 0, 1, 2, 3, 8, 1000} {
		lists := caseset.Split(all, n)
		if want := max(1, min(n, len(all))); len(lists) != want {
			t.Errorf("Split(all, %d): got %d lists, want %d", n, len(lists), want)
		}
		var joined []string
		for _, list := range lists {
			if len(list) == 0 || !slices.IsSortedFunc(list, caseset.Compare) {
				t.Errorf("Split(all, %d): a list is empty or out of order: %v", n, list)
			}
			joined = append(joined, list...)
		}
		slices.SortFunc(joined, caseset.Compare)
		if !slices.Equal(joined, all) {
			t.Errorf("Split(all, %d): the lists together are not the cases", n)
		}
	}
}

func TestSplitBalances(t *testing.T) {
	var loads []int
	for _, list := range caseset.Split(caseset.All(), 2) {
		load := 0
		for _, id := range list {
			load += caseset.Weight(id)
		}
		loads = append(loads, load)
	}
	if lo, hi := slices.Min(loads), slices.Max(loads); hi-lo > hi/10 {
		t.Errorf("two lists take %v ms: they should not differ by more than a tenth", loads)
	}
}

func TestWeight(t *testing.T) {
	if heavy, light := caseset.Weight("9.1.6"), caseset.Weight("1.1.1"); heavy <= 10*light {
		t.Errorf("case 9.1.6 (16 MiB) weighs %d, case 1.1.1 (empty) %d: the heavy one should count for more", heavy, light)
	}
}
