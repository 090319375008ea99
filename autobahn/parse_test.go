package autobahn

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// wire is frames as bytes, masked or not.
func wire(masked bool, frames ...*Frame) (b []byte) {
	for i, f := range frames {
		b, _ = f.append(b, masked, [4]byte{byte(i), 2, 3, 0xf4})
	}
	return b
}

// parsed is what a parser makes of pieces: the frames, a line each, and the violation.
func parsed(p parser, pieces ...[]byte) (lines []string) {
	for _, piece := range pieces {
		_, v := p.feed(bytes.Clone(piece), func(h header, payload []byte) *violation {
			lines = append(lines, fmt.Sprintf("%v %d %d %v %x", h.fin, h.rsv, h.opcode, h.masked, payload))
			return nil
		})
		if v != nil {
			return append(lines, v.detail)
		}
	}
	return lines
}

var goodFrames = []*Frame{
	text("Hello"), text("").unfinished(), ping("in between"), text("more").continuation().unfinished(), text("!").continuation(),
	binaryFrame(strings.Repeat("x", 125)), binaryFrame(strings.Repeat("y", 126)), binaryFrame(strings.Repeat("z", 300)), pong(""),
	{Fin: true, Opcode: opClose, Payload: closePayload(1000, "bye")},
}

// The parser is the writer's inverse, however the octets are cut.
func TestParseAtEverySplit(t *testing.T) {
	for _, masked := range []bool{true, false} {
		b := wire(masked, goodFrames...)
		want := parsed(parser{masked: masked}, b)
		if len(want) != len(goodFrames) {
			t.Fatalf("%d of %d frames: %v", len(want), len(goodFrames), want)
		}
		for i, f := range goodFrames {
			if line := fmt.Sprintf("%v %d %d %v %x", f.Fin, f.RSV, f.Opcode, masked, f.Payload); want[i] != line {
				t.Errorf("frame %d: %s, want %s", i, want[i], line)
			}
		}
		for i := range b {
			if got := parsed(parser{masked: masked}, b[:i], b[i:]); !slices.Equal(got, want) {
				t.Errorf("masked %v, cut at %d: %v", masked, i, got)
			}
		}
		var octets [][]byte
		for i := range b {
			octets = append(octets, b[i:i+1])
		}
		if got := parsed(parser{masked: masked}, octets...); !slices.Equal(got, want) {
			t.Errorf("masked %v, octet by octet: %v", masked, got)
		}
	}
}

// A frame of 65536 octets has the longest form, and a greater length than the suite takes is
// refused by the header.
func TestParseLongLengths(t *testing.T) {
	for _, n := range []int{65535, 65536} {
		b := wire(false, binaryFrame(strings.Repeat("*", n)))
		if got := parsed(parser{}, b[:5], b[5:]); len(got) != 1 || len(got[0]) < 2*n {
			t.Errorf("6455 5.2, %d octets: %d frames", n, len(got))
		}
	}
	b := wire(false, binaryFrame("").length(maxPayload+1))
	if got := parsed(parser{}, b); len(got) != 1 || !strings.Contains(got[0], "a frame of") {
		t.Errorf("too long: %v", got)
	}
}

func TestParseViolations(t *testing.T) {
	for _, tt := range []struct {
		name  string
		p     parser
		bytes []byte
		want  string // part of the violation
	}{
		{"5.2/RSV1", parser{}, wire(false, text("").rsv(4)), "RSV is 4"},
		{"5.2/RSV3_with_compression", parser{compressed: true}, wire(false, text("").rsv(5)), "RSV is 5"},
		{"5.2/opcode_3", parser{}, wire(false, text("").opcode(3)), "opcode 3 is reserved"},
		{"5.2/opcode_15", parser{}, wire(false, text("").opcode(15)), "opcode 15 is reserved"},
		{"7692_6/RSV1_on_ping", parser{compressed: true}, wire(false, ping("").rsv(4)), "RSV1 on a frame"},
		{"7692_6/RSV1_on_continuation", parser{compressed: true, fragmented: true}, wire(false, text("").continuation().rsv(4)), "RSV1 on a frame"},
		{"5.1/client_does_not_mask", parser{masked: true}, wire(false, text("")), "of a client is not masked"},
		{"5.1/server_masks", parser{}, wire(true, text("")), "of a server is masked"},
		{"5.5/fragmented_ping", parser{}, wire(false, ping("").unfinished()), "control frame"},
		{"5.5/ping_of_126", parser{}, wire(false, ping(strings.Repeat("*", 126))), "control frame"},
		{"5.5/ping_in_the_16_bit_form", parser{}, wire(false, ping("").form(Form16)), "control frame"},
		{"5.4/nothing_to_continue", parser{}, wire(false, text("").continuation()), "a continuation of nothing"},
		{"5.4/message_inside_a_message", parser{fragmented: true}, wire(false, text("")), "inside a fragmented one"},
		{"5.2/top_bit", parser{}, wire(false, text("").length(1<<63)), "top bit"},
		{"5.2/all_bits", parser{}, wire(false, text("").length(math.MaxUint64)), "top bit"},
		{"5.2/5_in_16_bits", parser{}, wire(false, text("Hello").form(Form16)), "length 5 in a longer form"},
		{"5.2/5_in_64_bits", parser{}, wire(false, text("Hello").form(Form64)), "length 5 in a longer form"},
		{"5.2/65535_in_64_bits", parser{}, wire(false, text("").length(65535).form(Form64)), "length 65535 in a longer form"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := parsed(tt.p, tt.bytes)
			if len(want) != 1 || !strings.Contains(want[0], tt.want) {
				t.Fatalf("%v, want %s", want, tt.want)
			}
			for i := range tt.bytes {
				if got := parsed(tt.p, tt.bytes[:i], tt.bytes[i:]); len(got) != 1 {
					t.Errorf("cut at %d: %v", i, got)
				}
			}
		})
	}
	p := parser{compressed: true}
	if got := parsed(p, wire(false, text("x").rsv(4).unfinished(), text("y").continuation())); len(got) != 2 {
		t.Errorf("7692 6, RSV1 on the first frame: %v", got)
	}
}

// A violation that a frame's receiver finds ends the parse too.
func TestParseStopsAtTheReceiversViolation(t *testing.T) {
	p := parser{}
	calls := 0
	rest, v := p.feed(wire(false, text("a"), text("b")), func(header, []byte) *violation {
		calls++
		return &violation{1007, "enough"}
	})
	if v == nil || calls != 1 || len(rest) != 3 {
		t.Errorf("%d calls, %d octets left, %v", calls, len(rest), v)
	}
}

// RFC 6455, 5.3: any piece of any length, against the sentence of the RFC.
func TestXOR(t *testing.T) {
	key := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	for n := range 100 {
		for cut := range n + 1 {
			b := bytes.Repeat([]byte{0x5a}, n)
			next := xor(b[:cut], key)
			xor(b[cut:], next)
			for i := range b {
				if b[i] != 0x5a^key[i%4] {
					t.Fatalf("%d octets, cut at %d: octet %d is wrong", n, cut, i)
				}
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(wire(true, goodFrames...), true)
	f.Add(wire(false, goodFrames...), false)
	f.Add(wire(false, text("").form(Form64)), false)
	f.Fuzz(func(t *testing.T, b []byte, masked bool) {
		whole := parsed(parser{masked: masked}, b)
		var octets [][]byte
		for i := range b {
			octets = append(octets, b[i:i+1])
		}
		split := parsed(parser{masked: masked}, octets...)
		if len(whole) != len(split) {
			t.Fatalf("whole: %v\noctet by octet: %v", whole, split)
		}
		for i := range whole {
			// Which rule a header broke may be told earlier of fewer octets, but not whether.
			if whole[i] != split[i] && i < len(whole)-1 {
				t.Errorf("frame %d: %s, octet by octet %s", i, whole[i], split[i])
			}
		}
	})
}
