package conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/internal/bufpool"
	"github.com/hawser-go/hawser/internal/conntest"
)

// eachTransport runs f with connected pairs of each kind of transport that is driven in a way of its own.
func eachTransport(t *testing.T, f func(t *testing.T, ours, theirs net.Conn)) {
	for kind, pair := range socketPairs() {
		t.Run(kind, func(t *testing.T) {
			a, b := pair(t)
			f(t, a, b)
		})
		t.Run(kind+"_wrapped", func(t *testing.T) {
			a, b := pair(t)
			f(t, struct{ testSocket }{a}, b)
		})
	}
	t.Run("pipe", func(t *testing.T) {
		a, b := pipeEnds()
		f(t, a, b)
	})
}

// wait fails the test if c does not end soon.
func wait(t *testing.T, c *Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.Wait(ctx); errors.Is(err, context.DeadlineExceeded) {
		t.Fatal("the connection does not end")
	}
}

// TestLoopReadsToTheEnd: whatever comes last, with or behind the last bytes, the loop sees all messages and then the end. That the queue was empty after a read does not say that
// nothing follows.
func TestLoopReadsToTheEnd(t *testing.T) {
	ends := map[string]func(nc net.Conn) error{
		"end":   func(nc net.Conn) error { return nc.(interface{ CloseWrite() error }).CloseWrite() },
		"close": func(nc net.Conn) error { return nc.Close() },
		"reset": func(nc net.Conn) error {
			if tc, ok := nc.(*net.TCPConn); ok {
				tc.SetLinger(0)
			}
			return nc.Close()
		},
	}
	rounds := 300
	if testing.Short() {
		rounds = 30
	}
	for name, end := range ends {
		for _, answers := range []bool{false, true} {
			t.Run(fmt.Sprintf("7.1.1/%s/answers_%v", name, answers), func(t *testing.T) {
				for range rounds {
					a, b := tcpPair(t)
					c := New(a, RoleServer, nil, nil)
					got := make(chan int, 1)
					go func() {
						n := 0
						for m, err := range c.Messages() {
							if err != nil {
								break
							}
							if n++; answers {
								c.Write(m.Type, m.Data)
							}
						}
						got <- n
					}()
					sent := 1 + rounds%3
					for range sent {
						b.Write(conntest.Frame{Fin: true, Opcode: conntest.Binary, Masked: true, Payload: []byte("x")}.Append(nil))
						if answers {
							io.ReadFull(b, make([]byte, 3)) // so that the next finds the loop waiting
						}
					}
					if err := end(b); err != nil {
						t.Fatal(err)
					}
					select {
					case n := <-got:
						if n != sent && name != "reset" { // which may overtake the data
							t.Fatalf("%d messages, want %d", n, sent)
						}
					case <-time.After(time.Minute):
						buf := make([]byte, 1<<16)
						t.Fatalf("the loop hangs\n%s", buf[:runtime.Stack(buf, true)])
					}
					wait(t, c)
				}
			})
		}
	}
}

// TestCloseNowInTheBody: CloseNow returns, also when the body or somebody else calls it while the body runs; the peer sees the end at once, and the connection ends when the loop is
// left: on every transport.
func TestCloseNowInTheBody(t *testing.T) {
	for _, elsewhere := range []bool{false, true} {
		t.Run(fmt.Sprintf("3/elsewhere_%v", elsewhere), func(t *testing.T) {
			eachTransport(t, func(t *testing.T, ours, theirs net.Conn) {
				c := New(ours, RoleClient, nil, nil)
				theirs.Write([]byte{0x82, 1, 'x', 0x82, 1, 'y'})
				n := 0
				for _, err := range c.Messages() {
					if n++; n > 1 {
						if !errors.Is(err, net.ErrClosed) {
							t.Errorf("after CloseNow the loop goes on with %v", err)
						}
						break
					}
					closed := make(chan error)
					f := func() { closed <- c.CloseNow() }
					go f()
					if elsewhere {
						<-closed
					} else {
						c.CloseNow()
						<-closed
					}
					if _, err := theirs.Read(make([]byte, 1)); err == nil || errors.Is(err, net.ErrClosed) {
						t.Errorf("the peer reads %v", err)
					}
					select {
					case <-c.done():
						t.Error("the connection has ended before the loop was left")
					default:
					}
					if s := c.State(); s != StateClosing {
						t.Errorf("the state is %v", s)
					}
				}
				wait(t, c)
				if s := c.State(); s != StateClosed {
					t.Errorf("the state is %v", s)
				}
			})
		})
	}
}

// TestCloseNowEndsAWaitingLoop: also one that holds the socket.
func TestCloseNowEndsAWaitingLoop(t *testing.T) {
	conntest.CheckLeaks(t)
	eachTransport(t, func(t *testing.T, ours, theirs net.Conn) {
		c := New(ours, RoleServer, nil, nil)
		o := readAll(c)
		theirs.Write(conntest.Frame{Fin: true, Opcode: conntest.Ping, Masked: true}.Append(nil))
		io.ReadFull(theirs, make([]byte, 2)) // the Pong: the loop waits, or is about to
		c.CloseNow()
		if got := <-o; !errors.Is(got.err, net.ErrClosed) {
			t.Errorf("the loop ends with %v", got.err)
		}
		wait(t, c)
	})
}

// TestLoopPanics: nothing of the engine stays locked when the body panics or ends its goroutine.
func TestLoopPanics(t *testing.T) {
	for name, end := range map[string]func(){"panic": func() { panic("a body's") }, "Goexit": runtime.Goexit} {
		t.Run("2.9/"+name, func(t *testing.T) {
			eachTransport(t, func(t *testing.T, ours, theirs net.Conn) {
				c := New(ours, RoleClient, nil, nil)
				theirs.Write([]byte{0x82, 1, 'x', 0x82, 1, 'y'})
				var wg sync.WaitGroup
				wg.Go(func() {
					defer func() { recover() }()
					for range c.Messages() {
						end()
					}
				})
				wg.Wait()
				m, err := c.Read()
				if err != nil || string(m.Data) != "y" {
					t.Errorf("the next read returns %q, %v", m.Data, err)
				}
				if err := c.Write(Binary, []byte("z")); err != nil {
					t.Error(err)
				}
				c.CloseNow()
				wait(t, c)
			})
		})
	}
}

// TestIdleHoldsNoBuffer: a loop that waits holds no read buffer, and of the start of a message no more than has come.
func TestIdleHoldsNoBuffer(t *testing.T) {
	bothRoles(t, "2/waiting", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		o := readAll(c)
		holds := func(when string, buf, msg int) {
			t.Helper()
			synctest.Wait()
			size := func(b *[]byte) int {
				if b == nil {
					return 0
				}
				return len(*b)
			}
			b, m, _ := c.in.buffers()
			if gotBuf, gotMsg := size(b), size(m); gotBuf != buf || gotMsg != msg {
				t.Errorf("%s: the read buffer has %d bytes and that of the message %d, want %d and %d", when, gotBuf, gotMsg, buf, msg)
			}
		}
		holds("at first", 0, 0)
		p.SendBinary(pattern(100))
		p.SendBinary(pattern(100000))
		p.SendPing("x")
		holds("after messages", 0, 0)
		whole := conntest.Frame{Fin: true, Opcode: conntest.Binary, Masked: role == RoleServer, Payload: pattern(100000)}.Append(nil)
		header := len(whole) - 100000
		p.SendBytes(whole[:header])
		holds("after a header", 0, 0)
		p.SendBytes(whole[header : header+6])
		holds("in a large message", 0, firstMessageBuffer)
		p.SendBytes(whole[header+6:])
		small := conntest.Frame{Fin: true, Opcode: conntest.Binary, Masked: role == RoleServer, Payload: pattern(1000)}.Append(nil)
		p.SendBytes(small[:10])
		holds("in a small message", bufpool.Smallest, 0)
		p.SendBytes(small[10:])
		holds("after them", 0, 0)
		c.CloseNow()
		<-o
	})
}

// TestReadHoldsNoDescriptor: outside of a loop the end of the connection closes the descriptor, whose number is somebody else's then.
func TestReadHoldsNoDescriptor(t *testing.T) {
	a, b := tcpPair(t)
	defer b.Close()
	c := New(a, RoleServer, nil, nil)
	defer c.CloseNow()
	if c.transport.sock == nil {
		t.Skip("descriptors are not used here")
	}
	for range 2 {
		b.Write([]byte{0x81})
		if err := c.fill(); err != nil {
			t.Fatal(err)
		}
		turn := c.transport.sock.fill
		c.transport.sock.fill = func(fd uintptr) bool {
			defer func() {
				if _, held, _ := c.transport.sock.writeHeld(nil); held {
					t.Error("a single read holds the descriptor")
				}
			}()
			return turn(fd)
		}
	}
}
