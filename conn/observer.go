package conn

import (
	"context"
	"log/slog"
	"time"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/protocol"
)

// An Observer is told what happens on connections: see [Config].Observer. Without one nothing is spent on it.
//
// Observe is called from the goroutine to which it happens, for a connection from several, also at the same time. It must not wait, and not call a method of c that does: what it takes, the connection takes.
type Observer interface {
	Observe(c *Conn, e Observation)
}

// ObserverFunc is a function that is an Observer.
type ObserverFunc func(c *Conn, e Observation)

// Observe calls f.
func (f ObserverFunc) Observe(c *Conn, e Observation) { f(c, e) }

// ObservationKind says what has happened.
type ObservationKind uint8

const (
	// ObservedOpened: the opening handshake is done. The first event.
	ObservedOpened ObservationKind = iota + 1
	// ObservedMessageReceived: a whole message has come, and is about to be delivered or has been, in pieces. One that nobody wanted is not told of. Opcode, Size.
	ObservedMessageReceived
	// ObservedMessageSent: a frame with a message, or a fragment of one, is about to be passed to the transport. Opcode, Size.
	ObservedMessageSent
	// ObservedControlReceived: a Ping, Pong or Close frame has come. Opcode, Size; Code of a Close; RTT of a Pong that answers one of this side's Pings.
	ObservedControlReceived
	// ObservedControlSent: a Ping, Pong or Close frame is about to be passed to the transport. Opcode, Size; Code of a Close.
	ObservedControlSent
	// ObservedQueueFull: the send queue had no room for a message. Size; Queue.
	ObservedQueueFull
	// ObservedClosed: the connection has ended. End. The last event of this connection that says something of the peer; a write that was under way may still follow.
	ObservedClosed
)

// String returns for example "message received".
func (k ObservationKind) String() string {
	switch k {
	case ObservedOpened:
		return "opened"
	case ObservedMessageReceived:
		return "message received"
	case ObservedMessageSent:
		return "message sent"
	case ObservedControlReceived:
		return "control frame received"
	case ObservedControlSent:
		return "control frame sent"
	case ObservedQueueFull:
		return "send queue full"
	case ObservedClosed:
		return "closed"
	}
	return "invalid"
}

// An Observation is something that has happened on a connection. Which fields are set depends on its Kind. More kinds and fields may come.
type Observation struct {
	Kind ObservationKind
	// Opcode is the frame's, that of a received message its first frame's.
	Opcode frame.Opcode
	// Size is that of the payload in bytes: of a message received when it has been inflated, of a frame sent as it leaves.
	Size int
	// Queue is what waits in the send queue, as in [Conn.BufferedAmount].
	Queue int64
	// Code is the status code of a Close frame.
	Code frame.StatusCode
	// RTT is the round-trip time that a Pong has measured, 0 if it has not.
	RTT time.Duration
	// End is how the connection ended.
	End *CloseError
}

// observe tells the Observer, if there is one. Callers on the path of each message look for themselves, so that it costs a comparison.
func (c *Conn) observe(e Observation) {
	if o := c.cfg.Observer; o != nil {
		o.Observe(c, e)
	}
}

// observeControl tells of a control frame that has come.
func (c *Conn) observeControl(op frame.Opcode, e protocol.Event, rtt time.Duration) {
	if c.cfg.Observer != nil {
		c.observe(Observation{Kind: ObservedControlReceived, Opcode: op, Size: len(e.Payload), Code: e.Code, RTT: rtt})
	}
}

// noteSent counts and tells of a data frame that is about to leave. The caller has the write lock.
func (c *Conn) noteSent(h *frame.Header) {
	if h.Fin {
		c.sent.unpublished++
	}
	if c.cfg.Observer != nil {
		c.observe(Observation{Kind: ObservedMessageSent, Opcode: h.Opcode, Size: int(h.PayloadLength)})
	}
}

// observeSent tells of the control frames in b, which are about to leave.
func (c *Conn) observeSent(b []byte) {
	if c.cfg.Observer == nil {
		return
	}
	for len(b) > 0 {
		h, n := frame.ConsumeHeader(b)
		e := Observation{Kind: ObservedControlSent, Opcode: h.Opcode, Size: int(h.PayloadLength)}
		if h.Opcode == frame.OpcodeClose {
			c.mu.Lock()
			e.Code = c.send.Sent().Code
			c.mu.Unlock()
		}
		c.observe(e)
		b = b[n+e.Size:]
	}
}

// observeFull tells that the send queue has no room for m.
func (c *Conn) observeFull(m *outgoing) {
	if c.cfg.Observer != nil {
		c.observe(Observation{Kind: ObservedQueueFull, Opcode: m.opcode, Size: len(m.data), Queue: c.BufferedAmount()})
	}
}

// LogObserver returns an Observer that logs with l: the opening and end of connections and full send queues at level Info, a connection that did not end cleanly at Warn, and messages and control frames at Debug.
func LogObserver(l *slog.Logger) Observer {
	return ObserverFunc(func(c *Conn, e Observation) {
		level := slog.LevelDebug
		switch {
		case e.Kind == ObservedClosed && !e.End.Clean():
			level = slog.LevelWarn
		case e.Kind == ObservedOpened, e.Kind == ObservedClosed, e.Kind == ObservedQueueFull:
			level = slog.LevelInfo
		}
		ctx := context.Background()
		if !l.Enabled(ctx, level) {
			return
		}
		attrs := []slog.Attr{slog.Any("remote", c.RemoteAddr())}
		switch e.Kind {
		case ObservedOpened:
			attrs = append(attrs, slog.String("subprotocol", c.Subprotocol()), slog.String("extensions", c.Extensions()))
		case ObservedClosed:
			attrs = append(attrs, slog.String("end", e.End.Error()))
		default:
			attrs = append(attrs, slog.String("opcode", e.Opcode.String()), slog.Int("size", e.Size))
		}
		if e.Code != 0 {
			attrs = append(attrs, slog.Int("code", int(e.Code)))
		}
		if e.RTT != 0 {
			attrs = append(attrs, slog.Duration("rtt", e.RTT))
		}
		if e.Queue != 0 {
			attrs = append(attrs, slog.Int64("queue", e.Queue))
		}
		l.LogAttrs(ctx, level, "hawser: "+e.Kind.String(), attrs...)
	})
}
