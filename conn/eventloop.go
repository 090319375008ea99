package conn

import (
	"runtime"
	"sync"

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
	return g
})

func newLoops() (*evloop.Group, error) {
	// Buffers are taken from the pool, by each connection for what it is about to read: the loop's own are not used.
	return evloop.New(evloop.Config{BufferSize: 1, ApartBufferSize: 1})
}
