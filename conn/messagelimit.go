package conn

import "github.com/hawser-go/hawser/internal/protocol"

// SetMessageLimit changes the limit on the size of messages that this side receives, which was [Config].MessageLimit: for example a small one until the peer has said who it is, and a larger one then. n
// means what it means there: 0 is the default, a negative number none. The limits that follow from it, on fragments and on the size of compressed messages, change with it.
//
// It holds from the next message on whose first frame has not been looked at: a message that has begun to come keeps its limit. So, for what comes next to come under the new limit, set it before the
// answer that makes the peer send it.
func (c *Conn) SetMessageLimit(n int64) {
	c.in.limits.Store(&newLimits{resolvedMessageLimit(n)})
}

// newLimits are limits for the messages that come next.
type newLimits struct{ message int64 }

// setLimits makes l the limits, between messages.
func (in *input) setLimits(l *newLimits) {
	in.limits.CompareAndSwap(l, nil)
	in.limit = l.message
	in.recv = protocol.NewReceiver(protocol.Role(in.role), in.wire()) // between messages there is nothing in it
	if in.inflation != nil {
		in.inflation.limit = l.message
	}
}
