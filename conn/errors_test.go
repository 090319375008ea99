package conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/handshake"
	"github.com/hawser-go/hawser/internal/protocol"
)

// TestErrorsSayWhatToDo: the error of a mistake that a program makes names the rule, or what to use instead.
func TestErrorsSayWhatToDo(t *testing.T) {
	a, b := Pipe(nil)
	defer b.CloseNow()
	defer a.CloseNow()
	for _, tt := range []struct {
		name string
		err  error
		want []string
	}{
		{"2.9/read_in_a_loop", ErrReading, []string{"a Messages loop is reading", "leave it first"}},
		{"2.9/read_of_what_Events_get", errDriven, []string{"go to its Events", "use them in Message"}},
		{"2.9/ping_in_a_loop", ErrNotReading, []string{"no pong can be seen", "not in its body"}},
		{"5.6/no_type", a.Write(0, nil), []string{"Text", "Binary"}},
		{"5.6/no_text", a.Write(Text, []byte{0xff}), []string{"not valid UTF-8", "as Binary"}},
		{"7.4.1/message_too_big", &CloseError{Err: protocol.ErrMessageTooBig}, []string{"larger than the limit", "RFC 6455, 7.4.1", "Config.MessageLimit"}},
		{"7.4.1/code_for_reports", a.Close(1006, ""), []string{"must not be sent", "use 1000", "RFC 6455, 7.4"}},
		{"5.5/long_reason", a.Close(1000, strings.Repeat("x", 124)), []string{"longer than 123 bytes", "RFC 6455, 5.5"}},
		{"5.5.1/reason_that_is_no_text", a.Close(1000, "\xff"), []string{"not valid UTF-8", "RFC 6455, 5.5.1"}},
		{"2.9/no_function", (&Server{}).prepare(), []string{"no Handler and no Events", "set one"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, want := range tt.want {
				if !strings.Contains(fmt.Sprint(tt.err), want) {
					t.Errorf("%q does not say %q", fmt.Sprint(tt.err), want)
				}
			}
		})
	}
}

// TestCloseError: every promise of CloseError's comment, for every kind of end.
func TestCloseError(t *testing.T) {
	violation := &frame.ProtocolError{Code: frame.StatusProtocolError, Section: "RFC 6455, 5.2", Detail: "reserved bit set"}
	reset := &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	closed := func(code frame.StatusCode, reason string) *Close { return &Close{code, reason} }
	targets := []struct {
		name string
		err  error
	}{
		{"closed", ErrClosed}, {"EOF", io.EOF}, {"unexpected_EOF", io.ErrUnexpectedEOF}, {"by_us", net.ErrClosed},
		{"deadline", os.ErrDeadlineExceeded}, {"reset", syscall.ECONNRESET}, {"canceled", context.Canceled}, {"reading", ErrReading},
	}
	for _, tt := range []struct {
		name  string
		err   CloseError
		is    string // the names of the targets that match, beside closed
		clean bool
		text  string
	}{
		{"7.1.5/peer_closed_normally", CloseError{Received: closed(1000, "bye"), Sent: closed(1000, "")}, "EOF", true,
			`received close 1000 (Normal Closure) "bye", sent close 1000 (Normal Closure)`},
		{"7.1.5/peer_goes_away", CloseError{Received: closed(1001, ""), Sent: closed(1001, "")}, "EOF", true,
			`received close 1001 (Going Away), sent close 1001 (Going Away)`},
		{"7.1.5/peer_closed_without_code", CloseError{Received: closed(1005, ""), Sent: closed(1005, "")}, "EOF", true,
			`received close 1005 (No Status Rcvd), sent close 1005 (No Status Rcvd)`},
		{"7.1.5/peer_closed_with_an_error", CloseError{Received: closed(1011, "oops"), Sent: closed(1011, "")}, "", false,
			`received close 1011 (Internal Error) "oops", sent close 1011 (Internal Error)`},
		{"7.1.5/peer_closed_with_a_code_of_its_own", CloseError{Received: closed(4001, ""), Sent: closed(4001, "")}, "", false,
			`received close 4001, sent close 4001`},
		{"7.1.2/we_closed_and_were_answered", CloseError{Received: closed(1000, ""), Sent: closed(1000, "done"), Local: true}, "EOF by_us", true,
			`sent close 1000 (Normal Closure) "done", received close 1000 (Normal Closure)`},
		{"7.1.2/we_closed_with_an_error_and_were_answered", CloseError{Received: closed(1011, ""), Sent: closed(1011, ""), Local: true}, "EOF by_us", true,
			`sent close 1011 (Internal Error), received close 1011 (Internal Error)`},
		{"7.1.2/we_closed_and_were_not_answered", CloseError{Sent: closed(1000, ""), Local: true, Err: errCloseTimeout}, "by_us deadline", false,
			`sent close 1000 (Normal Closure), the close timeout has passed`},
		{"7.1.2/we_closed_and_the_stream_ended", CloseError{Sent: closed(1000, ""), Local: true, EOF: EOFBoundary}, "by_us", false,
			`sent close 1000 (Normal Closure), the peer ended the stream without a close frame`},
		{"7.1.4/CloseNow", CloseError{Local: true}, "by_us", false,
			`closed by this side without a close frame`},
		{"7.1.7/peer_broke_a_rule", CloseError{Sent: closed(1002, "reserved bit set"), Err: violation}, "", false,
			`sent close 1002 (Protocol error) "reserved bit set", protocol error: reserved bit set (RFC 6455, 5.2)`},
		{"7.1.7/answered_after_a_failure", CloseError{Received: closed(1000, ""), Sent: closed(1002, ""), Err: violation}, "", false,
			`received close 1000 (Normal Closure), sent close 1002 (Protocol error), protocol error: reserved bit set (RFC 6455, 5.2)`},
		{"7.1.1/EOF_between_messages", CloseError{EOF: EOFBoundary}, "", false,
			`the peer ended the stream without a close frame`},
		{"7.1.1/EOF_inside", CloseError{EOF: EOFInside}, "unexpected_EOF", false,
			`the peer ended the stream inside a message`},
		{"7.1.1/EOF_inside_after_a_failed_write", CloseError{EOF: EOFInside, Err: errWriteTimeout}, "unexpected_EOF deadline", false,
			`the peer ended the stream inside a message, no progress within the write timeout`},
		{"7.1.1/transport_failed", CloseError{Err: reset}, "reset", false,
			`read tcp: read: connection reset by peer`},
		{"2.9/write_timeout", CloseError{Err: errWriteTimeout}, "deadline", false,
			`no progress within the write timeout`},
		{"2.9/zero", CloseError{}, "", false, ``},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := &tt.err
			// errors.Is and As have to see through wrapping.
			wrapped := fmt.Errorf("wrapped: %w", e)
			var is []string
			for _, target := range targets {
				if errors.Is(e, target.err) != errors.Is(wrapped, target.err) {
					t.Errorf("errors.Is with %s depends on wrapping", target.name)
				}
				if errors.Is(e, target.err) {
					is = append(is, target.name)
				}
			}
			if want := strings.Fields("closed " + tt.is); !slices.Equal(is, want) {
				t.Errorf("errors.Is matches %v, want %v", is, want)
			}
			if e.Clean() != tt.clean || isClean(wrapped) != tt.clean {
				t.Errorf("Clean is %v, isClean %v, want %v", e.Clean(), isClean(wrapped), tt.clean)
			}
			want := "hawser: connection closed"
			if tt.text != "" {
				want += ": " + tt.text
			}
			if e.Error() != want {
				t.Errorf("text is\n%s, want\n%s", e, want)
			}
			if got, ok := errors.AsType[*CloseError](wrapped); !ok || got != e {
				t.Errorf("errors.As finds %v", got)
			}
			if e.Unwrap() != e.Err {
				t.Errorf("Unwrap is %v", e.Unwrap())
			}
			if got, ok := errors.AsType[*frame.ProtocolError](wrapped); ok != (e.Err == error(violation)) || ok && got != violation {
				t.Errorf("errors.As finds %v", got)
			}
			if got, ok := errors.AsType[net.Error](wrapped); ok != (e.Err != nil && e.Err != error(violation)) || ok && got.Timeout() == errors.Is(e, syscall.ECONNRESET) {
				t.Errorf("errors.As finds the net.Error %v", got)
			}
		})
	}
}

func TestCloseString(t *testing.T) {
	for _, tt := range []struct {
		name string
		c    Close
		want string
	}{
		{"5.5.1/code", Close{Code: 1000}, `1000 (Normal Closure)`},
		{"5.5.1/code_and_reason", Close{1001, "restart"}, `1001 (Going Away) "restart"`},
		{"5.5.1/no_code", Close{Code: 1005}, `1005 (No Status Rcvd)`},
		{"5.5.1/the_reason_cannot_forge_a_line_of_a_log", Close{4000, "a\nb\u202e\x1b[0m"}, `4000 "a\nb\u202e\x1b[0m"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.c.String(); got != tt.want {
				t.Errorf("String is %s, want %s", got, tt.want)
			}
		})
	}
}

func TestTimeoutErrors(t *testing.T) {
	for _, err := range []timeoutError{errCloseTimeout, errWriteTimeout} {
		ne, ok := errors.AsType[net.Error](fmt.Errorf("wrapped: %w", err))
		if !ok || !ne.Timeout() || err.Temporary() {
			t.Errorf("%v is no net.Error of a final timeout", err)
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrClosed) {
			t.Errorf("%v does not match what it should", err)
		}
	}
	if errors.Is(errCloseTimeout, errWriteTimeout) {
		t.Error("the timeouts are not told apart")
	}
}

// TestErrorValues: the sentinels are not the same, and only ErrClosed says that a connection is at its end.
func TestErrorValues(t *testing.T) {
	all := []error{ErrClosed, ErrReading, ErrInvalidMessageType, ErrInvalidUTF8}
	for i, a := range all {
		for j, b := range all {
			if errors.Is(a, b) != (i == j) {
				t.Errorf("errors.Is(%q, %q) is %v", a, b, i != j)
			}
		}
		if !strings.HasPrefix(a.Error(), "hawser: ") {
			t.Errorf("text is %q", a)
		}
	}
}

func TestHandshakeError(t *testing.T) {
	refused := &handshake.Error{Status: 403, Section: "10.2", Detail: "Origin is not allowed"}
	for _, tt := range []struct {
		name string
		err  HandshakeError
		want string
	}{
		{"4.1/cause", HandshakeError{Err: io.ErrUnexpectedEOF}, "hawser: opening handshake failed: unexpected EOF"},
		{"4.2.2/refusal", HandshakeError{Status: 403, Header: http.Header{}, Err: refused},
			"hawser: opening handshake failed: Origin is not allowed (RFC 6455, 10.2)"},
		{"4.1/body", HandshakeError{Status: 403, Body: []byte("no\r\nway\x00\xff"), Err: refused},
			`hawser: opening handshake failed: Origin is not allowed (RFC 6455, 10.2): "no\r\nway\x00\xff"`},
		{"4.1/long_body_is_cut", HandshakeError{Status: 500, Body: []byte(strings.Repeat("b", 1<<10)), Err: io.EOF},
			`hawser: opening handshake failed: EOF: "` + strings.Repeat("b", 200) + `"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := fmt.Errorf("wrapped: %w", &tt.err)
			if got := tt.err.Error(); got != tt.want {
				t.Errorf("text is\n%s, want\n%s", got, tt.want)
			}
			if !errors.Is(err, tt.err.Err) || errors.Is(err, ErrClosed) {
				t.Error("errors.Is does not match what it should")
			}
			if e, ok := errors.AsType[*HandshakeError](err); !ok || e != &tt.err {
				t.Errorf("errors.As finds %v", e)
			}
			if e, ok := errors.AsType[*handshake.Error](err); ok != (tt.err.Err == error(refused)) || ok && e != refused {
				t.Errorf("errors.As finds %v", e)
			}
		})
	}
}
