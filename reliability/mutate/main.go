// Command mutate changes the engine's source in small ways, one at a time, and says which changes the tests of the changed
// package do not notice. The tests of other packages do not count.
//
//	mutate [flags] FOLDER...
//
// FOLDER is a package of the engine, relative to its module. The files are not touched: mutants are built with "go build -overlay".
// A mutant that the tests cannot notice, because it does the same, is explained in a text file; see explained.go.
// It ends with status 1 if a package keeps less than the share that -least asks for.
package main

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Package is the result for one package.
type Package struct {
	Folder    string    `json:"folder"`
	Commit    string    `json:"commit"`
	Date      string    `json:"date"`
	Go        string    `json:"go"`
	Platform  string    `json:"platform"`
	Command   string    `json:"command"`
	Seconds   int       `json:"seconds"`
	Mutants   int       `json:"mutants"` // that compile
	Killed    int       `json:"killed"`  // by a failure
	Timeout   int       `json:"timeout"` // by not ending
	Explained int       `json:"explained"`
	NotRun    int       `json:"not_run"`
	Sample    int       `json:"sample,omitempty"`            // so many were drawn at random, and only they count
	AtFirst   int       `json:"survived_at_first,omitempty"` // of the sample, before tests were written for what survived: what it says about the others
	Survived  int       `json:"survived"`
	Share     float64   `json:"share"` // of the mutants that are not explained: how many percent are killed
	Survivors []*mutant `json:"survivors"`
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("mutate: ")
	module := flag.String("module", "..", "the engine's module")
	reasons := flag.String("explained", "mutate/explained.txt", "what explains survivors")
	results := flag.String("results", "", "a folder for the results, one JSON file for each package")
	states := flag.String("states", "", "a folder that remembers which mutants were killed: a later run with the same source skips them")
	keep := flag.Bool("keep", false, "with -states: do not judge again what has survived")
	tests := flag.String("tests", "", "judge only the survivors of an earlier run that nothing explains, and by the tests that match this regular expression: they have passed the others")
	workers := flag.Int("p", 1, "how many mutants run at a time")
	least := flag.Float64("least", 0, "the smallest share of mutants killed, in percent")
	full := flag.Bool("full", false, "run survivors again without -short")
	sample := flag.Int("sample", 0, "judge so many mutants of each package, drawn at random but always the same; 0 judges all")
	atFirst := flag.Int("at-first", 0, "with -sample, for the results: how many survived that nothing explains, before tests were written for them")
	list := flag.Bool("list", false, "list the mutants that compile, and run none")
	only := flag.String("only", "", "run only mutants whose key contains this text")
	verbose := flag.Bool("v", false, "print every mutant")
	show := flag.String("table", "", "print the results in this folder as a table in Markdown, and run nothing")
	flag.Parse()
	if *show != "" {
		text, err := table(*show)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Print(text)
		return
	}
	explanations, err := readExplanations(*reasons)
	if err != nil {
		log.Fatal(err)
	}
	root, err := filepath.Abs(*module)
	if err != nil {
		log.Fatal(err)
	}
	scratch, err := os.MkdirTemp("", "mutate")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(scratch)
	bad := false
	for _, folder := range flag.Args() {
		started := time.Now()
		s, err := load(root, folder)
		if err != nil {
			log.Fatal(err)
		}
		if *list {
			if err := s.sortOut(); err != nil {
				log.Fatal(err)
			}
			for _, m := range s.mutants {
				if m.Result != invalid {
					fmt.Printf("%d: %s\n", m.Line, m.key(folder))
				}
			}
			continue
		}
		remember, err := s.recall(*states, *keep || *tests != "")
		if err != nil {
			log.Fatal(err)
		}
		used := map[string]bool{}
		for _, m := range s.mutants {
			if m.Result == survived { // recalled
				key := m.key(folder)
				if reason, ok := explanations[key]; ok {
					used[key] = true
					m.Result, m.Reason = explained, reason
				} else if !*keep {
					m.Result = ""
				}
			}
		}
		j := &judge{module: root, scratch: scratch, source: s, workers: *workers, full: *full, sample: *sample, tests: *tests}
		err = j.all(func(m *mutant) bool {
			return (*tests == "" || m.before) && (*only == "" || strings.Contains(m.key(folder), *only))
		}, func(m *mutant) {
			key := m.key(folder)
			if reason, ok := explanations[key]; ok {
				used[key] = true
				if m.Result == survived {
					m.Result, m.Reason = explained, reason
				}
			}
			if err := remember(m); err != nil {
				log.Fatal(err)
			}
			if m.Result == survived || *verbose {
				fmt.Printf("%s %s/%s:%d: %s %s\n", m.Result, folder, m.File, m.Line, key, m.By)
			}
		})
		if err != nil {
			log.Fatal(err)
		}
		p := summary(s, j.drawn(), *sample)
		p.AtFirst = *atFirst
		p.Seconds = int(time.Since(started).Seconds())
		p.Commit, p.Command = commit(root, folder), "go run ./mutate "+strings.Join(os.Args[1:], " ")
		fmt.Printf("%-22s %5d mutants, %5d killed, %3d of them by not ending, %3d explained, %3d survived, %d not run: %.1f %%, %d s\n",
			folder, p.Mutants, p.Killed+p.Timeout, p.Timeout, p.Explained, p.Survived, p.NotRun, p.Share, p.Seconds)
		if *only == "" {
			for key := range explanations {
				if strings.HasPrefix(key, folder+"/") && strings.Count(key[:strings.Index(key, " ")], "/") == strings.Count(folder, "/")+1 && !used[key] {
					fmt.Printf("%s is explained, but there is no such mutant\n", key)
					bad = true
				}
			}
		}
		if p.Share < *least {
			bad = true
		}
		if *results != "" {
			if err := write(filepath.Join(*results, strings.ReplaceAll(folder, "/", "-")+".json"), p); err != nil {
				log.Fatal(err)
			}
		}
	}
	if bad {
		os.RemoveAll(scratch)
		os.Exit(1)
	}
}

// summary counts the mutants that were to be judged. Of a sample nothing else counts: what was judged before in another order would not be at random.
func summary(s *source, drawn []*mutant, sample int) *Package {
	p := &Package{
		Folder: s.folder, Date: time.Now().UTC().Format(time.DateOnly), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Survivors: []*mutant{},
	}
	all := 0
	for _, m := range s.mutants {
		if m.Result != invalid {
			all++
		}
	}
	if sample > 0 && len(drawn) < all {
		p.Sample = len(drawn)
	}
	p.NotRun = all - len(drawn)
	for _, m := range drawn {
		switch m.Result {
		case killed:
			p.Killed++
		case timeout:
			p.Timeout++
		case survived:
			p.Survived++
		case explained:
			p.Explained++
		case "":
			p.NotRun++
			continue
		default:
			continue
		}
		p.Mutants++
		if m.Result == survived || m.Result == explained {
			p.Survivors = append(p.Survivors, m)
		}
	}
	p.Share = 100
	if n := p.Mutants - p.Explained; n > 0 {
		p.Share = float64(p.Killed+p.Timeout) * 100 / float64(n)
	}
	slices.SortFunc(p.Survivors, func(a, b *mutant) int { return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.ID, b.ID)) })
	return p
}

// commit returns the commit, and whether the package differs from it.
func commit(root, folder string) string {
	cmd := exec.Command("git", "rev-parse", "--short=12", "HEAD")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	name := strings.TrimSpace(string(out))
	cmd = exec.Command("git", "diff", "--quiet", "HEAD", "--", folder)
	if cmd.Dir = root; cmd.Run() != nil {
		name += "-dirty"
	}
	return name
}

func write(name string, p *Package) error {
	text, err := json.MarshalIndent(p, "", "\t")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o666)
}
