package handshake

import (
	"net/url"
	"strings"
)

// IsUnixURL reports whether s has a scheme of [ParseUnixURL].
func IsUnixURL(s string) bool {
	scheme, _, _ := strings.Cut(s, ":")
	return strings.EqualFold(scheme, "ws+unix") || strings.EqualFold(scheme, "wss+unix")
}

// ParseUnixURL reads the URL of a server that listens on a Unix socket:
//
//	ws+unix:///path/of/the.sock:/resource?name
//
// and wss+unix for TLS over it. No RFC knows these schemes; the form is that of
// the ws package of Node.js. The path of the socket is absolute and ends at the
// first colon; escape a colon, a "?", a "#" or a "%" in it. Without a colon the
// resource name is "/".
//
// u is the URL to ask the server for, with the host "localhost", as [ParseURL]
// returns it. The caller owns u. The rules of ParseURL hold for the rest.
func ParseUnixURL(s string) (u *url.URL, socket string, secure bool, err error) {
	if !IsUnixURL(s) {
		return nil, "", false, urlError("the scheme is neither ws+unix nor wss+unix")
	}
	scheme, rest, _ := strings.Cut(s, "+")
	// unix: and what follows, the query and a fragment apart
	_, rest, _ = strings.Cut(rest, ":")
	end := strings.IndexAny(rest, "?#")
	if end < 0 {
		end = len(rest)
	}
	path, query := rest[:end], rest[end:]
	path, resource, _ := strings.Cut(strings.TrimPrefix(path, "//"), ":")
	if !strings.HasPrefix(path, "/") || path == "/" {
		return nil, "", false, urlError("no absolute path of a Unix socket, use ws+unix:///path:/resource")
	}
	if socket, err = url.PathUnescape(path); err != nil || strings.Contains(socket, "\x00") {
		return nil, "", false, urlError("the path of the Unix socket is not properly escaped")
	}
	if resource != "" && resource[0] != '/' {
		return nil, "", false, urlError("no \"/\" behind the path of the Unix socket and its colon")
	}
	u, secure, err = ParseURL(scheme + "://localhost" + resource + query)
	if err != nil {
		return nil, "", false, err
	}
	return u, socket, secure, nil
}
