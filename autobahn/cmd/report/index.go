package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// A verdict is what the testsuite says of one case in its index.json.
type verdict struct {
	Behavior        string `json:"behavior"`
	BehaviorClose   string `json:"behaviorClose"`
	RemoteCloseCode *int   `json:"remoteCloseCode"` // nil when no code was received

	reportFile string // the testsuite's report of this case
}

// readIndexes merges the index.json files of runs whose cases are disjoint. All runs have
// to be of one agent, for a table that mixes two judges neither.
func readIndexes(paths []string) (agent string, verdicts map[string]verdict, err error) {
	verdicts = make(map[string]verdict)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return "", nil, err
		}
		type entry struct {
			verdict
			ReportFile string `json:"reportfile"`
		}
		var agents map[string]map[string]entry
		if err := json.Unmarshal(text, &agents); err != nil {
			return "", nil, fmt.Errorf("%s: %w", path, err)
		}
		for name, cases := range agents {
			if agent != "" && name != agent {
				return "", nil, fmt.Errorf("%s: results of agent %q, after those of agent %q", path, name, agent)
			}
			agent = name
			for id, e := range cases {
				if _, ok := verdicts[id]; ok {
					return "", nil, fmt.Errorf("%s: case %s is in another index too", path, id)
				}
				e.reportFile = filepath.Join(filepath.Dir(path), e.ReportFile)
				verdicts[id] = e.verdict
			}
		}
	}
	return agent, verdicts, nil
}

// why returns the testsuite's own sentences about a case, from the report of the case.
func (v verdict) why() string {
	var report struct{ Result, ResultClose string }
	text, err := os.ReadFile(v.reportFile)
	if err != nil || json.Unmarshal(text, &report) != nil {
		return "the testsuite's report of the case cannot be read"
	}
	return report.Result + " / " + report.ResultClose
}
