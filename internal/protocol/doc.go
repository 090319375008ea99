// Package protocol is the WebSocket connection of RFC 6455 as a value that is fed.
//
// Bytes that a peer sent go into a [Receiver], which says what they mean: events, or the rule that they broke. What the events ask
// of this side (a Pong, the answer to a Close, the Close that fails the connection) is decided by a [Sender], which says
// what may be sent, and holds the control frames that are due until a driver takes them. The two halves share nothing, so that
// one goroutine may receive while others send; [Sender.Handle] is the only way from one to the other.
//
// Nothing here reads, writes, waits, unmasks or inflates, and nothing knows the time or draws a random number: the driver moves the bytes and
// brings the masking keys. Both roles run the same code.
package protocol

// Role is the side of the connection that a value of this package plays.
type Role uint8

const (
	// Server receives masked frames and sends unmasked ones (RFC 6455, 5.1).
	Server Role = iota
	// Client sends masked frames and receives unmasked ones (RFC 6455, 5.1).
	Client
)

// String returns "server" or "client".
func (r Role) String() string {
	if r == Client {
		return "client"
	}
	return "server"
}
