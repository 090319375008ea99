package deflate

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/hawser-go/hawser/internal/bufpool"
)

// A Compressor compresses the messages that one endpoint sends (RFC 7692, 7.2.1). With context takeover a message may
// refer to those before it (RFC 7692, 7.1.1), so every message that the peer inflates has to pass through it, in the order
// in which they are sent: by [Compressor.Compress], by [Compressor.Write] and [Compressor.Finish], or, if it was compressed
// elsewhere, by [Compressor.Note].
//
// A compressor with takeover is warm while it is used: it has an index of the last 2^windowBits octets. [Compressor.Shed]
// leaves it these octets alone, and so does the limit of [SetWarmLimit]. The next message then makes it warm again, which
// costs less than to compress the history once. Without takeover nothing is held between messages.
//
// All calls but Shed are for one goroutine at a time. Shed may come from any goroutine at any time, and waits for the
// call in progress.
//
// A message must not hold a secret beside text of an attacker who sees its length (RFC 7692, 8). With takeover, a secret in
// one message and such text in another are no better. Such messages should be sent as they are.
type Compressor struct {
	// mu guards what follows it, because any other compressor that becomes warm may shed this one. It is taken before the
	// lock of the list of warm compressors; whoever holds that one only tries this one.
	mu      sync.Mutex
	encoder *encoder // nil unless warm
	cold    Window   // unless warm

	bits, nbits uint8 // of a message in progress, those that do not fill an octet
	begun       bool  // there is a message in progress

	windowBits uint8
	takeover   bool
	level      Level

	warm       *warmList
	next, prev *Compressor // guarded by the list's lock
	used       atomic.Bool // since the list last looked
}

// NewCompressor returns a compressor whose messages have no reference further back than 2^windowBits octets, and with
// takeover false none beyond the message (RFC 7692, 7.1.1 and 7.1.2). It panics if windowBits is not in 8..15 or the
// level is none of the constants.
func NewCompressor(windowBits int, takeover bool, level Level) *Compressor {
	check(windowBits, level)
	c := &Compressor{windowBits: uint8(windowBits), takeover: takeover, level: level, warm: &warm}
	c.cold.Init(windowBits, takeover)
	return c
}

func check(windowBits int, level Level) {
	if windowBits < 8 || windowBits > 15 {
		panic(fmt.Sprintf("hawser/deflate: %d window bits", windowBits))
	}
	if level < 0 || level >= levels {
		panic(fmt.Sprintf("hawser/deflate: level %d", level))
	}
}

func (c *Compressor) window() int { return 1 << c.windowBits }

// Compress appends to dst the payload of a compressed message with the content p. It reports false and appends nothing
// if that would not be shorter than p: the message should then be sent as it is. The peer does not put such a message
// into its history (RFC 7692, 7.2.3.3), and neither does Compress.
//
// Compress does not retain p, and p must not overlap the capacity of dst. The caller owns the result. Compress panics
// if a message is in progress.
func (c *Compressor) Compress(dst, p []byte) (b []byte, ok bool) {
	if c.begun {
		panic("hawser/deflate: Compress within a message")
	}
	if len(p) < 2 {
		return dst, false // there is no shorter payload than one octet
	}
	w := bitWriter{b: dst[:cap(dst)], n: len(dst)}
	if !c.takeover {
		e := getEncoder(c.level, c.window())
		e.inPlace(&w, p, 0)
		e.put()
		return w.message(dst, len(p))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.warmed()
	var saved *[]byte
	var n int
	room := e.room(len(p))
	before := e.n
	if room < len(p) {
		// The message will push its own history out.
		if h := e.history(); len(h) > 0 {
			saved = bufpool.Get(len(h))
			n = copy(*saved, h)
		}
	}
	e.add(&w, p)
	b, ok = w.message(dst, len(p))
	switch {
	case ok:
	case room >= len(p):
		e.n = before // what the matcher knows beyond is in the future, and not looked at
	default:
		e.forget()
		if saved != nil {
			e.learn((*saved)[:n])
		}
	}
	bufpool.Put(saved)
	return b, ok
}

// message ends a message and returns it, if it is shorter than n.
func (w *bitWriter) message(dst []byte, n int) ([]byte, bool) {
	w.grow(1)
	w.align()
	if w.n-len(dst) >= n {
		return w.b[:len(dst)], false
	}
	return w.b[:w.n], true
}

// Write appends to dst what comes next of the payload of a compressed message: p is what comes next of its content. The
// first Write begins the message and [Compressor.Finish] ends it. Every piece is a DEFLATE block of its own, so pieces
// of a few KiB are better than many small ones; up to seven bits stay behind. The pieces may be cut into frames
// anywhere (RFC 7692, 6.1).
//
// Write does not retain p, and p must not overlap the capacity of dst. The caller owns the result.
func (c *Compressor) Write(dst, p []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.resume(dst)
	if len(p) > 0 {
		c.warmed().add(&w, p)
	}
	return c.pause(&w)
}

// Flush appends to dst what makes the peer able to inflate all that was written so far of the message in progress: an empty
// stored block. It takes five octets. The caller owns the result.
func (c *Compressor) Flush(dst []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.resume(dst)
	w.sync()
	return c.pause(&w)
}

// Finish appends to dst the end of the payload of the message in progress. Without one it is a whole message, the empty
// one (RFC 7692, 7.2.3.6). The caller owns the result.
func (c *Compressor) Finish(dst []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.resume(dst)
	w.grow(1)
	// "append an empty DEFLATE block with no compression to the tail end", and "Remove 4 octets (that are 0x00 0x00
	// 0xff 0xff) from the tail end" (RFC 7692, 7.2.1).
	w.align()
	c.begun, c.bits, c.nbits = false, 0, 0
	if !c.takeover {
		c.release()
	}
	return w.b[:w.n]
}

// Note appends p to the history: the content of a message that the peer inflates, and that was compressed by
// [CompressMessage] or by another compressor without takeover. Without it later messages would refer to the wrong
// octets. It costs a copy of p, or of its last 2^windowBits octets. Without takeover it does nothing. Note does not
// retain p. It panics if a message is in progress.
func (c *Compressor) Note(p []byte) {
	if c.begun {
		panic("hawser/deflate: Note within a message")
	}
	if !c.takeover {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.encoder != nil {
		c.encoder.learn(p)
	} else {
		c.cold.add(p)
	}
}

// Shed makes the compressor cold: it keeps at most 2^windowBits octets of history, and what it had besides serves others.
func (c *Compressor) Shed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shed()
}

func (c *Compressor) shed() {
	if c.encoder == nil {
		return
	}
	c.cold.add(c.encoder.history())
	c.warm.remove(c)
	c.encoder.put()
	c.encoder = nil
}

// Close gives back all that the compressor holds. It may be used again, for another stream.
func (c *Compressor) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.release()
	c.begun, c.bits, c.nbits = false, 0, 0
}

// release forgets the history.
func (c *Compressor) release() {
	c.cold.Release()
	if c.encoder != nil {
		c.warm.remove(c)
		c.encoder.put()
		c.encoder = nil
	}
}

// warmed returns the encoder, with all of the history.
func (c *Compressor) warmed() *encoder {
	if !c.used.Load() {
		c.used.Store(true)
	}
	if c.encoder != nil {
		return c.encoder
	}
	c.encoder = getEncoder(c.level, c.window())
	older, newer := c.cold.parts()
	c.encoder.learn(older)
	c.encoder.learn(newer)
	c.cold.Release()
	c.warm.add(c)
	return c.encoder
}

// resume returns a writer that goes on where pause stopped.
func (c *Compressor) resume(dst []byte) bitWriter {
	c.begun = true
	return bitWriter{b: dst[:cap(dst)], n: len(dst), bits: uint64(c.bits), nbits: uint(c.nbits)}
}

func (c *Compressor) pause(w *bitWriter) []byte {
	c.bits, c.nbits = uint8(w.bits), uint8(w.nbits)
	return w.b[:w.n]
}

// CompressMessage appends to dst the payload of a compressed message with the content p, which has no reference further
// back than 2^windowBits octets, nor beyond the message. So every peer can inflate it whose window is not smaller,
// whether or not there is context takeover, and it may be sent to any number of them; a [Compressor] with takeover has
// to [Compressor.Note] p. The result is the same each time. It may be longer than p, by len(p)/2000 + 6 octets at most.
//
// CompressMessage does not retain p, and p must not overlap the capacity of dst. The caller owns the result. It panics
// as [NewCompressor] does. Calls may run concurrently.
func CompressMessage(dst, p []byte, windowBits int, level Level) []byte {
	check(windowBits, level)
	w := bitWriter{b: dst[:cap(dst)], n: len(dst)}
	e := getEncoder(level, 1<<windowBits)
	e.inPlace(&w, p, 0)
	e.put()
	w.grow(1)
	w.align()
	return w.b[:w.n]
}
