package conn

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/hawser-go/hawser/frame"
)

// NetConn returns a net.Conn whose stream of bytes goes through c, in messages of type t: for protocols that want a stream. c must not be read any other way from now on, and of what is written otherwise only
// the order is kept.
//
// t may have [Uncompressed]. Read returns what comes of a message as it comes; where messages begin and end does not show, and empty ones are skipped. A message of the other type fails the connection with 1003. After a clean end by
// the peer, see [CloseError], Read returns io.EOF; inside a message, and after any other end, an error that matches [ErrClosed] and io.ErrUnexpectedEOF, and not io.EOF. Write sends messages of at most 32 KiB, which nearly every peer
// accepts, and the messages of one Write in a row. With [Text] what is written must be valid UTF-8, in each Write for itself, and what is read is. Close sends 1000 and is otherwise [Conn.Close]; reads
// and writes that wait end, and then match net.ErrClosed.
//
// A deadline that passes does no harm: the error matches os.ErrDeadlineExceeded and is a net.Error whose Timeout is true, nothing is lost, and after a new deadline reading and writing go on where they were.
// What Write has counted is sent, by the connection itself if need be. A deadline set to the past ends the calls that wait. The limits and timeouts of c hold all the same.
//
// LocalAddr and RemoteAddr are those of c, or if it has none an address of the network "websocket". All methods may be called from any goroutine.
func NetConn(c *Conn, t MessageType) net.Conn {
	n := &netConn{c: c, t: t, accepts: t &^ Uncompressed, writing: make(chan struct{}, 1)}
	n.readLimit.reset()
	n.writeLimit.reset()
	return n
}

type netConn struct {
	c                     *Conn
	t, accepts            MessageType
	message               uint64 // which one is being read; belongs to whose turn it is to read
	readLimit, writeLimit netDeadline
	writing               chan struct{} // whoever has put into it writes
}

// netMessage is the size of the largest message that is sent: other implementations refuse larger ones by default.
const netMessage = 32 << 10

var errUnexpectedType = &frame.ProtocolError{Code: frame.StatusUnsupportedData, Section: "RFC 6455, 7.4.1", Detail: "unexpected message type"}

func (n *netConn) Read(p []byte) (int, error) {
	ctx, err := n.readLimit.context()
	if err != nil || len(p) == 0 {
		return 0, err
	}
	k, err := n.read(ctx, p)
	if err != nil {
		err = n.readError(ctx, err)
	}
	return k, err
}

// read reads from the message that is being read, or from the next that has something.
func (n *netConn) read(ctx context.Context, p []byte) (int, error) {
	c := n.c
	if err := c.takeTurn(ctx, aRead); err != nil {
		return 0, err
	}
	defer c.passTurn()
	for {
		if s := c.in.stream; s == nil || !s.open || s.number != n.message {
			t, err := c.startMessage()
			if err != nil {
				return 0, err
			}
			if t != n.accepts {
				c.meet().violation = errUnexpectedType
				return 0, c.conclude()
			}
			n.message = c.in.stream.number
		}
		k, err := c.readPiece(p)
		if err != io.EOF {
			return k, err
		}
	}
}

// readError returns what Read returns for err.
func (n *netConn) readError(ctx context.Context, err error) error {
	if e, ok := err.(*CloseError); ok && e.Clean() && !e.Local {
		return io.EOF
	}
	return n.callError(ctx, err)
}

// callError returns what Read or Write returns for err.
func (n *netConn) callError(ctx context.Context, err error) error {
	if ctx.Err() != nil && !errors.Is(err, ErrClosed) {
		return context.Cause(ctx)
	}
	return cut(err) // never io.EOF, which a clean end matches
}

func (n *netConn) Write(p []byte) (int, error) {
	ctx, err := n.writeLimit.context()
	if err != nil || len(p) == 0 {
		return 0, err
	}
	select {
	case n.writing <- struct{}{}:
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	defer func() { <-n.writing }()
	if err := checkMessage(n.accepts, p); err != nil {
		return 0, err // before any of it is sent
	}
	written := 0
	for len(p) > 0 {
		k := len(p)
		if k > netMessage {
			for k = netMessage; n.accepts == Text && !utf8.RuneStart(p[k]); {
				k--
			}
		}
		taken, err := n.send(ctx, p[:k])
		if taken {
			written += k
			p = p[k:]
		}
		if err != nil && len(p) > 0 {
			return written, n.callError(ctx, err)
		}
	}
	return written, nil
}

// send sends one message, and reports whether the connection has taken it: also if ctx ends before the transport has all of it. It does not retain p. The caller has n.writing.
func (n *netConn) send(ctx context.Context, p []byte) (taken bool, err error) {
	err = n.c.WriteContext(ctx, n.t, p)
	if e, ok := errors.AsType[*InterruptedError](err); ok {
		return e.Kept, ctx.Err()
	}
	return err == nil, err
}

func (n *netConn) Close() error {
	n.readLimit.close()
	n.writeLimit.close()
	return n.c.Close(frame.StatusNormalClosure, "")
}

func (n *netConn) SetDeadline(t time.Time) error {
	return errors.Join(n.readLimit.set(t), n.writeLimit.set(t))
}

func (n *netConn) SetReadDeadline(t time.Time) error  { return n.readLimit.set(t) }
func (n *netConn) SetWriteDeadline(t time.Time) error { return n.writeLimit.set(t) }

func (n *netConn) LocalAddr() net.Addr  { return orUnknown(n.c.LocalAddr()) }
func (n *netConn) RemoteAddr() net.Addr { return orUnknown(n.c.RemoteAddr()) }

func orUnknown(a net.Addr) net.Addr {
	if a == nil {
		return unknownAddr{}
	}
	return a
}

// unknownAddr is the address of a stream that has none: a net.Conn has to have one.
type unknownAddr struct{}

func (unknownAddr) Network() string { return "websocket" }
func (unknownAddr) String() string  { return "websocket/unknown-addr" }

// A netDeadline is a deadline that can be moved, as a context for the calls that it bounds: one that has ended is replaced by the next set.
type netDeadline struct {
	mu     sync.Mutex
	timer  *time.Timer
	closed bool
	ctx    context.Context
	end    context.CancelCauseFunc
}

// reset makes the context a new one. The caller has d.mu.
func (d *netDeadline) reset() { d.ctx, d.end = context.WithCancelCause(context.Background()) }

// context returns the context for a call that begins now, or why it must not begin.
func (d *netDeadline) context() (context.Context, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ctx, context.Cause(d.ctx)
}

func (d *netDeadline) set(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return net.ErrClosed
	}
	if d.timer != nil && !d.timer.Stop() || d.ctx.Err() != nil {
		d.reset() // the old one has ended, or is about to
	}
	d.timer = nil
	if t.IsZero() {
		return nil
	}
	left := time.Until(t)
	if left <= 0 {
		d.end(os.ErrDeadlineExceeded)
		return nil
	}
	end := d.end
	d.timer = time.AfterFunc(left, func() { end(os.ErrDeadlineExceeded) })
	return nil
}

// close ends the calls that wait, and all later ones.
func (d *netDeadline) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	if d.timer != nil {
		d.timer.Stop()
	}
	if d.ctx.Err() != nil {
		d.reset() // the old one says that a deadline has passed
	}
	d.end(net.ErrClosed)
}
