package autobahn

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/autobahn/caseset"
)

func TestCasesAreThoseOfTheTestsuite(t *testing.T) {
	var ids []string
	for _, c := range Cases() {
		ids = append(ids, c.ID)
	}
	if want := caseset.All(); !slices.Equal(ids, want) {
		t.Errorf("%d cases, want the %d of the testsuite", len(ids), len(want))
	}
	for _, c := range Cases() {
		if reason := caseset.Informational()[c.ID]; (reason != "") != (c.Informational != "") {
			t.Errorf("%s: informational because of %q, but caseset says %q", c.ID, c.Informational, reason)
		}
	}
}

func TestCasesAreDescribed(t *testing.T) {
	seen := make(map[string]bool)
	for _, c := range append(Cases(), MoreCases()...) {
		if seen[c.ID] {
			t.Errorf("%s is there twice", c.ID)
		}
		seen[c.ID] = true
		if c.Description == "" || c.Expectation == "" || sectionURL(c.Section) == "" {
			t.Errorf("%s: description %q, expectation %q, section %q", c.ID, c.Description, c.Expectation, c.Section)
		}
		if (c.Rounds == nil) != (c.Outcomes != nil) {
			t.Errorf("%s has rounds and outcomes, or neither", c.ID)
		}
		title := c.group()
		if isOwn(c.ID) {
			title = c.ID[:strings.LastIndex(c.ID, ".")]
		}
		if groupTitles[title] == "" {
			t.Errorf("%s: the group %s has no title", c.ID, title)
		}
	}
}

func TestSelect(t *testing.T) {
	for _, tt := range []struct {
		cases, exclude, role string
		want                 int // -1: an error
	}{
		{"", "", "server", 517},
		{"*", "12.*,13.*", "client", 301},
		{"1.1.1, 2.*", "2.3", "server", 11},
		{"*,H.*", "", "server", 517 + len(MoreCases()) - len(answers())},
		{"*,H.*", "", "client", 517 + len(MoreCases()) - len(offers())},
		{"H.8.*", "", "server", -1},
		{"8.*", "", "server", -1},
		{"*", "8.*", "server", -1},
		{"1.1.1", "1.*", "server", -1},
	} {
		cases, err := (&Config{Cases: tt.cases, Exclude: tt.exclude}).Select(tt.role)
		if err != nil != (tt.want < 0) || err == nil && len(cases) != tt.want {
			t.Errorf("%q without %q for a %s: %d cases, %v, want %d", tt.cases, tt.exclude, tt.role, len(cases), err, tt.want)
		}
	}
}

// A corpus is the same in every run, has its length, and its messages follow each other.
func TestCorpora(t *testing.T) {
	for _, c := range corpora {
		var all []byte
		for i := range c.size/5000 + 3 {
			all = append(all, c.message(i, 5000)...)
		}
		again := c.make(&random{uint64(c.size)}, c.size)[:c.size]
		if !bytes.Equal(all[:c.size], again) || !bytes.Equal(all[c.size:c.size+100], again[:100]) {
			t.Errorf("%s: the messages are not the corpus", c.title)
		}
		if !c.binary && !validPrefix(again) {
			t.Errorf("%s is no text", c.title)
		}
	}
}

func TestFragmentsEndAsTheTestsuitesDo(t *testing.T) {
	for _, tt := range []struct{ length, size, frames, last int }{
		{0, 0, 1, 0}, {5, 0, 1, 5}, {5, 5, 1, 5}, {6, 5, 2, 1}, {10, 5, 3, 0}, {65536, 1300, 51, 536},
	} {
		frames := fragments(opText, make([]byte, tt.length), tt.size)
		last := frames[len(frames)-1]
		if len(frames) != tt.frames || len(last.Payload) != tt.last || !last.Fin || frames[0].Opcode != opText {
			t.Errorf("%d octets in fragments of %d: %d frames, the last of %d", tt.length, tt.size, len(frames), len(last.Payload))
		}
	}
}
