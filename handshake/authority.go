package handshake

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// An authority is a host with an optional port in the one spelling that makes
// them comparable: letters in lower case, no trailing dot, the shortest form of
// an IPv6 address without its brackets, a decimal port without leading zeros.
type authority struct {
	host string
	port string // "" if absent
}

// parseAuthority reads uri-host [ ":" port ], the grammar of Host (RFC 9110,
// 7.2) and of what follows the scheme in an origin. User information, a path or
// anything else that is not host or port is an error.
func parseAuthority(s string) (authority, error) {
	host, port := s, ""
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return authority{}, errors.New("'[' without ']'")
		}
		// A zone is local to its machine: a client must "remove any ZoneID
		// attached to an outgoing URI". RFC 6874, 4
		ip, err := netip.ParseAddr(s[1:end])
		if err != nil || !ip.Is6() || ip.Zone() != "" {
			return authority{}, errors.New("no IPv6 address between '[' and ']'")
		}
		host = ip.String()
		if s = s[end+1:]; s != "" && s[0] != ':' {
			return authority{}, errors.New("text behind ']'")
		}
		port = strings.TrimPrefix(s, ":")
	} else {
		host, port, _ = strings.Cut(s, ":")
		for i := range len(host) {
			if !isRegName(host[i]) {
				return authority{}, errors.New("a byte that no host name has")
			}
		}
		host = strings.TrimSuffix(strings.ToLower(host), ".")
		if host == "" {
			return authority{}, errors.New("no host")
		}
	}
	if port != "" {
		// ParseUint takes no sign, but the port may be "65536".
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return authority{}, errors.New("no port number behind ':'")
		}
		if port[0] == '0' { // else it is in its shortest form already
			port = strconv.FormatUint(n, 10)
		}
	}
	return authority{host, port}, nil
}

// isRegName reports whether a reg-name may have c: unreserved or sub-delims
// (RFC 3986, 3.2.2). Escapes are refused: no name in DNS needs one, and they
// would give one host two spellings.
func isRegName(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' ||
		strings.IndexByte("-._~!$&'()*+,;=", c) >= 0
}

// defaultPort returns the port that scheme stands for, "" if it is unknown.
func defaultPort(scheme string) string {
	switch scheme {
	case "http", "ws":
		return "80"
	case "https", "wss":
		return "443"
	}
	return ""
}
