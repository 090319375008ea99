package autobahn

import (
	"crypto/tls"
	"runtime"
	"time"
)

// A Config says what is run and how long is waited. The zero value is ready to use. It is
// copied by whoever takes it, and must not be modified while a run goes on.
type Config struct {
	// Cases and Exclude select cases: comma-separated identifiers ("6.4.1") and groups
	// ("1.*", "*"). If Cases is empty, the default is all cases of the testsuite. The
	// groups of [MoreCases] have to be named: "H.*".
	Cases   string
	Exclude string

	// Agent is the name of the peer in the reports. If empty, the default is "peer". A
	// client that is served says itself who it is.
	Agent string

	// Parallel is how many cases run at once against a server. If zero, the default is
	// eight for each processor: many cases do nothing but wait. A client decides by itself.
	Parallel int

	// Messages is how many messages the cases of groups 12 and 13 send. If zero, the
	// default is the testsuite's 1000.
	Messages int

	// Quiet is how long a case waits where the peer has nothing to do (5.19, 5.20 and
	// 6.4). If zero, the default is the testsuite's second.
	Quiet time.Duration

	// Timeout is how long a peer has for what it has to do. If zero, the default is 2
	// seconds; the testsuite gives most cases one. Cases with long messages have more.
	Timeout time.Duration

	// TLS is the configuration for wss URLs. If nil, the default is that of crypto/tls.
	TLS *tls.Config

	// Progress, if not nil, is called with each result as it comes, from one goroutine at
	// a time.
	Progress func(*Result)
}

func (c *Config) withDefaults() *Config {
	var d Config
	if c != nil {
		d = *c
	}
	if d.Cases == "" {
		d.Cases = "*"
	}
	if d.Agent == "" {
		d.Agent = "peer"
	}
	if d.Parallel <= 0 {
		d.Parallel = 8 * runtime.GOMAXPROCS(0)
	}
	if d.Quiet <= 0 {
		d.Quiet = time.Second
	}
	if d.Timeout <= 0 {
		d.Timeout = 2 * time.Second
	}
	return &d
}
