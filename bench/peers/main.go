//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("peers: ")
	var o options
	var externals []string
	flag.BoolVar(&o.quick, "quick", false, "one round of short windows and fewer connections, about 5 minutes: to see that everything works, not to record")
	scenarioPattern := flag.String("scenarios", "", "run only the scenarios whose name matches this `regexp`")
	libs := flag.String("libs", "", "run only these libraries, a comma between two `names`; without raw there are no ratios")
	flag.IntVar(&o.rounds, "rounds", 10, "how many `rounds`; scenarios that take long have fewer")
	flag.StringVar(&o.out, "out", "results", "the `directory` to write to; scenarios that are there already stay, unless they are measured again")
	flag.DurationVar(&o.warm, "warm", 0, "how long each run warms up (default 150ms, 100ms with -quick)")
	flag.DurationVar(&o.window, "window", 0, "how long each run measures (default 300ms, 250ms with -quick)")
	list := flag.Bool("list", false, "list scenarios and libraries, and exit")
	draw := flag.String("draw", "", "run nothing: read this results.json `file`, and write the tables and charts again")
	flag.Func("external", "another server as `NAME[MODES]=COMMAND`; may be given again; see docs/benchmarking.md", func(s string) error {
		externals = append(externals, s)
		return nil
	})
	flag.Parse()
	if flag.NArg() > 0 {
		log.Fatalf("there are no arguments, but %q was given", flag.Args())
	}

	if *draw != "" {
		r, err := readReport(*draw)
		if err == nil {
			err = r.write(o.out)
		}
		if err != nil {
			log.Fatal(err)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := o.prepare(*scenarioPattern, *libs, externals); err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(o.bin)
	if *list {
		o.list()
		return
	}
	if err := compare(ctx, &o); err != nil {
		os.RemoveAll(o.bin) // log.Fatal runs no defer
		log.Fatal(err)
	}
}

type options struct {
	quick        bool
	rounds       int
	out          string
	warm, window time.Duration

	bin       string // where the two programs are built
	scenarios []scenario
	peers     []*peer
}

// prepare builds the programs and chooses scenarios and libraries.
func (o *options) prepare(scenarioPattern, libs string, externals []string) error {
	pattern, err := regexp.Compile(scenarioPattern)
	if err != nil {
		return fmt.Errorf("-scenarios: %w", err)
	}
	if o.quick {
		o.rounds = 1
	}
	if o.warm == 0 {
		o.warm = 150 * time.Millisecond
		if o.quick {
			o.warm = 100 * time.Millisecond
		}
	}
	if o.window == 0 {
		o.window = 300 * time.Millisecond
		if o.quick {
			o.window = 250 * time.Millisecond
		}
	}
	all := allScenarios(o.quick)
	wanted := make(map[string]bool)
	for _, s := range all {
		if pattern.MatchString(s.Name) {
			wanted[s.Name], wanted[s.Base] = true, true // a base in the same round, or there is no ratio
		}
	}
	for _, s := range all {
		if wanted[s.Name] {
			o.scenarios = append(o.scenarios, s)
		}
	}
	if len(o.scenarios) == 0 {
		return fmt.Errorf("no scenario matches %q; -list names them", scenarioPattern)
	}
	if o.bin, err = os.MkdirTemp("", "peers-"); err != nil {
		return err
	}
	if err := build(o.bin); err != nil {
		os.RemoveAll(o.bin)
		return err
	}
	if o.peers, err = choosePeers(filepath.Join(o.bin, "peers-server"), libs, externals); err != nil {
		os.RemoveAll(o.bin)
		return err
	}
	return nil
}

func (o *options) list() {
	fmt.Println("Scenarios:")
	for _, s := range o.scenarios {
		fmt.Printf("  %-24s %s\n", s.Name, s.Title)
	}
	fmt.Println("Libraries:")
	for _, p := range o.peers {
		fmt.Printf("  %-10s %-12s %s\n", p.Name, p.Version, p.Settings)
	}
}

// compare runs everything and writes the results. If it is interrupted it writes what there is.
func compare(ctx context.Context, o *options) error {
	cores, err := chooseCores()
	if err != nil {
		return err
	}
	report := newReport(o, cores)
	old, err := report.readOld(o.out)
	if err != nil {
		return err
	}
	if names := report.replaced(old); len(names) > 0 {
		fmt.Printf("%s has results already; they are replaced: %s\n", o.out, strings.Join(names, ", "))
	}
	save := func() error {
		report.summarize()
		return report.merged(old).write(o.out)
	}
	saved := time.Now()
	runs, skipped := plan(o)
	report.skip(skipped)
	progress := newProgress(len(runs))
	var failures []string
	for _, r := range runs {
		if ctx.Err() != nil {
			break
		}
		progress.before(r)
		m, err := r.measure(ctx, o, cores)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			failures = append(failures, fmt.Sprintf("%s, %s, round %d: %v", r.scenario.Name, r.peer.Name, r.round+1, err))
		}
		report.add(r, m, err)
		progress.after(r, err)
		if time.Since(saved) > time.Minute { // so that whoever is killed keeps what there is
			if err := save(); err != nil {
				return err
			}
			saved = time.Now()
		}
	}
	progress.end()
	if err := save(); err != nil {
		return err
	}
	fmt.Printf("results.json, results.md and the charts are in %s\n", o.out)
	if ctx.Err() != nil {
		return errors.New("interrupted: the results are those of the runs that were complete")
	}
	if len(failures) > 0 {
		return fmt.Errorf("%d of %d runs failed:\n  %s", len(failures), len(runs), strings.Join(failures, "\n  "))
	}
	return nil
}
