package protocol

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/conntest"
	"github.com/hawser-go/hawser/mask"
)

// checkSent re-reads what an endpoint sent with an independent strict parser.
func checkSent(t *testing.T, role Role, out []byte) []conntest.Frame {
	t.Helper()
	w := conntest.NewWire(conntest.Role(role))
	if err := w.Feed(out); err != nil {
		t.Fatalf("sent %x: %v", out, err)
	}
	return w.Frames()
}

// flushed returns what s has to send.
func flushed(t *testing.T, role Role, s *Sender) string {
	t.Helper()
	var out []byte
	for s.ControlDue() {
		before := len(out)
		out = s.AppendControl(out, freshKey())
		if n := len(out) - before; n == 0 || n > MaxControlFrame {
			t.Fatalf("AppendControl appended %d bytes", n)
		}
	}
	var frames []string
	for _, f := range checkSent(t, role, out) {
		kind := map[byte]string{conntest.Pong: "pong", conntest.Close: "close"}[f.Opcode]
		frames = append(frames, strings.TrimSpace(kind+" "+string(f.Payload)))
	}
	return strings.Join(frames, ", ")
}

func ping(payload string) Event { return Event{Kind: Ping, Payload: []byte(payload)} }

func closeEvent(code frame.StatusCode, reason string) Event {
	return Event{Kind: Close, Code: code, Payload: []byte(reason)}
}

func TestSender(t *testing.T) {
	long := strings.Repeat("p", frame.MaxControlPayload)
	broken := errors.New("broken")
	for _, tt := range []struct {
		name  string
		do    func(*Sender)
		want  string
		state State
	}{
		{"5.5.3/pong_has_the_ping's_payload", func(s *Sender) { s.Handle(ping("a")) }, "pong a", Open},
		{"5.5.3/empty_ping", func(s *Sender) { s.Handle(ping("")) }, "pong", Open},
		{"5.5.3/longest_ping", func(s *Sender) { s.Handle(ping(long)) }, "pong " + long, Open},
		{"5.5.3/only_the_newest_ping_is_answered", func(s *Sender) { s.Handle(ping(long)); s.Handle(ping("b")) }, "pong b", Open},
		{"5.5.3/a_pong_asks_for_nothing", func(s *Sender) { s.Handle(Event{Kind: Pong}) }, "", Open},
		{"5.5.1/close_is_answered_with_its_code", func(s *Sender) { s.Handle(closeEvent(1001, "bye")) }, "close \x03\xe9", Closed},
		{"5.5.1/close_without_a_code_is_answered_without_one", func(s *Sender) { s.Handle(closeEvent(1005, "")) }, "close", Closed},
		{"5.5.1/pong_before_close", func(s *Sender) { s.Handle(ping("a")); s.Close(1000, "x") }, "pong a, close \x03\xe8x", CloseSent},
		{"5.5.1/no_pong_after_the_peer's_close", func(s *Sender) { s.Handle(ping("a")); s.Handle(closeEvent(1000, "")) }, "close \x03\xe8", Closed},
		{"5.5.1/one_close_only", func(s *Sender) { s.Close(1000, ""); s.Close(1001, ""); s.Handle(closeEvent(1002, "")) }, "close \x03\xe8", Closed},
		{"5.5.2/ping_after_our_close_is_answered", func(s *Sender) { s.Close(1000, ""); s.Handle(ping("a")) }, "pong a, close \x03\xe8", CloseSent},
		{"5.5.2/ping_after_the_peer's_close_is_not", func(s *Sender) { s.Handle(closeEvent(1000, "")); s.Handle(ping("a")) }, "close \x03\xe8", Closed},
		{"7.1.7/fail_sends_close", func(s *Sender) { s.Fail(1002, "why", broken) }, "close \x03\xeawhy", Failed},
		{"7.1.7/fail_drops_a_pong", func(s *Sender) { s.Handle(ping("a")); s.Fail(1002, "", broken) }, "close \x03\xea", Failed},
		{"7.1.7/fail_once", func(s *Sender) { s.Fail(1002, "", broken); s.Fail(1007, "", nil) }, "close \x03\xea", Failed},
		{"7.1.7/fail_after_the_peer's_close_is_nothing", func(s *Sender) { s.Handle(closeEvent(1000, "")); s.Fail(1002, "", broken) }, "close \x03\xe8", Closed},
	} {
		for _, role := range []Role{Server, Client} {
			t.Run(tt.name+"/"+role.String(), func(t *testing.T) {
				s := NewSender(role)
				tt.do(&s)
				if got := flushed(t, role, &s); got != tt.want {
					t.Errorf("sent %q, want %q", got, tt.want)
				}
				if s.State() != tt.state {
					t.Errorf("state is %v, want %v", s.State(), tt.state)
				}
				if s.MaySendData() != (tt.state == Open) {
					t.Errorf("MaySendData is %v", s.MaySendData())
				}
				if b := s.AppendControl([]byte("x"), freshKey()); string(b) != "x" {
					t.Errorf("AppendControl appended %x with nothing due", b)
				}
			})
		}
	}
}

func TestSenderRemembers(t *testing.T) {
	s := NewSender(Client)
	if s.Sent() != nil || s.Received() != nil || s.Began() || s.Failure() != nil {
		t.Error("a new Sender remembers something")
	}
	if !s.Close(1000, "bye") || s.Close(1000, "bye") {
		t.Error("Close began not exactly once")
	}
	s.Handle(closeEvent(1001, "too"))
	if *s.Sent() != (CloseFrame{1000, "bye"}) || *s.Received() != (CloseFrame{1001, "too"}) || !s.Began() {
		t.Errorf("sent %v, received %v, began %v", s.Sent(), s.Received(), s.Began())
	}
	broken := errors.New("broken")
	f := NewSender(Client)
	flushed(t, Client, &f)
	f.Close(1000, "bye")
	flushed(t, Client, &f)
	f.Fail(1002, "", broken)
	if f.ControlDue() || f.Failure() != broken || *f.Sent() != (CloseFrame{1000, "bye"}) {
		t.Errorf("after a Close, failing has %v due, sent %v, failure %v", f.ControlDue(), f.Sent(), f.Failure())
	}
}

// TestSenderDoesNotRetainPayload: the payload is copied, so that the caller's buffer may change before the pong leaves.
func TestSenderDoesNotRetainPayload(t *testing.T) {
	s := NewSender(Server)
	p := []byte("abc")
	s.Handle(Event{Kind: Ping, Payload: p})
	copy(p, "xyz")
	if got := flushed(t, Server, &s); got != "pong abc" {
		t.Errorf("sent %q", got)
	}
}

// TestMaskedByRole: "A client MUST mask all frames that it sends to the server", "A server MUST NOT mask any frames" (RFC 6455, 5.1).
func TestMaskedByRole(t *testing.T) {
	s := NewSender(Client)
	s.Handle(ping("ab"))
	if got, want := string(s.AppendControl(nil, mask.Key{1, 2, 3, 4})), "\x8a\x82\x01\x02\x03\x04\x60\x60"; got != want {
		t.Errorf("client sent %x, want %x", got, want)
	}
	s = NewSender(Server)
	s.Handle(ping("ab"))
	if got, want := string(s.AppendControl(nil, mask.Key{1, 2, 3, 4})), "\x8a\x02ab"; got != want {
		t.Errorf("server sent %x, want %x", got, want)
	}
}

func TestPingDue(t *testing.T) {
	s := NewSender(Server)
	due := []bool{s.PingDue()}
	s.Ping([PingSize]byte{})
	due = append(due, s.PingDue())
	s.AppendControl(nil, mask.Key{})
	if due = append(due, s.PingDue()); !slices.Equal(due, []bool{false, true, false}) {
		t.Errorf("before, while and after a Ping waits: %v", due)
	}
}

// TestPing: one Ping waits, the newest; it leaves behind a Pong and before a Close, masked on the client's side; none is sent once a Close went either way.
func TestPing(t *testing.T) {
	s := NewSender(Client)
	s.Ping([PingSize]byte{1})
	s.Handle(ping("a"))
	if !s.Ping([PingSize]byte{'n', 'e', 'w'}) {
		t.Error("a Ping may not be sent on an open connection")
	}
	s.Close(1000, "")
	if s.Ping([PingSize]byte{2}) {
		t.Error("a Ping may be sent behind a Close")
	}
	var got string
	for s.ControlDue() {
		got += string(s.AppendControl(nil, mask.Key{}))
	}
	if want := "\x8a\x81\x00\x00\x00\x00a" + "\x89\x88\x00\x00\x00\x00new\x00\x00\x00\x00\x00" + "\x88\x82\x00\x00\x00\x00\x03\xe8"; got != want {
		t.Errorf("sent %x, want %x", got, want)
	}
}
