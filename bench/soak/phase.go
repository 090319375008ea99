package main

import (
	"context"
	"fmt"
	"io"
	"time"
)

// reportHead is the head of the table that phase.run prints.
const reportHead = "phase      time    heap KiB  stacks KiB  goroutines  descriptors  messages    p50       p99       drops  attacks"

// A phase is a while with the same company.
type phase struct {
	server    *server
	honest    *honest
	attackers *attackers // nil if there are none
	out       io.Writer
	every     time.Duration
}

// run prints a line now and then for d, and returns the latencies of the whole.
func (p *phase) run(ctx context.Context, name string, d time.Duration) (latencies histogram, err error) {
	p.honest.latencies.take()
	end := time.After(d)
	tick := time.NewTicker(min(p.every, d))
	defer tick.Stop()
	begin := time.Now()
	for over := false; !over; {
		select {
		case <-ctx.Done():
			return latencies, ctx.Err()
		case <-end:
			over = true
		case <-tick.C:
		}
		s, err := p.server.stats("now")
		if err != nil {
			return latencies, err
		}
		some := p.honest.latencies.take()
		latencies.add(&some)
		attacks := int64(0)
		if p.attackers != nil {
			attacks = p.attackers.total()
		}
		fmt.Fprintf(p.out, "%-8s %6.0f s %10d %11d %11d %12d %9d %9v %9v %8d %8d\n", name, time.Since(begin).Seconds(), s.Heap>>10, s.Stacks>>10, s.Goroutines, s.Descriptors,
			p.honest.messages.Load(), some.quantile(0.5), some.quantile(0.99), p.honest.drops.Load(), attacks)
	}
	return latencies, nil
}
