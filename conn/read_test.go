package conn

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/conntest"
	"github.com/hawser-go/hawser/internal/protocol"
)

func TestMessages(t *testing.T) {
	bothRoles(t, "7.1.4/clean_close_ends_the_loop_without_an_error", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		got := readAll(c)
		p.SendText("a")
		p.SendBinary([]byte{0, 255})
		p.SendText("")
		p.SendClose(1000, "bye")
		p.WantClose("a close is answered with its code", 1000, "")
		if o := <-got; o.err != nil || !slices.Equal(o.messages, []string{`text "a"`, `binary "\x00\xff"`, `text ""`}) {
			t.Errorf("got %q, %v", o.messages, o.err)
		}
		for _, err := range c.Messages() {
			t.Errorf("a loop over a connection that has ended cleanly yields %v", err)
		}
	})
	for _, tt := range []struct {
		name  string
		code  uint16
		clean bool
	}{
		{"7.1.5/1000", 1000, true}, {"7.1.5/1001", 1001, true}, {"7.1.5/none", 1005, true},
		{"7.1.5/1002", 1002, false}, {"7.1.5/1011", 1011, false}, {"7.1.5/4000", 4000, false},
	} {
		bothRoles(t, tt.name, func(t *testing.T, role Role) {
			c, p := talk(t, role, nil)
			got := readAll(c)
			p.SendClose(tt.code, "")
			o := <-got
			if (o.err == nil) != tt.clean {
				t.Errorf("close with %d yields %v", tt.code, o.err)
			}
			_, err := c.Read()
			e, ok := errors.AsType[*CloseError](err)
			if !ok || uint16(e.Received.Code) != tt.code || uint16(e.Sent.Code) != tt.code || e.Local {
				t.Errorf("Read returns %v", err)
			}
			if errors.Is(err, io.EOF) != tt.clean || !errors.Is(err, ErrClosed) || errors.Is(err, net.ErrClosed) {
				t.Errorf("%v matches the wrong errors", err)
			}
		})
	}
	bothRoles(t, "7.1.7/a_violation_is_yielded_once_and_last", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		got := readAll(c)
		p.SendText("a")
		p.Send(conntest.Frame{Fin: true, RSV: conntest.RSV2, Opcode: conntest.Text})
		p.WantClose("the connection is failed", 1002, nil)
		o := <-got
		pe, ok := errors.AsType[*frame.ProtocolError](o.err)
		if !ok || pe.Section != "RFC 6455, 5.2" || !errors.Is(o.err, ErrClosed) || errors.Is(o.err, io.EOF) {
			t.Errorf("yielded %v", o.err)
		}
		if !slices.Equal(o.messages, []string{`text "a"`}) {
			t.Errorf("messages %q", o.messages)
		}
		n := 0
		for m, err := range c.Messages() {
			n++
			if err != o.err || m.Type != 0 || m.Data != nil {
				t.Errorf("the next loop yields %v, %v", m, err)
			}
			if c.Write(m.Type, m.Data) != ErrInvalidMessageType {
				t.Error("the zero message was written")
			}
		}
		if n != 1 {
			t.Errorf("the next loop yields %d times", n)
		}
	})
}

// TestBreak: after a break the connection is open, and the next read goes on where the loop was.
func TestBreak(t *testing.T) {
	bothRoles(t, "3/break", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		p.Send(text("a"), text("b"), text("c"), text("d"), text("e"))
		var got []string
		for m, err := range c.Messages() {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(m.Data))
			if len(got) == 2 {
				break
			}
		}
		m, err := c.Read()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(m.Data))
		m, err = c.ReadAppend([]byte("and "))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(m.Data))
		for m, err := range c.Messages() {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(m.Data))
			break
		}
		if !slices.Equal(got, []string{"a", "b", "c", "and d", "e"}) {
			t.Errorf("got %q", got)
		}
		if c.State() != StateOpen {
			t.Errorf("state is %v", c.State())
		}
	})
}

func text(s string) conntest.Frame {
	return conntest.Frame{Fin: true, Opcode: conntest.Text, Payload: []byte(s)}
}

func TestOnlyOneLoopReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := talk(t, RoleServer, nil)
		p.Send(text("a"), text("b"))
		for m, err := range c.Messages() {
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Read(); err != ErrReading {
				t.Errorf("Read in the loop returns %v", err)
			}
			if _, err := c.ReadAppend(nil); err != ErrReading {
				t.Errorf("ReadAppend in the loop returns %v", err)
			}
			for _, err := range c.Messages() {
				if err != ErrReading {
					t.Errorf("a loop in the loop yields %v", err)
				}
			}
			if string(m.Data) == "b" {
				break
			}
		}
	})
}

// TestReadsTakeTurns: each message goes to one of the readers, none is lost.
func TestReadsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := talk(t, RoleServer, nil)
		const n = 100
		got := make(chan string, n)
		for range 4 {
			go func() {
				for {
					m, err := c.Read()
					if err != nil {
						return
					}
					got <- string(m.Data)
				}
			}()
		}
		seen := map[string]bool{}
		for i := range n {
			p.SendText(string(rune('a' + i)))
		}
		for range n {
			seen[<-got] = true
		}
		if len(seen) != n {
			t.Errorf("%d different messages, want %d", len(seen), n)
		}
	})
}

// TestOwnership: what Read returned stays, and what Messages lent may be modified.
func TestOwnership(t *testing.T) {
	bothRoles(t, "3/read_is_owned", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		var owned [][]byte
		var want [][]byte
		for _, n := range []int{0, 1, 125, 126, 5000, 100000} {
			go p.SendBinary(pattern(n))
			m, err := c.Read()
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			owned, want = append(owned, m.Data), append(want, pattern(n))
		}
		for i := range owned {
			if !bytes.Equal(owned[i], want[i]) {
				t.Errorf("message of %d bytes has changed", len(want[i]))
			}
		}
		dst := append(make([]byte, 0, 100), "before "...)
		p.SendText("after")
		m, err := c.ReadAppend(dst)
		if err != nil || string(m.Data) != "before after" || &m.Data[0] != &dst[0] {
			t.Errorf("ReadAppend: %q, %v", m.Data, err)
		}
	})
	bothRoles(t, "3/loop_lends", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		p.Send(text("aaa"), text("bbb"), text("ccc"))
		var got []string
		for m, err := range c.Messages() {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(m.Data))
			for i := range m.Data {
				m.Data[i] = 'x'
			}
			if m.Data = append(m.Data, "yyyyyyyyyyyyyyyyyyyyyyy"...); len(got) == 3 { // must not reach the next message
				break
			}
		}
		if !slices.Equal(got, []string{"aaa", "bbb", "ccc"}) {
			t.Errorf("got %q", got)
		}
	})
}

// TestPanicInTheLoop: a panic or Goexit in the body goes through, and the connection stays usable.
func TestPanicInTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := talk(t, RoleServer, nil)
		p.Send(text("a"), text("b"), text("c"))
		func() {
			defer func() {
				if v := recover(); v != "body" {
					t.Errorf("recovered %v", v)
				}
			}()
			for range c.Messages() {
				panic("body")
			}
		}()
		done := make(chan bool)
		go func() {
			defer close(done)
			for range c.Messages() {
				runtime.Goexit()
			}
		}()
		<-done
		if m, err := c.Read(); err != nil || string(m.Data) != "c" {
			t.Errorf("Read after the panic: %q, %v", m.Data, err)
		}
	})
}

// TestEnds is C5: an end of the transport at every byte of a conversation. What was complete is delivered, what was not never is, and the
// error says which it was.
func TestEnds(t *testing.T) {
	var b []byte
	boundaries := map[int]int{0: 0} // offset -> messages
	for i, f := range []conntest.Frame{
		text("one"), {Opcode: conntest.Text, Payload: []byte("tw")}, {Fin: true, Opcode: conntest.Pong, Payload: []byte("p")},
		{Fin: true, Opcode: conntest.Continuation, Payload: []byte("o")}, text("three"),
	} {
		b = masked(f).Append(b)
		switch i {
		case 0:
			boundaries[len(b)] = 1
		case 3:
			boundaries[len(b)] = 2
		case 4:
			boundaries[len(b)] = 3
		}
	}
	for n := range len(b) + 1 {
		for _, reset := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				c, p := talk(t, RoleServer, nil)
				got := readAll(c)
				p.SendBytes(b[:n])
				synctest.Wait()
				if reset {
					p.Reset()
				} else {
					p.CloseWrite()
				}
				o := <-got
				e, ok := errors.AsType[*CloseError](o.err)
				if !ok || !errors.Is(o.err, ErrClosed) || errors.Is(o.err, io.EOF) || e.Local || e.Received != nil {
					t.Fatalf("7.2.1/cut at %d: %v", n, o.err)
				}
				messages, boundary := boundaries[n]
				switch {
				case reset && (e.Err == nil || e.EOF != NoEOF):
					t.Errorf("7.2.1/reset at %d: %+v", n, e)
				case !reset && boundary && (e.EOF != EOFBoundary || errors.Is(o.err, io.ErrUnexpectedEOF) || len(o.messages) != messages):
					t.Errorf("7.2.1/end at %d, a boundary: %+v after %d messages", n, e, len(o.messages))
				case !reset && !boundary && (e.EOF != EOFInside || !errors.Is(o.err, io.ErrUnexpectedEOF)):
					t.Errorf("7.2.1/end at %d, inside: %+v", n, e)
				}
				if err := c.Write(Text, nil); !errors.Is(err, ErrClosed) {
					t.Errorf("Write afterwards returns %v", err)
				}
				if c.State() != StateClosed {
					t.Errorf("state is %v", c.State())
				}
			})
		}
	}
}

// TestBytesBeforeAnError: a Read of the transport may return bytes and an error at once. The bytes come first.
func TestBytesBeforeAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		rwc := &lastGasp{b: masked(text("last words")).Append(nil), err: broken}
		c := New(rwc, RoleServer, nil, nil)
		if m, err := c.Read(); err != nil || string(m.Data) != "last words" {
			t.Fatalf("Read: %q, %v", m.Data, err)
		}
		if _, err := c.Read(); !errors.Is(err, broken) || !errors.Is(err, ErrClosed) {
			t.Errorf("Read: %v", err)
		}
		if !rwc.closed || rwc.reads != 1 {
			t.Errorf("the transport was read %d times after its error, closed: %v", rwc.reads-1, rwc.closed)
		}
	})
}

// lastGasp returns its bytes and its error in one Read.
type lastGasp struct {
	b      []byte
	err    error
	closed bool
	reads  int
}

func (l *lastGasp) Read(p []byte) (int, error) {
	l.reads++
	n := copy(p, l.b)
	l.b = l.b[n:]
	return n, l.err
}
func (l *lastGasp) Write(p []byte) (int, error) { return len(p), nil }
func (l *lastGasp) Close() error                { l.closed = true; return nil }

// TestBuffered: what came behind the handshake is read first (H9, K2).
func TestBuffered(t *testing.T) {
	for _, n := range []int{5, 5000, 100000} {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := conntest.Pipe(64 << 10)
			b := masked(conntest.Frame{Fin: true, Opcode: conntest.Binary, Payload: pattern(n)}).Append(nil)
			cut := min(len(b)-2, 60000)
			c := New(ours, RoleServer, b[:cut], &Config{MessageLimit: 1 << 20})
			clear(b[:cut]) // not retained
			p := conntest.NewPeer(t, theirs, true)
			rest := masked(conntest.Frame{Fin: true, Opcode: conntest.Binary, Payload: pattern(n)}).Append(nil)[cut:]
			p.SendBytes(rest)
			if m, err := c.Read(); err != nil || !bytes.Equal(m.Data, pattern(n)) {
				t.Errorf("4.1/%d bytes: %d, %v", n, len(m.Data), err)
			}
			c.CloseNow()
			p.Close()
		})
	}
}

// TestDeadlineOfTheTransport: the parser is left in the middle of a frame and goes on, when the transport lets it.
func TestReadIsResumable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := masked(conntest.Frame{Fin: true, Opcode: conntest.Binary, Payload: pattern(10000)}).Append(nil)
		for _, cut := range []int{1, 5, 8, 100, 5000, 10000} {
			f := newFeeder(1 << 20)
			f.feed(b[:cut], cut)
			f.in.idle()
			f.feed(b[cut:], 4096)
			if len(f.trace) != 1 || f.err != nil {
				t.Errorf("cut at %d: %q", cut, f.trace)
			}
		}
	})
}

// TestReadDoesNotLoseAnEarlierError: once the connection has ended, each call returns how.
func TestEndIsSticky(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, p := talk(t, RoleServer, nil)
		p.SendBytes([]byte{0x81, 0x05})
		_, first := c.Read()
		for range 3 {
			if _, err := c.Read(); err != first {
				t.Errorf("Read: %v, then %v", first, err)
			}
			if _, err := c.ReadAppend(nil); err != first {
				t.Errorf("ReadAppend: %v", err)
			}
		}
		if errors.Is(first, os.ErrDeadlineExceeded) {
			t.Errorf("%v matches a timeout", first)
		}
		p.WantClose("an unmasked frame fails the connection", 1002, nil)
		p.WantEOF("and ends it")
	})
}

// TestReadingDoesNotAllocate: messages in one frame and in several, small and large, with a ping between, and the buffers find their way back.
func TestReadingDoesNotAllocate(t *testing.T) {
	for _, n := range []int{100, 5000, 100000} {
		var b []byte
		p := pattern(n)
		for _, f := range []conntest.Frame{
			{Fin: true, Opcode: conntest.Binary, Payload: p}, {Opcode: conntest.Binary, Payload: p[:n/2]}, {Fin: true, Opcode: conntest.Pong, Payload: p[:50]},
			{Fin: true, Opcode: conntest.Continuation, Payload: p[n/2:]},
		} {
			b = masked(f).Append(b)
		}
		wire, input := make([]byte, len(b)), newFeeder(1<<20)
		conntest.ShouldNotAllocate(t, func() {
			copy(wire, b)
			for rest := wire; len(rest) > 0; {
				k := copy(input.in.space(), rest)
				input.in.advance(k)
				rest = rest[k:]
				for {
					e, data, err := input.in.next()
					if err != nil {
						t.Fatal(err)
					}
					if e.Kind == protocol.None {
						break
					}
					if e.Kind == protocol.Message && (len(data) != n || cap(data) != n) {
						t.Fatalf("message of %d bytes with capacity %d, want %d", len(data), cap(data), n)
					}
				}
			}
			input.in.idle()
		})
	}
}

// TestHeaderAloneAfterLoad: a view whose payload has not begun may lose its large buffer, and gets one again that is large enough.
func TestHeaderAloneAfterLoad(t *testing.T) {
	f := newFeeder(1 << 20)
	f.in.full = true // so the buffer is large
	b := masked(conntest.Frame{Fin: true, Opcode: conntest.Binary, Payload: pattern(5000)}).Append(nil)
	f.feed(b[:8], 8)
	for i := 8; i < len(b); i += 1000 {
		if len(f.in.space()) == 0 {
			t.Fatal("no space")
		}
		f.in.advance(0)
		f.feed(b[i:min(i+1000, len(b))], 1000)
	}
	if len(f.trace) != 1 || f.err != nil {
		t.Errorf("%d messages, %v", len(f.trace), f.err)
	}
}

func TestEchoDoesNotAllocate(t *testing.T) {
	for _, role := range []Role{RoleServer, RoleClient} {
		ours, theirs := tcpPair(t)
		c := New(ours, role, nil, nil)
		peerRole := RoleClient
		if role == RoleClient {
			peerRole = RoleServer
		}
		p := New(theirs, peerRole, nil, nil)
		go echo(c)
		msg, buf := pattern(1000), make([]byte, 0, 2000)
		conntest.ShouldNotAllocate(t, func() {
			if err := p.Write(Binary, msg); err != nil {
				t.Fatal(err)
			}
			if m, err := p.ReadAppend(buf); err != nil || len(m.Data) != len(msg) {
				t.Fatal(err)
			}
		})
		p.CloseNow()
		c.CloseNow()
	}
}
