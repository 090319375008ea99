package conn

import (
	"context"
	"errors"
	"io"

	"github.com/hawser-go/hawser/internal/protocol"
)

// ErrReaderExpired is returned by a [MessageReader] when another read of the connection has begun since: what was left of its message has been discarded.
var ErrReaderExpired = errors.New("hawser: another read of this connection has begun since")

// A MessageReader is an io.Reader of one message, see [Conn.Reader]. The zero MessageReader is of none.
type MessageReader struct {
	c      *Conn
	ctx    context.Context
	of     *streaming
	number uint64
}

// Reader waits for the next message to begin, and returns its type and an io.Reader that returns its bytes as they come, whatever their frames are. It ends with ctx as [Conn.ReadContext] does, and so do the
// reads of the MessageReader.
//
// The message is not gathered: what is held of it is what one read of the transport has brought, at most 64 KiB, and for a compressed one the window. The message limit holds all the same. Each byte has been
// checked when it is returned: invalid text fails the connection before it is. But there may be an error behind what was returned, and a character may be cut.
//
// If a read of a whole message was left by its context, Reader returns that message, from its start. A message need not be read to its end: the next read of the connection, of whatever kind, discards
// the rest first, and so does Close. Control frames are dealt with while a call reads, as always. Other reads may take turns with those of the MessageReader, but end it.
func (c *Conn) Reader(ctx context.Context) (MessageType, MessageReader, error) {
	if err := c.takeTurn(ctx, aRead); err != nil {
		return 0, MessageReader{}, err
	}
	defer c.passTurn()
	t, err := c.startMessage()
	if err != nil {
		return 0, MessageReader{}, err
	}
	return t, MessageReader{c, ctx, c.in.stream, c.in.stream.number}, nil
}

// Read reads the next bytes of the message into p, waiting for the first of them. At its end it returns io.EOF, also when the connection has ended since. It does not retain p.
//
// When the context of [Conn.Reader] ends, Read returns an error that matches the context's; nothing is lost, and ReadContext goes on. If the connection ends before the message does, the error matches
// [ErrClosed] and io.ErrUnexpectedEOF and not io.EOF, also if the connection's end was clean; errors.AsType[*CloseError] says how it was. While a Messages loop runs, it is [ErrReading], after
// [Conn.CloseRead] [ErrReadClosed], and once another read has begun [ErrReaderExpired].
func (r MessageReader) Read(p []byte) (n int, err error) { return r.ReadContext(r.ctx, p) }

// ReadContext is like Read, and ends with ctx instead of the context of [Conn.Reader].
func (r MessageReader) ReadContext(ctx context.Context, p []byte) (n int, err error) {
	c := r.c
	switch {
	case c == nil:
		return 0, ErrReaderExpired
	case r.of.read.Load() == r.number:
		return 0, io.EOF
	case len(p) == 0:
		return 0, nil
	}
	if err := c.takeTurn(ctx, aRead); err != nil {
		return 0, cut(err)
	}
	defer c.passTurn()
	if c.in.stream.number != r.number || !c.in.stream.open && !c.over.Load() {
		return 0, ErrReaderExpired
	}
	return c.readPiece(p)
}

// startMessage waits until a message begins that can be read with readPiece, and returns its type. It is the caller's turn.
func (c *Conn) startMessage() (MessageType, error) {
	for !c.over.Load() && c.violation() == nil {
		e, err := c.in.startPieces()
		switch {
		case err != nil:
			c.meet().violation = err
		case e.Kind == protocol.Message:
			return MessageType(c.in.recv.Opcode()), nil
		case e.Kind != protocol.None:
			if !c.goesOn(e) {
				return 0, c.conclude()
			}
		case c.readErr() != nil:
			return 0, c.conclude()
		default:
			if err := c.fill(); err != nil {
				return 0, err
			}
		}
	}
	return 0, c.conclude()
}

// readPiece waits for the next bytes of the message that startMessage has found, and reads them into p, which is not empty. It returns io.EOF at the message's end. It is the caller's turn.
func (c *Conn) readPiece(p []byte) (n int, err error) {
	s := c.in.stream
	s.dst = p
	defer func() { s.dst = nil }()
	for !c.over.Load() && c.violation() == nil {
		n, e, err := c.in.piece(p)
		s.size += n
		switch {
		case err != nil:
			c.meet().violation = err
			return n, cut(c.conclude())
		case e.Kind == protocol.Message:
			c.delivered = true
			c.received.unpublished++
			if c.cfg.Observer != nil {
				c.observe(Observation{Kind: ObservedMessageReceived, Opcode: c.in.recv.Opcode(), Size: s.size})
			}
			s.read.Store(s.number)
			if c.in.idle(); n == 0 {
				return 0, io.EOF
			}
			return n, nil
		case n > 0:
			c.in.idle()
			return n, nil
		case e.Kind != protocol.None:
			if !c.goesOn(e) {
				return 0, cut(c.conclude())
			}
		case c.readErr() != nil:
			return 0, cut(c.conclude())
		default:
			if err := c.fill(); err != nil {
				return 0, err
			}
		}
	}
	return 0, cut(c.conclude())
}

// cut returns the error for a message that err has cut.
func cut(err error) error {
	if e, ok := err.(*CloseError); ok {
		return &cutError{e}
	}
	return err
}

// A cutError is a CloseError for a stream that the connection's end has cut, cleanly or not. It is no io.EOF, which says of a stream that all of it has been read.
type cutError struct{ end *CloseError }

func (e *cutError) Error() string { return e.end.Error() }

func (e *cutError) Is(target error) bool {
	return target == io.ErrUnexpectedEOF || target != io.EOF && errors.Is(e.end, target)
}

func (e *cutError) As(target any) bool { return errors.As(e.end, target) }
