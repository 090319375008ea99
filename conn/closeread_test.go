package conn

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/internal/conntest"
)

func TestCloseRead(t *testing.T) {
	bothRoles(t, "5.5.1/pings_are_answered_and_the_Close", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		ctx := c.CloseRead()
		if ctx != c.Context() || ctx != c.CloseRead() {
			t.Error("CloseRead does not return the connection's context")
		}
		p.SendPing("a")
		p.WantPong("a Ping is answered", "a")
		start := time.Now()
		p.SendPong(wantPing(t, p, "keepalive runs"))
		after(t, start, DefaultPingInterval, "the Ping")
		ping := later(func() error { _, err := c.Ping(t.Context()); return err })
		p.SendPong(wantPing(t, p, "a call of Ping"))
		if err := <-ping; err != nil {
			t.Errorf("Ping returns %v", err)
		}
		if err := c.Write(Text, []byte("x")); err != nil {
			t.Errorf("Write returns %v", err)
		}
		p.WantText("a message", "x")
		p.SendClose(1001, "bye")
		p.WantClose("the Close is answered", 1001, "")
		<-ctx.Done()
		if err := context.Cause(ctx); err != error(c.CloseInfo()) || !isClean(err) {
			t.Errorf("the context ends with %v", err)
		}
		if _, err := c.Read(); !isClean(err) {
			t.Errorf("after the end Read returns %v", err)
		}
		for _, err := range c.Messages() {
			t.Errorf("after a clean end a loop yields %v", err)
		}
	})
	bothRoles(t, "5.5.2/a_dead_peer", func(t *testing.T, role Role) {
		c, _ := talk(t, role, nil)
		start := time.Now()
		<-c.CloseRead().Done()
		after(t, start, DefaultPingInterval+DefaultPongTimeout, "the end")
		if err := context.Cause(c.Context()); !errors.Is(err, errPongTimeout) {
			t.Errorf("the context ends with %v", err)
		}
	})
	bothRoles(t, "3/reads_say_why", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		p.Send(conntest.Frame{Opcode: conntest.Text, Payload: []byte("x")})
		reads := make(chan error, 2)
		go func() { _, err := c.Read(); reads <- err }()
		synctest.Wait()
		go func() { _, err := c.Read(); reads <- err }()
		synctest.Wait()
		c.CloseRead()
		if err := <-reads; err != ErrReadClosed {
			t.Errorf("a read that waits for its turn returns %v", err)
		}
		if _, err := c.Read(); err != ErrReadClosed {
			t.Errorf("Read returns %v", err)
		}
		if _, _, err := c.Reader(t.Context()); err != ErrReadClosed {
			t.Errorf("Reader returns %v", err)
		}
		for _, err := range c.Messages() {
			if err != ErrReadClosed {
				t.Errorf("a loop yields %v", err)
			}
		}
		p.Send(conntest.Frame{Fin: true, Opcode: conntest.Continuation})
		if err := <-reads; err != nil {
			t.Errorf("a read that has begun returns %v", err)
		}
		p.SendText("y")
		p.WantClose("the goroutine reads after it", 1008, nil)
	})
	for _, tt := range []struct {
		name  string
		frame conntest.Frame
	}{
		{"a_message", text("x")},
		{"a_fragment", conntest.Frame{Opcode: conntest.Binary}},
	} {
		for _, when := range []string{"before", "later"} {
			bothRoles(t, "7.4.1/1008_for_"+tt.name+"_"+when, func(t *testing.T, role Role) {
				c, p := talk(t, role, nil)
				if when == "before" {
					p.Send(tt.frame)
				}
				ctx := c.CloseRead()
				if when == "later" {
					p.Send(tt.frame)
				}
				p.WantClose("a message", 1008, "unexpected data message (RFC 6455, 7.4.1)")
				<-ctx.Done()
				if err := context.Cause(ctx); !errors.Is(err, errUnexpectedMessage) {
					t.Errorf("the context ends with %v", err)
				}
			})
		}
	}
	bothRoles(t, "7.4.1/1008_for_the_rest_of_a_message", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		whole := conntest.Frame{Fin: true, Opcode: conntest.Binary, Masked: role == RoleServer, Payload: pattern(100)}.Append(nil)
		p.SendBytes(whole[:50])
		if _, _, err := c.Reader(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.CloseRead()
		p.WantClose("a message that nobody reads to its end", 1008, nil)
	})
	bothRoles(t, "7.1.2/Close_discards_what_is_on_its_way", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		c.CloseRead()
		synctest.Wait()
		closed := later(func() error { return c.Close(1000, "") })
		p.WantClose("the Close", 1000, "")
		p.Send(text("x"), conntest.Frame{Opcode: conntest.Binary, Payload: pattern(10_000)})
		p.SendClose(1000, "")
		if err := <-closed; err != nil {
			t.Errorf("Close returns %v", err)
		}
	})
	bothRoles(t, "7.1.2/Close_before_the_goroutine_reads", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		read := later(func() error { _, err := c.Read(); return err })
		synctest.Wait()
		c.CloseRead()
		closed := later(func() error { return c.Close(1000, "") })
		p.WantClose("the Close", 1000, "")
		p.SendText("x")
		if err := <-read; err != nil {
			t.Errorf("the read that had begun returns %v", err)
		}
		p.SendText("y")
		p.SendClose(1000, "")
		if err := <-closed; err != nil {
			t.Errorf("Close returns %v", err)
		}
	})
	bothRoles(t, "3/in_a_loop", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		p.Send(text("a"), text("b"))
		n := 0
		for m, err := range c.Messages() {
			if err != nil {
				t.Fatal(err)
			}
			c.CloseRead()
			if n++; n == 1 {
				continue // the loop goes on
			}
			if err := c.Close(1000, ""); err != nil || string(m.Data) != "b" {
				t.Errorf("Close in the loop returns %v", err)
			}
			break
		}
		p.WantClose("the Close", 1000, "")
		if n != 2 {
			t.Errorf("%d messages", n)
		}
	})
	bothRoles(t, "3/left_loop", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		p.SendText("a")
		for range c.Messages() {
			c.CloseRead()
			break
		}
		p.SendPing("x")
		p.WantPong("the goroutine reads after the loop", "x")
	})
	bothRoles(t, "7.1.1/after_the_end", func(t *testing.T, role Role) {
		c, _ := talk(t, role, nil)
		c.CloseNow()
		if err := context.Cause(c.CloseRead()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the context ends with %v", err)
		}
	})
	bothRoles(t, "7.1.1/the_end_before_its_turn", func(t *testing.T, role Role) {
		c, _ := talk(t, role, nil)
		if err := c.turn.take(aRead, nil, nil); err != nil {
			t.Fatal(err)
		}
		c.CloseRead()
		synctest.Wait()
		c.CloseNow()
		synctest.Wait() // the goroutine ends, and does not wait for the turn
		c.passTurn()
		if c.in.refuse != nil {
			t.Error("the goroutine has got its turn")
		}
	})
	bothRoles(t, "7.1.1/the_end_of_a_read_that_has_begun", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		read := later(func() error { _, err := c.Read(); return err })
		synctest.Wait()
		ctx := c.CloseRead()
		p.CloseWrite()
		<-ctx.Done()
		if err := <-read; !errors.Is(err, ErrClosed) {
			t.Errorf("Read returns %v", err)
		}
	})
	t.Run("3/each_transport", func(t *testing.T) {
		eachTransport(t, func(t *testing.T, ours, theirs net.Conn) {
			a, b := New(ours, RoleClient, nil, nil), New(theirs, RoleServer, nil, nil)
			ctx := a.CloseRead()
			go b.CloseRead()
			if _, err := a.Ping(t.Context()); err != nil {
				t.Errorf("Ping returns %v", err)
			}
			if err := b.Close(1000, ""); err != nil {
				t.Errorf("Close returns %v", err)
			}
			<-ctx.Done()
			wait(t, a)
		})
	})
}
