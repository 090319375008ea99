package frame

import (
	"fmt"
	"testing"
)

func TestOpcode(t *testing.T) {
	tests := []struct {
		o                 Opcode
		name              string
		control, reserved bool
	}{
		{0x0, "continuation", false, false},
		{0x1, "text", false, false},
		{0x2, "binary", false, false},
		{0x3, "reserved 0x3", false, true},
		{0x4, "reserved 0x4", false, true},
		{0x5, "reserved 0x5", false, true},
		{0x6, "reserved 0x6", false, true},
		{0x7, "reserved 0x7", false, true},
		{0x8, "connection close", true, false},
		{0x9, "ping", true, false},
		{0xA, "pong", true, false},
		{0xB, "reserved 0xb", true, true},
		{0xC, "reserved 0xc", true, true},
		{0xD, "reserved 0xd", true, true},
		{0xE, "reserved 0xe", true, true},
		{0xF, "reserved 0xf", true, true},
	}
	if len(tests) != 16 {
		t.Fatal("an opcode is missing")
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("5.2/opcode_%X", uint8(tt.o)), func(t *testing.T) {
			if got := tt.o.String(); got != tt.name {
				t.Errorf("String: got %q, want %q", got, tt.name)
			}
			if got := tt.o.IsControl(); got != tt.control {
				t.Errorf("IsControl: got %v", got)
			}
			if got := tt.o.IsReserved(); got != tt.reserved {
				t.Errorf("IsReserved: got %v", got)
			}
		})
	}
	if got := Opcode(0x1f).String(); got != "reserved 0x1f" {
		t.Errorf("5.2: no opcode of four bits: got %q", got)
	}
}
