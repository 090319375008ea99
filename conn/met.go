package conn

import "github.com/hawser-go/hawser/internal/protocol"

// A met is what reading has met that ends the connection. It belongs to whose turn it is to read.
type met struct {
	readErr   error          // the transport's, met behind the bytes that came before it
	violation error          // the rule or limit that the peer broke
	close     protocol.Event // the peer's Close frame
}

// readErr returns the error of the transport's that reading has met, nil if none.
func (c *Conn) readErr() error {
	if c.met == nil {
		return nil
	}
	return c.met.readErr
}

// setReadErr makes err, which may be nil, what reading has met.
func (c *Conn) setReadErr(err error) {
	if err != nil || c.met != nil {
		c.meet().readErr = err
	}
}

// violation returns the rule or limit that the peer broke, nil if none.
func (c *Conn) violation() error {
	if c.met == nil {
		return nil
	}
	return c.met.violation
}

func (c *Conn) meet() *met {
	if c.met == nil {
		c.met = new(met)
	}
	return c.met
}

// An unwritable says why nothing can be written any more. It never changes.
type unwritable struct {
	err error // nil if it is about to be known
	cut error // the err that cut a message, nil if none was
}

// reason returns why nothing can be written any more, nil if something can. The caller has the write lock or c.mu.
func (u *unwritable) reason() error {
	if u == nil {
		return nil
	}
	return u.err
}

// cause returns what has cut a message, nil if nothing has. The caller has c.mu.
func (u *unwritable) cause() error {
	if u == nil {
		return nil
	}
	return u.cut
}
