package protocol

import (
	"errors"
	"testing"

	"github.com/hawser-go/hawser/frame"
)

// TestRefusedHeaderTakesNothing: with an error, Header returns 0, the first time and again.
func TestRefusedHeaderTakesNothing(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		limits   Limits
	}{
		{"5.2/reserved_opcode", "\x83\x00", defaultLimits},
		{"7.4.1/message_too_big", "\x82\x02", Limits{Message: 1, Fragments: 1}},
		{"10.4/too_many_fragments", "\x82\x00", Limits{Message: 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := NewReceiver(Client, tt.limits)
			n, first := r.Header([]byte(tt.in))
			if n != 0 || first == nil {
				t.Errorf("took %d: %v", n, first)
			}
			if n, err := r.Header([]byte(tt.in)); n != 0 || err != first {
				t.Errorf("the second time, took %d: %v", n, err)
			}
			if e, err := r.Payload(nil); e.Kind != None || err != first {
				t.Errorf("Payload: %v, %v", e, err)
			}
		})
	}
}

// TestRefusedClosePayload: the call that completes a Close frame with a bad payload is the one that says so, and each later call says the same.
func TestRefusedClosePayload(t *testing.T) {
	r := NewReceiver(Client, defaultLimits)
	if n, err := r.Header([]byte("\x88\x01")); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	e, first := r.Payload([]byte("x"))
	var refused *frame.ProtocolError
	if e.Kind != None || !errors.As(first, &refused) || refused.Code != frame.StatusProtocolError {
		t.Fatalf("5.5.1: %v, %v", e, first)
	}
	if _, err := r.Header([]byte("\x88\x01")); err != first {
		t.Errorf("5.5.1: then Header says %v", err)
	}
	if _, err := r.Payload(nil); err != first {
		t.Errorf("5.5.1: then Payload says %v", err)
	}
}
