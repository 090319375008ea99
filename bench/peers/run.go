//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A run is one library in one scenario in one round.
type run struct {
	scenario *scenario
	peer     *peer
	round    int
}

// A skip is a library that cannot run a scenario.
type skip struct {
	scenario *scenario
	peer     *peer
	reason   string
}

// plan puts the runs in order: in each round all scenarios, in each scenario all libraries, and in each round another library first. So what changes slowly on the
// machine touches all libraries alike.
func plan(o *options) (runs []run, skipped []skip) {
	for round := range o.rounds {
		for i := range o.scenarios {
			s := &o.scenarios[i]
			if s.Rounds > 0 && round >= s.Rounds {
				continue
			}
			for k := range o.peers {
				p := o.peers[(k+round)%len(o.peers)]
				if reason := s.unsupported(p); reason != "" {
					if round == 0 {
						skipped = append(skipped, skip{s, p, reason})
					}
					continue
				}
				runs = append(runs, run{s, p, round})
			}
		}
	}
	return runs, skipped
}

// A latency is what the load generator prints: see the load program.
type latency struct {
	Count int64 `json:"count"`
	P50   int64 `json:"p50_ns"`
	P90   int64 `json:"p90_ns"`
	P99   int64 `json:"p99_ns"`
	P999  int64 `json:"p999_ns"`
	Max   int64 `json:"max_ns"`
}

// A measurement is what one run found.
type measurement struct {
	// The load generator's part.
	Messages   int64    `json:"messages"`
	Elapsed    int64    `json:"elapsed_ns"`
	LoadCPU    int64    `json:"cpu_ns"`
	Latency    *latency `json:"latency"`
	Last       *latency `json:"last"`
	Health     *latency `json:"health"`
	Echo       *latency `json:"echo"`
	Extensions string   `json:"extensions"`
	Compressed int64    `json:"compressed"`
	Replies    int64    `json:"replies"`
	Alone      *latency `json:"alone"`
	Early      *latency `json:"early"`
	SlowRate   float64  `json:"slow_rate"`
	LateCloses int64    `json:"late_closes"`

	// The server's CPU time in the window, and its memory for each connection.
	cpu                       int64
	heap, stack, runtime, rss float64
	// Of a process that has nothing to do: how often it woke up, and its CPU time in nanoseconds, each second.
	wakeups, idleCPU float64
}

// perMessage is the CPU time of the server per message, in nanoseconds.
func (m *measurement) perMessage() float64 {
	if m.Messages == 0 {
		return 0
	}
	return float64(m.cpu) / float64(m.Messages)
}

// measure starts a server and the load generator, and stops both.
func (r run) measure(ctx context.Context, o *options, c cores) (*measurement, error) {
	raiseLimit()
	s := r.scenario
	argv := []string{filepath.Join(o.bin, "peers-server"), "-lib", r.peer.Name, "-handler", s.Handler, "-compress", s.Compress, "-buffer", fmt.Sprint(rawBuffer(s))}
	if s.Wait > 0 {
		argv = append(argv, "-wait", s.Wait.String())
	}
	if s.TLS {
		argv = append(argv, "-tls")
	}
	if s.Side {
		argv = append(argv, "-side")
	}
	serverCores, loadCores := []int{c.server}, c.load
	if s.Procs > 1 {
		serverCores = append(slices.Clone(c.load), c.server)
		loadCores = serverCores
	}
	env := []string{fmt.Sprintf("GOMAXPROCS=%d", max(s.Procs, 1))}
	if r.peer.Command != "" {
		argv = []string{"/bin/sh", "-c", "exec " + r.peer.Command}
		env = append(env, "BENCH_HANDLER="+s.Handler, "BENCH_COMPRESS="+s.Compress, "BENCH_WAIT="+s.Wait.String(), fmt.Sprintf("BENCH_TLS=%t", s.TLS), fmt.Sprintf("BENCH_SIDE=%t", s.Side))
	}
	server, err := start(ctx, "server", serverCores, env, argv...)
	if err != nil {
		return nil, err
	}
	defer server.stop()
	line, err := server.line(20 * time.Second)
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(line)
	if len(fields) < 2 || fields[0] != "listening" {
		return nil, fmt.Errorf("the server printed %q instead of listening ADDR", line)
	}
	var before stats
	if s.Mode == "idle" {
		if before, err = server.ask(syscall.SIGUSR2); err != nil {
			return nil, err
		}
	}

	window := o.window * time.Duration(max(s.Window, 1))
	argv = []string{
		filepath.Join(o.bin, "peers-load"), "-addr", fields[1], "-mode", s.Mode, "-conns", fmt.Sprint(s.Conns), "-size", fmt.Sprint(s.Size),
		"-inflight", fmt.Sprint(s.Inflight), "-compress", s.Compress, "-rate", fmt.Sprint(s.Rate), "-slow", fmt.Sprint(s.Slow), "-warm", o.warm.String(), "-window", window.String(),
		fmt.Sprintf("-text=%t", s.Text), fmt.Sprintf("-tls=%t", s.TLS), fmt.Sprintf("-raw=%t", r.peer.Raw),
	}
	for _, f := range fields[2:] {
		name, value, _ := strings.Cut(f, "=")
		switch name {
		case "health":
			argv = append(argv, "-health", value)
		case "tls":
			argv = append(argv, "-echo", value)
		}
	}
	load, err := start(ctx, "load generator", loadCores, nil, argv...)
	if err != nil {
		return nil, err
	}
	defer load.stop()
	var begin, end, idle stats
	m := new(measurement)
	for {
		line, err := load.line(60*time.Second + o.warm + window)
		if err != nil {
			return nil, errors.Join(err, server.ended())
		}
		switch line {
		case "mark open":
			err = waitForConns(server, s.Conns)
		case "mark begin":
			begin, err = server.ask(syscall.SIGUSR1)
		case "mark end":
			end, err = server.ask(syscall.SIGUSR1)
		case "mark idle":
			idle, err = server.ask(syscall.SIGUSR2)
		case "mark quiet":
			m.wakeups, m.idleCPU, err = server.idle(ctx, window)
		default:
			server.stop() // first: one that ends has less to do than one whose connections end
			return m, r.result(m, line, begin, end, before, idle)
		}
		if err != nil {
			return nil, err
		}
		if _, err := load.stdin.Write([]byte("\n")); err != nil {
			return nil, fmt.Errorf("the load generator ended: %s", load.stderr.String())
		}
	}
}

// result reads the load generator's last line.
func (r run) result(m *measurement, line string, begin, end, before, idle stats) error {
	if err := json.Unmarshal([]byte(line), m); err != nil {
		return fmt.Errorf("the load generator printed %q: %w", line, err)
	}
	m.cpu = end.CPU - begin.CPU
	switch r.scenario.Mode {
	case "idle":
		per := func(after, before int64) float64 { return float64(after-before) / float64(r.scenario.Conns) }
		m.heap, m.stack, m.runtime, m.rss = per(idle.Heap, before.Heap), per(idle.Stack, before.Stack), per(idle.Runtime, before.Runtime), per(idle.rss, before.rss)
		return nil
	case "quiet":
		return nil
	}
	if m.Messages == 0 {
		return fmt.Errorf("no message came back")
	}
	if m.Replies > 0 && m.Compressed == 0 {
		return fmt.Errorf("none of %d replies was compressed", m.Replies)
	}
	return nil
}

// waitForConns waits until the server knows all connections. One that does not count them gets half a second.
func waitForConns(server *process, want int) error {
	for range 500 {
		s, err := server.ask(syscall.SIGUSR1)
		if err != nil {
			return err
		}
		if s.Conns == nil {
			time.Sleep(500 * time.Millisecond)
			return nil
		}
		if *s.Conns >= want {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("the server does not know all of %d connections", want)
}

// rawBuffer is the references' buffer: 64 KiB, for the largest messages 256 KiB, and 4 KiB where a larger one would be most of what is measured: with many
// connections, idle ones, and new ones.
func rawBuffer(s *scenario) int {
	switch {
	case s.Mode == "idle" || s.Mode == "handshake" || s.Conns >= 1000:
		return 4 * kib
	case s.Size > 64*kib:
		return 256 * kib
	}
	return 64 * kib
}
