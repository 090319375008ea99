package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/autobahn/caseset"
)

// writeFile returns the path of a file of this name, in a folder of its own.
func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// runReport runs the command and returns its exit status and all it printed.
func runReport(args ...string) (status int, output string) {
	var b bytes.Buffer
	status = run(args, &b, &b)
	return status, b.String()
}

func TestReport(t *testing.T) {
	const ok = `{"behavior":"OK","behaviorClose":"OK","remoteCloseCode":1000,"duration":3,"reportfile":"x.json"}`
	with := func(behavior, behaviorClose string) string {
		return `{"behavior":"` + behavior + `","behaviorClose":"` + behaviorClose + `","remoteCloseCode":null,"reportfile":"x.json"}`
	}
	for _, tt := range []struct {
		name, expect string
		cases        map[string]string
		status       int
		wants        []string
	}{
		{"all_ok", "1.1.1,1.1.2", map[string]string{"1.1.1": ok, "1.1.2": ok}, 0,
			[]string{"group  1:   2 OK\n", `agent "hawser": all 2 cases pass`}},
		{"non-strict_is_a_failure", "1.1.1,2.1", map[string]string{"1.1.1": ok, "2.1": with("NON-STRICT", "OK")}, 1,
			[]string{"group  2:   0 OK, 1 FAILED\n", "case 2.1: NON-STRICT, close OK", "x.json", `1 of 2 cases FAILED`}},
		{"closing_behavior_counts", "2.1", map[string]string{"2.1": with("OK", "UNCLEAN")}, 1,
			[]string{"case 2.1: OK, close UNCLEAN"}},
		{"missing_case", "1.1.1,1.1.2", map[string]string{"1.1.1": ok}, 1,
			[]string{"case 1.1.2 is missing from the reports"}},
		{"unexpected_case", "1.1.1", map[string]string{"1.1.1": ok, "1.1.2": ok}, 1,
			[]string{"case 1.1.2 was run but is not expected"}},
		{"unexpected_group", "2.1", map[string]string{"1.1.1": ok, "2.1": ok}, 1,
			[]string{"group  1:   0 OK, 1 FAILED\n"}},
		{"informational_where_allowed", "7.1.6,7.13.1,7.13.2", map[string]string{
			"7.1.6": with("INFORMATIONAL", "INFORMATIONAL"), "7.13.1": with("INFORMATIONAL", "INFORMATIONAL"), "7.13.2": ok,
		}, 0, []string{"group  7:   1 OK, 2 informational\n"}},
		{"informational_elsewhere", "7.1.5", map[string]string{"7.1.5": with("INFORMATIONAL", "INFORMATIONAL")}, 1,
			[]string{"case 7.1.5: INFORMATIONAL, close INFORMATIONAL"}},
		{"informational_case_that_fails", "7.1.6", map[string]string{"7.1.6": with("INFORMATIONAL", "FAILED")}, 1,
			[]string{"case 7.1.6: INFORMATIONAL, close FAILED"}},
		{"empty_verdict", "1.1.1", map[string]string{"1.1.1": "{}"}, 1, []string{"case 1.1.1: , close "}},
		{"no_results", "1.1.1", nil, 1, []string{"case 1.1.1 is missing"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var entries []string
			for _, id := range slices.Sorted(maps.Keys(tt.cases)) {
				entries = append(entries, `"`+id+`":`+tt.cases[id])
			}
			index := writeFile(t, "index.json", `{"hawser":{`+strings.Join(entries, ",")+`}}`)
			status, output := runReport("-expect", tt.expect, index)
			if status != tt.status {
				t.Errorf("exit status %d, want %d", status, tt.status)
			}
			for _, want := range tt.wants {
				if !strings.Contains(output, want) {
					t.Errorf("the output lacks %q", want)
				}
			}
			if t.Failed() {
				t.Log(output)
			}
		})
	}
}

func TestReportMergesAndWrites(t *testing.T) {
	a := writeFile(t, "index.json", `{"hawser":{"2.1":{"behavior":"OK","behaviorClose":"OK","remoteCloseCode":null,"duration":7}}}`)
	b := writeFile(t, "index.json", `{"hawser":{
		"10.1.1":{"behavior":"OK","behaviorClose":"OK","remoteCloseCode":1000,"reportfile":"x.json"},
		"1.1.1":{"behavior":"FAILED","behaviorClose":"UNCLEAN","remoteCloseCode":1002,"reportfile":"why.json"}}}`)
	why := filepath.Join(filepath.Dir(b), "why.json")
	if err := os.WriteFile(why, []byte(`{"result":"Nothing came.","resultClose":"It was dropped."}`), 0o666); err != nil {
		t.Fatal(err)
	}
	result := filepath.Join(t.TempDir(), "server.json")
	status, output := runReport("-expect", writeFile(t, "cases.txt", "1.1.1\n2.1\n10.1.1\n"), "-write", result, a, b)
	if status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
	if want := "case 1.1.1: FAILED, close UNCLEAN: Nothing came. / It was dropped.\n    " + why + "\n"; !strings.Contains(output, want) {
		t.Errorf("the output lacks %q:\n%s", want, output)
	}
	got, err := os.ReadFile(result)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
"1.1.1": {"behavior":"FAILED","behaviorClose":"UNCLEAN","remoteCloseCode":1002},
"2.1": {"behavior":"OK","behaviorClose":"OK","remoteCloseCode":null},
"10.1.1": {"behavior":"OK","behaviorClose":"OK","remoteCloseCode":1000}
}
`
	if string(got) != want {
		t.Errorf("written: %s\nwant: %s", got, want)
	}
}

func TestReportOfNothingIsJSON(t *testing.T) {
	if got := string(marshalResult(nil)); got != "{}\n" {
		t.Errorf("got %q", got)
	}
}

func TestReportExpectsTheWholeTestsuite(t *testing.T) {
	status, output := runReport(writeFile(t, "index.json", `{"hawser":{}}`))
	if missing := strings.Count(output, " is missing from the reports"); status != 1 || missing != len(caseset.All()) {
		t.Errorf("exit status %d and %d missing cases, want 1 and %d", status, missing, len(caseset.All()))
	}
}

func TestReportCannotTell(t *testing.T) {
	index := writeFile(t, "index.json", `{"hawser":{"1.1.1":{"behavior":"OK","behaviorClose":"OK"}}}`)
	for _, tt := range []struct {
		name string
		args []string
	}{
		{"no_index", nil},
		{"unknown_flag", []string{"-x", index}},
		{"bad_selection", []string{"-expect", "3.9.*", index}},
		{"empty_list", []string{"-expect", writeFile(t, "cases.txt", "# none\n"), index}},
		{"no_such_index", []string{filepath.Join(t.TempDir(), "index.json")}},
		{"not_json", []string{writeFile(t, "index.json", "x")}},
		{"two_agents", []string{index, writeFile(t, "index.json", `{"other":{}}`)}},
		{"case_twice", []string{index, index}},
		{"cannot_write", []string{"-expect", "1.1.1", "-write", t.TempDir(), index}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if status, output := runReport(tt.args...); status != 2 {
				t.Errorf("exit status %d, want 2:\n%s", status, output)
			}
		})
	}
}
