package conn

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hawser-go/hawser/internal/protocol"
	"github.com/hawser-go/hawser/mask"
)

// A Conn is one WebSocket connection. [Accept], [Dial], [New] and [Pipe] return one.
//
// Every method may be called from any goroutine. Reading is [Conn.Messages], [Conn.Read], [Conn.ReadAppend] and, for messages as they come, [Conn.Reader]; reads take turns, except
// beside a Messages loop. Somebody should read: pings are answered and the closing handshake goes on only while a read or Close runs. [Conn.CloseRead] reads for who only writes.
// Or [Conn.Drive] has the connection call functions with what comes, see [Events].
// Writing is [Conn.Write]; messages are atomic and leave in the order in which the calls got their turn. [Conn.Close] ends the
// connection with the closing handshake, [Conn.CloseNow] without.
type Conn struct {
	cfg       *Config
	born      time.Duration // see now
	agreement *agreement    // nil if nothing was agreed on in the opening handshake
	transport transport
	member    member
	meter     atomic.Pointer[meter] // nil while nothing of the connection's is counted

	// The read half belongs to whose turn it is.
	turn          turn
	in            input
	met           *met // nil while the connection may live on
	watch         watch
	received      traffic
	receivedBytes atomic.Uint64

	// The write half. Whoever has writeLock writes.
	writeLock   lock
	compression *compression // nil if permessage-deflate has not been negotiated
	unwritable  *unwritable  // nil while the transport takes what is written; written with mu held, too
	held        *[]byte      // what is held back, see cork
	heldLen     int
	heldSince   atomic.Int64 // see now; 0 if nothing is held
	holdTimer   *time.Timer
	rest        *rest // of a frame that is cut, nil if none is
	stream      *MessageWriter
	queue       atomic.Pointer[sendQueue]
	kept        atomic.Int64 // bytes of rest
	sent        traffic

	corked     atomic.Bool // what is written is held back
	over       atomic.Bool // err is set; it belongs to both halves
	role       Role
	delivered  bool // a message was returned since the last wait; it belongs to the read half
	draining   bool // what is written was queued by Send
	drainWaits bool // drain waits for writeLock
	// The rest is guarded by mu, which is never held over I/O.
	looping  bool // a Messages loop runs, or a driver
	cut      bool // a loop runs, and has to release the transport
	released bool
	gone     bool // nothing is left of the connection
	mu       sync.Mutex
	send     protocol.Sender
	err      *CloseError   // how the connection ended; set once
	doneChan chan struct{} // closed when gone is set; nil while nobody waits for that
	extra    *extra        // nil if there is nothing of it
	lastPing int64         // when the last Ping was sent, see now
	lastPong int64         // which Ping was answered last
	rtt      atomic.Int64
}

// New returns a connection over rwc on which the opening handshake has been done elsewhere. buffered holds bytes that came behind the handshake and have
// already been read; New does not retain buffered. The Conn closes rwc when it ends.
//
// If rwc is a net.Conn its deadlines are used, and set to none first; the reads of any other stream are done by a goroutine, so that a context and keepalive can end the wait for them. If it has a method CloseWrite() error, that half-closes it.
// rwc's Read and Write must be usable at the same time, and its Close must end both and not wait itself. From now on nobody else may use rwc, or close it.
func New(rwc io.ReadWriteCloser, role Role, buffered []byte, cfg *Config) *Conn {
	r := cfg.resolved()
	c := newConn(rwc, role, buffered, &r)
	c.observe(Observation{Kind: ObservedOpened})
	c.join(false, false)
	return c
}

func newConn(rwc io.ReadWriteCloser, role Role, buffered []byte, cfg *Config) *Conn {
	c := &Conn{
		cfg:  cfg,
		born: time.Since(epoch),
		role: role,
		send: protocol.NewSender(protocol.Role(role)),
	}
	c.transport.init(rwc, cfg.WriteTimeout, func() { c.abort(errWriteTimeout) })
	c.in.role, c.in.limit = role, cfg.MessageLimit
	c.watch.came(c.now())
	c.watch.lastMessage = c.watch.lastRead.at()
	c.in.prime(buffered)
	return c
}

// Role returns the side of the connection that c is.
func (c *Conn) Role() Role { return c.role }

// LocalAddr returns the transport's local address, nil if it has none.
func (c *Conn) LocalAddr() net.Addr {
	if nc := c.netConn(); nc != nil {
		return nc.LocalAddr()
	}
	return nil
}

// RemoteAddr returns the transport's remote address, nil if it has none.
func (c *Conn) RemoteAddr() net.Addr {
	if nc := c.netConn(); nc != nil {
		return nc.RemoteAddr()
	}
	return nil
}

// netConn returns the transport, which an event loop may be about to take, nil if it is no net.Conn.
func (c *Conn) netConn() net.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.transport.netConn()
}

// State returns the state of the connection.
func (c *Conn) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.released:
		return StateClosed
	case c.err != nil || c.unwritable.reason() != nil || c.send.State() != protocol.Open:
		return StateClosing
	}
	return StateOpen
}

// maskingKey returns a fresh key for one frame, the zero key on the server side.
func (c *Conn) maskingKey() mask.Key {
	if c.role == RoleClient {
		return newMaskingKey()
	}
	return mask.Key{}
}
