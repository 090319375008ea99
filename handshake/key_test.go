package handshake_test

import (
	"encoding/base64"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/handshake"
	"github.com/hawser-go/hawser/internal/conntest"
)

func TestEncodeKey(t *testing.T) {
	for _, test := range []struct {
		name  string
		nonce string
		want  string
	}{
		{"1.3/the_sample_nonce", "the sample nonce", sampleKey},
		{"4.1/zero", strings.Repeat("\x00", 16), "AAAAAAAAAAAAAAAAAAAAAA=="},
		{"4.1/ones", strings.Repeat("\xff", 16), "/////////////////////w=="},
		{"4.1/example", "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10", "AQIDBAUGBwgJCgsMDQ4PEA=="},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := handshake.EncodeKey([16]byte([]byte(test.nonce)))
			if got != test.want || !handshake.ValidKey(got) {
				t.Errorf("got %s, valid is %v, want %s", got, handshake.ValidKey(got), test.want)
			}
		})
	}
}

func TestAcceptKey(t *testing.T) {
	for _, test := range []struct{ name, key, want string }{
		{"1.3/the_sample_nonce", sampleKey, sampleAccept},
		{"4.2.2/from_the_field", "ELlxT2NAsGHc9/F980hVzw==", "qcC7cougCawcQ/D3qYCIHQb/6I0="},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := handshake.AcceptKey(test.key); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
	t.Run("10.8/fips_140_only_mode", func(t *testing.T) {
		const again = "HAWSER_TEST_FIPS"
		if os.Getenv(again) != "" {
			return // the sub-tests above have run in that mode
		}
		cmd := exec.Command(os.Args[0], "-test.run=^TestAcceptKey$")
		cmd.Env = append(os.Environ(), again+"=1", "GODEBUG=fips140=only")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

func TestAcceptKeyAllocates(t *testing.T) {
	if conntest.RaceEnabled {
		t.Skip("the race detector allocates")
	}
	if n := testing.AllocsPerRun(100, func() { handshake.AcceptKey(sampleKey) }); n > 1 {
		t.Errorf("AcceptKey allocates %v times, want only its result", n)
	}
}

// badKeys are near misses of a Sec-WebSocket-Key.
var badKeys = []struct{ name, key string }{
	{"empty", ""},
	{"15_bytes", base64.StdEncoding.EncodeToString(make([]byte, 15))},
	{"17_bytes", base64.StdEncoding.EncodeToString(make([]byte, 17))},
	{"18_bytes_without_padding", base64.StdEncoding.EncodeToString(make([]byte, 18))},
	{"no_padding", "dGhlIHNhbXBsZSBub25jZQ"},
	{"one_padding_byte", "dGhlIHNhbXBsZSBub25jZQ="},
	{"one_padding_byte_and_24_bytes", "dGhlIHNhbXBsZSBub25jZQA="},
	{"three_padding_bytes", "dGhlIHNhbXBsZSBub25jZQ==="},
	{"padding_in_the_middle", "dGhlIHNhbXBsZSBub25jZ==="},
	{"url_alphabet", "_-hlIHNhbXBsZSBub25jZQ=="},
	{"hex", "74686520736d706c65206e6f"},
	{"not_base64", "this is not base64 at all"},
	{"space_inside", "dGhlIHNhbX sZSBub25jZQ=="},
	{"spaces_around", " dGhlIHNhbXBsZSBub25jZ=="},
	{"comma", "dGhlIHNhbXBsZSBub25jZQ==,dGhlIHNhbXBsZSBub25jZQ=="},
	{"quoted", `"GhlIHNhbXBsZSBub25jZ"==`},
	{"line_feed_inside", "dGhlIHNhbX\nsZSBub25jZQ=="},
	{"line_feed_at_the_end", "dGhlIHNhbXBsZSBub25jZQ==\n"},
	{"nul", "dGhlIHNhbX\x00sZSBub25jZQ=="},
	{"not_ascii", "dGhlIHNhbX\xffsZSBub25jZQ=="},
}

func TestValidKey(t *testing.T) {
	for _, test := range badKeys {
		t.Run("4.2.1/"+test.name, func(t *testing.T) {
			if handshake.ValidKey(test.key) {
				t.Errorf("%q is valid", test.key)
			}
		})
	}
	for _, test := range []struct{ name, key string }{
		{"1.3/example", sampleKey},
		{"4.1/example_with_a_padding_bit_set", "AQIDBAUGBwgJCgsMDQ4PEC=="},
		{"4.2.1/whole_alphabet_1", "ABCDEFGHIJKLMNOPQRSTUV=="},
		{"4.2.1/whole_alphabet_2", "WXYZabcdefghijklmnopqr=="},
		{"4.2.1/whole_alphabet_3", "stuvwxyz0123456789+/AA=="},
	} {
		t.Run(test.name, func(t *testing.T) {
			if !handshake.ValidKey(test.key) {
				t.Errorf("%q is invalid", test.key)
			}
		})
	}
}
