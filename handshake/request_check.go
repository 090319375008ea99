package handshake

import (
	"net/http"
	"strings"

	"github.com/hawser-go/hawser/internal/httpfield"
)

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
	q := &Request{HTTP: r, RemoteAddr: r.RemoteAddr, TLS: r.TLS}
	o := opening{
		method: r.Method, target: r.RequestURI, major: r.ProtoMajor, minor: r.ProtoMinor,
		body:   r.ContentLength != 0 || len(r.TransferEncoding) > 0 || len(r.Header["Transfer-Encoding"]) > 0,
		header: r.Header, host: [1]string{r.Host},
	}
	if _, err := o.check(q, nil); err != nil {
		return nil, err
	}
	return q, nil
}

// CheckHead is [CheckRequest] for a request that did not come through net/http:
// for what h has read. The rules are the same, and Host must be there exactly
// once. The result is valid until Reset is called on h. It panics if h is not
// complete.
func CheckHead(h *Head) (*Request, error) {
	o := h.opening()
	q := &h.request
	q.head = h
	params, err := o.check(q, h.params[:0])
	h.params = params
	if err != nil {
		return nil, err
	}
	return q, nil
}

// AsksForWebSocket reports whether what h has read is meant as an opening
// handshake, valid or not: a GET request of HTTP/1.1 that asks for an upgrade to
// websocket. Any other is an ordinary request. It panics if h is not complete.
func (h *Head) AsksForWebSocket() bool {
	o := h.opening()
	return o.checkProtocol() == nil && o.checkUpgrade() == nil
}

// opening returns what the rules need of h.
func (h *Head) opening() opening {
	if h.state != headComplete {
		panic("hawser/handshake: the Head is not complete")
	}
	o := opening{method: h.string(h.method), target: h.string(h.target), major: h.major, minor: h.minor, head: h}
	// A length of zero is no body. net/http gives such a request no body, too.
	for _, v := range h.values("Content-Length") {
		o.body = o.body || v != "0"
	}
	o.body = o.body || len(h.values("Transfer-Encoding")) > 0
	return o
}

// An opening is what the rules of 4.2.1 need of a request, whoever has read it.
type opening struct {
	method, target string
	major, minor   int
	body           bool

	// The fields, from one of these.
	head   *Head
	header http.Header
	host   [1]string // net/http takes it out of header
}

// lines returns the values of a field, whose name is given in net/http's
// spelling. They are valid until the next call to lines.
func (o *opening) lines(name string) []string {
	switch {
	case o.head != nil:
		return o.head.values(name)
	case name == "Host":
		return o.host[:]
	}
	return o.header[name]
}

// check fills in q, whose slices it uses again, or returns the answer. It appends
// the extensions' parameters to params and returns it.
func (o *opening) check(q *Request, params []Param) ([]Param, error) {
	if err := o.checkProtocol(); err != nil {
		return params, err
	}
	if err := o.checkTarget(q); err != nil {
		return params, err
	}
	// Bytes of a body would be read as frames, or hide a request from the next
	// proxy. Checked before the fields below, so that a request that has one
	// never gets an answer that lets the connection go on. RFC 9112, 6.3
	if o.body {
		e := newError(http.StatusBadRequest, "4.2.1", "request has a body")
		e.Header = http.Header{"Connection": {"close"}}
		return params, e
	}
	if err := o.checkUpgrade(); err != nil {
		return params, err
	}
	return o.checkFields(q, params)
}

// checkProtocol checks the version of HTTP and the method.
func (o *opening) checkProtocol() error {
	// Checked first: a method or field of another major version of HTTP may mean
	// another thing, and its answer may have no Upgrade (RFC 9113, 8.2.2).
	if o.major != 1 {
		return newError(http.StatusHTTPVersionNotSupported, "4.2.1", "request is HTTP/%d.%d, not HTTP/1.1", o.major, o.minor)
	}
	// "An HTTP/1.1 or higher GET request" RFC 6455, 4.2.1 (1)
	if o.method != http.MethodGet {
		e := newError(http.StatusMethodNotAllowed, "4.2.1", "request method is %q, not GET", clip(o.method))
		e.Header = http.Header{"Allow": {http.MethodGet}}
		return e
	}
	// "A server MUST ignore an Upgrade header field that is received in an
	// HTTP/1.0 request" (RFC 9110, 7.8): so it asks for no upgrade and gets the
	// answer of any such request. 505 would be about the major version.
	if o.minor < 1 {
		return upgradeRequired("4.2.1", "request is HTTP/%d.%d, not HTTP/1.1", o.major, o.minor)
	}
	return nil
}

// checkTarget finds the resource name and the authority.
func (o *opening) checkTarget(q *Request) error {
	host, name, ok := cutTarget(o.target)
	if !ok {
		return newError(http.StatusBadRequest, "4.2.1", "request-target %q is neither a path nor an http URI", clip(o.target))
	}
	// "A |Host| header field containing the server's authority." (2) "A server
	// MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request
	// message that lacks a Host header field and to any request message that
	// contains more than one Host header field line or a Host header field with
	// an invalid field value." RFC 9112, 3.2
	hosts := o.lines("Host")
	if len(hosts) != 1 {
		return newError(http.StatusBadRequest, "4.2.1", "Host is %s, expected one", quoteLines(hosts))
	}
	if _, err := parseAuthority(hosts[0]); err != nil {
		return newError(http.StatusBadRequest, "4.2.1", "Host %q is invalid: %v", clip(hosts[0]), err)
	}
	// "When an origin server receives a request with an absolute-form of
	// request-target, the origin server MUST ignore the received Host header
	// field (if any) and instead use the host information of the
	// request-target." RFC 9112, 3.2.2
	if host == "" {
		host = hosts[0]
	}
	q.Host, q.RequestURI = host, name
	return nil
}

// checkUpgrade checks that the request asks for a WebSocket.
func (o *opening) checkUpgrade() error {
	// "An |Upgrade| header field containing the value "websocket", treated as an
	// ASCII case-insensitive value." (3)
	if v := o.lines("Upgrade"); !httpfield.HasToken(v, "websocket") {
		return upgradeRequired("4.2.1", "Upgrade is %s, expected websocket", quoteLines(v))
	}
	return nil
}

// checkFields checks all that only an opening handshake has.
func (o *opening) checkFields(q *Request, params []Param) ([]Param, error) {
	// "A |Connection| header field that includes the token "Upgrade"" (4)
	if v := o.lines("Connection"); !httpfield.HasToken(v, "upgrade") {
		return params, upgradeRequired("4.2.1", "Connection is %s, expected Upgrade", quoteLines(v))
	}
	// "A |Sec-WebSocket-Version| header field, with a value of 13." (6) Checked
	// before the key, which another version may define otherwise. It "MUST NOT
	// appear more than once in an HTTP request." RFC 6455, 11.3.5
	if v := o.lines("Sec-Websocket-Version"); len(v) != 1 || v[0] != version {
		return params, upgradeRequired("4.4", "Sec-WebSocket-Version is %s, expected 13", quoteLines(v))
	}
	// "A |Sec-WebSocket-Key| header field with a base64-encoded [...] value
	// that, when decoded, is 16 bytes in length." (5) It "MUST NOT appear more
	// than once in an HTTP request." RFC 6455, 11.3.1
	if v := o.lines("Sec-Websocket-Key"); len(v) != 1 || !ValidKey(v[0]) {
		return params, newError(http.StatusBadRequest, "4.2.1", "Sec-WebSocket-Key is %s, expected base64 of 16 bytes", quoteLines(v))
	} else {
		q.Key = v[0]
	}
	// "Optionally, an |Origin| header field." (7) An empty one is refused, lest
	// it pass for one that is absent, as are several: "The user agent MUST NOT
	// include more than one Origin header field in any HTTP request." RFC 6454,
	// 7.3
	if v := o.lines("Origin"); len(v) > 0 {
		if q.Origin = v[0]; len(v) > 1 || q.Origin == "" || !httpfield.ValidValue(q.Origin) {
			return params, newError(http.StatusForbidden, "4.2.1", "Origin is %s, expected one origin or none", quoteLines(v))
		}
	}
	// "Optionally, a |Sec-WebSocket-Protocol| header field, with a list of
	// values" (8)
	var err error
	if q.Subprotocols, err = appendSubprotocols(q.Subprotocols[:0], o.lines("Sec-Websocket-Protocol")); err != nil {
		return params, newError(http.StatusBadRequest, "4.1", "Sec-WebSocket-Protocol is malformed: %v", err)
	}
	// "Optionally, a |Sec-WebSocket-Extensions| header field" (9)
	q.Extensions, params, err = appendExtensions(q.Extensions[:0], params, o.lines("Sec-Websocket-Extensions"))
	if err != nil {
		return params, malformedExtensions(err)
	}
	return params, nil
}

// cutTarget cuts a request-target, which is either in origin form or "an
// absolute HTTP/HTTPS URI containing the /resource name/" (RFC 6455, 4.2.1),
// into authority, if it has one, and resource name.
func cutTarget(target string) (host, name string, ok bool) {
	if !validTarget(target) {
		return "", "", false
	}
	name = target
	if target[0] != '/' {
		scheme, rest, found := strings.Cut(target, "://")
		if !found || !httpfield.EqualFold(scheme, "http") && !httpfield.EqualFold(scheme, "https") {
			return "", "", false
		}
		host, name = rest, "/"
		if i := strings.IndexAny(rest, "/?"); i >= 0 {
			host, name = rest[:i], rest[i:]
		}
		// A sender must not generate a URI with an empty host, and "A recipient
		// that processes such a URI reference MUST reject it as invalid."
		// (RFC 9110, 4.2.1) A user's name in it is no authority either (4.2.4).
		if _, err := parseAuthority(host); err != nil {
			return "", "", false
		}
		// "If the target URI's path component is empty" it is "/". RFC 9112, 3.2.1
		if name[0] == '?' {
			name = "/" + name
		}
	}
	return host, name, validEscapes(name)
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

// validEscapes reports whether two hexadecimal digits follow each "%" in the
// path (RFC 3986, 2.1). A query is often not as well-formed, and nobody needs it
// to be.
func validEscapes(name string) bool {
	for i := 0; i < len(name) && name[i] != '?'; i++ {
		if name[i] != '%' {
			continue
		}
		if i+2 >= len(name) || !isHex(name[i+1]) || !isHex(name[i+2]) {
			return false
		}
		i += 2
	}
	return true
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}
