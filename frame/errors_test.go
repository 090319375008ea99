package frame

import "testing"

func TestProtocolErrorText(t *testing.T) {
	tests := []struct {
		name string
		err  *ProtocolError
		want string
	}{
		{"1002", errControlFragment, "protocol error: control frame is fragmented (RFC 6455, 5.5)"},
		{"1007", errCloseReason, "invalid frame payload data: reason of a Close frame is not valid UTF-8 (RFC 6455, 5.5.1)"},
		{"1009", &ProtocolError{StatusMessageTooBig, "RFC 6455, 10.4", "2 MiB, the limit is 1 MiB"}, "message too big: 2 MiB, the limit is 1 MiB (RFC 6455, 10.4)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.err.Error(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}
