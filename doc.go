// Package hawser is a WebSocket engine (RFC 6455): servers, clients, and everything between bytes and messages.
//
// An echo server on net/http:
//
//	http.Handle("/ws", hawser.Handler(func(c *hawser.Conn) {
//		for m, err := range c.Messages() {
//			if err != nil {
//				return
//			}
//			c.Write(m.Type, m.Data)
//		}
//	}, nil))
//
// And a client:
//
//	c, err := hawser.Dial(ctx, "ws://127.0.0.1:8080/ws", nil)
//
// # Terminology
//
// The words are those of RFC 6455. A message is text or binary, and travels in one or more data frames. Close, Ping and Pong are control frames, never messages.
// A server is the side that accepted the connection, a client the one that opened it; a peer is the other side, whichever it is. To fail the connection is to send a
// Close frame that says why, and to discard what still comes. A borrowed slice is valid until the call that is named, and belongs to the engine; an owned one is the
// caller's for good.
//
// # Where to start reading
//
// This package is the front door: aliases and one-line functions for package [github.com/hawser-go/hawser/conn], which composes the others.
// Package handshake is RFC 6455, 4; package frame is sections 5.2 to 5.5 and 7.4; package mask is 5.3. They do no I/O and may be used alone. The state machine of a connection is
// internal/protocol.
package hawser
