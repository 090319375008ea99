package conn

import (
	"context"
	"io"
	"iter"
	"time"

	"github.com/hawser-go/hawser/frame"
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
func (c *Conn) Messages() iter.Seq2[Message, error] { return c.MessagesContext(context.Background()) }

// MessagesContext is like [Conn.Messages], and ends with ctx: then it yields, last, an error that matches ctx's, and the connection is open as after a break.
func (c *Conn) MessagesContext(ctx context.Context) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		err := c.takeTurn(ctx, aLoop)
		if err != nil {
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

// takeTurn waits until h may read, and makes the reads end with ctx. If the connection ends meanwhile, the error says how.
func (c *Conn) takeTurn(ctx context.Context, h turnHolder) error {
	switch err := c.turn.take(h, c.done, ctx.Done()); err {
	case nil:
	case ErrClosed:
		return c.ended()
	case ErrReadClosed:
		if err := c.ended(); err != nil {
			return err
		}
		return ErrReadClosed
	case context.Canceled:
		return contextError(ctx)
	default:
		return err
	}
	if err := c.follow(ctx); err != nil {
		c.turn.pass(nobody)
		return err
	}
	return nil
}

// passTurn ends the caller's turn. Whoever ended the connection may have found it taken.
func (c *Conn) passTurn() {
	c.pauseReading()
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
func (c *Conn) Read() (Message, error) { return c.ReadContext(context.Background()) }

// ReadContext is like [Conn.Read], and ends with ctx: then it returns an error that matches ctx's, nothing is lost, and the next read goes on where it was. To pass the same context again costs
// nothing.
func (c *Conn) ReadContext(ctx context.Context) (Message, error) {
	return c.read(ctx, func(m Message) Message {
		m.Data = c.in.keep(m.Data)
		return m
	})
}

// ReadAppend appends the next message to dst and returns it; Data is the extended slice. The caller owns the result. If there is an error, dst is
// unchanged and Data nil. Errors are those of [Conn.Read].
func (c *Conn) ReadAppend(dst []byte) (Message, error) {
	return c.read(context.Background(), func(m Message) Message {
		m.Data = append(dst, m.Data...)
		return m
	})
}

// read returns what take makes of the next message.
func (c *Conn) read(ctx context.Context, take func(Message) Message) (Message, error) {
	if err := c.takeTurn(ctx, aRead); err != nil {
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
	if c.over.Load() || c.violation() != nil {
		return Message{}, pulledEnd
	}
	for {
		e, data, err := c.in.next()
		switch {
		case err != nil:
			c.meet().violation = err
			return Message{}, pulledEnd
		case e.Kind == protocol.Message:
			c.delivered = true
			c.received.unpublished++
			if c.cfg.Observer != nil {
				c.observe(Observation{Kind: ObservedMessageReceived, Opcode: c.in.recv.Opcode(), Size: len(data)})
			}
			return Message{Type: MessageType(c.in.recv.Opcode()), Data: data}, pulledMessage
		case e.Kind == protocol.None:
			return Message{}, pulledNothing
		default:
			if !c.goesOn(e) {
				return Message{}, pulledEnd
			}
		}
	}
}

// goesOn does what an event asks for that is not the end of a message that somebody wants, and reports whether reading goes on.
func (c *Conn) goesOn(e protocol.Event) bool {
	switch e.Kind {
	case protocol.Fragment: // a message that nobody wanted has ended
		c.delivered = true
		c.received.unpublished++
	case protocol.Ping:
		c.observeControl(frame.OpcodePing, e, 0)
		c.handle(e)
		c.flushControl()
	case protocol.Pong:
		c.observeControl(frame.OpcodePong, e, c.pong(e.Payload))
	case protocol.Close:
		c.observeControl(frame.OpcodeClose, e, 0)
		c.meet().close = e
		return false
	}
	return true
}

// conclude ends the connection as what pull or the transport has met asks for, and returns how it ended. It is the caller's turn, outside of any hold on the socket.
func (c *Conn) conclude() error {
	switch {
	case c.over.Load():
		return c.ended()
	case c.violation() != nil:
		return c.fail(c.violation())
	case c.met.close.Kind == protocol.Close:
		return c.closeReceived(c.met.close)
	}
	return c.lost(c.readErr())
}

// next waits for the next message and returns it, a view that the next call ends. It is the caller's turn.
func (c *Conn) next() (Message, error) {
	for {
		m, p := c.pull()
		switch {
		case p == pulledMessage:
			return m, nil
		case p == pulledEnd, c.readErr() != nil:
			return Message{}, c.conclude()
		}
		if err := c.fill(); err != nil {
			return Message{}, err
		}
	}
}

// fill waits for bytes and reads some; or readErr or violation says why there are none. An error is that of the context that the read follows: the connection goes on. It is the caller's turn.
func (c *Conn) fill() error {
	c.in.idle()
	if s := c.transport.sock; s != nil {
		return c.fillSocket(s)
	}
	w := &c.watch
	for looked := false; ; {
		if w.cancelled.Load() {
			return contextError(w.followed.ctx) // a transport may find bytes first, and its deadline never
		}
		c.noteMessages()
		switch {
		case (w.expired || !w.armed) && !looked && c.due().first() <= c.now():
			// Something is due, but bytes may have come while nobody read. This read cannot but wait: very shortly, then.
			w.armed = false
			if err := c.setReadDeadline(time.Now().Add(catchUpTime)); err != nil {
				c.setReadErr(err)
				return nil
			}
		case !c.mayWait():
			return nil
		}
		began := c.now()
		n, err := c.transport.read(c.in.waitingSpace())
		c.in.advance(n)
		if n > 0 {
			c.came(n)
		}
		if n > 0 || err == nil {
			c.setReadErr(err)
			return nil
		}
		again, cancelled := c.timedOut(err)
		switch {
		case again:
			looked = !w.armed || began < w.deadline // it has waited, and not found the deadline passed
			w.armed = false
		case cancelled != nil:
			return cancelled
		default:
			c.setReadErr(err)
			return nil
		}
	}
}

// fillSocket is fill for a socket: no buffer is held while nothing is there.
func (c *Conn) fillSocket(s *socket) error {
	if s.fill == nil {
		// The descriptor is not held: outside of a loop the end of the connection closes it, and a write of that moment would go to whoever gets its number next.
		s.fill = func(fd uintptr) bool { return c.readSocket(s, fd) }
	}
	return c.enter(s, s.fill)
}

// enter is socket.enter, over and over while only deadlines end it. An error is that of the context that the read follows.
func (c *Conn) enter(s *socket, turn func(fd uintptr) bool) error {
	for {
		err := s.enter(turn)
		if err == nil {
			return nil
		}
		again, cancelled := c.timedOut(err)
		switch {
		case again:
			c.watch.armed = false // also if bytes are there: then it has not expired, but is set no more
			c.setReadDeadline(time.Time{})
		case cancelled != nil:
			return cancelled
		default:
			c.setReadErr(err)
			return nil
		}
	}
}

// readSocket reads what is there, and reports whether anything is, if only an end or an error. It is called in a turn of the socket's.
func (c *Conn) readSocket(s *socket, fd uintptr) bool {
	n, wait, err := s.read(fd, c.in.space())
	c.in.advance(n)
	c.in.behind = s.queue.left
	switch {
	case wait:
		c.in.idle()
		return !c.mayWait()
	case n > 0:
		c.came(n)
	case err == nil:
		err = io.EOF
	}
	c.setReadErr(err)
	return true
}
