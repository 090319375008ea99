package httpfield_test

import (
	"strings"
	"testing"

	"github.com/hawser-go/hawser/internal/httpfield"
)

func TestIsToken(t *testing.T) {
	// RFC 9110, 5.6.2
	const tchar = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for c := range 256 {
		s := string([]byte{byte(c)})
		want := strings.Contains(tchar, s) && c < 0x80
		for _, in := range []string{s, s + "a", "a" + s, "a" + s + "a"} {
			if got := httpfield.IsToken(in); got != want {
				t.Errorf("5.6.2: IsToken(%q) = %v, want %v", in, got, want)
			}
		}
	}
	if httpfield.IsToken("") {
		t.Error("5.6.2: the empty string is a token")
	}
	if !httpfield.IsToken(tchar) {
		t.Error("5.6.2: all tchar together are no token")
	}
}

func TestValidValue(t *testing.T) {
	// "Field values containing CR, LF, or NUL characters are invalid" and
	// "Field values containing other CTL characters are also invalid".
	// RFC 9110, 5.5
	for c := range 256 {
		want := c == '\t' || c >= ' ' && c != 0x7f
		whole := map[bool]int{true: 3, false: 1}[want]
		if got := httpfield.ValueLen([]byte{'a', byte(c), 'b'}); got != whole {
			t.Errorf("5.5: ValueLen of a, %#x, b is %d, want %d", c, got, whole)
		}
		for _, in := range []string{string([]byte{byte(c)}), string([]byte{'a', byte(c), 'b'})} {
			if got := httpfield.ValidValue(in); got != want {
				t.Errorf("5.5: ValidValue(%q) = %v, want %v", in, got, want)
			}
		}
	}
	if !httpfield.ValidValue("") {
		t.Error("5.5: the empty value is invalid")
	}
}

func TestEqualFold(t *testing.T) {
	for _, test := range []struct {
		name, a, b string
		want       bool
	}{
		{"same", "websocket", "websocket", true},
		{"case", "WebSocket", "wEBsOCKET", true},
		{"every_letter", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", true},
		{"empty", "", "", true},
		{"length", "websocket", "websockets", false},
		{"other_letter", "websocket", "websockeu", false},
		{"0x20_apart_but_no_letters", "[", "{", false},
		{"at_sign_and_backquote", "@", "`", false},
		{"kelvin_sign", "websoc\u212aet", "websocket", false},
		{"kelvin_sign_and_length", "websoc\u212aet", "websockxxet", false},
		{"long_s", "web\u017focket", "websocket", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := httpfield.EqualFold(test.a, test.b); got != test.want {
				t.Errorf("EqualFold(%q, %q) = %v", test.a, test.b, got)
			}
			if got := httpfield.EqualFold(test.b, test.a); got != test.want {
				t.Errorf("EqualFold(%q, %q) = %v", test.b, test.a, got)
			}
		})
	}
}
