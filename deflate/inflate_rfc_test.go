package deflate_test

import (
	"fmt"
	"testing"

	"github.com/hawser-go/hawser/internal/conntest"
)

// The messages of RFC 7692, 7.2.3. Those that come one after the other share a window.
var vectors = []struct {
	name     string
	payloads []string
	want     []string
}{
	{"7.2.3.1/one_block", []string{"\xf2\x48\xcd\xc9\xc9\x07\x00"}, []string{"Hello"}},
	{"7.2.3.2/sharing_the_window", []string{"\xf2\x48\xcd\xc9\xc9\x07\x00", "\xf2\x00\x11\x00\x00"}, []string{"Hello", "Hello"}},
	{"7.2.3.2/without_sharing", []string{"\xf2\x48\xcd\xc9\xc9\x07\x00", "\xf2\x48\xcd\xc9\xc9\x07\x00"}, []string{"Hello", "Hello"}},
	{"7.2.3.3/no_compression", []string{"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"}, []string{"Hello"}},
	{"7.2.3.4/BFINAL", []string{"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"}, []string{"Hello"}},
	{"7.2.3.4/BFINAL_then_a_reference_to_it", []string{"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "\xf2\x00\x11\x00\x00"}, []string{"Hello", "Hello"}},
	{"7.2.3.5/two_blocks", []string{"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"}, []string{"Hello"}},
	{"7.2.3.6/empty", []string{"\x00"}, []string{""}},
	{"7.2.3.6/empty_between", []string{"\xf2\x48\xcd\xc9\xc9\x07\x00", "\x00", "", "\xf2\x00\x11\x00\x00"}, []string{"Hello", "", "", "Hello"}},
	{"7.2.3.6/no_payload_at_all", []string{"", ""}, []string{"", ""}},

	{"7.2.1/two_blocks_with_BFINAL", []string{"\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00\x00"}, []string{"HelloHello"}},
	{"7.2.1/BFINAL_and_then_not", []string{"\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x48\xcd\xc9\xc9\x07\x00"}, []string{"HelloHello"}},
	{"7.2.1/BFINAL_and_no_compression", []string{"\x01\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"}, []string{"Hello"}},
	{"7.2.1/the_empty_block_has_BFINAL", []string{"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x01", "\xf2\x00\x11\x00\x00"}, []string{"Hello", "Hello"}},
	{"7.2.1/a_reference_across_BFINAL", []string{"\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x00\x11\x00\x00"}, []string{"HelloHello"}},
	{"RFC_1951_3.2.4/ignored_bits_are_not_zero", []string{"\xf8\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\xf8"}, []string{"Hello"}},
}

// TestVectors runs each vector in every chopping, and with every room for its output.
func TestVectors(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			for i := range v.payloads {
				for name, pieces := range conntest.Chop([]byte(v.payloads[i])) {
					for room := range 12 {
						w := fresh(15, true)
						for j := range i {
							if got, err := whole(w, []byte(v.payloads[j])); err != nil || string(got) != v.want[j] {
								t.Fatalf("message %d is %q, %v; want %q", j, got, err, v.want[j])
							}
						}
						got, err := feed(w, -1, pieces, room+1, room%2 == 0)
						if err != nil || string(got) != v.want[i] {
							t.Fatalf("message %d, %s, room %d: %q, %v; want %q", i, name, room, got, err, v.want[i])
						}
						w.Release()
					}
				}
			}
		})
	}
}

// TestFragments is the last part of RFC 7692, 7.2.3.1: the message in two frames, each handed over as it arrives.
func TestFragments(t *testing.T) {
	for i := range 8 {
		t.Run(fmt.Sprintf("7.2.3.1/first_frame_of_%d", i), func(t *testing.T) {
			p := []byte("\xf2\x48\xcd\xc9\xc9\x07\x00")
			got, err := feed(fresh(15, false), -1, [][]byte{p[:i], p[i:]}, 100, false)
			if err != nil || string(got) != "Hello" {
				t.Fatalf("%q, %v", got, err)
			}
		})
	}
}

// TestEnds holds what is not the end of a message.
func TestEnds(t *testing.T) {
	for _, c := range []struct{ name, payload, detail string }{
		{"7.2.1/no_empty_block", "\xf2\x48\xcd\xc9\xc9\x07", truncated},
		{"7.2.1/the_four_octets_are_still_there", "\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff", truncated},
		{"7.2.1/one_of_the_four_octets_is_there", "\xf2\x48\xcd\xc9\xc9\x07\x00\x00", truncated},
		{"7.2.1/a_block_that_wants_the_four_octets_for_data", "\x00\x04\x00\xfb\xff", truncated},
		{"7.2.1/a_block_with_BFINAL_that_wants_them", "\x01\x04\x00\xfb\xff", truncated},
		{"7.2.1/padding_that_is_not_zero", "\xf3\x48\xcd\xc9\xc9\x07\x80\x00", "padding"},
		{"7.2.1/junk_after_BFINAL", "\xf3\x48\xcd\xc9\xc9\x07\x00\x06unk", "type 11"},
		{"7.2.3.4/no_octet_after_BFINAL", "\xf3\x48\xcd\xc9\xc9\x07\x00", truncated},
		{"7.2.1/the_type_lies_in_the_four_octets", "\x01\x00\x00\xff\xff\xb2\x4c\x04", truncated},
		{"7.2.1/garbage", "\xff\xff\xff\xff\xff", "type 11"},
	} {
		t.Run(c.name, func(t *testing.T) { refused(t, true, []byte(c.payload), c.detail) })
	}
}

const truncated = "does not end with"
