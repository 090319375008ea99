package handshake_test

import (
	"strings"
	"testing"

	"github.com/hawser-go/hawser/handshake"
)

// What may stand where, one character at a time: a boundary that is one off shows nowhere else.

// acceptsTarget reports whether a request with this request-target is taken.
func acceptsTarget(t *testing.T, target string) bool {
	t.Helper()
	_, err := handshake.CheckHead(parseHead(t, sampleRequest.with("", "GET "+target+" HTTP/1.1").String()))
	return err == nil
}

// TestEscapes: "pct-encoded = "%" HEXDIG HEXDIG" (RFC 3986, 2.1).
func TestEscapes(t *testing.T) {
	const digits = "0123456789abcdefABCDEF"
	for c := byte(0x21); c < 0x7f; c++ {
		want := strings.IndexByte(digits, c) >= 0
		for _, target := range []string{"/%" + string(c) + "0", "/%0" + string(c), "/%41%" + string(c) + "1", "/%41a%1" + string(c) + "/b"} {
			if got := acceptsTarget(t, target); got != want {
				t.Errorf("2.1: %q: accepted is %v", target, got)
			}
		}
	}
	for c := byte(0x21); c < 0x7f; c++ {
		if target := "/" + string(c); acceptsTarget(t, target) != (c != '#' && c != '%') {
			t.Errorf("2.1: %q", target)
		}
	}
}

// TestScheme: "scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )" (RFC 3986, 3.1).
func TestScheme(t *testing.T) {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for c := byte(0x21); c < 0x7f; c++ {
		letter := strings.IndexByte(letters, c) >= 0
		if err := handshake.ValidOrigin(string(c) + "b://example.com"); (err == nil) != letter {
			t.Errorf("3.1: %q first: %v", c, err)
		}
		if err := handshake.ValidOrigin("b" + string(c) + "://example.com"); (err == nil) != (letter || strings.IndexByte("0123456789+-.", c) >= 0) {
			t.Errorf("3.1: %q second: %v", c, err)
		}
	}
}

// TestPatternOfNames: behind "*." stands a name, whose last label does not begin with a digit.
func TestPatternOfNames(t *testing.T) {
	for c := byte('!'); c < 0x7f; c++ {
		if strings.IndexByte(`"#%*/:<>?@[\]^{|}`+"`.", c) >= 0 {
			continue // not in a name, or between two
		}
		if err := handshake.ValidOrigin("https://*.example." + string(c) + "x"); (err == nil) != (c < '0' || c > '9') {
			t.Errorf("10.2: the last label begins with %q: %v", c, err)
		}
	}
}

func TestContentLengthTwice(t *testing.T) {
	for _, lines := range [][]string{{"Content-Length: 5", "Content-Length: 0"}, {"Content-Length: 0", "Content-Length: 5"}} {
		_, err := handshake.CheckHead(parseHead(t, sampleRequest.with("X", lines...).String()))
		wantError(t, err, 400, "4.2.1", "request has a body", "Connection: close")
	}
}

func TestEmptyPathIsASlash(t *testing.T) {
	u, _, err := handshake.ParseURL("ws://example.com?a")
	if err != nil || u.Path != "/" || u.String() != "ws://example.com/?a" {
		t.Errorf("3: %v, %v", u, err)
	}
}

// TestFirstCharacterBeyondASCII: U+0080 is none of a host's, and is looked at as an internationalized one.
func TestFirstCharacterBeyondASCII(t *testing.T) {
	if u, _, err := handshake.ParseURL("ws://a\u0080.example/"); err == nil || !strings.Contains(err.Error(), "no internationalized host name") {
		t.Errorf("11.1.1: %v, %v", u, err)
	}
}
