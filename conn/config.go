package conn

import (
	"context"
	"crypto/tls"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/handshake"
	"github.com/hawser-go/hawser/internal/protocol"
)

// The defaults of [Config].
const (
	DefaultMessageLimit     = 1 << 20
	DefaultSendQueue        = 1 << 20
	DefaultHandshakeTimeout = 10 * time.Second
	DefaultCloseTimeout     = 5 * time.Second
	DefaultWriteTimeout     = 10 * time.Second
	DefaultPingInterval     = 20 * time.Second
	DefaultPongTimeout      = 20 * time.Second
)

// Config has every knob of a connection. The zero value is ready, nil means the zero value. It is copied when a connection is made and never written
// to; the slices, maps and pointers in it must not be modified afterwards. For each number zero means the documented default, and negative means none.
type Config struct {
	// MessageLimit is the size in bytes of the largest message that is accepted. A larger one fails the connection with 1009, as soon as a
	// frame header announces it. Default 1 MiB.
	//
	// A message may come in 1,024 + MessageLimit/64 fragments, empty ones included; more fail the connection with 1008. [Conn.SetMessageLimit] changes the limit of an open connection.
	MessageLimit int64

	// HandshakeTimeout bounds the opening handshake: for Dial from the call to the checked response, for a Server from accepting the connection, before TLS, to the
	// written response, for Accept the writing of the response. Default 10 s.
	HandshakeTimeout time.Duration

	// CloseTimeout is one absolute deadline over the end of a connection, from the moment that a Close frame is due: whatever the peer
	// does, the connection is cut when it has passed. Default 5 s.
	CloseTimeout time.Duration

	// WriteTimeout is how long a write may go without any progress before the connection is cut. Progress is looked for when the time is up: so a peer that
	// reads a little and then stops is cut after less than twice the time. Default 10 s.
	WriteTimeout time.Duration

	// SendQueue is how many bytes of messages [Conn.Send] may leave waiting for a peer that reads slowly, and how much of a message that a context has cut is kept, see [Conn.WriteContext]. Default 1 MiB.
	SendQueue int64

	// WhenFull says what Send does when the send queue is full. Default [DropNewest].
	WhenFull QueuePolicy

	// PingInterval is how long the peer may be silent before a Ping is sent (RFC 6455, 5.5.2), and PongTimeout how long after that before the connection is cut. Any byte that comes is a sign of
	// life. Both are looked after while somebody reads: while nobody does, a peer is neither asked nor given up. Default 20 s each. Without PingInterval the connection stays as long as the transport
	// does.
	PingInterval, PongTimeout time.Duration

	// IdleTimeout is how long a connection may go without a message from the peer before it is closed with 1001. Pings and Pongs are no messages. It, too, is looked after while somebody reads. Default
	// none.
	IdleTimeout time.Duration

	// EventLoop says whether connections with [Events] are driven by an event loop, instead of a goroutine each. Default [EventLoopAuto].
	EventLoop EventLoop

	// Subprotocols are the subprotocols that this side speaks, the preferred one first. A client offers them. A server selects the first one that the client
	// offers, and none if there is no such; see [Conn.Subprotocol].
	Subprotocols []string

	// Compression is what this side wants of permessage-deflate (RFC 7692). If nil, nothing is offered or accepted, and messages go uncompressed. What both sides have agreed on is in [Conn.Extensions].
	//
	// A compressed message may have MessageLimit bytes when it is inflated, and MessageLimit + MessageLimit/64 + 1 KiB as it comes.
	Compression *deflate.Config

	// Header holds additional fields for this side's half of the opening handshake. A field that the handshake itself sets is refused, and so is a value with CR, LF
	// or NUL.
	Header http.Header

	// Registry is the set of connections that the connection belongs to, which bounds what they take together and ends them together. Several Servers and Handlers may have the same one. If nil, a [Server]
	// and a [Handler] each have one of their own, with its defaults, and other connections belong to none.
	Registry *Registry

	// Logger gets what no caller can be told: a panic in a function given to [Handler] or [Server] or in OnRequest, why Handler or Server answered 500, and that a
	// Server's listener fails for a while. Default slog.Default().
	Logger *slog.Logger

	// Observer is told what happens on the connections: for metrics, logs and traces. [LogObserver] makes one that logs.
	Observer Observer

	// Server side.

	// Origins are the origins from which a browser may connect: each as scheme://host[:port] and matched exactly, or with a host like *.example.com for exactly
	// one label in the place of the "*", or "null", or "self" for the default, or "*" for any; see [handshake.CheckOrigin]. By default a browser may connect from
	// the host and port that the request itself was sent to, whatever the scheme, which a server behind a TLS terminator cannot know. A request without an Origin
	// does not come from a browser and is always allowed (RFC 6455, 10.2).
	Origins []string

	// OnRequest is called for each request that is a valid opening handshake and comes from an allowed origin, before the answer. It sees all of the request, may
	// choose the subprotocol ([handshake.Request.SetSubprotocol]), add fields to the response ([handshake.Request.ResponseHeader]), or refuse the request by
	// returning an error. r is borrowed: valid until OnRequest returns.
	//
	// The value that it returns is the connection's: see [Conn.Value]. It is dropped if the response cannot be sent.
	//
	// To refuse, return a [*handshake.Error], wrapped or not, with the Status, Header and Body to answer with. Any other error is a fault of this side: the answer is
	// 500, without the error's text, and the error is logged. So is a panic, with its stack, which hurts no other connection; http.ErrAbortHandler is not logged.
	//
	// OnRequest is called from many goroutines. HandshakeTimeout does not interrupt it, but counts.
	OnRequest func(r *handshake.Request) (value any, err error)

	// Client side.

	// TLS configures wss. If nil, the zero tls.Config is used, with the URL's host as the server name. "h2" is left out of its NextProtos, because the opening handshake
	// is HTTP/1.1's.
	TLS *tls.Config

	// NetDial opens the byte stream, for wss the one below TLS, and with a proxy the one to the proxy. It is called with "tcp" and "host:port", or with "unix" and the
	// path of the socket. Default (*net.Dialer).DialContext.
	NetDial func(ctx context.Context, network, address string) (net.Conn, error)

	// NetDialTLS opens the byte stream for wss, TLS handshake included. If set, TLS is not used. It cannot be combined with a proxy.
	NetDialTLS func(ctx context.Context, network, address string) (net.Conn, error)

	// Proxy returns the proxy for a connection, nil for none, as in an [http.Transport]; [http.ProxyURL] makes one that always returns the same. The request that it gets
	// has a URL with the scheme http for ws, https for wss, and is not sent.
	//
	// The proxy's scheme is http, https (CONNECT over TLS, see ProxyTLS), socks5 or socks5h (the same: the proxy looks host names up). User information in its URL
	// is used to authenticate, with Basic or as RFC 1929 says, and goes to the proxy only. An unencrypted ws connection, too, goes through a tunnel (RFC 6455, 4.1).
	//
	// If nil, the environment decides when the connection is opened: HTTP_PROXY for ws, HTTPS_PROXY for wss, and NO_PROXY, upper or lower case, as in
	// [golang.org/x/net/http/httpproxy]; localhost and loopback addresses never go through a proxy. But if NetDial or NetDialTLS is set, nil means no proxy, lest the
	// environment change what those are asked for; so does http.ProxyURL(nil). Unix sockets never go through a proxy.
	Proxy func(*http.Request) (*url.URL, error)

	// ProxyHeader holds additional fields for the CONNECT request. Proxy-Authorization takes the place of the URL's user information. What Header refuses is refused
	// here, too.
	ProxyHeader http.Header

	// ProxyTLS configures TLS to a proxy with the scheme https. If nil, the zero tls.Config is used, with the proxy's host as the server name.
	ProxyTLS *tls.Config

	// Jar holds cookies. Those for the http or https form of the URL are sent, behind the ones in Header, and those of every response are stored, also if it refuses or
	// redirects. A nil Jar does neither.
	Jar http.CookieJar

	// Redirects is how many redirects (301, 302, 303, 307 and 308) Dial follows, at most 10. Default none: the response is an error like any refusal.
	//
	// A redirect from wss to ws is refused. If scheme, host or port change, nothing that may be a secret goes on, now and after further redirects: of Header only
	// Accept-Language and User-Agent are kept, an Origin becomes "null", and if there are Subprotocols, which may be tokens, the redirect is refused. The jar decides about
	// its cookies. TLS holds for every server, apart from its ServerName, which is the first one's.
	Redirects int
}

// resolved returns a copy of c with each default filled in. A duration of 0 then means none.
func (c *Config) resolved() Config {
	var r Config
	if c != nil {
		r = *c
	}
	r.MessageLimit = resolvedMessageLimit(r.MessageLimit)
	switch {
	case r.SendQueue == 0:
		r.SendQueue = DefaultSendQueue
	case r.SendQueue < 0 || r.SendQueue > maxMessage:
		r.SendQueue = maxMessage
	}
	r.HandshakeTimeout = orDefault(r.HandshakeTimeout, DefaultHandshakeTimeout)
	r.CloseTimeout = orDefault(r.CloseTimeout, DefaultCloseTimeout)
	r.WriteTimeout = orDefault(r.WriteTimeout, DefaultWriteTimeout)
	r.PingInterval = orDefault(r.PingInterval, DefaultPingInterval)
	r.PongTimeout = orDefault(r.PongTimeout, DefaultPongTimeout)
	r.IdleTimeout = max(r.IdleTimeout, 0)
	if r.Logger == nil {
		r.Logger = slog.Default()
	}
	return r
}

// maxMessage is the size of the largest message that a slice can hold, less a margin so that no sum of a size and a buffer's overflows an int.
const maxMessage = math.MaxInt - 1<<16

// resolvedMessageLimit returns what a message limit of n means.
func resolvedMessageLimit(n int64) int64 {
	switch {
	case n == 0:
		return DefaultMessageLimit
	case n < 0 || n > maxMessage:
		return maxMessage
	}
	return n
}

func orDefault(d, def time.Duration) time.Duration {
	if d == 0 {
		return def
	}
	return max(d, 0)
}

// messageLimits returns the limits on messages that follow from one on their size.
func messageLimits(n int64) protocol.Limits {
	return protocol.Limits{Message: uint64(n), Fragments: 1024 + uint64(n)/64}
}
