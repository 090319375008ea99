package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// table returns the results in a folder as a table in Markdown.
func table(folder string) (string, error) {
	names, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return "", err
	}
	var packages []*Package
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		p := new(Package)
		if err := json.Unmarshal(text, p); err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		packages = append(packages, p)
	}
	slices.SortFunc(packages, func(a, b *Package) int { return cmp.Compare(a.Folder, b.Folder) })
	var b strings.Builder
	b.WriteString("| package | mutants judged | not judged | killed | of them by not ending | explained | survived | killed of all judged | killed of those not explained | commit |\n" +
		"|---|---:|---:|---:|---:|---:|---:|---:|---:|---|\n")
	for _, p := range packages {
		dead := p.Killed + p.Timeout
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d | %d | %.1f %% | %.1f %% | %s |\n",
			p.Folder, p.Mutants, p.NotRun, dead, p.Timeout, p.Explained, p.Survived, float64(dead)*100/float64(max(p.Mutants, 1)), p.Share, p.Commit)
	}
	return b.String(), nil
}
