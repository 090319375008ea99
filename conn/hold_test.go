package conn

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/internal/conntest"
)

// A writeLog notes when and how much is written to a connection, and fails when it is told to.
type writeLog struct {
	net.Conn
	start time.Time
	mu    sync.Mutex
	log   []string
	fail  error
}

func (l *writeLog) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.log)
}

func (l *writeLog) failWith(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fail = err
}

func (l *writeLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return 0, l.fail
	}
	l.log = append(l.log, fmt.Sprintf("%v: %d", time.Since(l.start), len(p)))
	return l.Conn.Write(p)
}

// burst has c's loop find n binary messages of size bytes at once, and calls body for each.
func burst(t *testing.T, n, size int, body func(c *Conn, i int, m Message) bool) (c *Conn, p *conntest.Peer, l *writeLog, over <-chan struct{}) {
	t.Helper()
	ours, theirs := conntest.Pipe(1 << 20)
	l = &writeLog{Conn: ours, start: time.Now()}
	var in []byte
	for i := range n {
		in = conntest.Frame{Fin: true, Opcode: conntest.Binary, Masked: true, Payload: slices.Repeat([]byte{byte(i)}, size)}.Append(in)
	}
	c = New(l, RoleServer, in, &Config{PingInterval: -1})
	p = conntest.NewPeer(t, theirs, true)
	done := make(chan struct{})
	t.Cleanup(func() {
		c.CloseNow()
		p.Close()
		<-done
	})
	go func() {
		defer close(done)
		i := 0
		for m, err := range c.Messages() {
			if err != nil || !body(c, i, m) {
				return
			}
			i++
		}
	}()
	return c, p, l, done
}

func wantLog(t *testing.T, l *writeLog, want ...string) {
	t.Helper()
	synctest.Wait()
	if !slices.Equal(l.lines(), want) {
		t.Errorf("written %q, want %q", l.lines(), want)
	}
}

func echoBody(c *Conn, _ int, m Message) bool { return c.Write(m.Type, m.Data) == nil }

func TestHold(t *testing.T) {
	inBubble(t, "3/answers_to_one_burst_leave_together", func(t *testing.T) {
		_, p, l, _ := burst(t, 16, 100, echoBody)
		wantLog(t, l, "0s: 1632")
		for i := range 16 {
			p.WantBinary("the answers in order", slices.Repeat([]byte{byte(i)}, 100))
		}
	})
	inBubble(t, "3/one_message_alone_is_not_held", func(t *testing.T) {
		_, _, l, _ := burst(t, 1, 100, func(c *Conn, i int, m Message) bool {
			echoBody(c, i, m)
			time.Sleep(time.Second)
			return true
		})
		wantLog(t, l, "0s: 102")
	})
	inBubble(t, "3/no_more_than_64_KiB_wait", func(t *testing.T) {
		var l *writeLog
		var p *conntest.Peer
		var grew []int
		ready := make(chan struct{})
		_, p, l, _ = burst(t, 20, 10000, func(c *Conn, i int, m Message) bool {
			<-ready
			n := len(l.lines())
			defer func() {
				if len(l.lines()) > n {
					grew = append(grew, i)
				}
			}()
			return echoBody(c, i, m)
		})
		close(ready)
		for i := range 20 {
			p.WantBinary("the answers in order", slices.Repeat([]byte{byte(i)}, 10000))
		}
		synctest.Wait()
		if want := []int{6, 12, 18, 19}; !slices.Equal(grew, want) {
			t.Errorf("writing messages %v made those before them leave, want %v", grew, want)
		}
	})
	inBubble(t, "3/a_message_that_is_too_large_to_wait_leaves_behind_what_waits", func(t *testing.T) {
		_, p, l, _ := burst(t, 3, 1, func(c *Conn, i int, m Message) bool {
			if i == 1 {
				return c.Write(Binary, pattern(heldSize)) == nil
			}
			return echoBody(c, i, m)
		})
		p.WantBinary("the first", []byte{0})
		p.WantBinary("the second", pattern(heldSize))
		p.WantBinary("the third", []byte{2})
		synctest.Wait()
		if log := l.lines(); len(log) < 2 || !strings.HasPrefix(log[0], "0s: ") {
			t.Errorf("written %q", log)
		}
	})
	inBubble(t, "3/a_body_that_blocks_does_not_hold_them_longer_than_1_ms", func(t *testing.T) {
		_, _, l, _ := burst(t, 3, 100, func(c *Conn, i int, m Message) bool {
			echoBody(c, i, m)
			time.Sleep(time.Hour)
			return true
		})
		time.Sleep(4 * time.Hour)
		// The second is held until the timer, too: the third waits behind it. The third has nothing behind it.
		wantLog(t, l, "1ms: 102", "1h0m0.001s: 102", "2h0m0s: 102")
	})
	inBubble(t, "3/what_others_write_while_it_blocks_waits_1_ms_at_most", func(t *testing.T) {
		c, p, l, _ := burst(t, 2, 100, func(c *Conn, i int, m Message) bool {
			echoBody(c, i, m)
			time.Sleep(time.Hour)
			return true
		})
		time.Sleep(500 * time.Microsecond)
		c.Write(Text, []byte("a"))
		time.Sleep(time.Second)
		c.Write(Text, []byte("b"))
		wantLog(t, l, "1ms: 105", "1.0005s: 3")
		p.WantBinary("the answer first", make([]byte, 100))
		p.WantText("then what came later", "a")
		p.WantText("then what came later", "b")
	})
	inBubble(t, "3/the_age_is_that_of_the_first", func(t *testing.T) {
		_, _, l, _ := burst(t, 10, 100, func(c *Conn, i int, m Message) bool {
			echoBody(c, i, m)
			time.Sleep(400 * time.Microsecond)
			return true
		})
		time.Sleep(time.Second)
		wantLog(t, l, "1ms: 306", "2.2ms: 306", "3.4ms: 306", "3.6ms: 102")
	})
	inBubble(t, "3/leaving_the_loop_sends_them", func(t *testing.T) {
		_, _, l, over := burst(t, 3, 100, func(c *Conn, i int, m Message) bool {
			echoBody(c, i, m)
			return false
		})
		<-over
		wantLog(t, l, "0s: 102")
	})
	inBubble(t, "5.5.1/close_leaves_behind_them", func(t *testing.T) {
		_, p, _, _ := burst(t, 3, 100, func(c *Conn, i int, m Message) bool {
			echoBody(c, i, m)
			c.Close(1000, "")
			if c.Write(Binary, nil) == nil {
				t.Error("a message was written behind the Close")
			}
			return true
		})
		p.WantBinary("what was written before the Close", make([]byte, 100))
		p.WantClose("then the Close", 1000, "")
	})
	inBubble(t, "5.5.1/what_is_held_leaves_before_the_answer_to_a_Close", func(t *testing.T) {
		_, p, _, _ := burst(t, 3, 100, func(c *Conn, i int, m Message) bool {
			if i == 2 {
				time.Sleep(time.Hour)
			}
			return echoBody(c, i, m)
		})
		p.SendClose(1000, "")
		for i := range 3 {
			p.WantBinary("the answers", slices.Repeat([]byte{byte(i)}, 100))
			time.Sleep(time.Hour)
		}
		p.WantClose("then the Close", 1000, "")
	})
	inBubble(t, "3/an_error_met_late_is_returned_by_the_next_call", func(t *testing.T) {
		broken := errors.New("broken")
		c, _, l, _ := burst(t, 3, 100, func(c *Conn, i int, m Message) bool {
			err := c.Write(m.Type, m.Data)
			if (err != nil) != (i > 0) || err != nil && !errors.Is(err, ErrClosed) {
				t.Errorf("write %d returns %v", i, err)
			}
			time.Sleep(time.Second)
			return i < 2
		})
		l.failWith(broken)
		time.Sleep(time.Minute)
		if e := c.CloseInfo(); e == nil || !errors.Is(e, broken) {
			t.Errorf("CloseInfo is %v", e)
		}
		if n := c.heldSince.Load(); n != 0 || c.held != nil {
			t.Error("something is held still")
		}
	})
	inBubble(t, "2.9/a_panic_sends_them", func(t *testing.T) {
		_, _, l, over := burst(t, 3, 100, func(c *Conn, i int, m Message) bool {
			echoBody(c, i, m)
			runtime.Goexit()
			return true
		})
		<-over
		wantLog(t, l, "0s: 102")
	})
}
