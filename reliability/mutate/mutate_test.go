package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The module under test: its tests notice all mutants but those of forgotten and of the constant.
var files = map[string]string{
	"go.mod": "module example.com/sample\n\ngo 1.26\n",
	"sample/sample.go": `package sample

const unused = 7

type pair struct{ a, b int }

func (p *pair) sum(_ int, more ...int) (total int) {
	total = p.a + p.b
	for _, n := range more {
		total += n
	}
	return total
}

func forgotten(n int) bool { return n > 3 }

func loop(n int) int {
	i := 0
	for i < n {
		i++
	}
	return i
}
`,
	"sample/sample_test.go": `package sample

import "testing"

func TestSum(t *testing.T) {
	if got := (&pair{1, 2}).sum(0, 4, 8); got != 15 {
		t.Errorf("got %d", got)
	}
}

func TestLoop(t *testing.T) {
	if got := loop(3); got != 3 {
		t.Errorf("got %d", got)
	}
}

func TestForgotten(t *testing.T) { forgotten(1) }
`,
}

func TestMutants(t *testing.T) {
	module := t.TempDir()
	for name, text := range files {
		path := filepath.Join(module, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	states := t.TempDir()
	judged := map[string]string{}
	judgeAll := func() *source {
		s, err := load(module, "sample")
		if err != nil {
			t.Fatal(err)
		}
		remember, err := s.recall(states, false)
		if err != nil {
			t.Fatal(err)
		}
		j := &judge{module: module, scratch: t.TempDir(), source: s, workers: 2}
		err = j.all(func(*mutant) bool { return true }, func(m *mutant) {
			judged[m.key("sample")] = m.Result
			if err := remember(m); err != nil {
				t.Error(err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := judgeAll()
	for key, want := range map[string]string{
		"sample/sample.go pair.sum arithmetic: total = p.a + p.b -> total = p.a - p.b": killed,
		"sample/sample.go pair.sum return: return total -> return *new(int)":           killed,
		"sample/sample.go loop increment: i++ -> i--":                                  timeout,
		"sample/sample.go forgotten boundary: return n > 3 -> return n >= 3":           survived,
		"sample/sample.go forgotten negation: return n > 3 -> return n <= 3":           survived,
		"sample/sample.go forgotten return: return n > 3 -> return *new(bool)":         survived,
		"sample/sample.go - constant: unused = 7 -> unused = 8":                        survived,
		"sample/sample.go pair.sum statement: total = p.a + p.b -> /* nothing */":      killed,
		"sample/sample.go loop constant: i := 0 -> i := 1":                             survived,
	} {
		if judged[key] != want {
			t.Errorf("%s is %q, want %q, of %q", key, judged[key], want, slices.Sorted(maps.Keys(judged)))
		}
	}
	of := func(s *source, sample int) *Package {
		return summary(s, (&judge{source: s, sample: sample}).drawn(), sample)
	}
	p := of(s, 0)
	if p.Survived != 8 || p.Mutants != p.Killed+p.Timeout+p.Survived || p.NotRun != 0 || p.Sample != 0 {
		t.Errorf("%d of %d survived, %d not run, a sample of %d: %v", p.Survived, p.Mutants, p.NotRun, p.Sample, judged)
	}
	if few := of(s, 5); few.Mutants != 5 || few.Sample != 5 || few.NotRun != p.Mutants-5 {
		t.Errorf("of a sample of 5, %d are judged, %d not run; the sample has %d", few.Mutants, few.NotRun, few.Sample)
	}
	if whole := of(s, p.Mutants); whole.Mutants != p.Mutants || whole.Sample != 0 {
		t.Errorf("a sample of all has %d, and is one of %d", whole.Mutants, whole.Sample)
	}

	// The second run judges only what has survived.
	clear(judged)
	if p := of(judgeAll(), 0); p.Survived != 8 || len(judged) != 8 {
		t.Errorf("the second time %d survived, of %d judged", p.Survived, len(judged))
	}
}

func TestExplanations(t *testing.T) {
	name := filepath.Join(t.TempDir(), "explained.txt")
	read := func(text string) (map[string]string, error) {
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return readExplanations(name)
	}
	got, err := read("# comment\n\na\nb\n\tsome\n\treason\n\nc\n\tanother\n")
	if err != nil || got["a"] != "some reason" || got["b"] != "some reason" || got["c"] != "another" || len(got) != 3 {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"a\n", "\treason\n", "a\n\tone\na\n\ttwo\n"} {
		if got, err := read(bad); err == nil {
			t.Errorf("%q is read as %v", bad, got)
		}
	}
}

// TestEveryExplanationIsOfAMutant: a change of the engine's source must not leave a reason behind that explains nothing.
func TestEveryExplanationIsOfAMutant(t *testing.T) {
	reasons, err := readExplanations("explained.txt")
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	mutants := map[string][]string{}
	for key := range reasons {
		file, _, _ := strings.Cut(key, " ")
		folder := file[:strings.LastIndex(file, "/")]
		if _, ok := mutants[folder]; !ok {
			s, err := load(root, folder)
			if err != nil {
				t.Fatal(err)
			}
			mutants[folder] = []string{}
			for _, m := range s.mutants {
				mutants[folder] = append(mutants[folder], m.key(folder))
			}
		}
		if !slices.Contains(mutants[folder], key) && inPackage(mutants[folder], file) {
			t.Errorf("there is no such mutant: %s", key)
		}
	}
}

// inPackage reports whether a file is part of the package on this platform.
func inPackage(keys []string, file string) bool {
	return slices.ContainsFunc(keys, func(key string) bool { return strings.HasPrefix(key, file+" ") })
}
