package conn

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/internal/bufpool"
	"github.com/hawser-go/hawser/internal/conntest"
)

// prose returns n bytes that can be compressed, and differ from those of another seed.
func prose(seed uint64, n int) []byte {
	words := strings.Fields(`{"type": "quote", "symbol": "HWSR", "bid": 101.25, "ask": 101.50, "when": "2026-11-22T12:00:00Z", "halted": false},`)
	r := rand.New(rand.NewPCG(seed, 7692))
	var b []byte
	for len(b) < n {
		b = append(append(b, words[r.IntN(len(words))]...), ' ')
	}
	return b[:n]
}

// TestCompress: what is written comes out of an independent inflater as it was, and is marked and shorter where it should be.
func TestCompress(t *testing.T) {
	for name, params := range map[string]deflate.Params{"no_takeover": noTakeover, "takeover": takeover} {
		bothRoles(t, "6.1/every_size_and_type/"+name, func(t *testing.T, role Role) {
			c, p := talkCompressed(t, role, params, nil)
			sizes := []int{0, 1, 2, 3, 10, 125, 126, 127, 1000, 4096, 16 << 10, 65535, 65536, 300000}
			go func() {
				for i, n := range sizes {
					for _, m := range []MessageType{Text, Binary, Text | Uncompressed, Binary | Uncompressed} {
						if err := c.Write(m, prose(uint64(i), n)); err != nil {
							t.Error(err)
						}
					}
					c.handle(pingEvent("ping"))
					c.flushControl()
				}
			}()
			for i, n := range sizes {
				for range 2 {
					p.WantText("it arrives", string(prose(uint64(i), n)))
					p.WantBinary("it arrives", prose(uint64(i), n))
				}
				p.WantPong("a control frame is never compressed", "ping")
			}
			messages := p.Wire().Messages()
			for i, m := range messages {
				wished := i%4 < 2
				if m.Compressed && !wished || !m.Compressed && wished && len(m.Payload) >= 125 {
					t.Errorf("message %d of %d bytes is compressed: %v", i, len(m.Payload), m.Compressed)
				}
			}
			var compressed, plain int
			for _, f := range p.Wire().Frames() {
				if f.RSV != 0 {
					compressed += len(f.Payload)
				} else {
					plain += len(f.Payload)
				}
			}
			if compressed*3 > plain {
				t.Errorf("compressed messages took %d bytes, the same uncompressed %d", compressed, plain)
			}
		})
	}
}

// rsv1 writes a message, takes it from the wire and reports whether it was compressed.
func rsv1(t *testing.T, c *Conn, p *conntest.Peer, m MessageType, data []byte) bool {
	t.Helper()
	if err := c.Write(m, data); err != nil {
		t.Fatal(err)
	}
	p.WantBinary("it arrives", data)
	messages := p.Wire().Messages()
	return messages[len(messages)-1].Compressed
}

func TestCompressDecides(t *testing.T) {
	for _, tt := range []struct {
		name      string
		threshold int
		kind      MessageType
		data      []byte
		want      bool
	}{
		{"7.3/below_the_default_threshold", 0, Binary, make([]byte, deflate.DefaultThreshold-1), false},
		{"7.3/at_the_default_threshold", 0, Binary, make([]byte, deflate.DefaultThreshold), true},
		{"7.3/below_a_threshold", 1000, Binary, make([]byte, 999), false},
		{"7.3/at_a_threshold", 1000, Binary, make([]byte, 1000), true},
		{"7.3/no_threshold", -1, Binary, make([]byte, 20), true},
		{"7.3/empty", -1, Binary, nil, false},
		{"7.3/incompressible", -1, Binary, noise(5000), false},
		{"7.3/large_and_incompressible", -1, Binary, noise(50000), false},
		{"8/uncompressed_at_its_senders_wish", -1, Binary | Uncompressed, make([]byte, 5000), false},
	} {
		bothRoles(t, tt.name, func(t *testing.T, role Role) {
			c, p := talkCompressed(t, role, takeover, &Config{Compression: &deflate.Config{Threshold: tt.threshold}})
			if got := rsv1(t, c, p, tt.kind, tt.data); got != tt.want {
				t.Errorf("compressed: %v, want %v", got, tt.want)
			}
		})
	}
	bothRoles(t, "7/without_compression", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		for _, m := range []MessageType{Binary, Binary | Uncompressed} {
			if rsv1(t, c, p, m, make([]byte, 5000)) {
				t.Error("compressed without a negotiation")
			}
		}
	})
	bothRoles(t, "5.6/no_message_type", func(t *testing.T, role Role) {
		c, _ := talkCompressed(t, role, takeover, nil)
		for _, m := range []MessageType{0, Uncompressed, Uncompressed | 8, 3} {
			if err := c.Write(m, nil); err != ErrInvalidMessageType {
				t.Errorf("type %d: %v", m, err)
			}
		}
		if err := c.Write(Text|Uncompressed, []byte("\xff")); err != ErrInvalidUTF8 {
			t.Errorf("invalid text: %v", err)
		}
	})
}

// TestCompressTakeover: the messages before make a message shorter, with takeover only, and what was not compressed does not count.
func TestCompressTakeover(t *testing.T) {
	for name, params := range map[string]deflate.Params{"no_takeover": noTakeover, "takeover": takeover} {
		bothRoles(t, "7.2.3.2/"+name, func(t *testing.T, role Role) {
			c, p := talkCompressed(t, role, params, nil)
			length := func() int {
				frames := p.Wire().Frames()
				return len(frames[len(frames)-1].Payload)
			}
			m := prose(1, 1000)
			rsv1(t, c, p, Binary|Uncompressed, m)
			rsv1(t, c, p, Binary, m)
			first := length()
			rsv1(t, c, p, Binary|Uncompressed, noise(40000)) // not part of the window
			rsv1(t, c, p, Binary, noise(10000))              // neither, because it does not shrink
			rsv1(t, c, p, Binary, m)
			again := length()
			if params == noTakeover && again != first || params == takeover && again > first/5 {
				t.Errorf("the message took %d bytes, and then %d", first, again)
			}
		})
	}
}

// TestCompressWindow: no distance is longer than what was agreed on, for each role its own.
func TestCompressWindow(t *testing.T) {
	for bits := 8; bits <= 15; bits++ {
		for _, role := range []Role{RoleServer, RoleClient} {
			t.Run(fmt.Sprintf("7.1.2/%d_bits/%s", bits, [...]string{"server", "client"}[role]), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					params := deflate.Params{ServerMaxWindowBits: bits, ClientMaxWindowBits: 15}
					if role == RoleClient {
						params = deflate.Params{ServerMaxWindowBits: 15, ClientMaxWindowBits: bits}
					}
					c, p := talkCompressed(t, role, params, nil)
					// An inflater with exactly that window: it refuses what lies beyond.
					var w deflate.Window
					w.Init(bits, true)
					for i := range 20 {
						data := prose(uint64(i%3), 700*i)
						if !rsv1(t, c, p, Binary, data) {
							continue
						}
						frames := p.Wire().Frames()
						z := deflate.GetInflater(&w, -1)
						got, _, err := z.Inflate(make([]byte, 0, len(data)+1), frames[len(frames)-1].Payload, true)
						deflate.PutInflater(z)
						if err != nil || !bytes.Equal(got, data) {
							t.Fatalf("message %d: %v", i, err)
						}
					}
				})
			})
		}
	}
}

// TestCompressHeld: answers that are held back are compressed, too, and in their order.
func TestCompressHeld(t *testing.T) {
	bothRoles(t, "7.2.3.2/answers_that_leave_together", func(t *testing.T, role Role) {
		c, p := talkCompressed(t, role, takeover, nil)
		go echo(c)
		z := newPacker(6, true)
		var frames []conntest.Frame
		for i := range 30 {
			frames = append(frames, compressedFrame(conntest.Text, z.pack(prose(uint64(i), 3000))))
		}
		p.Send(frames...)
		for i := range 30 {
			p.WantText("the answers in order", string(prose(uint64(i), 3000)))
		}
		for i, m := range p.Wire().Messages() {
			if !m.Compressed {
				t.Errorf("answer %d is not compressed", i)
			}
		}
	})
}

// TestCompressWriters: with takeover the order of the compressor is that of the wire, however many write.
func TestCompressWriters(t *testing.T) {
	a, b := Pipe(&Config{Compression: &deflate.Config{ServerContextTakeover: true, ClientContextTakeover: true}})
	defer a.CloseNow()
	defer b.CloseNow()
	const writers, each = 8, 50
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			for j := range each {
				if err := a.Write(Binary, append(prose(uint64(j), 500+10*j), byte(i), byte(j))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	next := make([]byte, writers)
	for range writers * each {
		m, err := b.Read()
		if err != nil {
			t.Fatal(err)
		}
		n := len(m.Data) - 2
		i, j := m.Data[n], m.Data[n+1]
		if next[i] != j || !bytes.Equal(m.Data[:n], prose(uint64(j), 500+10*int(j))) {
			t.Fatalf("message %d of writer %d, want %d", j, i, next[i])
		}
		next[i]++
	}
	all.Wait()
}

// forgotten reports whether the connection's compressor has given its history back.
func forgotten(c *Conn, m []byte) bool {
	fresh, _ := deflate.NewCompressor(15, true, deflate.LevelFast).Compress(nil, m)
	b, _ := c.compression.compressor.Compress(nil, m)
	return bytes.Equal(b, fresh)
}

// TestCompressorIsClosed is X12: however the connection ends, the compressor gives back what it holds, and a late write does not bring it back.
func TestCompressorIsClosed(t *testing.T) {
	m := prose(1, 1000)
	for how, end := range map[string]func(c *Conn, p *conntest.Peer){
		"7.1.1/CloseNow":          func(c *Conn, p *conntest.Peer) { c.CloseNow() },
		"7.1.1/end_of_the_stream": func(c *Conn, p *conntest.Peer) { p.Close(); c.Read() },
		"7.1.1/reset":             func(c *Conn, p *conntest.Peer) { p.Reset(); c.Read() },
		"7.1.1/reset_and_write":   func(c *Conn, p *conntest.Peer) { p.Reset(); c.Write(Binary, m); c.CloseNow() },
		"5.5.1/the_peer_closes": func(c *Conn, p *conntest.Peer) {
			p.SendClose(1000, "")
			c.Read()
			p.WantClose("the answer", 1000, "")
			p.Close()
		},
		"7.1.7/a_rule_is_broken": func(c *Conn, p *conntest.Peer) { p.SendBytes([]byte{0xff, 0xff}); c.Read(); p.Close() },
		"7.1.2/close_timeout":    func(c *Conn, p *conntest.Peer) { c.Close(1000, "") },
		"7.1.1/inside_a_loop": func(c *Conn, p *conntest.Peer) {
			p.SendText("x")
			for range c.Messages() {
				c.CloseNow()
				c.Write(Binary, m)
			}
		},
		// A writer that waits in the transport has the lock when the connection ends.
		"7.1.1/inside_a_write": func(c *Conn, p *conntest.Peer) {
			var waiting sync.WaitGroup
			waiting.Go(func() { c.Write(Binary|Uncompressed, noise(1<<20)) })
			synctest.Wait()
			c.CloseNow()
			waiting.Wait()
		},
		"2.9/write_timeout": func(c *Conn, p *conntest.Peer) {
			if err := c.Write(Binary|Uncompressed, noise(1<<20)); !errors.Is(err, ErrClosed) {
				panic(err)
			}
		},
	} {
		bothRoles(t, how, func(t *testing.T, role Role) {
			c, p := talkCompressed(t, role, takeover, nil)
			if !rsv1(t, c, p, Binary, m) {
				t.Fatal("not compressed")
			}
			end(c, p)
			<-c.done()
			synctest.Wait()
			if !c.compression.closed.Load() {
				t.Error("the compressor is not closed")
			}
			if err := c.Write(Binary, m); !errors.Is(err, ErrClosed) {
				t.Errorf("a write behind the end returns %v", err)
			}
			synctest.Wait()
			if !c.compression.closed.Load() || !forgotten(c, m) {
				t.Error("the compressor holds its history")
			}
		})
	}
}

// TestCompressorIsClosedByWhoHasTheLock: the connection ends while a control frame is written.
func TestCompressorIsClosedByWhoHasTheLock(t *testing.T) {
	inBubble(t, "5.5/control_frame", func(t *testing.T) {
		a, b := Pipe(&Config{Compression: &deflate.Config{}})
		defer b.CloseNow()
		try := a.transport.tryWrite
		a.transport.tryWrite = func(p []byte) (int, error) {
			defer a.CloseNow()
			return try(p)
		}
		a.handle(pingEvent("ping"))
		a.flushControl()
		synctest.Wait()
		if !a.compression.closed.Load() {
			t.Error("the compressor is not closed")
		}
	})
}

// TestCompressedFaults is TestFaults with compression: operation 0, 1, 2, ... of the transport fails in each way.
func TestCompressedFaults(t *testing.T) {
	cfg := &Config{Compression: &deflate.Config{Threshold: -1, ServerContextTakeover: true, ClientContextTakeover: true}}
	for _, role := range []Role{RoleServer, RoleClient} {
		t.Run([...]string{"server", "client"}[role], func(t *testing.T) {
			injectAll(t, conntest.Kinds(), faultyIn(t, role, cfg))
			allPutBack(t)
		})
	}
}

// TestCompressDoesNotAllocate: messages of sizes around those of buffers, that shrink and that do not.
func TestCompressDoesNotAllocate(t *testing.T) {
	if conntest.RaceEnabled {
		t.Skip("the race detector allocates")
	}
	for name, params := range map[string]deflate.Params{"no_takeover": noTakeover, "takeover": takeover} {
		for _, size := range []int{512, 4090, 4096, 65536, 500000, DefaultMessageLimit - 10, DefaultMessageLimit} {
			for kind, m := range map[string][]byte{"prose": prose(1, size), "noise": noise(size)} {
				ours, _ := conntest.Pipe(0)
				c := New(ours, RoleServer, nil, &Config{Compression: &deflate.Config{}})
				c.compress(params, "")
				n := testing.AllocsPerRun(20, func() {
					buf, b := c.compression.deflated(m)
					if (len(b) > 0) != (kind == "prose") {
						t.Fatalf("%s of %d bytes became %d", kind, size, len(b))
					}
					bufpool.Put(buf)
				})
				if n != 0 && (kind == "prose" || size < DefaultMessageLimit-64) { // there the attempt is longer than a buffer of the pool
					t.Errorf("7.2.1/%s: %v allocations for %d bytes of %s", name, n, size, kind)
				}
				c.CloseNow()
			}
		}
	}
}

// TestCompressedEchoDoesNotAllocate: 1 KiB that is compressed twice and inflated twice, in both modes and roles.
func TestCompressedEchoDoesNotAllocate(t *testing.T) {
	for name, params := range map[string]deflate.Params{"no_takeover": noTakeover, "takeover": takeover} {
		for _, role := range []Role{RoleServer, RoleClient} {
			t.Run(fmt.Sprintf("7.1.1/%s/%s", name, [...]string{"server", "client"}[role]), func(t *testing.T) {
				ours, theirs := tcpPair(t)
				cfg := &Config{Compression: &deflate.Config{}}
				c, p := New(ours, role, nil, cfg), New(theirs, 1-role, nil, cfg)
				c.compress(params, "")
				p.compress(params, "")
				var echoing sync.WaitGroup
				echoing.Go(func() { echo(c) })
				msg, buf := prose(1, 1024), make([]byte, 0, 2000)
				conntest.ShouldNotAllocate(t, func() {
					if err := p.Write(Text, msg); err != nil {
						t.Fatal(err)
					}
					if m, err := p.ReadAppend(buf); err != nil || !bytes.Equal(m.Data, msg) {
						t.Fatal(err)
					}
				})
				p.CloseNow()
				echoing.Wait()
				c.CloseNow()
				allPutBack(t)
			})
		}
	}
}
