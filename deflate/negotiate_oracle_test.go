package deflate_test

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/hawser-go/hawser/deflate"
)

// This file is a second opinion on negotiation. It reads header fields with
// strings.Split and judges them with sentences of RFC 7692, one by one; it calls
// nothing of the package.

// An rfcElement is an element of Sec-WebSocket-Extensions: its name and the values
// of each parameter, none being "no value".
type rfcElement struct {
	name   string
	params map[string][]string
}

const none = "no value"

var unquote = strings.NewReplacer(`\`, "", `"`, "")

// rfcParse reads a field that has passed the grammar of RFC 6455, 9.1, in which a
// quoted value has none of the separators.
func rfcParse(field string) (list []rfcElement) {
	for element := range strings.SplitSeq(field, ",") {
		parts := strings.Split(element, ";")
		e := rfcElement{strings.Trim(parts[0], " \t"), map[string][]string{}}
		if e.name == "" {
			continue
		}
		for _, part := range parts[1:] {
			name, value, has := strings.Cut(part, "=")
			if has {
				value = unquote.Replace(strings.Trim(value, " \t"))
			} else {
				value = none
			}
			name = strings.Trim(name, " \t")
			e.params[name] = append(e.params[name], value)
		}
		list = append(list, e)
	}
	return list
}

func (e rfcElement) has(name string) bool { return e.params[name] != nil }

// bits is the value of a window parameter of a valid element: "Absence of this
// parameter [...] indicates [...] an LZ77 sliding window of up to 32,768 bytes."
func (e rfcElement) bits(name string) int {
	if !e.has(name) || e.params[name][0] == none {
		return 15
	}
	n, _ := strconv.Atoi(e.params[name][0])
	return n
}

// "server-max-window-bits = 1*DIGIT" and "client-max-window-bits = 1*DIGIT",
// "without leading zeroes"
var rfcDecimal = regexp.MustCompile(`^[1-9][0-9]*$`)

// rfcValid is RFC 7692, 7: "A server MUST decline an extension negotiation offer"
// and "A client MUST _Fail the WebSocket Connection_".
func (e rfcElement) rfcValid(isResponse bool) bool {
	for name, values := range e.params {
		// "multiple extension parameters with the same name"
		if len(values) != 1 {
			return false
		}
		switch name {
		case "server_no_context_takeover", "client_no_context_takeover":
			// "This extension parameter has no value."
			if values[0] != none {
				return false
			}
		case "server_max_window_bits", "client_max_window_bits":
			// "This parameter has no value or a decimal integer value", said of
			// client_max_window_bits in an offer only
			if name == "client_max_window_bits" && !isResponse && values[0] == none {
				continue
			}
			// "a decimal integer value without leading zeroes between 8 to 15"
			n, err := strconv.Atoi(values[0])
			if !rfcDecimal.MatchString(values[0]) || err != nil || n < 8 || n > 15 {
				return false
			}
		default:
			// "an extension parameter not defined for use in an offer"
			return false
		}
	}
	return true
}

// rfcAnswers reports whether response, a valid element, may answer offer, another.
func rfcAnswers(offer, response rfcElement) bool {
	// "A server accepts an extension negotiation offer that includes the
	// "server_no_context_takeover" extension parameter by including" it (7.1.1.1)
	if offer.has("server_no_context_takeover") && !response.has("server_no_context_takeover") {
		return false
	}
	// "A server accepts an extension negotiation offer with this parameter by
	// including [it] with the same or smaller value as the offer" (7.1.2.1)
	if offer.has("server_max_window_bits") && (!response.has("server_max_window_bits") ||
		response.bits("server_max_window_bits") > offer.bits("server_max_window_bits")) {
		return false
	}
	// "If a received extension negotiation offer doesn't have the
	// "client_max_window_bits" extension parameter, the corresponding extension
	// negotiation response to the offer MUST NOT include" it (7.1.2.2)
	return offer.has("client_max_window_bits") || !response.has("client_max_window_bits")
}

// rfcParams is what a response says to both sides.
func rfcParams(response rfcElement) deflate.Params {
	return deflate.Params{
		ServerNoContextTakeover: response.has("server_no_context_takeover"),
		ClientNoContextTakeover: response.has("client_no_context_takeover"),
		ServerMaxWindowBits:     response.bits("server_max_window_bits"),
		ClientMaxWindowBits:     response.bits("client_max_window_bits"),
	}
}

// wantBits is what the comment of Config says of its two numbers.
func wantBits(n int) int {
	switch {
	case n <= 0 || n > 15:
		return 15
	case n < 8:
		return 8
	}
	return n
}

// serverOracle returns the offer that a server with c accepts, and what both then
// keep to.
func serverOracle(field string, c *deflate.Config) (offer rfcElement, p deflate.Params, ok bool) {
	if c == nil {
		return offer, p, false
	}
	for _, e := range rfcParse(field) {
		if e.name != "permessage-deflate" || !e.rfcValid(false) {
			continue
		}
		p.ServerNoContextTakeover = e.has("server_no_context_takeover") || !c.ServerContextTakeover
		p.ServerMaxWindowBits = min(e.bits("server_max_window_bits"), wantBits(c.ServerMaxWindowBits))
		p.ClientMaxWindowBits = 15
		if e.has("client_max_window_bits") {
			p.ClientMaxWindowBits = min(e.bits("client_max_window_bits"), wantBits(c.ClientMaxWindowBits))
		}
		// A window that is larger than wanted and cannot be limited is not kept.
		p.ClientNoContextTakeover = e.has("client_no_context_takeover") || !c.ClientContextTakeover ||
			!e.has("client_max_window_bits") && wantBits(c.ClientMaxWindowBits) < 15
		return e, p, true
	}
	return offer, p, false
}

// clientOracle judges a response to the offer that a client with c has made: p is
// what both keep to, ok is false if the server has declined.
func clientOracle(field, offered string, c *deflate.Config) (p deflate.Params, ok, valid bool) {
	var responses []rfcElement
	for _, e := range rfcParse(field) {
		if e.name == "permessage-deflate" {
			responses = append(responses, e)
		}
	}
	switch {
	case len(responses) == 0:
		return p, false, true
	case len(responses) > 1 || offered == "":
		return p, false, false
	}
	response, offer := responses[0], rfcParse(offered)[0]
	if !response.rfcValid(true) || !rfcAnswers(offer, response) {
		return p, false, false
	}
	p = rfcParams(response)
	// The client keeps to its own limits where the response is more generous.
	p.ClientNoContextTakeover = p.ClientNoContextTakeover || !c.ClientContextTakeover
	p.ClientMaxWindowBits = min(p.ClientMaxWindowBits, wantBits(c.ClientMaxWindowBits))
	return p, true, true
}
