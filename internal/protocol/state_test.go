package protocol

import (
	"fmt"
	"testing"
)

// TestTransitions has every state and every step, as RFC 6455, 7.1 and 5.5.1 read.
func TestTransitions(t *testing.T) {
	tests := []struct {
		from State
		step step
		want State
	}{
		{Open, sendClose, CloseSent},
		{Open, receiveClose, CloseReceived},
		{Open, fail, Failed},
		{CloseSent, sendClose, CloseSent},
		{CloseSent, receiveClose, Closed},
		{CloseSent, fail, Failed},
		{CloseReceived, sendClose, Closed},
		{CloseReceived, receiveClose, CloseReceived},
		{CloseReceived, fail, CloseReceived},
		{Closed, sendClose, Closed},
		{Closed, receiveClose, Closed},
		{Closed, fail, Closed},
		{Failed, sendClose, Failed},
		{Failed, receiveClose, Failed},
		{Failed, fail, Failed},
	}
	steps := []string{"we send Close", "the peer's Close comes", "the connection fails"}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("7.1/%v/%s", tt.from, steps[tt.step]), func(t *testing.T) {
			if got := tt.from.after(tt.step); got != tt.want {
				t.Errorf("%v, then %s: %v, want %v", tt.from, steps[tt.step], got, tt.want)
			}
		})
	}
}

func TestWhatEachStateSends(t *testing.T) {
	for _, tt := range []struct {
		s          State
		name       string
		data, pong bool
	}{
		{Open, "open", true, true},
		{CloseSent, "close sent", false, true},
		{CloseReceived, "close received", false, false},
		{Closed, "closed", false, false},
		{Failed, "failed", false, false},
		{Failed + 1, "invalid state", false, false},
	} {
		t.Run("5.5/"+tt.name, func(t *testing.T) {
			if got := tt.s.String(); got != tt.name {
				t.Errorf("String is %q, want %q", got, tt.name)
			}
			if got := tt.s.maySendData(); got != tt.data {
				t.Errorf("maySendData is %v, want %v", got, tt.data)
			}
			if got := tt.s.mayPong(); got != tt.pong {
				t.Errorf("mayPong is %v, want %v", got, tt.pong)
			}
		})
	}
}

func TestRoleString(t *testing.T) {
	if Server.String() != "server" || Client.String() != "client" {
		t.Errorf("roles are %q and %q", Server, Client)
	}
}
