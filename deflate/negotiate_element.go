package deflate

import (
	"strconv"

	"github.com/hawser-go/hawser/internal/httpfield"
)

// A parameter is one of the four that RFC 7692, 7 defines for offers and
// responses alike, or a set of them.
type parameter uint8

const (
	serverNoContextTakeover parameter = 1 << iota
	clientNoContextTakeover
	serverMaxWindowBits
	clientMaxWindowBits
)

// parameterNamed returns 0 for any other name. As elsewhere in
// Sec-WebSocket-Extensions, names are compared byte for byte.
func parameterNamed(name string) parameter {
	switch name {
	case "server_no_context_takeover":
		return serverNoContextTakeover
	case "client_no_context_takeover":
		return clientNoContextTakeover
	case "server_max_window_bits":
		return serverMaxWindowBits
	case "client_max_window_bits":
		return clientMaxWindowBits
	}
	return 0
}

// An element is a valid offer or response. The window bits are 15 where the
// parameter or its value is absent.
type element struct {
	parameters          parameter
	serverMaxWindowBits int
	clientMaxWindowBits int
}

func (e element) has(p parameter) bool { return e.parameters&p != 0 }

// parseElement reads the parameters of a permessage-deflate element, with every
// rule of RFC 7692, 7 that does not depend on the other side's element.
func parseElement(params []httpfield.Param, isResponse bool) (element, fault) {
	e := element{0, maxWindowBits, maxWindowBits}
	for _, param := range params {
		p := parameterNamed(param.Name)
		switch {
		// "contains an extension parameter not defined for use in" it
		case p == 0:
			return e, fault{ruleUnknown, param}
		// "contains multiple extension parameters with the same name"
		case e.has(p):
			return e, fault{ruleRepeated, param}
		}
		e.parameters |= p
		bits, valid := parseWindowBits(param.Value)
		switch p {
		// "This extension parameter has no value." RFC 7692, 7.1.1.1, 7.1.1.2
		case serverNoContextTakeover, clientNoContextTakeover:
			if param.HasValue {
				return e, fault{ruleHasValue, param}
			}
		// "This parameter has a decimal integer value" RFC 7692, 7.1.2.1
		case serverMaxWindowBits:
			if !valid {
				return e, fault{ruleWindowBits, param}
			}
			e.serverMaxWindowBits = bits
		case clientMaxWindowBits:
			// In an offer "no value or a decimal integer value", in a response only
			// the latter. RFC 7692, 7.1.2.2
			if !param.HasValue && !isResponse {
				continue
			}
			if !valid {
				return e, fault{ruleWindowBits, param}
			}
			e.clientMaxWindowBits = bits
		}
	}
	return e, fault{}
}

// parseWindowBits reads "a decimal integer value without leading zeroes between 8
// to 15, inclusive" (RFC 7692, 7.1.2.1).
func parseWindowBits(s string) (bits int, ok bool) {
	switch {
	case len(s) == 1 && '8' <= s[0] && s[0] <= '9':
		return int(s[0] - '0'), true
	case len(s) == 2 && s[0] == '1' && '0' <= s[1] && s[1] <= '5':
		return 10 + int(s[1]-'0'), true
	}
	return 0, false
}

// format writes an element. The window bits stand in it if they are asked for; a
// client's of 15 then have no value, which only an offer may have.
func format(p Params, withServerBits, withClientBits bool) string {
	if !withServerBits && !withClientBits {
		return formatTakeover(p)
	}
	const longest = len(Name + "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15; client_max_window_bits=15")
	b := append(make([]byte, 0, longest), formatTakeover(p)...)
	if withServerBits {
		b = append(b, "; server_max_window_bits="...)
		b = strconv.AppendInt(b, int64(p.ServerMaxWindowBits), 10)
	}
	if withClientBits {
		b = append(b, "; client_max_window_bits"...)
		if p.ClientMaxWindowBits < maxWindowBits {
			b = append(b, '=')
			b = strconv.AppendInt(b, int64(p.ClientMaxWindowBits), 10)
		}
	}
	return string(b)
}

// formatTakeover is all that the answer to a browser has unless windows are
// limited: it costs no allocation.
func formatTakeover(p Params) string {
	switch {
	case p.ServerNoContextTakeover && p.ClientNoContextTakeover:
		return Name + "; server_no_context_takeover; client_no_context_takeover"
	case p.ServerNoContextTakeover:
		return Name + "; server_no_context_takeover"
	case p.ClientNoContextTakeover:
		return Name + "; client_no_context_takeover"
	}
	return Name
}
