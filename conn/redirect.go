package conn

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/hawser-go/hawser/handshake"
)

// maxRedirects bounds Config.Redirects. A loop ends there, too.
const maxRedirects = 10

// redirect returns where the answer of t leads to. refused is why the answer does not open a connection; the error is that, with a reason if there is one that it is not followed.
func (d *dialer) redirect(t *target, resp *http.Response, refused error) (*target, error) {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, refused
	}
	if d.Redirects <= 0 {
		return nil, refused
	}
	if d.redirects >= min(d.Redirects, maxRedirects) {
		return nil, fmt.Errorf("%w, after %d redirects", refused, d.redirects)
	}
	next, err := d.redirectTarget(t, resp.Header["Location"])
	if err != nil {
		return nil, fmt.Errorf("%w, and the redirect is not followed: %w", refused, err)
	}
	return next, nil
}

// redirectTarget returns the target that Location fields name (RFC 9110, 10.2.2). It may be a relative reference, and an http or https URL stands for its ws or wss form.
func (d *dialer) redirectTarget(t *target, location []string) (*target, error) {
	if len(location) != 1 || location[0] == "" {
		return nil, errors.New("it does not have one Location")
	}
	reference, err := url.Parse(location[0])
	if err != nil {
		return nil, errors.New("its Location is no URL")
	}
	u := t.url.ResolveReference(reference)
	switch u.Scheme {
	case "http":
		u.Scheme = "ws"
	case "https":
		u.Scheme = "wss"
	}
	u.Fragment, u.RawFragment = "", "" // allowed in a Location, and for the user agent only
	next := &target{}
	if next.url, next.secure, err = handshake.ParseURL(u.String()); err != nil {
		return nil, fmt.Errorf("its Location is no WebSocket URI: %w", err)
	}
	if t.secure && !next.secure {
		return nil, errors.New("it leads from wss to ws")
	}
	if handshake.SameOrigin(t.url, next.url) {
		next.socket = t.socket
	} else if len(d.Subprotocols) > 0 {
		// A subprotocol may be a bearer token, and a connection without a subprotocol is not what the application has asked for.
		return nil, errors.New("it leads to another origin, which must not get Config.Subprotocols")
	}
	return next, nil
}

// follow counts a redirect, and takes out of d what was meant for t's origin only if next has another. That is for good, even if a later redirect leads back.
func (d *dialer) follow(t, next *target) {
	d.redirects++
	if handshake.SameOrigin(t.url, next.url) {
		return
	}
	// Any field may be a secret: only those that surely are not go on.
	kept := http.Header{}
	for _, name := range []string{"Accept-Language", "User-Agent"} {
		if v, ok := d.Header[name]; ok {
			kept[name] = v
		}
	}
	// The new server must not take the redirecting one's wish for the application's. Browsers say the same.
	if d.Header.Get("Origin") != "" {
		kept.Set("Origin", "null")
	}
	d.Header = kept
	if d.TLS != nil && d.TLS.ServerName != "" {
		d.TLS = d.TLS.Clone()
		d.TLS.ServerName = "" // the first origin's
	}
}
