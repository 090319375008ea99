package handshake

import (
	"crypto/tls"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/hawser-go/hawser/internal/httpfield"
)

// A Request is what a server needs of a client's valid opening handshake
// (RFC 6455, 4.2.1), and what the server's user adds to the answer.
//
// One that [CheckHead] made is valid until Reset is called on its [Head]; strings
// taken from it stay as they are, but each keeps a copy of the whole head in
// memory. One that [CheckRequest] made refers to the http.Request.
type Request struct {
	// HTTP is the request that was checked. It is nil for a request that did
	// not come through net/http.
	HTTP *http.Request

	// RemoteAddr is the address of the client, or of the proxy before it, as
	// net/http has it: "192.0.2.1:1234". Whoever has read the request sets it.
	RemoteAddr string

	// TLS is the state of the TLS connection below, nil if there is none or it
	// ended elsewhere. Whoever has read the request sets it.
	TLS *tls.ConnectionState

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

	head *Head // where the fields are, if not in HTTP

	// The answer.
	subprotocol string
	chosen      bool // subprotocol counts, also if it is empty
	header      http.Header
}

// Path returns the path of the resource name without escapes: "/a b" for
// "/a%20b?c".
func (q *Request) Path() string {
	path, _, _ := strings.Cut(q.RequestURI, "?")
	path, _ = url.PathUnescape(path) // its escapes have been checked
	return path
}

// Query returns the parameters of the resource name's query. Those that are
// malformed are left out. The caller owns the result.
func (q *Request) Query() url.Values {
	_, query, _ := strings.Cut(q.RequestURI, "?")
	values, _ := url.ParseQuery(query)
	return values
}

// Get returns the first value of the field name, "" if the client sent none.
// The case of name does not matter.
func (q *Request) Get(name string) string {
	for _, v := range q.Values(name) {
		return v
	}
	return ""
}

// Values returns the values of the field name, one for each line on which it
// came.
func (q *Request) Values(name string) []string {
	switch {
	case httpfield.EqualFold(name, "Host"):
		return []string{q.Host}
	case q.head != nil:
		return slices.Clone(q.head.values(name))
	case q.HTTP != nil:
		return q.HTTP.Header.Values(name)
	}
	return nil
}

// Fields yields the name and the value of every field line but Host: in the
// order in which they came and as the client spells the name, or, through
// net/http, in no order and as net/http spells it.
func (q *Request) Fields() iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		if q.head == nil {
			if q.HTTP != nil {
				for name, values := range q.HTTP.Header {
					for _, v := range values {
						if !yield(name, v) {
							return
						}
					}
				}
			}
			return
		}
		for _, f := range q.head.fields {
			name := q.head.string(f.name)
			if !httpfield.EqualFold(name, "Host") && !yield(name, q.head.string(f.value)) {
				return
			}
		}
	}
}

// SetSubprotocol chooses the subprotocol: one that the client offers, or "" for
// none. Without it the server's configuration decides.
func (q *Request) SetSubprotocol(s string) { q.subprotocol, q.chosen = s, true }

// ResponseHeader returns the fields that are added to the 101 response to this
// request, for the caller to fill in. Those that the handshake sets, and values
// with control characters, make the answer a 500.
func (q *Request) ResponseHeader() http.Header {
	if q.header == nil {
		q.header = http.Header{}
	}
	return q.header
}

// Response returns the answer to q for a server that speaks the subprotocols
// supported, the preferred one first: without extensions, and without further
// fields but those of ResponseHeader. It returns an error if SetSubprotocol
// chose what the client does not offer.
func (q *Request) Response(supported []string) (Response, error) {
	p := Response{Key: q.Key, Extra: q.header}
	switch {
	case !q.chosen:
		p.Subprotocol = SelectSubprotocol(q.Subprotocols, supported)
	case q.subprotocol != "" && !slices.Contains(q.Subprotocols, q.subprotocol):
		return Response{}, fmt.Errorf("handshake: subprotocol %q is not one that the client offers", clip(q.subprotocol))
	default:
		p.Subprotocol = strings.Clone(q.subprotocol) // the connection keeps it, and shall not keep the whole head
	}
	return p, nil
}
