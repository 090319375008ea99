package conn

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"testing"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/conntest"
	"github.com/hawser-go/hawser/internal/protocol"
)

// feeder drives an input without a connection or a goroutine, and writes down what happens.
type feeder struct {
	in    input
	trace []string
	err   error
}

func newFeeder(limit int64) *feeder {
	cfg := (&Config{MessageLimit: limit}).resolved()
	return &feeder{in: input{role: RoleServer, limit: cfg.MessageLimit}}
}

// buffers returns what in holds for what is unfinished.
func (in *input) buffers() (buf, msg, lent *[]byte) {
	if in.reading == nil {
		return nil, nil, nil
	}
	return in.buf, in.msg, in.lent
}

// feed gives p to the input, as many bytes at a time as it has space for and at most step.
func (f *feeder) feed(p []byte, step int) {
	for len(p) > 0 && f.err == nil {
		n := copy(f.in.space(), p[:min(step, len(p))])
		f.in.advance(n)
		p = p[n:]
		f.drain()
	}
}

func (f *feeder) drain() {
	for {
		e, data, err := f.in.next()
		switch {
		case err != nil:
			f.err = err
			f.trace = append(f.trace, err.Error())
			return
		case e.Kind == protocol.None:
			return
		case e.Kind == protocol.Message:
			f.trace = append(f.trace, fmt.Sprintf("%v %d %x", f.in.recv.Opcode(), len(data), data[:min(len(data), 16)]))
			if want := pattern(len(data)); f.in.recv.Opcode() == frame.OpcodeBinary && !bytes.Equal(data, want) {
				f.trace = append(f.trace, "the message is not what was sent")
			}
		case e.Kind == protocol.Close:
			f.trace = append(f.trace, fmt.Sprintf("close %d %q", e.Code, e.Payload))
			f.err = io.EOF
			return
		default:
			f.trace = append(f.trace, fmt.Sprintf("event %d %q", e.Kind, e.Payload))
		}
	}
}

// firstDifference says where two traces part.
func firstDifference(got, want []string) string {
	for i := range max(len(got), len(want)) {
		g, w := "nothing", "nothing"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			return fmt.Sprintf("event %d is %s, want %s", i, g, w)
		}
	}
	return "no difference"
}

func masked(f conntest.Frame) conntest.Frame {
	f.Masked, f.Key = true, [4]byte{0x12, 0x34, 0x56, 0x78}
	return f
}

// conversation is messages of many sizes, whole and in fragments, with control frames between.
func conversation() (b []byte, want []string) {
	add := func(fin bool, op byte, p []byte) {
		b = masked(conntest.Frame{Fin: fin, Opcode: op, Payload: p}).Append(b)
	}
	message := func(n int) {
		want = append(want, fmt.Sprintf("binary %d %x", n, pattern(n)[:min(n, 16)]))
	}
	for _, n := range []int{0, 1, 125, 126, 4070, 4096, 4097, 5000, 65535, 65536, 70000, 200000} {
		add(true, conntest.Binary, pattern(n))
		message(n)
	}
	for _, n := range []int{0, 3, 300, 9000, 150000} {
		p := pattern(n)
		add(false, conntest.Binary, p[:n/3])
		add(true, conntest.Ping, []byte("ping"))
		add(false, conntest.Continuation, nil)
		add(true, conntest.Pong, nil)
		add(true, conntest.Continuation, p[n/3:])
		want = append(want, `event 3 "ping"`, `event 4 ""`)
		message(n)
	}
	add(true, conntest.Text, []byte("κόσμε"))
	want = append(want, fmt.Sprintf("text %d %x", len("κόσμε"), "κόσμε"))
	add(true, conntest.Close, conntest.ClosePayload(1000, "bye"))
	return b, append(want, `close 1000 "bye"`)
}

func TestInputAtEverySize(t *testing.T) {
	b, want := conversation()
	for _, step := range []int{1, 2, 3, 7, 13, 125, 1000, 4095, 4096, 4097, 20000, 65536, len(b)} {
		t.Run(fmt.Sprintf("5.4/reads_of_%d", step), func(t *testing.T) {
			f := newFeeder(1 << 20)
			f.feed(b, step)
			if !slices.Equal(f.trace, want) {
				t.Errorf("%s", firstDifference(f.trace, want))
			}
		})
	}
}

// TestInputAtEverySplit: a short conversation, split at each byte.
func TestInputAtEverySplit(t *testing.T) {
	var b []byte
	for _, f := range []conntest.Frame{
		{Opcode: conntest.Text, Payload: []byte("Hel")},
		{Fin: true, Opcode: conntest.Ping, Payload: []byte("ping")},
		{Fin: true, Opcode: conntest.Continuation, Payload: []byte("lo")},
		{Fin: true, Opcode: conntest.Text, Payload: []byte("€")},
		{Fin: true, Opcode: conntest.Text},
		{Fin: true, Opcode: conntest.Close, Payload: conntest.ClosePayload(1001, "bye")},
	} {
		b = masked(f).Append(b)
	}
	whole := newFeeder(1 << 20)
	whole.feed(b, len(b))
	if len(whole.trace) != 5 {
		t.Fatalf("whole: %q", whole.trace)
	}
	for name, pieces := range conntest.Chop(b) {
		f := newFeeder(1 << 20)
		for _, p := range pieces {
			f.feed(p, len(p))
			f.in.idle() // a connection may go idle anywhere
		}
		if !slices.Equal(f.trace, whole.trace) {
			t.Errorf("%s: got %q, want %q", name, f.trace, whole.trace)
		}
	}
}

// TestInputHoldsWhatCame is T-PIN: a header that announces much makes the input hold nothing, and bytes that dribble in twice their number.
func TestInputHoldsWhatCame(t *testing.T) {
	if conntest.RaceEnabled {
		t.Skip("the race detector allocates")
	}
	const conns = 1000
	head := masked(conntest.Frame{Fin: true, Opcode: conntest.Binary}).Append(nil)
	declared := uint64(1<<20 - 1)
	head = masked(conntest.Frame{Fin: true, Opcode: conntest.Binary, DeclaredLength: &declared, LengthForm: 9}).Append(head)
	feeders := make([]*feeder, conns)
	for i := range feeders {
		feeders[i] = newFeeder(1 << 20)
	}
	before := heap()
	for _, f := range feeders {
		f.feed(head, len(head))
		f.in.idle()
	}
	grown := (heap() - before) / conns
	if grown > 4096 {
		t.Errorf("a header that announces %d bytes makes a connection hold %d", declared, grown)
	}
	for got := 1; got <= 5000; got++ {
		for _, f := range feeders[:10] {
			f.feed([]byte{'x'}, 1)
		}
	}
	for i, f := range feeders[:10] {
		if f.in.msg == nil || len(*f.in.msg) > 2*5000+4096 {
			t.Errorf("connection %d holds more than twice the 5000 bytes that came", i)
		}
	}
	runtime.KeepAlive(feeders)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestInputStopsAtTheLimit: the header decides (RFC 6455, 7.4.1), and a sum of fragments counts.
func TestInputStopsAtTheLimit(t *testing.T) {
	for _, tt := range []struct {
		name   string
		frames []conntest.Frame
		code   frame.StatusCode
	}{
		{"7.4.1/as_large_as_the_limit", []conntest.Frame{{Fin: true, Opcode: conntest.Binary, Payload: pattern(1000)}}, 0},
		{"7.4.1/one_more", []conntest.Frame{{Fin: true, Opcode: conntest.Binary, Payload: pattern(1001)}}, frame.StatusMessageTooBig},
		{"7.4.1/fragments_one_more", []conntest.Frame{{Opcode: conntest.Binary, Payload: pattern(600)},
			{Fin: true, Opcode: conntest.Continuation, Payload: pattern(401)}}, frame.StatusMessageTooBig},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFeeder(1000)
			for _, fr := range tt.frames {
				f.feed(masked(fr).Append(nil), 100)
			}
			p, _ := errors.AsType[*frame.ProtocolError](f.err)
			if (p == nil) != (tt.code == 0) || p != nil && p.Code != tt.code {
				t.Errorf("got %v, want code %d", f.err, tt.code)
			}
		})
	}
}

// TestInputManySmallFragments is T-FRAG (a) and (b): the budget refuses them, and until then nothing grows beyond what came.
func TestInputManySmallFragments(t *testing.T) {
	for _, payload := range []string{"", "x"} {
		t.Run(fmt.Sprintf("10.4/fragments_of_%d_bytes", len(payload)), func(t *testing.T) {
			f := newFeeder(64 << 10)
			f.feed(masked(conntest.Frame{Opcode: conntest.Binary, Payload: []byte("a")}).Append(nil), 100)
			one := masked(conntest.Frame{Opcode: conntest.Continuation, Payload: []byte(payload)}).Append(nil)
			n := 1
			for ; f.err == nil && n < 1_000_000; n++ {
				f.feed(one, 100)
			}
			p, _ := errors.AsType[*frame.ProtocolError](f.err)
			if p == nil || p.Code != frame.StatusPolicyViolation || n != 1024+(64<<10)/64+1 {
				t.Errorf("after %d fragments: %v", n, f.err)
			}
		})
	}
}

func TestInputKeep(t *testing.T) {
	f := newFeeder(1 << 20)
	next := func(n int) []byte {
		b := masked(conntest.Frame{Fin: true, Opcode: conntest.Binary, Payload: pattern(n)}).Append(nil)
		for {
			k := copy(f.in.space(), b)
			f.in.advance(k)
			b = b[k:]
			e, data, err := f.in.next()
			if err != nil {
				t.Fatal(err)
			}
			if e.Kind == protocol.Message {
				return f.in.keep(data)
			}
		}
	}
	small, large, empty := next(10), next(100000), next(0)
	for range 3 { // would overwrite what was kept, if it were not the caller's
		next(10)
		next(100000)
	}
	if !bytes.Equal(small, pattern(10)) || !bytes.Equal(large, pattern(100000)) || empty == nil || len(empty) != 0 {
		t.Error("a kept message has changed")
	}
	f.in.discard()
}

// TestInputBufferFollowsTheTraffic: large while reads fill it, small again afterwards, none while idle.
func TestInputBufferFollowsTheTraffic(t *testing.T) {
	f := newFeeder(1 << 20)
	small := masked(conntest.Frame{Fin: true, Opcode: conntest.Binary, Payload: pattern(100)}).Append(nil)
	many := bytes.Repeat(small, 2000)
	f.feed(small, len(small))
	if len(*f.in.buf) != readBufferSize {
		t.Errorf("first buffer has %d bytes", len(*f.in.buf))
	}
	f.feed(many, len(many))
	if len(*f.in.buf) != bulkBufferSize {
		t.Errorf("under load the buffer has %d bytes", len(*f.in.buf))
	}
	f.feed(small, len(small))
	f.feed(small, len(small))
	if len(*f.in.buf) != readBufferSize {
		t.Errorf("after the load the buffer has %d bytes", len(*f.in.buf))
	}
	f.in.idle()
	if buf, _, _ := f.in.buffers(); buf != nil {
		t.Error("an idle connection holds a read buffer")
	}
	f.feed(small[:3], 3)
	f.in.idle()
	if f.in.buf == nil {
		t.Error("a part of a frame was dropped")
	}
}

// TestInputBufferForBursts: a peer that sends more than a small buffer holds and then waits for the answers gets a large buffer for the next burst, which is read at once.
func TestInputBufferForBursts(t *testing.T) {
	f := newFeeder(1 << 20)
	small := masked(conntest.Frame{Fin: true, Opcode: conntest.Binary, Payload: pattern(1000)}).Append(nil)
	burst := bytes.Repeat(small, 16)
	for _, test := range []struct {
		name  string
		p     []byte
		reads int
	}{
		{"first_burst", burst, 2},
		{"second_burst", burst, 1},
		{"a_single_message", small, 1},
		{"first_burst_after_it", burst, 2},
		{"second_burst_after_it", burst, 1},
	} {
		reads := 0
		for p := test.p; len(p) > 0; reads++ {
			n := copy(f.in.space(), p)
			f.in.advance(n)
			p = p[n:]
			f.drain()
		}
		f.in.idle()
		if reads != test.reads || f.err != nil || f.in.reading != nil {
			t.Errorf("%s: %d reads, want %d; %v", test.name, reads, test.reads, f.err)
		}
	}
}

func FuzzInput(f *testing.F) {
	b, _ := conversation()
	f.Add(b[:3000], uint16(7))
	f.Add([]byte(nil), uint16(0))
	f.Add(conntest.Hex("01 81 00000000 ce 89 80 00000000 80 81 00000000 ba"), uint16(1))
	f.Fuzz(func(t *testing.T, b []byte, step uint16) {
		whole, chopped := newFeeder(1<<16), newFeeder(1<<16)
		whole.feed(slices.Clone(b), len(b))
		chopped.feed(slices.Clone(b), int(step)+1)
		// The trace holds a false alarm of its own for binary messages, the same in both.
		if !slices.Equal(whole.trace, chopped.trace) {
			t.Errorf("in reads of %d: %q, whole: %q", int(step)+1, chopped.trace, whole.trace)
		}
		for _, f := range []*feeder{whole, chopped} {
			if _, msg, _ := f.in.buffers(); msg != nil && len(*msg) > 2*len(b)+4096 {
				t.Errorf("%d bytes made the input hold %d", len(b), len(*msg))
			}
			f.in.discard()
		}
	})
}
