package handshake_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/handshake"
)

// TestEveryByteOfAHostName: unreserved and sub-delims (RFC 3986, 3.2.2), the first and the last of each range too.
func TestEveryByteOfAHostName(t *testing.T) {
	const names = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._~!$&'()*+,;="
	for c := byte(0x21); c < 0x7f; c++ {
		host := "a" + string(c) + "b"
		err := handshake.ValidOrigin("http://" + host)
		if got, want := err == nil, strings.IndexByte(names, c) >= 0; got != want && !strings.ContainsRune(`:/?#[]@%\*`, rune(c)) {
			t.Errorf("3.2.2: host %q: %v", host, err)
		}
	}
}

func TestOneSubprotocol(t *testing.T) {
	got, err := handshake.AppendRequest(nil, handshake.ClientRequest{Host: "a", RequestURI: "/", Key: sampleKey, Subprotocols: []string{"chat"}})
	if err != nil || !strings.Contains(string(got), "\r\nSec-WebSocket-Protocol: chat\r\n") {
		t.Errorf("4.1: %q, %v", got, err)
	}
}

func TestStatusOfARefusal(t *testing.T) {
	for status, want := range map[int]bool{-1: false, 0: false, 101: false, 199: false, 200: true, 201: true, 400: true, 598: true, 599: true, 600: false} {
		err := (&handshake.Error{Status: status}).Valid()
		if got := err == nil; got != want {
			t.Errorf("4.2.2: status %d: %v", status, err)
		}
	}
}

// TestHeadOfTheLeastAndTheMost: the limits that NewHead takes.
func TestHeadOfTheLeastAndTheMost(t *testing.T) {
	for _, tt := range []struct {
		bytes, fields int
		panics        bool
	}{
		{1, 1, false}, {1 << 30, 1, false}, {1<<30 + 1, 1, true}, {-1, 1, true}, {1, -1, true},
	} {
		func() {
			defer func() {
				if v := recover(); (v != nil) != tt.panics {
					t.Errorf("NewHead(%d, %d): %v", tt.bytes, tt.fields, v)
				}
			}()
			handshake.NewHead(tt.bytes, tt.fields)
		}()
	}
}

// TestLimitHidesNoError: what is wrong with the bytes that a limit lets through is said; that there are too many comes after that.
func TestLimitHidesNoError(t *testing.T) {
	for _, s := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\nHost: a\r\n\r\n",
		"GET  / HTTP/1.1\r\n\r\n",
		"G@T / HTTP/1.1\r\n\r\n",
		"GET / HTTX/1.1\r\n\r\n",
		"GET / HTTP/1.1x\r\n",
		"\rGET / HTTP/1.1\r\n",
		"GET / HTTP/1.1\r\n Host: a\r\n",
		"GET / HTTP/1.1\r\nHost : a\r\n",
		"GET / HTTP/1.1\r\nHost: a\x00\r\n",
		"GET / HTTP/1.1\r\nHost: a\rb\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\n\rx",
	} {
		for n := 1; n < len(s); n++ {
			_, want := handshake.NewHead(0, 0).Parse([]byte(s[:n]))
			_, err := handshake.NewHead(n, 0).Parse([]byte(s))
			refused, ok := errors.AsType[*handshake.Error](err)
			switch {
			case !ok:
				t.Errorf("%q with a limit of %d: %v", s, n, err)
			case want != nil && err.Error() != want.Error():
				t.Errorf("%q with a limit of %d: %v, want %v", s, n, err, want)
			case want == nil && refused.Status != http.StatusRequestHeaderFieldsTooLarge && refused.Status != http.StatusRequestURITooLong:
				t.Errorf("%q with a limit of %d: %v", s, n, err)
			}
		}
	}
}

// TestVersionOfAHead: "HTTP-version = HTTP-name "/" DIGIT "." DIGIT" (RFC 9112, 2.3), and no byte else.
func TestVersionOfAHead(t *testing.T) {
	const version = "HTTP/1.1"
	for i := range version {
		for c := range 256 {
			b := []byte("GET / " + version + "\r\n\r\n")
			b[len("GET / ")+i] = byte(c)
			digit := (i == 5 || i == 7) && '0' <= c && c <= '9'
			n, err := handshake.NewHead(0, 0).Parse(b)
			if want := digit || c == int(version[i]); (err == nil) != want || (n == len(b)) != want {
				t.Errorf("2.3: %q: %d, %v", b, n, err)
			}
		}
	}
}
