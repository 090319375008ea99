package protocol

import (
	"sync"

	"github.com/hawser-go/hawser/frame"
)

// controlBuffer holds the payload of a control frame while it has to be kept: most connections need none at any time, and so own none.
type controlBuffer struct {
	n int
	b [frame.MaxControlPayload]byte
}

var controlBuffers = sync.Pool{New: func() any { return new(controlBuffer) }}

// add appends p, for which there is room, in a buffer from the pool if c is nil, and returns the buffer.
func (c *controlBuffer) add(p []byte) *controlBuffer {
	if c == nil {
		c = controlBuffers.Get().(*controlBuffer)
		c.n = 0
	}
	c.n += copy(c.b[c.n:], p)
	return c
}

// bytes returns what has been added, nil if c is nil.
func (c *controlBuffer) bytes() []byte {
	if c == nil {
		return nil
	}
	return c.b[:c.n]
}

// release gives the buffer back to the pool.
func (c *controlBuffer) release() {
	if c != nil {
		controlBuffers.Put(c)
	}
}
