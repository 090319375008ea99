package conn

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/conntest"
)

// TestLingering: a client in the middle of a 4 MiB write against a 1 MiB limit ends its write without an error, and reads 1009: no reset destroys the Close frame.
func TestLingering(t *testing.T) {
	conntest.CheckLeaks(t)
	for range 20 {
		ours, theirs := tcpPair(t)
		server, client := New(ours, RoleServer, nil, nil), New(theirs, RoleClient, nil, nil)
		result := make(chan error, 1)
		go func() { result <- echo(server) }()
		if err := client.Write(Binary, make([]byte, 4<<20)); err != nil {
			t.Fatalf("Write: %v", err)
		}
		_, err := client.Read()
		if e, ok := errors.AsType[*CloseError](err); !ok || e.Received == nil || e.Received.Code != frame.StatusMessageTooBig {
			t.Fatalf("Read: %v", err)
		}
		if err := <-result; !strings.Contains(err.Error(), "limit") {
			t.Fatalf("server: %v", err)
		}
		<-client.done()
		<-server.done()
	}
}

// TestNoHalfClose: over a transport that cannot be half-closed, a clean end does not wait for a peer that waits for us.
func TestNoHalfClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		s, c := New(ours, RoleServer, nil, nil), New(theirs, RoleClient, nil, nil)
		go echo(s)
		start := time.Now()
		if err := c.Write(Text, []byte("a")); err != nil {
			t.Fatal(err)
		}
		if m, err := c.Read(); err != nil || string(m.Data) != "a" {
			t.Fatal(err)
		}
		if err := c.Close(1000, ""); err != nil {
			t.Error(err)
		}
		s.Wait(t.Context())
		if took := time.Since(start); took != 0 {
			t.Errorf("the end took %v", took)
		}
	})
}

// TestFailures: what a peer may do wrong and what it is told (RELIABILITY 2.1, 2.4): the code, and the section in the reason.
func TestFailures(t *testing.T) {
	f := func(f conntest.Frame) []conntest.Frame { return []conntest.Frame{f} }
	for _, tt := range []struct {
		name   string
		frames []conntest.Frame
		code   uint16
	}{
		{"5.2/rsv", f(conntest.Frame{Fin: true, RSV: conntest.RSV3, Opcode: conntest.Text}), 1002},
		{"5.2/rsv1_not_negotiated", f(conntest.Frame{Fin: true, RSV: conntest.RSV1, Opcode: conntest.Text}), 1002},
		{"5.2/reserved_opcode", f(conntest.Frame{Fin: true, Opcode: 3}), 1002},
		{"5.2/reserved_control_opcode", f(conntest.Frame{Fin: true, Opcode: 11}), 1002},
		{"5.2/length_in_too_many_bytes", f(conntest.Frame{Fin: true, Opcode: conntest.Text, Payload: []byte("a"), LengthForm: 3}), 1002},
		{"5.4/continuation_first", f(conntest.Frame{Fin: true, Opcode: conntest.Continuation}), 1002},
		{"5.4/message_in_message", []conntest.Frame{{Opcode: conntest.Text}, {Fin: true, Opcode: conntest.Text}}, 1002},
		{"5.5/fragmented_ping", f(conntest.Frame{Opcode: conntest.Ping}), 1002},
		{"5.5/long_ping", f(conntest.Frame{Fin: true, Opcode: conntest.Ping, Payload: pattern(126)}), 1002},
		{"5.5.1/one_byte_close", f(conntest.Frame{Fin: true, Opcode: conntest.Close, Payload: []byte{3}}), 1002},
		{"7.4.1/reserved_code", f(conntest.Frame{Fin: true, Opcode: conntest.Close, Payload: []byte{3, 0xed}}), 1002},
		{"5.5.1/reason_not_UTF-8", f(conntest.Frame{Fin: true, Opcode: conntest.Close, Payload: []byte{3, 0xe8, 0xff}}), 1007},
		{"8.1/text_not_UTF-8", f(conntest.Frame{Fin: true, Opcode: conntest.Text, Payload: []byte("a\xff")}), 1007},
		{"8.1/text_cut", []conntest.Frame{{Opcode: conntest.Text, Payload: []byte("\xe2\x82")}, {Fin: true, Opcode: conntest.Continuation}}, 1007},
		{"7.4.1/too_big", f(conntest.Frame{Fin: true, Opcode: conntest.Binary, Payload: pattern(1025)}), 1009},
	} {
		bothRoles(t, tt.name, func(t *testing.T, role Role) {
			c, p := talk(t, role, &Config{MessageLimit: 1024})
			got := readAll(c)
			p.Send(tt.frames...)
			p.WantClose("the peer is told", tt.code, nil)
			p.WantEOF("and the stream ends")
			o := <-got
			pe, ok := errors.AsType[*frame.ProtocolError](o.err)
			if !ok || uint16(pe.Code) != tt.code || len(o.messages) != 0 {
				t.Fatalf("got %q, %v", o.messages, o.err)
			}
			e, _ := errors.AsType[*CloseError](o.err)
			if e.Sent == nil || uint16(e.Sent.Code) != tt.code || !strings.Contains(e.Sent.Reason, pe.Section) {
				t.Errorf("sent %v, which does not name %s", e.Sent, pe.Section)
			}
			if e.Local || e.Received != nil || e.Clean() {
				t.Errorf("%+v", e)
			}
		})
	}
	// The masking rules are each role's own.
	for _, tt := range []struct {
		name string
		role Role
		f    conntest.Frame
	}{
		{"5.1/client_does_not_mask", RoleServer, conntest.Frame{Fin: true, Opcode: conntest.Text, Payload: []byte("hello")}},
		{"5.1/client_does_not_mask_nothing", RoleServer, conntest.Frame{Fin: true, Opcode: conntest.Text}},
		{"5.1/server_masks", RoleClient, masked(conntest.Frame{Fin: true, Opcode: conntest.Text, Payload: []byte("hello")})},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, p := talk(t, tt.role, nil)
				go c.Read()
				p.SendExactly(tt.f)
				p.WantClose("the connection is failed", 1002, nil)
			})
		})
	}
}

func TestTruncate(t *testing.T) {
	for _, tt := range []struct {
		s    string
		n    int
		want string
	}{{"abc", 3, "abc"}, {"abcd", 3, "abc"}, {"aκ", 2, "a"}, {"€uro", 2, ""}} {
		if got := truncate(tt.s, tt.n); got != tt.want {
			t.Errorf("truncate(%q, %d) = %q, want %q", tt.s, tt.n, got, tt.want)
		}
	}
}

// TestCloseOverABrokenWrite: a Close frame that cannot be written is an error of Close, in a loop and outside.
func TestCloseOverABrokenWrite(t *testing.T) {
	broken := errors.New("broken")
	for _, loop := range []bool{false, true} {
		t.Run(fmt.Sprintf("7.1.2/in_a_loop_%v", loop), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := conntest.Pipe(1 << 10)
				c := New(&brokenWriter{Conn: ours, err: broken}, RoleServer, nil, nil)
				p := conntest.NewPeer(t, theirs, true)
				p.SendText("a")
				if loop {
					for range c.Messages() {
						if err := c.Close(1000, ""); !errors.Is(err, broken) {
							t.Errorf("Close returns %v", err)
						}
						go p.Close()
					}
				} else {
					start := time.Now()
					if err := c.Close(1000, ""); !errors.Is(err, broken) || !errors.Is(err, net.ErrClosed) {
						t.Errorf("Close returns %v", err)
					}
					if took := time.Since(start); took != DefaultCloseTimeout {
						t.Errorf("Close took %v", took)
					}
				}
				if c.State() == StateOpen {
					t.Error("the connection is open")
				}
				c.CloseNow()
				p.Close()
			})
		})
	}
	bothRoles(t, "7.1.7/failed_connection", func(t *testing.T, role Role) {
		ours, theirs := conntest.Pipe(1 << 10)
		c := New(&brokenWriter{Conn: ours, err: broken}, role, nil, nil)
		p := conntest.NewPeer(t, theirs, role == RoleServer)
		start := time.Now()
		p.Send(conntest.Frame{Fin: true, Opcode: 3})
		c.Read()
		c.Wait(t.Context())
		if took := time.Since(start); took != 0 {
			t.Errorf("a Close frame that cannot be written was lingered for %v", took)
		}
		p.Close()
	})
}

// brokenWriter fails each Write after the first `after` ones.
type brokenWriter struct {
	net.Conn
	after int
	err   error
}

func (b *brokenWriter) Write(p []byte) (int, error) {
	if b.after--; b.after < 0 {
		return 0, b.err
	}
	return b.Conn.Write(p)
}

// TestACutMessageIsNoCleanEnd: a message whose Write failed is lost, so a Close that comes afterwards does not make a clean end.
func TestACutMessageIsNoCleanEnd(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		name string
		end  func(c *Conn, p *conntest.Peer)
	}{
		{"7.1.4/the_peer_closes", func(c *Conn, p *conntest.Peer) { p.SendClose(1000, "") }},
		{"7.2.1/the_stream_ends", func(c *Conn, p *conntest.Peer) { p.CloseWrite() }},
		{"7.1.1/the_timer_ends", func(c *Conn, p *conntest.Peer) {}},
		{"7.2.1/we_cut", func(c *Conn, p *conntest.Peer) { c.CloseNow() }},
	} {
		bothRoles(t, tt.name, func(t *testing.T, role Role) {
			ours, theirs := conntest.Pipe(1 << 10)
			c := New(&brokenWriter{Conn: ours, err: broken}, role, nil, nil)
			p := conntest.NewPeer(t, theirs, role == RoleServer)
			first := c.Write(Text, []byte("lost"))
			if !errors.Is(first, broken) || !errors.Is(first, ErrClosed) {
				t.Errorf("Write returns %v", first)
			}
			if c.State() != StateClosing {
				t.Errorf("after a failed Write the state is %v", c.State())
			}
			tt.end(c, p)
			_, err := c.Read()
			if !errors.Is(err, broken) || isClean(err) {
				t.Errorf("Read returns %v", err)
			}
			if again := c.Write(Text, nil); again != err {
				t.Errorf("Write returns %v, want what Read returned", again)
			}
			c.CloseNow()
			p.Close()
		})
	}
}

// TestEOFOfAWrite: an io.EOF that a transport's Write returns does not look like a clean end.
func TestEOFOfAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := conntest.Pipe(1 << 10)
		c := New(&brokenWriter{Conn: ours, err: fmt.Errorf("channel: %w", io.EOF)}, RoleServer, nil, nil)
		if err := c.Write(Text, nil); errors.Is(err, io.EOF) || err == nil {
			t.Errorf("Write returns %v", err)
		}
		theirs.Close()
		if _, err := c.Read(); errors.Is(err, io.EOF) || err == nil {
			t.Errorf("Read returns %v", err)
		}
	})
}

// TestPanicWhileClosing: a panic in the body goes through at once, without a handshake.
func TestPanicWhileClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := talk(t, RoleServer, nil)
		p.SendText("a")
		start := time.Now()
		func() {
			defer func() { recover() }()
			for range c.Messages() {
				c.Close(1000, "")
				panic("body")
			}
		}()
		if took := time.Since(start); took != 0 {
			t.Errorf("the panic was held up for %v", took)
		}
		p.SendClose(1000, "")
		p.Close()
		if err := c.Close(1000, ""); err != nil {
			t.Errorf("Close after the panic: %v", err)
		}
	})
}

// TestHalfCloseOrder: who fails the connection shuts down at once, in both roles; over a transport that cannot be half-closed it waits for the peer.
func TestHalfCloseOrder(t *testing.T) {
	bothRoles(t, "7.1.7/no_half_close", func(t *testing.T, role Role) {
		ours, theirs := net.Pipe()
		c := New(ours, role, nil, nil)
		p := conntest.NewPeer(t, theirs, role == RoleServer)
		go c.Read()
		p.Send(conntest.Frame{Fin: true, Opcode: 3})
		p.WantClose("fail", 1002, nil)
		start := time.Now()
		p.SendBytes(pattern(1000)) // is taken: an answer may be on its way
		time.Sleep(time.Second)
		p.Close()
		c.Wait(t.Context())
		if took := time.Since(start); took != time.Second {
			t.Errorf("the connection ended after %v", took)
		}
	})
}
