package client

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/hawser-go/hawser/conn"
	"github.com/hawser-go/hawser/frame"
)

const (
	minDelay      = 100 * time.Millisecond
	maxRetryAfter = time.Hour // a server that says more is wrong, or means harm

	// "A client may reconnect, and if it choses to do, should reconnect using a randomized delay of 5 - 30s", says the registration of 1012.
	restartDelay  = 5 * time.Second
	restartSpread = 25 * time.Second
)

// permanent reports whether another attempt would end as this one: the server has understood the request, and refuses it.
func permanent(err error) bool {
	e, ok := errors.AsType[*conn.HandshakeError](err)
	return ok && e.Status/100 == 4 && e.Status != http.StatusRequestTimeout && e.Status != http.StatusTooManyRequests
}

// delay returns how long to wait after err, when failures attempts or short connections came before it.
func (r *Client) delay(failures int, err error, now time.Time) time.Duration {
	most := orDefault(r.MaxDelay, defaultMaxDelay)
	least, spread := time.Duration(0), min(orDefault(r.FirstDelay, defaultFirstDelay), most)
	for range failures {
		if spread >= most/2 {
			// "truncated binary exponential backoff" RFC 6455, 7.2.3
			spread = most
			break
		}
		spread *= 2
	}
	if e, ok := errors.AsType[*conn.HandshakeError](err); ok {
		least = retryAfter(e.Header.Get("Retry-After"), now)
	}
	if e, ok := errors.AsType[*conn.CloseError](err); ok && e.Received != nil {
		switch e.Received.Code {
		case frame.StatusServiceRestart:
			least, spread = restartDelay, restartSpread
		case frame.StatusTryAgainLater:
			least, spread = most/2, most-most/2
		}
	}
	random := r.random
	if random == nil {
		random = randomUpTo
	}
	return max(least+random(spread), minDelay)
}

// retryAfter reads the value of a Retry-After field (RFC 9110, 10.2.3): seconds, or a date. What is neither, or in the past, is 0.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return min(max(date.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

// randomUpTo returns a random duration from 0 to n.
func randomUpTo(n time.Duration) time.Duration {
	var b [8]byte
	rand.Read(b[:])
	// The bias is 2^-20 at most: n is less than 2^43 unless somebody wants to wait for hours.
	return time.Duration(binary.LittleEndian.Uint64(b[:]) % (uint64(n) + 1))
}

func orDefault(d, def time.Duration) time.Duration {
	if d == 0 {
		return def
	}
	return max(d, 0)
}
