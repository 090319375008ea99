package conn

import (
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/internal/conntest"
)

// TestCloseDeadline is C2 and C3: one absolute deadline, whatever the peer does.
func TestCloseDeadline(t *testing.T) {
	for _, tt := range []struct {
		name string
		peer func(p *conntest.Peer)
	}{
		{"silent", func(p *conntest.Peer) {}},
		{"half_a_frame", func(p *conntest.Peer) { p.SendBytes([]byte{0x82}) }},
		{"messages", func(p *conntest.Peer) {
			for range 100 {
				p.SendText("more")
				time.Sleep(time.Second)
			}
		}},
		{"one_byte_a_second", func(p *conntest.Peer) {
			b := masked(conntest.Frame{Fin: true, Opcode: conntest.Binary, Payload: pattern(100)}).Append(nil)
			for i := range b {
				p.SendBytes(b[i : i+1])
				time.Sleep(time.Second)
			}
		}},
		{"answers_and_does_not_end", func(p *conntest.Peer) { p.SendClose(1000, "") }},
	} {
		for _, timeout := range []time.Duration{0, 2 * time.Second} {
			t.Run(fmt.Sprintf("7.1.1/%s/%v", tt.name, timeout), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ours, theirs := conntest.Pipe(64 << 10)
					c := New(ours, RoleServer, nil, &Config{CloseTimeout: timeout})
					gone := make(chan struct{})
					go func() { // the peer reads nothing and hears nothing
						defer close(gone)
						defer func() { recover() }()
						tt.peer(conntest.NewPeer(ignoreFailures{t}, theirs, true))
					}()
					start := time.Now()
					err := c.Close(1000, "")
					want := DefaultCloseTimeout
					if timeout != 0 {
						want = timeout
					}
					if took := time.Since(start); took != want {
						t.Errorf("Close took %v, want %v", took, want)
					}
					answered := tt.name == "answers_and_does_not_end"
					if (err == nil) != answered || err != nil && (!errors.Is(err, os.ErrDeadlineExceeded) || !errors.Is(err, net.ErrClosed)) {
						t.Errorf("Close returns %v", err)
					}
					theirs.Close()
					<-gone
				})
			})
		}
	}
	bothRoles(t, "7.1.1/violation_and_the_peer_does_not_end", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		start := time.Now()
		p.Send(conntest.Frame{Fin: true, Opcode: 3})
		if _, err := c.Read(); time.Since(start) != 0 || err == nil {
			t.Errorf("Read returned %v after %v", err, time.Since(start))
		}
		p.WantClose("fail", 1002, nil)
		p.WantEOF("our side ends")
		<-c.done()
		if took := time.Since(start); took != DefaultCloseTimeout {
			t.Errorf("the transport was closed after %v, want %v", took, DefaultCloseTimeout)
		}
	})
	bothRoles(t, "7.1.1/stuck_writer", func(t *testing.T, role Role) {
		ours, theirs := conntest.Pipe(100)
		c, _ := talkOver(t, ours, theirs, role, &Config{WriteTimeout: -1})
		go c.Write(Binary, pattern(1000))
		synctest.Wait()
		start := time.Now()
		if err := c.Close(1000, ""); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Close returns %v", err)
		}
		if took := time.Since(start); took != DefaultCloseTimeout {
			t.Errorf("Close took %v, want %v", took, DefaultCloseTimeout)
		}
	})
}

// ignoreFailures is for a peer of whose failures the test knows.
type ignoreFailures struct{ testing.TB }

func (ignoreFailures) Helper()               {}
func (ignoreFailures) Fatalf(string, ...any) { panic("the connection is gone") }
func (ignoreFailures) Errorf(string, ...any) {}
func (ignoreFailures) Fatal(...any)          { panic("the connection is gone") }
func (ignoreFailures) Error(...any)          {}

// TestAbsoluteDeadline: the one deadline begins when the Close frame is due, and nothing that happens later begins another.
func TestAbsoluteDeadline(t *testing.T) {
	bothRoles(t, "7.1.1/the_answer_comes_late_and_the_end_never", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		start := time.Now()
		go c.Close(1000, "")
		p.WantClose("close", 1000, "")
		timer := c.closeTimer()
		time.Sleep(3 * time.Second)
		p.SendClose(1000, "")
		synctest.Wait()
		if c.closeTimer() != timer {
			t.Error("the answer has started another timer")
		}
		c.Wait(t.Context())
		if took := time.Since(start); took != DefaultCloseTimeout {
			t.Errorf("the connection ended after %v, want %v", took, DefaultCloseTimeout)
		}
	})
	bothRoles(t, "7.1.1/the_peer_closes_and_does_not_end", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		got := readAll(c)
		start := time.Now()
		p.SendClose(1000, "")
		p.WantClose("answer", 1000, "")
		<-got
		c.Wait(t.Context())
		if took := time.Since(start); took != DefaultCloseTimeout {
			t.Errorf("the connection ended after %v, want %v", took, DefaultCloseTimeout)
		}
	})
	bothRoles(t, "7.1.1/none", func(t *testing.T, role Role) {
		c, p := talk(t, role, &Config{CloseTimeout: -1})
		closed := make(chan error, 1)
		go func() { closed <- c.Close(1000, "") }()
		p.WantClose("close", 1000, "")
		time.Sleep(time.Hour)
		p.SendClose(1000, "")
		finishPeer(p, role)
		if err := <-closed; err != nil {
			t.Errorf("an hour later Close returns %v", err)
		}
	})
	bothRoles(t, "7.1.1/no_timer_is_left", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		p.SendClose(1000, "")
		c.Read()
		p.Close()
		c.Wait(t.Context())
		if c.closeTimer().Stop() {
			t.Error("the close timer still runs")
		}
		c.mu.Lock()
		c.extra.timer = nil
		c.startCloseTimer()
		c.mu.Unlock()
		if c.closeTimer() != nil {
			t.Error("a connection that has ended starts a close timer")
		}
	})
}
