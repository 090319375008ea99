package conn

import (
	"context"
	"errors"
	"io"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/bufpool"
	"github.com/hawser-go/hawser/internal/utf8stream"
)

// fragmentSize is how much of a message a MessageWriter collects before it sends a fragment. What is larger is not copied.
const fragmentSize = copyLimit

// errWriterClosed is returned by a MessageWriter whose message is complete.
var errWriterClosed = errors.New("hawser: the message has been completed")

// A MessageWriter writes one message in pieces, as an [io.WriteCloser]: [Conn.Writer] returns it. The message is sent in fragments (RFC 6455, 5.4) as it grows, and is complete when Close is called: so Close must be
// called, or no other message can ever be sent. Its methods are for one goroutine at a time.
type MessageWriter struct {
	c          *Conn
	ctx        context.Context
	opcode     frame.Opcode // Continuation from the second fragment on
	text       bool
	valid      utf8stream.Validator
	compressed bool
	buf        *[]byte
	n          int           // (*buf)[:n] is to be sent
	err        error         // what every further call returns
	ended      chan struct{} // closed when other messages may be sent
}

// Writer begins a message of type t whose length need not be known. It waits until no other message is being written, and until then at most for ctx; so do the Writer's Write and Flush for the transport,
// with errors as [Conn.WriteContext] has them. Between its fragments control frames may leave, and no other message: other writes wait, and what Send is given is queued.
//
// If permessage-deflate has been negotiated, the message is compressed, unless t has [Uncompressed].
func (c *Conn) Writer(ctx context.Context, t MessageType) (*MessageWriter, error) {
	if err := checkMessage(t&^Uncompressed, nil); err != nil {
		return nil, err
	}
	if err := c.beginMessage(ctx); err != nil {
		return nil, err
	}
	defer c.unlockWrite()
	if err := c.ending(); err != nil {
		return nil, err
	}
	w := &MessageWriter{
		c:          c,
		ctx:        ctx,
		opcode:     frame.Opcode(t &^ Uncompressed),
		text:       t&^Uncompressed == Text,
		compressed: t&Uncompressed == 0 && c.compression != nil,
		buf:        bufpool.Get(fragmentSize),
		ended:      make(chan struct{}),
	}
	c.stream = w
	return w, nil
}

// Write adds p to the message. It does not retain p. Text has to be valid UTF-8, but a character may be cut between two calls; what is not valid is refused, with [ErrInvalidUTF8], and nothing
// of that p is sent.
//
// After an [*InterruptedError], whatever it says of what was to be sent then, the message has p[:n], and Write may be called with the rest.
func (w *MessageWriter) Write(p []byte) (n int, err error) {
	if w.err != nil {
		return 0, w.err
	}
	if w.text {
		before := w.valid
		if !w.valid.Feed(p) {
			w.valid = before
			return 0, ErrInvalidUTF8
		}
		defer func() {
			if n < len(p) { // the rest may come again
				w.valid = before
				w.valid.Feed(p[:n])
			}
		}()
	}
	for n < len(p) {
		q := p[n:]
		if w.n == 0 && len(q) >= fragmentSize {
			return w.wrote(n, len(q), w.fragment(w.ctx, false, q))
		}
		k := copy((*w.buf)[w.n:fragmentSize], q)
		w.n += k
		n += k
		if w.n == fragmentSize {
			if err := w.Flush(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// wrote returns what Write does when k bytes of p, behind n, were passed to fragment.
func (w *MessageWriter) wrote(n, k int, err error) (int, error) {
	if e, ok := errors.AsType[*InterruptedError](err); err == nil || ok && e.Kept {
		n += k
	}
	return n, err
}

// WriteString is like Write.
func (w *MessageWriter) WriteString(s string) (n int, err error) { return w.Write([]byte(s)) }

// ReadFrom adds what r has to the message, until io.EOF, for io.Copy.
func (w *MessageWriter) ReadFrom(r io.Reader) (n int64, err error) {
	buf := bufpool.Get(fragmentSize)
	defer bufpool.Put(buf)
	for {
		k, err := readSome(r, *buf)
		if k > 0 {
			written, err := w.Write((*buf)[:k])
			n += int64(written)
			if err != nil {
				return n, err
			}
		}
		switch err {
		case nil:
		case io.EOF:
			return n, nil
		default:
			return n, err
		}
	}
}

// Flush sends what has been collected of the message as a fragment, if anything has.
func (w *MessageWriter) Flush() error {
	if w.err != nil {
		return w.err
	}
	if w.n == 0 {
		return nil
	}
	return w.fragment(w.ctx, false, (*w.buf)[:w.n])
}

// Close completes the message. It waits for the transport as long as [Conn.Write] would, whether or not the Writer's context has ended. A text that ends inside a character cannot be
// completed: if none of it has been sent it is dropped, otherwise the connection is closed with 1011, and Close returns [ErrInvalidUTF8].
func (w *MessageWriter) Close() error {
	if w.err != nil {
		if w.err == errWriterClosed {
			return nil
		}
		return w.err
	}
	if w.text && !w.valid.Complete() {
		begun := w.opcode == frame.OpcodeContinuation
		w.end(ErrInvalidUTF8)
		if begun {
			w.c.beginClose(frame.StatusInternalError, "text is cut inside a character")
		}
		return ErrInvalidUTF8
	}
	return w.fragment(context.Background(), true, (*w.buf)[:w.n])
}

// end lets other messages be sent. err is what every further call returns.
func (w *MessageWriter) end(err error) {
	w.c.writeLock.lock() // which nobody has for long on a connection that is over
	w.release(err)
	w.c.unlockWrite()
}

// release is end for who has the write lock.
func (w *MessageWriter) release(err error) {
	w.err = err
	if w.c.stream == w {
		w.c.stream = nil
		close(w.ended)
	}
	bufpool.Put(w.buf)
	w.buf = nil
}

// fragment sends p, which is what has been collected or comes without a copy, as a fragment; the last one if fin.
func (w *MessageWriter) fragment(ctx context.Context, fin bool, p []byte) error {
	c := w.c
	if err := c.lockWrite(ctx); err != nil {
		if _, ok := errors.AsType[*InterruptedError](err); !ok {
			w.end(err)
		}
		return err
	}
	if c.unwritable.reason() != nil {
		err := c.closeError()
		w.release(err)
		c.unlockWrite()
		return err
	}
	h := frame.Header{Fin: fin, Opcode: w.opcode}
	var deflated *[]byte
	if w.compressed && !c.over.Load() {
		deflated, p = w.deflate(p, fin)
		h.RSV1 = w.opcode != frame.OpcodeContinuation // "An endpoint MUST NOT set the "Per-Message Compressed" bit of control frames and non-first fragments of a data message." (RFC 7692, 6)
	}
	w.n = 0
	w.opcode = frame.OpcodeContinuation
	buf := w.buf
	if fin {
		// Before the frame leaves, for writeFrame gives the lock back; nobody else has it until then.
		w.buf = nil
		defer bufpool.Put(buf)
		w.release(errWriterClosed)
	}
	err := c.writeFrame(ctx, h, p)
	bufpool.Put(deflated)
	if _, ok := errors.AsType[*InterruptedError](err); err != nil && !ok && !fin {
		w.end(err)
	}
	return err
}

// deflate returns what p is compressed to as the next piece of the message, in a buffer. A piece ends with a flush: the peer shall see what has been sent.
func (w *MessageWriter) deflate(p []byte, last bool) (buf *[]byte, b []byte) {
	z := w.c.compression.compressor
	buf = bufpool.Get(len(p) + len(p)/64 + 64)
	b = z.Write((*buf)[:0], p)
	if last {
		return buf, z.Finish(b)
	}
	return buf, z.Flush(b)
}
