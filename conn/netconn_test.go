package conn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/nettest"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/internal/conntest"
)

// stopBoth closes both sides, at the same time: neither has to wait for the other's answer.
func stopBoth(a, b net.Conn) func() {
	return func() {
		var wg sync.WaitGroup
		wg.Go(func() { a.Close() })
		wg.Go(func() { b.Close() })
		wg.Wait()
	}
}

// TestNetConnNettest: golang.org/x/net/nettest.TestConn over each transport.
func TestNetConnNettest(t *testing.T) {
	transports := map[string]func(*Config) (a, b *Conn){"pipe": Pipe}
	for kind, pair := range socketPairs() {
		transports[kind] = func(cfg *Config) (*Conn, *Conn) {
			a, b := pair(t)
			a.SetWriteBuffer(256 << 10) // so small as they are, bytes are slow on any connection
			b.SetReadBuffer(256 << 10)
			return New(a, RoleClient, nil, cfg), New(b, RoleServer, nil, cfg)
		}
	}
	for kind, pair := range transports {
		t.Run("3/"+kind, func(t *testing.T) {
			nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
				a, b := pair(nil)
				x, y := NetConn(a, Binary), NetConn(b, Binary)
				return x, y, stopBoth(x, y), nil
			})
		})
	}
	t.Run("3/pipe_compressed", func(t *testing.T) {
		if conntest.RaceEnabled {
			t.Skip("many messages are on their way at a time, and each costs a buffer that is poisoned")
		}
		nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
			a, b := Pipe(&Config{Compression: &deflate.Config{Threshold: -1}})
			x, y := NetConn(a, Binary), NetConn(b, Binary|Uncompressed)
			return x, y, stopBoth(x, y), nil
		})
	})
}

// TestNetConnReads: messages are pieces of one stream.
func TestNetConnReads(t *testing.T) {
	bothRoles(t, "3/messages_are_pieces_of_the_stream", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		n := NetConn(c, Text)
		p.Send(text("ab"), text(""), conntest.Frame{Opcode: conntest.Text, Payload: []byte("c")})
		p.SendPing("x")
		p.Send(conntest.Frame{Opcode: conntest.Continuation}, conntest.Frame{Fin: true, Opcode: conntest.Continuation, Payload: []byte("d")})
		p.SendClose(1001, "")
		got, err := io.ReadAll(n)
		if string(got) != "abcd" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		if k, err := n.Read(make([]byte, 1)); k != 0 || err != io.EOF {
			t.Errorf("after the end: %d, %v", k, err)
		}
		if k, err := n.Read(nil); k != 0 || err != nil {
			t.Errorf("an empty read returns %d, %v", k, err)
		}
		if err := n.Close(); err != nil {
			t.Errorf("Close returns %v", err)
		}
	})
	bothRoles(t, "3/a_piece_of_a_message_is_there_before_its_end", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		n := NetConn(c, Binary)
		whole := conntest.Frame{Fin: true, Opcode: conntest.Binary, Masked: role == RoleServer, Payload: pattern(1000)}.Append(nil)
		p.SendBytes(whole[:len(whole)-400])
		got := make([]byte, 600)
		if _, err := io.ReadFull(n, got); err != nil || !bytes.Equal(got, pattern(600)) {
			t.Errorf("%q, %v", got, err)
		}
	})
	for _, tt := range []struct {
		name  string
		end   func(c *Conn, p *conntest.Peer)
		match []error
	}{
		{"7.4.1/1000", func(_ *Conn, p *conntest.Peer) { p.SendClose(1000, "") }, []error{io.EOF}},
		{"7.4.1/1001", func(_ *Conn, p *conntest.Peer) { p.SendClose(1001, "") }, []error{io.EOF}},
		{"7.4.1/1005", func(_ *Conn, p *conntest.Peer) { p.SendClose(1005, "") }, []error{io.EOF}},
		{"7.4.1/1011", func(_ *Conn, p *conntest.Peer) { p.SendClose(1011, "") }, []error{ErrClosed, io.ErrUnexpectedEOF}},
		{"7.1.1/no_Close", func(_ *Conn, p *conntest.Peer) { p.CloseWrite() }, []error{ErrClosed, io.ErrUnexpectedEOF}},
		{"7.1.1/inside_a_message", func(_ *Conn, p *conntest.Peer) {
			p.Send(conntest.Frame{Opcode: conntest.Binary})
			p.SendClose(1000, "")
		}, []error{ErrClosed, io.ErrUnexpectedEOF}},
		{"7.1.1/closed_by_this_side", func(c *Conn, p *conntest.Peer) {
			go c.Close(1000, "")
			synctest.Wait()
			p.SendClose(1000, "")
		}, []error{ErrClosed, net.ErrClosed, io.ErrUnexpectedEOF}},
		{"7.4.1/another_type", func(_ *Conn, p *conntest.Peer) { p.SendText("x") }, []error{ErrClosed, errUnexpectedType}},
	} {
		bothRoles(t, tt.name, func(t *testing.T, role Role) {
			c, p := talk(t, role, nil)
			n := NetConn(c, Binary)
			read := later(func() error { _, err := n.Read(make([]byte, 10)); return err })
			synctest.Wait()
			tt.end(c, p)
			err := <-read
			for _, want := range tt.match {
				if !errors.Is(err, want) {
					t.Errorf("Read returns %v, which is no %v", err, want)
				}
			}
			if tt.match[0] != io.EOF && errors.Is(err, io.EOF) || tt.match[0] == io.EOF && err != io.EOF {
				t.Errorf("Read returns %v", err)
			}
			if e := (*CloseError)(nil); tt.match[0] != io.EOF && (!errors.As(err, &e) || err.Error() == "") {
				t.Errorf("%v has no CloseError", err)
			}
			if tt.match[len(tt.match)-1] == errUnexpectedType {
				p.WantClose("another type", 1003, "unexpected message type (RFC 6455, 7.4.1)")
			}
		})
	}
}

// TestNetConnDeadlines: a deadline that passes does not close the connection and loses nothing, at any byte.
func TestNetConnDeadlines(t *testing.T) {
	bothRoles(t, "3/read_at_any_byte", func(t *testing.T, role Role) {
		c, p := talk(t, role, &Config{PingInterval: -1})
		n := NetConn(c, Binary)
		whole := conntest.Frame{Fin: true, Opcode: conntest.Binary, Masked: role == RoleServer, Payload: []byte("hello")}.Append(nil)
		whole = append(whole, whole...)
		var got []byte
		for _, b := range whole {
			p.SendBytes([]byte{b})
			start := time.Now()
			n.SetReadDeadline(start.Add(time.Second))
			for {
				buf := make([]byte, 3)
				k, err := n.Read(buf)
				got = append(got, buf[:k]...)
				if err != nil {
					if e, ok := err.(net.Error); !ok || !e.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) {
						t.Fatal(err)
					}
					break
				}
			}
			after(t, start, time.Second, "the read")
		}
		if string(got) != "hellohello" || c.State() != StateOpen {
			t.Errorf("%q, %v", got, c.State())
		}
	})
	bothRoles(t, "3/moved_while_a_read_waits", func(t *testing.T, role Role) {
		c, p := talk(t, role, &Config{PingInterval: -1})
		n := NetConn(c, Binary)
		read := func() <-chan error {
			return later(func() error { _, err := n.Read(make([]byte, 3)); return err })
		}
		for _, ahead := range []time.Duration{time.Minute, -time.Minute} {
			n.SetReadDeadline(time.Time{})
			done := read()
			time.Sleep(time.Hour)
			n.SetReadDeadline(time.Now().Add(time.Second))
			start := time.Now()
			n.SetReadDeadline(start.Add(ahead))
			if err := <-done; err != os.ErrDeadlineExceeded {
				t.Errorf("Read returns %v", err)
			}
			after(t, start, max(ahead, 0), "the read")
			if _, err := n.Read(make([]byte, 3)); err != os.ErrDeadlineExceeded {
				t.Errorf("the next Read returns %v", err)
			}
		}
		n.SetDeadline(time.Time{})
		p.SendBinary([]byte("x"))
		if err := <-read(); err != nil {
			t.Errorf("without a deadline Read returns %v", err)
		}
	})
	bothRoles(t, "3/a_write_that_is_cut_goes_on", func(t *testing.T, role Role) {
		ours, theirs := conntest.Pipe(1 << 10)
		c, p := talkOver(t, ours, theirs, role, nil)
		n := NetConn(c, Binary)
		n.SetWriteDeadline(time.Now().Add(time.Second))
		start := time.Now()
		k, err := n.Write(pattern(100_000))
		if err != os.ErrDeadlineExceeded {
			t.Errorf("Write returns %v", err)
		}
		after(t, start, time.Second, "the write")
		if k != netMessage {
			t.Errorf("Write returns %d: the message that was begun counts", k)
		}
		n.SetWriteDeadline(start.Add(2 * time.Second))
		if k, err := n.Write([]byte("x")); k != 0 || err != os.ErrDeadlineExceeded {
			t.Errorf("behind what is not sent Write returns %d, %v", k, err)
		}
		n.SetWriteDeadline(time.Time{})
		rest := later(func() error { _, err := n.Write(pattern(100_000)[k:]); return err })
		var got []byte
		for len(got) < 100_000 {
			f := p.Next("the rest")
			got = append(got, f.Payload...)
			if len(f.Payload) > netMessage || f.Opcode != conntest.Binary {
				t.Fatalf("%d bytes", len(f.Payload))
			}
		}
		if err := <-rest; err != nil || !bytes.Equal(got, pattern(100_000)) {
			t.Errorf("the rest: %v", err)
		}
	})
	bothRoles(t, "3/a_write_waits_for_another", func(t *testing.T, role Role) {
		ours, theirs := conntest.Pipe(1 << 10)
		c, _ := talkOver(t, ours, theirs, role, nil)
		n := NetConn(c, Binary)
		first := later(func() error { _, err := n.Write(pattern(100_000)); return err })
		synctest.Wait()
		second := later(func() error { _, err := n.Write(pattern(10)); return err })
		synctest.Wait()
		n.SetWriteDeadline(time.Now())
		if a, b := <-first, <-second; a != os.ErrDeadlineExceeded || b != a {
			t.Errorf("%v and %v", a, b)
		}
		c.CloseNow()
		n.SetWriteDeadline(time.Time{})
		for range 2 {
			if _, err := n.Write([]byte("x")); !errors.Is(err, ErrClosed) || errors.Is(err, io.EOF) {
				t.Errorf("after the end Write returns %v", err)
			}
		}
	})
}

func TestNetConnWrites(t *testing.T) {
	bothRoles(t, "8.1/text_is_cut_between_characters", func(t *testing.T, role Role) {
		ours, theirs := conntest.Pipe(1 << 20)
		c, p := talkOver(t, ours, theirs, role, nil)
		n := NetConn(c, Text)
		want := "x" + strings.Repeat("κ", netMessage)
		if k, err := n.Write([]byte(want)); k != len(want) || err != nil {
			t.Errorf("%d, %v", k, err)
		}
		p.WantText("the first message", want[:netMessage-1])
		p.WantText("the second", want[netMessage-1:2*netMessage-1])
		p.WantText("the third", want[2*netMessage-1:])
		if k, err := n.Write([]byte("a\xff")); k != 0 || err != ErrInvalidUTF8 {
			t.Errorf("%d, %v", k, err)
		}
		if k, err := n.Write(nil); k != 0 || err != nil {
			t.Errorf("an empty write returns %d, %v", k, err)
		}
		p.WantIdle("an empty write sends nothing, and neither does text that is invalid")
	})
	inBubble(t, "5.6/invalid_type", func(t *testing.T) {
		c, _ := talk(t, RoleServer, nil)
		if _, err := NetConn(c, 0).Write([]byte("x")); err != ErrInvalidMessageType {
			t.Errorf("Write returns %v", err)
		}
	})
}

func TestNetConnClose(t *testing.T) {
	bothRoles(t, "7.4.1/sends_1000_and_ends_what_waits", func(t *testing.T, role Role) {
		ours, theirs := conntest.Pipe(1 << 10)
		c, p := talkOver(t, ours, theirs, role, nil)
		n := NetConn(c, Binary)
		n.SetDeadline(time.Now().Add(time.Hour))
		read := later(func() error { _, err := n.Read(make([]byte, 3)); return err })
		write := later(func() error { _, err := n.Write(pattern(netMessage)); return err })
		synctest.Wait()
		start := time.Now()
		closed := later(n.Close)
		if a, b := <-read, <-write; !errors.Is(a, net.ErrClosed) || !errors.Is(b, net.ErrClosed) && b != nil {
			t.Errorf("Read ends with %v, Write with %v", a, b)
		}
		after(t, start, 0, "the calls that wait")
		p.WantBinary("what was begun", pattern(netMessage))
		p.WantClose("the Close", 1000, "")
		p.SendClose(1000, "")
		if err := <-closed; err != nil {
			t.Errorf("Close returns %v", err)
		}
		_, a := n.Read(make([]byte, 3))
		_, b := n.Write(make([]byte, 3))
		for _, err := range []error{a, b, n.SetDeadline(time.Time{}), n.SetReadDeadline(time.Time{}), n.SetWriteDeadline(time.Time{})} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
		}
		if err := n.Close(); err != nil {
			t.Errorf("another Close returns %v", err)
		}
	})
	inBubble(t, "7.1.2/both_directions_are_full", func(t *testing.T) {
		a, b := Pipe(nil)
		x, y := NetConn(a, Binary), NetConn(b, Binary)
		echo := later(func() error {
			_, err := io.Copy(struct{ io.Writer }{y}, struct{ io.Reader }{y})
			return errors.Join(err, y.Close())
		})
		x.SetWriteDeadline(time.Now().Add(time.Second))
		for err := error(nil); err == nil; {
			_, err = x.Write(pattern(netMessage))
		}
		start := time.Now()
		if err := x.Close(); err != nil {
			t.Errorf("Close returns %v", err)
		}
		after(t, start, 0, "Close")
		<-echo // its last Write may find the connection closed
	})
	bothRoles(t, "7.4.1/after_a_deadline_has_passed", func(t *testing.T, role Role) {
		c, _ := talk(t, role, &Config{CloseTimeout: time.Second})
		n := NetConn(c, Binary)
		n.SetReadDeadline(time.Now())
		if err := n.Close(); !errors.Is(err, errCloseTimeout) {
			t.Errorf("Close returns %v", err)
		}
		if _, err := n.Read(make([]byte, 3)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("after Close Read returns %v", err)
		}
	})
}

func TestNetConnAddresses(t *testing.T) {
	c := New(struct{ io.ReadWriteCloser }{&lastGasp{err: io.EOF}}, RoleServer, nil, nil)
	defer c.CloseNow()
	n := NetConn(c, Binary)
	if got := fmt.Sprint(n.LocalAddr().Network(), " ", n.RemoteAddr()); got != "websocket websocket/unknown-addr" {
		t.Error(got)
	}
	a, b := Pipe(nil)
	defer a.CloseNow()
	defer b.CloseNow()
	if n := NetConn(a, Binary); n.LocalAddr() != a.LocalAddr() || n.RemoteAddr() != a.RemoteAddr() {
		t.Error("the addresses are not the connection's")
	}
}

// TestNetConnWhileALoopReads: there is one reader.
func TestNetConnWhileALoopReads(t *testing.T) {
	inBubble(t, "3/ErrReading", func(t *testing.T) {
		c, p := talk(t, RoleServer, nil)
		n := NetConn(c, Binary)
		p.SendText("x")
		for range c.Messages() {
			if _, err := n.Read(make([]byte, 1)); err != ErrReading {
				t.Errorf("Read in the loop returns %v", err)
			}
			break
		}
		if err := context.Cause(c.CloseRead()); err != nil {
			t.Error(err)
		}
		if _, err := n.Read(make([]byte, 1)); err != ErrReadClosed {
			t.Errorf("Read after CloseRead returns %v", err)
		}
	})
}
