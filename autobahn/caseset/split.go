package caseset

import (
	"cmp"
	"slices"
)

// Split distributes cases over at most n lists that take about the same time when they run
// side by side. No list is empty, none shares a case with another, each is in order.
func Split(cases []string, n int) [][]string {
	n = max(1, min(n, len(cases)))
	// The longest case goes first, to the list with the least to do.
	byWeight := slices.Clone(cases)
	slices.SortStableFunc(byWeight, func(a, b string) int { return cmp.Compare(Weight(b), Weight(a)) })
	lists := make([][]string, n)
	loads := make([]int, n)
	for _, id := range byWeight {
		least := slices.Index(loads, slices.Min(loads))
		lists[least] = append(lists[least], id)
		loads[least] += Weight(id)
	}
	for _, list := range lists {
		slices.SortFunc(list, Compare)
	}
	return lists
}
