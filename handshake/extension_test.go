package handshake_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/handshake"
)

// extensionFields is the table of RFC 6455, 9.1 as this package sees it; the
// grammar's own table is in internal/httpfield.
var extensionFields = []struct {
	name   string
	lines  []string
	want   []handshake.Extension
	format string
	err    string
}{
	{"9.1/no_lines", nil, nil, "", ""},
	{"9.1/one", []string{"foo"}, []handshake.Extension{{Name: "foo"}}, "foo", ""},
	{"9.1/two_lines", []string{"foo", "bar; baz=2"}, []handshake.Extension{
		{Name: "foo"}, {Name: "bar", Params: []handshake.Param{{Name: "baz", Value: "2", HasValue: true}}},
	}, "foo, bar; baz=2", ""},
	{"9.1/flag_and_quoted_value", []string{` mux ; max-channels = "\4" ;flow-control,,mux`}, []handshake.Extension{
		{Name: "mux", Params: []handshake.Param{{Name: "max-channels", Value: "4", HasValue: true}, {Name: "flow-control"}}},
		{Name: "mux"},
	}, "mux; max-channels=4; flow-control, mux", ""},
	{"9.1/empty", []string{""}, nil, "", "no element"},
	{"9.1/commas_only", []string{",", ", ,"}, nil, "", "no element"},
	{"9.1/malformed", []string{"foo", ",;constructor"}, nil, "", `expected an element's name at byte 1, near ",;constructor"`},
	{"10.4/64_separators", []string{"a" + strings.Repeat(";b,a", 32)}, nil, "a; b, a" + strings.Repeat("; b, a", 31), ""},
	{"10.4/65_separators", []string{"a" + strings.Repeat(";b,a", 32) + ","}, nil, "", "more than 64 separators"},
	{"10.4/65_seams", strings.Split("a"+strings.Repeat(",a", 65), ","), nil, "", "more than 64 separators"},
	{"10.4/1_mib", []string{strings.Repeat("a,", 1<<19)}, nil, "", "more than 64 separators"},
}

func TestParseExtensions(t *testing.T) {
	for _, test := range extensionFields {
		t.Run(test.name, func(t *testing.T) {
			got, err := handshake.ParseExtensions(test.lines)
			if test.err != "" {
				wantError(t, err, 400, "9.1", "Sec-WebSocket-Extensions is malformed: "+test.err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if test.want != nil && !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if format := handshake.FormatExtensions(got); format != test.format {
				t.Errorf("formatted %q, want %q", format, test.format)
			}
		})
	}
}
