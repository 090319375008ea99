package conn

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/internal/conntest"
)

// TestRegistryVictims: who holds most for longest is closed, and nobody else.
func TestRegistryVictims(t *testing.T) {
	const limit = 1 << 20
	type holder struct {
		stock stock
		bytes int64
		since time.Duration // before the limit is passed
		anew  time.Duration // when it last began anew; 0 for never
		shed  bool
	}
	for _, tt := range []struct {
		name    string
		holders []holder
	}{
		{"most", []holder{{stockReceived, 600 << 10, 0, 0, true}, {stockReceived, 500 << 10, 0, 0, false}}},
		{"longest", []holder{{stockReceived, 600 << 10, time.Second, 0, false}, {stockReceived, 500 << 10, 3 * time.Second, 0, true}}},
		{"a_queue", []holder{{stockQueued, 400 << 10, 3 * time.Second, 0, true}, {stockReceived, 650 << 10, 0, 0, false}}},
		{"messages_one_after_the_other_are_not_one", []holder{{stockReceived, 500 << 10, time.Hour, time.Millisecond, false}, {stockReceived, 400 << 10, 5 * time.Second, 0, true}, {stockReceived, 200 << 10, 0, 0, false}}},
		{"windows_are_no_guilt", []holder{{stockKept, 32 << 10, time.Hour, 0, false}, {stockReceived, 1000 << 10, 0, 0, true}}},
		{"but_if_there_is_nothing_else", []holder{{stockKept, 300 << 10, time.Hour, 0, false}, {stockKept, 800 << 10, 0, 0, true}}},
		{"as_many_as_it_takes", []holder{{stockReceived, 300 << 10, 4 * time.Second, 0, true}, {stockReceived, 300 << 10, 3 * time.Second, 0, true}, {stockReceived, 300 << 10, 2 * time.Second, 0, false}, {stockReceived, 300 << 10, time.Second, 0, false}}},
		{"not_over_it", []holder{{stockReceived, 512 << 10, time.Hour, 0, false}, {stockReceived, 512 << 10, time.Hour, 0, false}}},
	} {
		inBubble(t, "10.4/"+tt.name, func(t *testing.T) {
			r := &Registry{MaxBuffered: limit}
			var conns []*Conn
			for range tt.holders {
				c, p := talk(t, RoleServer, &Config{Registry: r, CloseTimeout: -1})
				defer p.Close()
				conns = append(conns, c)
			}
			began := time.Now()
			for i, h := range tt.holders {
				time.AfterFunc(time.Hour-h.since, func() { conns[i].hold(h.stock, h.bytes) })
				if h.anew > 0 {
					time.AfterFunc(time.Hour-h.anew, func() { conns[i].holdAnew(h.stock) })
				}
			}
			time.Sleep(time.Hour)
			synctest.Wait()
			if time.Since(began) != time.Hour {
				t.Fatal("time")
			}
			for i, h := range tt.holders {
				if e := conns[i].CloseInfo(); (e != nil) != h.shed {
					t.Errorf("number %d: ended with %v, want that %v", i+1, e, h.shed)
				}
				conns[i].hold(h.stock, -h.bytes)
			}
			if r.Buffered() != 0 || r.dying.Load() != 0 {
				t.Errorf("%d bytes, %d of them dying", r.Buffered(), r.dying.Load())
			}
		})
	}
}

// TestRegistryShedding: a connection that is closed from outside gives back what it holds and tells its peer, whatever its reader does.
func TestRegistryShedding(t *testing.T) {
	const reason = "all connections together hold more than they may"
	for _, tt := range []struct {
		name string
		use  func(c *Conn) error // returns what ended it
	}{
		{"Read", func(c *Conn) error { _, err := c.Read(); return err }},
		{"Messages", func(c *Conn) (err error) {
			for _, err = range c.Messages() {
			}
			return err
		}},
		{"between_reads", func(c *Conn) error {
			ctx, cancel := context.WithCancel(context.Background())
			go func() {
				for c.meter.Load() == nil {
					time.Sleep(time.Millisecond)
				}
				time.Sleep(10 * time.Millisecond)
				cancel()
			}()
			_, err := c.ReadContext(ctx)
			if !errors.Is(err, context.Canceled) {
				return err
			}
			<-c.done()
			_, err = c.Read()
			return err
		}},
	} {
		eachTransport(t, func(t *testing.T, ours, theirs net.Conn) {
			r := &Registry{}
			c := New(ours, RoleServer, nil, &Config{Registry: r})
			ended := make(chan error, 1)
			go func() { ended <- tt.use(c) }()
			p := conntest.NewPeer(t, theirs, true)
			withhold(p, 50<<10)
			for r.Buffered() < 50<<10 {
				time.Sleep(time.Millisecond)
			}
			if tt.name == "between_reads" {
				for !c.turn.tryTake() {
					time.Sleep(time.Millisecond)
				}
				c.turn.pass(nobody)
			}
			c.shed()
			p.WantClose("the peer is told", 1013, reason)
			for r.Buffered() > 0 {
				time.Sleep(time.Millisecond)
			}
			p.SendBytes([]byte{0})
			p.SendClose(1013, "")
			p.WantEOF("it lingers until the peer is done")
			p.Close()
			err := <-ended
			e, ok := errors.AsType[*CloseError](err)
			if !ok || e.Err != errNoRoom || e.Sent == nil || e.Sent.Code != 1013 {
				t.Errorf("10.4/%s: ended with %v", tt.name, err)
			}
			<-c.done()
			c.shed() // of a connection that has ended
			if r.Len() != 0 || r.dying.Load() != 0 {
				t.Errorf("10.4/%s: %d connections, %d bytes dying", tt.name, r.Len(), r.dying.Load())
			}
		})
	}
	inBubble(t, "10.4/a_reader_that_does_not_notice", func(t *testing.T) {
		r := &Registry{}
		c, p := talk(t, RoleServer, &Config{Registry: r})
		c.turn.tryTake()
		c.shed()
		p.WantClose("the peer is told", 1013, reason)
		began := time.Now()
		c.setReadDeadline(began.Add(time.Hour)) // what was due when it looked last
		if _, err := c.transport.read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != 0 {
			t.Errorf("the next wait ends with %v after %v", err, time.Since(began))
		}
		time.Sleep(DefaultCloseTimeout)
		p.WantEOF("it is cut")
		<-c.done()
		c.turn.pass(nobody)
	})
	// The memory is the function's; but the connection ends in time.
	inBubble(t, "10.4/the_body_of_Messages", func(t *testing.T) {
		r := &Registry{}
		c, p := talk(t, RoleServer, &Config{Registry: r})
		leave := make(chan bool)
		go func() {
			for _, err := range c.Messages() {
				if err == nil {
					<-leave
				}
			}
		}()
		p.SendBinary(pattern(50 << 10))
		synctest.Wait()
		c.shed()
		p.WantClose("the peer is told", 1013, reason)
		if err := c.Write(Text, nil); !errors.Is(err, ErrClosed) {
			t.Errorf("Write returns %v", err)
		}
		time.Sleep(DefaultCloseTimeout)
		p.WantEOF("it is cut")
		if r.Buffered() == 0 || r.living() != 0 {
			t.Errorf("%d bytes, %d by connections that live", r.Buffered(), r.living())
		}
		leave <- true
		synctest.Wait()
		if r.Buffered() != 0 || r.Len() != 0 {
			t.Errorf("%d bytes of %d connections", r.Buffered(), r.Len())
		}
	})
	// What a connection holds that was cut is no reason to close others.
	inBubble(t, "10.4/CloseNow_in_the_body_of_Messages", func(t *testing.T) {
		r := &Registry{}
		c, p := talk(t, RoleServer, &Config{Registry: r})
		go p.SendBinary(pattern(50 << 10))
		for range c.Messages() {
			if c.CloseNow(); r.Buffered() == 0 || r.living() != 0 {
				t.Errorf("%d bytes, %d by connections that live", r.Buffered(), r.living())
			}
			break
		}
		if r.Buffered() != 0 || r.dying.Load() != 0 {
			t.Errorf("%d bytes, %d of them dying", r.Buffered(), r.dying.Load())
		}
	})
}
