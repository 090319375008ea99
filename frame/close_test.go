package frame

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hawser-go/hawser/internal/conntest"
)

func TestCloseAllCodes(t *testing.T) {
	for _, reason := range []string{"", "bye"} {
		for c := range 1 << 16 {
			code := StatusCode(c)
			p := append([]byte{byte(c >> 8), byte(c)}, reason...)

			got, gotReason, err := ConsumeClose(p)
			if mayBeSent(c) {
				if got != code || string(gotReason) != reason || err != nil {
					t.Errorf("ConsumeClose(%x): got %d, %q, %v", p, got, gotReason, err)
				}
				if b := AppendClose(nil, code, reason); !bytes.Equal(b, p) {
					t.Errorf("AppendClose(%d): got %x", c, b)
				}
			} else if got != 0 || gotReason != nil || err != errCloseCode {
				t.Errorf("ConsumeClose(%x): got %d, %q, %v", p, got, gotReason, err)
			}

			want := ErrStatusCode
			switch {
			case mayBeSent(c), c == 1005 && reason == "":
				want = nil
			case c == 1005:
				want = ErrReasonWithoutCode
			}
			if err := CheckClose(code, reason); err != want {
				t.Errorf("CheckClose(%d, %q): got %v, want %v", c, reason, err, want)
			}
		}
	}
}

// notUTF8 is a reason each.
var notUTF8 = []string{
	"\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf",
	"\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80",
	"\xff", "\x80", "\xe2\x82", "valid, then cut \xce",
}

var closeTests = []struct {
	name   string
	p      string
	code   StatusCode
	reason string
	err    error
}{
	{"7.1.5/empty", "", StatusNoStatusRcvd, "", nil},
	{"5.5.1/one_byte", "\x03", 0, "", errCloseOneByte},
	{"5.5.1/one_byte_of_zero", "\x00", 0, "", errCloseOneByte},
	{"5.5.1/code_alone", "\x03\xe8", StatusNormalClosure, "", nil},
	{"5.5.1/code_and_reason", "\x03\xe9going", StatusGoingAway, "going", nil},
	{"5.5.1/code_and_greek_reason", "\x0f\xa1κόσμε", 4001, "κόσμε", nil},
	{"5.5.1/reason_of_zero_bytes", "\x03\xe8\x00\x00", StatusNormalClosure, "\x00\x00", nil},
	{"5.5.1/reason_with_noncharacter", "\x03\xe8\uffff", StatusNormalClosure, "\uffff", nil},
	{"5.5/125_bytes", "\x03\xe8" + strings.Repeat("x", 123), StatusNormalClosure, strings.Repeat("x", 123), nil},
	{"5.5/126_bytes", "\x03\xe8" + strings.Repeat("x", 124), 0, "", errCloseTooLong},
	{"7.4/code_0", "\x00\x00", 0, "", errCloseCode},
	{"7.4.1/code_1005", "\x03\xed", 0, "", errCloseCode},
	{"7.4.1/code_1006_bad_reason", "\x03\xee\xff", 0, "", errCloseCode},
	{"7.4/code_65535", "\xff\xff", 0, "", errCloseCode},
}

func TestConsumeClose(t *testing.T) {
	for _, tt := range closeTests {
		t.Run(tt.name, func(t *testing.T) {
			p := []byte(tt.p)
			code, reason, err := ConsumeClose(p)
			if code != tt.code || string(reason) != tt.reason || err != tt.err {
				t.Fatalf("got %d, %q, %v", code, reason, err)
			}
			if err != nil {
				testProtocolError(t, err, StatusProtocolError)
				return
			}
			if (reason == nil) != (tt.reason == "") {
				t.Errorf("reason is %#v", reason)
			}
			if reason != nil && &reason[0] != &p[2] {
				t.Error("reason is a copy")
			}
			if got := AppendClose([]byte("x"), code, string(reason)); string(got) != "x"+tt.p {
				t.Errorf("AppendClose: got %x", got)
			}
			if got := SizeClose(code, string(reason)); got != len(tt.p) {
				t.Errorf("SizeClose: got %d", got)
			}
			if err := CheckClose(code, string(reason)); err != nil {
				t.Errorf("CheckClose: %v", err)
			}
		})
	}
	for _, reason := range notUTF8 {
		t.Run(fmt.Sprintf("5.5.1/reason_%x", reason), func(t *testing.T) {
			code, got, err := ConsumeClose([]byte("\x03\xe8" + reason))
			if code != 0 || got != nil || err != errCloseReason {
				t.Errorf("ConsumeClose: got %d, %q, %v", code, got, err)
			}
			testProtocolError(t, err, StatusInvalidFramePayloadData)
			if err := CheckClose(StatusNormalClosure, reason); err != ErrReasonNotUTF8 {
				t.Errorf("CheckClose: got %v", err)
			}
		})
	}
}

func TestCloseReasonCut(t *testing.T) {
	// A reason that ends inside a character is refused, and only that.
	const reason = "κόσμε: 世界 🌍"
	for cut := range len(reason) + 1 {
		part := reason[:cut]
		t.Run(fmt.Sprintf("5.5.1/%d_bytes", cut), func(t *testing.T) {
			_, _, err := ConsumeClose([]byte("\x03\xe8" + part))
			if (err == nil) != utf8.ValidString(part) {
				t.Errorf("%q: got %v", part, err)
			}
		})
	}
}

func TestCheckClose(t *testing.T) {
	for n := range 200 {
		want := error(nil)
		if n > 123 {
			want = ErrReasonTooLong
		}
		if got := CheckClose(StatusGoingAway, strings.Repeat("x", n)); got != want {
			t.Errorf("reason of %d bytes: got %v", n, got)
		}
	}
	t.Run("error_is_no_protocol_error", func(t *testing.T) {
		for _, err := range []error{ErrStatusCode, ErrReasonTooLong, ErrReasonNotUTF8, ErrReasonWithoutCode} {
			if _, ok := errors.AsType[*ProtocolError](err); ok {
				t.Errorf("%v blames the peer", err)
			}
			if !strings.HasPrefix(err.Error(), "hawser/frame: ") {
				t.Errorf("%v does not name the package", err)
			}
		}
	})
}

func TestAppendCloseWithoutStatus(t *testing.T) {
	// StatusNoStatusRcvd never reaches the wire, whatever comes with it.
	if got := AppendClose([]byte("x"), StatusNoStatusRcvd, "why"); string(got) != "x" {
		t.Errorf("AppendClose: got %q", got)
	}
	if got := SizeClose(StatusNoStatusRcvd, "why"); got != 0 {
		t.Errorf("SizeClose: got %d", got)
	}
}

func closeSeeds() (seeds [][]byte) {
	for _, tt := range closeTests {
		seeds = append(seeds, []byte(tt.p))
	}
	for _, reason := range notUTF8 {
		seeds = append(seeds, []byte("\x03\xe8"+reason))
	}
	return seeds
}

// FuzzClose: what is accepted from a peer is exactly what may be sent.
func FuzzClose(f *testing.F) {
	for _, seed := range closeSeeds() {
		f.Add(seed)
	}
	f.Fuzz(testClose)
}

// TestRandomCloses is FuzzClose without the fuzzing engine.
func TestRandomCloses(t *testing.T) {
	conntest.Random(t, closeSeeds(), func(p []byte) { testClose(t, p) })
}

// testClose is the oracle: what is read is what would be written, and what is refused would be refused to be sent.
func testClose(t *testing.T, p []byte) {
	code, reason, err := ConsumeClose(p)
	if err == nil {
		if err := CheckClose(code, string(reason)); err != nil {
			t.Fatalf("%x was accepted, CheckClose says %v", p, err)
		}
		if got := AppendClose(nil, code, string(reason)); !bytes.Equal(got, p) || SizeClose(code, string(reason)) != len(p) {
			t.Fatalf("%x became %x", p, got)
		}
		return
	}
	if pe, ok := errors.AsType[*ProtocolError](err); !ok || pe.Code != StatusProtocolError && pe.Code != StatusInvalidFramePayloadData {
		t.Fatalf("undocumented error %v", err)
	}
	if code != 0 || reason != nil {
		t.Fatalf("%d, %q with the error %v", code, reason, err)
	}
	if len(p) >= 2 && CheckClose(StatusCode(p[0])<<8|StatusCode(p[1]), string(p[2:])) == nil {
		// 1005 without a reason stands for an empty frame: only on our side.
		if string(p) != "\x03\xed" {
			t.Fatalf("%x was refused with %v, CheckClose allows it", p, err)
		}
	}
}
