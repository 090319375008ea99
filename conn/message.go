package conn

import "github.com/hawser-go/hawser/frame"

// MessageType is the type of a message (RFC 6455, 5.6). The zero value is invalid.
type MessageType uint8

const (
	// Text is a message of UTF-8 text (RFC 6455, 5.6).
	Text = MessageType(frame.OpcodeText)
	// Binary is a message of arbitrary bytes (RFC 6455, 5.6).
	Binary = MessageType(frame.OpcodeBinary)
)

// String returns "text", "binary" or "invalid".
func (t MessageType) String() string {
	switch t {
	case Text:
		return "text"
	case Binary:
		return "binary"
	}
	return "invalid"
}

// A Message is one whole message. Who may use Data, and how long, depends on the call that returned it.
type Message struct {
	Type MessageType
	Data []byte
}

// Role is the side of a connection.
type Role uint8

const (
	// RoleServer is the side that accepted the connection.
	RoleServer Role = iota
	// RoleClient is the side that opened the connection. It masks what it sends (RFC 6455, 5.3).
	RoleClient
)

// State is the state of a connection, named as in the browser's WebSocket API.
type State uint8

const (
	// StateConnecting: the opening handshake is not done. A Conn that a function returned is past it.
	StateConnecting State = iota
	// StateOpen: messages may go both ways.
	StateOpen
	// StateClosing: a Close frame has been sent, received or is due.
	StateClosing
	// StateClosed: the underlying connection is closed.
	StateClosed
)

// String returns the state's name in capitals, as RFC 6455 and the browsers write it.
func (s State) String() string {
	switch s {
	case StateConnecting:
		return "CONNECTING"
	case StateOpen:
		return "OPEN"
	case StateClosing:
		return "CLOSING"
	case StateClosed:
		return "CLOSED"
	}
	return "invalid"
}
