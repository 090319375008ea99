package conn

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/internal/conntest"
)

func TestContext(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(c *Conn, p *conntest.Peer)
	}{
		{"7.1.4/peer_closes", func(_ *Conn, p *conntest.Peer) { p.SendClose(1000, "bye") }},
		{"7.1.5/CloseNow", func(c *Conn, _ *conntest.Peer) { c.CloseNow() }},
		{"7.1.1/end_of_the_stream", func(_ *Conn, p *conntest.Peer) { p.CloseWrite() }},
		{"7.1.7/violation", func(_ *Conn, p *conntest.Peer) { p.SendBytes([]byte{0xff, 0xff}) }},
	} {
		for _, asked := range []string{"before", "after"} {
			bothRoles(t, tt.name+"/asked_"+asked, func(t *testing.T, role Role) {
				c, p := talk(t, role, nil)
				if asked == "before" {
					if ctx := c.Context(); ctx.Err() != nil || ctx != c.Context() {
						t.Errorf("the context of an open connection: %v", ctx.Err())
					}
				}
				o := readAll(c)
				synctest.Wait()
				tt.end(c, p)
				<-o
				ctx := c.Context()
				if ctx.Err() != context.Canceled || context.Cause(ctx) != error(c.CloseInfo()) {
					t.Errorf("%v, %v; the connection ended with %v", ctx.Err(), context.Cause(ctx), c.CloseInfo())
				}
			})
		}
	}
	bothRoles(t, "3/ends_in_the_body_of_a_loop", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		p.SendText("x")
		for range c.Messages() {
			go c.CloseNow()
			<-c.Context().Done()
			if !errors.Is(context.Cause(c.Context()), net.ErrClosed) {
				t.Errorf("it ends with %v", context.Cause(c.Context()))
			}
			break
		}
	})
	bothRoles(t, "3/goes_on_while_Close_waits", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		closed := later(func() error { return c.Close(1000, "") })
		synctest.Wait()
		if err := c.Context().Err(); err != nil {
			t.Errorf("it has ended: %v", err)
		}
		p.SendClose(1000, "")
		<-closed
		<-c.Context().Done()
	})
}
