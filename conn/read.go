package conn

import (
	"iter"

	"github.com/hawser-go/hawser/internal/protocol"
)

// Messages returns an iterator over the messages that come, for
//
//	for m, err := range c.Messages() { ... }
//
// m.Data is borrowed: valid until the next iteration. It may be modified.
//
// A clean end (see [CloseError]) ends the loop without an error. Any other end yields exactly one error, last, with the zero Message. After a break
// the connection is open and the next read goes on where the loop was; if Close had been called, leaving the loop finishes the closing handshake.
//
// While the loop runs, other reads return [ErrReading], those that were waiting for their turn, too; so does a second loop, by yielding it.
func (c *Conn) Messages() iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		if err := c.takeTurn(aLoop); err != nil {
			if !isClean(err) {
				yield(Message{}, err)
			}
			return
		}
		left := false
		defer func() { c.endLoop(left) }()
		for {
			m, err := c.next()
			if err != nil {
				left = true
				if !isClean(err) {
					yield(Message{}, err)
				}
				return
			}
			if !yield(m, nil) {
				left = true
				return
			}
		}
	}
}

// takeTurn waits until h may read. If the connection ends meanwhile, the error says how.
func (c *Conn) takeTurn(h turnHolder) error {
	err := c.turn.take(h, c.done)
	if err == ErrClosed {
		return c.ended()
	}
	return err
}

// endLoop gives the loop's turn back. If the loop was left by itself, and not by a panic, it finishes a closing handshake that this side has begun.
func (c *Conn) endLoop(left bool) {
	// In this order: a Close at the same time either finds no loop and reads itself, or is seen here.
	c.turn.pass(aRead)
	if left && c.closing() {
		c.discardMessages()
	}
	c.in.idle()
	c.turn.pass(nobody)
}

// Read returns the next message. The caller owns the result.
//
// Once the connection has ended, Read returns a [*CloseError], which matches io.EOF if the end was clean.
func (c *Conn) Read() (Message, error) {
	return c.read(func(m Message) Message {
		m.Data = c.in.keep(m.Data)
		return m
	})
}

// ReadAppend appends the next message to dst and returns it; Data is the extended slice. The caller owns the result. If there is an error, dst is
// unchanged and Data nil. Errors are those of [Conn.Read].
func (c *Conn) ReadAppend(dst []byte) (Message, error) {
	return c.read(func(m Message) Message {
		m.Data = append(dst, m.Data...)
		return m
	})
}

// read returns what take makes of the next message.
func (c *Conn) read(take func(Message) Message) (Message, error) {
	if err := c.takeTurn(aRead); err != nil {
		return Message{}, err
	}
	defer c.turn.pass(nobody)
	m, err := c.next()
	if err != nil {
		return Message{}, err
	}
	m = take(m)
	c.in.idle()
	return m, nil
}

// next returns the next message, a view that the next call ends. It is the caller's turn.
func (c *Conn) next() (Message, error) {
	if err := c.ended(); err != nil {
		return Message{}, err
	}
	for {
		e, data, err := c.in.next()
		switch {
		case err != nil:
			return Message{}, c.fail(err)
		case e.Kind == protocol.Message:
			return Message{Type: MessageType(c.in.recv.Opcode()), Data: data}, nil
		case e.Kind == protocol.None:
			if err := c.fill(); err != nil {
				return Message{}, err
			}
		case e.Kind == protocol.Close:
			return Message{}, c.closeReceived(e)
		case e.Kind == protocol.Ping:
			c.handle(e)
			c.flushControl()
		}
	}
}

// fill reads once from the transport.
func (c *Conn) fill() error {
	if c.readErr != nil {
		return c.lost(c.readErr)
	}
	n, err := c.transport.read(c.in.space())
	c.in.advance(n)
	if n == 0 {
		return c.lost(err)
	}
	c.readErr = err
	return nil
}
