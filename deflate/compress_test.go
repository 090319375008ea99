package deflate

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/internal/conntest"
)

// A receiver is the peer: it inflates message after message, and fails the test if one is not
// what was sent or refers to what is not in the window.
type receiver struct {
	t          testing.TB
	windowBits int
	takeover   bool
	history    []byte
}

// inflate inflates with the standard library.
func inflate(history, payload []byte) ([]byte, error) {
	payload = append(append([]byte(nil), payload...), 0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff)
	return io.ReadAll(flate.NewReaderDict(bytes.NewReader(payload), history))
}

func (r *receiver) message(payload, want []byte) scan {
	r.t.Helper()
	got, err := inflate(r.history, payload)
	if err != nil || !bytes.Equal(got, want) {
		r.t.Fatalf("A message of %d octets comes out as %d, %v.", len(want), len(got), err)
	}
	s, err := scanMessage(r.history, payload)
	if err != nil || !bytes.Equal(s.out, want) {
		r.t.Fatalf("A message of %d octets comes out as %d, %v.", len(want), len(s.out), err)
	}
	if s.maxDist > 1<<r.windowBits {
		r.t.Fatalf("A distance of %d octets with %d window bits.", s.maxDist, r.windowBits)
	}
	r.note(want)
	return s
}

// note is what an inflater does with the content of a message.
func (r *receiver) note(p []byte) {
	if r.takeover {
		r.history = append(r.history, p...)
		r.history = r.history[max(0, len(r.history)-1<<r.windowBits):]
	}
}

// send compresses p, and returns what is sent.
func (r *receiver) send(c *Compressor, p []byte) (payload []byte, ok bool) {
	r.t.Helper()
	before := slices.Clone(p)
	prefix := []byte("header")
	b, ok := c.Compress(prefix, p)
	if !bytes.Equal(p, before) {
		r.t.Fatal("Compress changed the message.")
	}
	payload, had := bytes.CutPrefix(b, prefix)
	if !had {
		r.t.Fatal("Compress changed what was in dst.")
	}
	if !ok {
		if len(payload) != 0 {
			r.t.Fatalf("Compress appended %d octets and reported false.", len(payload))
		}
		return nil, false
	}
	if len(payload) >= len(p) {
		r.t.Fatalf("A message of %d octets became one of %d.", len(p), len(payload))
	}
	r.message(payload, p)
	return payload, true
}

// everyMode calls f for every combination of parameters.
func everyMode(t *testing.T, section string, f func(t *testing.T, windowBits int, takeover bool, level Level)) {
	for windowBits := 8; windowBits <= 15; windowBits++ {
		for _, takeover := range []bool{false, true} {
			for level := range Level(levels) {
				t.Run(fmt.Sprintf("%s/bits=%d/takeover=%v/level=%d", section, windowBits, takeover, level), func(t *testing.T) {
					f(t, windowBits, takeover, level)
				})
			}
		}
	}
}

func newPair(t testing.TB, windowBits int, takeover bool, level Level) (*Compressor, *receiver) {
	c := NewCompressor(windowBits, takeover, level)
	t.Cleanup(c.Close)
	return c, &receiver{t: t, windowBits: windowBits, takeover: takeover}
}

// record returns a message of JSON, as a service sends them all day: the keys recur, the values do not.
func record(r *rand.Rand, size int) []byte {
	users := []string{"alice", "bob", "carol", "dave", "eve", "mallory", "peggy", "trent"}
	states := []string{"filled", "open", "cancelled", "partially_filled"}
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"type":"orders","seq":%d,"items":[`, r.IntN(1000000))
	for b.Len() < size-150 {
		fmt.Fprintf(&b, `{"id":"%08x-%04x","user":"%s","price":%d.%02d,"qty":%d,"status":"%s","ts":17%011d,"active":%v},`,
			r.Uint32(), r.IntN(65536), users[r.IntN(len(users))], r.IntN(10000), r.IntN(100), r.IntN(1000), states[r.IntN(4)], r.Int64N(1e11), r.IntN(2) == 0)
	}
	b.WriteString(`{"note":"`)
	words := strings.Fields("the quick market is closed and order was late because of rain")
	for b.Len() < size-4 {
		b.WriteString(words[r.IntN(len(words))] + " ")
	}
	b.Truncate(max(0, size-4))
	b.WriteString(`"}]}`)
	b.Truncate(size)
	return b.Bytes()
}

func noise(r *rand.Rand, size int) []byte {
	p := make([]byte, size)
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return p
}

// anything returns messages of very different kinds.
func anything(r *rand.Rand, size int) []byte {
	switch r.IntN(7) {
	case 0:
		return noise(r, size)
	case 1:
		return bytes.Repeat([]byte{byte(r.Uint32())}, size)
	case 2: // few symbols, as skewed as can be
		p := make([]byte, size)
		for i := range p {
			p[i] = byte(min(r.ExpFloat64()*3, 255))
		}
		return p
	case 3: // long repetitions from anywhere in the window
		p := noise(r, size)
		for i := 0; i < size; {
			n := min(1+r.IntN(600), size-i)
			if i > 0 {
				for j := range n {
					p[i+j] = p[r.IntN(i)&^7]
				}
				d := 1 + r.IntN(i)
				for j := range n {
					p[i+j] = p[i+j-d]
				}
			}
			i += n + r.IntN(20)
		}
		return p
	case 4: // nothing but short matches
		words := noise(r, 700)
		p := make([]byte, 0, size+7)
		for len(p) < size {
			p = append(p, words[7*r.IntN(100):][:7]...)
		}
		return p[:size]
	case 5: // text and noise
		return append(record(r, size/2), noise(r, size-size/2)...)
	default:
		return record(r, size)
	}
}

// "Suppose that an endpoint sends a text message "Hello"" (RFC 7692, 7.2.3.1); the octets are those of the RFC.
func TestVectors(t *testing.T) {
	hello := []byte("Hello")
	for level := range Level(levels) {
		t.Run(fmt.Sprintf("7.2.3.1/one_block/level=%d", level), func(t *testing.T) {
			want := []byte{0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}
			if got := CompressMessage(nil, hello, 15, level); !bytes.Equal(got, want) {
				t.Errorf("% x, want % x", got, want)
			}
		})
		t.Run(fmt.Sprintf("7.2.3.2/sharing_the_window/level=%d", level), func(t *testing.T) {
			c, r := newPair(t, 15, true, level)
			r.message(c.Finish(c.Write(nil, hello)), hello)
			// The RFC has a literal and a match of four octets here. One match of five is shorter.
			rfc, want := []byte{0xf2, 0x00, 0x11, 0x00, 0x00}, []byte{0x02, 0x13, 0x00, 0x00}
			if got, err := inflate(r.history, rfc); err != nil || !bytes.Equal(got, hello) {
				t.Errorf("The RFC's octets come out as %q, %v.", got, err)
			}
			got := c.Finish(c.Write(nil, hello))
			r.message(got, hello)
			// LevelFast does not look for so short a match.
			if level == LevelBest && !bytes.Equal(got, want) {
				t.Errorf("% x, want % x", got, want)
			}
		})
		t.Run(fmt.Sprintf("7.2.3.2/not_sharing_the_window/level=%d", level), func(t *testing.T) {
			c, r := newPair(t, 15, false, level)
			first := c.Finish(c.Write(nil, hello))
			r.message(first, hello)
			if second := c.Finish(c.Write(nil, hello)); !bytes.Equal(first, second) {
				t.Errorf("% x, want % x", second, first)
			}
		})
		t.Run(fmt.Sprintf("7.2.3.3/stored/level=%d", level), func(t *testing.T) {
			// Nothing is shorter than a stored block here.
			p := make([]byte, 64)
			for i := range p {
				p[i] = byte(150 + 37*i%101)
			}
			want := append([]byte{0x00, 64, 0x00, 0xbf, 0xff}, append(p, 0x00)...)
			if got := CompressMessage(nil, p, 15, level); !bytes.Equal(got, want) {
				t.Errorf("% x, want % x", got, want)
			}
		})
		t.Run(fmt.Sprintf("7.2.3.6/empty/level=%d", level), func(t *testing.T) {
			want := []byte{0x00}
			for _, takeover := range []bool{false, true} {
				c, r := newPair(t, 15, takeover, level)
				for _, got := range [][]byte{CompressMessage(nil, nil, 15, level), c.Finish(nil), c.Finish(c.Write(nil, nil)), c.Finish(c.Write(c.Write(nil, nil), []byte{}))} {
					r.message(got, nil)
					if !bytes.Equal(got, want) {
						t.Errorf("% x, want % x", got, want)
					}
				}
				if _, ok := c.Compress(nil, nil); ok {
					t.Error("An empty message is not shorter compressed.")
				}
			}
		})
	}
}

func TestSizes(t *testing.T) {
	everyMode(t, "7.2.1/sizes", func(t *testing.T, windowBits int, takeover bool, level Level) {
		r := rand.New(rand.NewPCG(1, uint64(windowBits)))
		c, peer := newPair(t, windowBits, takeover, level)
		whole := &receiver{t: t, windowBits: windowBits}
		sizes := []int{1023, 1024, 1025, 4095, 4096, 8191, 8192, 8193, 16384, 32767, 32768, 32769, 65537}
		if !conntest.RaceEnabled { // it makes the judges slow
			sizes = append(sizes, 65535, 131072, 200001)
		}
		step := 8
		if conntest.RaceEnabled {
			step = 32
		}
		for size := range 301 {
			if size < 16 || (size+windowBits)%step == 0 { // all in all windows together
				sizes = append(sizes, size)
			}
		}
		for _, size := range sizes {
			for _, p := range [][]byte{anything(r, size), record(r, size)} {
				peer.send(c, p)
				if size%7 == 0 || size > 300 {
					b := CompressMessage(nil, p, windowBits, level)
					if limit := size + size/2000 + 6; len(b) > limit {
						t.Errorf("CompressMessage makes %d octets of %d, at most %d are promised.", len(b), size, limit)
					}
					whole.message(b, p)
				}
			}
		}
	})
}

// Every call in any order, and the peer never loses the thread.
func TestConversation(t *testing.T) {
	everyMode(t, "7.2.1/conversation", func(t *testing.T, windowBits int, takeover bool, level Level) {
		r := rand.New(rand.NewPCG(2, uint64(windowBits)))
		c, peer := newPair(t, windowBits, takeover, level)
		for range 60 {
			p := anything(r, int(r.ExpFloat64()*3000))
			switch r.IntN(6) {
			case 0: // as it is: the window does not see it
				continue
			case 1:
				b := CompressMessage(nil, p, windowBits, level)
				peer.message(b, p)
				c.Note(p)
			case 2, 3:
				var b []byte
				for rest := p; len(rest) > 0; {
					n := 1 + r.IntN(len(rest))
					b = c.Write(b, rest[:n])
					rest = rest[n:]
					switch r.IntN(4) {
					case 0:
						c.Shed()
					case 1:
						b = c.Flush(b)
					}
				}
				peer.message(c.Finish(b), p)
			default:
				peer.send(c, p)
			}
			if r.IntN(4) == 0 {
				c.Shed()
			}
		}
	})
}

// After Flush the peer has all of what was written: that is what Flush is for.
func TestFlush(t *testing.T) {
	for level := range Level(levels) {
		t.Run(fmt.Sprintf("7.2.3.5/level=%d", level), func(t *testing.T) {
			c, peer := newPair(t, 15, true, level)
			p := record(rand.New(rand.NewPCG(3, 3)), 2000)
			var b []byte
			for i := 0; i < len(p); i += 100 {
				b = c.Flush(c.Write(b, p[i:i+100]))
				if !bytes.HasSuffix(b, []byte{0, 0, 0xff, 0xff}) {
					t.Fatalf("Flush ended with % x.", b[len(b)-4:])
				}
				if got, err := inflate(nil, b[:len(b)-4]); err != nil || !bytes.Equal(got, p[:i+100]) {
					t.Fatalf("After %d octets the peer has %d, %v.", i+100, len(got), err)
				}
			}
			peer.message(c.Finish(b), p)
		})
	}
}

// A message that is sent as it is leaves no trace, be it short, as long as the buffer or longer.
func TestRollback(t *testing.T) {
	everyMode(t, "7.2.3.3/not_compressed", func(t *testing.T, windowBits int, takeover bool, level Level) {
		r := rand.New(rand.NewPCG(4, 4))
		c, peer := newPair(t, windowBits, takeover, level)
		untouched, other := newPair(t, windowBits, takeover, level)
		p := record(r, 3000)
		for _, size := range []int{1, 2, 3, 60, 1000, 8000, 32768, 40000, 100000} {
			junk := noise(r, size)
			// Octets that occur in the next message: found in what was rolled back, they would be wrong.
			if _, ok := peer.send(c, junk); ok {
				t.Fatalf("%d octets of noise were compressed.", size)
			}
			for range 2 {
				p = append(p[:len(p)-200], record(r, 200)...)
				got, _ := peer.send(c, p)
				want, _ := other.send(untouched, p)
				// The index has lost what the message overwrote in it, the history nothing.
				if len(got) > len(want)+len(want)/4+64 {
					t.Errorf("After %d octets of noise a message takes %d octets instead of %d.", size, len(got), len(want))
				}
			}
			part := append(slices.Clone(junk[size/2:]), p[:500]...)
			peer.send(c, part)
			other.send(untouched, part)
		}
	})
}

// The same with a history that is shorter than the window, so that what is behind it would be in reach.
func TestRollbackOfAShortHistory(t *testing.T) {
	everyMode(t, "7.2.3.3/short_history", func(t *testing.T, windowBits int, takeover bool, level Level) {
		for _, first := range []int{0, 1, 100} {
			r := rand.New(rand.NewPCG(9, 9))
			c, peer := newPair(t, windowBits, takeover, level)
			peer.send(c, record(r, first))
			junk := noise(r, 66_000)
			if _, ok := peer.send(c, junk); ok {
				t.Fatal("Noise was compressed.")
			}
			p := junk[len(junk)-250:]
			peer.message(c.Finish(c.Write(nil, p)), p)
		}
	})
}

// With takeover a message repeated is a few matches, however often its compressor was shed in between and whatever
// happened in between; without it is the same octets each time.
func TestTakeover(t *testing.T) {
	everyMode(t, "7.1.1", func(t *testing.T, windowBits int, takeover bool, level Level) {
		r := rand.New(rand.NewPCG(5, 5))
		c, peer := newPair(t, windowBits, takeover, level)
		p := record(r, min(1<<windowBits, 4096))
		first, _ := peer.send(c, p)
		between := map[string]func(){
			"nothing":    func() {},
			"shed":       c.Shed,
			"shed_twice": func() { c.Shed(); c.Shed() },
			"not_compressed": func() {
				if _, ok := peer.send(c, noise(r, 40)); ok {
					t.Fatal("Noise was compressed.")
				}
			},
			"empty": func() { peer.message(c.Finish(nil), nil) },
			"noted": func() { c.Note(p); peer.note(p) },
			"noted_while_shed": func() {
				c.Shed()
				c.Note(p[:len(p)/2])
				c.Note(p[len(p)/2:])
				peer.note(p)
			},
			"another_connection": func() {
				c.Shed()
				o, op := newPair(t, windowBits, takeover, level)
				op.send(o, record(r, 5000))
				o.Close()
			},
		}
		for name, f := range between {
			f()
			b, ok := peer.send(c, p)
			switch {
			case !ok:
				t.Errorf("%s: the message was not compressed", name)
			case takeover && len(b) > 40+len(p)/100:
				t.Errorf("%s: %d octets again take %d", name, len(p), len(b))
			case !takeover && !bytes.Equal(b, first):
				t.Errorf("%s: %d octets, then % d", name, len(first), len(b))
			}
		}
		c.Close()
		peer.history = nil
		if b, _ := peer.send(c, p); !bytes.Equal(b, first) {
			t.Errorf("After Close a message takes %d octets, not %d.", len(b), len(first))
		}
	})
}

// The furthest distance is used, and no further one.
func TestWindow(t *testing.T) {
	everyMode(t, "7.1.2", func(t *testing.T, windowBits int, takeover bool, level Level) {
		for _, over := range []int{0, 1} {
			r := rand.New(rand.NewPCG(6, 6))
			c, peer := newPair(t, windowBits, takeover, level)
			head := noise(r, 64)
			p := append(slices.Clone(head), make([]byte, 1<<windowBits-64+over)...)
			p = append(p, head...)
			var s scan
			switch {
			case takeover && over == 0:
				n := len(p) - len(head)
				c.Note(p[:n])
				peer.note(p[:n])
				b := c.Finish(c.Write(nil, head))
				if got, err := scanMessage(peer.history, b); err != nil || got.maxDist != n {
					t.Errorf("A repetition of what was noted was sent with a distance of %d, %v.", got.maxDist, err)
				}
				peer.message(b, head)
				fallthrough
			case takeover:
				peer.message(c.Finish(c.Write(nil, p[:100])), p[:100])
				c.Shed()
				s = peer.message(c.Finish(c.Write(nil, p[100:])), p[100:])
			default:
				s = peer.message(c.Finish(c.Write(nil, p)), p)
			}
			if want := 1 << windowBits; over == 0 && s.maxDist != want || s.maxDist > want {
				t.Errorf("A repetition after %d octets was sent with a distance of %d.", want+over, s.maxDist)
			}
		}
	})
}

// What one writes in pieces is what the peer gets, wherever the pieces end.
func TestPieces(t *testing.T) {
	p := record(rand.New(rand.NewPCG(7, 7)), 700)
	for level := range Level(levels) {
		for name, pieces := range conntest.Chop(p) {
			c, peer := newPair(t, 10, true, level)
			for range 2 {
				var b []byte
				for _, piece := range pieces {
					b = c.Write(b, piece)
				}
				peer.message(c.Finish(b), p)
			}
			if t.Failed() {
				t.Fatalf("7.2.1/%s/level=%d", name, level)
			}
		}
	}
}

func TestPanics(t *testing.T) {
	inMessage := func() *Compressor {
		c := NewCompressor(15, true, LevelFast)
		t.Cleanup(c.Close)
		c.Write(nil, []byte("x"))
		return c
	}
	for name, f := range map[string]func(){
		"hawser/deflate: 7 window bits":             func() { NewCompressor(7, true, LevelFast) },
		"hawser/deflate: 16 window bits":            func() { CompressMessage(nil, nil, 16, LevelFast) },
		"hawser/deflate: level 2":                   func() { NewCompressor(15, true, levels) },
		"hawser/deflate: level -1":                  func() { NewCompressor(15, true, -1) },
		"hawser/deflate: Compress within a message": func() { inMessage().Compress(nil, []byte("xx")) },
		"hawser/deflate: Note within a message":     func() { inMessage().Note(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if got := recover(); got != name {
					t.Errorf("panic(%v)", got)
				}
			}()
			f()
		})
	}
}

func TestAllocations(t *testing.T) {
	everyMode(t, "steady_state", func(t *testing.T, windowBits int, takeover bool, level Level) {
		r := rand.New(rand.NewPCG(8, 8))
		c, _ := newPair(t, windowBits, takeover, level)
		messages := make([][]byte, 64)
		for i := range messages {
			messages[i] = anything(r, 1+r.IntN(3000))
		}
		dst := make([]byte, 0, 8192)
		i := 0
		conntest.ShouldNotAllocate(t, func() {
			p := messages[i%len(messages)]
			i++
			c.Compress(dst, p)
			c.Finish(c.Flush(c.Write(dst, p)))
			c.Note(p)
			CompressMessage(dst, p, windowBits, level)
		})
	})
}
