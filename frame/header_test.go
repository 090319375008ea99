package frame

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/internal/conntest"
	"github.com/hawser-go/hawser/mask"
)

var key = mask.Key{0xa1, 0xb2, 0xc3, 0xd4}

// draw turns a drawing of bits, as in the diagram of RFC 6455, 5.2, into
// octets. Blanks and bars are for the eye.
func draw(drawing string) []byte {
	bits := strings.NewReplacer(" ", "", "|", "").Replace(drawing)
	if len(bits)%8 != 0 {
		panic("not a whole number of octets: " + drawing)
	}
	var b []byte
	for i, bit := range bits {
		if i%8 == 0 {
			b = append(b, 0)
		}
		b[i/8] = b[i/8]<<1 | byte(bit-'0')
	}
	return b
}

const (
	key0 = "00000000 00000000 00000000 00000000"
	keyA = "10100001 10110010 11000011 11010100" // a1 b2 c3 d4
	zero = "00000000"
	ones = "11111111"
)

var drawings = []struct {
	name string
	bits string
	h    Header
}{
	//                           FIN RSV opcode | MASK length | extended length | masking key
	{"nothing_set", "0 000 0000 | 0 0000000", Header{}},
	{"fin", "1 000 0000 | 0 0000000", Header{Fin: true}},
	{"rsv1", "0 100 0000 | 0 0000000", Header{RSV1: true}},
	{"rsv2", "0 010 0000 | 0 0000000", Header{RSV2: true}},
	{"rsv3", "0 001 0000 | 0 0000000", Header{RSV3: true}},
	{"text", "0 000 0001 | 0 0000000", Header{Opcode: OpcodeText}},
	{"binary", "0 000 0010 | 0 0000000", Header{Opcode: OpcodeBinary}},
	{"reserved_opcode", "0 000 0111 | 0 0000000", Header{Opcode: 7}},
	{"close", "1 000 1000 | 0 0000000", Header{Fin: true, Opcode: OpcodeClose}},
	{"ping", "1 000 1001 | 0 0000000", Header{Fin: true, Opcode: OpcodePing}},
	{"pong", "1 000 1010 | 0 0000000", Header{Fin: true, Opcode: OpcodePong}},
	{"first_octet_full", "1 111 1111 | 0 0000000", Header{Fin: true, RSV1: true, RSV2: true, RSV3: true, Opcode: 15}},
	{"masked_key_of_zeros", "0 000 0000 | 1 0000000 | " + key0, Header{Masked: true}},
	{"masked", "0 000 0000 | 1 0000000 | " + keyA, Header{Masked: true, MaskingKey: key}},
	{"length_1", "0 000 0000 | 0 0000001", Header{PayloadLength: 1}},
	{"length_125", "0 000 0000 | 0 1111101", Header{PayloadLength: 125}},
	{"length_126", "0 000 0000 | 0 1111110 | 00000000 01111110", Header{PayloadLength: 126}},
	{"length_127_masked", "0 000 0000 | 1 1111110 | 00000000 01111111 | " + keyA, Header{Masked: true, MaskingKey: key, PayloadLength: 127}},
	{"length_65535", "0 000 0000 | 0 1111110 | " + ones + ones, Header{PayloadLength: 65535}},
	{"length_65536", "0 000 0000 | 0 1111111 | " + zero + zero + zero + zero + zero + " 00000001 " + zero + zero, Header{PayloadLength: 65536}},
	{"length_2^63-1_masked", "1 000 0010 | 1 1111111 | 01111111" + ones + ones + ones + ones + ones + ones + ones + " | " + keyA,
		Header{Fin: true, Opcode: OpcodeBinary, Masked: true, MaskingKey: key, PayloadLength: 1<<63 - 1}},
	{"all_octets_differ_unmasked", "1 000 0010 | 0 1111111 | 00000001 00000010 00000011 00000100 00000101 00000110 00000111 00001000",
		Header{Fin: true, Opcode: OpcodeBinary, PayloadLength: 0x0102030405060708}},
	{"all_octets_differ", "1 000 0010 | 1 1111111 | 00000001 00000010 00000011 00000100 00000101 00000110 00000111 00001000 | " + keyA,
		Header{Fin: true, Opcode: OpcodeBinary, Masked: true, MaskingKey: key, PayloadLength: 0x0102030405060708}},
}

func TestHeaderDrawings(t *testing.T) {
	longest := 0
	for _, tt := range drawings {
		t.Run("5.2/"+tt.name, func(t *testing.T) { testCodec(t, tt.h, draw(tt.bits)) })
		longest = max(longest, len(draw(tt.bits)))
	}
	if longest != MaxHeaderSize {
		t.Errorf("5.2: the longest header has %d octets, MaxHeaderSize is %d", longest, MaxHeaderSize)
	}
}

// testCodec checks both directions between h and its minimal form wire, behind
// other octets, before other octets, and cut anywhere.
func testCodec(t *testing.T, h Header, wire []byte) {
	t.Helper()
	if got := AppendHeader(nil, h); !bytes.Equal(got, wire) {
		t.Errorf("AppendHeader: got %x, want %x", got, wire)
	}
	if got := AppendHeader([]byte("before"), h); string(got) != "before"+string(wire) {
		t.Errorf("AppendHeader behind other octets: got %x", got)
	}
	if got := SizeHeader(h); got != len(wire) {
		t.Errorf("SizeHeader: got %d, want %d", got, len(wire))
	}
	if len(wire) > MaxHeaderSize {
		t.Errorf("%d octets are more than MaxHeaderSize", len(wire))
	}
	testConsume(t, h, wire)
}

// testConsume checks that h is read from wire, its minimal form or not.
func testConsume(t *testing.T, h Header, wire []byte) {
	t.Helper()
	for _, after := range []string{"", "\x00", "payload \xff and more"} {
		b := append(bytes.Clone(wire), after...)
		if got, n := ConsumeHeader(b); got != h || n != len(wire) {
			t.Errorf("ConsumeHeader:\n got %+v, %d\nwant %+v, %d", got, n, h, len(wire))
		}
	}

	// What two octets say.
	two := h
	two.MaskingKey = mask.Key{}
	switch wire[1] & 0x7f {
	case 126:
		two.PayloadLength = 126
	case 127:
		two.PayloadLength = 65536
	}
	for cut := range wire {
		want := Header{}
		if cut >= 2 {
			want = two
		}
		if got, n := ConsumeHeader(wire[:cut:cut]); got != want || n != 0 {
			t.Errorf("ConsumeHeader, %d of %d octets:\n got %+v, %d\nwant %+v, 0", cut, len(wire), got, n, want)
		}
	}

	// A Header that is used again keeps nothing of its former content.
	dirty := Header{true, true, true, true, 0xf, true, mask.Key{9, 9, 9, 9}, 1<<64 - 1}
	for cut := range len(wire) + 1 {
		got := dirty
		want, wantN := ConsumeHeader(wire[:cut])
		if n := got.Consume(wire[:cut]); got != want || n != wantN {
			t.Errorf("Consume, %d of %d octets:\n got %+v, %d\nwant %+v, %d", cut, len(wire), got, n, want, wantN)
		}
	}
}

// lengths are the ones at which something changes.
var lengths = []uint64{
	0, 1, 124, 125, 126, 127, 128, 255, 256, 65534, 65535, 65536, 65537,
	1<<31 - 1, 1 << 31, 1<<31 + 1, 1<<32 - 1, 1 << 32, 1<<32 + 1, 1 << 62, 1<<63 - 14, 1<<63 - 1,
}

// illegalLengths have their top bit set; some become small in signed
// arithmetic or when the size of a header is added.
var illegalLengths = []uint64{
	1 << 63, 1<<63 + 5, 1<<64 - 1, 1<<64 - 2, 1<<64 - 4, 1<<64 - 10, 1<<64 - 14,
}

// encode is AppendHeader written plainly, with a choice of form: the number of
// octets of the extended length.
func encode(h Header, form int) []byte {
	b := make([]byte, 2)
	for i, bit := range []bool{h.Fin, h.RSV1, h.RSV2, h.RSV3} {
		if bit {
			b[0] += 0x80 >> i
		}
	}
	b[0] += byte(h.Opcode)
	switch form {
	case 0:
		b[1] = byte(h.PayloadLength)
	case 2:
		b[1] = 126
		b = binary.BigEndian.AppendUint16(b, uint16(h.PayloadLength))
	case 8:
		b[1] = 127
		b = binary.BigEndian.AppendUint64(b, h.PayloadLength)
	}
	if h.Masked {
		b[1] += 0x80
		b = append(b, h.MaskingKey[:]...)
	}
	return b
}

// minimal returns the form in which l must be encoded.
func minimal(l uint64) int {
	switch {
	case l < 126:
		return 0
	case l < 65536:
		return 2
	}
	return 8
}

func TestHeaderLengths(t *testing.T) {
	for _, l := range lengths {
		for _, masked := range []bool{false, true} {
			t.Run(fmt.Sprintf("5.2/length_%d_masked_%v", l, masked), func(t *testing.T) {
				h := Header{Fin: true, Opcode: OpcodeBinary, Masked: masked, PayloadLength: l}
				if masked {
					h.MaskingKey = key
				}
				testCodec(t, h, encode(h, minimal(l)))
			})
		}
	}
}

func TestHeaderEveryFirstTwoOctets(t *testing.T) {
	for b0 := range 256 {
		for _, masked := range []bool{false, true} {
			h := Header{
				Fin: b0>>7 == 1, RSV1: b0>>6&1 == 1, RSV2: b0>>5&1 == 1, RSV3: b0>>4&1 == 1,
				Opcode: Opcode(b0 % 16), Masked: masked,
			}
			if masked {
				h.MaskingKey = key
			}
			for l := range 126 {
				h.PayloadLength = uint64(l)
				testCodec(t, h, encode(h, 0))
			}
			if t.Failed() {
				t.Fatalf("first octet %08b", b0)
			}
		}
	}
}

func TestConsumeHeaderKeepsWhatIsIllegal(t *testing.T) {
	for _, l := range illegalLengths {
		for _, masked := range []bool{false, true} {
			t.Run(fmt.Sprintf("5.2/top_bit_%x_masked_%v", l, masked), func(t *testing.T) {
				h := Header{Fin: true, Opcode: OpcodeText, Masked: masked, PayloadLength: l}
				if masked {
					h.MaskingKey = key
				}
				testConsume(t, h, encode(h, 8))
			})
		}
	}
	for _, tt := range nonMinimal() {
		t.Run("5.2/"+tt.name, func(t *testing.T) { testConsume(t, tt.h, tt.wire) })
	}
}

type form struct {
	name    string
	h       Header
	wire    []byte
	minimal bool
}

// nonMinimal returns every length of the table in every form that can hold it.
func nonMinimal() []form {
	var forms []form
	for _, l := range []uint64{0, 1, 125, 126, 65535, 65536} {
		for _, f := range []int{0, 2, 8} {
			if f < minimal(l) {
				continue
			}
			for _, masked := range []bool{false, true} {
				h := Header{Fin: true, Opcode: OpcodeText, Masked: masked, PayloadLength: l}
				if masked {
					h.MaskingKey = key
				}
				name := fmt.Sprintf("length_%d_in_%d_extended_octets_masked_%v", l, f, masked)
				forms = append(forms, form{name, h, encode(h, f), f == minimal(l)})
			}
		}
	}
	return forms
}

func TestAppendHeaderTopBit(t *testing.T) {
	for _, l := range illegalLengths {
		for _, masked := range []bool{false, true} {
			t.Run(fmt.Sprintf("5.2/%x_masked_%v", l, masked), func(t *testing.T) {
				defer func() {
					s, _ := recover().(string)
					if !strings.HasPrefix(s, "hawser/frame: AppendHeader: ") {
						t.Errorf("panic value: %q", s)
					}
				}()
				AppendHeader(nil, Header{Masked: masked, PayloadLength: l})
				t.Error("no panic")
			})
		}
	}
}

func TestAppendHeaderIgnores(t *testing.T) {
	t.Run("5.2/key_without_mask_bit", func(t *testing.T) {
		got := AppendHeader(nil, Header{MaskingKey: key})
		if want := draw("0 000 0000 | 0 0000000"); !bytes.Equal(got, want) {
			t.Errorf("got %x, want %x", got, want)
		}
	})
	t.Run("5.2/upper_bits_of_opcode", func(t *testing.T) {
		got := AppendHeader(nil, Header{Opcode: 0xf1})
		if want := draw("0 000 0001 | 0 0000000"); !bytes.Equal(got, want) {
			t.Errorf("got %x, want %x", got, want)
		}
	})
}

func TestAppendHeaderInPlace(t *testing.T) {
	// What does not fit goes elsewhere, what fits does not.
	h := Header{Masked: true, MaskingKey: key, PayloadLength: 1 << 20}
	fits := make([]byte, 0, SizeHeader(h))
	if got := AppendHeader(fits, h); &got[0] != &fits[:1][0] {
		t.Error("allocated though there was room")
	}
	small := make([]byte, 3, 3+SizeHeader(h)-1)
	if got := AppendHeader(small, h); len(got) != 3+SizeHeader(h) {
		t.Errorf("%d octets", len(got))
	}
}

func headerSeeds() (seeds [][]byte) {
	for _, tt := range drawings {
		seeds = append(seeds, draw(tt.bits))
	}
	for _, tt := range nonMinimal() {
		seeds = append(seeds, tt.wire)
	}
	for _, l := range illegalLengths {
		seeds = append(seeds, encode(Header{Masked: true, PayloadLength: l}, 8))
	}
	return seeds
}

// FuzzHeader: what is read and written again is read the same, and what was
// accepted is written as it was.
func FuzzHeader(f *testing.F) {
	for _, seed := range headerSeeds() {
		f.Add(seed)
	}
	f.Fuzz(testHeader)
}

// TestRandomHeaders is FuzzHeader without the fuzzing engine.
func TestRandomHeaders(t *testing.T) {
	conntest.Random(t, headerSeeds(), func(b []byte) { testHeader(t, b) })
}

// testHeader is the oracle: what is read is minimal or refused, reads back, and no part of it is taken for the whole.
func testHeader(t *testing.T, b []byte) {
	h, n := ConsumeHeader(b)
	if n == 0 {
		if len(b) >= MaxHeaderSize {
			t.Fatalf("nothing was consumed of %x", b)
		}
		if err := Check(h, n, Rules{Masked: h.Masked}); len(b) >= 2 && err != nil {
			// Whatever follows, the frame is refused then too.
			full := append(bytes.Clone(b), make([]byte, MaxHeaderSize)...)
			h, n := ConsumeHeader(full)
			if Check(h, n, Rules{Masked: h.Masked}) == nil {
				t.Fatalf("%x is refused with %v, %x is not", b, err, full)
			}
		}
		return
	}
	for cut := range n {
		if _, m := ConsumeHeader(b[:cut]); m != 0 {
			t.Fatalf("%d octets consumed of %x", m, b[:cut])
		}
	}
	if h.PayloadLength >= 1<<63 {
		return
	}
	wire := AppendHeader(nil, h)
	if h2, n2 := ConsumeHeader(wire); h2 != h || n2 != len(wire) || n2 != SizeHeader(h) || n2 > n {
		t.Fatalf("%+v became %+v, %d octets became %d", h, h2, n, n2)
	}
	if n == SizeHeader(h) && !bytes.Equal(wire, b[:n]) {
		t.Fatalf("%x became %x", b[:n], wire)
	}
}
