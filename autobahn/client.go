package autobahn

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// TestServer runs cases against the server at a ws or wss URL, which has to send every
// message back. The error is about the run, not about the server: a wrong URL or selection,
// or a context that is done. If ctx ends, so do all connections, and the results so far are
// returned with the error.
func TestServer(ctx context.Context, rawURL string, config *Config) (*Report, error) {
	cfg := config.withDefaults()
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "ws" && u.Scheme != "wss" || u.Host == "" {
		return nil, fmt.Errorf("%q is no ws or wss URL", rawURL)
	}
	cases, err := cfg.Select("server")
	if err != nil {
		return nil, err
	}
	report := &Report{Role: "server", Started: time.Now(), Messages: cfg.messages()}
	work := make(chan *Case)
	results := make(chan *Result)
	var workers sync.WaitGroup
	for range min(cfg.Parallel, len(cases)) {
		workers.Go(func() {
			for c := range work {
				if r := cfg.testServer(ctx, u, c); r != nil {
					results <- r
				}
			}
		})
	}
	go func() {
		// The cases that take longest begin first, so that the end is not one of them alone.
		order := slices.Clone(cases)
		slices.SortStableFunc(order, func(a, b *Case) int { return b.weight() - a.weight() })
		for _, c := range order {
			select {
			case work <- c:
			case <-ctx.Done():
			}
		}
		close(work)
		workers.Wait()
		close(results)
	}()
	for r := range results {
		report.Results = append(report.Results, r)
		if cfg.Progress != nil {
			cfg.Progress(r)
		}
	}
	report.finish()
	return report, ctx.Err()
}

// weight is about how long a case takes.
func (c *Case) weight() (n int) {
	for _, s := range c.Steps {
		if s.Pause {
			n += 1 << 30
		}
	}
	if r := c.Rounds; r != nil {
		n += r.Count * r.Size
		for _, piece := range []int{r.Fragment, r.Chop} {
			if piece > 0 {
				n += r.Count * r.Size / piece * 64
			}
		}
	}
	return n
}

// testServer runs one case. The result is nil if ctx was done.
func (cfg *Config) testServer(ctx context.Context, u *url.URL, c *Case) *Result {
	r := &Result{Case: c, Agent: cfg.Agent, Started: time.Now()}
	defer func() { r.Duration = time.Since(r.Started) }()
	limited, cancel := context.WithTimeout(ctx, max(cfg.Timeout, 5*time.Second))
	defer cancel()
	conn, err := dialTCP(limited, u, cfg.TLS)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		r.notOpened("The server cannot be reached: " + err.Error() + ".")
		return r
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	conn.SetDeadline(time.Now().Add(max(cfg.Timeout, 5*time.Second)))
	offer := c.Offer
	if c.Deflate != nil {
		offer = c.Deflate.offer()
	}
	o, err := shakeHands(conn, u, offer)
	r.Request, r.Response = o.request, o.response
	s := &session{c: c, cfg: cfg, conn: conn}
	if err == nil {
		err = s.agree(o.extensions)
	}
	if err != nil {
		conn.Close()
		if ctx.Err() != nil {
			return nil
		}
		r.notOpened("The opening handshake failed: " + err.Error() + ".")
		if c.MayRefuse && strings.HasPrefix(o.response, "HTTP/1.1 400 ") {
			r.Behavior, r.Why = OK, "The server refused the handshake."
			r.BehaviorClose, r.WhyClose = OK, "There was no connection to close."
		}
		return r
	}
	conn.SetDeadline(time.Time{})
	s.play(o.rest)
	conn.Close()
	if ctx.Err() != nil {
		return nil
	}
	s.judge(r)
	return r
}

// agree takes the server's answer to our offer of extensions.
func (s *session) agree(answer string) error {
	if s.c.Deflate == nil {
		if s.c.Offer == "" && answer != "" {
			return fmt.Errorf("the answer has the extension %q, and none was offered", answer)
		}
		if s.c.Offer != "" && answer != "" {
			return s.agreeOneOf(answer)
		}
		return nil
	}
	p, ok, err := agreed(answer)
	if ok && s.c.Deflate.binds(p, false) {
		s.deflater, s.inflater = p.codecs(s.weServe)
		s.p.compressed = true
	}
	return err
}

// agreeOneOf takes an answer to an offer that the case wrote out.
func (s *session) agreeOneOf(answer string) error {
	p, _, err := agreed(answer)
	if err == nil {
		err = s.c.Allowed.check(answer, p)
	}
	if err != nil {
		return err
	}
	s.deflater, s.inflater = p.codecs(s.weServe)
	s.p.compressed = true
	return nil
}
