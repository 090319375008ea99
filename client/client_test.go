package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/conn"
	"github.com/hawser-go/hawser/frame"
)

// answer is what a scripted server does with one attempt: refuse it, or take it and close after a time.
type answer struct {
	refuse error
	last   time.Duration
	close  conn.Close // with the zero Code, the stream ends
}

var errRefused = errors.New("connection refused")

func status(code int, retryAfter string) error {
	return &conn.HandshakeError{Status: code, Header: http.Header{"Retry-After": {retryAfter}}, Err: errRefused}
}

// scripted returns a Dial that gives one answer after the other, and when it was called, since now. Behind the last answer the connection lasts.
func scripted(answers ...answer) (dial func(context.Context) (*conn.Conn, error), attempts *[]time.Duration) {
	attempts = new([]time.Duration)
	begin := time.Now()
	return func(ctx context.Context) (*conn.Conn, error) {
		n := len(*attempts)
		*attempts = append(*attempts, time.Since(begin))
		var a answer
		if n < len(answers) {
			a = answers[n]
		} else {
			a.last = 24 * time.Hour
		}
		if a.refuse != nil {
			return nil, a.refuse
		}
		c, s := conn.Pipe(nil)
		go s.Drive(&conn.Events{Open: func(*conn.Conn) {
			time.AfterFunc(a.last, func() {
				if a.close.Code == 0 {
					s.CloseNow()
				} else {
					s.Close(a.close.Code, a.close.Reason)
				}
			})
		}})
		return c, nil
	}, attempts
}

// most makes every random delay as long as it can be.
func most(n time.Duration) time.Duration { return n }

// read reads c until it ends, and discards.
func read(c *conn.Conn) {
	for range c.Messages() {
	}
}

// TestDelays: how long each attempt waits for, with the longest of all random delays.
func TestDelays(t *testing.T) {
	refused, short := answer{refuse: errRefused}, answer{last: time.Second}
	for _, tt := range []struct {
		name    string
		client  Client
		answers []answer
		want    []time.Duration // between the end of one and the next attempt
	}{
		{"7.2.3/doubles_until_the_most", Client{}, []answer{short, refused, refused, refused, refused, refused},
			[]time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute, time.Minute}},
		{"7.2.3/first_attempt_fails", Client{}, []answer{refused, refused}, []time.Duration{5 * time.Second, 10 * time.Second}},
		{"7.2.3/short_connections_count_as_failures", Client{}, []answer{short, short, short}, []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second}},
		{"7.2.3/begins_again_after_a_stable_one", Client{}, []answer{refused, refused, {last: 30 * time.Second}, refused},
			[]time.Duration{5 * time.Second, 10 * time.Second, 5 * time.Second, 10 * time.Second}},
		{"7.2.3/one_that_is_nearly_stable", Client{}, []answer{refused, {last: 29 * time.Second}}, []time.Duration{5 * time.Second, 10 * time.Second}},
		{"fields", Client{FirstDelay: time.Second, MaxDelay: 3 * time.Second, Stable: time.Second}, []answer{refused, refused, refused, short},
			[]time.Duration{time.Second, 2 * time.Second, 3 * time.Second, time.Second}},
		{"first_is_more_than_the_most", Client{FirstDelay: time.Hour, MaxDelay: time.Second}, []answer{refused, refused}, []time.Duration{time.Second, time.Second}},
		{"none", Client{FirstDelay: -1, MaxDelay: -1, Stable: -1}, []answer{refused, short}, []time.Duration{minDelay, minDelay}},
		{"1001_is_an_end_as_others", Client{}, []answer{{last: time.Second, close: conn.Close{Code: 1001}}}, []time.Duration{5 * time.Second}},
		{"1012_service_restart", Client{}, []answer{{last: time.Second, close: conn.Close{Code: 1012}}}, []time.Duration{30 * time.Second}},
		{"1013_try_again_later", Client{}, []answer{{last: time.Second, close: conn.Close{Code: 1013}}}, []time.Duration{time.Minute}},
		{"503_retry_after", Client{}, []answer{{refuse: status(503, "120")}}, []time.Duration{125 * time.Second}},
		{"408", Client{}, []answer{{refuse: status(408, "")}}, []time.Duration{5 * time.Second}},
		{"429_retry_after", Client{}, []answer{{refuse: status(429, "7")}}, []time.Duration{12 * time.Second}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := tt.client
				dial, attempts := scripted(tt.answers...)
				r.Dial, r.random = dial, most
				var delays []time.Duration
				r.Waiting = func(err error, delay time.Duration) {
					if err == nil {
						t.Error("no reason to wait")
					}
					delays = append(delays, delay)
				}
				for c, err := range r.Connections(t.Context()) {
					if err != nil {
						t.Fatal(err)
					}
					if len(*attempts) > len(tt.answers) {
						break
					}
					read(c)
				}
				if !slices.Equal(delays, tt.want) {
					t.Fatalf("the delays are %v, want %v", delays, tt.want)
				}
				// It waited as long as it said.
				for i, a := range tt.answers {
					took := (*attempts)[i+1] - (*attempts)[i]
					if want := a.last + tt.want[i]; took != want {
						t.Errorf("attempt %d came after %v, want %v", i+1, took, want)
					}
				}
			})
		})
	}
}

// TestGivesUp: what another attempt would not change is yielded, at once.
func TestGivesUp(t *testing.T) {
	for _, code := range []int{400, 401, 403, 404, 407, 426, 499} {
		t.Run(fmt.Sprint("4xx/", code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dial, attempts := scripted(answer{refuse: errRefused}, answer{refuse: status(code, "1")})
				r := &Client{Dial: dial}
				yields := 0
				for c, err := range r.Connections(t.Context()) {
					yields++
					if e, ok := errors.AsType[*conn.HandshakeError](err); c != nil || !ok || e.Status != code {
						t.Errorf("%v, %v", c, err)
					}
				}
				if yields != 1 || len(*attempts) != 2 {
					t.Errorf("%d yields after %d attempts", yields, len(*attempts))
				}
			})
		})
	}
	for _, code := range []int{0, 200, 302, 408, 429, 500, 502, 503} {
		if permanent(status(code, "")) {
			t.Errorf("%d ends the attempts", code)
		}
	}
	for _, url := range []string{"", "http://host/", "ws://host/#fragment", "ws+unix://host"} {
		t.Run("3/K7/"+url, func(t *testing.T) {
			for c, err := range (&Client{URL: url}).Connections(t.Context()) {
				_, want := conn.Dial(t.Context(), url, nil)
				if c != nil || err == nil || err.Error() != want.Error() {
					t.Errorf("%v, want what Dial says: %v", err, want)
				}
			}
		})
	}
}

// TestContext: its end ends a wait, a Dial and a connection.
func TestContext(t *testing.T) {
	for _, tt := range []struct {
		name  string
		dial  func(context.Context) (*conn.Conn, error)
		after time.Duration
	}{
		{"before", func(ctx context.Context) (*conn.Conn, error) { return nil, ctx.Err() }, 0},
		{"while_it_dials", func(ctx context.Context) (*conn.Conn, error) {
			<-ctx.Done()
			return nil, &conn.HandshakeError{Err: ctx.Err()}
		}, time.Hour},
		{"while_it_waits", func(context.Context) (*conn.Conn, error) { return nil, errRefused }, 2500 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), tt.after)
				defer cancel()
				begin := time.Now()
				yields := 0
				for c, err := range (&Client{Dial: tt.dial, random: most}).Connections(ctx) {
					yields++
					if c != nil || err != context.DeadlineExceeded {
						t.Errorf("%v, %v", c, err)
					}
				}
				if took := time.Since(begin); yields != 1 || took != tt.after {
					t.Errorf("%d yields after %v, want one after %v", yields, took, tt.after)
				}
			})
		})
	}
	t.Run("while_connected", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			client, server := conn.Pipe(nil)
			r := &Client{Dial: func(context.Context) (*conn.Conn, error) { return client, nil }}
			var last error
			go func() {
				time.Sleep(time.Minute)
				cancel()
			}()
			go read(server)
			for c, err := range r.Connections(ctx) {
				if last = err; err == nil {
					read(c)
				}
			}
			if last != context.Canceled {
				t.Errorf("the loop ended with %v", last)
			}
			if e := server.CloseInfo(); e == nil || e.Received == nil || e.Received.Code != frame.StatusGoingAway {
				t.Errorf("the server saw %v, want 1001", e)
			}
		})
	})
}

// TestBody: however the body is left, the connection is closed.
func TestBody(t *testing.T) {
	for _, tt := range []struct {
		name string
		body func(*conn.Conn) (more bool)
		want frame.StatusCode // 0: the stream ends
		more bool
	}{
		{"left", func(*conn.Conn) bool { return true }, 1000, true},
		{"break", func(*conn.Conn) bool { return false }, 1000, false},
		{"closed_by_the_body", func(c *conn.Conn) bool { c.Close(4000, "enough"); return true }, 4000, true},
		{"panic", func(*conn.Conn) bool { panic("in the body") }, 0, false},
		{"still_read", func(c *conn.Conn) bool {
			go read(c)
			synctest.Wait()
			return true
		}, 1000, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				defer func() {
					if p := recover(); (p != nil) != (tt.name == "panic") {
						t.Errorf("the panic was %v", p)
					}
				}()
				client, server := conn.Pipe(nil)
				ended := make(chan *conn.CloseError, 1)
				server.Drive(&conn.Events{Close: func(_ *conn.Conn, e *conn.CloseError) { ended <- e }})
				defer func() {
					var code frame.StatusCode
					if e := <-ended; e.Received != nil {
						code = e.Received.Code
					}
					if code != tt.want {
						t.Errorf("the server received %d, want %d", code, tt.want)
					}
				}()
				calls := 0
				r := &Client{Dial: func(context.Context) (*conn.Conn, error) {
					if calls++; calls > 1 {
						return nil, status(404, "")
					}
					return client, nil
				}}
				for c, err := range r.Connections(t.Context()) {
					if err == nil && !tt.body(c) {
						break
					}
				}
				if more := calls > 1; more != tt.more {
					t.Errorf("there were %d attempts", calls)
				}
			})
		})
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "1": time.Second, "3600": time.Hour, "3601": time.Hour, "99999999999999999999999": time.Hour, "18446744073709551615": time.Hour,
		"-1": 0, "1.5": 0, "soon": 0,
		now.Add(time.Minute).Format(http.TimeFormat):      time.Minute,
		now.Add(-time.Minute).Format(http.TimeFormat):     0,
		now.AddDate(100, 0, 0).Format(http.TimeFormat):    time.Hour,
		now.Add(2 * time.Minute).Format(time.RFC1123Z):    0, // no HTTP-date
		strings.Repeat("9", 1<<10):                        time.Hour,
		now.Add(3 * time.Minute).UTC().Format(time.ANSIC): 3 * time.Minute,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("9110,10.2.3/%q: %v, want %v", value, got, want)
		}
	}
}

func TestRandomUpTo(t *testing.T) {
	if got := randomUpTo(0); got != 0 {
		t.Errorf("up to 0: %v", got)
	}
	seen := map[time.Duration]bool{}
	for range 1000 {
		seen[randomUpTo(2)] = true
	}
	if want := map[time.Duration]bool{0: true, 1: true, 2: true}; !maps.Equal(seen, want) {
		t.Errorf("up to 2: %v", seen)
	}
}

// TestStorm is K8: the server of 1,000 clients is gone for ten seconds. They try at different moments, before it is there again and after, all of them come back, and none tries more than ten times a second.
func TestStorm(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(s *conn.Conn)
		most int // attempts of all in any second
	}{
		{"7.2.3/K8/the_stream_ends", func(s *conn.Conn) { s.CloseNow() }, 400},                // 200 in each of the first five, and second and third attempts in addition
		{"7.2.3/K8/1012", func(s *conn.Conn) { s.Close(frame.StatusServiceRestart, "") }, 80}, // 40 in each of 25
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const n = 1000
				random := rand.New(rand.NewPCG(1, 2))
				var mu sync.Mutex
				begin, down := time.Now(), false
				attempts := map[time.Duration]int{} // in each second after the end
				var servers []*conn.Conn
				dial := func(context.Context) (*conn.Conn, error) {
					mu.Lock()
					defer mu.Unlock()
					if down {
						since := time.Since(begin)
						attempts[since/time.Second]++
						if since < 10*time.Second {
							return nil, errRefused
						}
					}
					c, s := conn.Pipe(nil)
					servers = append(servers, s)
					go read(s)
					return c, nil
				}
				r := &Client{Dial: dial, random: func(n time.Duration) time.Duration {
					mu.Lock()
					defer mu.Unlock()
					return time.Duration(random.Int64N(int64(n) + 1))
				}}
				ctx, cancel := context.WithCancel(t.Context())
				var clients sync.WaitGroup
				for range n {
					clients.Go(func() {
						for c, err := range r.Connections(ctx) {
							if err == nil {
								read(c)
							}
						}
					})
				}
				synctest.Wait()
				time.Sleep(time.Minute) // they are stable
				down, begin = true, time.Now()
				for _, s := range servers {
					go tt.end(s)
				}
				time.Sleep(3 * time.Minute)
				synctest.Wait()
				if len(servers) != 2*n {
					t.Errorf("%d of %d came back", len(servers)-n, n)
				}
				for second, got := range attempts {
					if got > tt.most {
						t.Errorf("%d attempts in second %d", got, second)
					}
				}
				if attempts[0] < tt.most/10 && tt.most > 200 {
					t.Errorf("only %d attempts in the first second: they don't come back evenly", attempts[0])
				}
				cancel()
				clients.Wait()
			})
		})
	}
	t.Run("K8/ten_attempts_a_second", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			refusals := make([]answer, 100)
			for i := range refusals {
				refusals[i].refuse = errRefused
			}
			dial, attempts := scripted(refusals...)
			r := &Client{Dial: dial, random: func(time.Duration) time.Duration { return 0 }} // the worst luck there is
			for range r.Connections(t.Context()) {
				break
			}
			if took := (*attempts)[100]; took != 10*time.Second {
				t.Errorf("100 attempts took %v, want 10 s", took)
			}
		})
	})
}

// TestDial: without a Dial of its own it is conn.Dial with URL and Config.
func TestDial(t *testing.T) {
	s := httptest.NewServer(conn.Handler(func(c *conn.Conn) { c.Write(conn.Text, []byte(c.Subprotocol())) }, &conn.Config{Subprotocols: []string{"chat"}}))
	defer s.Close()
	r := &Client{URL: "ws" + strings.TrimPrefix(s.URL, "http"), Config: &conn.Config{Subprotocols: []string{"chat"}}, MaxDelay: -1}
	n := 0
	for c, err := range r.Connections(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if m, err := c.Read(); err != nil || string(m.Data) != "chat" {
			t.Errorf("%q, %v", m.Data, err)
		}
		if _, err := c.Read(); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		if n++; n == 2 {
			break
		}
	}
}
