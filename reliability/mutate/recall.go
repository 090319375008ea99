package main

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// recall marks the mutants that an earlier run has killed, with keep also those that have survived, and returns what notes the next one. A package's file begins with
// a hash of the package's source: with another source, or another set of mutants, everything is forgotten. Tests do not count: one that killed
// a mutant is expected to stay.
func (s *source) recall(folder string, keep bool) (remember func(*mutant) error, err error) {
	if folder == "" {
		return func(*mutant) error { return nil }, nil
	}
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return nil, err
	}
	hash := sha256.New()
	for _, m := range s.mutants {
		fmt.Fprintln(hash, m.ID, m.key(s.folder))
	}
	for _, name := range s.files {
		fmt.Fprintln(hash, name, len(s.texts[name]))
		hash.Write(s.texts[name])
	}
	head := fmt.Sprintf("%x", hash.Sum(nil))
	name := filepath.Join(folder, strings.ReplaceAll(s.folder, "/", "-")+".txt")
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(file)
	if lines.Scan() && lines.Text() == head {
		for lines.Scan() {
			var id int
			var result, by string
			fmt.Sscan(lines.Text(), &id, &result, &by)
			if result == explained {
				result = survived // whether it is explained is in another file
			}
			if id > 0 && id <= len(s.mutants) {
				s.mutants[id-1].before = result == survived
			}
			if id > 0 && id <= len(s.mutants) && (result == killed || result == timeout || keep && result == survived) {
				s.mutants[id-1].Result, s.mutants[id-1].By = result, by
			}
		}
		if err := lines.Err(); err != nil {
			return nil, err
		}
	} else {
		if err := file.Truncate(0); err != nil {
			return nil, err
		}
		if _, err := file.WriteAt([]byte(head+"\n"), 0); err != nil {
			return nil, err
		}
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	if file, err = os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0o666); err != nil {
		return nil, err
	}
	return func(m *mutant) error {
		_, err := fmt.Fprintln(file, m.ID, m.Result, m.By)
		return err
	}, nil
}
