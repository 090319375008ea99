package conn

import (
	"sync/atomic"
	"time"
)

// Stats is what a connection has done so far.
type Stats struct {
	// MessagesReceived and MessagesSent count whole messages. One that waits in the send queue has not been sent; one whose answer is held back has.
	MessagesReceived, MessagesSent uint64
	// BytesReceived and BytesSent count what came from the transport and what it has taken, since the opening handshake: frames of all kinds, compressed, and below them no TLS.
	BytesReceived, BytesSent uint64
	// BufferedAmount is that of [Conn.BufferedAmount].
	BufferedAmount int64
	// Opened is when the connection was made, LastReceived when bytes came last.
	Opened, LastReceived time.Time
	// RTT is that of [Conn.RTT].
	RTT time.Duration
	// Reading reports that somebody reads: a loop, a read, or Close. While nobody does, no Ping is answered and a dead peer is not noticed.
	Reading bool
}

// Stats returns what the connection has done so far. While a burst of messages is being delivered, the counts may be those from before it.
func (c *Conn) Stats() Stats {
	opened := time.Now().Add(time.Duration(1 - c.now()))
	return Stats{
		MessagesReceived: c.received.publishedMessages.Load(),
		MessagesSent:     c.sent.publishedMessages.Load(),
		BytesReceived:    c.received.publishedBytes.Load(),
		BytesSent:        c.sent.publishedBytes.Load(),
		BufferedAmount:   c.BufferedAmount(),
		Opened:           opened,
		LastReceived:     opened.Add(time.Duration(c.watch.lastRead.at())),
		RTT:              c.RTT(),
		Reading:          c.turn.taken(),
	}
}

// traffic counts what goes one way. messages and bytes belong to whose turn it is to read, or to the holder of the write lock; so that a burst is not slowed down, they are published only before a wait.
type traffic struct {
	messages, bytes                   uint64
	publishedMessages, publishedBytes atomic.Uint64
}

// publish lets Stats see what was counted. A store costs some 5 ns, a load nothing.
func (t *traffic) publish() {
	if t.publishedMessages.Load() != t.messages {
		t.publishedMessages.Store(t.messages)
	}
	if t.publishedBytes.Load() != t.bytes {
		t.publishedBytes.Store(t.bytes)
	}
}
