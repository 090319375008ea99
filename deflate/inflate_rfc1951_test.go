package deflate_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/internal/conntest"
)

// refused checks that a message is refused for the reason, in every chopping, and with every room for its output.
func refused(t *testing.T, takeover bool, payload []byte, detail string) {
	t.Helper()
	if _, err := oracle(nil, payload, 1<<20); err == nil && detail != "padding" && !strings.Contains(detail, "window") {
		t.Errorf("compress/flate takes % x", payload)
	}
	for name, pieces := range conntest.Chop(payload) {
		for _, room := range []int{1, 2, 300} {
			for _, drain := range []bool{false, true} {
				got, err := feed(fresh(15, takeover), -1, pieces, room, drain)
				corrupt, ok := errors.AsType[*deflate.CorruptError](err)
				if !ok || !strings.Contains(corrupt.Detail, detail) {
					t.Fatalf("%s, room %d, drain %v: %q, %v; want %q", name, room, drain, got, err, detail)
				}
			}
		}
	}
}

func TestRefused(t *testing.T) {
	s := func() *stream { return new(stream) }
	one := lensOf(257, 'a', 1, end, 1) // a literal and the end of the block, one bit each
	incomplete := lensOf(257, 'a', 2, 'b', 2, end, 2)
	for _, c := range []struct {
		name   string
		stream *stream
		detail string
	}{
		{"3.2.3/block_type_11", s().header(0, 3), "type 11"},
		{"3.2.3/block_type_11_with_BFINAL", s().header(1, 3), "type 11"},
		{"3.2.3/distance_before_the_beginning", s().header(0, 1).text("abc").copyOf(3, 4).fixed(end), "beginning"},
		{"3.2.3/distance_at_the_beginning", s().header(0, 1).copyOf(3, 1).fixed(end), "beginning"},
		{"3.2.4/NLEN_is_LEN", s().header(0, 0).raw(5, 0, 5, 0).raw([]byte("Hello")...), "NLEN"},
		{"3.2.4/one_bit_of_NLEN", s().header(0, 0).raw(5, 0, 0xfa, 0x7f).raw([]byte("Hello")...), "NLEN"},
		{"3.2.6/length_symbol_286", s().header(0, 1).text("abcd").fixed(286).huff(0, 5).fixed(end), "no literal and no length"},
		{"3.2.6/length_symbol_287", s().header(0, 1).text("abcd").fixed(287).huff(0, 5).fixed(end), "no literal and no length"},
		{"3.2.6/distance_symbol_30", s().header(0, 1).text("abcd").fixed(257).huff(30, 5).fixed(end), "no distance"},
		{"3.2.6/distance_symbol_31", s().header(0, 1).text("abcd").fixed(257).huff(31, 5).fixed(end), "no distance"},
		{"3.2.7/HLIT_287", s().dynamic(287, 1, clenLens), "HLIT"},
		{"3.2.7/HLIT_288", s().dynamic(288, 1, clenLens), "HLIT"},
		{"3.2.7/HDIST_31", s().dynamic(257, 31, clenLens), "HDIST"},
		{"3.2.7/HDIST_32", s().dynamic(257, 32, clenLens), "HDIST"},
		{"3.2.7/code_length_code_oversubscribed", s().dynamic(257, 1, lensOf(19, 0, 1, 1, 1, 2, 1)), "code length code"},
		{"3.2.7/code_length_code_incomplete", s().dynamic(257, 1, lensOf(19, 0, 2, 1, 2, 2, 2)), "code length code"},
		{"3.2.7/code_length_code_empty", s().dynamic(257, 1, lensOf(19)).bits(0, 20), "code length code"},
		{"3.2.7/code_length_code_of_one_and_not_it", s().dynamic(257, 1, lensOf(19, 0, 1)).bits(1, 20), "code length code"},
		{"3.2.7/first_length_copies", s().dynamic(257, 1, clenLens).clen(16).bits(0, 2), "first code length"},
		{"3.2.7/copy_past_the_end", s().dynamic(257, 1, clenLens).clen(one...).clen(16).bits(0, 2), "past the last one"},
		{"3.2.7/zeros_past_the_end", s().dynamic(257, 1, clenLens).clen(one[:255]...).clen(17).bits(1, 3), "past the last one"},
		{"3.2.7/many_zeros_past_the_end", s().dynamic(257, 1, clenLens).clen(18).bits(127, 7).clen(18).bits(127, 7), "past the last one"},
		{"3.2.7/literals_oversubscribed", s().lens(lensOf(257, 'a', 1, 'b', 1, end, 1), []int{0}), "literals and lengths"},
		{"3.2.7/literals_oversubscribed_by_the_longest", s().lens(lensOf(257, 'a', 1, 'b', 2, 'c', 15, 'd', 15, end, 2), []int{0}), "literals and lengths"},
		{"3.2.7/literals_incomplete", s().lens(incomplete, []int{0}).syms(incomplete, 'a', end), "literals and lengths"},
		{"3.2.7/literals_incomplete_one_of_two_bits", s().lens(lensOf(257, end, 2), []int{0}).huff(0, 2), "literals and lengths"},
		{"3.2.7/no_end_of_block", s().lens(lensOf(257, 'a', 1, 'b', 1), []int{0}).huff(0, 1), "end"},
		{"3.2.7/no_end_of_block_but_a_length", s().lens(lensOf(258, 'a', 1, 257, 1), []int{1}).huff(0, 1), "end"},
		{"3.2.7/no_literals_at_all", s().lens(lensOf(257), []int{1}), "end"},
		{"3.2.7/not_the_one_literal", s().lens(lensOf(257, end, 1), []int{0}).bits(1, 1), "no literal and no length"},
		{"3.2.7/distances_oversubscribed", s().lens(one, []int{1, 1, 1}).syms(one, 'a', end), "distances"},
		{"3.2.7/distances_incomplete", s().lens(one, []int{2, 2, 2}).syms(one, 'a', end), "distances"},
		{"3.2.7/distances_incomplete_one_of_two_bits", s().lens(one, []int{2}).syms(one, 'a', end), "distances"},
		{"3.2.7/no_distances_and_a_length", s().lens(lensOf(258, 'a', 2, end, 2, 257, 1), []int{0}).bits(0, 9), "no distance"},
		{"3.2.7/not_the_one_distance", s().lens(lensOf(258, 'a', 2, end, 2, 257, 1), []int{1}).syms(lensOf(258, 'a', 2, end, 2, 257, 1), 'a', 257).bits(1, 1), "no distance"},
	} {
		t.Run(c.name, func(t *testing.T) {
			// What follows does not help: with enough of it the bulk of the code is reached, too.
			refused(t, true, slices.Concat(c.stream.octets, make([]byte, 40)), c.detail)
			refused(t, false, slices.Concat([]byte("\x00\x00\x00\xff\xff"), c.stream.octets, make([]byte, 9)), c.detail)
			// And without it there is no end.
			if got, err := whole(fresh(15, true), c.stream.octets); err == nil {
				t.Errorf("%q, and no error", got)
			}
		})
	}
}

// TestTaken holds what is unusual and right.
func TestTaken(t *testing.T) {
	s := func() *stream { return new(stream) }
	lit := lensOf(259, 'a', 2, 'b', 2, end, 2, 258, 2)
	lit4 := lensOf(258, 'a', 2, 'b', 2, end, 2, 257, 2)
	far := func(n int) string { return strings.Repeat("0123456789abcdef", n/16) }
	long := lensOf(286, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 257, 15, end, 15)
	dist15 := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 15}
	for _, c := range []struct {
		name   string
		stream *stream
		want   string
	}{
		{"3.2.4/empty_blocks", s().stored(0, "").stored(0, "").stored(0, "ab").stored(0, ""), "ab"},
		{"3.2.4/longest_block", s().stored(0, far(65536)[1:]), far(65536)[1:]},
		{"3.2.4/after_other_blocks", s().header(0, 1).text("ab").fixed(end).stored(0, "cd").header(0, 1).text("e").fixed(end), "abcde"},
		{"3.2.5/longest_length", s().header(0, 1).text("ab").copyOf(258, 2).fixed(end), strings.Repeat("ab", 130)},
		{"3.2.5/length_258_as_284_with_31", s().header(0, 1).text("a").fixed(284).bits(31, 5).huff(0, 5).fixed(end), strings.Repeat("a", 259)},
		{"3.2.5/longest_distance", s().stored(0, far(32768)).header(0, 1).copyOf(16, 32768).fixed(end), far(32768) + far(16)},
		{"3.2.6/every_literal", s().header(0, 1).text(everyOctet).fixed(end), everyOctet},
		{"3.2.7/only_the_end", s().lens(lensOf(257, end, 1), []int{0}).bits(0, 1), ""},
		{"3.2.7/one_distance", s().lens(lit, []int{1}).syms(lit, 'a', 258).bits(0, 1).syms(lit, 'b', end), "aaaaab"},
		{"3.2.7/one_distance_not_the_first", s().lens(lit, []int{0, 1}).syms(lit, 'a', 'b', 258).bits(0, 1).syms(lit, 'b', end), "abababb"},
		{"3.2.7/no_distance", s().lens(lit, []int{0}).syms(lit, 'a', 'b', end), "ab"},
		{"3.2.7/run_across_both_codes", s().dynamic(258, 4, clenLens).clen(18).bits('a'-11, 7).clen(2, 2).clen(18).bits(127, 7).clen(18).bits(end-'c'-138-11, 7).
			clen(2, 16).bits(5-3, 2).syms(lit4, 'a', 'b', 257).huff(1, 2).syms(lit4, 'b', end), "ababab"},
		{"3.2.7/a_zero_is_copied", s().dynamic(259, 1, clenLens).clen(0, 16).bits(0, 2).clen(lit[4:]...).clen(0).syms(lit, 'b', 'a', end), "ba"},
		{"3.2.7/zeros_across_both_codes", s().dynamic(260, 3, clenLens).clen(18).bits('a'-11, 7).clen(2, 2).clen(18).bits(127, 7).clen(18).bits(end-'c'-138-11, 7).
			clen(2, 2, 17).bits(0, 3).clen(1, 1).syms(lit4, 'a', 'b', 257).huff(0, 1).syms(lit4, 'b', end), "ababab"},
		{"3.2.7/codes_of_every_length", s().lens(long, dist15).syms(long, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 257).syms(dist15, 3).syms(long, 13, end),
			"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0a\x0b\x0c\x0d"},
		{"3.2.7/distances_of_15_bits", s().lens(long, dist15).syms(long, slices.Concat(slices.Repeat([]int{0, 1}, 128), []int{257})...).syms(dist15, 14).bits(1, 6).syms(long, 5, end),
			strings.Repeat("\x00\x01", 128) + "\x00\x01\x00\x05"},
	} {
		t.Run(c.name, func(t *testing.T) {
			payload := c.stream.message()
			if want, err := oracle(nil, payload, 1<<20); err != nil || string(want) != c.want {
				t.Fatalf("compress/flate: %q, %v", want, err)
			}
			for name, pieces := range conntest.Chop(payload) {
				for _, room := range []int{1, 2, 3, 13, 300, 4000} {
					if len(payload) > 1000 && (room < 300 || !strings.HasPrefix(name, "split_at_3") && name != "whole") {
						continue // a long one needs no more than that
					}
					for _, drain := range []bool{false, true} {
						got, err := feed(fresh(15, true), -1, pieces, room, drain)
						if err != nil || string(got) != c.want {
							t.Fatalf("%s, room %d, drain %v: %q, %v; want %q", name, room, drain, got, err, c.want)
						}
					}
				}
			}
		})
	}
}

var everyOctet = func() string {
	p := make([]byte, 256)
	for i := range p {
		p[i] = byte(i)
	}
	return string(p)
}()
