package frame

import (
	"testing"

	"github.com/hawser-go/hawser/mask"
)

var benchHeaders = []struct {
	name string
	h    Header
}{
	{"len7", Header{Fin: true, Opcode: OpcodeText, PayloadLength: 5}},
	{"len7_masked", Header{Fin: true, Opcode: OpcodeText, Masked: true, MaskingKey: mask.Key{1, 2, 3, 4}, PayloadLength: 5}},
	{"len16", Header{Fin: true, Opcode: OpcodeText, PayloadLength: 1000}},
	{"len16_masked", Header{Fin: true, Opcode: OpcodeText, Masked: true, MaskingKey: mask.Key{1, 2, 3, 4}, PayloadLength: 1000}},
	{"len64_masked", Header{Fin: true, Opcode: OpcodeText, Masked: true, MaskingKey: mask.Key{1, 2, 3, 4}, PayloadLength: 1 << 20}},
}

func BenchmarkConsumeHeader(b *testing.B) {
	for _, bm := range benchHeaders {
		b.Run(bm.name, func(b *testing.B) {
			p := AppendHeader(nil, bm.h)
			for b.Loop() {
				h, n := ConsumeHeader(p)
				if n != len(p) || h.PayloadLength != bm.h.PayloadLength {
					b.Fatal(h, n)
				}
			}
		})
	}
}

// BenchmarkReceive is what a driver does for each frame.
func BenchmarkReceive(b *testing.B) {
	for _, bm := range benchHeaders {
		p := AppendHeader(nil, bm.h)
		r := Rules{Masked: bm.h.Masked}
		b.Run("functions/"+bm.name, func(b *testing.B) {
			for b.Loop() {
				h, n := ConsumeHeader(p)
				if err := Check(h, n, r); n != len(p) || err != nil {
					b.Fatal(h, n, err)
				}
			}
		})
		b.Run("methods/"+bm.name, func(b *testing.B) {
			var h Header
			for b.Loop() {
				n := h.Consume(p)
				if err := h.Check(n, r); n != len(p) || err != nil {
					b.Fatal(h, n, err)
				}
			}
		})
	}
}

func BenchmarkConsume(b *testing.B) {
	for _, bm := range benchHeaders {
		b.Run(bm.name, func(b *testing.B) {
			p := AppendHeader(nil, bm.h)
			var h Header
			for b.Loop() {
				if n := h.Consume(p); n != len(p) || h.PayloadLength != bm.h.PayloadLength {
					b.Fatal(h, n)
				}
			}
		})
	}
}

func BenchmarkAppendHeader(b *testing.B) {
	for _, bm := range benchHeaders {
		b.Run(bm.name, func(b *testing.B) {
			p := make([]byte, 0, MaxHeaderSize)
			for b.Loop() {
				if q := AppendHeader(p, bm.h); len(q) < 2 {
					b.Fatal(q)
				}
			}
		})
	}
}

func BenchmarkCheck(b *testing.B) {
	for _, bm := range benchHeaders {
		b.Run(bm.name, func(b *testing.B) {
			n, r := SizeHeader(bm.h), Rules{Masked: bm.h.Masked}
			for b.Loop() {
				if err := Check(bm.h, n, r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
