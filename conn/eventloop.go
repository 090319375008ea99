package conn

import (
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/hawser-go/hawser/internal/evloop"
)

// EventLoop says whether connections with [Events] are driven by an event loop, which needs no goroutine for each: an idle connection has no stack and no buffer. What Events
// promises is the same. A function that blocks costs a goroutine while it does; one that often does gets it at once.
//
// The loops, as many as processors, are the process's: they start with the first connection that they get, and stay, without a wake-up while nothing happens.
//
// An event loop drives plain TCP and Unix sockets, whose dynamic type is exactly *net.TCPConn or *net.UnixConn; every other connection has a goroutine: TLS, pipes, wrappers of a connection.
type EventLoop uint8

const (
	// EventLoopAuto uses it on Linux.
	EventLoopAuto EventLoop = iota
	// EventLoopAlways uses it wherever there is one: on macOS and the BSDs, too, where it has not been tried.
	EventLoopAlways
	// EventLoopNever gives each connection a goroutine.
	EventLoopNever
)

// here reports whether the loop is to be used on this system.
func (e EventLoop) here() bool {
	return e == EventLoopAlways || e == EventLoopAuto && runtime.GOOS == "linux"
}

// loops returns the event loops, of which a process has as many as processors, for all its connections; nil if there are none here.
var loops = sync.OnceValue(func() *evloop.Group {
	g, _ := newLoops()
	started.Store(g)
	return g
})

// started are the loops, nil before they have been started.
var started atomic.Pointer[evloop.Group]

func newLoops() (*evloop.Group, error) {
	// Buffers are taken from the pool, by each connection for what it is about to read: the loop's own are not used.
	return evloop.New(evloop.Config{BufferSize: 1, ApartBufferSize: 1})
}

// LoopStats is what one event loop has, and has done so far. See [EventLoopStats].
type LoopStats struct {
	// Connections are those that the loop drives now.
	Connections int64
	// Inline counts the messages for which functions were called in the loop, and Apart those for which they were called on a goroutine of their own: because the connection's functions are known to be slow,
	// or because they blocked, and the loop went on without them. A burst of messages is counted when all of them have been delivered.
	Inline, Apart int64
	// HandOffs counts how often functions blocked for some milliseconds, so that another goroutine went on with the loop.
	HandOffs int64
}

// EventLoopStats returns what the event loops of the process have done so far, an element for each; none if no connection has needed them. It starts none, and may be called at any time, from any goroutine. The caller owns the result.
//
// Many hand-offs beside few messages apart say that functions block now and then, which the loops have not learned to expect: their connections wait for each other for a few milliseconds each time.
func EventLoopStats() []LoopStats {
	g := started.Load()
	if g == nil {
		return nil
	}
	var all []LoopStats
	for _, s := range g.Stats() {
		all = append(all, LoopStats{Connections: s.Connections, Inline: s.Served, Apart: s.ServedApart, HandOffs: s.HandOffs})
	}
	return all
}
