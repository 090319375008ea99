package conn

import (
	"testing"

	"github.com/hawser-go/hawser/frame"
)

func TestMessageTypeString(t *testing.T) {
	for _, tt := range []struct {
		name string
		t    MessageType
		want string
	}{
		{"5.6/text", Text, "text"},
		{"5.6/binary", Binary, "binary"},
		{"5.6/zero_is_invalid", Message{}.Type, "invalid"},
		{"5.5/a_control_frame_is_no_message", MessageType(frame.OpcodePing), "invalid"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.t.String(); got != tt.want {
				t.Errorf("String is %q, want %q", got, tt.want)
			}
		})
	}
}

func TestStateString(t *testing.T) {
	for _, tt := range []struct {
		name  string
		state State
		want  string
	}{
		{"4.1/zero_is_connecting", 0, "CONNECTING"},
		{"4.1/open", StateOpen, "OPEN"},
		{"7.1.3/closing", StateClosing, "CLOSING"},
		{"7.1.4/closed", StateClosed, "CLOSED"},
		{"7.1.4/beyond", StateClosed + 1, "invalid"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.state.String(); got != tt.want {
				t.Errorf("String is %q, want %q", got, tt.want)
			}
		})
	}
}
