package hawser_test

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// This file reads docs/threat-model.md: every attack is there, and what the page names exists.

const threatModel = "docs/threat-model.md"

// threatIDs are the attacks that the page must have, by the names that their tests bear.
func threatIDs() []string {
	ids := []string{"T-LEN", "T-PIN", "T-FRAG", "T-SLOWHEAD", "T-BOMB", "T-NONEG", "T-WBITS", "T-HDR", "T-BODY", "T-SPLIT", "T-ORIGIN", "T-REDIR", "T-TLS", "T-MASK", "T-LEAK", "T-WIRE", misuse}
	for prefix, n := range map[string]int{"F": 11, "D": 11, "C": 7, "H": 14, "X": 12, "K": 8} {
		for i := range n {
			ids = append(ids, fmt.Sprint(prefix, i+1))
		}
	}
	return ids
}

// misuse is what an application does wrong: the one id that may have several rows.
const misuse = "2.9"

// leastAdvisories is how many advisories the page names at least: the number only grows.
const leastAdvisories = 90

// advisory is the id of one, in one of the public databases.
var advisory = regexp.MustCompile(`^(CVE-[0-9]{4}-[0-9]{4,}|GHSA(-[0-9a-z]{4}){3}|GO-[0-9]{4}-[0-9]{4}|PYSEC-[0-9]{4}-[0-9]+|RUSTSEC-[0-9]{4}-[0-9]{4})$`)

// A threat is one row of the page.
type threat struct {
	line                       int
	id, threat, advisories     string
	mitigation, file, testCell string
}

var threatColumns = []string{"id", "threat", "advisories", "mitigation", "file", "test"}

func parseThreats(page string) (rows []threat, complaints []string) {
	for i, line := range strings.Split(page, "\n") {
		if !strings.HasPrefix(line, "|") {
			continue
		}
		cells := tableCells(line)
		switch {
		case slices.Equal(cells, threatColumns), strings.HasPrefix(line, "| ---"):
		case len(cells) != len(threatColumns):
			complaints = append(complaints, fmt.Sprintf("Line %d has %d cells, and a row has %d: %s.", i+1, len(cells), len(threatColumns), strings.Join(threatColumns, ", ")))
		default:
			rows = append(rows, threat{i + 1, cells[0], cells[1], cells[2], cells[3], cells[4], cells[5]})
		}
	}
	return rows, complaints
}

// checkThreats returns a sentence for each thing that is wrong with the rows, of which each of ids must have one.
func checkThreats(rows []threat, ids []string, tests map[string]*folderTests, isFile func(string) bool) (complaints []string) {
	seen := map[string]int{}
	for _, r := range rows {
		complain := func(format string, args ...any) {
			complaints = append(complaints, fmt.Sprintf("Line %d, %s: ", r.line, r.id)+fmt.Sprintf(format, args...))
		}
		if first, ok := seen[r.id]; ok && r.id != misuse {
			complain("the id is already in line %d.", first)
		} else if !slices.Contains(ids, r.id) {
			complain("there is no such id.")
		}
		seen[r.id] = r.line
		if r.threat == "" || r.mitigation == "" {
			complain("the threat or the mitigation is empty.")
		}
		if r.advisories != "-" {
			for id := range strings.SplitSeq(r.advisories, ", ") {
				if !advisory.MatchString(id) {
					complain("%q is not the id of an advisory.", id)
				}
			}
		}
		if reason, ok := strings.CutPrefix(r.file, "not built yet: "); ok {
			if reason == "" || r.testCell != "-" {
				complain("what is not built needs a reason, and \"-\" for its test.")
			}
			continue
		}
		files, ok := namedCode(r.file)
		if !ok {
			complain("the file cell %q has no names in backquotes.", r.file)
		}
		folders := []string{"conn", "bench"}
		for _, file := range files {
			folders = append(folders, path.Dir(file))
			if !isFile(file) || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
				complain("%s is not a source file of this module.", file)
			}
		}
		names, ok := namedCode(r.testCell)
		if !ok {
			complain("the test cell %q has no names in backquotes.", r.testCell)
		}
		for _, name := range names {
			if !slices.ContainsFunc(folders, func(folder string) bool {
				function, subtest := tests[folder].has(name)
				return function && subtest
			}) {
				complain("there is no test %s in any of the folders %s.", name, strings.Join(folders, ", "))
			}
		}
	}
	for _, id := range ids {
		if seen[id] == 0 {
			complaints = append(complaints, fmt.Sprintf("There is no row for %s.", id))
		}
	}
	return complaints
}

func TestThreats(t *testing.T) {
	tests, err := readTests(os.DirFS("."))
	if err != nil {
		t.Fatalf("The tests of the module cannot be parsed: %v.", err)
	}
	page, err := os.ReadFile(filepath.FromSlash(threatModel))
	if err != nil {
		t.Fatalf("The threat model cannot be read: %v.", err)
	}
	rows, complaints := parseThreats(string(page))
	complaints = append(complaints, checkThreats(rows, threatIDs(), tests, func(name string) bool {
		info, err := os.Stat(filepath.FromSlash(name))
		return err == nil && info.Mode().IsRegular() && filepath.IsLocal(filepath.FromSlash(name))
	})...)
	for _, complaint := range complaints {
		t.Error(complaint)
	}
	named := map[string]bool{}
	for _, r := range rows {
		for id := range strings.SplitSeq(r.advisories, ", ") {
			named[id] = id != "-"
		}
	}
	if len(named)-1 < leastAdvisories {
		t.Errorf("The page names %d advisories, and had %d before.", len(named)-1, leastAdvisories)
	}
	security, err := os.ReadFile("SECURITY.md")
	if err != nil || !strings.Contains(string(security), "("+threatModel+")") {
		t.Errorf("SECURITY.md does not point to %s: %v.", threatModel, err)
	}
}

// TestThreatsRefuse: each mistake that a row can have is found, and rows without one pass.
func TestThreatsRefuse(t *testing.T) {
	tests := map[string]*folderTests{
		"frame": {map[string]bool{"TestCheck": true}, []string{"5.2/F1"}},
		"conn":  {map[string]bool{"TestEnd": true}, []string{"7.1"}},
		"mask":  {map[string]bool{"TestXOR": true}, nil},
	}
	isFile := func(name string) bool { return name == "frame/check.go" || name == "README.md" }
	const good = "| F1 | a bit | CVE-2020-27813, GHSA-3xh2-74w9-5vxm | 1002 | `frame/check.go` | `TestCheck/5.2/F1`, `TestEnd/7.1` |"
	const other = "| 2.9 | calls | - | errors | `frame/check.go` | `TestCheck` |"
	for _, tt := range []struct{ name, rows, want string }{
		{"good", good + "\n" + other, ""},
		{"misuse_twice", good + "\n" + other + "\n" + other, ""},
		{"not_built", "| F1 | a bit | - | 1002 | not built yet: time | - |\n" + other, ""},
		{"missing", other, "no row for F1"},
		{"twice", good + "\n" + good + "\n" + other, "already in line 1"},
		{"unknown_id", good + "\n" + other + "\n| F12 | a bit | - | 1002 | `frame/check.go` | `TestCheck` |", "no such id"},
		{"five_cells", good + "\n" + other + "\n| F1 | a bit | - | 1002 | `frame/check.go` |", "has 5 cells"},
		{"no_mitigation", "| F1 | a bit | - |  | `frame/check.go` | `TestCheck` |\n" + other, "is empty"},
		{"no_advisory", "| F1 | a bit | CVE-20 | 1002 | `frame/check.go` | `TestCheck` |\n" + other, "not the id of an advisory"},
		{"not_built_with_a_test", "| F1 | a bit | - | 1002 | not built yet: time | `TestCheck` |\n" + other, "needs a reason"},
		{"no_file", "| F1 | a bit | - | 1002 | `frame/none.go` | `TestCheck` |\n" + other, "frame/none.go is not a source file"},
		{"no_go", "| F1 | a bit | - | 1002 | `README.md` | `TestEnd` |\n" + other, "README.md is not a source file"},
		{"file_without_backquotes", "| F1 | a bit | - | 1002 | frame | `TestEnd` |\n" + other, "no names in backquotes"},
		{"no_test", "| F1 | a bit | - | 1002 | `frame/check.go` | - |\n" + other, "no names in backquotes"},
		{"no_function", "| F1 | a bit | - | 1002 | `frame/check.go` | `TestNone` |\n" + other, "no test TestNone"},
		{"function_of_another_package", "| F1 | a bit | - | 1002 | `frame/check.go` | `TestXOR` |\n" + other, "no test TestXOR"},
		{"no_subtest", "| F1 | a bit | - | 1002 | `frame/check.go` | `TestCheck/5.3` |\n" + other, "no test TestCheck/5.3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rows, complaints := parseThreats(tt.rows)
			complaints = append(complaints, checkThreats(rows, []string{"F1", misuse}, tests, isFile)...)
			switch {
			case tt.want == "" && len(complaints) != 0:
				t.Errorf("Rows without a mistake are refused: %q.", complaints)
			case tt.want != "" && (len(complaints) != 1 || !strings.Contains(complaints[0], tt.want)):
				t.Errorf("The complaints are %q, and one with %q was expected.", complaints, tt.want)
			}
		})
	}
}
