package httpfield_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/internal/conntest"
	"github.com/hawser-go/hawser/internal/httpfield"
)

func TestHasToken(t *testing.T) {
	for _, test := range []struct {
		name  string
		lines []string
		want  bool
	}{
		{"5.6.1/alone", []string{"upgrade"}, true},
		{"5.6.1/case", []string{"UpGrAdE"}, true},
		{"5.6.1/first", []string{"Upgrade, keep-alive"}, true},
		{"5.6.1/last", []string{"keep-alive, Upgrade"}, true},
		{"5.6.1/middle_without_spaces", []string{"a,upgrade,b"}, true},
		{"5.3/second_line", []string{"keep-alive", "upgrade"}, true},
		{"5.6.3/optional_white_space", []string{" \tupgrade\t "}, true},
		{"5.6.3/white_space_before_comma", []string{"upgrade \t,a"}, true},
		{"5.6.1.2/empty_elements", []string{",, ,upgrade,,"}, true},
		{"5.6.1/neighbour_is_malformed", []string{"a b, upgrade, \x00"}, true},
		{"5.6.1/no_lines", nil, false},
		{"5.6.1/empty_line", []string{""}, false},
		{"5.6.1/commas_only", []string{",,"}, false},
		{"5.6.2/longer_at_the_start", []string{"xupgrade"}, false},
		{"5.6.2/longer_at_the_end", []string{"upgradex"}, false},
		{"5.6.2/longer_with_hyphen", []string{"no-upgrade", "upgrade-insecure"}, false},
		{"5.6.2/two_words", []string{"upgrade now"}, false},
		{"5.6.2/split_word", []string{"up,grade"}, false},
		{"5.3/split_over_lines", []string{"up", "grade"}, false},
		{"5.6.4/quoted", []string{`"upgrade"`}, false},
		{"5.6.4/quote_left_open", []string{`"upgrade`}, false},
		{"5.6.6/parameter", []string{"upgrade;q=1"}, false},
		{"7.8/version", []string{"upgrade/13"}, false},
		{"5.6.3/other_white_space", []string{"upgrade\v", "\fupgrade", "upgrade\u00a0", "upgrade\n", "upgrade\r"}, false},
		{"5.6.2/nul", []string{"upgrade\x00"}, false},
		{"5.6.2/not_ascii", []string{"upgr\u00e4de", "upgrade\xff"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := httpfield.HasToken(test.lines, "upgrade"); got != test.want {
				t.Errorf("HasToken(%q) = %v", test.lines, got)
			}
		})
	}
	t.Run("5.6.2/kelvin_sign", func(t *testing.T) {
		if httpfield.HasToken([]string{"websoc\u212aet"}, "websocket") {
			t.Error("matches beyond ASCII")
		}
	})
}

// tokenLists is the table of #token lists; want is nil for a malformed one.
var tokenLists = []struct {
	name  string
	lines []string
	want  []string
}{
	{"5.6.1/no_lines", nil, []string{}},
	{"5.6.1/empty_line", []string{""}, []string{}},
	{"5.6.1/white_space_only", []string{" \t "}, []string{}},
	{"5.6.1.2/commas_only", []string{", ,,\t,"}, []string{}},
	{"5.6.1/one", []string{"chat"}, []string{"chat"}},
	{"5.6.1/order_and_case_stay", []string{"B, a,c"}, []string{"B", "a", "c"}},
	{"5.6.1/repetition_stays", []string{"a, a"}, []string{"a", "a"}},
	{"5.3/several_lines", []string{"a, b", "", "c"}, []string{"a", "b", "c"}},
	{"5.6.1.2/empty_elements", []string{",a,,b,"}, []string{"a", "b"}},
	{"5.6.2/every_special_tchar", []string{"!#$%&'*+-.^_`|~"}, []string{"!#$%&'*+-.^_`|~"}},
	{"5.6.2/javascript_property", []string{"__proto__, constructor"}, []string{"__proto__", "constructor"}},
	{"5.6.2/two_words", []string{"a b"}, nil},
	{"5.6.2/second_line_malformed", []string{"a", "b c"}, nil},
	{"5.6.4/quoted", []string{`"a"`}, nil},
	{"5.6.6/parameter", []string{"a;b"}, nil},
	{"5.6.2/slash", []string{"a/1"}, nil},
	{"5.6.2/comma_mess", []string{`,;=,"`}, nil},
	{"5.6.2/nul", []string{"a\x00"}, nil},
	{"5.6.2/del", []string{"a, \x7f"}, nil},
	{"5.6.2/0x80", []string{"\x80"}, nil},
	{"5.6.2/0xff", []string{"a\xff"}, nil},
	{"5.6.2/line_feed", []string{"a,\nb"}, nil},
}

func TestAppendTokens(t *testing.T) {
	for _, test := range tokenLists {
		t.Run(test.name, func(t *testing.T) {
			dst := append(make([]string, 0, 8), "before")
			got, err := httpfield.AppendTokens(dst, test.lines)
			if test.want == nil {
				if err == nil || !slices.Equal(got, dst) {
					t.Fatalf("AppendTokens(%q) = %q, %v, want the slice as it came and an error", test.lines, got, err)
				}
				return
			}
			if want := append(dst, test.want...); err != nil || !slices.Equal(got, want) {
				t.Errorf("AppendTokens(%q) = %q, %v, want %q", test.lines, got, err, want)
			}
		})
	}
}

func TestSyntaxErrorNamesThePlace(t *testing.T) {
	long := strings.Repeat("a", 100)
	for _, test := range []struct{ name, line, want string }{
		{"5.6.2/start", "\x00", `not a token at byte 0, near "\x00"`},
		{"5.6.2/third_element", "a,b, c d", `not a token at byte 4, near "a,b, c d"`},
		{"5.6.2/long_line", long + ",;" + long, `not a token at byte 101, near "aaaaaaaaaaaaaaa,;aaaaaaaaaaaaaaa"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := httpfield.AppendTokens(nil, []string{test.line})
			if err == nil || err.Error() != test.want {
				t.Errorf("error is %v, want %s", err, test.want)
			}
		})
	}
}

// A element is what ReadParameterized reports, kept for comparison.
type element struct {
	name   string
	params [][2]string
}

func readParameterized(lines []string) (list []element, err error) {
	err = httpfield.ReadParameterized(lines, func(name string) {
		list = append(list, element{name: name})
	}, func(name, value string) {
		e := &list[len(list)-1]
		e.params = append(e.params, [2]string{name, value})
	})
	return list, err
}

// format writes list in a spelling of its own, which differs from the canonical
// one in all that must not matter.
func format(list []element, separator string) string {
	var s strings.Builder
	for i, e := range list {
		if i > 0 {
			s.WriteString(separator)
		}
		s.WriteString(e.name)
		for _, p := range e.params {
			s.WriteString(";" + p[0])
			if p[1] != "" {
				s.WriteString("=" + p[1])
			}
		}
	}
	return s.String()
}

// parameterizedLists is the table of RFC 6455, 9.1; want is the canonical
// spelling, and err what the error must say if the list is malformed.
var parameterizedLists = []struct {
	name      string
	lines     []string
	want, err string
}{
	{"9.1/no_lines", nil, "", ""},
	{"9.1/empty", []string{""}, "", ""},
	{"9.1/empty_elements", []string{", ,\t,"}, "", ""},
	{"9.1/example_1", []string{"deflate-stream"}, "deflate-stream", ""},
	{"9.1/example_2", []string{"mux; max-channels=4; flow-control, deflate-stream"}, "mux;max-channels=4;flow-control,deflate-stream", ""},
	{"9.1/example_3", []string{"private-extension"}, "private-extension", ""},
	{"9.1/two_lines", []string{"foo", "bar; baz=2"}, "foo,bar;baz=2", ""},
	{"9.1/one_line", []string{"foo, bar; baz=2"}, "foo,bar;baz=2", ""},
	{"9.1/order_stays", []string{"b; z; a, a"}, "b;z;a,a", ""},
	{"9.1/repetition_stays", []string{"a; b; b=1; b, a"}, "a;b;b=1;b,a", ""},
	{"9.1/no_space", []string{"a;b=1;c,d"}, "a;b=1;c,d", ""},
	{"9.1/implied_white_space", []string{"\t a \t; \tb\t =\t 1\t ; c \t,\t d \t"}, "a;b=1;c,d", ""},
	{"9.1/white_space_before_quote", []string{`a; b = "1" ; c`}, "a;b=1;c", ""},
	{"9.1/empty_elements_between", []string{",a;b,, ,c,"}, "a;b,c", ""},
	{"9.1/quoted", []string{`a; b="1"`}, "a;b=1", ""},
	{"9.1/quoted_escape", []string{`a; b="\1\0"`}, "a;b=10", ""},
	{"9.1/quoted_escape_in_the_middle", []string{`a; b="x\yz", c`}, "a;b=xyz,c", ""},
	{"9.1/quoted_then_comma", []string{`a; b="c",d`}, "a;b=c,d", ""},
	{"9.1/javascript_property", []string{"constructor; __proto__"}, "constructor;__proto__", ""},

	{"9.1/semicolon_only", []string{";"}, "", "expected an element's name at byte 0"},
	{"9.1/comma_then_semicolon", []string{",;constructor"}, "", "expected an element's name at byte 1"},
	{"9.1/every_separator", []string{`,;=,"`}, "", "expected an element's name at byte 1"},
	{"9.1/equals_only", []string{"="}, "", "expected an element's name at byte 0"},
	{"9.1/quoted_name", []string{`"a"`}, "", "expected an element's name at byte 0"},
	{"9.1/two_names", []string{"a b"}, "", "expected ',' or ';' at byte 2"},
	{"9.1/name_with_value", []string{"a=1"}, "", "expected ',' or ';' at byte 1"},
	{"9.1/trailing_semicolon", []string{"a;"}, "", "expected a parameter's name at byte 2"},
	{"9.1/trailing_semicolon_and_space", []string{"a; "}, "", "expected a parameter's name at byte 3"},
	{"9.1/two_semicolons", []string{"a;;b"}, "", "expected a parameter's name at byte 2"},
	{"9.1/semicolon_comma", []string{"a;,b"}, "", "expected a parameter's name at byte 2"},
	{"9.1/parameter_split_over_lines", []string{"a;", "b"}, "", "expected a parameter's name at byte 2"},
	{"9.1/no_parameter_name", []string{"a;=1"}, "", "expected a parameter's name at byte 2"},
	{"9.1/quoted_parameter_name", []string{`a;"b"`}, "", "expected a parameter's name at byte 2"},
	{"9.1/no_value", []string{"a; b="}, "", "expected a parameter's value at byte 5"},
	{"9.1/no_value_then_comma", []string{"a; b=, c"}, "", "expected a parameter's value at byte 5"},
	{"9.1/no_value_then_semicolon", []string{"a; b=;c"}, "", "expected a parameter's value at byte 5"},
	{"9.1/two_equals", []string{"a; b==1"}, "", "expected a parameter's value at byte 5"},
	{"9.1/two_values", []string{"a; b=1 2"}, "", "expected ',' or ';' at byte 7"},
	{"9.1/value_with_slash", []string{"a; b=1/2"}, "", "expected ',' or ';' at byte 6"},
	{"9.1/quoted_empty", []string{`a; b=""`}, "", "a quoted value must not be empty at byte 6"},
	{"9.1/quoted_then_text", []string{`a; b="c"d`}, "", "expected ',' or ';' at byte 8"},
	{"9.1/text_then_quoted", []string{`a; b=c"d"`}, "", "expected ',' or ';' at byte 6"},
	{"9.1/quoted_space", []string{`a; b="c d"`}, "", "a quoted value must be a token at byte 7"},
	{"9.1/quoted_comma", []string{`a; b="c,d"`}, "", "a quoted value must be a token at byte 7"},
	{"9.1/quoted_escaped_quote", []string{`a; b="c\"d"`}, "", "a quoted value must be a token at byte 8"},
	{"9.1/quoted_escaped_backslash", []string{`a; b="\\"`}, "", "a quoted value must be a token at byte 7"},
	{"9.1/quoted_nul", []string{"a; b=\"\x00\""}, "", "a quoted value must be a token at byte 6"},
	{"9.1/quoted_not_ascii", []string{"a; b=\"\xff\""}, "", "a quoted value must be a token at byte 6"},
	{"9.1/quote_left_open", []string{`a; b="c`}, "", "expected a closing quote at byte 7"},
	{"9.1/quote_left_open_empty", []string{`a; b="`}, "", "expected a closing quote at byte 6"},
	{"9.1/quote_ends_in_escape", []string{`a; b="c\`}, "", "a quoted value must be a token at byte 8"},
	{"9.1/quote_over_lines", []string{`a; b="c`, `d"`}, "", "expected a closing quote at byte 7"},
	{"9.1/single_quote", []string{`a; b='c'`}, "a;b='c'", ""},
	{"9.1/nul", []string{"a\x00"}, "", "expected ',' or ';' at byte 1"},
	{"9.1/del", []string{"\x7f"}, "", "expected an element's name at byte 0"},
	{"9.1/0x80", []string{"a;\x80"}, "", "expected a parameter's name at byte 2"},
	{"9.1/0xff", []string{"a;b=\xff"}, "", "expected a parameter's value at byte 4"},
	{"9.1/carriage_return", []string{"a\r"}, "", "expected ',' or ';' at byte 1"},
}

func TestReadParameterized(t *testing.T) {
	for _, test := range parameterizedLists {
		t.Run(test.name, func(t *testing.T) {
			list, err := readParameterized(test.lines)
			switch {
			case test.err != "":
				if err == nil || !strings.HasPrefix(err.Error(), test.err+",") {
					t.Errorf("error is %v, want %s", err, test.err)
				}
			case err != nil:
				t.Error(err)
			case format(list, ",") != test.want:
				t.Errorf("read %q, want %q", format(list, ","), test.want)
			}
		})
	}
}

// What is read of a prefix of a list never differs from what is read of the
// whole but for its last word.
func TestReadParameterizedAtEverySplit(t *testing.T) {
	const line = `mux; max-channels="\4"; flow-control , , deflate ;a = b`
	whole, err := readParameterized([]string{line})
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(line) {
		part, _ := readParameterized([]string{line[:i]})
		if len(part) > len(whole) {
			t.Fatalf("%q has more elements than the whole", line[:i])
		}
		for j, e := range part {
			if last := j == len(part)-1; !last && format(part[j:j+1], ",") != format(whole[j:j+1], ",") {
				t.Errorf("%q: element %d is %q, in the whole %q", line[:i], j, e, whole[j])
			} else if !strings.HasPrefix(whole[j].name, e.name) || len(e.params) > len(whole[j].params) {
				t.Errorf("%q: last element is %q, in the whole %q", line[:i], e, whole[j])
			}
		}
	}
}

// hostile has inputs that have hung or crashed other parsers, with an element
// to repeat. At 4 MiB a parser that is not linear does not come back.
var hostile = []struct{ name, start, repeat, end string }{
	{"escapes_unclosed", `a; b="`, `\c`, ``},
	{"escapes_closed", `a; b="`, `\c`, `"`},
	{"quoted_backslashes", `a; b="`, `\`, ``},
	{"spaces", ``, ` `, ``},
	{"spaces_inside", `a`, ` `, `b`},
	{"tabs_before_value", `a; b=`, "\t", `c`},
	{"commas", ``, `,`, ``},
	{"commas_and_spaces", ``, ` , `, `;`},
	{"semicolons", `a`, `;`, ``},
	{"quotes", `a; b=`, `"`, ``},
	{"separators", ``, `,;=,"`, ``},
	{"letters", ``, `a`, ``},
	{"elements", ``, `a,`, ``},
	{"parameters", `a`, `;b`, ``},
	{"values", `a`, `;b=c`, ``},
	{"quoted_values", `a`, `;b="c"`, ``},
	{"open_quotes", ``, `a;b="c,`, ``},
	{"nul", ``, "\x00", ``},
	{"0xff", `a;b=`, "\xff", ``},
}

func TestHostileListsTakeLinearTime(t *testing.T) {
	size := 4 << 20
	if conntest.RaceEnabled {
		size = 64 << 10 // coverage under the race detector costs 100 ns for each byte
	}
	for _, test := range hostile {
		t.Run("5.6.1/"+test.name, func(t *testing.T) {
			line := test.start + strings.Repeat(test.repeat, size/len(test.repeat)) + test.end
			elements, params := 0, 0
			err := httpfield.ReadParameterized([]string{line}, func(string) { elements++ }, func(string, string) { params++ })
			if elements+params > len(line)/2+2 {
				t.Errorf("%d elements and %d parameters in %d bytes", elements, params, len(line))
			}
			if err != nil && len(err.Error()) > 256 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			if tokens, err := httpfield.AppendTokens(nil, []string{line}); err != nil && tokens != nil {
				t.Errorf("%d tokens and an error", len(tokens))
			}
			if httpfield.HasToken([]string{line}, "upgrade") {
				t.Error("has the token upgrade")
			}
		})
	}
}

func TestReadingDoesNotAllocate(t *testing.T) {
	if conntest.RaceEnabled {
		t.Skip("the race detector allocates")
	}
	lines := []string{`permessage-deflate; client_max_window_bits="15", x`, "keep-alive, Upgrade"}
	tokens := []string{"keep-alive, Upgrade"}
	dst := make([]string, 0, 8)
	for name, f := range map[string]func(){
		"HasToken":          func() { httpfield.HasToken(lines, "upgrade") },
		"AppendTokens":      func() { dst, _ = httpfield.AppendTokens(dst[:0], tokens) },
		"ReadParameterized": func() { _ = httpfield.ReadParameterized(lines[:1], func(string) {}, func(string, string) {}) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
