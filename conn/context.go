package conn

import "context"

// connContext is what Context returns, and what ends it.
type connContext struct {
	context.Context
	end context.CancelCauseFunc
}

// Context returns a context that ends when the connection does: for what is done only for this connection. context.Cause returns the [*CloseError] then, which also is what [Conn.CloseInfo] returns. It
// has no deadline and no values, and each call returns the same.
//
// In the body of a Messages loop it ends before [Conn.Wait] returns: as soon as it is known that there is no way on, for example when a write fails for good or CloseNow is called. But somebody has to read for
// the peer's Close to be seen.
func (c *Conn) Context() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.extras()
	if x.context == nil {
		ctx, end := context.WithCancelCause(context.Background())
		x.context = &connContext{ctx, end}
		c.endContext()
	}
	return x.context.Context
}

// endContext ends the context if the connection has ended and somebody has asked for it. The caller has c.mu.
func (c *Conn) endContext() {
	if x := c.extra; c.err != nil && x != nil && x.context != nil {
		x.context.end(c.err)
	}
}
