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
		MessagesReceived: c.received.messages.Load(),
		MessagesSent:     c.sent.messages.Load(),
		BytesReceived:    c.receivedBytes.Load(),
		BytesSent:        c.transport.taken.Load(),
		BufferedAmount:   c.BufferedAmount(),
		Opened:           opened,
		LastReceived:     opened.Add(time.Duration(c.watch.lastRead.at())),
		RTT:              c.RTT(),
		Reading:          c.turn.taken(),
	}
}

// traffic counts the messages that go one way, for who counts: whose turn it is to read, or the holder of the write lock. So that a burst is not slowed down, they are published only before a wait.
type traffic struct {
	messages    atomic.Uint64
	unpublished uint32 // messages that are not in messages yet
}

// publish lets Stats see what was counted. A store costs some 5 ns, a load nothing.
func (t *traffic) publish() {
	if t.unpublished != 0 {
		t.messages.Store(t.messages.Load() + uint64(t.unpublished))
		t.unpublished = 0
	}
}
