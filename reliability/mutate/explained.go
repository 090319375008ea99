package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// The explanations are a text file: a line "folder/file.go Function operator: was -> is" names a survivor wherever its line
// number has gone, or several that look the same, and indented lines below it are the reason.

func (m *mutant) key(folder string) string {
	number := ""
	if m.Number > 1 {
		number = fmt.Sprint(" #", m.Number)
	}
	function := m.Function
	if function == "" {
		function = "-"
	}
	return fmt.Sprintf("%s/%s %s %s: %s -> %s%s", folder, m.File, function, m.Operator, m.Was, m.Is, number)
}

// readExplanations returns key -> reason.
func readExplanations(name string) (map[string]string, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	reasons := map[string]string{}
	var keys []string
	ended := true
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		text := strings.TrimSpace(line)
		switch {
		case text == "" || strings.HasPrefix(line, "#"):
		case line[0] != ' ' && line[0] != '\t':
			if ended {
				keys, ended = nil, false
			}
			if _, ok := reasons[text]; ok {
				return nil, fmt.Errorf("%s:%d: this mutant is there twice", name, n)
			}
			reasons[text] = ""
			keys = append(keys, text)
		case keys == nil:
			return nil, fmt.Errorf("%s:%d: a reason without a mutant", name, n)
		default:
			ended = true
			for _, key := range keys {
				reasons[key] = strings.TrimSpace(reasons[key] + " " + text)
			}
		}
	}
	for key, reason := range reasons {
		if reason == "" {
			return nil, fmt.Errorf("%s: no reason is given for %q", name, key)
		}
	}
	return reasons, lines.Err()
}
