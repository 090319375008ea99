package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// This file is probes that read what is committed: a test says when that has changed and results/scoreboard.json has not.

func readJSON(v any, elements ...string) error {
	name := filepath.Join(elements...)
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// readAutobahn counts the verdicts of the real testsuite.
func readAutobahn(root string) (map[string]float64, error) {
	values := map[string]float64{}
	for _, role := range []string{"server", "client"} {
		var cases map[string]struct{ Behavior, BehaviorClose string }
		if err := readJSON(&cases, root, "autobahn", "results", role+".json"); err != nil {
			return nil, err
		}
		for _, word := range []string{"OK", "INFORMATIONAL", "other"} {
			values[role+" "+word] = 0
		}
		for _, c := range cases {
			word := c.Behavior
			if word != "OK" && word != "INFORMATIONAL" || c.BehaviorClose != word {
				word = "other"
			}
			values[role+" "+word]++
		}
	}
	return values, nil
}

var advisory = regexp.MustCompile(`(CVE-[0-9]{4}-[0-9]+|GHSA(-[0-9a-z]{4}){3}|GO-[0-9]{4}-[0-9]{4}|PYSEC-[0-9]{4}-[0-9]+|RUSTSEC-[0-9]{4}-[0-9]{4})`)

// readThreats counts what docs/threat-model.md has: TestThreats of the engine's module checks that each row's tests exist.
func readThreats(root string) (map[string]float64, error) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "threat-model.md"))
	if err != nil {
		return nil, err
	}
	values := map[string]float64{"not built": 0, "not built, advisories": 0}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, " | ")
		if !strings.HasPrefix(line, "| ") || len(cells) != 6 || cells[0] == "| id" || strings.HasPrefix(line, "| ---") {
			continue
		}
		values["rows"]++
		advisories := float64(len(advisory.FindAllString(line, -1)))
		values["advisories"] += advisories
		if strings.HasPrefix(cells[4], "not built yet") {
			values["not built"]++
			values["not built, advisories"] += advisories
		}
	}
	return values, nil
}

// readFuzzing sums the records of fuzzcount.
func readFuzzing(root string) (map[string]float64, error) {
	var record struct {
		Runs []struct {
			Target     string
			Executions float64
			Failures   float64
			Seconds    float64
		}
	}
	if err := readJSON(&record, root, "reliability", "results", "fuzz.json"); err != nil {
		return nil, err
	}
	sums, values := map[string]float64{}, map[string]float64{}
	clean := map[string]float64{}
	for _, r := range record.Runs {
		values["executions"] += r.Executions
		values["failures"] += r.Failures
		values["hours"] += r.Seconds / 3600
		sums[r.Target] += r.Executions
		if clean[r.Target] += r.Executions; r.Failures > 0 {
			clean[r.Target] = 0
		}
	}
	values["targets"], values["least"] = float64(len(sums)), -1
	for target, n := range sums {
		values["most"] = max(values["most"], n)
		if values["least"] < 0 || n < values["least"] {
			values["least"] = n
		}
		values["clean"] += clean[target]
	}
	return values, nil
}

// readSoak takes the records of the soak together.
func readSoak(root string) (map[string]float64, error) {
	names, err := filepath.Glob(filepath.Join(root, "bench", "results", "*-soak.txt"))
	if err != nil {
		return nil, err
	}
	var all []byte
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		all = append(all, text...)
	}
	values, err := (&probe{values: soakValues, says: "bench/record.sh soak"}).extract(all)
	if err == nil {
		values["records"] = float64(len(names))
	}
	return values, err
}

// readMutation sums the results of mutate.
func readMutation(root string) (map[string]float64, error) {
	names, err := filepath.Glob(filepath.Join(root, "reliability", "results", "mutation", "*.json"))
	if err != nil {
		return nil, err
	}
	values := map[string]float64{"least share": 100}
	for _, name := range names {
		var p struct {
			Mutants, Killed, Timeout, Explained, Survived, Share, Sample float64
			NotRun                                                       float64 `json:"not_run"`
			AtFirst                                                      float64 `json:"survived_at_first"`
		}
		if err := readJSON(&p, name); err != nil {
			return nil, err
		}
		values["packages"]++
		values["judged"] += p.Mutants
		values["killed"] += p.Killed + p.Timeout
		values["explained"] += p.Explained
		values["survived"] += p.Survived
		values["not judged"] += p.NotRun
		values["least share"] = min(values["least share"], p.Share)
		if p.Sample > 0 { // of one package only
			values["sample"] = p.Sample
			values["sample, not explained"] = p.Mutants - p.Explained
			values["sample, killed at first"] = p.Killed + p.Timeout - p.AtFirst
		}
	}
	return values, nil
}

// readPragmas counts the functions of the engine that the race detector is told not to look at.
func readPragmas(root string) (map[string]float64, error) {
	pragma := "//go:" + "norace" // so that this line is none
	n := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && path != root && (d.Name()[0] == '.' || d.Name() == "testdata") {
			if err == nil {
				err = filepath.SkipDir
			}
			return err
		}
		if d.IsDir() || filepath.Ext(path) != ".go" {
			return nil
		}
		text, err := os.ReadFile(path)
		n += strings.Count(string(text), pragma)
		return err
	})
	return map[string]float64{"pragmas": float64(n)}, err
}

// mutationInterval says what a sample tells about the mutants that were not judged.
func mutationInterval(e evidence) string {
	n, k := e["mutation/sample, not explained"], e["mutation/sample, killed at first"]
	if n == 0 {
		return e.n("mutation/not judged") + " mutants were not judged, and those that were are not drawn at random."
	}
	low, high := wilson(k, n)
	return fmt.Sprintf("Of deflate %s mutants were drawn at random, and %s not judged. Before tests were written for what survived of the sample, %s of %s were killed that nothing explains: so are, with 95 %% confidence, between %s and %s %% of the others.",
		e.n("mutation/sample"), e.n("mutation/not judged"), number(k), number(n), number(100*low), number(100*high))
}

// wilson returns the bounds between which a share lies with 95 % confidence, of which k in n were found (Wilson's score interval).
func wilson(k, n float64) (low, high float64) {
	const z = 1.96
	p := k / n
	middle := p + z*z/(2*n)
	half := z * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return (middle - half) / (1 + z*z/n), (middle + half) / (1 + z*z/n)
}
