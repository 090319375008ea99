package conntest

import (
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// inBubble runs body in a bubble with the end under test and the peer's end of a buffered pipe.
func inBubble(t *testing.T, body func(t *testing.T, engine, c *PipeConn)) {
	t.Helper()
	CheckLeaks(t)
	synctest.Test(t, func(t *testing.T) {
		engine, c := Pipe(1 << 20)
		defer engine.Close()
		defer c.Close()
		body(t, engine, c)
	})
}

func text(s string) Frame { return Frame{Fin: true, Opcode: Text, Payload: []byte(s)} }

func TestPeerSends(t *testing.T) {
	send := func(p *Peer) {
		p.SendText("hi")
		p.SendBinary([]byte{1, 2})
		p.SendPing("a")
		p.SendPong("b")
		p.SendClose(1000, "bye")
	}
	for _, client := range []bool{true, false} {
		inBubble(t, func(t *testing.T, engine, c *PipeConn) {
			p := NewPeer(t, c, client)
			if p.Conn() != c {
				t.Error("Conn")
			}
			send(p)
			p.CloseWrite()
			got, err := io.ReadAll(engine)
			must(t, err)
			sender := Server
			if client {
				sender = Client
			}
			w := NewWire(sender)
			must(t, w.Feed(got))
			want := []string{`text, 2 bytes: "hi"`, `binary, 2 bytes: 0102`, `ping, 1 bytes: "a"`, `pong, 1 bytes: "b"`, `close, 5 bytes, code 1000: "bye"`}
			for i, f := range w.Frames() {
				if f.Masked != client {
					t.Error("masked", f.Masked)
				}
				f.Masked = false
				if f.String() != want[i] {
					t.Errorf("%v, want %s", f, want[i])
				}
			}
		})
	}
}

func TestPeerSendLeavesItsArgumentsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe(1 << 10)
		defer a.Close()
		defer b.Close()
		frames := []Frame{{Fin: true, Opcode: Text, Payload: []byte("a")}}
		NewPeer(t, a, true).Send(frames...)
		if frames[0].Masked || frames[0].Key != [4]byte{} {
			t.Errorf("Send has masked the caller's frame: %+v", frames[0])
		}
	})
}

func TestPeerSendsExactly(t *testing.T) {
	inBubble(t, func(t *testing.T, engine, c *PipeConn) {
		p := NewPeer(t, c, true)
		p.SendExactly(text("a"), text("b"))
		p.Send(Frame{Fin: true, Opcode: Text, Key: [4]byte{1, 2, 3, 4}, Payload: []byte("a")})
		p.SendBytes(Hex("C0"))
		p.SendClose(1005, "")
		p.Close()
		p.Close()
		got, _ := io.ReadAll(engine)
		if want := Hex("81 01 61 81 01 62 81 81 01020304 60 C0 88 80"); string(got[:len(got)-4]) != string(want) {
			t.Errorf("%x", got)
		}
	})
}

// A conversation with an engine that answers well.
func TestPeerConversation(t *testing.T) {
	inBubble(t, func(t *testing.T, engine, c *PipeConn) {
		p := NewPeer(t, c, true)
		p.WantIdle("an engine says nothing first")
		engine.Write(Hex("81 02 6869"))
		p.WantFrame("a frame", text("hi"))
		engine.Write(Hex("89 01 70"))
		if f := p.Next("whatever comes next"); f.Opcode != Ping || string(f.Payload) != "p" {
			t.Errorf("Next returns %v", f)
		}
		engine.Write(Hex("81 02 6869 82 01 FF"))
		p.WantText("a message in one frame", "hi")
		p.WantBinary("a binary message", []byte{255})
		engine.Write(Hex("01 01 61 89 01 70 00 01 62 8A 00 80 01 63"))
		p.WantText("a message in three frames", "abc")
		p.WantPing("the ping in between comes next", "p")
		p.WantPong("and the pong", "")
		time.AfterFunc(time.Second, func() { engine.Write(Hex("88 05 03E9 627965")) })
		p.WantIdle("not yet")
		p.WantClose("then it closes", 1001, "bye")
		p.WantIdle("nothing after it")
		engine.Close()
		p.WantEOF("the end")
		if n := len(p.Wire().Frames()); n != 10 {
			t.Errorf("%d frames", n)
		}
	})
}

func TestPeerAsServer(t *testing.T) {
	inBubble(t, func(t *testing.T, engine, c *PipeConn) {
		p := NewPeer(t, c, false)
		p.Wire().PermessageDeflate(false)
		f := Frame{Fin: true, RSV: RSV1, Opcode: Text, Masked: true, Key: [4]byte{1, 2, 3, 4}, Payload: Hex("f248cdc9c90700")}
		engine.Write(f.Append(nil))
		p.WantText("a compressed message", "Hello")
		f.Key[0] += 5
		engine.Write(f.Append(nil))
		p.WantFrame("and its frame", Frame{Fin: true, RSV: RSV1, Opcode: Text, Payload: f.Payload})
		engine.Write(Frame{Fin: true, Opcode: Close, Masked: true, Key: [4]byte{9}, Payload: ClosePayload(1000, "any")}.Append(nil))
		p.WantClose("whatever the reason", 1000, nil)
		engine.Reset()
		p.WantReset("the end")
	})
}

func TestPeerReadHead(t *testing.T) {
	inBubble(t, func(t *testing.T, engine, c *PipeConn) {
		engine.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\n\x81\x02hi"))
		p := NewPeer(t, c, true)
		if got := p.ReadHead("a head"); got != "HTTP/1.1 101 Switching Protocols\r\nA: b\r\n\r\n" {
			t.Errorf("%q", got)
		}
		p.WantText("the frame behind it", "hi")
	})
	inBubble(t, func(t *testing.T, engine, c *PipeConn) {
		engine.Write([]byte("GET / HTTP/1.1\r\n"))
		engine.Close()
		wantFailure(t, func(t testing.TB) { NewPeer(t, c, false).ReadHead("a head comes") },
			"a head comes", "EOF", `"GET / HTTP/1.1\r\n"`)
	})
}

// Each failure has the sentence, what came and what was wanted.
func TestPeerFailures(t *testing.T) {
	cases := []struct {
		name  string
		wire  string
		end   func(engine *PipeConn)
		want  func(p *Peer)
		parts []string
	}{
		{"other_payload", "81 0B 68656c6c6f20776f726c64", nil,
			func(p *Peer) { p.WantFrame("S", text("hello WORLD, and so on")) },
			[]string{"S\n got text, 11 bytes: \"hello world\"\nwant text, 22 bytes: \"hello WORLD, and so on\"\n" +
				"payloads of 11 and 22 bytes differ at byte 6; from byte 0:\n" +
				" got 68 65 6c 6c 6f 20 77 6f 72 6c 64 (ends)\n" +
				"want 68 65 6c 6c 6f 20 57 4f 52 4c 44 2c 20 61 6e 64 20 73 6f 20 6f 6e (ends)\n" +
				"                       ^^"}},
		{"longer_payload", "81 02 6869", nil,
			func(p *Peer) { p.WantFrame("S", text("hi"+strings.Repeat(".", 100))) },
			[]string{"of 2 and 102 bytes differ at byte 2; from byte 0:\n got 68 69 (ends)\nwant 68 69 2e 2e"}},
		{"much_longer_payload", "81 00", nil,
			func(p *Peer) { p.WantFrame("S", text("hi")) }, []string{"got (ends)\nwant 68 69 (ends)"}},
		{"other_fin", "01 00", nil,
			func(p *Peer) { p.WantFrame("S", text("")) }, []string{"S\n got text (to be continued), 0 bytes\nwant text, 0 bytes"}},
		{"other_RSV", "81 00", nil,
			func(p *Peer) { p.WantFrame("S", Frame{Fin: true, RSV: RSV1, Opcode: Text}) }, []string{"S\n got text, 0 bytes\nwant text RSV1, 0 bytes"}},
		{"other_opcode", "89 00", nil,
			func(p *Peer) { p.WantPong("S", "") }, []string{"S\n got ping, 0 bytes\nwant pong, 0 bytes"}},
		{"other_message_type", "82 00", nil,
			func(p *Peer) { p.WantText("S", "hi") }, []string{"S\n got binary, 0 bytes\nwant text, 2 bytes: \"hi\""}},
		{"other_text", "01 01 68 80 01 6A", nil,
			func(p *Peer) { p.WantText("S", "hi") }, []string{"S\n got text, 2 bytes: \"hj\"\nwant text, 2 bytes: \"hi\"", "differ at byte 1"}},
		{"message_without_end", "01 01 68 00", (*PipeConn).Reset,
			func(p *Peer) { p.WantText("S", "hi") }, []string{"S\n got", "inside the message\nwant text"}},
		{"nothing_comes", "", nil,
			func(p *Peer) { p.WantText("S", "hi") }, []string{"S\n got", "i/o timeout\nwant text"}},
		{"part_of_a_frame", "81 02 68", nil,
			func(p *Peer) { p.WantText("S", "hi") }, []string{"S\n got", "i/o timeout after a part of a frame: 81 02 68\nwant text"}},
		{"EOF_instead_of_a_frame", "", closing,
			func(p *Peer) { p.WantClose("S", 1000, "") }, []string{"S\n got EOF\nwant close, 2 bytes, code 1000"}},
		{"violation", "81 80 01020304", nil,
			func(p *Peer) { p.WantText("S", "hi") }, []string{"S\nthe other end breaks the protocol: frame 0 of the server, at byte 0 (81 80 01 02 03 04): RFC 6455, 5.1"}},
		{"violation_behind_a_frame", "81 00 C1", nil,
			func(p *Peer) { p.WantText("first", ""); p.WantText("S", "") }, []string{"S\nthe other end breaks", "RFC 6455, 5.2"}},
		{"other_close_code", "88 02 03E9", nil,
			func(p *Peer) { p.WantClose("S", 1000, nil) }, []string{"S\n got close, 2 bytes, code 1001\nwant close, 2 bytes, code 1000 and any reason"}},
		{"other_close_reason", "88 03 03E8 61", nil,
			func(p *Peer) { p.WantClose("S", 1000, "b") }, []string{"S\n got close, 3 bytes, code 1000: \"a\"\nwant"}},
		{"close_code_instead_of_none", "88 02 03E8", nil,
			func(p *Peer) { p.WantClose("S", 1005, nil) }, []string{"S\n got close, 2 bytes, code 1000\nwant close, 0 bytes and any"}},
		{"frame_instead_of_EOF", "88 00", closing,
			func(p *Peer) { p.WantEOF("S") }, []string{"S\n got close, 0 bytes\nwant EOF"}},
		{"kept_frame_instead_of_EOF", "01 00 89 00 80 00", closing,
			func(p *Peer) { p.WantText("first", ""); p.WantEOF("S") }, []string{"S\n got ping, 0 bytes\nwant EOF"}},
		{"EOF_inside_a_frame", "82 7E", closing,
			func(p *Peer) { p.WantEOF("S") }, []string{"S\n got frame 0 of the server, at byte 0 (82 7e): the stream ends inside this frame\nwant EOF"}},
		{"no_EOF", "", nil,
			func(p *Peer) { p.WantEOF("S") }, []string{"S\n got", "i/o timeout\nwant EOF"}},
		{"EOF_instead_of_reset", "", closing,
			func(p *Peer) { p.WantReset("S") }, []string{"S\n got EOF\nwant connection reset"}},
		{"reset_instead_of_EOF", "", (*PipeConn).Reset,
			func(p *Peer) { p.WantEOF("S") }, []string{"S\n got", "connection reset by peer\nwant EOF"}},
		{"not_idle", "89 00", nil,
			func(p *Peer) { p.WantIdle("S") }, []string{"S\n got ping, 0 bytes\nwant nothing"}},
		{"not_idle_second_frame", "89 00 8A 00", nil,
			func(p *Peer) { p.WantPing("first", ""); p.WantIdle("S") }, []string{"S\n got pong, 0 bytes\nwant nothing"}},
		{"not_idle_kept_frame", "01 00 89 00 80 00", nil,
			func(p *Peer) { p.WantText("first", ""); p.WantIdle("S") }, []string{"S\n got ping, 0 bytes\nwant nothing"}},
		{"not_idle_part_of_a_frame", "89 00 81", nil,
			func(p *Peer) { p.WantPing("first", ""); p.WantIdle("S") }, []string{"S\n got", "a part of a frame: 81\nwant nothing"}},
		{"not_idle_violation", "89 00 C1", nil,
			func(p *Peer) { p.WantPing("first", ""); p.WantIdle("S") }, []string{"S\nthe other end breaks"}},
		{"not_idle_EOF", "", closing,
			func(p *Peer) { p.WantIdle("S") }, []string{"S\n got EOF\nwant nothing"}},
		{"write_fails", "", closing,
			func(p *Peer) { p.SendText("hi") }, []string{"the peer could write only 0 of 8 bytes", "broken pipe"}},
		{"half_close_fails", "", (*PipeConn).Reset,
			func(p *Peer) { p.CloseWrite() }, []string{"the peer could not half-close", "connection reset"}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, engine, c *PipeConn) {
				engine.Write(Hex(tc.wire))
				if tc.end != nil {
					tc.end(engine)
				}
				if tc.name == "message_without_end" {
					// A reset loses what is buffered: let the message begin before it.
					engine, c = Pipe(100)
					engine.Write(Hex(tc.wire))
					time.AfterFunc(time.Second, engine.Reset)
				}
				// The fake test ends its own goroutine, which therefore must be in the bubble.
				wantFailure(t, func(t testing.TB) { tc.want(NewPeer(t, c, true)) }, tc.parts...)
			})
		})
	}
}

func closing(engine *PipeConn) { engine.Close() }

func TestPeerIdleOnOtherConnections(t *testing.T) {
	inBubble(t, func(t *testing.T, engine, c *PipeConn) {
		p := NewPeer(t, Chopped(c, 1), true)
		start := time.Now()
		p.WantIdle("nothing")
		if d := time.Since(start); d != time.Nanosecond {
			t.Error(d)
		}
		engine.Write(Hex("81 00"))
		wantFailure(t, func(t testing.TB) {
			p.t = t
			p.WantIdle("S")
		}, "S\n got text, 0 bytes\nwant nothing")
	})
}

func TestPeerIdleOutsideOfABubble(t *testing.T) {
	_, b := Pipe(1)
	wantFailure(t, func(t testing.TB) { NewPeer(t, b, true).WantIdle("S") }, "S\nWantIdle works in a synctest bubble only")
}

func TestPeerReset(t *testing.T) {
	inBubble(t, func(t *testing.T, engine, c *PipeConn) {
		NewPeer(t, c, true).Reset()
		_, err := engine.Read(make([]byte, 1))
		wantErr(t, err, syscall.ECONNRESET)
	})
}

// Over real sockets, where nothing is virtual.
func TestPeerOverTCP(t *testing.T) {
	CheckLeaks(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip(err)
	}
	defer ln.Close()
	c, err := net.Dial("tcp", ln.Addr().String())
	must(t, err)
	engine, err := ln.Accept()
	must(t, err)
	p := NewPeer(t, c, true)
	engine.Write(Hex("81 02 6869"))
	p.WantText("over TCP", "hi")
	reset(engine)
	p.WantReset("a real RST")
	p.Close()
}

func TestPeerBadReason(t *testing.T) {
	_, b := Pipe(1)
	wantPanic(t, "hawser/conntest: reason is a int", func() { NewPeer(t, b, true).WantClose("S", 1000, 5) })
}

func TestDiffOfEqualPayloads(t *testing.T) {
	if s := diff([]byte("a"), []byte("a")); s != "" {
		t.Error(s)
	}
}
