//go:build unix

package conn

import (
	"io"
	"net"
	"testing"

	"github.com/hawser-go/hawser/internal/conntest"
	"github.com/hawser-go/hawser/internal/evloop"
)

// TestPushDoesNotAllocate: an echo in Message, and a connection that waits holds no buffer.
func TestPushDoesNotAllocate(t *testing.T) {
	echo := &Events{Message: func(c *Conn, m Message) { c.Write(m.Type, m.Data) }}
	frame := conntest.Frame{Fin: true, Opcode: conntest.Binary, Masked: true, Payload: pattern(1 << 10)}.Append(nil)
	answer := make([]byte, len(frame)-4)
	exchange := func(t *testing.T, b net.Conn, between func()) func() {
		return func() {
			if _, err := b.Write(frame); err != nil {
				t.Error(err)
			}
			between()
			if _, err := io.ReadFull(b, answer); err != nil {
				t.Error(err)
			}
		}
	}
	t.Run("3/goroutine", func(t *testing.T) {
		a, b := tcpPair(t)
		c := New(a, RoleServer, nil, &Config{EventLoop: EventLoopNever})
		c.Drive(echo)
		conntest.ShouldNotAllocate(t, exchange(t, b, func() {}))
		c.CloseNow()
	})
	t.Run("3/loop", func(t *testing.T) {
		// The test calls Ready: the loop, where the machine is busy, would start goroutines.
		deafLoops(t, nil)
		c, b := driven(t, echo)
		l := c.transport.loop
		l.Ready(nil, evloop.Turn{Events: evloop.Woken})
		conntest.ShouldNotAllocate(t, exchange(t, b, func() { l.Ready(nil, evloop.Turn{Events: evloop.Readable}) }))
		if c.in.reading != nil || c.held != nil {
			t.Error("a connection that waits holds a buffer")
		}
	})
}
