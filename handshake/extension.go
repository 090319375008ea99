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
		return nil, malformedExtensions(err)
	}
	return list, nil
}

func malformedExtensions(err error) error {
	return newError(http.StatusBadRequest, "9.1", "Sec-WebSocket-Extensions is malformed: %v", err)
}

// parseExtensions is ParseExtensions without a verdict on whose fault it is.
func parseExtensions(lines []string) ([]Extension, error) {
	list, _, err := appendExtensions(nil, nil, lines)
	if err != nil {
		return nil, err
	}
	return list, nil
}

// appendExtensions appends what lines have to list, which is empty. All
// parameters are appended to params, of which the extensions have parts.
func appendExtensions(list []Extension, params []Param, lines []string) ([]Extension, []Param, error) {
	if tooLong(lines, ",;") {
		return list, params, errTooLong
	}
	// What was appended before params grew stays in the old array, and is right
	// there.
	start := len(params)
	err := httpfield.ReadParameterized(lines, func(name string) {
		start = len(params)
		list = append(list, Extension{Name: name})
	}, func(name, value string) {
		params = append(params, Param{Name: name, Value: value, HasValue: value != ""})
		list[len(list)-1].Params = params[start:len(params):len(params)]
	})
	if err != nil {
		return list, params, err
	}
	// "extension-list = 1#extension" RFC 6455, 9.1
	if len(lines) > 0 && len(list) == 0 {
		return list, params, errEmptyList
	}
	return list, params, nil
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
