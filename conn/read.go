package conn

import (
	"io"
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
// While the loop runs, other reads return [ErrReading], those that were waiting for their turn, too; so does a second loop, by yielding it. The end of the connection, as [Conn.Wait] sees it,
// comes when the loop has been left: so its body must not wait for it.
func (c *Conn) Messages() iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		if err := c.takeTurn(aLoop); err != nil {
			if !isClean(err) {
				yield(Message{}, err)
			}
			return
		}
		l := loop{c: c, yield: yield}
		l.begin()
		defer l.end()
		l.run()
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

// passTurn ends the caller's turn. Whoever ended the connection may have found it taken.
func (c *Conn) passTurn() {
	c.turn.pass(nobody)
	if c.over.Load() {
		c.discardInput()
	}
}

// discardInput gives back what reading holds on a connection that is over. If it is somebody's turn, they do it when they pass it on.
func (c *Conn) discardInput() {
	if c.turn.tryTake() {
		c.in.discard()
		c.turn.pass(nobody)
	}
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
	defer c.passTurn()
	m, err := c.next()
	if err != nil {
		return Message{}, err
	}
	m = take(m)
	c.in.idle()
	return m, nil
}

// pulled is what pull has come to.
type pulled uint8

const (
	pulledMessage pulled = iota
	pulledNothing        // more bytes are needed
	pulledEnd            // the connection is over, conclude says how
)

// pull returns the next message that lies in what has been read, a view that the next call ends. It never blocks. It is the caller's turn.
func (c *Conn) pull() (Message, pulled) {
	if c.over.Load() {
		return Message{}, pulledEnd
	}
	for {
		e, data, err := c.in.next()
		switch {
		case err != nil:
			c.violation = err
			return Message{}, pulledEnd
		case e.Kind == protocol.Message:
			return Message{Type: MessageType(c.in.recv.Opcode()), Data: data}, pulledMessage
		case e.Kind == protocol.None:
			return Message{}, pulledNothing
		case e.Kind == protocol.Close:
			c.closeEvent = e
			return Message{}, pulledEnd
		case e.Kind == protocol.Ping:
			c.handle(e)
			c.flushControl()
		}
	}
}

// conclude ends the connection as what pull or the transport has met asks for, and returns how it ended. It is the caller's turn, outside of any hold on the socket.
func (c *Conn) conclude() error {
	switch {
	case c.over.Load():
		return c.ended()
	case c.violation != nil:
		return c.fail(c.violation)
	case c.closeEvent.Kind == protocol.Close:
		return c.closeReceived(c.closeEvent)
	}
	return c.lost(c.readErr)
}

// next waits for the next message and returns it, a view that the next call ends. It is the caller's turn.
func (c *Conn) next() (Message, error) {
	for {
		m, p := c.pull()
		switch {
		case p == pulledMessage:
			return m, nil
		case p == pulledEnd, c.readErr != nil:
			return Message{}, c.conclude()
		}
		c.fill()
	}
}

// fill waits for bytes and reads some; or readErr says why there are none. It is the caller's turn.
func (c *Conn) fill() {
	c.in.idle()
	if s := c.transport.sock; s != nil {
		c.fillSocket(s)
		return
	}
	n, err := c.transport.read(c.in.waitingSpace())
	c.in.advance(n)
	c.readErr = err
}

// fillSocket is fill for a socket: no buffer is held while nothing is there.
func (c *Conn) fillSocket(s *socket) {
	if c.fillTurn == nil {
		c.fillTurn = func(fd uintptr) bool {
			s.entered(fd)
			return c.readSocket(s, fd)
		}
	}
	if err := s.enter(c.fillTurn); err != nil {
		c.readErr = err
	}
}

// readSocket reads what is there, and reports whether anything is, if only an end or an error. It is called in a turn of the socket's.
func (c *Conn) readSocket(s *socket, fd uintptr) bool {
	n, wait, err := s.read(fd, c.in.space())
	c.in.advance(n)
	switch {
	case wait:
		c.in.idle()
		return false
	case n == 0 && err == nil:
		err = io.EOF
	}
	c.readErr = err
	return true
}
