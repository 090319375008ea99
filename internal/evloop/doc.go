// Package evloop drives descriptors without a goroutine for each: a few loops wait for readiness and call a [Handler] right there. It knows descriptors, not
// protocols.
//
// Handlers may block. A loop whose handler has not come back after 2 ms is taken over by a new goroutine, which goes on with the other connections; the old one
// finishes its connection and ends. Connections whose handlers are often slow get a goroutine for each call. docs/decisions/0011-event-loop.md has the reasons.
//
// Terminology:
//   - A loop is a poller, a table of connections and a timer wheel. Its owner is the goroutine that runs it now.
//   - A turn is one wait for events and the calls that follow; its batch is what the wait returned.
//   - A connection is held while its handler runs on a goroutine that owns no loop.
//   - Hand-off is the change of a loop's owner while a handler runs; the monitor is the goroutine that does it.
//
// Start reading at loop.go (a turn), then handoff.go and conn.go.
package evloop
