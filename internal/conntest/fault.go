package conntest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
)

// ErrInjected is wrapped by every error that a [FaultConn] makes up, except the bare io.EOF of [EOF].
var ErrInjected = errors.New("injected fault")

// maxOps bounds [FailEach]: a body that does not come to its end within so many operations is broken.
const maxOps = 500

// Kind is the way in which an operation fails.
type Kind int

// The kinds of fault, with the operations that they apply to. After its fault the connection works
// again, unless the kind says otherwise: code that goes on after an error then shows what it wrote.
const (
	Error         Kind = iota // every operation: an error, nothing was done (but Close has closed)
	Timeout                   // Read, Write: a net.Error whose Timeout is true and that wraps os.ErrDeadlineExceeded
	EOF                       // Read: a bare io.EOF, as do all Reads after it
	ShortRead                 // Read: at most one byte, no error
	ShortWrite                // Write: half of the bytes are written, io.ErrShortWrite
	Stall                     // Read, Write: waits for the deadline or Close, nothing was done
	Reset                     // Read, Write: the connection under it is reset, syscall.ECONNRESET
	DeadlineError             // SetDeadline, SetReadDeadline, SetWriteDeadline: an error, nothing was set
	CloseError                // Close: closes, and an error. CloseWrite: an error, nothing was done
	PartialError              // Write: half of the bytes are written, an error

	// What only system calls meet, see [Sockets].

	Interrupted // syscall.EINTR, nothing was done
	Again       // syscall.EAGAIN, though something could have been done
)

const none Kind = -1

// Kinds returns every kind of fault. The caller owns the result.
func Kinds() []Kind {
	return []Kind{Error, Timeout, EOF, ShortRead, ShortWrite, Stall, Reset, DeadlineError, CloseError, PartialError}
}

// String returns the name of the constant.
func (k Kind) String() string {
	names := [...]string{"Error", "Timeout", "EOF", "ShortRead", "ShortWrite", "Stall", "Reset", "DeadlineError", "CloseError", "PartialError", "Interrupted", "Again"}
	if k < 0 || int(k) >= len(names) {
		return fmt.Sprintf("Kind(%d)", int(k))
	}
	return names[k]
}

// op is an operation of a connection.
type op string

const (
	opRead       op = "Read"
	opWrite      op = "Write"
	opDeadline   op = "SetDeadline"
	opCloseWrite op = "CloseWrite"
	opClose      op = "Close"
)

// applies reports whether o can fail in this way.
func (k Kind) applies(o op) bool {
	switch k {
	case Error:
		return true
	case Timeout, Stall, Reset:
		return o == opRead || o == opWrite
	case EOF, ShortRead:
		return o == opRead
	case ShortWrite, PartialError:
		return o == opWrite
	case DeadlineError:
		return o == opDeadline
	case CloseError:
		return o == opClose || o == opCloseWrite
	}
	return false
}

// injected is the error of a fault.
type injected struct {
	kind  Kind
	op    op
	n     int
	cause error // nil, or what the error also is
}

func (e *injected) Error() string {
	s := fmt.Sprintf("%v: %v in operation %d, %s", ErrInjected, e.kind, e.n, e.op)
	if e.cause != nil {
		s += ": " + e.cause.Error()
	}
	return s
}

func (e *injected) Unwrap() []error {
	if e.cause == nil {
		return []error{ErrInjected}
	}
	return []error{ErrInjected, e.cause}
}

// Timeout and Temporary make it a [net.Error].
func (e *injected) Timeout() bool   { return errors.Is(e.cause, os.ErrDeadlineExceeded) }
func (e *injected) Temporary() bool { return e.Timeout() }

// A Fault counts the operations of one or more connections and fails one of them. Its methods may be called
// concurrently.
type Fault struct {
	n    int
	kind Kind

	mu      sync.Mutex
	ops     int
	fired   bool
	firedAt int
}

// next counts an operation. It returns none, or the kind and the error with which it must fail.
func (f *Fault) next(o op) (Kind, *injected) { return f.count(o, f.kind.applies(o)) }

// count counts an operation to which the kind applies or not.
func (f *Fault) count(o op, applies bool) (Kind, *injected) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := f.ops
	f.ops++
	if f.fired || i < f.n || !applies {
		return none, nil
	}
	f.fired, f.firedAt = true, i
	e := &injected{kind: f.kind, op: o, n: i}
	switch f.kind {
	case Timeout:
		e.cause = os.ErrDeadlineExceeded
	case ShortWrite:
		e.cause = io.ErrShortWrite
	case Reset:
		e.cause = syscall.ECONNRESET
	}
	return f.kind, e
}

// FaultConn is a connection of which one operation fails. All methods may be called concurrently,
// as far as those of the connection under it may.
type FaultConn struct {
	net.Conn
	f *Fault

	mu            sync.Mutex
	changed       chan struct{} // closed at the next change that a stalled operation must see
	closed        bool
	eof           bool
	readDeadline  time.Time
	writeDeadline time.Time
}

// NewFaultConn returns c with a fault: of its operations (Read, Write, SetDeadline and its two
// siblings, CloseWrite, Close, counted from 0 in the order in which they begin) number n fails in the
// way k. Where k does not apply to number n, the first one after it fails to which k applies.
func NewFaultConn(c net.Conn, n int, k Kind) *FaultConn {
	return &FaultConn{Conn: c, f: &Fault{n: n, kind: k}}
}

// Fired reports whether the fault has happened.
func (c *FaultConn) Fired() bool {
	return c.f.Fired()
}

// Ops returns the number of operations so far, in FailEach those of all wrapped connections.
func (c *FaultConn) Ops() int {
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	return c.f.ops
}

// Read implements [net.Conn].
func (c *FaultConn) Read(p []byte) (int, error) {
	kind, fault := c.f.next(opRead)
	switch kind {
	case Error, Timeout:
		return 0, fault
	case EOF:
		c.mu.Lock()
		c.eof = true
		c.mu.Unlock()
	case ShortRead:
		p = p[:min(1, len(p))]
	case Stall:
		return 0, c.stall(fault, &c.readDeadline)
	case Reset:
		reset(c.Conn)
		return 0, fault
	}
	c.mu.Lock()
	eof := c.eof
	c.mu.Unlock()
	if eof {
		return 0, io.EOF
	}
	return c.Conn.Read(p)
}

// Write implements [net.Conn].
func (c *FaultConn) Write(p []byte) (int, error) {
	kind, fault := c.f.next(opWrite)
	switch kind {
	case Error, Timeout:
		return 0, fault
	case ShortWrite, PartialError:
		n, err := c.Conn.Write(p[:len(p)/2])
		if err != nil {
			return n, err
		}
		return n, fault
	case Stall:
		return 0, c.stall(fault, &c.writeDeadline)
	case Reset:
		reset(c.Conn)
		return 0, fault
	}
	return c.Conn.Write(p)
}

// CloseWrite half-closes the connection; without such a method under it, it returns
// [errors.ErrUnsupported].
func (c *FaultConn) CloseWrite() error {
	if kind, fault := c.f.next(opCloseWrite); kind != none {
		return fault
	}
	return closeWrite(c.Conn)
}

// closeWrite half-closes c where c can.
func closeWrite(c net.Conn) error {
	if h, ok := c.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Close implements [net.Conn].
func (c *FaultConn) Close() error {
	kind, fault := c.f.next(opClose)
	c.mu.Lock()
	c.closed = true
	c.broadcast()
	c.mu.Unlock()
	err := c.Conn.Close()
	if kind != none {
		return fault
	}
	return err
}

// SetDeadline implements [net.Conn].
func (c *FaultConn) SetDeadline(t time.Time) error {
	return c.setDeadline(t, c.Conn.SetDeadline, &c.readDeadline, &c.writeDeadline)
}

// SetReadDeadline implements [net.Conn].
func (c *FaultConn) SetReadDeadline(t time.Time) error {
	return c.setDeadline(t, c.Conn.SetReadDeadline, &c.readDeadline)
}

// SetWriteDeadline implements [net.Conn].
func (c *FaultConn) SetWriteDeadline(t time.Time) error {
	return c.setDeadline(t, c.Conn.SetWriteDeadline, &c.writeDeadline)
}

func (c *FaultConn) setDeadline(t time.Time, set func(time.Time) error, deadlines ...*time.Time) error {
	if kind, fault := c.f.next(opDeadline); kind != none {
		return fault
	}
	c.mu.Lock()
	for _, d := range deadlines {
		*d = t
	}
	c.broadcast()
	c.mu.Unlock()
	return set(t)
}

// stall waits until the deadline passed, which may be set meanwhile, or the connection was closed.
func (c *FaultConn) stall(fault *injected, deadline *time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		if c.closed {
			fault.cause = net.ErrClosed
			return fault
		}
		if passed(*deadline) {
			fault.cause = os.ErrDeadlineExceeded
			return fault
		}
		if c.changed == nil {
			c.changed = make(chan struct{})
		}
		changed, d := c.changed, *deadline
		c.mu.Unlock()
		waitFor(changed, d)
		c.mu.Lock()
	}
}

// broadcast wakes a stalled operation. The lock is held.
func (c *FaultConn) broadcast() {
	if c.changed != nil {
		close(c.changed)
		c.changed = nil
	}
}

// Reset resets the connection under c, as far as that can be done.
func (c *FaultConn) Reset() { reset(c.Conn) }

// reset resets c in the way that it offers; else it closes it.
func reset(c net.Conn) {
	switch c := c.(type) {
	case interface{ Reset() }:
		c.Reset()
		return
	case interface{ SetLinger(sec int) error }:
		c.SetLinger(0) // Close then sends RST
	}
	c.Close()
}

// FailEach runs body over and over, in a sub-test named by kind and number: operation 0 fails, then
// operation 1, and so on until body came to its end without a fault; operations to which the kind
// does not apply are skipped. body passes each connection that shall fail through wrap, inside its
// bubble if it uses one; connections that are wrapped in the same run share one count. There is a leak
// check around each run.
//
// A body must hold its ground under every kind that it is given: it checks that calls return, that
// errors wrap [ErrInjected] where they should, and that the other end saw a clean prefix of the
// conversation. A Stall only ends with a deadline or Close.
func FailEach(t *testing.T, kinds []Kind, body func(t *testing.T, wrap func(net.Conn) net.Conn)) {
	t.Helper()
	for _, k := range kinds {
		err := failLoop(k, func(f *Fault) (ran, ok bool) {
			ok = t.Run(fmt.Sprintf("%v/%d", k, f.n), func(t *testing.T) {
				ran = true
				CheckLeaks(t)
				body(t, func(c net.Conn) net.Conn { return f.Wrap(c) })
			})
			return ran, ok
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// Inject calls body over and over, in t itself: operation 0 fails in the way k, then operation 1, and so on until body came
// to its end without a fault. It returns how many faults there were. body sees to its own leaks; FailEach says what else is expected of it.
func Inject(t *testing.T, k Kind, body func(f *Fault)) (faults int) {
	t.Helper()
	err := failLoop(k, func(f *Fault) (ran, ok bool) {
		defer func() {
			if f.fired {
				faults++
			}
			if t.Failed() {
				t.Logf("%v: %d, which happened: %v", k, f.n, f.fired)
			}
		}()
		body(f)
		return true, !t.Failed()
	})
	if err != nil {
		t.Error(err)
	}
	return faults
}

// Wrap returns c with this fault.
func (f *Fault) Wrap(c net.Conn) *FaultConn { return &FaultConn{Conn: c, f: f} }

// Fired reports whether the fault has happened.
func (f *Fault) Fired() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fired
}

// failLoop calls run with a fault at 0, 1, 2, ... until it did not fire. A run that did not run was
// filtered out by a -run flag.
func failLoop(k Kind, run func(f *Fault) (ran, ok bool)) error {
	for n := 0; n < maxOps; {
		f := &Fault{n: n, kind: k}
		ran, ok := run(f)
		f.mu.Lock()
		ops, fired, firedAt := f.ops, f.fired, f.firedAt
		f.mu.Unlock()
		switch {
		case !ok:
			return nil // the sub-test has said what is wrong; the next hundreds would say the same
		case !ran:
			n++
		case ops == 0:
			return fmt.Errorf("%v: the body used no wrapped connection", k)
		case !fired:
			return nil
		default:
			n = firedAt + 1
		}
	}
	return fmt.Errorf("%v: the fault still fires at operation %d", k, maxOps)
}
