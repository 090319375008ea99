package conn

import (
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/internal/conntest"
)

// TestPingTellsWhoIsAway: "A dead peer and an application that is not reading are different errors."
func TestPingTellsWhoIsAway(t *testing.T) {
	quiet := &Config{PingInterval: -1}
	ping := func(t *testing.T, c *Conn, notReading bool) {
		t.Helper()
		start := time.Now()
		_, err := c.Ping(t.Context())
		if !errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, ErrNotReading) != notReading {
			t.Errorf("Ping returns %v", err)
		}
		after(t, start, DefaultPongTimeout, "the end")
	}
	for name, read := range map[string]func(c *Conn){
		"Messages":  func(c *Conn) { <-readAll(c) },
		"Read":      func(c *Conn) { c.Read() },
		"Reader":    func(c *Conn) { c.Reader(context.Background()) },
		"NetConn":   func(c *Conn) { NetConn(c, Text).Read(make([]byte, 1)) },
		"CloseRead": func(c *Conn) { <-c.CloseRead().Done() },
	} {
		bothRoles(t, "5.5.2/dead_peer_while_"+name+"_waits", func(t *testing.T, role Role) {
			c, _ := talk(t, role, quiet)
			go read(c)
			synctest.Wait()
			ping(t, c, false)
			c.CloseNow()
		})
	}
	bothRoles(t, "5.5.2/the_read_begins_later", func(t *testing.T, role Role) {
		c, _ := talk(t, role, quiet)
		time.AfterFunc(time.Second, func() { c.Read() })
		ping(t, c, false)
	})
	bothRoles(t, "5.5.2/the_read_has_ended", func(t *testing.T, role Role) {
		c, _ := talk(t, role, quiet)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go c.ReadContext(ctx)
		synctest.Wait()
		ping(t, c, true)
	})
	bothRoles(t, "5.5.2/from_the_body_of_a_loop", func(t *testing.T, role Role) {
		c, p := talk(t, role, quiet)
		time.AfterFunc(time.Minute, func() { p.SendText("x") }) // the loop has waited
		for range c.Messages() {
			ping(t, c, true)
			break
		}
	})
	bothRoles(t, "5.5.2/between_the_messages_of_a_slow_loop", func(t *testing.T, role Role) {
		c, p := talk(t, role, quiet)
		done := later(func() error {
			for range c.Messages() {
				time.Sleep(15 * time.Second)
			}
			return nil
		})
		for range 3 {
			time.AfterFunc(10*time.Second, func() { p.SendText("x") })
			ping(t, c, false) // something was read meanwhile
		}
		c.CloseNow()
		<-done
	})
}

// TestProgressIsThePeers: a peer that does all it can is not blamed for an application that reads slowly, and an application that does not hide one that does not (D6).
func TestProgressIsThePeers(t *testing.T) {
	// begin sends the first bytes of a large message.
	begin := func(t *testing.T, role Role) (c *Conn, p *conntest.Peer, rest []byte) {
		c, p = talk(t, role, &Config{PingInterval: -1})
		const size = 1 << 20
		whole := conntest.Frame{Fin: true, Opcode: conntest.Binary, Masked: role == RoleServer, Payload: make([]byte, size)}.Append(nil)
		n := len(whole) - size + 10
		p.SendBytes(whole[:n])
		return c, p, whole[n:]
	}
	bothRoles(t, "10.4/D6/nobody_reads", func(t *testing.T, role Role) {
		c, p, rest := begin(t, role)
		for range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := c.ReadContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
			cancel()
			time.Sleep(time.Hour) // the application
		}
		p.Timeout = time.Hour
		go p.SendBytes(rest)
		if m, err := c.Read(); err != nil || len(m.Data) != 1<<20 {
			t.Errorf("%d bytes, %v", len(m.Data), err)
		}
	})
	bothRoles(t, "10.4/D6/a_slow_MessageReader", func(t *testing.T, role Role) {
		c, p, rest := begin(t, role)
		p.Timeout = 1000 * time.Hour
		go p.SendBytes(rest)
		_, r, err := c.Reader(t.Context())
		for buf := make([]byte, 16<<10); err == nil; {
			time.Sleep(time.Hour)
			_, err = io.ReadFull(r, buf)
		}
		if err != io.EOF {
			t.Error(err)
		}
	})
	bothRoles(t, "10.4/D6/a_slow_body", func(t *testing.T, role Role) {
		c, p := talk(t, role, &Config{PingInterval: -1})
		p.Send(text("a"), text("b"), conntest.Frame{Opcode: conntest.Text, Payload: []byte("c")})
		o := later(func() (n int) {
			for _, err := range c.Messages() {
				if err != nil {
					t.Error(err)
					return n
				}
				if n++; n == 3 {
					break
				}
				time.Sleep(time.Hour)
			}
			return n
		})
		time.Sleep(2*time.Hour + progressGrace - time.Second)
		p.Send(conntest.Frame{Fin: true, Opcode: conntest.Continuation})
		if n := <-o; n != 3 {
			t.Errorf("%d messages", n)
		}
	})
	bothRoles(t, "10.4/D6/waits_add_up", func(t *testing.T, role Role) {
		c, p, rest := begin(t, role)
		waited := time.Duration(0)
		for i := 0; ; i++ {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			start := time.Now()
			_, err := c.ReadContext(ctx)
			cancel()
			waited += time.Since(start)
			if errors.Is(err, ErrClosed) {
				if !errors.Is(err, errProgress) || waited != progressGrace {
					t.Errorf("after %v of waiting: %v", waited, err)
				}
				break
			}
			p.SendBytes(rest[i : i+1])
			time.Sleep(time.Minute)
		}
		p.WantClose("the message comes too slowly", 1008, nil)
	})
	bothRoles(t, "10.4/D6/in_a_MessageReader", func(t *testing.T, role Role) {
		c, p, rest := begin(t, role)
		go func() {
			for i := range 5 {
				p.Conn().Write(rest[i : i+1])
				time.Sleep(time.Minute)
			}
		}()
		start := time.Now()
		_, r, err := c.Reader(t.Context())
		if err == nil {
			_, err = io.ReadAll(r)
		}
		if !errors.Is(err, errProgress) {
			t.Errorf("the read ends with %v", err)
		}
		after(t, start, progressGrace, "the end")
		p.Close()
		time.Sleep(time.Hour) // the goroutine ends
	})
	bothRoles(t, "10.4/D6/anew_behind_what_was_read_in_pieces", func(t *testing.T, role Role) {
		c, p := talk(t, role, &Config{PingInterval: -1})
		read := later(func() error {
			_, err := readWith(c, t.Context())
			if err == nil {
				_, err = readWith(c, t.Context())
			}
			return err
		})
		p.Send(conntest.Frame{Opcode: conntest.Text, Payload: []byte("a")})
		for range 2 {
			time.Sleep(progressGrace - time.Second)
			p.Send(conntest.Frame{Fin: true, Opcode: conntest.Continuation}, conntest.Frame{Opcode: conntest.Text, Payload: []byte("b")})
		}
		if err := <-read; err != nil {
			t.Errorf("the reads end with %v", err)
		}
	})
	bothRoles(t, "10.4/D6/in_what_is_discarded_and_anew_behind_it", func(t *testing.T, role Role) {
		c, p := talk(t, role, &Config{PingInterval: -1})
		p.Send(conntest.Frame{Opcode: conntest.Text, Payload: []byte("a")})
		if _, _, err := c.Reader(t.Context()); err != nil {
			t.Fatal(err)
		}
		read := later(func() error { _, err := c.Read(); return err })
		time.Sleep(progressGrace - time.Second)
		p.Send(conntest.Frame{Fin: true, Opcode: conntest.Continuation}, conntest.Frame{Opcode: conntest.Text, Payload: []byte("b")})
		time.Sleep(progressGrace - time.Second)
		p.Send(conntest.Frame{Fin: true, Opcode: conntest.Continuation})
		if err := <-read; err != nil {
			t.Errorf("Read returns %v", err)
		}
	})
}
