package protocol

import (
	"testing"

	"github.com/hawser-go/hawser/mask"
)

// TestControlBuffersAreGivenBack: what is kept of control frames is held only as long as it is needed, so that a connection at rest holds none of it.
func TestControlBuffersAreGivenBack(t *testing.T) {
	t.Run("5.5/receiver", func(t *testing.T) {
		r := NewReceiver(Client, Limits{})
		header := func(b ...byte) {
			t.Helper()
			if n, err := r.Header(b); n != len(b) || err != nil {
				t.Fatal(n, err)
			}
		}
		header(0x89, 2)
		if _, err := r.Payload([]byte("p")); err != nil || r.control == nil {
			t.Fatal(r.control, err)
		}
		e, err := r.Payload([]byte("i"))
		if err != nil || e.Kind != Ping || string(e.Payload) != "pi" || r.control == nil {
			t.Fatalf("%v %q, %v", e.Kind, e.Payload, err)
		}
		header()
		if r.control != nil {
			t.Error("the Receiver holds the payload of a Ping that has been dealt with")
		}
		header(0x89, 2)
		if e, err := r.Payload([]byte("pi")); err != nil || string(e.Payload) != "pi" || r.control != nil {
			t.Errorf("%q, %v, with a buffer: %t", e.Payload, err, r.control != nil)
		}
	})
	for name, end := range map[string]func(s *Sender){
		"5.5.3/sent":   func(s *Sender) { s.AppendControl(nil, mask.Key{}) },
		"5.5.1/closed": func(s *Sender) { s.Handle(Event{Kind: Close}) },
		"7.1.7/failed": func(s *Sender) { s.Fail(1002, "", ErrEnded) },
		"5.5.3/newer":  func(s *Sender) { s.Handle(Event{Kind: Ping}) },
	} {
		t.Run(name, func(t *testing.T) {
			s := NewSender(Server)
			s.Handle(Event{Kind: Ping, Payload: []byte("ping")})
			if string(s.pong.bytes()) != "ping" {
				t.Fatalf("%q is due", s.pong.bytes())
			}
			if end(&s); s.pong != nil {
				t.Error("the Sender holds the payload of a Pong that is not due any more")
			}
		})
	}
}

// TestReceiverAtRest: it is wherever a new Receiver could go on.
func TestReceiverAtRest(t *testing.T) {
	for _, tt := range []struct {
		name   string
		b      []byte
		atRest bool
	}{
		{"5.6/at_first", nil, true},
		{"5.6/a_message", []byte{0x82, 0}, true},
		{"5.4/a_fragment", []byte{0x02, 0}, false},
		{"5.5.2/a_ping", []byte{0x89, 0}, true},
		{"5.5.1/a_close", []byte{0x88, 0}, false},
		{"5.2/an_error", []byte{0x83, 0}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := NewReceiver(Client, Limits{Message: 10, Fragments: 10})
			if n, err := r.Header(tt.b); n > 0 && err == nil {
				r.Payload(nil)
			}
			if got := r.AtRest(); got != tt.atRest {
				t.Errorf("at rest: %t", got)
			}
		})
	}
}
