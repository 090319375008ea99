package protocol

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/conntest"
)

// conversations are what a server may receive from a client (masked with 00000000, so the payload reads as it is), and what it means. The
// client's side of each is the same without masks, see unmask.
var conversations = []struct {
	name  string
	hex   string
	trace []string
}{
	{"5.6/text", "81 85 00000000 48656c6c6f", []string{`text "Hello"`}},
	{"5.6/binary", "82 83 00000000 00ff80", []string{`binary "\x00\xff\x80"`}},
	{"5.6/empty_text", "81 80 00000000", []string{`text ""`}},
	{"5.6/two_messages", "81 81 00000000 61 82 81 00000000 62", []string{`text "a"`, `binary "b"`}},
	{"5.4/two_fragments", "01 83 00000000 48656c 80 82 00000000 6c6f", []string{"fragment", `text "Hello"`}},
	{"5.4/empty_fragments", "01 80 00000000 00 80 00000000 00 81 00000000 61 80 80 00000000",
		[]string{"fragment", "fragment", "fragment", `text "a"`}},
	{"5.4/ping_between_fragments", "01 81 00000000 61 89 82 00000000 7069 80 81 00000000 62",
		[]string{"fragment", `ping "pi"`, `text "ab"`}},
	{"5.4/ping_inside_a_code_point", "01 81 00000000 ce 89 80 00000000 80 81 00000000 ba",
		[]string{"fragment", `ping ""`, `text "κ"`}},
	{"5.4/close_between_fragments", "01 81 00000000 61 88 82 00000000 03e8 80 81 00000000 62",
		[]string{"fragment", `close 1000 ""`}},
	{"5.4/continuation_without_a_message", "80 81 00000000 61",
		[]string{"fail: continuation"}},
	{"5.4/continuation_after_a_message", "81 81 00000000 61 80 81 00000000 61",
		[]string{`text "a"`, "fail: continuation"}},
	{"5.4/text_inside_a_message", "01 81 00000000 61 81 81 00000000 61",
		[]string{"fragment", "fail: "}},
	{"5.5.1/close", "88 85 00000000 03e9 627965", []string{`close 1001 "bye"`}},
	{"5.5.1/close_without_a_code", "88 80 00000000", []string{`close 1005 ""`}},
	{"5.5.1/close_with_one_byte", "88 81 00000000 03", []string{"fail: "}},
	{"5.5.1/nothing_after_close", "88 82 00000000 03e8 81 84 00000000 6c617465", []string{`close 1000 ""`}},
	{"5.5.1/close_with_invalid_reason", "88 83 00000000 03e8 ff", []string{"fail: "}},
	{"7.4.2/close_with_reserved_code", "88 82 00000000 03ed", []string{"fail: "}},
	{"5.5.2/ping_and_pong", "89 81 00000000 61 8a 81 00000000 62", []string{`ping "a"`, `pong "b"`}},
	{"5.5/control_frame_fragmented", "09 80 00000000", []string{"fail: "}},
	{"5.5/control_frame_too_long", "89 fe", []string{"fail: "}},
	{"5.2/reserved_bit", "d1 80 00000000", []string{"fail: "}},
	{"5.2/reserved_opcode", "83 80 00000000", []string{"fail: "}},
	{"8.1/invalid_text", "81 83 00000000 61 c0 62", []string{"fail: "}},
	{"8.1/cut_text", "81 82 00000000 e282", []string{"fail: "}},
	{"8.1/code_point_over_two_fragments", "01 81 00000000 e2 80 82 00000000 82ac", []string{"fragment", `text "€"`}},
	{"8.1/code_point_cut_by_the_end", "01 81 00000000 e2 80 81 00000000 82", []string{"fragment", "fail: "}},
	{"8.1/state_does_not_leak_into_the_next_message", "82 81 00000000 e2 81 81 00000000 61", []string{`binary "\xe2"`, `text "a"`}},
}

// compressedConversations are the same where permessage-deflate has been negotiated, compressed as inflate in endpoint_test.go undoes it.
var compressedConversations = []struct {
	name  string
	hex   string
	trace []string
}{
	{"7692_6.2/text", "c1 85 00000000 b79a939390", []string{`text "Hello"`}},
	{"7692_6.2/binary", "c2 83 00000000 fe017f", []string{`binary "\x01\xfe\x80"`}},
	{"7692_6.2/empty", "c1 80 00000000", []string{`text ""`}},
	{"7692_6.2/two_fragments", "41 83 00000000 b79a93 80 82 00000000 9390", []string{"fragment", `text "Hello"`}},
	{"7692_6.2/empty_fragments", "42 80 00000000 00 80 00000000 00 81 00000000 9e 80 80 00000000",
		[]string{"fragment", "fragment", "fragment", `binary "a"`}},
	{"7692_6.2/ping_between_fragments", "41 81 00000000 9e 89 82 00000000 7069 80 81 00000000 9d",
		[]string{"fragment", `ping "pi"`, `text "ab"`}},
	{"7692_6.2/close_between_fragments", "41 81 00000000 9e 88 82 00000000 03e8 80 81 00000000 9d", []string{"fragment", `close 1000 ""`}},
	{"7692_6.2/uncompressed_between_compressed", "c1 81 00000000 9e 81 81 00000000 62 c2 81 00000000 9c", []string{`text "a"`, `text "b"`, `binary "c"`}},
	{"7692_6.2/fragments_of_an_uncompressed_message_after_a_compressed_one", "c1 81 00000000 9e 01 81 00000000 62 80 81 00000000 63",
		[]string{`text "a"`, "fragment", `text "bc"`}},
	{"7692_6.2/corrupt", "c2 82 00000000 9e00", []string{"fail: "}},
	{"7692_6.2/corrupt_in_the_second_fragment", "42 81 00000000 9e 80 81 00000000 00", []string{"fragment", "fail: "}},
	{"7692_6.2/nothing_after_corrupt", "c2 81 00000000 00 81 81 00000000 61", []string{"fail: "}},
	{"7692_6.1/rsv1_on_continuation", "41 81 00000000 9e c0 81 00000000 9e", []string{"fragment", "fail: "}},
	{"7692_6.1/rsv1_on_continuation_of_an_uncompressed_message", "01 81 00000000 61 c0 81 00000000 61", []string{"fragment", "fail: "}},
	{"7692_6.1/rsv1_on_ping", "c9 80 00000000", []string{"fail: "}},
	{"7692_6.1/rsv1_on_ping_inside_a_message", "41 81 00000000 9e c9 80 00000000", []string{"fragment", "fail: "}},
	{"7692_6.1/rsv1_on_pong", "ca 80 00000000", []string{"fail: "}},
	{"7692_6.1/rsv1_on_close", "c8 80 00000000", []string{"fail: "}},
	{"5.2/rsv2", "e1 81 00000000 9e", []string{"fail: "}},
	{"8.1/invalid_text_after_inflating", "c1 83 00000000 9e 3f 9d", []string{"fail: "}},
	{"8.1/cut_text_after_inflating", "c1 82 00000000 1d7d", []string{"fail: "}},
	{"8.1/code_point_over_two_fragments_after_inflating", "41 81 00000000 1d 80 82 00000000 7d53", []string{"fragment", `text "€"`}},
	{"8.1/code_point_cut_by_the_end_after_inflating", "41 81 00000000 1d 80 81 00000000 7d", []string{"fragment", "fail: "}},
	{"8.1/invalid_text_before_it_is_corrupt", "c1 82 00000000 3f00", []string{"fail: " + errText.Error()}},
	{"8.1/cut_text_that_is_corrupt", "c1 82 00000000 1d00", []string{"fail: " + errCorrupt.Error()}},
	{"8.1/binary_need_not_be_utf8_after_inflating", "c2 81 00000000 1d 81 81 00000000 61", []string{`binary "\xe2"`, `text "a"`}},
	{"8.1/compressed_bytes_need_not_be_utf8", "41 81 00000000 bf 80 81 00000000 bf", []string{"fragment", `text "@@"`}},
}

// unmask turns the frames of a client into a server's, which have no mask.
func unmask(t *testing.T, b []byte) []byte {
	t.Helper()
	var out []byte
	for len(b) > 0 {
		h, n := frame.ConsumeHeader(b)
		if n == 0 { // cut on purpose: only the second octet matters
			return append(out, b[0], b[1]&^0x80)
		}
		h.Masked = false
		out = frame.AppendHeader(out, h)
		out = append(out, b[n:n+int(h.PayloadLength)]...)
		b = b[n+int(h.PayloadLength):]
	}
	return out
}

// sameTrace compares traces. A wanted failure may have any text, unless it is itself the text of a rule, with its section.
func sameTrace(got, want []string) bool {
	return slices.EqualFunc(got, want, func(g, w string) bool {
		return g == w || strings.HasPrefix(w, "fail: ") && strings.HasPrefix(g, "fail: ") && !strings.Contains(w, "RFC")
	})
}

func TestConversations(t *testing.T) {
	for _, tt := range conversations {
		for _, role := range []Role{Server, Client} {
			t.Run(tt.name+"/"+role.String(), func(t *testing.T) {
				converse(t, role, defaultLimits, tt.hex, tt.trace)
				// What is not compressed means the same where it might be.
				converse(t, role, compressedLimits, tt.hex, tt.trace)
			})
		}
	}
}

func TestCompressedConversations(t *testing.T) {
	for _, tt := range compressedConversations {
		for _, role := range []Role{Server, Client} {
			t.Run(tt.name+"/"+role.String(), func(t *testing.T) { converse(t, role, compressedLimits, tt.hex, tt.trace) })
		}
	}
}

func converse(t *testing.T, role Role, limits Limits, hex string, trace []string) {
	t.Helper()
	input := conntest.Hex(hex)
	if role == Client {
		input = unmask(t, input)
	}
	for name, pieces := range conntest.Chop(input) {
		e := newEndpoint(role, limits)
		for _, p := range pieces {
			e.feed(p)
		}
		if !sameTrace(e.trace, trace) {
			t.Fatalf("%s: got %q, want %q", name, e.trace, trace)
		}
	}
}

// TestFailsAtTheFirstByte: a violation is refused when the byte comes that makes it one, not later.
func TestFailsAtTheFirstByte(t *testing.T) {
	for _, tt := range []struct {
		name string
		hex  string
		at   int // the failure comes with this many bytes
		code frame.StatusCode
	}{
		{"5.1/not_masked", "81 05 48656c6c6f", 2, 1002},
		{"5.2/reserved_bit", "91 85 00000000 48656c6c6f", 2, 1002},
		{"5.5/control_frame_of_126_bytes", "89 fe 007e 00000000", 2, 1002},
		{"5.5/control_frame_of_65536_bytes", "88 ff 0000000000010000 00000000", 2, 1002},
		{"5.2/length_not_minimal", "81 fe 0005 00000000 48656c6c6f", 8, 1002},
		{"5.2/length_with_top_bit", "82 ff 8000000000000000 00000000", 14, 1002},
		{"7.4.1/message_too_big", "82 ff 0000000000100001 00000000", 14, 1009},
		{"8.1/overlong", "81 84 00000000 61 e0 80 80", 9, 1007},
		{"8.1/surrogate", "81 84 00000000 61 ed a0 80", 9, 1007},
		{"8.1/above_10ffff", "81 84 00000000 f4 90 80 80", 8, 1007},
		{"8.1/never_a_lead", "81 84 00000000 61 f5 62 63", 8, 1007},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := conntest.Hex(tt.hex)
			e := newEndpoint(Server, defaultLimits)
			for i := range b {
				e.feed(b[i : i+1])
				if (e.err != nil) != (i+1 >= tt.at) {
					t.Fatalf("after %d bytes of %d: error %v", i+1, tt.at, e.err)
				}
			}
			if p, ok := errors.AsType[*frame.ProtocolError](e.err); !ok || p.Code != tt.code {
				t.Errorf("failed with %v, want code %d", e.err, tt.code)
			}
		})
	}
}

// TestFailsAtTheFirstByteCompressed is the same for compressed messages: what is wrong with them is found as they are inflated.
func TestFailsAtTheFirstByteCompressed(t *testing.T) {
	for _, tt := range []struct {
		name string
		hex  string
		at   int
		code frame.StatusCode
	}{
		{"7692_6.1/rsv1_on_ping", "c9 85 00000000 48656c6c6f", 2, 1002},
		{"7692_6.1/rsv1_on_continuation", "41 81 00000000 9e c0 81 00000000 9e", 9, 1002},
		{"7.4.1/compressed_message_too_big", "c2 ff 0000000000200001 00000000", 14, 1009},
		{"7692_6.2/corrupt", "c2 83 00000000 9e 00 9e", 8, 1007},
		{"8.1/overlong_after_inflating", "c1 84 00000000 9e 1f 7f 7f", 9, 1007},
		{"8.1/overlong_over_two_fragments_after_inflating", "41 82 00000000 9e 1f 80 82 00000000 7f 7f", 15, 1007},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := conntest.Hex(tt.hex)
			e := newEndpoint(Server, compressedLimits)
			for i := range b {
				e.feed(b[i : i+1])
				if (e.err != nil) != (i+1 >= tt.at) {
					t.Fatalf("after %d bytes of %d: error %v", i+1, tt.at, e.err)
				}
			}
			if p, ok := errors.AsType[*frame.ProtocolError](e.err); !ok || p.Code != tt.code {
				t.Errorf("failed with %v, want code %d", e.err, tt.code)
			}
			if _, err := e.recv.Header(conntest.Hex("81 80 00000000")); err != e.err {
				t.Errorf("the next call returned %v, not the same error", err)
			}
		})
	}
}

// TestNotNegotiated is T-NONEG: RSV1 on a message, where nothing has been negotiated.
func TestNotNegotiated(t *testing.T) {
	for _, hex := range []string{"c1 87 00000000 f248cdc9c90700", "c2 80 00000000", "41 80 00000000"} {
		e := newEndpoint(Server, defaultLimits)
		e.feed(conntest.Hex(hex))
		if p, ok := errors.AsType[*frame.ProtocolError](e.err); !ok || p.Code != frame.StatusProtocolError {
			t.Errorf("%s: %v, want 1002", hex, e.err)
		}
	}
}

// TestLengths is T-LEN: every length near an edge, for each opcode, role and limit, is decided by the header alone.
func TestLengths(t *testing.T) {
	lengths := []uint64{1 << 63, 1<<63 + 5, math.MaxUint64, math.MaxUint64 - 1, math.MaxUint64 - 3, math.MaxUint64 - 9,
		math.MaxUint64 - 13, 1<<63 - 1, 1<<63 - 14, 1 << 62, 1 << 32, 1<<32 - 1, 1 << 31, 1<<31 - 1}
	limits := []uint64{1, 64 << 10, 1<<31 - 1, 1<<63 - 1, math.MaxUint64}
	for _, compressed := range []bool{false, true} {
		t.Run(fmt.Sprintf("5.2/compressed_%v", compressed), func(t *testing.T) { everyLength(t, compressed, lengths, limits) })
	}
}

// everyLength checks the limit that holds for a message that is compressed or not; the other is one that nothing passes.
func everyLength(t *testing.T, compressed bool, lengths, limits []uint64) {
	for _, role := range []Role{Server, Client} {
		for _, op := range []frame.Opcode{0, 1, 2, 8, 9, 10} {
			for _, limit := range limits {
				for _, length := range lengths {
					set := Limits{Message: limit, Fragments: 1024}
					if compressed {
						set = Limits{Compressed: limit, Fragments: 1024}
					}
					r := NewReceiver(role, set)
					have := uint64(0)
					var prefix []byte
					if op == frame.OpcodeContinuation {
						have = 1
						prefix = frame.AppendHeader(nil, frame.Header{RSV1: compressed, Opcode: frame.OpcodeBinary, Masked: role == Server, PayloadLength: have})
						if n, err := r.Header(prefix); n == 0 || err != nil {
							t.Fatalf("first fragment refused: %v", err)
						}
						if _, err := r.Payload([]byte{'x'}); err != nil {
							t.Fatal(err)
						}
					}
					b := []byte{0x80 | byte(op), 127}
					if compressed && (op == frame.OpcodeText || op == frame.OpcodeBinary) {
						b[0] |= 0x40
					}
					if role == Server {
						b[1] |= 0x80
					}
					for shift := 56; shift >= 0; shift -= 8 {
						b = append(b, byte(length>>shift))
					}
					if role == Server {
						b = append(b, 0, 0, 0, 0)
					}
					n, err := r.Header(b)
					var want frame.StatusCode
					switch {
					case op >= 8 || length >= 1<<63:
						want = frame.StatusProtocolError
					case length > limit-have:
						want = frame.StatusMessageTooBig
					}
					// "If an endpoint is to receive a frame that is too large" may be decided before or after the rules: both are refusals, but a rule comes first.
					p, _ := errors.AsType[*frame.ProtocolError](err)
					switch {
					case want == 0 && (err != nil || n != len(b)):
						t.Errorf("%v, %v, limit %d, length %d: n is %d, %v", role, op, limit, length, n, err)
					case want != 0 && (p == nil || p.Code != want || n != 0):
						t.Errorf("%v, %v, limit %d, length %d: n is %d, %v, want %d", role, op, limit, length, n, err, want)
					}
					if err != nil {
						if _, again := r.Header(b); again != err {
							t.Errorf("the next call returned %v, not the same error", again)
						}
						if _, again := r.Payload(nil); again != err {
							t.Errorf("Payload returned %v, not the same error", again)
						}
					}
				}
			}
		}
	}
}

func TestLimits(t *testing.T) {
	one := conntest.Hex("00 81 00000000 61")
	empty := conntest.Hex("00 80 00000000")
	start := conntest.Hex("02 80 00000000")
	compressed := conntest.Hex("42 80 00000000")
	for _, tt := range []struct {
		name   string
		frames [][]byte
		code   frame.StatusCode // 0: accepted
	}{
		{"10.4/as_large_as_the_limit", [][]byte{start, one, one, one, conntest.Hex("80 81 00000000 61")}, 0},
		{"10.4/one_byte_more", [][]byte{start, one, one, one, one, conntest.Hex("00 81 00000000")}, 1009},
		{"10.4/empty_fragments_count", [][]byte{start, empty, empty, empty, empty, empty, empty, empty, empty}, 1008},
		{"10.4/as_many_as_the_limit", [][]byte{start, empty, empty, empty, empty, empty, empty, conntest.Hex("80 80 00000000")}, 0},
		{"10.4/compressed_as_large_as_its_limit", [][]byte{compressed, one, one, one, one, one, conntest.Hex("80 81 00000000 61")}, 0},
		{"10.4/compressed_one_byte_more", [][]byte{compressed, one, one, one, one, one, one, conntest.Hex("00 81 00000000")}, 1009},
		{"10.4/compressed_empty_fragments_count", [][]byte{compressed, empty, empty, empty, empty, empty, empty, empty, empty}, 1008},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEndpoint(Server, Limits{Message: 4, Compressed: 6, Fragments: 8})
			for range 3 { // a budget is each message's own
				if tt.code != 0 && e.err == nil && len(e.trace) > 0 {
					break
				}
				for _, f := range tt.frames {
					e.feed(f)
				}
			}
			p, _ := errors.AsType[*frame.ProtocolError](e.err)
			if tt.code == 0 && e.err != nil || tt.code != 0 && (p == nil || p.Code != tt.code) {
				t.Errorf("got %v, want code %d", e.err, tt.code)
			}
		})
	}
}

// TestControlFramesDoNotCount: a control frame between the fragments counts for neither.
func TestControlFramesDoNotCount(t *testing.T) {
	e := newEndpoint(Server, Limits{Message: 2, Fragments: 2})
	e.feed(conntest.Hex("02 81 00000000 61"))
	for range 100 {
		e.feed(conntest.Hex("89 83 00000000 626364"))
	}
	e.feed(conntest.Hex("80 81 00000000 62"))
	if e.err != nil || e.trace[len(e.trace)-1] != `binary "ab"` {
		t.Errorf("got %v, last %q", e.err, e.trace[len(e.trace)-1])
	}
}

func TestReceiverAccessors(t *testing.T) {
	r := NewReceiver(Server, defaultLimits)
	if n, err := r.Header(conntest.Hex("01 83 00000000 616263")); n != 6 || err != nil {
		t.Fatal(n, err)
	}
	if r.Remaining() != 3 || r.Opcode() != frame.OpcodeText || r.Compressed() || !r.InMessage() || r.Frame().PayloadLength != 3 {
		t.Errorf("remaining %d, opcode %v, in message %v", r.Remaining(), r.Opcode(), r.InMessage())
	}
	if ev, err := r.Payload([]byte("ab")); ev.Kind != None || err != nil {
		t.Fatal(ev, err)
	}
	if r.Remaining() != 1 {
		t.Errorf("remaining %d, want 1", r.Remaining())
	}
	if ev, err := r.Payload([]byte("c")); ev.Kind != Fragment || err != nil {
		t.Fatal(ev, err)
	}
	// A continuation belongs to a text message.
	if n, err := r.Header(conntest.Hex("80 81 00000000 61")); n == 0 || err != nil {
		t.Fatal(n, err)
	}
	if r.Frame().Opcode != frame.OpcodeContinuation || r.Opcode() != frame.OpcodeText || r.InMessage() {
		t.Errorf("opcode %v of a %v message, in message %v", r.Frame().Opcode, r.Opcode(), r.InMessage())
	}
	defer func() {
		if recover() == nil {
			t.Error("Payload took more than the frame has")
		}
	}()
	r.Payload([]byte("ab"))
}

func TestEnded(t *testing.T) {
	r := NewReceiver(Server, defaultLimits)
	if _, err := r.Header(conntest.Hex("88 80 00000000")); err != nil {
		t.Fatal(err)
	}
	if ev, err := r.Payload(nil); ev.Kind != Close || err != nil {
		t.Fatal(ev, err)
	}
	if _, err := r.Header(conntest.Hex("81 80 00000000")); err != ErrEnded {
		t.Errorf("Header after Close returned %v", err)
	}
	if _, err := r.Payload(nil); err != ErrEnded || err.Error() == "" {
		t.Errorf("Payload after Close returned %v", err)
	}
}

func TestReceiverDoesNotAllocate(t *testing.T) {
	input := bytes.Repeat(conntest.Hex("81 85 00000000 48656c6c6f 01 81 00000000 ce 89 81 00000000 61 80 81 00000000 ba"), 10)
	r := NewReceiver(Server, defaultLimits)
	conntest.ShouldNotAllocate(t, func() {
		for b := input; len(b) > 0; {
			n, err := r.Header(b)
			if n == 0 || err != nil {
				t.Fatal(n, err)
			}
			b = b[n:]
			p := b[:r.Remaining()]
			b = b[len(p):]
			if _, err := r.Payload(p); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzReceiver: whatever comes, and wherever it is split, a Receiver does not panic, and the split does not change what happens. What it accepts as
// messages is what an independent parser reads.
func FuzzReceiver(f *testing.F) {
	for _, tt := range conversations {
		f.Add(conntest.Hex(tt.hex), uint(3), true)
	}
	for _, tt := range compressedConversations {
		f.Add(conntest.Hex(tt.hex), uint(7+3), true)
	}
	f.Fuzz(func(t *testing.T, input []byte, split uint, server bool) {
		role := Client
		if server {
			role = Server
		}
		limits := defaultLimits
		if split/7%2 == 1 {
			limits = compressedLimits
		}
		whole := newEndpoint(role, limits)
		whole.feed(slices.Clone(input))
		chopped := newEndpoint(role, limits)
		step := int(split%7) + 1
		for p := range slices.Chunk(slices.Clone(input), step) {
			chopped.feed(p)
		}
		if !slices.Equal(whole.trace, chopped.trace) {
			t.Fatalf("in steps of %d: %q, whole: %q", step, chopped.trace, whole.trace)
		}
		sent, want := checkSent(t, role, chopped.out), checkSent(t, role, whole.out)
		if !slices.EqualFunc(sent, want, func(a, b conntest.Frame) bool { return a.Opcode == b.Opcode && bytes.Equal(a.Payload, b.Payload) }) {
			t.Fatalf("in steps of %d: sent %v, whole: %v", step, sent, want)
		}
		for b, i := input, 0; ; i++ {
			fr, n, err := conntest.ParseFrame(b)
			if err != nil || n == 0 || i >= len(whole.trace) || fr.Masked != server {
				break
			}
			if !frameMatches(fr, whole.trace[i]) {
				t.Fatalf("frame %d is %v, the event %q", i, fr, whole.trace[i])
			}
			b = b[n:]
		}
	})
}

// frameMatches reports whether an event can be what the frame f means.
func frameMatches(f conntest.Frame, event string) bool {
	if strings.HasPrefix(event, "fail: ") {
		return true
	}
	kind, _, _ := strings.Cut(event, " ")
	switch f.Opcode {
	case conntest.Ping:
		return kind == "ping"
	case conntest.Pong:
		return kind == "pong"
	case conntest.Close:
		return kind == "close"
	}
	return f.Fin == (kind == "text" || kind == "binary") && f.Fin != (kind == "fragment")
}
