package deflate

import (
	"strconv"

	"github.com/hawser-go/hawser/internal/httpfield"
)

// An Error says why a client cannot take a server's permessage-deflate. The client
// has to fail the connection (RFC 7692, 5 and 7).
type Error struct {
	// Parameter is the name of the parameter at fault, cut to a bounded length. It
	// is empty if the fault is not that of a parameter.
	Parameter string

	// Value is what the parameter has for a value, cut to a bounded length. It is
	// empty if there is none, or if the parameter is missing.
	Value string

	// Section is the section of RFC 7692 that decides the case.
	Section string

	// Detail says what is wrong, without a final period. What the peer sent stands
	// in it quoted and cut to a bounded length.
	Detail string
}

// Error returns the detail and the section: "deflate: server_max_window_bits is
// "11", more than was offered (RFC 7692, 7.1.2.1)".
func (e *Error) Error() string { return "deflate: " + e.Detail + " (RFC 7692, " + e.Section + ")" }

// A fault is what is wrong with an element, before anything is allocated: a
// server declines without saying why.
type fault struct {
	rule  rule
	param httpfield.Param
}

// A rule is one that an element breaks.
type rule uint8

const (
	ruleNone rule = iota
	ruleUnknown
	ruleRepeated
	ruleHasValue
	ruleWindowBits
	ruleNotConfirmed
	ruleTooLarge
	ruleNotOffered
	ruleTwoElements
)

func newError(f fault) *Error {
	e := &Error{
		Parameter: clip(f.param.Name),
		Value:     clip(f.param.Value),
		Section:   sectionOf(parameterNamed(f.param.Name)),
	}
	value := " has no value"
	if f.param.HasValue {
		value = " is " + strconv.Quote(e.Value)
	}
	switch f.rule {
	case ruleUnknown:
		e.Detail = "parameter " + strconv.Quote(e.Parameter) + " is not defined"
	case ruleRepeated:
		e.Section, e.Detail = "7", e.Parameter+" is repeated"
	case ruleHasValue:
		e.Detail = e.Parameter + value + ", expected no value"
	case ruleWindowBits:
		e.Detail = e.Parameter + value + ", expected an integer from 8 to 15 without leading zeros"
	case ruleNotConfirmed:
		e.Detail = e.Parameter + " was offered, and the response does not have it"
	case ruleTooLarge:
		e.Detail = e.Parameter + value + ", more than was offered"
	case ruleNotOffered:
		e.Section, e.Detail = "5", Name+" was not offered"
	case ruleTwoElements:
		e.Section, e.Detail = "5", Name+" is accepted twice"
	}
	return e
}

// sectionOf returns the section that defines p, 7 if none does.
func sectionOf(p parameter) string {
	switch p {
	case serverNoContextTakeover:
		return "7.1.1.1"
	case clientNoContextTakeover:
		return "7.1.1.2"
	case serverMaxWindowBits:
		return "7.1.2.1"
	case clientMaxWindowBits:
		return "7.1.2.2"
	}
	return "7"
}

// clip bounds what a peer's string can add to an [Error].
func clip(s string) string {
	const most = 64
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
