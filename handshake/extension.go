package handshake

import (
	"net/http"
	"strings"

	"github.com/hawser-go/hawser/internal/httpfield"
)

// An Extension is one element of Sec-WebSocket-Extensions: an extension that a
// client offers or that a server has selected. It has a Name string and, in the
// order in which they came, Params []Param.
type Extension = httpfield.Extension

// A Param is a parameter of an [Extension]. It has a Name and a Value string and
// HasValue bool. The value is a token, free of quotes and escapes, if HasValue;
// else it is empty.
type Param = httpfield.Param

// ParseExtensions reads the lines of the Sec-WebSocket-Extensions field
// (RFC 6455, 9.1). No lines are no extensions; lines without a single extension
// break the grammar. More than 64 commas and semicolons are refused. The caller
// owns the result. An error is an [*Error] with status 400.
func ParseExtensions(lines []string) ([]Extension, error) {
	list, err := parseExtensions(lines)
	if err != nil {
		return nil, newError(http.StatusBadRequest, "9.1", "Sec-WebSocket-Extensions is malformed: %v", err)
	}
	return list, nil
}

// parseExtensions is ParseExtensions without a verdict on whose fault it is.
func parseExtensions(lines []string) ([]Extension, error) {
	if tooLong(lines, ",;") {
		return nil, errTooLong
	}
	var list []Extension
	err := httpfield.ReadParameterized(lines, func(name string) {
		list = append(list, Extension{Name: name})
	}, func(name, value string) {
		e := &list[len(list)-1]
		e.Params = append(e.Params, Param{Name: name, Value: value, HasValue: value != ""})
	})
	if err != nil {
		return nil, err
	}
	// "extension-list = 1#extension" RFC 6455, 9.1
	if len(lines) > 0 && len(list) == 0 {
		return nil, errEmptyList
	}
	return list, nil
}

// FormatExtensions returns the value of Sec-WebSocket-Extensions for list, ""
// for an empty one. [ParseExtensions] reads it back. It does not check that
// names and values are tokens; [AppendRequest] and [AppendResponse] do.
func FormatExtensions(list []Extension) string {
	var b strings.Builder
	for i, e := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(e.Name)
		for _, p := range e.Params {
			b.WriteString("; ")
			b.WriteString(p.Name)
			if p.HasValue {
				b.WriteString("=")
				b.WriteString(p.Value)
			}
		}
	}
	return b.String()
}
