package protocol

import (
	"errors"
	"testing"

	"github.com/hawser-go/hawser/mask"
)

// TestWhatIsDue: a driver decides by these what it sends next, and whether data may go before it.
func TestWhatIsDue(t *testing.T) {
	send := func(s *Sender) { s.AppendControl(nil, mask.Key{}) }
	for _, tt := range []struct {
		name                  string
		do                    func(*Sender)
		control, ping         bool
		closeNext, closeWaits bool
	}{
		{"5.5/nothing", func(*Sender) {}, false, false, false, false},
		{"5.5.2/ping", func(s *Sender) { s.Ping([PingSize]byte{}) }, true, true, false, false},
		{"5.5.3/pong", func(s *Sender) { s.Handle(ping("a")) }, true, false, false, false},
		{"5.5.3/pong_and_ping", func(s *Sender) { s.Ping([PingSize]byte{}); s.Handle(ping("a")) }, true, true, false, false},
		{"5.5.1/close", func(s *Sender) { s.Close(1000, "") }, true, false, true, true},
		{"5.5.1/close_that_has_left", func(s *Sender) { s.Close(1000, ""); send(s) }, false, false, false, false},
		{"5.5.1/close_behind_a_pong", func(s *Sender) { s.Handle(ping("a")); s.Close(1000, "") }, true, false, false, true},
		{"5.5.1/close_behind_a_ping", func(s *Sender) { s.Ping([PingSize]byte{}); s.Close(1000, "") }, true, true, false, true},
		{"5.5.1/close_once_the_pong_has_left", func(s *Sender) { s.Handle(ping("a")); s.Close(1000, ""); send(s) }, true, false, true, true},
		{"5.5.1/answer_to_a_close", func(s *Sender) { s.Handle(closeEvent(1000, "")) }, true, false, true, false},
		{"5.5.1/close_that_met_the_peer's", func(s *Sender) { s.Close(1000, ""); s.Handle(closeEvent(1000, "")) }, true, false, true, false},
		{"7.1.7/close_of_a_failed_connection", func(s *Sender) { s.Fail(1002, "", errors.New("broken")) }, true, false, true, false},
		{"7.1.7/close_that_a_failure_has_overtaken", func(s *Sender) { s.Close(1000, ""); s.Fail(1002, "", errors.New("broken")) }, true, false, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := NewSender(Server)
			tt.do(&s)
			if got := s.ControlDue(); got != tt.control {
				t.Errorf("ControlDue is %v", got)
			}
			if got := s.PingDue(); got != tt.ping {
				t.Errorf("PingDue is %v", got)
			}
			if got := s.CloseNext(); got != tt.closeNext {
				t.Errorf("CloseNext is %v", got)
			}
			if got := s.CloseWaits(); got != tt.closeWaits {
				t.Errorf("CloseWaits is %v", got)
			}
		})
	}
}

// TestControlSizes: a driver makes room for the longest of each control frame (RFC 6455, 5.5: 125 bytes of payload behind a header of 6), and for a Pong, a Ping and a Close together.
func TestControlSizes(t *testing.T) {
	if MaxControlFrame != 131 {
		t.Errorf("MaxControlFrame is %d", MaxControlFrame)
	}
	if want := 131 + (6 + 8) + 131; MaxControl != want {
		t.Errorf("MaxControl is %d, want %d", MaxControl, want)
	}
}

// TestFirstFailureStays: what failed the connection first is what Failure returns, and nothing fails one that has ended by its Close frames.
func TestFirstFailureStays(t *testing.T) {
	first, second := errors.New("first"), errors.New("second")
	s := NewSender(Server)
	s.Fail(1002, "first", first)
	s.Fail(1007, "second", second)
	if s.Failure() != first || *s.Sent() != (CloseFrame{1002, "first"}) {
		t.Errorf("7.1.7: failure %v, sent %v", s.Failure(), s.Sent())
	}
	s = NewSender(Server)
	s.Handle(closeEvent(1000, ""))
	s.Fail(1002, "late", first)
	if s.Failure() != nil || s.State() != Closed {
		t.Errorf("7.1.7: after the Close frames: failure %v, %v", s.Failure(), s.State())
	}
}
