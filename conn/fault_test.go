package conn

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/internal/conntest"
)

// TestFaults fails operation 0, 1, 2, ... of the transport in each way, in each role, through a conversation with messages of several sizes, pings and a close. Whatever fails: every
// call returns within the timeouts, what the other side saw is a clean prefix of the conversation, errors are terminal, stay, and name the cause, and nothing is left.
func TestFaults(t *testing.T) {
	for _, role := range []Role{RoleServer, RoleClient} {
		t.Run([...]string{"server", "client"}[role], func(t *testing.T) {
			injectAll(t, conntest.Kinds(), faultyIn(t, role, nil))
		})
	}
}

// faultyIn returns a body for injectAll. If cfg has Compression, it has been negotiated.
func faultyIn(t *testing.T, role Role, cfg *Config) func(f *conntest.Fault) {
	return func(f *conntest.Fault) {
		synctest.Test(t, func(t *testing.T) { faultyConversation(t, role, cfg, f) })
	}
}

func faultyConversation(t *testing.T, role Role, cfg *Config, f *conntest.Fault) {
	ours, theirs := conntest.Pipe(64 << 10)
	other := RoleClient
	if role == RoleClient {
		other = RoleServer
	}
	tap := conntest.Tap(t, f.Wrap(ours), conntest.Role(role))
	c, p := New(tap, role, nil, cfg), New(theirs, other, nil, cfg)
	if cfg != nil {
		tap.Inspect(func(w *conntest.Wire) { w.PermessageDeflate(true) })
		c.compress(takeover, "")
		p.compress(takeover, "")
	}
	start := time.Now()
	// A read that stalls is noticed by keepalive, or, in the middle of a message, because that comes too slowly. A timeout on one side may be followed by one on the other.
	const patience = 2 * (DefaultPingInterval + DefaultPongTimeout)

	// The engine that fails echoes; the one that does not asks.
	echoed := make(chan error, 1)
	go func() { echoed <- echo(c) }()
	sizes := []int{0, 100, 5000, 100000}
	peer := make(chan error, 1)
	go func() {
		for _, n := range sizes {
			if err := p.Write(Binary, pattern(n)); err != nil {
				peer <- err
				return
			}
			p.handle(pingEvent("ping")) // something for the reserved slot
			p.flushControl()
			m, err := p.Read()
			if err != nil {
				peer <- err
				return
			}
			if !bytes.Equal(m.Data, pattern(n)) {
				t.Errorf("the echo of %d bytes has %d", n, len(m.Data))
			}
		}
		peer <- p.Close(1000, "done")
	}()
	err := <-echoed
	c.Close(1000, "")
	again := c.Write(Text, []byte("x"))
	_, read := c.Read()
	if !errors.Is(again, ErrClosed) || !errors.Is(read, ErrClosed) {
		t.Errorf("after the end Write returns %v, Read %v", again, read)
	}
	c.CloseNow()
	if perr := <-peer; perr != nil && !errors.Is(perr, ErrClosed) {
		t.Errorf("the peer got %v", perr)
	}
	p.CloseNow()
	if err != nil && !errors.Is(err, ErrClosed) {
		t.Errorf("the echo ended with %v, which is not terminal", err)
	}
	if e, ok := errors.AsType[*CloseError](c.ended()); ok && !e.Clean() && !e.Local && e.EOF == NoEOF && !errors.Is(e, conntest.ErrInjected) &&
		!errors.Is(e, os.ErrDeadlineExceeded) && !errors.Is(e, io.ErrShortWrite) && !errors.Is(e, errProgress) {
		t.Errorf("%v does not name a cause", e)
	}
	if took, most := time.Since(start), patience+DefaultCloseTimeout; took > most {
		t.Errorf("the conversation took %v, more than %v", took, most)
	}
	synctest.Wait() // whoever was closing a transport already has closed it
	for _, c := range []*Conn{c, p} {
		select {
		case <-c.done():
		default:
			t.Error("a connection has not ended")
		}
	}
}
