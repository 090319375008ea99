package utf8stream

import "testing"

// TestLastBoundary: the automaton looks again at a sequence that is open, and at nothing else.
func TestLastBoundary(t *testing.T) {
	for _, tt := range []struct {
		name string
		p    string
		open int // octets of the open sequence
	}{
		{"empty", "", 0},
		{"ascii", "a", 0},
		{"lead_alone", "\xc3", 1},
		{"lead_at_the_end", "ab\xc3", 1},
		{"two_complete", "\xc3\xa9", 0},
		{"last_lead_of_two_complete", "\xdf\xbf", 0},
		{"three_lacks_two", "\xe0", 1},
		{"three_lacks_one", "\xe0\xa0", 2},
		{"three_lacks_one_behind_ascii", "a\xe0\xa0", 2},
		{"three_complete", "\xe2\x82\xac", 0},
		{"last_lead_of_three_complete", "\xef\xbf\xbf", 0},
		{"four_lacks_three", "\xf0", 1},
		{"four_lacks_two", "\xf0\x90", 2},
		{"four_lacks_one", "\xf0\x90\x80", 3},
		{"four_lacks_one_behind_ascii", "a\xf0\x90\x80", 3},
		{"four_complete", "\xf0\x90\x80\x80", 0},
		{"complete_behind_complete", "\xc3\xa9\xc3\xa9", 0},
		{"lead_behind_complete", "\xf0\x90\x80\x80\xe0", 1},
	} {
		t.Run("8.1/"+tt.name, func(t *testing.T) {
			if got, want := lastBoundary([]byte(tt.p)), len(tt.p)-tt.open; got != want {
				t.Errorf("got %d, want %d", got, want)
			}
		})
	}
}

// TestLongMin: long takes at most three octets from what it passes to bulk.
func TestLongMin(t *testing.T) {
	if longMin-3 < bulkMin {
		t.Errorf("long passes %d octets to bulk, which takes %d at least", longMin-3, bulkMin)
	}
	for _, impl := range implementations {
		if impl.dense < longMin || impl.any < longMin {
			t.Errorf("%s: Feed passes fewer octets to long than %d: %+v", impl.name, longMin, impl.limits)
		}
	}
}
