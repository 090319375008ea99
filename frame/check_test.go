package frame

import (
	"errors"
	"fmt"
	"testing"

	"github.com/hawser-go/hawser/mask"
)

// legal is the oracle: every first octet that is legal, listed. The rest of a
// header is decided by the role and the length alone.
func legal(b0 byte, rsv1, fragmented bool) bool {
	var octets []byte
	switch {
	case fragmented:
		octets = []byte{0x00, 0x80} // continuation
	case rsv1:
		octets = []byte{0x01, 0x81, 0x02, 0x82, 0x41, 0xC1, 0x42, 0xC2} // text, binary; compressed or not
	default:
		octets = []byte{0x01, 0x81, 0x02, 0x82}
	}
	octets = append(octets, 0x88, 0x89, 0x8A) // close, ping, pong
	for _, o := range octets {
		if b0 == o {
			return true
		}
	}
	return false
}

// TestCheckMatrix runs every state of the first two octets, at every length
// where something changes, with the header whole and with its first two octets.
func TestCheckMatrix(t *testing.T) {
	flags := []bool{false, true}
	states := 0
	for b0 := range 256 {
		for _, masked := range flags {
			for _, l := range append([]uint64{0, 5, 100}, lengths...) {
				h := Header{Masked: masked, PayloadLength: l}
				wire := encode(h, minimal(l))
				wire[0] = byte(b0)
				h, n := ConsumeHeader(wire)
				two, zero := ConsumeHeader(wire[:2])
				if zero == 2 {
					zero = n // a length of 7 bits and no key: two octets are all
				}
				for _, server := range flags {
					for _, rsv1 := range flags {
						for _, fragmented := range flags {
							states++
							r := Rules{Masked: server, RSV1: rsv1, Fragmented: fragmented}
							want := legal(byte(b0), rsv1, fragmented) && masked == server && (l <= 125 || b0&0x08 == 0)
							err := Check(h, n, r)
							if (err == nil) != want {
								t.Fatalf("%x with %+v: legal is %v, error is %v", wire, r, want, err)
							}
							if early := Check(two, zero, r); early != err {
								t.Fatalf("%x with %+v: %v, but %v after two octets", wire, r, err, early)
							}
							if method := h.Check(n, r); method != err {
								t.Fatalf("%x with %+v: %v, but the method says %v", wire, r, err, method)
							}
							if err != nil {
								testProtocolError(t, err, StatusProtocolError)
							}
						}
					}
				}
			}
		}
	}
	if want := 256 * 2 * (len(lengths) + 3) * 8; states != want {
		t.Errorf("%d states, want %d", states, want)
	}
	t.Logf("figure: states = %d", states)
}

func testProtocolError(t *testing.T, err error, code StatusCode) {
	t.Helper()
	pe, ok := errors.AsType[*ProtocolError](err)
	if !ok {
		t.Fatalf("%T is not a *ProtocolError", err)
	}
	if pe.Code != code || pe.Section == "" || pe.Detail == "" {
		t.Fatalf("%+v, want the code %d", pe, code)
	}
}

func TestCheckErrors(t *testing.T) {
	server, client := Rules{Masked: true}, Rules{}
	inMessage := Rules{Masked: true, Fragmented: true}
	deflate := Rules{Masked: true, RSV1: true}
	deflateInMessage := Rules{Masked: true, RSV1: true, Fragmented: true}
	type test struct {
		name string
		h    Header
		n    int // 0: only two octets are known; -1: the minimal form
		r    Rules
		want error
	}
	tests := []test{
		// F1
		{"5.2/top_bit", Header{Fin: true, Opcode: OpcodeText, Masked: true, PayloadLength: 1 << 63}, 14, server, errTopBit},
		// F2, F3, F4 and F8 are below, by product.
		// F5
		{"5.2/rsv2", Header{Fin: true, RSV2: true, Opcode: OpcodeText, Masked: true}, -1, server, errRSV},
		{"5.2/rsv3", Header{Fin: true, RSV3: true, Opcode: OpcodeText, Masked: true}, -1, deflate, errRSV},
		{"5.2/rsv1_not_negotiated", Header{Fin: true, RSV1: true, Opcode: OpcodeText, Masked: true}, -1, server, errRSV1},
		{"5.2/rsv1_not_negotiated_on_ping", Header{Fin: true, RSV1: true, Opcode: OpcodePing, Masked: true}, -1, server, errRSV1},
		{"7692_6/rsv1_on_text", Header{Fin: true, RSV1: true, Opcode: OpcodeText, Masked: true}, -1, deflate, nil},
		{"7692_6/rsv1_on_first_fragment", Header{RSV1: true, Opcode: OpcodeBinary, Masked: true}, -1, deflate, nil},
		{"7692_6/rsv1_on_continuation", Header{Fin: true, RSV1: true, Masked: true}, -1, deflateInMessage, errRSV1Fragment},
		{"7692_6/rsv1_on_ping", Header{Fin: true, RSV1: true, Opcode: OpcodePing, Masked: true}, -1, deflate, errRSV1Control},
		{"7692_6/rsv1_on_close", Header{Fin: true, RSV1: true, Opcode: OpcodeClose, Masked: true}, -1, deflate, errRSV1Control},
		// F6
		{"5.2/opcode_3", Header{Fin: true, Opcode: 0x3, Masked: true}, -1, server, errOpcode},
		{"5.2/opcode_B", Header{Fin: true, Opcode: 0xB, Masked: true}, -1, server, errOpcode},
		// F7
		{"5.5/fragmented_ping", Header{Opcode: OpcodePing, Masked: true}, -1, server, errControlFragment},
		{"5.5/fragmented_close", Header{Opcode: OpcodeClose, Masked: true}, -1, server, errControlFragment},
		{"5.5/ping_of_125", Header{Fin: true, Opcode: OpcodePing, Masked: true, PayloadLength: 125}, -1, server, nil},
		{"5.5/ping_of_126", Header{Fin: true, Opcode: OpcodePing, Masked: true, PayloadLength: 126}, -1, server, errControlTooLong},
		{"5.5/close_of_65536", Header{Fin: true, Opcode: OpcodeClose, Masked: true, PayloadLength: 65536}, -1, server, errControlTooLong},
		{"5.5/ping_of_126_from_two_octets", Header{Fin: true, Opcode: OpcodePing, Masked: true, PayloadLength: 126}, 0, server, errControlTooLong},
		{"5.5/ping_with_top_bit", Header{Fin: true, Opcode: OpcodePing, Masked: true, PayloadLength: 1 << 63}, 14, server, errControlTooLong},
		{"5.2/ping_of_5_in_16_bits", Header{Fin: true, Opcode: OpcodePing, Masked: true, PayloadLength: 5}, 8, server, errControlTooLong},
		// Nothing wrong.
		{"5.4/ping_inside_a_message", Header{Fin: true, Opcode: OpcodePing, Masked: true}, -1, inMessage, nil},
		{"5.4/close_inside_a_message", Header{Fin: true, Opcode: OpcodeClose, Masked: true}, -1, inMessage, nil},
		{"5.4/empty_continuation", Header{Masked: true}, -1, inMessage, nil},
		{"5.2/length_2^63-1", Header{Fin: true, Opcode: OpcodeBinary, PayloadLength: 1<<63 - 1}, -1, client, nil},
		// Several rules at once: what the error is about.
		{"order/request_line_of_http", consumeTwo("GE"), 0, server, errRSV1},
		{"order/tls_client_hello", consumeTwo("\x16\x03"), 0, server, errRSV},
		{"order/unmasked_ping_in_fragments", Header{Opcode: OpcodePing}, -1, server, errNotMasked},
		{"order/unmasked_text_inside_a_message", Header{Opcode: OpcodeText}, -1, inMessage, errNotMasked},
		{"order/continuation_out_of_place_with_top_bit", Header{Masked: true, PayloadLength: 1 << 63}, 14, server, errContinuation},
	}
	for _, op := range []Opcode{0x0, 0x1, 0x2, 0x8, 0x9, 0xA} {
		for _, l := range []uint64{0, 1, 126, 65536} {
			if op.IsControl() && l > 125 {
				continue
			}
			h := Header{Fin: true, Opcode: op, PayloadLength: l}
			m := h
			m.Masked, m.MaskingKey = true, mask.Key{1, 2, 3, 4}
			fragmented := op == OpcodeContinuation
			s, c := Rules{Masked: true, Fragmented: fragmented}, Rules{Fragmented: fragmented}
			suffix := fmt.Sprintf("opcode_%X_length_%d", uint8(op), l)
			tests = append(tests, // F3, F4
				test{"5.1/unmasked_to_server_" + suffix, h, -1, s, errNotMasked},
				test{"5.1/masked_to_server_" + suffix, m, -1, s, nil},
				test{"5.1/masked_to_client_" + suffix, m, -1, c, errMasked},
				test{"5.1/unmasked_to_client_" + suffix, h, -1, c, nil})
		}
	}
	for _, f := range nonMinimal() { // F2
		var want error
		if !f.minimal {
			want = errNotMinimal
		}
		r := Rules{Masked: f.h.Masked}
		tests = append(tests, test{"5.2/" + f.name, f.h, len(f.wire), r, want})
	}
	for _, l := range illegalLengths { // T-LEN
		for _, op := range []Opcode{0, 1, 2, 8, 9, 10} {
			want := error(errTopBit)
			if op.IsControl() {
				want = errControlTooLong
			}
			for _, masked := range []bool{false, true} {
				h := Header{Fin: true, Opcode: op, Masked: masked, PayloadLength: l}
				r := Rules{Masked: masked, Fragmented: op == 0}
				tests = append(tests, test{fmt.Sprintf("5.2/length_%x_%v_masked_%v", l, op, masked), h, len(encode(h, 8)), r, want})
			}
		}
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := tt.n
			if n < 0 {
				n = SizeHeader(tt.h)
			}
			if got := Check(tt.h, n, tt.r); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func consumeTwo(s string) Header {
	h, _ := ConsumeHeader([]byte(s))
	return h
}

// TestCheckOrder runs every ordered pair of data frames (F8).
func TestCheckOrder(t *testing.T) {
	type step struct {
		op  Opcode
		fin bool
	}
	var steps []step
	for _, op := range []Opcode{OpcodeContinuation, OpcodeText, OpcodeBinary} {
		steps = append(steps, step{op, false}, step{op, true})
	}
	for _, first := range steps {
		for _, second := range steps {
			name := fmt.Sprintf("5.4/%v_fin_%v_then_%v_fin_%v", first.op, first.fin, second.op, second.fin)
			t.Run(name, func(t *testing.T) {
				var want error
				switch {
				case first.op == OpcodeContinuation:
					// A continuation needs a message before it.
					h := Header{Fin: first.fin, Opcode: first.op}
					if got := Check(h, 2, Rules{}); got != errContinuation {
						t.Errorf("first frame: got %v", got)
					}
					return
				case first.fin && second.op == OpcodeContinuation:
					want = errContinuation
				case !first.fin && second.op != OpcodeContinuation:
					want = errInterleaved
				}
				if got := Check(Header{Fin: first.fin, Opcode: first.op}, 2, Rules{}); got != nil {
					t.Errorf("first frame: got %v", got)
				}
				r := Rules{Fragmented: !first.fin}
				if got := Check(Header{Fin: second.fin, Opcode: second.op}, 2, r); got != want {
					t.Errorf("second frame: got %v, want %v", got, want)
				}
			})
		}
	}
}

// TestCheckDoesNotDependOnTheSplit: what the first two octets alone are refused for, the whole header is refused for.
func TestCheckDoesNotDependOnTheSplit(t *testing.T) {
	for b0 := range 256 {
		for b1 := range 256 {
			for _, length := range []byte{0x80, 0} { // long, or with the top bit set; or not minimal
				whole := []byte{byte(b0), byte(b1), length, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0}
				for _, r := range []Rules{{}, {Masked: true}, {Fragmented: true}, {RSV1: true, Masked: true}, {RSV1: true, Fragmented: true}} {
					h, n := ConsumeHeader(whole[:2])
					early := Check(h, n, r)
					h, n = ConsumeHeader(whole)
					if late := Check(h, n, r); early != nil && late != early {
						t.Errorf("5.2/%02x_%02x: two octets: %v, the whole header: %v", b0, b1, early, late)
					}
				}
			}
		}
	}
}
