package conn

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/conntest"
)

// takeover and noTakeover are what most of these tests have agreed on.
var (
	takeover   = deflate.Params{ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}
	noTakeover = deflate.Params{ServerNoContextTakeover: true, ClientNoContextTakeover: true, ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}
)

// talkCompressed is talk on a connection with permessage-deflate. What we send goes through the inflater of the Wire.
func talkCompressed(t testing.TB, role Role, p deflate.Params, cfg *Config) (*Conn, *conntest.Peer) {
	t.Helper()
	if cfg == nil {
		cfg = &Config{}
	}
	if cfg.Compression == nil {
		cfg.Compression = &deflate.Config{Threshold: -1}
	}
	c, peer := talk(t, role, cfg)
	out, _ := p.ForServer()
	if role == RoleClient {
		out, _ = p.ForClient()
	}
	peer.Wire().PermessageDeflate(out.ContextTakeover)
	c.compress(p, "permessage-deflate")
	return c, peer
}

// A packer compresses as RFC 7692, 7.2.1 says, with the standard library: what it makes is not made by the code that is tested.
type packer struct {
	out      bytes.Buffer
	w        *flate.Writer
	takeover bool
}

func newPacker(level int, takeover bool) *packer {
	z := &packer{takeover: takeover}
	z.w, _ = flate.NewWriter(&z.out, level)
	return z
}

func (z *packer) pack(p []byte) []byte {
	z.out.Reset()
	if !z.takeover {
		z.w.Reset(&z.out)
	}
	z.w.Write(p)
	z.w.Flush()
	return slices.Clone(bytes.TrimSuffix(z.out.Bytes(), []byte{0, 0, 0xff, 0xff}))
}

// noise returns n bytes that cannot be compressed, the same each time.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{76, 92}).Read(b)
	return b
}

// compressedFrame is a message in one frame.
func compressedFrame(opcode byte, payload []byte) conntest.Frame {
	return conntest.Frame{Fin: true, RSV: conntest.RSV1, Opcode: opcode, Payload: payload}
}

// pieces cuts a compressed message into fragments of size bytes.
func pieces(opcode byte, payload []byte, size int) (fragments []conntest.Frame) {
	for p := range slices.Chunk(payload, size) {
		fragments = append(fragments, conntest.Frame{Payload: p})
	}
	fragments[0].Opcode, fragments[0].RSV = opcode, conntest.RSV1
	fragments[len(fragments)-1].Fin = true
	return fragments
}

// allPutBack checks that no inflater is lent. It counts in race builds.
func allPutBack(t *testing.T) {
	t.Helper()
	if n, ok := deflate.Lent(); ok && n != 0 {
		t.Errorf("%d inflaters are not put back", n)
	}
}

// TestInflate: what a peer sends compressed is delivered as it was.
func TestInflate(t *testing.T) {
	const hello = "f248cdc9c90700" // RFC 7692, 7.2.3.1
	for _, tt := range []struct {
		name   string
		params deflate.Params
		frames []conntest.Frame
		want   []string
	}{
		{"7.2.3.1/one_frame", noTakeover, []conntest.Frame{compressedFrame(conntest.Text, conntest.Hex(hello))}, []string{`text "Hello"`}},
		{"7.2.3.1/two_fragments", noTakeover, []conntest.Frame{
			{RSV: conntest.RSV1, Opcode: conntest.Text, Payload: conntest.Hex("f248cd")},
			{Fin: true, Payload: conntest.Hex("c9c90700")},
		}, []string{`text "Hello"`}},
		{"7.2.3.2/sharing_the_window", takeover, []conntest.Frame{
			compressedFrame(conntest.Text, conntest.Hex(hello)),
			compressedFrame(conntest.Text, conntest.Hex("f200110000")),
		}, []string{`text "Hello"`, `text "Hello"`}},
		{"7.2.3.3/block_with_no_compression", noTakeover, []conntest.Frame{compressedFrame(conntest.Text, conntest.Hex("000500faff48656c6c6f00"))}, []string{`text "Hello"`}},
		{"7.2.3.4/bfinal", noTakeover, []conntest.Frame{compressedFrame(conntest.Text, conntest.Hex("f348cdc9c9070000"))}, []string{`text "Hello"`}},
		{"7.2.3.5/two_blocks", noTakeover, []conntest.Frame{compressedFrame(conntest.Text, conntest.Hex("f248050000 00ffffcac9c90700"))}, []string{`text "Hello"`}},
		{"7.2.3.6/empty", takeover, []conntest.Frame{compressedFrame(conntest.Text, []byte{0})}, []string{`text ""`}},
		{"7.2.3.6/empty_without_its_octet", takeover, []conntest.Frame{compressedFrame(conntest.Binary, nil)}, []string{`binary ""`}},
		{"7.2.3.6/empty_fragments", takeover, []conntest.Frame{
			{RSV: conntest.RSV1, Opcode: conntest.Text}, {}, {Payload: conntest.Hex(hello)}, {}, {Fin: true},
		}, []string{`text "Hello"`}},
		{"6/uncompressed_messages_go_as_they_are", takeover, []conntest.Frame{
			{Fin: true, Opcode: conntest.Text, Payload: []byte("plain")},
			{Opcode: conntest.Binary, Payload: conntest.Hex("f248cd")}, {Fin: true, Payload: conntest.Hex("c9c90700")},
		}, []string{`text "plain"`, `binary "\xf2H\xcd\xc9\xc9\a\x00"`}},
		// X8
		{"7.2.3.2/takeover_over_everything_else", takeover, []conntest.Frame{
			compressedFrame(conntest.Text, conntest.Hex(hello)),
			{Fin: true, Opcode: conntest.Ping, Payload: []byte("ping")},
			{Fin: true, Opcode: conntest.Text, Payload: []byte("in between")},
			{Fin: true, Opcode: conntest.Text},
			compressedFrame(conntest.Binary, []byte{0}),
			compressedFrame(conntest.Binary, nil),
			{Opcode: conntest.Binary, Payload: []byte("in")}, {Fin: true, Opcode: conntest.Pong}, {Fin: true, Payload: []byte(" pieces")},
			compressedFrame(conntest.Text, conntest.Hex("f200110000")),
		}, []string{`text "Hello"`, `text "in between"`, `text ""`, `binary ""`, `binary ""`, `binary "in pieces"`, `text "Hello"`}},
	} {
		bothRoles(t, tt.name, func(t *testing.T, role Role) {
			c, p := talkCompressed(t, role, tt.params, nil)
			got := readAll(c)
			p.Send(tt.frames...)
			p.SendClose(1000, "")
			if o := <-got; o.err != nil || !slices.Equal(o.messages, tt.want) {
				t.Errorf("got %q, %v, want %q", o.messages, o.err, tt.want)
			}
			allPutBack(t)
		})
	}
}

// TestInflateBetweenPings is F9: a ping between every two fragments of one byte.
func TestInflateBetweenPings(t *testing.T) {
	text := []byte("κόσμε and the like, κόσμε and the like, κόσμε and the like")
	bothRoles(t, "5.4/between_every_two_bytes", func(t *testing.T, role Role) {
		z := newPacker(9, true)
		c, p := talkCompressed(t, role, takeover, nil)
		got := readAll(c)
		for i := range 3 {
			for j, f := range pieces(conntest.Text, z.pack(text), 1) {
				p.Send(f)
				ping := fmt.Sprintf("%d.%d", i, j)
				p.SendPing(ping)
				p.WantPong("it is answered inside the message", ping)
			}
		}
		p.SendClose(1000, "")
		want := slices.Repeat([]string{fmt.Sprintf("text %q", text)}, 3)
		if o := <-got; o.err != nil || !slices.Equal(o.messages, want) {
			t.Errorf("got %q, %v", o.messages, o.err)
		}
	})
}

// TestInflateRefuses: each message fails the connection, with the code and after the messages that are told, and nothing of it is delivered.
func TestInflateRefuses(t *testing.T) {
	const hello = "f248cdc9c90700"
	far := append(noise(300), noise(300)...) // its second half refers to what is 300 bytes before it
	z := newPacker(9, false)
	small := deflate.Params{ServerMaxWindowBits: 8, ClientMaxWindowBits: 8}
	large := deflate.Params{ServerMaxWindowBits: 9, ClientMaxWindowBits: 9}
	for _, tt := range []struct {
		name   string
		params deflate.Params
		frames []conntest.Frame
		code   uint16 // 0: none
		before int    // messages that are delivered
	}{
		// X3
		{"7.2.2/garbage", takeover, []conntest.Frame{compressedFrame(conntest.Text, conntest.Hex("ffffffffff"))}, 1007, 0},
		{"7.2.2/reserved_block_type", takeover, []conntest.Frame{compressedFrame(conntest.Binary, conntest.Hex("0700"))}, 1007, 0},
		{"7.2.2/stored_length", takeover, []conntest.Frame{compressedFrame(conntest.Binary, conntest.Hex("000500fafe48656c6c6f00"))}, 1007, 0},
		{"7.2.2/distance_before_the_beginning", takeover, []conntest.Frame{compressedFrame(conntest.Text, conntest.Hex("f200110000"))}, 1007, 0},
		{"7.2.2/garbage_in_the_second_fragment", takeover, []conntest.Frame{
			{RSV: conntest.RSV1, Opcode: conntest.Text, Payload: conntest.Hex("f248cd")}, {Fin: true, Payload: conntest.Hex("ffffffff")},
		}, 1007, 0},
		{"7.2.2/behind_a_message", takeover, []conntest.Frame{
			compressedFrame(conntest.Text, conntest.Hex(hello)), compressedFrame(conntest.Text, conntest.Hex("ff")),
		}, 1007, 1},
		{"7.2.3.4/octets_behind_the_end", takeover, []conntest.Frame{compressedFrame(conntest.Text, conntest.Hex("f348cdc9c90700"))}, 1007, 0},
		// X6
		{"7.1.1/no_context_takeover", noTakeover, []conntest.Frame{
			compressedFrame(conntest.Text, conntest.Hex(hello)), compressedFrame(conntest.Text, conntest.Hex("f200110000")),
		}, 1007, 1},
		{"7.1.2/beyond_the_window", small, []conntest.Frame{compressedFrame(conntest.Binary, z.pack(far))}, 1007, 0},
		{"7.1.2/within_the_window", large, []conntest.Frame{compressedFrame(conntest.Binary, z.pack(far))}, 0, 1},
		// X10
		{"8.1/invalid_text", takeover, []conntest.Frame{compressedFrame(conntest.Text, z.pack([]byte("a\xc0b")))}, 1007, 0},
		{"8.1/cut_text", takeover, []conntest.Frame{compressedFrame(conntest.Text, z.pack([]byte("a\xe2\x82")))}, 1007, 0},
		{"8.1/invalid_text_in_fragments", takeover, pieces(conntest.Text, z.pack([]byte("κόσμε\xed\xa0\x80κόσμε")), 1), 1007, 0},
		{"8.1/cut_text_in_fragments", takeover, pieces(conntest.Text, z.pack([]byte("κόσμε\xf0\x9f\x98")), 1), 1007, 0},
		{"8.1/text_in_fragments", takeover, pieces(conntest.Text, z.pack([]byte("κόσμε 😀")), 1), 0, 1},
		{"8.1/text_whose_code_points_lie_across_the_ends_of_buffers", takeover, []conntest.Frame{compressedFrame(conntest.Text, z.pack([]byte("x"+strings.Repeat("κόσμε", 10000))))}, 0, 1},
		{"8.1/binary", takeover, []conntest.Frame{compressedFrame(conntest.Binary, z.pack([]byte("a\xc0b")))}, 0, 1},
		// F5
		{"6.1/rsv1_on_a_continuation", takeover, []conntest.Frame{
			{RSV: conntest.RSV1, Opcode: conntest.Text, Payload: conntest.Hex("f248cd")}, {Fin: true, RSV: conntest.RSV1, Payload: conntest.Hex("c9c90700")},
		}, 1002, 0},
		{"6.1/rsv1_on_a_ping", takeover, []conntest.Frame{compressedFrame(conntest.Ping, nil)}, 1002, 0},
		{"6.1/rsv1_on_a_close", takeover, []conntest.Frame{compressedFrame(conntest.Close, nil)}, 1002, 0},
		{"5.2/rsv2", takeover, []conntest.Frame{{Fin: true, RSV: conntest.RSV1 | conntest.RSV2, Opcode: conntest.Text, Payload: conntest.Hex(hello)}}, 1002, 0},
	} {
		bothRoles(t, tt.name, func(t *testing.T, role Role) {
			c, p := talkCompressed(t, role, tt.params, nil)
			got := readAll(c)
			p.Send(tt.frames...)
			if tt.code == 0 {
				p.SendClose(1000, "")
				if o := <-got; o.err != nil || len(o.messages) != tt.before {
					t.Errorf("got %d messages, %v", len(o.messages), o.err)
				}
				return
			}
			p.WantClose("the message is refused", tt.code, nil)
			o := <-got
			e, ok := errors.AsType[*frame.ProtocolError](o.err)
			if !ok || uint16(e.Code) != tt.code || len(o.messages) != tt.before {
				t.Errorf("got %q, %v", o.messages, o.err)
			}
			synctest.Wait()
			allPutBack(t)
		})
	}
}

// TestInflateNotNegotiated is T-NONEG: see also TestCompressionDeclined.
func TestInflateNotNegotiated(t *testing.T) {
	bothRoles(t, "5.2/rsv1", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		got := readAll(c)
		p.Send(compressedFrame(conntest.Text, conntest.Hex("f248cdc9c90700")))
		p.WantClose("RSV1 means nothing", 1002, nil)
		if o := <-got; len(o.messages) != 0 || o.err == nil {
			t.Errorf("got %q, %v", o.messages, o.err)
		}
	})
}

// newInflatingFeeder is newFeeder for compressed messages.
func newInflatingFeeder(limit int64, bits int, takeover bool) *feeder {
	f := newFeeder(limit)
	f.in.inflation = newInflation(deflate.Direction{WindowBits: bits, ContextTakeover: takeover}, limit)
	return f
}

// TestInflateTruncated is X3: a message that was cut at any byte fails with 1007, in one frame or two.
func TestInflateTruncated(t *testing.T) {
	for name, message := range map[string][]byte{
		"7.2.2/fixed":   newPacker(9, false).pack([]byte("Hello, hello")),
		"7.2.2/dynamic": newPacker(9, false).pack(pattern(5000)),
		"7.2.2/stored":  newPacker(0, false).pack(pattern(500)),
	} {
		t.Run(name, func(t *testing.T) {
			first := 1
			if message[0] == 0 {
				first = 2 // this octet is the empty message (RFC 7692, 7.2.3.6)
			}
			for n := first; n < len(message); n++ {
				for _, first := range []int{n, n / 2} {
					f := newInflatingFeeder(1<<20, 15, true)
					frames := pieces(conntest.Text, message[:n], max(first, 1))
					var b []byte
					for _, fr := range frames {
						b = masked(fr).Append(b)
					}
					f.feed(b, len(b))
					e, ok := errors.AsType[*frame.ProtocolError](f.err)
					if !ok || e.Code != frame.StatusInvalidFramePayloadData || len(f.trace) != 1 {
						t.Fatalf("%d of %d bytes: %q", n, len(message), f.trace)
					}
					if _, _, again := f.in.next(); again != f.err {
						t.Fatalf("%d of %d bytes: the next call returns %v", n, len(message), again)
					}
					f.in.discard()
				}
			}
			allPutBack(t)
		})
	}
}

// compressedConversation is messages of many sizes, compressed and not, in fragments and not, with control frames between.
func compressedConversation(z *packer, sizes ...int) (b []byte, want []string) {
	add := func(frames ...conntest.Frame) {
		for _, f := range frames {
			b = masked(f).Append(b)
		}
	}
	for _, n := range sizes {
		m := fmt.Sprintf("binary %d %x", n, pattern(n)[:min(n, 16)])
		add(compressedFrame(conntest.Binary, z.pack(pattern(n))))
		add(conntest.Frame{Fin: true, Opcode: conntest.Binary, Payload: pattern(n)})
		fragments := pieces(conntest.Binary, z.pack(pattern(n)), max(n/50, 2))
		add(fragments[0], conntest.Frame{Fin: true, Opcode: conntest.Ping, Payload: []byte("ping")})
		want = append(want, m, m)
		if fragments[0].Fin {
			want = append(want, m, `event 3 "ping"`)
		} else {
			add(conntest.Frame{})
			add(fragments[1:]...)
			want = append(want, `event 3 "ping"`, m)
		}
	}
	add(compressedFrame(conntest.Text, z.pack([]byte("κόσμε"))))
	want = append(want, fmt.Sprintf("text %d %x", len("κόσμε"), "κόσμε"))
	add(conntest.Frame{Fin: true, Opcode: conntest.Close, Payload: conntest.ClosePayload(1000, "bye")})
	return b, append(want, `close 1000 "bye"`)
}

func TestInflateAtEverySize(t *testing.T) {
	for _, takeover := range []bool{false, true} {
		b, want := compressedConversation(newPacker(6, takeover), 0, 1, 125, 126, 4070, 4096, 4097, 5000, 65535, 65536, 200000)
		for _, step := range []int{1, 2, 3, 7, 13, 125, 1000, 4095, 4096, 4097, 20000, 65536, len(b)} {
			t.Run(fmt.Sprintf("6.2/takeover_%v/reads_of_%d", takeover, step), func(t *testing.T) {
				f := newInflatingFeeder(1<<20, 15, takeover)
				f.feed(b, step)
				f.in.discard()
				if !slices.Equal(f.trace, want) {
					t.Errorf("%s", firstDifference(f.trace, want))
				}
				allPutBack(t)
			})
		}
	}
}

func TestInflateAtEverySplit(t *testing.T) {
	for _, takeover := range []bool{false, true} {
		t.Run(fmt.Sprintf("6.2/takeover_%v", takeover), func(t *testing.T) {
			b, want := compressedConversation(newPacker(6, takeover), 0, 5, 300)
			for name, pieces := range conntest.Chop(b) {
				f := newInflatingFeeder(1<<20, 15, takeover)
				for _, p := range pieces {
					f.feed(p, len(p))
					f.in.idle() // a connection may go idle anywhere
				}
				f.in.discard()
				if !slices.Equal(f.trace, want) {
					t.Errorf("%s: %s", name, firstDifference(f.trace, want))
				}
			}
			allPutBack(t)
		})
	}
}

// TestInflateEnds is X12: in the middle of a compressed message the connection ends in each way, and what inflating holds is given back.
func TestInflateEnds(t *testing.T) {
	half := conntest.Frame{RSV: conntest.RSV1, Opcode: conntest.Text, Payload: conntest.Hex("f248cd")}
	ends := map[string]func(c *Conn, p *conntest.Peer){
		"7.1.1/end_of_the_stream":  func(c *Conn, p *conntest.Peer) { p.Close() },
		"7.1.1/reset":              func(c *Conn, p *conntest.Peer) { p.Reset() },
		"5.5.1/the_peer_closes":    func(c *Conn, p *conntest.Peer) { p.SendClose(1000, "") },
		"7.1.7/the_peer_breaks_it": func(c *Conn, p *conntest.Peer) { p.SendText("inside the message") },
		"7.1.1/CloseNow":           func(c *Conn, p *conntest.Peer) { c.CloseNow() },
		"7.1.1/close_timeout":      func(c *Conn, p *conntest.Peer) { c.Close(1000, ""); <-c.done() },
		"7.1.2/close": func(c *Conn, p *conntest.Peer) {
			go c.Close(1000, "")
			p.WantClose("it is sent", 1000, "")
			p.SendClose(1000, "")
			p.Close()
			<-c.done()
		},
	}
	readers := map[string]func(c *Conn) <-chan outcome{
		"loop": readAll,
		"read": func(c *Conn) <-chan outcome {
			done := make(chan outcome, 1)
			go func() { c.Read(); done <- outcome{} }()
			return done
		},
		"nobody": func(c *Conn) <-chan outcome { // the turn was passed inside of the message
			done := make(chan outcome, 1)
			c.takeTurn(context.Background(), aRead)
			for c.in.inflation.inflater == nil {
				if _, p := c.pull(); p == pulledNothing && c.in.inflation.inflater == nil {
					c.fill()
				}
			}
			c.passTurn()
			done <- outcome{}
			return done
		},
	}
	for how, end := range ends {
		for who, read := range readers {
			bothRoles(t, how+"/"+who, func(t *testing.T, role Role) {
				c, p := talkCompressed(t, role, takeover, nil)
				p.Send(compressedFrame(conntest.Text, conntest.Hex("f248cdc9c90700")), half)
				if who == "read" {
					if m, err := c.Read(); err != nil || string(m.Data) != "Hello" {
						t.Errorf("%q, %v", m.Data, err)
					}
				}
				done := read(c)
				synctest.Wait()
				if n, ok := deflate.Lent(); ok && n != 1 {
					t.Errorf("%d inflaters are lent inside of the message", n)
				}
				end(c, p)
				if who == "nobody" {
					c.CloseNow() // nobody would notice the end
				}
				<-done
				<-c.done()
				synctest.Wait()
				allPutBack(t)
				if z := c.in.inflation; z.inflater != nil {
					t.Error("the connection holds an inflater")
				}
				// The window, too.
				z := deflate.GetInflater(&c.in.inflation.window, -1)
				defer deflate.PutInflater(z)
				if _, _, err := z.Inflate(make([]byte, 0, 100), conntest.Hex("f200110000"), true); err == nil {
					t.Error("the connection holds its window")
				}
			})
		}
	}
}
