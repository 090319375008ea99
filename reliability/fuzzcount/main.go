// Command fuzzcount runs fuzz targets for a number of executions, and keeps a record of how many each has had.
//
//	fuzzcount [flags]
//
// It finds the fuzz targets of the engine's module and of the modules that -modules names, runs each for -n executions, and adds what was run to the record, a JSON file,
// after each target: so it may be interrupted, and goes on another night. With -until a target that has had so many gets no more, with -for one that has run so long. -report writes the sums as a table in Markdown.
// The status is 1 if a target has found a failure; the go command says where it has written the input.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("fuzzcount: ")
	modules := flag.String("modules", "..", "the folders of modules, with commas between")
	record := flag.String("record", "results/fuzz.json", "the record")
	report := flag.String("report", "", "write a table of the record to this file")
	n := flag.Int64("n", 0, "how many executions each target gets; 0 runs none")
	until := flag.Int64("until", 0, "a target that has had so many executions gets no more, and no target gets beyond it")
	most := flag.Duration("for", 0, "how long each target may run, if it has not had its executions before; 0 does not limit it")
	pattern := flag.String("run", "", "only the targets whose folder/name matches this regular expression")
	workers := flag.Int("parallel", 1, "how many processes fuzz")
	flag.Parse()
	only, err := regexp.Compile(*pattern)
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	rec, err := readRecord(*record)
	if err != nil {
		log.Fatal(err)
	}
	failed := false
	for _, module := range strings.Split(*modules, ",") {
		targets, err := findTargets(module)
		if err != nil {
			log.Fatal(err)
		}
		for _, t := range targets {
			rec.know(t.key())
			count := *n
			if *until > 0 {
				count = min(count, *until-rec.sum(t.key()).executions)
			}
			if count <= 0 || ctx.Err() != nil || !only.MatchString(t.key()) {
				continue
			}
			r, err := t.run(ctx, count, *most, *workers)
			if err != nil {
				log.Printf("%s: %v", t.key(), err)
				failed = true
			}
			if r.Executions == 0 {
				continue
			}
			rec.add(r)
			if err := rec.write(*record); err != nil {
				log.Fatal(err)
			}
			fmt.Printf("%-44s %12d executions in %d s, %d failures; %d in all\n", t.key(), r.Executions, r.Seconds, r.Failures, rec.sum(t.key()).executions)
		}
	}
	if *report != "" {
		if err := os.WriteFile(*report, []byte(rec.table()), 0o666); err != nil {
			log.Fatal(err)
		}
	}
	if failed {
		os.Exit(1)
	}
}

// executions is in the lines that the fuzzing engine prints, the last of which counts.
var executions = regexp.MustCompile(`execs: (\d+) `)

// run runs a target, and returns what is to be recorded, also with an error.
func (t target) run(ctx context.Context, n int64, most time.Duration, workers int) (r Run, err error) {
	if most > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, most)
		defer stop()
	}
	r = Run{
		Target: t.key(), Commit: commit(t.module), Go: runtime.Version(), Machine: machine(),
		Date: time.Now().UTC().Format(time.DateOnly),
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-run=^$", "-fuzz=^"+t.name+"$", fmt.Sprintf("-fuzztime=%dx", n),
		fmt.Sprintf("-parallel=%d", workers), "-fuzzminimizetime=100x", "./"+t.folder)
	cmd.Dir = t.module
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) } // the test too, so that it ends as it should
	cmd.WaitDelay = 30 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return r, err
	}
	cmd.Stderr = os.Stderr
	started := time.Now()
	if err := cmd.Start(); err != nil {
		return r, err
	}
	var last []string
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if match := executions.FindStringSubmatch(line); match != nil {
			r.Executions, _ = strconv.ParseInt(match[1], 10, 64)
			continue
		}
		if strings.Contains(line, "Failing input written to") {
			r.Failures++
		}
		if last = append(last, line[:min(len(line), 300)]); len(last) > 20 {
			last = last[1:]
		}
	}
	io.Copy(io.Discard, out)
	err = cmd.Wait()
	r.Seconds = int(time.Since(started).Seconds())
	switch {
	case err == nil:
	case ctx.Err() != nil && r.Failures == 0:
		err = nil // it was told to end
	default:
		err = errors.New(strings.Join(append([]string{err.Error()}, last...), "\n\t"))
	}
	return r, err
}

func commit(folder string) string {
	cmd := exec.Command("git", "describe", "--always", "--dirty", "--abbrev=12")
	cmd.Dir = folder
	out, err := cmd.Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// machine names the processor and how many of them there are, not the machine.
func machine() string {
	name := runtime.GOARCH
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				name = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%d x %s, %s", runtime.NumCPU(), name, runtime.GOOS)
}
