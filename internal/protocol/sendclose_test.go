package protocol

import (
	"errors"
	"testing"
)

// TestSenderCloseOrder: what a Close may wait for, and what leaves before it.
func TestSenderCloseOrder(t *testing.T) {
	for _, tt := range []struct {
		name        string
		do          func(*Sender)
		next, waits bool
	}{
		{"5.5.1/open", func(s *Sender) {}, false, false},
		{"5.5.1/pong_due", func(s *Sender) { s.Handle(ping("a")) }, false, false},
		{"5.5.1/close_due", func(s *Sender) { s.Close(1000, "") }, true, true},
		{"5.5.1/pong_and_close_due", func(s *Sender) { s.Handle(ping("a")); s.Close(1000, "") }, false, true},
		{"5.5.1/ping_and_close_due", func(s *Sender) { s.Ping([PingSize]byte{}); s.Close(1000, "") }, false, true},
		{"5.5.1/pong_sent_and_close_due", func(s *Sender) { s.Handle(ping("a")); s.Close(1000, ""); s.AppendControl(nil, freshKey()) }, true, true},
		{"5.5.1/close_sent", func(s *Sender) { s.Close(1000, ""); s.AppendControl(nil, freshKey()) }, false, false},
		{"5.5.1/answer_due", func(s *Sender) { s.Handle(closeEvent(1000, "")) }, true, false},
		{"5.5.1/both_close", func(s *Sender) { s.Close(1000, ""); s.Handle(closeEvent(1000, "")) }, true, false},
		{"7.1.7/failed", func(s *Sender) { s.Fail(1002, "", errors.New("broken")) }, true, false},
		{"7.1.7/failed_with_our_close_due", func(s *Sender) { s.Close(1000, ""); s.Fail(1002, "", errors.New("broken")) }, true, false},
	} {
		for _, role := range []Role{Server, Client} {
			t.Run(tt.name+"/"+role.String(), func(t *testing.T) {
				s := NewSender(role)
				tt.do(&s)
				if s.CloseNext() != tt.next || s.CloseWaits() != tt.waits {
					t.Errorf("CloseNext is %v, CloseWaits %v, want %v and %v", s.CloseNext(), s.CloseWaits(), tt.next, tt.waits)
				}
				for s.ControlDue() {
					last := s.CloseNext()
					s.AppendControl(nil, freshKey())
					if last && s.ControlDue() {
						t.Error("something follows the Close")
					}
				}
			})
		}
	}
}
