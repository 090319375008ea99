package deflate

// Name is the extension's registered name (RFC 7692, 7).
const Name = "permessage-deflate"

// The window bits that the extension knows: a window of 2^8 to 2^15 bytes, "8 to
// 15, inclusive" (RFC 7692, 7.1.2.1 and 7.1.2.2).
const (
	minWindowBits = 8
	maxWindowBits = 15
)

// DefaultThreshold is the default of [Config.Threshold].
const DefaultThreshold = 256

// Config says what one side wants of compression. The zero value is ready: every
// message of 256 bytes and more is compressed by itself, and a connection keeps
// nothing between two messages. Config is never written to, so connections may
// share one.
//
// # Context takeover
//
// With context takeover a message is compressed with the messages before it as
// its dictionary. On a stream of small messages that are alike the result is a
// fraction of what each gives by itself. The price is memory: up to 2^bits bytes
// for each direction of each connection, idle or not, which is 64 KiB at the
// largest windows. That is why it is off by default; a smaller window makes it
// cheaper.
//
// # Secrets
//
// Who can put text of his own beside a secret and sees the size of what is sent
// can guess the secret (RFC 7692, 8: CRIME). With context takeover "beside"
// reaches as far back as the window. Such messages are to be sent uncompressed.
type Config struct {
	// Level is how hard this side compresses. Default LevelFast.
	Level Level

	// Threshold is the size in bytes of the smallest message that this side
	// compresses. Zero means the default of 256, below which a message by itself
	// hardly shrinks; negative means none, every message is compressed.
	Threshold int

	// ServerContextTakeover lets the server take over its context from one
	// message to the next. If false, a server says that it does not, and a client
	// requires that of the server.
	ServerContextTakeover bool

	// ClientContextTakeover lets the client take over its context. If false, a
	// client does not, and a server requires that of the client.
	ClientContextTakeover bool

	// ServerMaxWindowBits limits the window with which the server compresses to
	// 2^bits bytes: a server keeps to it, and a client requires it of the server.
	// Zero means the default of 15, negative means none, which is 15 too; what is
	// left outside 8 to 15 counts as the nearest of them. A server that does not
	// know the parameter declines a client's offer, and messages go uncompressed;
	// one that accepts without confirming it makes the client fail the handshake.
	ServerMaxWindowBits int

	// ClientMaxWindowBits limits the window with which the client compresses, with
	// the same values: a client keeps to it, and a server requires it of the
	// client. One that has not said that it can (Firefox) must not take over its
	// context instead, so that here too no more than 2^bits bytes are kept for it
	// between messages. Prefer 9 to 8 if clients use zlib, which cannot compress
	// with 8.
	ClientMaxWindowBits int
}

// MinSize returns the size in bytes of the smallest message that c compresses.
func (c *Config) MinSize() int {
	switch {
	case c.Threshold == 0:
		return DefaultThreshold
	case c.Threshold < 0:
		return 0
	}
	return c.Threshold
}

// windowBits resolves a field of Config.
func windowBits(n int) int {
	if n <= 0 {
		return maxWindowBits
	}
	return min(max(n, minWindowBits), maxWindowBits)
}

// Params are what a connection keeps to: the "agreed parameters" of RFC 7692, 5,
// and on a client also what it has set itself beyond them. Window bits are 8 to
// 15; 15 is what a parameter that is absent means. Params are comparable.
type Params struct {
	ServerNoContextTakeover bool
	ClientNoContextTakeover bool
	ServerMaxWindowBits     int
	ClientMaxWindowBits     int
}

// A Direction is what the sender of compressed messages keeps to, and so what
// their receiver has to keep for it.
type Direction struct {
	// WindowBits is 8 to 15: no distance is longer than 2^WindowBits bytes.
	WindowBits int

	// ContextTakeover says that a message may refer to the ones before it.
	ContextTakeover bool
}

// ForServer returns what a server compresses with and what it inflates with.
func (p Params) ForServer() (compress, inflate Direction) {
	compress = Direction{p.ServerMaxWindowBits, !p.ServerNoContextTakeover}
	inflate = Direction{p.ClientMaxWindowBits, !p.ClientNoContextTakeover}
	return compress, inflate
}

// ForClient returns what a client compresses with and what it inflates with.
func (p Params) ForClient() (compress, inflate Direction) {
	inflate, compress = p.ForServer()
	return compress, inflate
}
