package handshake

import (
	"net/http"

	"github.com/hawser-go/hawser/internal/httpfield"
)

// A Request is what a server needs of a client's valid opening handshake
// (RFC 6455, 4.2.1).
type Request struct {
	// HTTP is the request that was checked. It is nil for a request that did
	// not come through net/http.
	HTTP *http.Request

	// Host is the server's authority as the client wrote it: a host and, maybe,
	// a port.
	Host string

	// RequestURI is the resource name: path and query, still escaped. It starts
	// with "/". A request-target in absolute form is reduced to it.
	RequestURI string

	// Origin is the origin of the script that connects, "" if the client sent
	// none and so is not a browser. [CheckOrigin] judges it.
	Origin string

	// Key is a valid Sec-WebSocket-Key.
	Key string

	// Subprotocols has the subprotocols that the client offers, without
	// repetition, in its order of preference.
	Subprotocols []string

	// Extensions has the extensions that the client offers, in its order of
	// preference. One may be offered several times with different parameters.
	Extensions []Extension
}

// CheckRequest checks every step of RFC 6455, 4.2.1 except the origin. r must be
// a request as the server of net/http makes it; its body is not read. The
// result refers to r.
//
// An error is an [*Error] that carries the answer:
//
//   - 405 with Allow for a method that is not GET,
//   - 426 with Upgrade, Connection and Sec-WebSocket-Version for a request that
//     asks for no WebSocket or for another version of the protocol,
//   - 505 for HTTP/2 and later, where the handshake has another form,
//   - 403 for an Origin that is empty or repeated,
//   - 400 for all else, with "Connection: close" if the request has a body.
func CheckRequest(r *http.Request) (*Request, error) {
	// Checked first: a method or field of another major version of HTTP may mean
	// another thing, and its answer may have no Upgrade (RFC 9113, 8.2.2).
	if r.ProtoMajor != 1 {
		return nil, newError(http.StatusHTTPVersionNotSupported, "4.2.1", "request is HTTP/%d.%d, not HTTP/1.1", r.ProtoMajor, r.ProtoMinor)
	}
	// "An HTTP/1.1 or higher GET request" RFC 6455, 4.2.1 (1)
	if r.Method != http.MethodGet {
		e := newError(http.StatusMethodNotAllowed, "4.2.1", "request method is %q, not GET", clip(r.Method))
		e.Header = http.Header{"Allow": {http.MethodGet}}
		return nil, e
	}
	// "A server MUST ignore an Upgrade header field that is received in an
	// HTTP/1.0 request" (RFC 9110, 7.8): so it asks for no upgrade and gets the
	// answer of any such request. 505 would be about the major version.
	if !r.ProtoAtLeast(1, 1) {
		return nil, upgradeRequired("4.2.1", "request is HTTP/%d.%d, not HTTP/1.1", r.ProtoMajor, r.ProtoMinor)
	}
	uri, err := resourceName(r)
	if err != nil {
		return nil, err
	}
	// "A |Host| header field containing the server's authority." (2)
	if _, err := parseAuthority(r.Host); err != nil {
		return nil, newError(http.StatusBadRequest, "4.2.1", "Host %q is invalid: %v", clip(r.Host), err)
	}
	// Bytes of a body would be read as frames, or hide a request from the next
	// proxy. Checked before the fields below, so that a request that has one
	// never gets an answer that lets the connection go on. RFC 9112, 6.3
	if r.ContentLength != 0 || len(r.TransferEncoding) > 0 || len(r.Header["Transfer-Encoding"]) > 0 {
		e := newError(http.StatusBadRequest, "4.2.1", "request has a body")
		e.Header = http.Header{"Connection": {"close"}}
		return nil, e
	}
	// "An |Upgrade| header field containing the value "websocket", treated as an
	// ASCII case-insensitive value." (3)
	if v := r.Header["Upgrade"]; !httpfield.HasToken(v, "websocket") {
		return nil, upgradeRequired("4.2.1", "Upgrade is %s, expected websocket", quoteLines(v))
	}
	// "A |Connection| header field that includes the token "Upgrade"" (4)
	if v := r.Header["Connection"]; !httpfield.HasToken(v, "upgrade") {
		return nil, upgradeRequired("4.2.1", "Connection is %s, expected Upgrade", quoteLines(v))
	}
	// "A |Sec-WebSocket-Version| header field, with a value of 13." (6) Checked
	// before the key, which another version may define otherwise. It "MUST NOT
	// appear more than once in an HTTP request." RFC 6455, 11.3.5
	if v := r.Header["Sec-Websocket-Version"]; len(v) != 1 || v[0] != version {
		return nil, upgradeRequired("4.4", "Sec-WebSocket-Version is %s, expected 13", quoteLines(v))
	}
	// "A |Sec-WebSocket-Key| header field with a base64-encoded [...] value
	// that, when decoded, is 16 bytes in length." (5) It "MUST NOT appear more
	// than once in an HTTP request." RFC 6455, 11.3.1
	key := r.Header["Sec-Websocket-Key"]
	if len(key) != 1 || !ValidKey(key[0]) {
		return nil, newError(http.StatusBadRequest, "4.2.1", "Sec-WebSocket-Key is %s, expected base64 of 16 bytes", quoteLines(key))
	}
	q := &Request{HTTP: r, Host: r.Host, RequestURI: uri, Key: key[0]}
	// "Optionally, an |Origin| header field." (7) An empty one is refused, lest
	// it pass for one that is absent, as are several: "The user agent MUST NOT
	// include more than one Origin header field in any HTTP request." RFC 6454,
	// 7.3
	if v := r.Header["Origin"]; len(v) > 0 {
		if q.Origin = v[0]; len(v) > 1 || q.Origin == "" || !httpfield.ValidValue(q.Origin) {
			return nil, newError(http.StatusForbidden, "4.2.1", "Origin is %s, expected one origin or none", quoteLines(v))
		}
	}
	// "Optionally, a |Sec-WebSocket-Protocol| header field, with a list of
	// values" (8)
	if q.Subprotocols, err = parseSubprotocols(r.Header["Sec-Websocket-Protocol"]); err != nil {
		return nil, newError(http.StatusBadRequest, "4.1", "Sec-WebSocket-Protocol is malformed: %v", err)
	}
	// "Optionally, a |Sec-WebSocket-Extensions| header field" (9)
	if q.Extensions, err = ParseExtensions(r.Header["Sec-Websocket-Extensions"]); err != nil {
		return nil, err
	}
	return q, nil
}

// resourceName returns path and query of the request-target, which is either in
// origin form or "an absolute HTTP/HTTPS URI containing the /resource name/"
// (RFC 6455, 4.2.1).
func resourceName(r *http.Request) (string, error) {
	name, u := r.RequestURI, r.URL
	ok := validTarget(name)
	if ok && name[0] != '/' {
		ok = u != nil && (u.Scheme == "http" || u.Scheme == "https") && u.Opaque == "" && u.User == nil
		if ok {
			name = u.RequestURI()
		}
	}
	if !ok || name[0] != '/' {
		return "", newError(http.StatusBadRequest, "4.2.1", "request-target %q is neither a path nor an http URI", clip(name))
	}
	return name, nil
}

// validTarget reports whether s is not empty and has no byte that would end a
// request line, a field of a log or the query: no control character, space,
// non-ASCII byte or "#". Some clients fail to escape a few other characters
// that RFC 3986 does not allow either; they do no harm.
func validTarget(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f || s[i] == '#' {
			return false
		}
	}
	return s != ""
}
