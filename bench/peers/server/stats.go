//go:build linux

package main

import (
	"encoding/json"
	"os"
	"runtime"
	"runtime/metrics"
	"syscall"
)

// Stats is the line that a server prints on SIGUSR1 and SIGUSR2. A server of another kind prints the same line: cpu_ns is required, the rest may be missing.
type Stats struct {
	// CPU is the user and system time of the process, in nanoseconds.
	CPU int64 `json:"cpu_ns"`
	// Heap is what the objects on the heap take, Stack what the goroutines' stacks take, and Runtime what the runtime keeps besides (spans, caches, poll
	// descriptors, threads' stacks), in bytes.
	Heap    int64 `json:"heap_bytes"`
	Stack   int64 `json:"stack_bytes"`
	Runtime int64 `json:"runtime_bytes"`
	// Goroutines and Conns are counts.
	Goroutines int   `json:"goroutines"`
	Conns      int64 `json:"conns"`
}

// readStats reads the CPU time first: what follows is the price of asking.
func readStats(s *setup) (st Stats) {
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err == nil {
		st.CPU = ru.Utime.Nano() + ru.Stime.Nano()
	}
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/stacks:bytes"},
		{Name: "/memory/classes/os-stacks:bytes"},
		{Name: "/memory/classes/metadata/mspan/inuse:bytes"},
		{Name: "/memory/classes/metadata/mcache/inuse:bytes"},
		{Name: "/memory/classes/metadata/other:bytes"},
		{Name: "/memory/classes/other:bytes"},
	}
	metrics.Read(samples)
	value := func(i int) int64 { return int64(samples[i].Value.Uint64()) }
	st.Heap, st.Stack = value(0), value(1)
	for i := 2; i < len(samples); i++ {
		st.Runtime += value(i)
	}
	st.Goroutines = runtime.NumGoroutine()
	st.Conns = s.conns.Load()
	return st
}

func printStats(s *setup) {
	line, err := json.Marshal(readStats(s))
	if err != nil {
		panic(err) // a struct of integers
	}
	os.Stdout.Write(append(line, '\n'))
}
