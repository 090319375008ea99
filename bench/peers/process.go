//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A process is a program that was started on cores of its own, and the lines that it prints.
type process struct {
	name   string
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	lines  chan string
	stderr tail
}

// start starts a program on the given cores. It dies with this process, and when ctx ends.
func start(ctx context.Context, name string, pin []int, env []string, argv ...string) (*process, error) {
	p := &process{name: name, cmd: exec.CommandContext(ctx, argv[0], argv[1:]...), lines: make(chan string, 16)}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stderr = &p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.cmd.WaitDelay = time.Second
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	p.stdin = stdin
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := startPinned(p.cmd, pin); err != nil {
		return nil, fmt.Errorf("starting the %s: %w", name, err)
	}
	go func() {
		defer close(p.lines)
		scanner := bufio.NewScanner(stdout)
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			p.lines <- scanner.Text()
		}
	}()
	return p, nil
}

// startPinned starts cmd with an affinity: a child inherits that of the thread that forks.
func startPinned(cmd *exec.Cmd, pin []int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, wanted unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("sched_getaffinity: %w", err)
	}
	for _, core := range pin {
		wanted.Set(core)
	}
	if err := unix.SchedSetaffinity(0, &wanted); err != nil {
		return fmt.Errorf("sched_setaffinity: %w", err)
	}
	err := cmd.Start()
	return errors.Join(err, unix.SchedSetaffinity(0, &before))
}

// line waits for a line of output.
func (p *process) line(timeout time.Duration) (string, error) {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case s, ok := <-p.lines:
		if !ok {
			return "", fmt.Errorf("the %s ended: %s", p.name, p.stderr.String())
		}
		return s, nil
	case <-timer.C:
		return "", fmt.Errorf("the %s has printed nothing for %v: %s", p.name, timeout, p.stderr.String())
	}
}

// ended says how a process ended that should not have, nil if it runs. It gives it a moment: what else failed may have been the first to notice.
func (p *process) ended() error {
	select {
	case line, ok := <-p.lines:
		if ok {
			return fmt.Errorf("the %s printed %q", p.name, line)
		}
		p.cmd.Wait()
		return fmt.Errorf("the %s ended: %v, %s", p.name, p.cmd.ProcessState, p.stderr.String())
	case <-time.After(200 * time.Millisecond):
		return nil
	}
}

// stop asks the process to end, and insists after a second.
func (p *process) stop() {
	p.stdin.Close()
	p.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(time.Second, func() { p.cmd.Process.Kill() })
	defer timer.Stop()
	for range p.lines { // so that it is not stuck in a write
	}
	p.cmd.Wait()
}

// stats is what a server prints on a signal: see the server program.
type stats struct {
	CPU     int64 `json:"cpu_ns"`
	Heap    int64 `json:"heap_bytes"`
	Stack   int64 `json:"stack_bytes"`
	Runtime int64 `json:"runtime_bytes"`
	Conns   *int  `json:"conns"`

	rss int64
}

// ask sends a server a signal and reads its answer.
func (p *process) ask(sig syscall.Signal) (s stats, err error) {
	if err := p.cmd.Process.Signal(sig); err != nil {
		return s, fmt.Errorf("signalling the server: %w", err)
	}
	line, err := p.line(20 * time.Second)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal([]byte(line), &s); err != nil {
		return s, fmt.Errorf("the server answered %v with %q: %w", sig, line, err)
	}
	s.rss = residentSize(p.cmd.Process.Pid)
	return s, nil
}

// residentSize reads VmRSS, 0 if it cannot.
func residentSize(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			var n int64
			fmt.Sscan(rest, &n)
			return n << 10
		}
	}
	return 0
}

// idle watches a process that has nothing to do: after a third of d, to come to rest, it counts how often a thread woke up and waited again (voluntary context switches), and
// its CPU time in nanoseconds, each per second. The process is not asked: that would wake it up.
func (p *process) idle(ctx context.Context, d time.Duration) (wakeups, cpu float64, err error) {
	var at [2]time.Time
	var seen [2]map[string]threadCount
	for i, pause := range []time.Duration{d / 3, d - d/3} {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		}
		at[i] = time.Now()
		if seen[i], err = threadCounts(p.cmd.Process.Pid); err != nil {
			return 0, 0, err
		}
	}
	seconds := at[1].Sub(at[0]).Seconds()
	for thread, after := range seen[1] { // one that is new counts from 0
		wakeups += float64(after.switches-seen[0][thread].switches) / seconds
		cpu += float64(after.cpu-seen[0][thread].cpu) / seconds
	}
	return wakeups, cpu, nil
}

// A threadCount is what the kernel counts for a thread: voluntary context switches, and nanoseconds of CPU time.
type threadCount struct{ switches, cpu int64 }

func threadCounts(pid int) (map[string]threadCount, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if err != nil || len(threads) == 0 {
		return nil, fmt.Errorf("process %d has no threads to be seen", pid)
	}
	counts := make(map[string]threadCount)
	for _, thread := range threads {
		var c threadCount
		status, err := os.ReadFile(filepath.Join(thread, "status"))
		if err != nil {
			continue // it has ended
		}
		for line := range strings.Lines(string(status)) {
			if rest, ok := strings.CutPrefix(line, "voluntary_ctxt_switches:"); ok {
				fmt.Sscan(rest, &c.switches)
			}
		}
		if schedstat, err := os.ReadFile(filepath.Join(thread, "schedstat")); err == nil {
			fmt.Sscan(string(schedstat), &c.cpu)
		}
		counts[thread] = c
	}
	return counts, nil
}

// A tail keeps the last 2 KiB of what is written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	t.b = t.b[max(len(t.b)-2<<10, 0):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.b) == 0 {
		return "nothing on standard error"
	}
	return strings.TrimSpace(string(t.b))
}
