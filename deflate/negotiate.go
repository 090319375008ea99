package deflate

import (
	"strconv"

	"github.com/hawser-go/hawser/internal/httpfield"
)

// Offer returns the element of Sec-WebSocket-Extensions with which a client
// offers what c wants, "" if c is nil. It always says that the server may limit
// the client's window. It does not retain c.
func Offer(c *Config) string {
	if c == nil {
		return ""
	}
	w := wanted(c)
	// "client_max_window_bits" always, a value with it only as a hint of less.
	return format(w, w.ServerMaxWindowBits < maxWindowBits, true)
}

// Accept is the server's part: of the offers in a request it accepts the first
// one that is valid and returns the agreed parameters with the element of
// Sec-WebSocket-Extensions to answer. Elements with other names are passed over.
// ok is false if nothing is accepted, for want of an acceptable offer or because
// c is nil; the connection then goes on without compression, and nothing has
// been allocated. It does not retain offers or c.
//
// "A server MUST decline an extension negotiation offer" with an unknown
// parameter, an invalid value or a repeated parameter (RFC 7692, 7).
func Accept(offers []httpfield.Extension, c *Config) (p Params, response string, ok bool) {
	if c == nil {
		return Params{}, "", false
	}
	for i := range offers {
		if offers[i].Name != Name {
			continue
		}
		if o, f := parseElement(offers[i].Params, false); f.rule == ruleNone {
			p, response = accept(o, wanted(c))
			return p, response, true
		}
	}
	return Params{}, "", false
}

// accept answers a valid offer. There is none that w does not allow: the server
// only ever does less than the client allows it, or asks for what a client has to
// support.
func accept(o element, w Params) (Params, string) {
	// "the client is not going to use context takeover" (7.1.1.2), so the server
	// need not keep anything for it.
	w.ClientNoContextTakeover = w.ClientNoContextTakeover || o.has(clientNoContextTakeover)
	// "A server accepts an extension negotiation offer that includes the
	// "server_no_context_takeover" extension parameter by including the
	// "server_no_context_takeover" extension parameter in the corresponding
	// extension negotiation response" RFC 7692, 7.1.1.1
	w.ServerNoContextTakeover = w.ServerNoContextTakeover || o.has(serverNoContextTakeover)
	// "with the same or smaller value as the offer" RFC 7692, 7.1.2.1
	w.ServerMaxWindowBits = min(w.ServerMaxWindowBits, o.serverMaxWindowBits)
	if o.has(clientMaxWindowBits) {
		// "with a value equal to or smaller than the received value"
		// RFC 7692, 7.1.2.2
		w.ClientMaxWindowBits = min(w.ClientMaxWindowBits, o.clientMaxWindowBits)
	} else if w.ClientMaxWindowBits < maxWindowBits {
		// "the corresponding extension negotiation response to the offer MUST NOT
		// include the "client_max_window_bits" extension parameter."
		// RFC 7692, 7.1.2.2. But a client "MUST support" this one (7.1.1.2):
		w.ClientMaxWindowBits = maxWindowBits
		w.ClientNoContextTakeover = true
	}
	sendServerBits := o.has(serverMaxWindowBits) || w.ServerMaxWindowBits < maxWindowBits
	return w, format(w, sendServerBits, w.ClientMaxWindowBits < maxWindowBits)
}

// CheckResponse is the client's part: it finds permessage-deflate among the
// extensions that the server has answered with, and checks it against what
// [Offer] returned for the same c. ok is false if the server has declined.
// An error is an [*Error], upon which the client has to fail the connection. It
// does not retain response or c.
func CheckResponse(response []httpfield.Extension, c *Config) (p Params, ok bool, err error) {
	w := wanted(c)
	for _, e := range response {
		if e.Name != Name {
			continue
		}
		r, f := parseElement(e.Params, true)
		switch {
		case c == nil:
			// "accepting a PMCE that the client did not offer" RFC 7692, 5
			f = fault{rule: ruleNotOffered}
		case ok:
			// Both use the RSV1 bit, and a client fails a response that accepts a
			// PMCE "together with such an extension" (RFC 7692, 5).
			f = fault{rule: ruleTwoElements}
		case f.rule == ruleNone:
			f = checkAgreed(r, w)
		}
		if f.rule != ruleNone {
			return Params{}, false, newError(f)
		}
		p, ok = Params{
			ServerNoContextTakeover: r.has(serverNoContextTakeover),
			// What the offer announced holds even if the server does not repeat it.
			ClientNoContextTakeover: w.ClientNoContextTakeover || r.has(clientNoContextTakeover),
			ServerMaxWindowBits:     r.serverMaxWindowBits,
			ClientMaxWindowBits:     min(w.ClientMaxWindowBits, r.clientMaxWindowBits),
		}, true
	}
	return p, ok, nil
}

// checkAgreed says what is wrong with a valid response to the offer of w. The two
// server_ parameters of an offer are requests: whoever accepts it confirms them,
// and a response that does not has accepted what the client did not offer. The
// client_ parameters are hints, and the server may do with them what it likes.
func checkAgreed(r element, w Params) fault {
	switch {
	// "A server accepts an extension negotiation offer that includes the
	// "server_no_context_takeover" extension parameter by including the
	// "server_no_context_takeover" extension parameter" RFC 7692, 7.1.1.1
	case w.ServerNoContextTakeover && !r.has(serverNoContextTakeover):
		return fault{ruleNotConfirmed, httpfield.Param{Name: "server_no_context_takeover"}}
	// "by including the "server_max_window_bits" extension parameter in the
	// extension negotiation response [...] with the same or smaller value as the
	// offer." RFC 7692, 7.1.2.1
	case w.ServerMaxWindowBits < maxWindowBits && !r.has(serverMaxWindowBits):
		return fault{ruleNotConfirmed, httpfield.Param{Name: "server_max_window_bits"}}
	case r.serverMaxWindowBits > w.ServerMaxWindowBits:
		value := strconv.Itoa(r.serverMaxWindowBits)
		return fault{ruleTooLarge, httpfield.Param{Name: "server_max_window_bits", Value: value, HasValue: true}}
	}
	return fault{}
}

// wanted returns what c asks for, as if both sides did as it says.
func wanted(c *Config) Params {
	if c == nil {
		return Params{}
	}
	return Params{
		ServerNoContextTakeover: !c.ServerContextTakeover,
		ClientNoContextTakeover: !c.ClientContextTakeover,
		ServerMaxWindowBits:     windowBits(c.ServerMaxWindowBits),
		ClientMaxWindowBits:     windowBits(c.ClientMaxWindowBits),
	}
}
