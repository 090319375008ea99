package conn

import (
	"bytes"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/internal/conntest"
)

// TestPushFaults fails operation 0, 1, 2, ... of the transport in each way while its connection is driven: Open comes first and Close last, once, with what ended it, and nothing is left.
func TestPushFaults(t *testing.T) {
	conntest.FailEach(t, conntest.Kinds(), func(t *testing.T, wrap func(net.Conn) net.Conn) {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := conntest.Pipe(64 << 10)
			c, p := New(wrap(ours), RoleServer, nil, nil), New(theirs, RoleClient, nil, nil)
			h := newCaller(t)
			c.Drive(h.events(Events{
				Open:    func(c *Conn) { c.Send(Text, []byte("hello")) },
				Message: func(c *Conn, m Message) { c.Write(m.Type, m.Data) },
			}))
			start := time.Now()
			if _, err := p.Read(); err == nil {
				for _, n := range []int{0, 100, 5000, 100000} {
					if p.Write(Binary, pattern(n)) != nil {
						break
					}
					m, err := p.Read()
					if err != nil {
						break
					}
					if !bytes.Equal(m.Data, pattern(n)) {
						t.Errorf("the echo of %d bytes has %d", n, len(m.Data))
					}
				}
			}
			p.Close(1000, "done")
			p.CloseNow()
			<-h.closed
			if c.Write(Text, nil) == nil || !errors.Is(c.ended(), ErrClosed) {
				t.Errorf("it ended with %v", c.ended())
			}
			// A timeout on one side may be followed by one on the other.
			if took, most := time.Since(start), 2*(DefaultPingInterval+DefaultPongTimeout)+2*DefaultCloseTimeout; took > most {
				t.Errorf("the conversation took %v, more than %v", took, most)
			}
			if first := <-h.lines; first != "open" {
				t.Errorf("the first call is %s", first)
			}
		})
	})
}
