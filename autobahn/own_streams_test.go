package autobahn

import (
	"encoding/hex"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"
)

// The streams that are made bit by bit are what RFC 1951 says, to another inflater too.
func TestStreams(t *testing.T) {
	const tail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"
	check := func(name, payload, want string) {
		t.Run(name, func(t *testing.T) {
			got, err := newInflater(15, true).message([]byte(payload))
			if err != nil || string(got) != want {
				t.Errorf("%q, %v, want %q", got, err, want)
			}
			got, err = io.ReadAll(flate.NewReader(strings.NewReader(payload + tail)))
			if err != nil || string(got) != want {
				t.Errorf("another inflater: %q, %v, want %q", got, err, want)
			}
		})
	}
	for _, distance := range []int{4, 5, 256, 257, 513, 16384, 16385} {
		octets := strings.Repeat("Hello", distance)[:distance]
		var s stream
		s.stored(octets)
		s.back(distance)
		check("1951_3.2.5/distance", s.message(), octets+octets[:3])
	}
	for _, c := range cutStreams {
		whole, err := hex.DecodeString(c.octets)
		if err != nil {
			t.Fatal(err)
		}
		got, err := newInflater(15, true).message(whole)
		if err != nil || !strings.HasPrefix(string(got), "case 0 of group 0, case 1 of group 1, ") {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
		check("1951_3.2/"+c.name, string(whole), string(got))
	}
}
