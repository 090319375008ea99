package autobahn

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// indexEntry is a case in the testsuite's index.json.
type indexEntry struct {
	Behavior        Verdict `json:"behavior"`
	BehaviorClose   Verdict `json:"behaviorClose"`
	Duration        int64   `json:"duration"` // in milliseconds
	RemoteCloseCode *uint16 `json:"remoteCloseCode"`
	ReportFile      string  `json:"reportfile"`
}

// index is agent -> case -> entry.
type index map[string]map[string]indexEntry

// Index returns the text of an index.json in the testsuite's own format. With own it has the
// cases of [MoreCases], else those of the testsuite.
func (r *Report) Index(own bool) []byte {
	all := make(index)
	for _, result := range r.Results {
		if isOwn(result.Case.ID) != own {
			continue
		}
		if all[result.Agent] == nil {
			all[result.Agent] = make(map[string]indexEntry)
		}
		all[result.Agent][result.Case.ID] = indexEntry{
			result.Behavior, result.BehaviorClose, result.Duration.Milliseconds(), result.RemoteCloseCode, result.fileName(),
		}
	}
	return indented(all)
}

// fileName is the testsuite's name for the report of a case.
func (r *Result) fileName() string {
	agent := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			return c
		}
		return '_'
	}, strings.ToLower(strings.TrimSpace(r.Agent)))
	return agent + "_case_" + strings.ToLower(strings.ReplaceAll(r.Case.ID, ".", "_")) + ".json"
}

// WriteFiles writes the report to a folder, which is made if it is not there: index.json for
// the cases of the testsuite and more.json for our own, both in the testsuite's format, a
// JSON file for each case, and index.html.
func (r *Report) WriteFiles(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	files := map[string][]byte{"index.json": r.Index(false), "more.json": r.Index(true)}
	for _, result := range r.Results {
		files[result.fileName()] = indented(result.detail())
	}
	var page bytes.Buffer
	if err := r.WriteHTML(&page); err != nil {
		return err
	}
	files["index.html"] = page.Bytes()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// detail is the report of one case: the testsuite's names for what both have.
func (r *Result) detail() any {
	expected := make(map[Verdict][]string)
	for _, o := range r.Case.Outcomes {
		expected[o.Verdict] = []string{}
		for _, e := range o.Events {
			expected[o.Verdict] = append(expected[o.Verdict], e.String())
		}
	}
	received := []string{}
	for _, e := range r.Received {
		received = append(received, e.String())
	}
	var notClean *string
	if r.end.notClean != "" {
		notClean = &r.end.notClean
	}
	return map[string]any{
		"id":                r.Case.ID,
		"description":       r.Case.Description,
		"expectation":       r.Case.Expectation,
		"section":           r.Case.Section,
		"agent":             r.Agent,
		"started":           r.Started.UTC().Format(time.RFC3339Nano),
		"duration":          r.Duration.Milliseconds(),
		"behavior":          r.Behavior,
		"behaviorClose":     r.BehaviorClose,
		"result":            r.Why,
		"resultClose":       r.WhyClose,
		"expected":          expected,
		"expectedClose":     map[string]any{"closedByMe": r.Case.Close.ByUs, "closeCode": r.Case.Close.Codes, "requireClean": r.Case.Close.Clean},
		"received":          received,
		"closedByMe":        r.end.closedByUs,
		"droppedByMe":       r.end.droppedByUs,
		"wasClean":          r.end.clean,
		"wasNotCleanReason": notClean,
		"remoteCloseCode":   r.RemoteCloseCode,
		"isServer":          r.weServe,
		"httpRequest":       r.Request,
		"httpResponse":      r.Response,
		"wirelog":           r.Log,
	}
}

func indented(v any) []byte {
	b, err := json.MarshalIndent(v, "", "   ")
	if err != nil {
		panic("autobahn: " + err.Error()) // the types are ours, and have no cycles
	}
	return append(b, '\n')
}
