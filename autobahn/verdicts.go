package autobahn

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// storedVerdict is what is kept of a case: what does not change from run to run.
type storedVerdict struct {
	Behavior        Verdict `json:"behavior"`
	BehaviorClose   Verdict `json:"behaviorClose"`
	RemoteCloseCode *uint16 `json:"remoteCloseCode"`
}

func (v storedVerdict) String() string {
	code := "no code"
	if v.RemoteCloseCode != nil {
		code = fmt.Sprint(*v.RemoteCloseCode)
	}
	return fmt.Sprintf("%s, close %s with %s", v.Behavior, v.BehaviorClose, code)
}

func (v storedVerdict) equal(o storedVerdict) bool { return v.String() == o.String() }

// verdicts are those of the report, by case. If there are several agents, the last has the
// say: a report to store is of one.
func (r *Report) verdicts() map[string]storedVerdict {
	all := make(map[string]storedVerdict)
	for _, result := range r.Results {
		all[result.Case.ID] = storedVerdict{result.Behavior, result.BehaviorClose, result.RemoteCloseCode}
	}
	return all
}

// Verdicts returns the verdicts without what changes from run to run, one case on each line,
// so that two runs can be compared line by line. The caller owns the result.
func (r *Report) Verdicts() []byte {
	var b bytes.Buffer
	sep := "{\n"
	verdicts := r.verdicts()
	for _, id := range slices.SortedFunc(maps.Keys(verdicts), compareIDs) {
		b.WriteString(sep + "\"" + id + "\": " + toJSON(verdicts[id]))
		sep = ",\n"
	}
	if b.Len() == 0 {
		return []byte("{}\n")
	}
	b.WriteString("\n}\n")
	return b.Bytes()
}

// Compare returns a sentence for each case whose verdict is not the one that Verdicts, or the
// testsuite, has found before. Cases that only one of the two has are differences too, but
// for those that the report did not run of groups that it ran nothing of.
func (r *Report) Compare(expected []byte) (differences []string, err error) {
	var want map[string]storedVerdict
	if err := json.Unmarshal(expected, &want); err != nil {
		return nil, err
	}
	got := r.verdicts()
	ran := make(map[string]bool)
	for _, result := range r.Results {
		ran[result.Case.group()] = true
	}
	ids := slices.Concat(slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(got)))
	slices.SortFunc(ids, compareIDs)
	for _, id := range slices.Compact(ids) {
		g, didRun := got[id]
		w, isExpected := want[id]
		switch {
		case !didRun && !ran[(&Case{ID: id}).group()]:
		case !didRun:
			differences = append(differences, fmt.Sprintf("%s did not run", id))
		case !isExpected:
			differences = append(differences, fmt.Sprintf("%s: %v, and no verdict was expected", id, g))
		case !g.equal(w):
			differences = append(differences, fmt.Sprintf("%s: %v; expected: %v", id, g, w))
		}
	}
	return differences, nil
}
