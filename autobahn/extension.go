package autobahn

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Deflate is how a case negotiates compression (RFC 7692), in the order of preference.
type Deflate struct {
	// A server is offered all of them. A client gets the first that its offer allows.
	Requests []DeflateRequest

	// What we bind ourselves to, in cases that are about it: a window of so many bits, if
	// not 0, and no context takeover. A peer that does not agree to it declines.
	OwnWindowBits        int
	OwnNoContextTakeover bool
}

// binds reports whether the parameters that were agreed on bind us to what the case is about.
func (d *Deflate) binds(p deflateParams, weServe bool) bool {
	bits, fresh := p.clientBits, p.clientNoTakeover
	if weServe {
		bits, fresh = p.serverBits, p.serverNoTakeover
	}
	return (d.OwnWindowBits == 0 || bits == d.OwnWindowBits) && (!d.OwnNoContextTakeover || fresh)
}

// A DeflateRequest is what we ask of the side that we judge.
type DeflateRequest struct {
	NoContextTakeover bool
	MaxWindowBits     int // 0 means that we do not ask
}

// offer is the Sec-WebSocket-Extensions of a client that asks for it. It always offers to do
// without context takeover and with a smaller window itself, as the testsuite does.
func (d *Deflate) offer() string {
	var offers []string
	for _, r := range d.Requests {
		s := "permessage-deflate; client_no_context_takeover; client_max_window_bits"
		if d.OwnWindowBits != 0 {
			s += fmt.Sprintf("=%d", d.OwnWindowBits)
		}
		if r.NoContextTakeover {
			s += "; server_no_context_takeover"
		}
		if r.MaxWindowBits != 0 {
			s += fmt.Sprintf("; server_max_window_bits=%d", r.MaxWindowBits)
		}
		offers = append(offers, s)
	}
	return strings.Join(offers, ", ")
}

// answer is the Sec-WebSocket-Extensions of a server that takes the client's offer, or
// nothing.
func (d *Deflate) answer(offered string) (answer string, agreed deflateParams, ok bool) {
	offers, err := parseExtensions(offered)
	if err != nil {
		return "", agreed, false
	}
	for _, r := range d.Requests {
		for _, o := range offers {
			p, err := parseDeflate(o, true)
			if err != nil || r.MaxWindowBits != 0 && !p.clientBitsOffered {
				continue
			}
			if d.OwnWindowBits != 0 {
				p.serverBits = min(p.serverBits, d.OwnWindowBits)
			}
			p.serverNoTakeover = p.serverNoTakeover || d.OwnNoContextTakeover
			p.clientNoTakeover = r.NoContextTakeover
			p.clientBits = cmpOr15(r.MaxWindowBits)
			answer = "permessage-deflate"
			if p.serverNoTakeover {
				answer += "; server_no_context_takeover"
			}
			if p.serverBits != 15 {
				answer += fmt.Sprintf("; server_max_window_bits=%d", p.serverBits)
			}
			if r.NoContextTakeover {
				answer += "; client_no_context_takeover"
			}
			if r.MaxWindowBits != 0 {
				answer += fmt.Sprintf("; client_max_window_bits=%d", r.MaxWindowBits)
			}
			return answer, p, true
		}
	}
	return "", agreed, false
}

func cmpOr15(bits int) int {
	if bits == 0 {
		return 15
	}
	return bits
}

// deflateParams is what an offer or an answer says.
type deflateParams struct {
	serverNoTakeover, clientNoTakeover bool
	serverBits, clientBits             int // 15 if nothing is said
	clientBitsOffered                  bool
}

// codecs are our two, for one role.
func (p deflateParams) codecs(weServe bool) (*deflater, *inflater) {
	if weServe {
		return newDeflater(p.serverBits, !p.serverNoTakeover), newInflater(p.clientBits, !p.clientNoTakeover)
	}
	return newDeflater(p.clientBits, !p.clientNoTakeover), newInflater(p.serverBits, !p.serverNoTakeover)
}

// An extension is an element of Sec-WebSocket-Extensions (RFC 6455, 9.1).
type extension struct {
	name   string
	params []param
}

type param struct {
	name, value string
	hasValue    bool
}

var errExtensions = errors.New("Sec-WebSocket-Extensions has not the grammar of RFC 6455, 9.1")

// parseExtensions splits the value of a Sec-WebSocket-Extensions.
func parseExtensions(s string) (all []extension, err error) {
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	for item := range strings.SplitSeq(s, ",") {
		var e extension
		for i, part := range strings.Split(item, ";") {
			name, value, hasValue := strings.Cut(strings.TrimSpace(part), "=")
			if hasValue && len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
				value = value[1 : len(value)-1]
			}
			if !isToken(name) || hasValue && (!isToken(value) || i == 0) {
				return nil, errExtensions
			}
			if i == 0 {
				e.name = name
				continue
			}
			e.params = append(e.params, param{name, value, hasValue})
		}
		all = append(all, e)
	}
	return all, nil
}

// isToken reports whether s is a token of HTTP.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, r)
	})
}

// parseDeflate reads the parameters of an offer or an answer (RFC 7692, 7.1).
func parseDeflate(e extension, offer bool) (p deflateParams, err error) {
	p = deflateParams{serverBits: 15, clientBits: 15}
	if e.name != "permessage-deflate" {
		return p, fmt.Errorf("the extension is %q", e.name)
	}
	var seen []string
	for _, q := range e.params {
		if slices.Contains(seen, q.name) {
			return p, fmt.Errorf("the parameter %s is there twice", q.name)
		}
		seen = append(seen, q.name)
		switch q.name {
		case "server_no_context_takeover":
			p.serverNoTakeover = true
			err = noValue(q)
		case "client_no_context_takeover":
			p.clientNoTakeover = true
			err = noValue(q)
		case "server_max_window_bits":
			p.serverBits, err = windowBits(q)
		case "client_max_window_bits":
			p.clientBitsOffered = true
			if !offer || q.hasValue {
				p.clientBits, err = windowBits(q)
			}
		default:
			err = fmt.Errorf("the parameter %s does not exist", q.name)
		}
		if err != nil {
			return p, err
		}
	}
	return p, nil
}

func noValue(q param) error {
	if q.hasValue {
		return fmt.Errorf("the parameter %s has a value", q.name)
	}
	return nil
}

// windowBits is "a decimal integer value without leading zeroes between 8 to 15, inclusive"
// (RFC 7692, 7.1.2.1).
func windowBits(q param) (int, error) {
	n, err := strconv.Atoi(q.value)
	if err != nil || n < 8 || n > 15 || q.value != strconv.Itoa(n) {
		return 0, fmt.Errorf("the parameter %s has the value %q", q.name, q.value)
	}
	return n, nil
}

// agreed reads the answer of a server to an offer of permessage-deflate. ok is false if the
// server declined.
func agreed(answer string) (p deflateParams, ok bool, err error) {
	all, err := parseExtensions(answer)
	if err != nil || len(all) == 0 {
		return p, false, err
	}
	if len(all) > 1 {
		return p, false, errors.New("the answer has more than one extension")
	}
	p, err = parseDeflate(all[0], false)
	return p, err == nil, err
}

// An Allowed is what a server may answer to an Offer, beside that it may decline.
type Allowed struct {
	ServerBits    int  // server_max_window_bits has to be there, and no more than this; 0: it need not
	ServerFresh   bool // server_no_context_takeover has to be there
	ClientBits    bool // client_max_window_bits may be there
	MaxClientBits int  // and is no more than this, if not 0
}

// check says what is wrong with an answer. A nil Allowed allows none.
func (a *Allowed) check(answer string, p deflateParams) error {
	switch {
	case a == nil:
		// "A server MUST decline an extension negotiation offer for this extension if [...]"
		// RFC 7692, 7.1
		return fmt.Errorf("the server accepted, with %q, an offer that it has to decline (RFC 7692, 7.1)", answer)
	case a.ServerBits != 0 && p.serverBits > a.ServerBits:
		return fmt.Errorf("the answer %q does not keep the server's window to %d bits (RFC 7692, 7.1.2.1)", answer, a.ServerBits)
	case a.ServerFresh && !p.serverNoTakeover:
		return fmt.Errorf("the answer %q lacks server_no_context_takeover (RFC 7692, 7.1.1.1)", answer)
	case !a.ClientBits && p.clientBitsOffered:
		// "If a received extension negotiation offer doesn't have the
		// "client_max_window_bits" extension parameter, the corresponding extension
		// negotiation response to the offer MUST NOT include the "client_max_window_bits"
		// extension parameter." RFC 7692, 7.1.2.2
		return fmt.Errorf("the answer %q has client_max_window_bits, which was not offered (RFC 7692, 7.1.2.2)", answer)
	case a.MaxClientBits != 0 && p.clientBitsOffered && p.clientBits > a.MaxClientBits:
		return fmt.Errorf("the answer %q has a greater client_max_window_bits than was offered (RFC 7692, 7.1.2.2)", answer)
	}
	return nil
}
