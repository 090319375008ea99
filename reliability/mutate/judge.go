package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// What became of a mutant.
const (
	invalid   = "invalid"   // it does not compile
	killed    = "killed"    // a test failed
	timeout   = "timeout"   // the tests used several times the processor time they use without it
	survived  = "survived"  // the tests passed, and nobody has said why
	explained = "explained" // the tests passed, and explained.txt says why they have to
)

// A stage is some tests of a package that run in one process. Quick tests come first, and the first failure ends it: most mutants meet no slow test.
type stage struct {
	args  []string
	limit time.Duration // of processor time
}

type judge struct {
	module  string
	scratch string
	source  *source
	workers int
	full    bool
	sample  int
	tests   string
	stages  []stage
}

// memory is what a mutant may take, in KiB of address space: some of them allocate without end.
const memory = 6 << 20

var (
	passed = regexp.MustCompile(`(?m)^--- PASS: (\S+) \(([0-9.]+)s\)`)
	failed = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)
)

// run runs the tests of program with a mutant, 0 for none.
func (j *judge) run(program string, id int, st stage, verbose bool) (result, by string, output []byte, took time.Duration, err error) {
	dir, err := os.MkdirTemp(j.scratch, "run")
	if err != nil {
		return "", "", nil, 0, err
	}
	defer os.RemoveAll(dir)
	ctx, stop := context.WithTimeout(context.Background(), 60*time.Second+4*st.limit)
	defer stop()
	seconds := int((st.limit + time.Second - 1) / time.Second)
	script := fmt.Sprintf(`ulimit -v %d; ulimit -t %d; ulimit -c 0; exec "$0" "$@"`, memory, seconds)
	args := append([]string{"-c", script, program, "-test.failfast", "-test.timeout=0"}, st.args...)
	if verbose {
		args = append(args, "-test.v")
	}
	cmd := exec.CommandContext(ctx, "sh", args...)
	cmd.Dir = j.source.dir
	cmd.Env = append(os.Environ(), fmt.Sprint(variable, "=", id), "TMPDIR="+dir)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	if cmd.ProcessState == nil {
		return "", "", nil, 0, err
	}
	took = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return survived, "", out.Bytes(), took, nil
	case !errors.As(err, &exit):
		return "", "", nil, took, err
	case ctx.Err() != nil, exit.Sys().(syscall.WaitStatus).Signaled():
		return timeout, "", out.Bytes(), took, nil
	}
	if match := failed.FindSubmatch(out.Bytes()); match != nil {
		by = string(match[1])
	}
	return killed, by, out.Bytes(), took, nil
}

// plan runs the tests of the program without a mutant, and orders them.
func (j *judge) plan(program string) error {
	result, by, output, _, err := j.run(program, 0, stage{[]string{"-test.short"}, 20 * time.Minute}, true)
	if err != nil {
		return err
	}
	if result != survived {
		return fmt.Errorf("%s: without a mutant, the tests end with %q %s\n%s", j.source.folder, result, by, tail(output))
	}
	type test struct {
		name string
		took time.Duration
	}
	var tests []test
	for _, match := range passed.FindAllSubmatch(output, -1) {
		took, err := time.ParseDuration(string(match[2]) + "s")
		if err != nil {
			return err
		}
		tests = append(tests, test{string(match[1]), took})
	}
	slices.SortStableFunc(tests, func(a, b test) int { return cmp.Compare(a.took, b.took) })
	j.stages = nil
	var names []string
	var sum time.Duration
	end := func() {
		if len(names) > 0 {
			pattern := "-test.run=^(" + strings.Join(names, "|") + ")$"
			j.stages = append(j.stages, stage{[]string{"-test.short", pattern}, 3*time.Second + 5*sum})
		}
		names, sum = nil, 0
	}
	budget := 200 * time.Millisecond
	for _, t := range tests {
		if sum += t.took; sum > budget && len(names) > 0 {
			sum -= t.took
			end()
			sum = t.took
			budget = max(2*t.took, time.Second)
		}
		names = append(names, t.name)
	}
	end()
	if j.tests != "" {
		j.stages = []stage{{[]string{"-test.run=" + j.tests}, 20 * time.Second}}
	} else if j.full {
		j.stages = append(j.stages, stage{nil, 20 * time.Minute})
	}
	return nil
}

func tail(b []byte) string {
	const most = 2000
	return string(b[max(0, len(b)-most):])
}

// one judges one mutant.
func (j *judge) one(program string, m *mutant, id int) error {
	for _, st := range j.stages {
		result, by, _, _, err := j.run(program, id, st, false)
		if err != nil {
			return err
		}
		if m.Result, m.By = result, by; result != survived {
			return nil
		}
	}
	return nil
}

// all judges every mutant of the package.
func (j *judge) all(only func(*mutant) bool, progress func(*mutant)) error {
	s := j.source
	if err := s.sortOut(); err != nil {
		return err
	}
	program, err := s.buildSwitched(j.module, j.scratch)
	if err != nil {
		return err
	}
	if err := j.plan(program); err != nil {
		return err
	}
	work := make(chan *mutant)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failure error
	for range j.workers {
		wg.Go(func() {
			for m := range work {
				var err error
				if m.inSwitch() {
					err = j.one(program, m, m.ID)
				} else {
					err = j.alone(m)
				}
				mu.Lock()
				if err != nil && failure == nil {
					failure = err
				}
				progress(m)
				mu.Unlock()
			}
		})
	}
	for _, m := range j.drawn() {
		if m.Result == "" && only(m) {
			work <- m
		}
	}
	close(work)
	wg.Wait()
	os.RemoveAll(filepath.Dir(program))
	return failure
}

// drawn returns the mutants that compile, in their order, or as many as the sample has, always the same.
func (j *judge) drawn() []*mutant {
	var list []*mutant
	for _, m := range j.source.mutants {
		if m.Result != invalid {
			list = append(list, m)
		}
	}
	if j.sample > 0 && j.sample < len(list) {
		r := rand.New(rand.NewPCG(6455, 7692))
		r.Shuffle(len(list), func(a, b int) { list[a], list[b] = list[b], list[a] })
		list = list[:j.sample]
	}
	return list
}

// alone builds a mutant that is outside of functions, and judges it.
func (j *judge) alone(m *mutant) error {
	program, _, err := j.source.build(j.module, j.scratch, map[string][]byte{m.File: j.source.alone(m)})
	defer os.RemoveAll(filepath.Dir(program))
	if err != nil {
		// The package compiles, the type checker has said: its tests do not.
		m.Result, m.By = killed, "compiler"
		return nil
	}
	return j.one(program, m, 0)
}
