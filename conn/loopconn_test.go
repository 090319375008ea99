//go:build unix

package conn

import (
	"errors"
	"io"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/conntest"
	"github.com/hawser-go/hawser/internal/evloop"
)

// driven returns a connection that the event loop drives, and its other end.
func driven(t *testing.T, e *Events) (*Conn, net.Conn) {
	t.Helper()
	if loops() == nil || !EventLoopAuto.here() {
		t.Skip("there is no event loop here")
	}
	a, b := tcpPair(t)
	c := New(a, RoleServer, nil, nil)
	if err := c.Drive(e); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	return c, b
}

// TestLoopConn: it is a net.Conn of which the driver alone reads.
func TestLoopConn(t *testing.T) {
	t.Run("3/closed", func(t *testing.T) {
		conntest.CheckLeaks(t)
		c, _ := driven(t, &Events{})
		l := c.transport.loop
		if _, err := l.Read(make([]byte, 1)); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("Read returns %v", err)
		}
		c.CloseNow()
		c.Wait(t.Context())
		_, _, read := l.read(make([]byte, 1))
		_, write := l.Write([]byte("x"))
		_, try := l.tryWrite([]byte("x"))
		for call, err := range map[string]error{"read": read, "Write": write, "tryWrite": try, "awaitRoom": l.awaitRoom(), "Close": l.Close(), "shutdown": l.shutdown()} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s returns %v", call, err)
			}
		}
		l.Ready(nil, evloop.Turn{}) // one more, that had begun before
	})
	t.Run("3/deadline", func(t *testing.T) {
		c, _ := driven(t, &Events{})
		l := c.transport.loop
		l.SetWriteDeadline(time.Unix(1, 0)) // the write timeout is its own
		if _, err := l.Write([]byte{0x8a, 0}); err != nil {
			t.Errorf("Write returns %v", err)
		}
		l.SetDeadline(time.Now().Add(time.Hour))
		l.setCloseTimer(2 * time.Hour)
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.readAt <= 0 || l.closeAt <= l.readAt {
			t.Errorf("the deadlines are %v and %v", l.readAt, l.closeAt)
		}
	})
	t.Run("3/errors", func(t *testing.T) {
		for err, want := range map[error]error{nil: nil, io.EOF: io.EOF, evloop.ErrWouldBlock: nil, evloop.ErrClosed: net.ErrClosed, syscall.ECONNRESET: syscall.ECONNRESET} {
			if got := socketError("read", err); !errors.Is(got, want) || (got == nil) != (want == nil) {
				t.Errorf("%v becomes %v", err, got)
			}
		}
	})
}

// TestLoopSignals: what has to happen while nothing calls Ready.
func TestLoopSignals(t *testing.T) {
	t.Run("3/handed_off", func(t *testing.T) {
		deafLoops(t, nil)
		c, b := driven(t, &Events{})
		l := c.transport.loop
		l.Ready(nil, evloop.Turn{Events: evloop.Woken})
		l.Signal(nil, evloop.SignalHandedOff) // nothing is held
		c.writeLock.lock()
		if err := c.holdFrame(frame.Header{Fin: true, Opcode: frame.OpcodeText, PayloadLength: 4}, []byte("held")); err != nil {
			t.Fatal(err)
		}
		c.holdTimer.Stop() // before its millisecond is over, or almost
		c.writeLock.unlock()
		l.Signal(nil, evloop.SignalHandedOff)
		conntest.NewPeer(t, b, true).WantText("what is held leaves", "held")
	})
	t.Run("3/nothing_is_held_when_all_is_delivered", func(t *testing.T) {
		deafLoops(t, nil)
		a, b := tcpPair(t)
		frames := conntest.Frame{Fin: true, Opcode: conntest.Text, Masked: true, Payload: []byte("a")}.Append(nil)
		frames = conntest.Frame{Fin: true, Opcode: conntest.Text, Masked: true, Payload: []byte("b")}.Append(frames)
		c := New(a, RoleServer, frames, nil)
		c.Drive(&Events{Message: func(c *Conn, m Message) {
			if string(m.Data) == "a" { // b has no answer with which a's could leave
				c.Write(m.Type, m.Data)
			}
		}})
		c.transport.loop.Ready(nil, evloop.Turn{Events: evloop.Woken})
		if c.held != nil || c.heldSince.Load() != 0 {
			t.Error("the answer to a is held back")
		}
		conntest.NewPeer(t, b, true).WantText("the answer", "a")
		c.CloseNow()
	})
	t.Run("3/close_ends_a_write_that_waits", func(t *testing.T) {
		deafLoops(t, nil)
		c, _ := driven(t, &Events{})
		l := c.transport.loop
		l.conn.cfg.WriteTimeout = 0
		waited := later(l.awaitRoom)
		for waiting := false; !waiting; {
			l.mu.Lock()
			waiting = l.room != nil
			l.mu.Unlock()
			runtime.Gosched()
		}
		l.Close()
		if err := <-waited; err != nil {
			t.Errorf("the wait ends with %v", err)
		}
		if err := l.awaitRoom(); err != net.ErrClosed {
			t.Errorf("another ends with %v", err)
		}
	})
}

// TestLoopAdoptFails: what fails before a connection is in the loop leaves it to a goroutine.
func TestLoopAdoptFails(t *testing.T) {
	t.Run("3/no_descriptor", func(t *testing.T) {
		a, _ := tcpPair(t)
		c := New(a, RoleServer, nil, nil)
		a.Close()
		closed := make(chan *CloseError, 1)
		c.Drive(&Events{Close: func(_ *Conn, e *CloseError) { closed <- e }})
		if e := <-closed; e.Clean() || c.transport.loop != nil {
			t.Errorf("the end is %v", e)
		}
	})
	t.Run("3/the_poller_refuses", func(t *testing.T) {
		conntest.CheckLeaks(t)
		deafLoops(t, syscall.ENOSPC)
		a, b := tcpPair(t)
		c, p := talkOver(t, a, b, RoleServer, nil)
		closed := make(chan *CloseError, 1)
		c.Drive(&Events{
			Message: func(c *Conn, m Message) { c.Write(m.Type, m.Data) },
			Close:   func(_ *Conn, e *CloseError) { closed <- e },
		})
		p.SendText("x")
		p.WantText("a goroutine drives it", "x")
		p.SendClose(1000, "")
		p.WantClose("to its end", 1000, nil)
		p.WantEOF("the server ends first")
		p.Close()
		if e := <-closed; !e.Clean() || c.transport.loop != nil {
			t.Errorf("the end is %v", e)
		}
	})
}

// deafLoops gives new connections an event loop that hears nothing, and refuses them with err if there is one.
func deafLoops(t *testing.T, err error) {
	t.Helper()
	p := deaf{err, make(chan struct{})}
	g, e := evloop.New(evloop.Config{Loops: 1, NewPoller: func() (evloop.Poller, error) { return p, nil }})
	if e != nil {
		t.Fatal(e)
	}
	old := loops
	loops = func() *evloop.Group { return g }
	t.Cleanup(func() {
		loops = old
		g.Close()
		close(p.end)
		g.Wait()
	})
}

// deaf is a poller that reports nothing.
type deaf struct {
	err error // of Add
	end chan struct{}
}

func (d deaf) Add(int, uint64, evloop.Interest) error  { return d.err }
func (deaf) Modify(int, uint64, evloop.Interest) error { return nil }
func (deaf) Remove(int) error                          { return nil }
func (deaf) CloseDescriptor(fd int) error              { return syscall.Close(fd) }
func (d deaf) Wait([]evloop.Event, time.Duration) (int, error) {
	<-d.end
	return 0, nil
}
func (deaf) Wake()        {}
func (deaf) Rest()        {}
func (deaf) Close() error { return nil }

// TestLoopTimerBesideBytes: a timer that expires in the turn in which bytes come is set again. It was not, and then nobody noticed that the peer was gone.
func TestLoopTimerBesideBytes(t *testing.T) {
	for _, when := range []string{"before_the_bytes", "between_the_bytes"} {
		t.Run("5.5.2/"+when, func(t *testing.T) {
			deafLoops(t, nil)
			c, b := driven(t, &Events{})
			l := c.transport.loop
			l.Ready(nil, evloop.Turn{Events: evloop.Woken})
			pong := conntest.Frame{Fin: true, Opcode: conntest.Pong, Masked: true}.Append(nil)
			l.mu.Lock()
			if l.readAt == 0 {
				t.Error("no timer is set")
			}
			l.readAt = 1 // long ago
			l.mu.Unlock()
			if when == "between_the_bytes" {
				b.Write(pong[:1])
				l.Ready(nil, evloop.Turn{Events: evloop.Readable})
				pong = pong[1:]
			}
			l.Signal(nil, evloop.SignalTimeout)
			b.Write(pong)
			l.Ready(nil, evloop.Turn{Events: evloop.Readable})
			l.Ready(nil, evloop.Turn{Events: evloop.Woken})
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.readAt <= 1 {
				t.Error("no timer is set any more")
			}
		})
	}
}
