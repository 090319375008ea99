package handshake

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Entries of an allow-list that are not origins.
const (
	anyOrigin  = "*"    // any origin at all
	nullOrigin = "null" // the opaque origin, as browsers send it (RFC 6454, 6.2)
	selfOrigin = "self" // the default rule, as in a Content-Security-Policy
)

// CheckOrigin decides whether a page of the request's origin may connect
// (RFC 6455, 10.2). An error is an [*Error] with status 403.
//
// A request without an Origin does not come from a browser and is allowed.
//
// If allowed is empty, the origin's host and port must be those of the Host
// field. A port that is absent on either side is the default of the origin's
// scheme. The scheme itself is not compared, because a server behind a TLS
// terminator does not know its own; but it must be http, https, ws or wss.
//
// If allowed is not empty, it replaces that rule. Each entry is one of
//
//   - an origin, "scheme://host" or "scheme://host:port", that must match in
//     scheme, host and port.
//   - an origin whose host starts with "*.", as in "https://*.example.com". It
//     stands for exactly one label, as in a TLS certificate:
//     "https://a.example.com" matches, and neither "https://example.com" nor
//     "https://a.b.example.com" does. Scheme and port must match as ever. Behind
//     "*." stands a name of two labels or more, or "localhost", and no IP
//     address. Whether whoever has a name below it is to be trusted, as for
//     "https://*.co.uk", nobody checks.
//   - "self", the rule for an empty list.
//   - "null", the origin of sandboxed and local documents. Any site can make a
//     browser send it.
//   - "*", any origin, even a malformed one. Every web page can then connect
//     with the cookies of whoever looks at it.
//
// Case and a trailing dot of a host do not matter. An internationalized name is
// listed as browsers send it, in punycode. An entry that [ValidOrigin] refuses
// matches nothing.
func CheckOrigin(q *Request, allowed []string) error {
	if q.Origin == "" || slices.Contains(allowed, anyOrigin) {
		return nil
	}
	if q.Origin == nullOrigin {
		if slices.Contains(allowed, nullOrigin) {
			return nil
		}
		return forbidden(q)
	}
	o, err := parseOrigin(q.Origin)
	if err != nil {
		return newError(http.StatusForbidden, "10.2", "Origin %q is malformed: %v", clip(q.Origin), err)
	}
	if len(allowed) == 0 && o.matchesHost(q.Host) {
		return nil
	}
	for _, entry := range allowed {
		if entry == selfOrigin {
			if o.matchesHost(q.Host) {
				return nil
			}
		} else if p, err := parsePattern(entry); err == nil && p.matches(o) {
			return nil
		}
	}
	return forbidden(q)
}

func forbidden(q *Request) error {
	return newError(http.StatusForbidden, "10.2", "Origin %q is not allowed to connect to host %q; if it should be, add it to Config.Origins",
		clip(q.Origin), clip(q.Host))
}

// ValidOrigin returns an error that says what is wrong with entry if it cannot
// be an entry of the list that [CheckOrigin] takes.
func ValidOrigin(entry string) error {
	switch entry {
	case anyOrigin, nullOrigin, selfOrigin:
		return nil
	}
	if _, err := parsePattern(entry); err != nil {
		return fmt.Errorf("handshake: %q is no origin like \"https://example.com\": %w", entry, err)
	}
	return nil
}

// A pattern is an entry of an allow-list: an origin, or all whose host has one
// label before the origin's.
type pattern struct {
	origin
	below bool
}

func parsePattern(entry string) (pattern, error) {
	o, err := parseOrigin(entry)
	if err != nil {
		return pattern{}, err
	}
	p := pattern{origin: o}
	p.host, p.below = strings.CutPrefix(p.host, "*.")
	last := p.host[strings.LastIndexByte(p.host, '.')+1:]
	switch {
	case strings.Contains(p.host, "*"):
		return pattern{}, errors.New("a \"*\" stands for the first label only, as in \"https://*.example.com\"")
	case !p.below:
	case last == p.host && last != "localhost", last == "":
		return pattern{}, errors.New("behind \"*.\" a name of two labels or more must stand")
	case '0' <= last[0] && last[0] <= '9':
		// "127" before ".0.0.1" is no label of a name.
		return pattern{}, errors.New("behind \"*.\" a name must stand, no IP address")
	}
	return p, nil
}

func (p pattern) matches(o origin) bool {
	if p.below {
		label, rest, _ := strings.Cut(o.host, ".")
		if label == "" {
			return false
		}
		o.host = rest
	}
	return o == p.origin
}

// An origin is what RFC 6454, 4 compares. Its port is never the empty string if
// its scheme has a default. Documents of some schemes ("file://") have no host.
type origin struct {
	scheme string
	authority
}

// parseOrigin reads the ASCII serialization of one origin (RFC 6454, 6.2).
func parseOrigin(s string) (origin, error) {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || !isScheme(scheme) {
		return origin{}, errors.New("no \"scheme://\"")
	}
	o := origin{scheme: strings.ToLower(scheme)}
	if rest != "" {
		a, err := parseAuthority(rest)
		if err != nil {
			return origin{}, err
		}
		o.authority = a
	}
	if o.port == "" {
		o.port = defaultPort(o.scheme)
	}
	return o, nil
}

// matchesHost reports whether o names the host and port of a Host field.
func (o origin) matchesHost(host string) bool {
	port := defaultPort(o.scheme)
	h, err := parseAuthority(host)
	if err != nil || port == "" {
		return false
	}
	if h.port == "" {
		h.port = port
	}
	return h == o.authority
}

// isScheme reports whether s is a scheme: a letter, then letters, digits, '+',
// '-' and '.' (RFC 3986, 3.1).
func isScheme(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		letter := 'a' <= c && c <= 'z'
		if !letter && (i == 0 || !('0' <= s[i] && s[i] <= '9') && strings.IndexByte("+-.", s[i]) < 0) {
			return false
		}
	}
	return s != ""
}
