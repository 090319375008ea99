// Package client has a WebSocket client that outlives its connections: when one ends, it opens the next, after a delay that spares the server (RFC 6455, 7.2.3).
//
//	r := &client.Client{URL: "wss://host/path"}
//	for c, err := range r.Connections(ctx) {
//		if err != nil {
//			return err // it gave up: the server refuses, or ctx is done
//		}
//		for m, err := range c.Messages() {
//			...
//		}
//	}
//
// What was sent on the connection before and not answered is the program's to know: nothing is kept from one connection for the next. client.go is the loop, delay.go
// decides how long to wait, and what is not worth another try.
package client
