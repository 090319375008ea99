package autobahn

import (
	"strings"
	"testing"
)

func TestCompareVerdicts(t *testing.T) {
	code := uint16(1000)
	report := &Report{Results: []*Result{
		{Case: &Case{ID: "1.1.2"}, Behavior: OK, BehaviorClose: OK, RemoteCloseCode: &code},
		{Case: &Case{ID: "1.1.10"}, Behavior: Failed, BehaviorClose: Unclean},
		{Case: &Case{ID: "H.1.1"}, Behavior: OK, BehaviorClose: OK},
	}}
	text := report.Verdicts()
	const want = `{
"1.1.2": {"behavior":"OK","behaviorClose":"OK","remoteCloseCode":1000},
"1.1.10": {"behavior":"FAILED","behaviorClose":"UNCLEAN","remoteCloseCode":null},
"H.1.1": {"behavior":"OK","behaviorClose":"OK","remoteCloseCode":null}
}
`
	if string(text) != want {
		t.Errorf("Verdicts: %s", text)
	}
	if d, err := report.Compare(text); err != nil || len(d) != 0 {
		t.Errorf("compared with itself: %q, %v", d, err)
	}
	other := strings.NewReplacer(`"1.1.10": {"behavior":"FAILED"`, `"1.1.10": {"behavior":"OK"`, `"1.1.2"`, `"1.1.3"`, "H.1.1", "2.1").Replace(want)
	d, err := report.Compare([]byte(other))
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(d, "\n")
	const differences = `1.1.2: OK, close OK with 1000, and no verdict was expected
1.1.3 did not run
1.1.10: FAILED, close UNCLEAN with no code; expected: OK, close UNCLEAN with no code
H.1.1: OK, close OK with no code, and no verdict was expected`
	if got != differences {
		t.Errorf("the differences:\n%s", got)
	}
	if _, err := report.Compare([]byte("x")); err == nil {
		t.Error("no JSON: no error")
	}
	if empty := (&Report{}).Verdicts(); string(empty) != "{}\n" {
		t.Errorf("no results: %q", empty)
	}
}

func TestExcerpt(t *testing.T) {
	for in, want := range map[string]string{
		"":                            "(empty)",
		"Hello":                       `"Hello"`,
		"\xff":                        "0xff",
		strings.Repeat("é", 40):       `"` + strings.Repeat("é", 30) + `"… (80 octets)`,
		"a" + strings.Repeat("é", 40): `"a` + strings.Repeat("é", 29) + `"… (81 octets)`,
		strings.Repeat("\xff", 40):    "0x" + strings.Repeat("ff", 30) + "… (40 octets)",
	} {
		if got := excerpt([]byte(in)); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
	if got := describe(make([]Event, 25)); !strings.HasSuffix(got, "5 more") {
		t.Errorf("25 events: %s", got)
	}
	l := &wireLog{}
	for range 200 {
		l.note("x")
	}
	if all := l.all(); len(all) != maxLog+maxLog/4+1 || all[maxLog].Text != "125 lines left out" {
		t.Errorf("%d lines: %s", len(all), all[maxLog].Text)
	}
}
