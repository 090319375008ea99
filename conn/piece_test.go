package conn

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/hawser-go/hawser/internal/conntest"
	"github.com/hawser-go/hawser/internal/protocol"
)

// received is what a conversation came to, without the order of messages and of the control frames between their fragments.
type received struct {
	messages []string
	events   []string
	end      string // how it ended
}

func (r *received) event(e protocol.Event) {
	switch e.Kind {
	case protocol.None, protocol.Fragment:
	case protocol.Close:
		r.end = fmt.Sprintf("close %d %q", e.Code, e.Payload)
	default:
		r.events = append(r.events, fmt.Sprintf("%d %q", e.Kind, e.Payload))
	}
}

func (r *received) message(in *input, data []byte) {
	r.messages = append(r.messages, fmt.Sprintf("%v %s", in.recv.Opcode(), data))
}

func (r *received) String() string {
	var s []string
	for _, m := range r.messages {
		s = append(s, fmt.Sprintf("%d:%.20s", len(m), m))
	}
	return fmt.Sprintf("messages %q, events %q, end %q", s, r.events, r.end)
}

func (r *received) equal(o *received) bool {
	return slices.Equal(r.messages, o.messages) && slices.Equal(r.events, o.events) && r.end == o.end
}

// A script is bytes that come, and how the input gets them.
type script struct {
	in   *input
	b    []byte
	step int
}

// more gives the input the next bytes, and reports whether there were any.
func (s *script) more(space func() []byte) bool {
	if len(s.b) == 0 {
		return false
	}
	n := copy(space(), s.b[:min(s.step, len(s.b))])
	s.b = s.b[n:]
	s.in.advance(n)
	return true
}

// gather receives whole messages.
func (s *script) gather(r *received) *received {
	for r.end == "" {
		e, data, err := s.in.next()
		switch {
		case err != nil:
			r.end = err.Error()
		case e.Kind == protocol.Message:
			r.message(s.in, data)
		case e.Kind == protocol.None:
			if s.in.idle(); !s.more(s.in.space) {
				return r
			}
		default:
			r.event(e)
		}
	}
	return r
}

// pieces receives messages in pieces of at most size bytes, and discards the rest of a message after what keep returns for it.
func (s *script) pieces(r *received, size int, keep func(i int) int) *received {
	space, dst := s.in.space, make([]byte, size)
	for i := 0; r.end == ""; i++ {
		var msg []byte
		open := false
		for !open && r.end == "" {
			e, err := s.in.startPieces()
			switch {
			case err != nil:
				r.end = err.Error()
			case e.Kind == protocol.Message:
				open = true
			case e.Kind == protocol.None:
				if s.in.idle(); !s.more(s.in.waitingSpace) {
					return r
				}
			default:
				r.event(e)
			}
		}
		for want := keep(i); open && r.end == "" && (want < 0 || len(msg) < want); {
			s.in.stream.dst = dst
			for n := 0; n == 0 && open && r.end == ""; {
				var e protocol.Event
				var err error
				n, e, err = s.in.piece(dst)
				msg = append(msg, dst[:n]...)
				switch {
				case err != nil:
					r.end = err.Error()
				case e.Kind == protocol.Message:
					open = false
					r.message(s.in, msg)
				case n > 0:
				case e.Kind == protocol.None:
					if s.in.idle(); !s.more(space) {
						return r
					}
				default:
					r.event(e)
				}
			}
			s.in.stream.dst = nil
		}
	}
	return r
}

func all(int) int { return -1 }

// streamed is what a peer may send, each with the input that receives it: valid and not, compressed or not.
func streamed() map[string]struct {
	in func() *input
	b  []byte
} {
	plain := func() *input { return &newFeeder(1 << 20).in }
	small := func() *input { return &newFeeder(5000).in }
	inflating := func(takesOver bool) func() *input {
		return func() *input {
			d := takeover
			if !takesOver {
				d = noTakeover
			}
			_, dir := d.ForServer()
			return &input{limit: 100_000, inflation: newInflation(dir, 100_000)}
		}
	}
	encode := func(frames ...conntest.Frame) (b []byte) {
		for _, f := range frames {
			b = masked(f).Append(b)
		}
		return b
	}
	ping := conntest.Frame{Fin: true, Opcode: conntest.Ping, Payload: []byte("between")}
	fragments := func(op byte, p []byte, sizes ...int) (frames []conntest.Frame) {
		for i, n := range sizes {
			f := conntest.Frame{Payload: p[:n]}
			if p = p[n:]; i == 0 {
				f.Opcode = op
			}
			frames = append(frames, f, ping)
		}
		return append(frames, conntest.Frame{Fin: true, Payload: p})
	}
	closing := conntest.Frame{Fin: true, Opcode: conntest.Close, Payload: conntest.ClosePayload(1000, "bye")}
	compressed := func(takesOver bool) []byte {
		z := newPacker(6, takesOver)
		var b []byte
		for i, p := range [][]byte{pattern(100), pattern(30_000), nil, noise(9_000), []byte("κόσμε"), append(noise(9_000), pattern(90_000)...)} {
			op := byte(conntest.Binary)
			if i == 4 {
				op = conntest.Text
			}
			packed := z.pack(p)
			b = append(b, encode(compressedFrame(op, packed))...)
			packed = z.pack(p)
			for _, f := range pieces(op, packed, max(1, len(packed)/3)) {
				b = append(b, encode(f, ping)...)
			}
		}
		return append(b, encode(closing)...)
	}
	long, _ := conversation()
	return map[string]struct {
		in func() *input
		b  []byte
	}{
		"5.4/conversation":  {plain, long},
		"5.4/fragments":     {plain, encode(append(fragments(conntest.Binary, pattern(40_000), 0, 1, 0, 9000, 17_000), closing)...)},
		"8.1/text":          {plain, encode(append(fragments(conntest.Text, []byte("κόσμε κόσμε"), 1, 2, 3), text("x"), closing)...)},
		"8.1/invalid_text":  {plain, encode(append(fragments(conntest.Text, []byte("κόσμε\xffx"), 1, 2, 3), closing)...)},
		"8.1/cut_text":      {plain, encode(text("a"), text("κ\xce"))},
		"7.4.1/too_big":     {small, encode(append([]conntest.Frame{text("a")}, fragments(conntest.Binary, pattern(5001), 2500, 2500)...)...)},
		"5.2/violation":     {plain, encode(text("a"), conntest.Frame{Opcode: conntest.Text, Payload: []byte("b")}, text("c"))},
		"7.2.2/takeover":    {inflating(true), compressed(true)},
		"7.2.2/no_takeover": {inflating(false), compressed(false)},
		"7.2.2/corrupt":     {inflating(false), encode(compressedFrame(conntest.Binary, newPacker(6, false).pack(pattern(500))), compressedFrame(conntest.Binary, append(newPacker(6, false).pack(pattern(500))[:20], 0xff, 0xff, 0xff, 0xff)))},
		"7.2.2/too_big":     {inflating(false), encode(text("a"), compressedFrame(conntest.Binary, newPacker(6, false).pack(pattern(100_001))))},
		"8.1/compressed":    {inflating(false), encode(text("a"), compressedFrame(conntest.Text, newPacker(6, false).pack([]byte("κ\xce"))))},
	}
}

// TestPiecesAreTheMessage: whatever comes, in reads and pieces of any size, is the same in pieces as gathered, and ends the same way.
func TestPiecesAreTheMessage(t *testing.T) {
	defer allPutBack(t)
	for name, tt := range streamed() {
		whole := &script{in: tt.in(), b: bytes.Clone(tt.b), step: len(tt.b)}
		want := whole.gather(new(received))
		whole.in.discard()
		if want.end == "" {
			t.Fatalf("%s does not end", name)
		}
		for _, step := range []int{1, 7, 100, 4096, 70_000, len(tt.b)} {
			for _, size := range []int{1, 3, 512, 40_000} {
				if n := len(tt.b) / min(step, size); n > 50_000 || n > 2000 && conntest.RaceEnabled {
					continue // what is short has it
				}
				t.Run(fmt.Sprintf("%s/reads_of_%d/pieces_of_%d", name, step, size), func(t *testing.T) {
					s := &script{in: tt.in(), b: bytes.Clone(tt.b), step: step}
					got := s.pieces(new(received), size, all)
					s.in.discard()
					if !got.equal(want) {
						t.Errorf("got  %v\nwant %v", got, want)
					}
				})
			}
		}
	}
}

// TestPiecesAtEveryByte: the input goes from gathering to pieces after any byte, and from pieces to gathering after any byte of a message, which discards the rest of that message and nothing else.
func TestPiecesAtEveryByte(t *testing.T) {
	defer allPutBack(t)
	z := newPacker(6, true)
	first := z.pack([]byte("κόσμε, κόσμε"))
	second := z.pack([]byte("second κόσμε"))
	var b []byte
	for _, f := range []conntest.Frame{
		text("one"),
		{Opcode: conntest.Text, Payload: []byte("tw")}, {Fin: true, Opcode: conntest.Ping, Payload: []byte("p")}, {Fin: true, Payload: []byte("o")},
		{Opcode: conntest.Text, RSV: conntest.RSV1, Payload: first[:7]}, {Fin: true, Payload: first[7:]},
		compressedFrame(conntest.Text, second),
		text("last"),
	} {
		b = masked(f).Append(b)
	}
	want := []string{"text one", "text two", "text κόσμε, κόσμε", "text second κόσμε", "text last"}
	input := streamed()["7.2.2/takeover"].in
	for cut := range len(b) + 1 {
		for _, size := range []int{1, 5, 100} {
			r := new(received)
			s := &script{in: input(), b: bytes.Clone(b[:cut]), step: 1}
			s.gather(r)
			s.b = bytes.Clone(b[cut:])
			s.pieces(r, size, all)
			s.in.discard()
			if r.end != "" || !slices.Equal(r.messages, want) || len(r.events) != 1 {
				t.Fatalf("7.1.1/from gathering to pieces of %d at byte %d: %v", size, cut, r)
			}
		}
	}
	for _, keep := range []int{0, 1, 2, 3, 5} {
		for which := range want {
			for _, step := range []int{1, 3, len(b)} {
				r := new(received)
				s := &script{in: input(), b: bytes.Clone(b), step: step}
				s.pieces(r, 1, func(i int) int {
					if i == which {
						return keep
					}
					return -1
				})
				left := slices.Clone(want)
				if len(left[which]) > len("text ")+keep-1 && keep < len(left[which])-len("text ") {
					left = slices.Delete(left, which, which+1)
				}
				s.in.discard()
				if r.end != "" || !slices.Equal(r.messages, left) || len(r.events) != 1 {
					t.Fatalf("7.2.1/%d bytes kept of message %d: %v, want %q", keep, which, r, left)
				}
			}
		}
	}
	// The rest is discarded by who asks for a whole message, too, also if that is left meanwhile.
	for cut := range len(b) {
		r := new(received)
		s := &script{in: input(), b: bytes.Clone(b[:cut]), step: 2}
		s.pieces(r, 1, all)
		open := s.in.stream.open
		seen := len(r.messages)
		s.b = bytes.Clone(b[cut:])
		s.gather(r)
		s.in.discard()
		left := slices.Clone(want)
		if open {
			left = slices.Delete(left, seen, seen+1)
		}
		if r.end != "" || !slices.Equal(r.messages, left) {
			t.Fatalf("7.2.1/from pieces to gathering at byte %d: %v, want %q", cut, r, left)
		}
	}
}

// TestPiecesAreBounded: what is held of a message that is handed out in pieces is a read buffer.
func TestPiecesAreBounded(t *testing.T) {
	const size = 1 << 20
	for name, in := range map[string]*input{"plain": &newFeeder(size).in, "compressed": streamed()["7.2.2/takeover"].in()} {
		t.Run("10.4/"+name, func(t *testing.T) {
			f := conntest.Frame{Fin: true, Opcode: conntest.Binary, Payload: make([]byte, size)}
			if in.inflation != nil {
				f = compressedFrame(conntest.Binary, newPacker(9, false).pack(make([]byte, 100_000)))
			}
			s := &script{in: in, b: masked(f).Append(nil), step: 1 << 20}
			most := 0
			s.more(in.space)
			if e, err := in.startPieces(); e.Kind != protocol.Message || err != nil {
				t.Fatal(e, err)
			}
			for dst := make([]byte, 100); in.stream.open; {
				n, _, err := in.piece(dst)
				if err != nil {
					t.Fatal(err)
				}
				if n == 0 {
					s.more(in.space)
				}
				held := 0
				if in.msg != nil {
					t.Fatal("the message is gathered")
				}
				if in.buf != nil {
					held = len(*in.buf)
				}
				most = max(most, held)
			}
			if most > bulkBufferSize {
				t.Errorf("%d bytes are held", most)
			}
			in.discard()
		})
	}
}
