package frame

import (
	"bytes"
	"slices"
	"testing"

	"github.com/hawser-go/hawser/mask"
)

// TestExamplesRFC6455 are the examples of RFC 6455, 5.7, in its order.
func TestExamplesRFC6455(t *testing.T) {
	key := mask.Key{0x37, 0xfa, 0x21, 0x3d}
	tests := []struct {
		name    string
		wire    []byte
		h       Header
		payload []byte
	}{
		{
			"5.7/single-frame_unmasked_text_message",
			[]byte{0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f},
			Header{Fin: true, Opcode: OpcodeText, PayloadLength: 5},
			[]byte("Hello"),
		},
		{
			"5.7/single-frame_masked_text_message",
			[]byte{0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58},
			Header{Fin: true, Opcode: OpcodeText, Masked: true, MaskingKey: key, PayloadLength: 5},
			[]byte("Hello"),
		},
		{
			"5.7/fragmented_unmasked_text_message_first",
			[]byte{0x01, 0x03, 0x48, 0x65, 0x6c},
			Header{Opcode: OpcodeText, PayloadLength: 3},
			[]byte("Hel"),
		},
		{
			"5.7/fragmented_unmasked_text_message_second",
			[]byte{0x80, 0x02, 0x6c, 0x6f},
			Header{Fin: true, Opcode: OpcodeContinuation, PayloadLength: 2},
			[]byte("lo"),
		},
		{
			"5.7/unmasked_ping_request",
			[]byte{0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f},
			Header{Fin: true, Opcode: OpcodePing, PayloadLength: 5},
			[]byte("Hello"),
		},
		{
			"5.7/masked_ping_response",
			[]byte{0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58},
			Header{Fin: true, Opcode: OpcodePong, Masked: true, MaskingKey: key, PayloadLength: 5},
			[]byte("Hello"),
		},
		{
			"5.7/256_bytes_binary_message_in_a_single_unmasked_frame",
			slices.Concat([]byte{0x82, 0x7E, 0x01, 0x00}, make([]byte, 256)),
			Header{Fin: true, Opcode: OpcodeBinary, PayloadLength: 256},
			make([]byte, 256),
		},
		{
			"5.7/64KiB_binary_message_in_a_single_unmasked_frame",
			slices.Concat([]byte{0x82, 0x7F, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00}, make([]byte, 65536)),
			Header{Fin: true, Opcode: OpcodeBinary, PayloadLength: 65536},
			make([]byte, 65536),
		},
	}
	fragmented := false
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, n := ConsumeHeader(tt.wire)
			if h != tt.h {
				t.Fatalf("ConsumeHeader:\n got %+v\nwant %+v", h, tt.h)
			}
			if want := len(tt.wire) - len(tt.payload); n != want {
				t.Fatalf("ConsumeHeader: n is %d, want %d", n, want)
			}
			if got := AppendHeader(nil, h); !bytes.Equal(got, tt.wire[:n]) {
				t.Errorf("AppendHeader: got %x, want %x", got, tt.wire[:n])
			}
			payload := bytes.Clone(tt.wire[n:])
			mask.XOR(payload, h.MaskingKey)
			if !bytes.Equal(payload, tt.payload) {
				t.Errorf("payload: got %q", payload)
			}
			if err := Check(h, n, Rules{Masked: h.Masked, Fragmented: fragmented}); err != nil {
				t.Errorf("Check: %v", err)
			}
			fragmented = !h.Fin
		})
	}
}
