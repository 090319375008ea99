//go:build linux

// Command load is the load generator: one epoll loop over non-blocking sockets that sends frames encoded beforehand, so that it costs less than the server that it
// measures. Only TLS, and the probes of -mode mixed, use goroutines.
//
// At the ends of the measured window nothing is in flight: it prints "mark begin" or "mark end" and waits for a line on its standard input, so that the one who started
// it can read the server's CPU time for exactly the messages counted. "mark open" asks to wait until the server knows all connections, "mark idle" to measure its
// memory, "mark quiet" what it does when nothing is to be done. At the end it prints one line of JSON: see [Result].
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"syscall"
	"time"
)

// Options are the flags.
type options struct {
	addr         string
	mode         string
	raw          bool
	conns        int
	size         int
	inflight     int
	text         bool
	compress     string
	tls          bool
	rate         float64
	slow         int
	warm, window time.Duration
	health, echo string
	leave        bool // the connections open, for the end of the process
}

// A Result is the line printed at the end.
type Result struct {
	Conns int `json:"conns"`
	// Messages is how many messages, or handshakes, were received in the window, and Elapsed how long it was, in nanoseconds.
	Messages int64 `json:"messages"`
	Elapsed  int64 `json:"elapsed_ns"`
	// CPU is the load generator's own CPU time in the window.
	CPU int64 `json:"cpu_ns"`
	// Latency is that of each message. In open mode it is counted from the time at which the message should have been sent, in modes first and held from the time at which the
	// messages in flight were sent to the first reply.
	Latency *Latency `json:"latency,omitempty"`
	// Last, in modes first and held, is the time until the last of the replies.
	Last *Latency `json:"last,omitempty"`
	// In mode slow, Alone is the latency of the quick connections before the slow ones begin, Early that in the first second with them, and Latency what follows.
	// SlowRate is how many messages a second came back on the slow ones.
	Alone    *Latency `json:"alone,omitempty"`
	Early    *Latency `json:"early,omitempty"`
	SlowRate float64  `json:"slow_rate,omitempty"`
	// Health and Echo are the probes' round trips in mode mixed.
	Health *Latency `json:"health,omitempty"`
	Echo   *Latency `json:"echo,omitempty"`
	// Extensions is the server's answer to the offer of permessage-deflate; Compressed of all Replies came with RSV1.
	Extensions string `json:"extensions,omitempty"`
	Compressed int64  `json:"compressed,omitempty"`
	Replies    int64  `json:"replies,omitempty"`
	// LateCloses is how many connections the server had not closed half a second after our Close frame, in mode handshake.
	LateCloses int64 `json:"late_closes,omitempty"`
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("load: ")
	var o options
	flag.StringVar(&o.addr, "addr", "", "the server's `address`")
	flag.StringVar(&o.mode, "mode", "closed", "closed, open, slow, broadcast, handshake, idle, quiet, first, held or mixed")
	flag.BoolVar(&o.raw, "raw", false, "the server returns bytes and speaks no WebSocket")
	flag.IntVar(&o.conns, "conns", 1, "the number of connections; of handshakes at the same time in mode handshake")
	flag.IntVar(&o.size, "size", 125, "`bytes` of a message")
	flag.IntVar(&o.inflight, "inflight", 1, "messages in flight on each connection")
	flag.BoolVar(&o.text, "text", false, "text messages instead of binary ones")
	flag.StringVar(&o.compress, "compress", "off", "off, context or nocontext")
	flag.BoolVar(&o.tls, "tls", false, "connect with TLS; closed and idle only")
	flag.Float64Var(&o.rate, "rate", 1000, "messages per second over all connections, in modes open and slow")
	flag.IntVar(&o.slow, "slow", 0, "how many of the connections send messages for which the server's handler wait waits")
	flag.DurationVar(&o.warm, "warm", 200*time.Millisecond, "how long to warm up")
	flag.DurationVar(&o.window, "window", time.Second, "how long to measure")
	flag.StringVar(&o.health, "health", "", "the `address` that serves GET /healthz, for mode mixed")
	flag.StringVar(&o.echo, "echo", "", "the `address` of a TLS echo, for mode mixed")
	flag.Parse()

	runtime.GOMAXPROCS(1)
	if o.mode == "mixed" {
		runtime.GOMAXPROCS(4) // the loop, and threads that block in the kernel and must get a P when they return
	}
	o.leave = true
	r, err := run(&o, gate)
	if err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		log.Fatal(err)
	}
	stdin.ReadString('\n') // until the one who started it has stopped the server: that thousands of connections end one by one is not measured, and takes time
}

var stdin = bufio.NewReader(os.Stdin)

// gate says that nothing is in flight and waits until it may go on.
func gate(name string) error {
	fmt.Println("mark", name)
	if _, err := stdin.ReadString('\n'); err != nil {
		return fmt.Errorf("no answer to mark %s: %w", name, err)
	}
	return nil
}

func run(o *options, gate func(string) error) (*Result, error) {
	if o.addr == "" {
		return nil, fmt.Errorf("-addr is missing")
	}
	if o.slow > o.conns {
		return nil, fmt.Errorf("of %d connections %d cannot be slow", o.conns, o.slow)
	}
	r := &Result{Conns: o.conns}
	if o.tls {
		return r, runTLS(o, r, gate)
	}
	l, err := newLoop(o)
	if err != nil {
		return nil, err
	}
	if !o.leave {
		defer l.close()
	}
	if o.mode == "handshake" {
		err := l.measure(r, gate, l.handshakes)
		r.LateCloses = l.lateCloses
		return r, err
	}
	if err := l.open(o.conns); err != nil {
		return nil, err
	}
	r.Extensions = l.extensions
	if o.mode == "broadcast" {
		// The server may still be busy with the last of the connections: it has to know them all before it is asked to send to all.
		if err := gate("open"); err != nil {
			return nil, err
		}
	}
	switch o.mode {
	case "closed":
		err = l.measure(r, gate, l.closed)
	case "mixed":
		err = l.mixed(r, gate)
	case "open":
		err = l.measure(r, gate, l.openLoop)
		r.Latency = summary(&l.latency)
	case "broadcast":
		err = l.measure(r, gate, l.broadcast)
	case "slow":
		err = l.measure(r, gate, l.slow)
		r.Alone, r.Early, r.Latency, r.SlowRate = summary(&l.alone), summary(&l.early), summary(&l.latency), l.slowRate
	case "first", "held":
		err = l.measure(r, gate, l.first)
		r.Latency, r.Last = summary(&l.latency), summary(&l.last)
	case "idle":
		if err = l.exchange(3); err == nil {
			err = gate("idle")
		}
	case "quiet":
		if err = l.exchange(3); err == nil {
			err = gate("quiet")
		}
	default:
		err = fmt.Errorf("there is no mode %q", o.mode)
	}
	for _, c := range l.conns {
		r.Replies += c.parser.count
		r.Compressed += c.parser.compressed
	}
	if o.compress == "off" {
		r.Replies = 0
	}
	return r, err
}

// measure warms up, then measures phase between two gates. A phase starts and ends with nothing in flight, and returns how many messages it received.
func (l *loop) measure(r *Result, gate func(string) error, phase func(d time.Duration, record bool) (int64, error)) error {
	return measure(l.o, r, gate, phase)
}

func measure(o *options, r *Result, gate func(string) error, phase func(d time.Duration, record bool) (int64, error)) (err error) {
	if o.warm > 0 {
		if _, err := phase(o.warm, false); err != nil {
			return fmt.Errorf("warming up: %w", err)
		}
	}
	runtime.GC() // the load's own garbage, now rather than in the window
	if err := gate("begin"); err != nil {
		return err
	}
	cpu, start := cpuTime(), time.Now()
	if r.Messages, err = phase(o.window, true); err != nil {
		return err
	}
	r.Elapsed, r.CPU = time.Since(start).Nanoseconds(), cpuTime()-cpu
	return gate("end")
}

func cpuTime() int64 {
	var ru syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &ru) != nil {
		return 0
	}
	return ru.Utime.Nano() + ru.Stime.Nano()
}
