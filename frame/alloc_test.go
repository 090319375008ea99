package frame

import (
	"testing"

	"github.com/hawser-go/hawser/internal/conntest"
)

func TestAllocations(t *testing.T) {
	h := Header{Fin: true, Opcode: OpcodeText, Masked: true, MaskingKey: key, PayloadLength: 1 << 20}
	wire := AppendHeader(nil, h)
	buf := make([]byte, 0, MaxControlPayload)
	reason := []byte("\x03\xe8" + "a reason that is longer than thirty-two bytes")
	var err error
	tests := []struct {
		name string
		f    func()
	}{
		{"ConsumeHeader", func() { h, _ = ConsumeHeader(wire) }},
		{"Consume", func() { h.Consume(wire) }},
		{"AppendHeader", func() { AppendHeader(buf, h) }},
		{"Check", func() { err = Check(h, 14, Rules{Masked: true}) }},
		{"Check_refuses", func() { err = Check(h, 14, Rules{}) }},
		{"ConsumeClose", func() { _, _, err = ConsumeClose(reason) }},
		{"ConsumeClose_refuses", func() { _, _, err = ConsumeClose(reason[:1]) }},
		{"ConsumeClose_refuses_code", func() { _, _, err = ConsumeClose(reason[2:]) }},
		{"AppendClose", func() { AppendClose(buf, StatusGoingAway, "going") }},
		{"CheckClose_refuses", func() { err = CheckClose(1006, "") }},
		{"String", func() { _ = StatusGoingAway.String() + OpcodeText.String()[:0] }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conntest.ShouldNotAllocate(t, tt.f)
		})
	}
	_ = err
}
