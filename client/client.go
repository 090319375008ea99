package client

import (
	"context"
	"iter"
	"time"

	"github.com/hawser-go/hawser/conn"
	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/handshake"
)

// Client opens a connection, and another one after its end. The fields must not be modified while Connections runs; several loops may run at once, each with connections of its own.
// For the durations, zero means the default and negative means none.
type Client struct {
	// URL and Config are what [conn.Dial] is called with.
	URL    string
	Config *conn.Config

	// Dial is called in place of conn.Dial if it is not nil: to choose among several servers, or for a fresh token. Config and URL have no meaning then.
	Dial func(ctx context.Context) (*conn.Conn, error)

	// FirstDelay bounds the delay before the first attempt after a connection has ended: it is random, between nothing and FirstDelay. Default 5 s.
	FirstDelay time.Duration
	// MaxDelay bounds the delays of further attempts. Each time the bound is twice the one before, until it is MaxDelay; the delay is random, between nothing and the bound. Default 1 min.
	MaxDelay time.Duration
	// Stable is how long a connection has to last for the delays to begin at FirstDelay again. A server that accepts connections and ends them is spared as one that refuses them. Default 30 s.
	Stable time.Duration

	// Waiting, if it is not nil, is called before each delay, with why there is one: the error of Dial, or the connection's [conn.CloseError].
	Waiting func(err error, delay time.Duration)

	random func(n time.Duration) time.Duration // for tests: from 0 to n
}

const (
	defaultFirstDelay = 5 * time.Second // "a value chosen randomly between 0 and 5 seconds is a reasonable initial delay" RFC 6455, 7.2.3
	defaultMaxDelay   = time.Minute
	defaultStable     = 30 * time.Second
)

// Connections opens one connection after another, and yields each with a nil error. The connection is the body's until it is left: then it is closed with 1000, if it has not ended, and the next is
// opened after a delay. A break, or a panic, closes it and ends the loop.
//
// The first attempt is made at once. After an end, or an attempt that failed, the next one waits as the fields of Client say, but at least 100 ms: no Client makes more than ten attempts in
// a second. If the server said more, it waits longer: after a close with 1012 (Service Restart) 5 to 30 s, after 1013 (Try Again Later) at least half of MaxDelay, and after an HTTP
// answer with Retry-After as long as that says, at most an hour, and the random delay in addition.
//
// An error is yielded once, last, with a nil connection: ctx.Err() when ctx is done, which ends a wait, a Dial, and with 1001 (Going Away) the connection; and the error of Dial if another attempt would not help:
// the URL is none, or the answer was a 4xx other than 408 (Request Timeout) and 429 (Too Many Requests).
func (r *Client) Connections(ctx context.Context) iter.Seq2[*conn.Conn, error] {
	return func(yield func(*conn.Conn, error) bool) {
		if err := r.checkURL(); err != nil {
			yield(nil, err)
			return
		}
		for failures := 0; ; failures++ {
			c, err := r.dial(ctx)
			if err == nil {
				opened := time.Now()
				if !lend(ctx, c, yield) {
					return
				}
				err = c.CloseInfo()
				if time.Since(opened) >= orDefault(r.Stable, defaultStable) {
					failures = 0
				}
			}
			switch {
			case ctx.Err() != nil:
				err = ctx.Err()
			case !permanent(err):
				delay := r.delay(failures, err, time.Now())
				if r.Waiting != nil {
					r.Waiting(err, delay)
				}
				if err = wait(ctx, delay); err == nil {
					continue
				}
			}
			yield(nil, err)
			return
		}
	}
}

// lend has the body use c. When it returns, c has ended, whoever still reads it.
func lend(ctx context.Context, c *conn.Conn, yield func(*conn.Conn, error) bool) (more bool) {
	defer c.CloseNow() // after a panic, or if Close could not wait for the end
	stop := context.AfterFunc(ctx, func() { c.Close(frame.StatusGoingAway, "") })
	more = yield(c, nil)
	stop()
	c.Close(frame.StatusNormalClosure, "")
	return more
}

func (r *Client) dial(ctx context.Context) (*conn.Conn, error) {
	if r.Dial != nil {
		return r.Dial(ctx)
	}
	return conn.Dial(ctx, r.URL, r.Config)
}

// checkURL returns what conn.Dial would return for a URL that is none. It does not say by itself that another attempt would end alike.
func (r *Client) checkURL() (err error) {
	switch {
	case r.Dial != nil:
	case handshake.IsUnixURL(r.URL):
		_, _, _, err = handshake.ParseUnixURL(r.URL)
	default:
		_, _, err = handshake.ParseURL(r.URL)
	}
	if err != nil {
		return &conn.HandshakeError{Err: err}
	}
	return nil
}

// wait returns after delay, or when ctx is done with its error.
func wait(ctx context.Context, delay time.Duration) error {
	t := time.NewTimer(delay)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
