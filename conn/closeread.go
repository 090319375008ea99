package conn

import (
	"context"
	"errors"

	"github.com/hawser-go/hawser/frame"
)

// ErrReadClosed is returned by a read after [Conn.CloseRead].
var ErrReadClosed = errors.New("hawser: CloseRead has been called: this connection is only written to")

var errUnexpectedMessage = &frame.ProtocolError{Code: frame.StatusPolicyViolation, Section: "RFC 6455, 7.4.1", Detail: "unexpected data message"}

// CloseRead is for a connection that is only written to: a goroutine of the connection's reads from now on, so that Pings are answered, keepalive runs, Ping works, and the peer's Close ends the connection. It
// lives as long as the connection. CloseRead returns [Conn.Context], which ends with the connection. It may be called more than once.
//
// A message that has not been read, or comes later, fails the connection with 1008: a peer that says what nobody hears has misunderstood something, and should not be able to go on for ever. Only while this
// side closes what is on its way is discarded.
//
// A Messages loop that runs goes on until it is left, and so does a read that has begun; the goroutine reads after that. Reads that wait for their turn, and all later ones, return [ErrReadClosed] while the
// connection lives, and then how it ended.
func (c *Conn) CloseRead() context.Context {
	ctx := c.Context()
	if c.turn.close() {
		go c.readForNobody()
	}
	return ctx
}

// readForNobody reads until the connection has ended.
func (c *Conn) readForNobody() {
	if c.turn.take(theEngine, c.done, nil) != nil {
		return
	}
	defer c.passTurn()
	c.follow(context.Background())
	c.in.refuse = func() error {
		if c.closing() {
			return nil
		}
		return errUnexpectedMessage
	}
	if c.in.insideData() && c.violation() == nil {
		c.meet().violation = c.in.refuse()
	}
	c.discardMessages()
}
