package conn

import (
	"crypto/rand"
	"net/http"
	"strings"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/handshake"
)

// clientRequest returns the client's half of the handshake, with a fresh nonce.
func (d *dialer) clientRequest(t *target) handshake.ClientRequest {
	var nonce [16]byte
	rand.Read(nonce[:])
	q := handshake.ClientRequest{
		Host:         handshake.HostField(t.url),
		RequestURI:   t.url.RequestURI(),
		Key:          handshake.EncodeKey(nonce),
		Subprotocols: d.Subprotocols,
		Extensions:   deflate.Offer(d.Compression),
		Header:       d.Header,
	}
	// Host and Origin have their places in the request; a field of the application's replaces ours.
	if host, origin := d.Header.Get("Host"), d.Header.Get("Origin"); host != "" || origin != "" {
		q.Header = d.Header.Clone()
		q.Header.Del("Host")
		q.Header.Del("Origin")
		q.Origin = origin
		if host != "" {
			q.Host = host
		}
	}
	if line := d.cookies(t); line != "" {
		if q.Header = q.Header.Clone(); q.Header == nil {
			q.Header = http.Header{}
		}
		q.Header.Set("Cookie", line)
	}
	return q
}

// cookies returns the Cookie field with what the jar has for t, behind what the application has set itself: "the user agent MUST NOT attach more than one Cookie
// header field" (RFC 6265, 5.4). It returns "" if the jar has nothing.
func (d *dialer) cookies(t *target) string {
	if d.Jar == nil {
		return ""
	}
	r := http.Request{Header: http.Header{}}
	for _, cookie := range d.Jar.Cookies(t.http()) {
		r.AddCookie(cookie)
	}
	line := r.Header.Get("Cookie")
	if own := d.Header["Cookie"]; line != "" && len(own) > 0 {
		line = strings.Join(own, "; ") + "; " + line
	}
	return line
}

// storeCookies gives the cookies of a response to the jar. Those of a refusal or a redirect, too, as net/http does: they come from the same server, and a log-in that
// redirects relies on it.
func (d *dialer) storeCookies(t *target, resp *http.Response) {
	if d.Jar == nil {
		return
	}
	if cookies := resp.Cookies(); len(cookies) > 0 {
		d.Jar.SetCookies(t.http(), cookies)
	}
}
