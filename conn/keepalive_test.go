package conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/conntest"
)

// after fails the test unless exactly d have passed since start.
func after(t *testing.T, start time.Time, d time.Duration, what string) {
	t.Helper()
	if took := time.Since(start); took != d {
		t.Errorf("%s: after %v, want %v", what, took, d)
	}
}

// wantPing takes a Ping with the application data that we send, and returns it.
func wantPing(t *testing.T, p *conntest.Peer, sentence string) string {
	t.Helper()
	p.Timeout = time.Hour
	f := p.Next(sentence)
	if f.Opcode != conntest.Ping || len(f.Payload) != 8 {
		t.Fatalf("%s: got %v", sentence, f)
	}
	return string(f.Payload)
}

// later calls f in a goroutine, and returns where what it returns comes.
func later[T any](f func() T) <-chan T {
	ch := make(chan T, 1)
	go func() { ch <- f() }()
	return ch
}

func TestKeepalive(t *testing.T) {
	bothRoles(t, "5.5.2/ping_after_silence_and_the_end_after_more", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		start := time.Now()
		o := readAll(c)
		ping := wantPing(t, p, "a silent peer is asked")
		after(t, start, DefaultPingInterval, "the first ping")
		time.Sleep(5 * time.Second)
		p.SendPong(ping)
		synctest.Wait()
		if rtt := c.RTT(); rtt != 5*time.Second {
			t.Errorf("the round trip took %v", rtt)
		}
		wantPing(t, p, "and again")
		after(t, start, 45*time.Second, "the second ping")
		p.SendPong("anything") // any byte is a sign of life
		wantPing(t, p, "and again")
		after(t, start, 65*time.Second, "the third ping")
		got := <-o
		after(t, start, 85*time.Second, "the end")
		if !errors.Is(got.err, os.ErrDeadlineExceeded) || !errors.Is(got.err, ErrClosed) || !errors.Is(got.err, errPongTimeout) {
			t.Errorf("the loop ends with %v", got.err)
		}
	})
	bothRoles(t, "5.5.2/on_a_stream_without_deadlines", func(t *testing.T, role Role) {
		ours, theirs := conntest.Pipe(64 << 10)
		c := New(struct{ io.ReadWriteCloser }{ours}, role, nil, nil)
		p := conntest.NewPeer(t, theirs, role == RoleServer)
		defer p.Close()
		start := time.Now()
		p.SendText("x")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for range 2 {
			if _, err := c.ReadContext(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
		}
		after(t, start, time.Second, "the read that ended with its context")
		o := readAll(c)
		wantPing(t, p, "a silent peer is asked")
		after(t, start, DefaultPingInterval, "the ping")
		p.SendText("y")
		got := <-o
		after(t, start, 2*DefaultPingInterval+DefaultPongTimeout, "the end")
		if !errors.Is(got.err, errPongTimeout) || len(got.messages) != 1 {
			t.Errorf("the loop ends with %v after %q", got.err, got.messages)
		}
	})
	bothRoles(t, "5.5.2/no_ping_while_something_comes", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		o := readAll(c)
		for range 100 {
			time.Sleep(DefaultPingInterval - 1)
			p.SendText("x")
		}
		p.WantIdle("nothing is asked of a peer that speaks")
		c.CloseNow()
		<-o
	})
	bothRoles(t, "5.5.2/single_reads", func(t *testing.T, role Role) {
		c, p := talk(t, role, &Config{PingInterval: time.Second, PongTimeout: 2 * time.Second})
		start := time.Now()
		read := later(func() error { _, err := c.Read(); return err })
		p.SendPong(wantPing(t, p, "a silent peer is asked"))
		wantPing(t, p, "and again")
		err := <-read
		after(t, start, 4*time.Second, "the end")
		if !errors.Is(err, errPongTimeout) {
			t.Errorf("Read returns %v", err)
		}
	})
	bothRoles(t, "5.5.2/none_while_nobody_reads", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		p.SendText("a")
		for m, err := range c.Messages() {
			if err != nil {
				t.Fatal(err)
			}
			if string(m.Data) == "a" {
				p.SendText("b")
				time.Sleep(time.Hour) // the body is away for long, and the deadline passes
				continue
			}
			break
		}
		p.WantIdle("a peer whose bytes have waited is not silent")
		time.Sleep(time.Hour)
		p.SendText("c")
		if m, err := c.Read(); err != nil || string(m.Data) != "c" {
			t.Errorf("the next read returns %q, %v", m.Data, err)
		}
		p.WantIdle("nobody is asked while nobody reads")
		go c.Read()
		wantPing(t, p, "the silence counts from the last byte")
	})
	bothRoles(t, "2.9/negative_is_none", func(t *testing.T, role Role) {
		c, p := talk(t, role, &Config{PingInterval: -1})
		o := readAll(c)
		time.Sleep(1000 * time.Hour)
		p.WantIdle("nothing is asked")
		c.CloseNow()
		<-o
	})
	bothRoles(t, "2.9/pong_timeout_none", func(t *testing.T, role Role) {
		c, p := talk(t, role, &Config{PongTimeout: -1})
		o := readAll(c)
		wantPing(t, p, "a silent peer is asked")
		time.Sleep(1000 * time.Hour)
		p.WantIdle("and waited for")
		c.CloseNow()
		<-o
	})
	bothRoles(t, "5.5.1/none_after_our_Close", func(t *testing.T, role Role) {
		c, p := talk(t, role, &Config{CloseTimeout: -1})
		go c.Close(1000, "")
		p.WantClose("the Close", 1000, "")
		time.Sleep(time.Hour)
		p.WantIdle("nothing follows the Close")
		p.SendClose(1000, "")
	})
}

func TestIdleTimeout(t *testing.T) {
	bothRoles(t, "7.4.1/closed_with_1001_whatever_pings_come", func(t *testing.T, role Role) {
		c, p := talk(t, role, &Config{IdleTimeout: time.Minute})
		start := time.Now()
		o := readAll(c)
		time.Sleep(10 * time.Second)
		p.SendText("x")
		for range 5 {
			time.Sleep(10 * time.Second)
			p.SendPing("")
			p.WantPong("a ping is answered", "")
		}
		p.Timeout = time.Hour
		p.WantClose("an idle connection is closed", 1001, "idle timeout")
		after(t, start, 70*time.Second, "the Close")
		p.SendClose(1001, "")
		if got := <-o; got.err != nil {
			t.Errorf("the loop ends with %v", got.err)
		}
	})
}

// TestProgress is D6: a message that comes too slowly ends the connection, whatever else comes.
func TestProgress(t *testing.T) {
	const size = 1 << 20
	start := func(t *testing.T, role Role, kind string) (c *Conn, p *conntest.Peer, o <-chan outcome, rest []byte) {
		c, p = talk(t, role, &Config{PingInterval: -1})
		whole := conntest.Frame{Fin: kind != "fragment", Opcode: conntest.Binary, Masked: role == RoleServer, Payload: make([]byte, size)}.Append(nil)
		o = readAll(c)
		header := len(whole) - size
		p.SendBytes(whole[:header])
		return c, p, o, whole[header:]
	}
	for _, kind := range []string{"frame", "fragment"} {
		bothRoles(t, "10.4/D6/a_byte_a_minute_in_a_"+kind, func(t *testing.T, role Role) {
			_, p, o, rest := start(t, role, kind)
			began := time.Now()
			go func() {
				for i := range 3 {
					p.Conn().Write(rest[i : i+1])
					time.Sleep(time.Minute)
				}
			}()
			p.Timeout = time.Hour
			p.WantClose("the message comes too slowly", 1008, nil)
			after(t, began, progressGrace, "the Close")
			got := <-o
			if e, ok := errors.AsType[*frame.ProtocolError](got.err); !ok || e != errProgress {
				t.Errorf("the loop ends with %v", got.err)
			}
			p.Close()
			time.Sleep(time.Hour) // the goroutine ends
		})
	}
	bothRoles(t, "10.4/D6/average_after_a_fast_start", func(t *testing.T, role Role) {
		_, p, _, rest := start(t, role, "frame")
		began := time.Now()
		p.SendBytes(rest[:100<<10])
		p.Timeout = time.Hour
		p.WantClose("the message comes too slowly", 1008, nil)
		after(t, began, 100*time.Second, "the Close")
	})
	bothRoles(t, "10.4/D6/control_frames_do_not_count", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		o := readAll(c)
		began := time.Now()
		p.Send(conntest.Frame{Opcode: conntest.Text, Payload: []byte("a")})
		for range 3 {
			time.Sleep(6 * time.Second)
			p.SendPing("x")
			p.WantPong("a ping is answered", "x")
		}
		p.Timeout = time.Hour
		p.WantClose("the message comes too slowly", 1008, nil)
		after(t, began, progressGrace, "the Close")
		<-o
	})
	bothRoles(t, "10.4/D6/1_KiB_a_second_is_enough", func(t *testing.T, role Role) {
		c, p, o, rest := start(t, role, "frame")
		for len(rest) > 0 {
			n := min(len(rest), 1<<10)
			p.SendBytes(rest[:n])
			rest = rest[n:]
			time.Sleep(time.Second - 1)
		}
		synctest.Wait()
		c.CloseNow()
		if got := <-o; len(got.messages) != 1 {
			t.Errorf("%d messages, %v", len(got.messages), got.err)
		}
	})
	bothRoles(t, "10.4/D6/the_next_message_begins_anew", func(t *testing.T, role Role) {
		c, p := talk(t, role, &Config{PingInterval: -1})
		o := readAll(c)
		for range 5 {
			p.Send(conntest.Frame{Opcode: conntest.Text, Payload: []byte("a")})
			time.Sleep(progressGrace - 1)
			p.Send(conntest.Frame{Fin: true, Opcode: conntest.Continuation})
		}
		synctest.Wait()
		c.CloseNow()
		if got := <-o; len(got.messages) != 5 {
			t.Errorf("%d messages, %v", len(got.messages), got.err)
		}
	})
}

// TestKeepaliveOnEachTransport: what a bubble cannot see is tried in order, with short times.
func TestKeepaliveOnEachTransport(t *testing.T) {
	for _, answers := range []int{0, 3} {
		t.Run(fmt.Sprintf("5.5.2/%d_answers", answers), func(t *testing.T) {
			eachTransport(t, func(t *testing.T, ours, theirs net.Conn) {
				timeout := time.Hour // however slow the machine is, an answer comes within it
				if answers == 0 {
					timeout = 50 * time.Millisecond
				}
				c := New(ours, RoleClient, nil, &Config{PingInterval: 5 * time.Millisecond, PongTimeout: timeout})
				o := readAll(c)
				p := conntest.NewPeer(t, theirs, false)
				for range answers {
					p.SendPong(wantPing(t, p, "a silent peer is asked"))
				}
				wantPing(t, p, "a silent peer is asked")
				if answers > 0 {
					c.CloseNow()
				}
				if got := <-o; errors.Is(got.err, errPongTimeout) != (answers == 0) {
					t.Errorf("the loop ends with %v", got.err)
				}
				wait(t, c)
			})
		})
	}
}

func TestReadContext(t *testing.T) {
	bothRoles(t, "3/a_read_that_ends_with_its_context_loses_nothing", func(t *testing.T, role Role) {
		c, p := talk(t, role, &Config{PingInterval: -1})
		whole := conntest.Frame{Fin: true, Opcode: conntest.Text, Masked: role == RoleServer, Payload: []byte("hello")}.Append(nil)
		start := time.Now()
		for _, b := range whole[:len(whole)-1] {
			p.SendBytes([]byte{b})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := c.ReadContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			cancel()
		}
		after(t, start, time.Duration(len(whole)-1)*time.Second, "the reads")
		p.SendBytes(whole[len(whole)-1:])
		if m, err := c.Read(); err != nil || string(m.Data) != "hello" {
			t.Errorf("%q, %v", m.Data, err)
		}
	})
	bothRoles(t, "3/cancelled_with_a_cause", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("why")
		time.AfterFunc(time.Second, func() { cancel(why) })
		for _, err := range c.MessagesContext(ctx) {
			if !errors.Is(err, context.Canceled) || !errors.Is(err, why) || errors.Is(err, ErrClosed) {
				t.Errorf("the loop yields %v", err)
			}
		}
		if _, err := c.ReadContext(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("a read with a context that has ended returns %v", err)
		}
		p.SendText("x")
		if m, err := c.Read(); err != nil || string(m.Data) != "x" {
			t.Errorf("the next read returns %q, %v", m.Data, err)
		}
		p.SendText("y")
		for m, err := range c.Messages() {
			if err != nil || string(m.Data) != "y" {
				t.Errorf("the next loop yields %q, %v", m.Data, err)
			}
			break
		}
	})
	bothRoles(t, "3/cancelled_between_reads", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		ctx, cancel := context.WithCancel(t.Context())
		p.SendText("x")
		if _, err := c.ReadContext(ctx); err != nil {
			t.Fatal(err)
		}
		cancel()
		synctest.Wait()
		p.SendText("y")
		if m, err := c.Read(); err != nil || string(m.Data) != "y" {
			t.Errorf("the next read returns %q, %v", m.Data, err)
		}
	})
	bothRoles(t, "3/while_another_reads", func(t *testing.T, role Role) {
		c, _ := talk(t, role, nil)
		go c.Read()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.ReadContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a read that waits for its turn returns %v", err)
		}
	})
	bothRoles(t, "3/keepalive_goes_on", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		read := later(func() error { _, err := c.ReadContext(ctx); return err })
		wantPing(t, p, "a silent peer is asked")
		err := <-read
		after(t, start, DefaultPingInterval+DefaultPongTimeout, "the end")
		if !errors.Is(err, errPongTimeout) {
			t.Errorf("the read returns %v", err)
		}
	})
	t.Run("3/the_same_context_again_costs_nothing", func(t *testing.T) {
		eachTransport(t, func(t *testing.T, ours, theirs net.Conn) {
			c := New(ours, RoleClient, nil, nil)
			defer c.CloseNow()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			conntest.ShouldNotAllocate(t, func() {
				if err := c.takeTurn(ctx, aRead); err != nil {
					t.Fatal(err)
				}
				c.turn.pass(nobody)
			})
		})
	})
	t.Run("3/each_transport", func(t *testing.T) {
		eachTransport(t, func(t *testing.T, ours, theirs net.Conn) {
			c := New(ours, RoleClient, nil, nil)
			defer c.CloseNow()
			theirs.Write([]byte{0x82, 2, 'x'})
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Millisecond, cancel)
			if _, err := c.ReadContext(ctx); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			theirs.Write([]byte{'y'})
			if m, err := c.Read(); err != nil || string(m.Data) != "xy" {
				t.Errorf("%q, %v", m.Data, err)
			}
		})
	})
}

func TestPingCall(t *testing.T) {
	bothRoles(t, "5.5.2/round_trip", func(t *testing.T, role Role) {
		c, p := talk(t, role, &Config{PingInterval: -1})
		o := readAll(c)
		type result struct {
			rtt time.Duration
			err error
		}
		results := make(chan result, 2)
		call := func() {
			rtt, err := c.Ping(t.Context())
			results <- result{rtt, err}
		}
		go call()
		first := wantPing(t, p, "the Ping")
		time.Sleep(time.Second)
		go call()
		second := wantPing(t, p, "another Ping")
		if first == second {
			t.Error("two Pings are alike")
		}
		p.SendPong("unsolicited")
		p.SendPong("12345678")
		time.Sleep(time.Second)
		// "for only the most recently processed Ping frame" (RFC 6455, 5.5.3)
		p.SendPong(second)
		a, b := <-results, <-results
		if a.err != nil || b.err != nil || a.rtt+b.rtt != 3*time.Second || c.RTT() != time.Second {
			t.Errorf("%v and %v, RTT %v", a, b, c.RTT())
		}
		p.SendPong(first) // late: says nothing
		synctest.Wait()
		if c.RTT() != time.Second {
			t.Errorf("RTT is %v after a late Pong", c.RTT())
		}
		c.CloseNow()
		<-o
		if _, err := c.Ping(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("after the end Ping returns %v", err)
		}
	})
	bothRoles(t, "5.5.2/nobody_reads", func(t *testing.T, role Role) {
		c, p := talk(t, role, &Config{PingInterval: -1})
		start := time.Now()
		call := later(func() error { _, err := c.Ping(t.Context()); return err })
		p.SendPong(wantPing(t, p, "the Ping"))
		if err := <-call; !errors.Is(err, ErrNotReading) || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Ping returns %v", err)
		}
		after(t, start, DefaultPongTimeout, "the end")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Ping(ctx); !errors.Is(err, ErrNotReading) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Ping returns %v", err)
		}
	})
	bothRoles(t, "5.5.2/no_answer", func(t *testing.T, role Role) {
		c, p := talk(t, role, &Config{PingInterval: -1})
		o := readAll(c)
		time.AfterFunc(time.Second, func() { p.SendText("x") })
		if _, err := c.Ping(t.Context()); errors.Is(err, ErrNotReading) || !errors.Is(err, errPongTimeout) {
			t.Errorf("Ping returns %v", err)
		}
		c.CloseNow()
		<-o
	})
	bothRoles(t, "7.1.1/the_end_ends_it", func(t *testing.T, role Role) {
		c, _ := talk(t, role, nil)
		time.AfterFunc(time.Second, func() { c.CloseNow() })
		if _, err := c.Ping(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("Ping returns %v", err)
		}
	})
}

// TestKeepaliveAfterAPause: bytes that come while nobody reads, past the deadline, do not end keepalive.
func TestKeepaliveAfterAPause(t *testing.T) {
	eachTransport(t, func(t *testing.T, ours, theirs net.Conn) {
		c := New(ours, RoleClient, nil, &Config{PingInterval: time.Millisecond, PongTimeout: time.Hour})
		p := conntest.NewPeer(t, theirs, false)
		if !c.mayWait() { // as a read does before it waits
			t.Fatal("the connection is over")
		}
		p.SendText("d")
		time.Sleep(10 * time.Millisecond) // the deadline passes
		if m, err := c.Read(); err != nil || string(m.Data) != "d" {
			t.Errorf("the read returns %q, %v", m.Data, err)
		}
		read := later(func() error { _, err := c.Read(); return err })
		p.Timeout = 10 * time.Second
		if f := p.Next("a silent peer is asked"); f.Opcode != conntest.Ping {
			t.Errorf("got %v", f)
		}
		c.CloseNow()
		<-read
	})
}

// TestKeepaliveBehindAMessage: a peer that is slow to take a message, and has nothing to say meanwhile, is not dead: the Ping has not reached it.
func TestKeepaliveBehindAMessage(t *testing.T) {
	bothRoles(t, "5.5.2/a_ping_that_has_not_left", func(t *testing.T, role Role) {
		ours, theirs := conntest.Pipe(64 << 10)
		c, _ := talkOver(t, ours, theirs, role, nil)
		o := readAll(c)
		const size = 1 << 20
		written := later(func() error { return c.Write(Binary, make([]byte, size)) })
		buf := make([]byte, 8<<10)
		for n := 0; n < size; {
			time.Sleep(time.Second)
			m, err := theirs.Read(buf)
			if err != nil {
				t.Fatalf("after %d bytes: %v", n, err)
			}
			n += m
		}
		if err := <-written; err != nil {
			t.Errorf("Write returns %v", err)
		}
		c.CloseNow()
		<-o
	})
}

// TestPingsAtOneTime: clocks are coarse, and in a bubble time stands still; each Ping is answered all the same.
func TestPingsAtOneTime(t *testing.T) {
	inBubble(t, "5.5.2/one_after_another", func(t *testing.T) {
		a, b := Pipe(nil)
		readA, readB := readAll(a), readAll(b)
		for range 3 {
			if rtt, err := a.Ping(t.Context()); rtt != 0 || err != nil {
				t.Errorf("Ping returns %v, %v", rtt, err)
			}
		}
		a.CloseNow()
		b.CloseNow()
		<-readA
		<-readB
	})
}

// TestPingInALoopEnds: from the body of a loop Ping cannot be answered, and ends with the connection.
func TestPingInALoopEnds(t *testing.T) {
	bothRoles(t, "5.5.2/CloseNow", func(t *testing.T, role Role) {
		c, p := talk(t, role, &Config{PongTimeout: -1})
		p.SendText("x")
		go func() {
			time.Sleep(time.Second)
			c.CloseNow()
		}()
		for m, err := range c.Messages() {
			if err != nil {
				break
			}
			start := time.Now()
			if _, err := c.Ping(t.Context()); !errors.Is(err, ErrClosed) || time.Since(start) != time.Second {
				t.Errorf("%v: Ping returns %v after %v", m.Type, err, time.Since(start))
			}
		}
	})
}
