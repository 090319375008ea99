//go:build linux

package main

import (
	"fmt"
	"time"
)

// A scenario is one question asked of every library.
type scenario struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	// Unit is what the CPU time is divided by.
	Unit string `json:"unit"`

	// Group is the chart and the table that it belongs to.
	Group    string  `json:"group"`
	Mode     string  `json:"mode"`
	Handler  string  `json:"handler"`
	Compress string  `json:"compress"`
	TLS      bool    `json:"tls,omitempty"`
	Text     bool    `json:"text,omitempty"`
	Size     int     `json:"size"`
	Conns    int     `json:"connections"`
	Inflight int     `json:"in_flight"`
	Rate     float64 `json:"rate,omitempty"`
	// Wait is how long the handler wait sleeps for the messages that ask for it: those of the last Slow connections.
	Wait time.Duration `json:"wait_ns,omitempty"`
	Slow int           `json:"slow_connections,omitempty"`
	// Procs is GOMAXPROCS. The server runs on one core alone if it is 0, for 1, and shares all cores with the load generator otherwise.
	Procs int `json:"gomaxprocs,omitempty"`
	// Base is the scenario whose CPU time, of the same library in the same round, this one's is divided by.
	Base string `json:"base,omitempty"`

	// Rounds is the most rounds that it runs, 0 for all.
	Rounds int `json:"max_rounds,omitempty"`
	// Window multiplies the window, 0 for 1.
	Window int `json:"window_factor,omitempty"`
	// Messages says that the server must know messages, which the references do not.
	Messages bool `json:"-"`
	// Side says that the server must also serve GET /healthz and a TLS echo.
	Side bool `json:"-"`
}

const (
	kib = 1 << 10
	mib = 1 << 20
)

// rates are those of the latency curve, in messages per second.
var rates = []float64{5_000, 20_000, 40_000, 60_000}

// allScenarios returns the scenarios. A quick run has fewer connections, and fewer points of the latency curve.
func allScenarios(quick bool) []scenario {
	many, recipients, sessions := 10_000, 5_000, 1_000
	if quick {
		many, recipients, sessions = 1_000, 500, 200
	}
	most := maxConns()
	many, recipients = min(many, most), min(recipients, most)

	var all []scenario
	add := func(s scenario) {
		if s.Unit == "" {
			s.Unit = "message"
		}
		if s.Mode == "" {
			s.Mode = "closed"
		}
		if s.Handler == "" {
			s.Handler = "echo"
		}
		if s.Compress == "" {
			s.Compress = "off"
		}
		s.Inflight = max(s.Inflight, 1)
		all = append(all, s)
	}
	for _, conns := range []int{1, 100} {
		for _, size := range []int{16, 125, kib, 4 * kib, 64 * kib, mib} {
			if conns == 100 && size == mib && quick {
				continue // 100 MiB in flight do not come to rest in a short window
			}
			rounds := 0
			if conns == 100 && size == mib {
				rounds = 5 // 100 MiB must come to rest twice
			}
			add(scenario{
				Name: fmt.Sprintf("echo/%s/%d", sizeName(size), conns), Group: fmt.Sprintf("echo-%d", conns),
				Title: fmt.Sprintf("Echo of %s, %s", spacedSize(size), plural(conns, "connection")),
				Size:  size, Conns: conns, Rounds: rounds,
			})
			if conns == 100 && size == kib { // here, because its base must be measured shortly before
				add(scenario{
					Name: "cores", Group: "cores", Title: "Echo of 1 KiB, 100 connections, GOMAXPROCS=2, server and load on two cores", Size: kib, Conns: 100, Procs: 2, Base: all[len(all)-1].Name,
				})
			}
		}
	}
	add(scenario{Name: fmt.Sprintf("echo/128B/%d", many), Group: "many", Title: fmt.Sprintf("Echo of 128 B, %s connections", grouped(many)), Size: 128, Conns: many, Rounds: 5, Window: 4})
	add(scenario{Name: "pipelined", Group: "pipelined", Title: "Echo of 1 KiB, 16 in flight on each of 100 connections", Size: kib, Conns: 100, Inflight: 16})
	add(scenario{Name: "text", Group: "text", Title: "Echo of 1 KiB of text, 100 connections", Size: kib, Conns: 100, Text: true})
	add(scenario{Name: "compressed/context", Group: "compressed", Title: "Echo of 1 KiB of JSON, compressed with context takeover, 100 connections", Size: kib, Conns: 100, Text: true, Compress: "context"})
	add(scenario{Name: "compressed/nocontext", Group: "compressed", Title: "Echo of 1 KiB of JSON, compressed without context takeover, 100 connections", Size: kib, Conns: 100, Text: true, Compress: "nocontext"})
	add(scenario{Name: "tls", Group: "tls", Title: "Echo of 1 KiB over TLS, 100 connections", Size: kib, Conns: 100, TLS: true})
	add(scenario{Name: "handshake", Group: "handshake", Title: "Connect, upgrade, close; 16 at a time", Unit: "handshake", Mode: "handshake", Size: 16, Conns: 16})
	add(scenario{Name: "broadcast", Group: "broadcast", Title: fmt.Sprintf("One message of 512 B to %s connections", grouped(recipients)), Unit: "recipient", Mode: "broadcast", Handler: "broadcast", Size: 512, Conns: recipients, Rounds: 5, Window: 3})
	add(scenario{Name: "idle/echo", Group: "idle", Title: fmt.Sprintf("Memory of an idle connection, %s open", grouped(many)), Unit: "connection", Mode: "idle", Size: 125, Conns: many, Rounds: 2})
	add(scenario{Name: "idle/deep", Group: "idle", Title: fmt.Sprintf("The same after a handler that used 8 KiB of stack, %s open", grouped(many)), Unit: "connection", Mode: "idle", Handler: "deep", Size: 125, Conns: many, Rounds: 2})
	add(scenario{Name: "idle/tls", Group: "idle", Title: fmt.Sprintf("Memory of an idle TLS connection, %s open", grouped(sessions)), Unit: "connection", Mode: "idle", Size: 125, Conns: sessions, TLS: true, Rounds: 2})
	for i, rate := range rates {
		if quick && i%2 == 0 {
			continue
		}
		add(scenario{
			Name: fmt.Sprintf("latency/%.0f", rate), Group: "latency", Title: fmt.Sprintf("Latency at %s messages of 125 B per second over 100 connections, open loop", grouped(int(rate))),
			Mode: "open", Size: 125, Conns: 100, Rate: rate, Rounds: 5, Window: 4,
		})
	}
	add(scenario{Name: "first", Group: "first", Title: "Time to the first and to the last of 16 replies, the handler takes 100 us", Mode: "first", Handler: "sleep", Size: kib, Conns: 1, Inflight: 16, Rounds: 5, Window: 2, Messages: true})
	add(scenario{
		Name: "held", Group: "held", Title: "Time to the first of 2 replies, the handler sleeps 20 ms with the second message", Mode: "held", Handler: "wait", Wait: 20 * time.Millisecond, Size: 125,
		Conns: 1, Inflight: 2, Rounds: 2, Window: 14, Messages: true,
	})
	add(scenario{Name: "sleep", Group: "sleep", Title: "Echo of 125 B, 100 connections, the handler sleeps 1 ms", Handler: "wait", Wait: time.Millisecond, Size: 125, Conns: 100, Slow: 100})
	add(scenario{
		Name: "slow", Group: "slow", Title: "Latency of 90 connections with quick handlers at 20,000 messages of 125 B per second, open loop, alone and beside 10 whose handlers sleep 10 ms", Mode: "slow",
		Handler: "wait", Wait: 10 * time.Millisecond, Size: 125, Conns: 100, Slow: 10, Rate: 20_000, Rounds: 3, Window: 12,
	})
	add(scenario{Name: "wakeups", Group: "wakeups", Title: "Wake-ups of an idle process with 100 open connections", Mode: "quiet", Size: 125, Conns: 100, Rounds: 3, Window: 10})
	add(scenario{Name: "mixed", Group: "mixed", Title: "An HTTP request and a TLS echo in the same process while it is saturated by 100 connections with 125 B", Mode: "mixed", Size: 125, Conns: 100, Rounds: 5, Window: 7, Side: true})
	return all
}

// unsupported says why p cannot run s, "" if it can.
func (s *scenario) unsupported(p *peer) string {
	switch {
	case s.Compress != "off" && p.Raw:
		return "the references know no compression"
	case s.Compress != "off" && !p.can(s.Compress):
		if s.Compress == "context" {
			return "has no compression with context takeover"
		}
		return "has no compression"
	case s.TLS && !p.can("tls"):
		return "has no TLS"
	case s.Messages && p.Raw:
		return "the references do not know where a message ends"
	case s.Handler != "echo" && !p.can(s.Handler):
		return "has no handler " + s.Handler
	case s.Procs > 1 && !p.can("procs"):
		return "has no threads that GOMAXPROCS chooses"
	case s.Side && !p.can("side"):
		return "does not serve /healthz and a TLS echo"
	}
	return ""
}

func sizeName(n int) string {
	switch {
	case n >= mib && n%mib == 0:
		return fmt.Sprintf("%dMiB", n/mib)
	case n >= kib && n%kib == 0:
		return fmt.Sprintf("%dKiB", n/kib)
	}
	return fmt.Sprintf("%dB", n)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return grouped(n) + " " + noun + "s"
}

// grouped writes 10000 as 10,000.
func grouped(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
