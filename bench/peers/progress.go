//go:build linux

package main

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// progress is one line on a terminal that is written again and again, and elsewhere a line for each scenario of a round.
type progress struct {
	terminal    bool
	total, done int
	start       time.Time
	last        string
}

func newProgress(total int) *progress {
	_, err := unix.IoctlGetTermios(int(os.Stdout.Fd()), unix.TCGETS)
	return &progress{terminal: err == nil, total: total, start: time.Now()}
}

func (p *progress) before(r run) {
	key := fmt.Sprintf("round %d, %s", r.round+1, r.scenario.Name)
	if p.terminal {
		fmt.Printf("\r\033[K%3d %%  %s left  %s, %s", 100*p.done/max(p.total, 1), p.left(), key, r.peer.Name)
	} else if key != p.last {
		fmt.Printf("%3d %%  %s left  %s\n", 100*p.done/max(p.total, 1), p.left(), key)
	}
	p.last = key
}

func (p *progress) after(r run, err error) {
	p.done++
	if err == nil {
		return
	}
	if p.terminal {
		fmt.Print("\r\033[K")
	}
	fmt.Printf("failed: %s, %s, round %d: %v\n", r.scenario.Name, r.peer.Name, r.round+1, err)
}

func (p *progress) end() {
	if p.terminal {
		fmt.Print("\r\033[K")
	}
	fmt.Printf("%d of %d runs in %v\n", p.done, p.total, time.Since(p.start).Round(time.Second))
}

// left guesses from what has been done; the first runs say little.
func (p *progress) left() string {
	if p.done < 5 {
		return "  ?  "
	}
	d := time.Since(p.start) / time.Duration(p.done) * time.Duration(p.total-p.done)
	return fmt.Sprintf("%2d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}
