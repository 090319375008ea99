package handshake

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// ParseURL reads a WebSocket URI (RFC 6455, 3). secure is true for wss. The
// caller owns the result: its scheme is in lower case, its path is not empty,
// and its RequestURI method returns the resource name.
//
// The following are errors, and none of them repeats the query, which often has
// a secret in it:
//
//   - a scheme other than ws and wss,
//   - a fragment: "Fragment identifiers [...] MUST NOT be used on these URIs",
//   - user information, which the grammar does not have: send an Authorization
//     field instead,
//   - a host that is missing or no host name, or a port that is not from 1 to
//     65535,
//   - a space, control character or non-ASCII byte that the query does not
//     escape.
//
// An internationalized host name becomes its "xn--" form in the result, as the
// Lookup Protocol of RFC 5891, 5, has it (UTS 46). One that has none is an error.
func ParseURL(s string) (u *url.URL, secure bool, err error) {
	u, err = url.Parse(s)
	if err != nil {
		// A *url.Error would repeat s, with its secrets.
		return nil, false, urlError("%w", errors.Unwrap(err))
	}
	switch u.Scheme {
	case "ws":
	case "wss":
		secure = true
	case "http":
		return nil, false, urlError("scheme is http, use ws")
	case "https":
		return nil, false, urlError("scheme is https, use wss")
	case "":
		return nil, false, urlError("no scheme, use ws or wss")
	default:
		return nil, false, urlError("scheme is %q, use ws or wss", clip(u.Scheme))
	}
	if u.Opaque != "" || u.Host == "" {
		return nil, false, urlError("no host behind %q", u.Scheme+"://")
	}
	// url.Parse does not tell "#" at the end from none.
	if strings.Contains(s, "#") {
		return nil, false, urlError("fragment, not allowed in a WebSocket URI")
	}
	if u.User != nil {
		return nil, false, urlError("user information, send an Authorization header field instead")
	}
	if u.Host, err = asciiHost(u); err != nil {
		return nil, false, urlError("host %q: %w", clip(u.Host), err)
	}
	a, err := parseAuthority(HostField(u))
	if err != nil {
		return nil, false, urlError("host %q: %w", clip(u.Host), err)
	}
	if a.port == "0" {
		return nil, false, urlError("port is 0")
	}
	// `"?" if the query component is non-empty` RFC 6455, 3
	u.ForceQuery = false
	if u.Path == "" {
		u.Path = "/"
	}
	if !validTarget(u.RequestURI()) {
		return nil, false, urlError("a byte in the query must be escaped")
	}
	return u, secure, nil
}

// asciiHost returns u.Host with a host name in ASCII: what the syntax excludes
// "MUST be converted from Unicode to ASCII as specified in [RFC3987] or its
// replacement" (RFC 6455, 11.1.1). A name that is ASCII stays as it is: some have
// an underscore, or something else that IDNA refuses.
func asciiHost(u *url.URL) (string, error) {
	if isASCII(u.Host) {
		return u.Host, nil
	}
	host, err := idna.Lookup.ToASCII(u.Hostname())
	if err != nil || !utf8.ValidString(u.Host) {
		return u.Host, errors.New("no internationalized host name")
	}
	if port := u.Port(); port != "" {
		host += ":" + port
	}
	return host, nil
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

func urlError(format string, args ...any) error {
	return fmt.Errorf("handshake: WebSocket URI: "+format+" (RFC 6455, 3)", args...)
}

// Address returns the "host:port" to dial for a URL that [ParseURL] has
// returned. An absent port is 80 for ws and 443 for wss. An IPv6 address stands
// in brackets and keeps its zone.
func Address(u *url.URL) string { return bracket(u.Hostname()) + ":" + port(u) }

// ConnectAddress returns the "host:port" that a proxy is asked to connect to for
// a URL that [ParseURL] has returned: as [Address], but without a zone, which
// means nothing elsewhere (RFC 6874, 4).
func ConnectAddress(u *url.URL) string {
	host, _, _ := strings.Cut(u.Hostname(), "%")
	return bracket(host) + ":" + port(u)
}

// port returns the port of u, which may be that of its scheme.
func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return defaultPort(u.Scheme)
}

// HostField returns the value of the Host field for a URL that [ParseURL] has
// returned: the host and, "when not using the default port", the port (RFC 6455,
// 4.1). The zone of an IPv6 address is left out: it means nothing elsewhere
// (RFC 6874, 4).
func HostField(u *url.URL) string {
	host, _, _ := strings.Cut(u.Hostname(), "%")
	host = bracket(host)
	if port := u.Port(); port != "" && port != defaultPort(u.Scheme) {
		host += ":" + port
	}
	return host
}

// SameOrigin reports whether two URLs that [ParseURL] has returned have the same
// scheme, host and port: only then may a secret for the one go to the other.
func SameOrigin(a, b *url.URL) bool {
	// The zone tells apart two hosts that may have one address.
	_, zoneA, _ := strings.Cut(a.Hostname(), "%")
	_, zoneB, _ := strings.Cut(b.Hostname(), "%")
	hostA, errA := parseAuthority(ConnectAddress(a))
	hostB, errB := parseAuthority(ConnectAddress(b))
	return errA == nil && errB == nil && a.Scheme == b.Scheme && zoneA == zoneB && hostA == hostB
}

// bracket puts an IPv6 address into brackets.
func bracket(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}
