// Command soak holds connections to a server for a while, honest ones and one attacker among ten, and says whether the server bore it.
//
//	go run ./bench/soak [-time 10m] [-quiet 30s] [-conns 1000] [-attackers 0.1] [-flood 1048576] [-driver goroutine|loop] [-every 10s] [bounds]
//
// The server is a process of its own, so that what is measured is the server's: bytes of objects on the heap, stacks, goroutines, descriptors. First the honest clients are alone, for the quiet phase; then
// the attackers come, see attack.go. Every honest message has to come back as it was: what does not is a drop. Then all leave, and the server has to be what it was before.
//
// The last lines are the verdict, one line for each bound. Exit status: 0 it was borne, 1 it was not, 2 wrong usage. Latencies are printed, and judge nothing: a machine has other things to do.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

// options are the flags.
type options struct {
	time, quiet, every time.Duration
	conns              int
	attackers          float64
	interval           time.Duration
	flood              int
	driver             string
	bounds             bounds
}

// bounds are what the server may take.
type bounds struct {
	heapGrowth, heapLeft, goroutines, descriptors, drops, outlasted int64
}

var errUsage = errors.New("wrong usage")

func parse(args []string, messages io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("soak", flag.ContinueOnError)
	f.SetOutput(messages)
	f.DurationVar(&o.time, "time", 10*time.Minute, "how long the attackers are there")
	f.DurationVar(&o.quiet, "quiet", 30*time.Second, "how long the honest clients are alone before")
	f.DurationVar(&o.every, "every", 10*time.Second, "how often the figures are printed")
	f.IntVar(&o.conns, "conns", 1000, "how many `connections` there are, attackers included")
	f.Float64Var(&o.attackers, "attackers", 0.1, "the `share` of attackers")
	f.DurationVar(&o.interval, "interval", time.Second, "the mean pause between the messages of an honest client")
	f.IntVar(&o.flood, "flood", 1<<20, "how many `bytes` a second an attacker sends who floods")
	f.StringVar(&o.driver, "driver", "goroutine", "what drives the server's connections: "+driverNames())
	f.Int64Var(&o.bounds.heapGrowth, "max-heap-growth", 16<<20, "how many `bytes` more the heap may have under attack than before")
	f.Int64Var(&o.bounds.heapLeft, "max-heap-left", 2<<20, "how many `bytes` more the heap may have when all have left than before they came, without what the runtime keeps of goroutines")
	f.Int64Var(&o.bounds.goroutines, "max-goroutines-left", 0, "the same for goroutines")
	f.Int64Var(&o.bounds.descriptors, "max-descriptors-left", 0, "the same for descriptors")
	f.Int64Var(&o.bounds.drops, "max-drops", 0, "how many honest messages may be lost, or come back as another")
	f.Int64Var(&o.bounds.outlasted, "max-outlasted", 0, "how many attacks the server may bear for a minute without ending the connection")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	var err error
	switch {
	case f.NArg() > 0:
		err = fmt.Errorf("%w: unexpected argument %q", errUsage, f.Arg(0))
	case drivers[o.driver] == nil:
		err = fmt.Errorf("%w: there is no driver %q; there is: %s", errUsage, o.driver, driverNames())
	case o.conns < 1 || o.attackers < 0 || o.attackers > 1:
		err = fmt.Errorf("%w: -conns has to be positive, and -attackers between 0 and 1", errUsage)
	case o.time <= 0 || o.quiet <= 0 || o.every <= 0 || o.interval <= 0 || o.flood <= 0:
		err = fmt.Errorf("%w: -time, -quiet, -every, -interval and -flood have to be positive", errUsage)
	}
	if err != nil {
		fmt.Fprintln(messages, "soak:", err)
	}
	return o, err
}

func main() {
	if driver := os.Getenv(serverVariable); driver != "" {
		if err := serve(driver, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "soak: server:", err)
			os.Exit(1)
		}
		return
	}
	o, err := parse(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		os.Exit(2)
	}
	ok, err := soak(context.Background(), o, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// soak runs all phases and prints what it finds; ok is the verdict.
func soak(ctx context.Context, o options, out io.Writer) (ok bool, err error) {
	s, err := startServer(o.driver)
	if err != nil {
		return false, err
	}
	defer s.stop()
	before, err := s.warm()
	if err != nil {
		return false, err
	}
	attackers := int(float64(o.conns) * o.attackers)
	fmt.Fprintf(out, "driver %s, %d connections, %d of them attackers, %v quiet and %v under attack\n", o.driver, o.conns, attackers, o.quiet, o.time)
	fmt.Fprintln(out, reportHead)

	crowd, leave := context.WithCancel(ctx)
	defer leave()
	h := newHonest(s.address, o.interval)
	h.start(crowd, o.conns-attackers)
	p := phase{server: s, honest: h, out: out, every: o.every}
	var v figures
	if v.quiet, err = p.run(ctx, "quiet", o.quiet); err != nil {
		return false, err
	}
	calm, err := s.stats("settled")
	if err != nil {
		return false, err
	}
	a := newAttackers(s.address, o.flood)
	p.attackers = a
	a.start(crowd, attackers)
	if v.hostile, err = p.run(ctx, "hostile", o.time); err != nil {
		return false, err
	}
	pressed, err := s.stats("settled")
	if err != nil {
		return false, err
	}
	leave()
	h.wait()
	a.wait()
	after, err := settle(s, before)
	if err != nil {
		return false, err
	}
	v.messages, v.drops, v.firstDrop = h.messages.Load(), h.drops.Load(), h.firstDrop()
	v.attacks, v.outlasted = a.total(), a.outlasted()
	v.heapGrowth = pressed.Heap - calm.Heap
	v.heapLeft = after.Heap - before.Heap - goroutineRecord*(after.Peak-before.Peak)
	v.goroutines = after.Goroutines - before.Goroutines
	v.descriptors = after.Descriptors - before.Descriptors
	fmt.Fprintln(out)
	a.print(out)
	return v.verdict(o.bounds, out), nil
}

// goroutineRecord is what the runtime keeps of each goroutine of those that there were at the same time, for the next ones: 480 bytes, and its place in the list of all. Nobody has lost that.
const goroutineRecord = 488

// settle waits for the server to be what it was before, as long as what closes may linger.
func settle(s *server, before stats) (after stats, err error) {
	for range 60 {
		if after, err = s.stats("settled"); err != nil || after.Goroutines <= before.Goroutines && after.Descriptors <= before.Descriptors {
			return after, err
		}
		time.Sleep(500 * time.Millisecond)
	}
	return after, nil
}
