package conn

import (
	"sync/atomic"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/internal/bufpool"
	"github.com/hawser-go/hawser/internal/protocol"
)

// Uncompressed is added to a message type to send the message as it is on a connection that compresses: c.Write(hawser.Text|hawser.Uncompressed, p). A message that holds a secret beside text of somebody
// else's should be sent so, and with context takeover what comes before and after it, too: who sees the sizes of compressed messages can guess the secret (RFC 7692, 8; CRIME). Messages
// that are received never have it.
const Uncompressed MessageType = 0x80

// compression is what a connection needs to send compressed messages (RFC 7692, 6.1). It belongs to the holder of the write lock.
type compression struct {
	compressor *deflate.Compressor
	minSize    int
	prepared   preparedKey
	closed     atomic.Bool // the compressor is
}

// compress makes the connection compress and inflate as p says, which extensions is the header field's value for. It is called before the connection is used.
func (c *Conn) compress(p deflate.Params, extensions string) {
	out, in := p.ForServer()
	if c.role == RoleClient {
		out, in = p.ForClient()
	}
	cfg := c.cfg.Compression
	c.compression = &compression{
		compressor: deflate.NewCompressor(out.WindowBits, out.ContextTakeover, cfg.Level),
		minSize:    cfg.MinSize(),
		prepared:   preparedKey{out.WindowBits, cfg.Level},
	}
	c.in.inflation = newInflation(in, c.cfg.MessageLimit)
	if c.in.reading != nil {
		c.in.recv = protocol.NewReceiver(protocol.Role(c.role), c.in.wire()) // nothing has gone through it yet
	}
	c.agreeExtensions(extensions)
}

// shed gives up what is not needed while nothing is sent.
func (z *compression) shed() {
	if z != nil {
		z.compressor.Shed()
	}
}

// compressedLimit returns how many bytes a compressed message may have as it comes that may have limit when it is inflated: random bytes deflate to a little more than themselves.
func compressedLimit(limit uint64) uint64 { return limit + limit/64 + 1<<10 }

// deflated returns what p is compressed to, in a buffer that the caller gives back, or nil if p is sent as it is. The caller has the write lock.
func (z *compression) deflated(p []byte) (buf *[]byte, b []byte) {
	// The compressor writes a little beyond what it keeps. The pool has nothing larger than the default message limit, so a message of that size has to do without.
	size := len(p) + 64
	if size > DefaultMessageLimit {
		size = len(p)
	}
	buf = bufpool.Get(max(size, 1))
	b, ok := z.compressor.Compress((*buf)[:0], p)
	if !ok {
		bufpool.Put(buf)
		return nil, nil
	}
	return buf, b
}
