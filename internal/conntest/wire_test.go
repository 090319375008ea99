package conntest

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"strings"
	"testing"
)

// lengths are those at which a header changes, or could be misread.
var lengths = []int{0, 1, 2, 124, 125, 126, 127, 128, 254, 65534, 65535, 65536, 65537}

// RFC 6455, 5.7.
func TestFrame_RFC(t *testing.T) {
	k256, k65536 := make([]byte, 256), make([]byte, 65536)
	key := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	cases := []struct {
		name  string
		wire  string
		frame Frame
	}{
		{"5.7/unmasked_text", "81 05 48656c6c6f", Frame{Fin: true, Opcode: Text, Payload: []byte("Hello")}},
		{"5.7/masked_text", "81 85 37fa213d 7f9f4d5158", Frame{Fin: true, Opcode: Text, Masked: true, Key: key, Payload: []byte("Hello")}},
		{"5.7/first_fragment", "01 03 48656c", Frame{Opcode: Text, Payload: []byte("Hel")}},
		{"5.7/last_fragment", "80 02 6c6f", Frame{Fin: true, Payload: []byte("lo")}},
		{"5.7/ping", "89 05 48656c6c6f", Frame{Fin: true, Opcode: Ping, Payload: []byte("Hello")}},
		{"5.7/masked_pong", "8a 85 37fa213d 7f9f4d5158", Frame{Fin: true, Opcode: Pong, Masked: true, Key: key, Payload: []byte("Hello")}},
		{"5.7/256_bytes", "82 7E 0100" + fmt.Sprintf("%x", k256), Frame{Fin: true, Opcode: Binary, Payload: k256}},
		{"5.7/64_KiB", "82 7F 0000000000010000" + fmt.Sprintf("%x", k65536), Frame{Fin: true, Opcode: Binary, Payload: k65536}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			wire := Hex(tc.wire)
			if got := tc.frame.Append([]byte("x")); !bytes.Equal(got[1:], wire) {
				t.Errorf("Append: %x", got[:min(32, len(got))])
			}
			f, n, err := ParseFrame(append(wire[:len(wire):len(wire)], "more"...))
			if err != nil || n != len(wire) || !same(f, tc.frame) {
				t.Errorf("ParseFrame: %v, %d, %v", f, n, err)
			}
			for i := range min(n, 300) {
				if _, n, err := ParseFrame(wire[:i]); n != 0 || err != nil {
					t.Errorf("%d bytes of the frame: %d, %v", i, n, err)
				}
			}
		})
	}
}

// same reports whether two frames mean the same.
func same(a, b Frame) bool {
	return a.Fin == b.Fin && a.RSV == b.RSV && a.Opcode == b.Opcode && a.Masked == b.Masked && a.Key == b.Key && bytes.Equal(a.Payload, b.Payload)
}

// violations are frames that no endpoint may send, with the section that says so.
var violations = []struct {
	name, wire, section string
}{
	{"5.2/RSV1", "C1", "RFC 6455, 5.2"},
	{"5.2/RSV2", "A1", "RFC 6455, 5.2"},
	{"5.2/RSV3", "91", "RFC 6455, 5.2"},
	{"5.2/opcode_3", "83", "RFC 6455, 5.2"},
	{"5.2/opcode_7", "87", "RFC 6455, 5.2"},
	{"5.2/opcode_B", "8B", "RFC 6455, 5.2"},
	{"5.2/opcode_F", "8F", "RFC 6455, 5.2"},
	{"5.2/length_125_in_3_bytes", "82 7E 007D", "RFC 6455, 5.2"},
	{"5.2/length_0_in_3_bytes", "82 7E 0000", "RFC 6455, 5.2"},
	{"5.2/length_125_in_9_bytes", "82 7F 000000000000007D", "RFC 6455, 5.2"},
	{"5.2/length_65535_in_9_bytes", "82 7F 000000000000FFFF", "RFC 6455, 5.2"},
	{"5.2/length_2^63", "82 7F 8000000000000000", "RFC 6455, 5.2"},
	{"5.2/length_2^64-1", "82 FF FFFFFFFFFFFFFFFF", "RFC 6455, 5.2"},
	{"5.5/fragmented_close", "08", "RFC 6455, 5.5"},
	{"5.5/fragmented_ping", "09", "RFC 6455, 5.5"},
	{"5.5/fragmented_pong", "0A", "RFC 6455, 5.5"},
	{"5.5/ping_of_126_bytes", "89 7E", "RFC 6455, 5.5"},
	{"5.5/close_in_9_bytes", "88 FF", "RFC 6455, 5.5"},
}

func section(err error) string {
	if v, ok := errors.AsType[*Violation](err); ok {
		return v.Section
	}
	return fmt.Sprint("no violation: ", err)
}

func TestParseFrameRejects(t *testing.T) {
	for _, tc := range violations {
		t.Run(tc.name, func(t *testing.T) {
			p := Hex(tc.wire)
			_, n, err := ParseFrame(p)
			if n != 0 || section(err) != tc.section || !strings.HasPrefix(err.Error(), tc.section+": ") {
				t.Errorf("%d, %v", n, err)
			}
			if _, n, err := ParseFrame(p[:len(p)-1]); n != 0 || err != nil {
				t.Errorf("one byte less: %d, %v", n, err)
			}
			if _, _, err := ParseFrame(append(p, 1, 2, 3, 4)); section(err) != tc.section {
				t.Errorf("more bytes: %v", err)
			}
		})
	}
}

func TestParseFrameWaitsForALongPayload(t *testing.T) {
	for _, length := range []uint64{1 << 31, 1 << 32, math.MaxInt64} {
		f := Frame{Fin: true, Opcode: Binary, Masked: true, DeclaredLength: &length}
		if _, n, err := ParseFrame(append(f.Append(nil), "abc"...)); n != 0 || err != nil {
			t.Errorf("length %d: %d, %v", length, n, err)
		}
	}
}

// All headers of two bytes, against a table that is written another way.
func TestParseFrameAllHeaders(t *testing.T) {
	legal := map[byte]bool{0x00: true, 0x01: true, 0x02: true, 0x80: true, 0x81: true, 0x82: true, 0x88: true, 0x89: true, 0x8A: true}
	for b0 := range 256 {
		for b1 := range 256 {
			_, _, err := ParseFrame([]byte{byte(b0), byte(b1)})
			want := legal[byte(b0)] && (b0 < 0x88 || b1&0x7F < 126)
			if (err == nil) != want {
				t.Fatalf("%02x %02x: %v", b0, b1, err)
			}
		}
	}
}

func TestFrameForcedLengths(t *testing.T) {
	n := uint64(0x0102)
	for _, tc := range []struct {
		form int
		want string
	}{{0, "82 7E 0102 61"}, {1, "82 02 61"}, {3, "82 7E 0102 61"}, {9, "82 7F 0000000000000102 61"}} {
		f := Frame{Fin: true, Opcode: Binary, Payload: []byte("a"), LengthForm: tc.form, DeclaredLength: &n}
		if got := f.Append(nil); !bytes.Equal(got, Hex(tc.want)) {
			t.Errorf("form %d: %x", tc.form, got)
		}
	}
	wantPanic(t, "hawser/conntest: LengthForm 2", func() { Frame{LengthForm: 2}.Append(nil) })
	if got := (Frame{RSV: 0xFF, Opcode: 0xFF}).Append(nil); !bytes.Equal(got, Hex("7F 00")) {
		t.Errorf("%x", got)
	}
}

func FuzzFrame(f *testing.F) {
	for i, n := range lengths {
		f.Add(i%2 == 0, byte(i), byte(i), i%3 == 0, uint32(i), make([]byte, n), make([]byte, 0))
	}
	for _, tc := range violations {
		f.Add(true, byte(0), Text, true, uint32(1), []byte("x"), Hex(tc.wire))
	}
	f.Fuzz(func(t *testing.T, fin bool, rsv, opcode byte, masked bool, key uint32, payload, wire []byte) {
		in := Frame{Fin: fin, RSV: rsv & 7, Opcode: opcode & 15, Masked: masked, Payload: payload}
		if masked {
			in.Key = [4]byte{byte(key), byte(key >> 8), byte(key >> 16), byte(key >> 24)}
		}
		p := in.Append(nil)
		control := in.Opcode >= 8
		legal := in.RSV == 0 && (in.Opcode < 3 || control && in.Opcode < 11 && fin && len(payload) < 126)
		out, n, err := ParseFrame(p)
		if legal && (err != nil || n != len(p) || !same(in, out)) {
			t.Fatalf("%v became %v, %d, %v", in, out, n, err)
		}
		if !legal && err == nil {
			t.Fatalf("accepted %v", in)
		}
		// What is accepted can have been written in one way only.
		if out, n, err := ParseFrame(wire); err == nil && n > 0 && !bytes.Equal(out.Append(nil), wire[:n]) {
			t.Fatalf("%x became %v", wire[:n], out)
		}
	})
}

func TestFrameString(t *testing.T) {
	for _, tc := range []struct {
		f    Frame
		want string
	}{
		{Frame{Fin: true, Opcode: Text, Payload: []byte("hello, world")}, `text, 12 bytes: "hello, world"`},
		{Frame{Opcode: Binary, RSV: RSV1 | RSV3, Payload: []byte{0, 255}}, `binary (to be continued) RSV3 RSV1, 2 bytes: 00ff`},
		{Frame{Fin: true, Payload: bytes.Repeat([]byte("a"), 65)}, `continuation, 65 bytes: "` + strings.Repeat("a", 64) + `"...`},
		{Frame{Fin: true, Opcode: Close, Payload: ClosePayload(1001, "bye")}, `close, 5 bytes, code 1001: "bye"`},
		{Frame{Fin: true, Opcode: Close}, `close, 0 bytes`},
		{Frame{Fin: true, Opcode: Ping, Masked: true, Key: [4]byte{1, 2, 3, 4}}, `ping masked with 01020304, 0 bytes`},
		{Frame{Fin: true, Opcode: Pong}, `pong, 0 bytes`},
		{Frame{Fin: true, Opcode: 0xB, RSV: RSV2}, `opcode 0xb RSV2, 0 bytes`},
	} {
		if got := tc.f.String(); got != tc.want {
			t.Errorf("%s, want %s", got, tc.want)
		}
	}
	if Server.String() != "server" || Client.String() != "client" {
		t.Error("roles")
	}
}

// deflated compresses as RFC 7692, 7.2.1 says, each message with the window of those before it.
func deflated(messages ...string) [][]byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 9)
	var out [][]byte
	for _, m := range messages {
		w.Write([]byte(m))
		w.Flush()
		out = append(out, bytes.Clone(bytes.TrimSuffix(b.Bytes(), []byte{0, 0, 255, 255})))
		b.Reset()
	}
	return out
}

// wireCases are what one endpoint sends, and the section that it violates, if any.
var wireCases = []struct {
	name    string
	sender  Role
	setup   func(*Wire)
	wire    string
	section string
	frames  int
}{
	{"5.1/client_masks", Client, nil, "81 81 01020304 60  82 80 11223344", "", 2},
	{"5.1/client_does_not_mask", Client, nil, "81 81 01020304 60  81 01 61", "RFC 6455, 5.1", 1},
	{"5.1/client_does_not_mask_empty_frame", Client, nil, "81 00", "RFC 6455, 5.1", 0},
	{"5.1/client_does_not_mask_ping", Client, nil, "89 00", "RFC 6455, 5.1", 0},
	{"5.1/server_does_not_mask", Server, nil, "81 01 61 89 00", "", 2},
	{"5.1/server_masks", Server, nil, "81 81 01020304", "RFC 6455, 5.1", 0},
	{"5.2/reserved_bit", Server, nil, "82 00 C1 00", "RFC 6455, 5.2", 1},
	{"5.3/same_key", Client, nil, "81 80 01020304 81 80 01020304", "RFC 6455, 5.3", 1},
	{"5.3/same_key_on_close", Client, nil, "81 80 01020304 88 80 01020304", "RFC 6455, 5.3", 1},
	{"5.3/cycle_of_keys", Client, nil, "81 80 01020304 81 80 55667788 81 80 99AABBCC 81 80 55667788", "RFC 6455, 5.3", 3},
	{"5.3/counter_big_endian", Client, nil, "81 80 010203FF 81 80 01020400", "RFC 6455, 5.3", 1},
	{"5.3/counter_little_endian", Client, nil, "81 80 FF020304 81 80 00030304", "RFC 6455, 5.3", 1},
	{"5.3/zero_key_once", Client, nil, "81 80 00000000 81 80 55667788", "", 2},
	{"5.3/fixed_key_allowed", Client, (*Wire).AllowFixedKeys, "81 80 00000000 81 80 00000000", "", 2},
	{"5.4/fragments", Server, nil, "01 01 61 89 00 00 01 62 8A 01 7A 80 01 63 82 00", "", 6},
	{"5.4/continuation_first", Server, nil, "80 00", "RFC 6455, 5.4", 0},
	{"5.4/continuation_after_the_last", Server, nil, "01 00 80 00 00 00", "RFC 6455, 5.4", 2},
	{"5.4/text_inside_text", Server, nil, "01 00 01 00", "RFC 6455, 5.4", 1},
	{"5.4/binary_inside_binary", Server, nil, "02 00 82 00", "RFC 6455, 5.4", 1},
	{"5.5/long_ping", Server, nil, "89 7E 007E", "RFC 6455, 5.5", 0},
	{"5.5.1/close", Server, nil, "88 00", "", 1},
	{"5.5.1/close_inside_message", Server, nil, "01 01 61 88 02 03E8", "", 2},
	{"5.5.1/close_with_one_byte_payload", Server, nil, "88 01 03", "RFC 6455, 5.5.1", 0},
	{"5.5.1/close_reason_not_UTF-8", Server, nil, "88 03 03E8 FF", "RFC 6455, 5.5.1", 0},
	{"5.5.1/two_closes", Server, nil, "88 00 88 00", "RFC 6455, 5.5.1", 1},
	{"5.5.1/data_after_close", Server, nil, "88 00 81 00", "RFC 6455, 5.5.1", 1},
	{"5.5.2/pong_after_close", Server, nil, "88 00 8A 00", "", 2},
	{"7.4.1/code_1005", Server, nil, "88 02 03ED", "RFC 6455, 7.4.1", 0},
	{"7.4.2/code_999", Server, nil, "88 02 03E7", "RFC 6455, 7.4.2", 0},
	{"8.1/text", Server, nil, "81 02 C3A9 01 01 C3 89 00 80 01 A9", "", 4},
	{"8.1/text_not_UTF-8", Server, nil, "81 01 C3", "RFC 6455, 8.1", 0},
	{"8.1/text_not_UTF-8_in_fragments", Server, nil, "01 01 C3 80 01 41", "RFC 6455, 8.1", 1},
	{"8.1/binary_not_UTF-8", Server, nil, "82 01 C3", "", 1},
	{"7692.6/RSV1_not_negotiated", Server, nil, "C1 00", "RFC 6455, 5.2", 0},
	{"7692.6/RSV1_on_continuation", Server, deflateOn, "41 00 C0 00", "RFC 7692, 6", 1},
	{"7692.6/RSV1_on_ping", Server, deflateOn, "C9", "RFC 7692, 6", 0},
	{"7692.6/RSV2_with_deflate", Server, deflateOn, "A1", "RFC 6455, 5.2", 0},
	{"7692.7.2.3.1/one_block", Server, deflateOn, "C1 07 f248cdc9c90700", "", 1},
	{"7692.7.2.3.1/fragments", Server, deflateOn, "41 03 f248cd 80 04 c9c90700", "", 2},
	{"7692.7.2.3.2/takeover", Server, deflateOn, "C1 07 f248cdc9c90700 C1 05 f200110000", "", 2},
	{"7692.7.2.3.2/no_takeover", Server, func(w *Wire) { w.PermessageDeflate(false) }, "C1 07 f248cdc9c90700 C1 05 f200110000", "RFC 7692, 7.2.2", 1},
	{"7692.7.2.3.6/empty", Server, deflateOn, "C1 01 00", "", 1},
	{"7692.7.2.2/garbage", Server, deflateOn, "C1 05 FFFFFFFFFF", "RFC 7692, 7.2.2", 0},
	{"7692.7.2.2/uncompressed_message", Server, deflateOn, "81 01 61", "", 1},
	{"8.1/inflated_text_not_UTF-8", Server, deflateOn, fmt.Sprintf("C1 %02x %x", len(deflated("\xff")[0]), deflated("\xff")[0]), "RFC 6455, 8.1", 0},
}

func deflateOn(w *Wire) { w.PermessageDeflate(true) }

func TestWire(t *testing.T) {
	for _, tc := range wireCases {
		t.Run(tc.name, func(t *testing.T) {
			for name, pieces := range Chop(Hex(tc.wire)) {
				w := NewWire(tc.sender)
				if tc.setup != nil {
					tc.setup(w)
				}
				var err error
				for _, p := range pieces {
					if e := w.Feed(p); err != nil && e != err {
						t.Fatalf("%s: %v after %v", name, e, err)
					} else {
						err = e
					}
				}
				if tc.section == "" && (err != nil || w.End() != nil) {
					t.Errorf("%s: %v, %v", name, err, w.End())
				}
				if tc.section != "" && (section(err) != tc.section || w.End() != err) {
					t.Errorf("%s: %v, want %s", name, err, tc.section)
				}
				if len(w.Frames()) != tc.frames {
					t.Errorf("%s: %d frames, want %d: %v", name, len(w.Frames()), tc.frames, w.Frames())
				}
			}
		})
	}
}

func TestWireMessages(t *testing.T) {
	w := NewWire(Server)
	deflateOn(w)
	must(t, w.Feed(Hex("01 01 61 89 00 00 01 62 80 00 C2 07 f248cdc9c90700 81 02 6869")))
	if w.Closed() {
		t.Error("Closed")
	}
	must(t, w.Feed(Hex("88 00")))
	got := fmt.Sprint(w.Messages())
	want := fmt.Sprint([]Message{{Text, []byte("ab"), 3, false}, {Binary, []byte("Hello"), 1, true}, {Text, []byte("hi"), 1, false}})
	if got != want || !w.Closed() {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestWireErrorNamesTheFrame(t *testing.T) {
	w := NewWire(Client)
	w.Feed(Hex("81 81 01020304 60 8A 80 21020304 81 00"))
	want := "frame 2 of the client, at byte 13 (81 00): RFC 6455, 5.1: a client MUST mask all frames that it sends"
	if err := w.Feed(nil); err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

func TestWireEndInsideAFrame(t *testing.T) {
	p := Hex("81 01 61 82 7E 0080")
	for i := range len(p) + 1 {
		w := NewWire(Server)
		must(t, w.Feed(p[:i]))
		if err := w.End(); (err == nil) != (i == 0 || i == 3) {
			t.Errorf("after %d bytes: %v", i, err)
		}
	}
}

func TestWireLongHistory(t *testing.T) {
	messages := []string{strings.Repeat("0123456789abcdef", 3000), strings.Repeat("0123456789abcdef", 3000), "end"}
	w := NewWire(Server)
	deflateOn(w)
	for _, p := range deflated(messages...) {
		must(t, w.Feed(Frame{Fin: true, RSV: RSV1, Opcode: Text, Payload: p}.Append(nil)))
	}
	for i, m := range w.Messages() {
		if string(m.Payload) != messages[i] {
			t.Errorf("message %d differs", i)
		}
	}
	if len(w.history) != 1<<15 {
		t.Errorf("history of %d bytes", len(w.history))
	}
}

// RFC 6455, 7.4 and the IANA registry: all codes.
func TestCheckClose(t *testing.T) {
	for code := range 1 << 16 {
		want := code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006 || code >= 3000 && code < 5000
		p := []byte{byte(code >> 8), byte(code)}
		if err := CheckClose(p); (err == nil) != want {
			t.Errorf("%d: %v", code, err)
		}
		if got := ClosePayload(uint16(code), "x"); code != 1005 && !bytes.Equal(got, append(p, 'x')) {
			t.Errorf("%d: %x", code, got)
		}
	}
	if ClosePayload(1005, "x") != nil {
		t.Error("1005 means no payload")
	}
}

func TestHex(t *testing.T) {
	if got := Hex(" 81 0\n5\t4865"); !bytes.Equal(got, []byte{0x81, 5, 0x48, 0x65}) {
		t.Errorf("%x", got)
	}
	wantPanic(t, "hawser/conntest: encoding/hex: odd length hex string", func() { Hex("8") })
}

func FuzzWire(f *testing.F) {
	for _, tc := range wireCases {
		f.Add(tc.sender == Client, tc.setup != nil, Hex(tc.wire))
	}
	f.Fuzz(func(t *testing.T, client, deflate bool, p []byte) {
		if len(p) > 100 {
			return // every split of a longer one takes too long
		}
		result := func(pieces [][]byte) string {
			w := NewWire(Server)
			if client {
				w = NewWire(Client)
			}
			if deflate {
				deflateOn(w)
			}
			for _, p := range pieces {
				w.Feed(p)
			}
			// Not the text of the error, which shows the bytes that are at hand.
			h := fnv.New64()
			for _, m := range w.Messages() {
				h.Write(m.Payload)
			}
			return fmt.Sprint(section(w.err), w.Frames(), len(w.Messages()), h.Sum64(), w.Closed())
		}
		want := ""
		for name, pieces := range Chop(p) {
			if got := result(pieces); want == "" {
				want = got
			} else if got != want {
				t.Fatalf("%s: %s, want %s", name, got, want)
			}
		}
	})
}
