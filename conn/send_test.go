package conn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/internal/conntest"
)

// fill sends messages of 16 KiB until one has to wait in the queue, and returns how many.
func fill(t *testing.T, c *Conn) (n int) {
	t.Helper()
	for c.BufferedAmount() == 0 {
		if err := c.Send(Binary, pattern(16<<10)); err != nil {
			t.Fatal(err)
		}
		n++
		synctest.Wait()
	}
	return n
}

func TestSend(t *testing.T) {
	eachPipe(t, "5.6/order", nil, func(t *testing.T, c *Conn, p *conntest.Peer) {
		n := fill(t, c)
		for i := range 20 {
			if err := c.Send(Text, fmt.Append(nil, i)); err != nil {
				t.Fatal(err)
			}
		}
		done := make(chan error)
		go func() { done <- c.Write(Text, []byte("written")) }()
		for range n {
			p.WantBinary("what filled the transport", pattern(16<<10))
		}
		for i := range 20 {
			p.WantText("what was sent, in order", fmt.Sprint(i))
		}
		p.WantText("what was written behind it", "written")
		if err := <-done; err != nil {
			t.Error(err)
		}
		if n := c.BufferedAmount(); n != 0 {
			t.Errorf("BufferedAmount is %d", n)
		}
	})
	eachPipe(t, "5.6/sizes", nil, func(t *testing.T, c *Conn, p *conntest.Peer) {
		sizes := []int{0, 1, 125, 126, 65535, 65536, 100000, 300000}
		for _, n := range sizes {
			payload := pattern(n)
			if err := c.Send(Binary, payload); err != nil {
				t.Fatal(err)
			}
			clear(payload) // it is the caller's again
		}
		for _, n := range sizes {
			p.WantBinary("each whole", pattern(n))
		}
	})
	eachPipe(t, "5.6/drop_newest", &Config{SendQueue: 100 << 10}, func(t *testing.T, c *Conn, p *conntest.Peer) {
		n := fill(t, c)
		sent := 0
		for {
			if err := c.Send(Binary, pattern(1000)); err == ErrSendQueueFull {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			sent++
		}
		if a := c.BufferedAmount(); a > 100<<10 || a < 80<<10 {
			t.Errorf("BufferedAmount is %d", a)
		}
		for range n {
			p.WantBinary("what filled the transport", pattern(16<<10))
		}
		for range sent {
			p.WantBinary("all that was taken", pattern(1000))
		}
		p.WantIdle("nothing else")
	})
	eachPipe(t, "5.6/drop_oldest", &Config{SendQueue: 100 << 10, WhenFull: DropOldest}, func(t *testing.T, c *Conn, p *conntest.Peer) {
		n := fill(t, c)
		for i := range 1000 {
			if err := c.Send(Binary, pattern(1000+i)); err != nil {
				t.Fatal(err)
			}
		}
		for range n {
			p.WantBinary("what filled the transport", pattern(16<<10))
		}
		first := len(p.Next("the oldest that was kept").Payload)
		if first < 1900 || first > 1960 {
			t.Errorf("the oldest that was kept is number %d", first-1000)
		}
		for i := first + 1; i < 2000; i++ {
			p.WantBinary("all behind it", pattern(i))
		}
	})
	for policy, code := range map[QueuePolicy]uint16{ClosePolicyViolation: 1008, CloseTryAgainLater: 1013} {
		eachPipe(t, fmt.Sprintf("7.4.1/close_%d", code), &Config{SendQueue: 20 << 10, WhenFull: policy}, func(t *testing.T, c *Conn, p *conntest.Peer) {
			n := fill(t, c)
			var err error
			for err == nil {
				err = c.Send(Binary, pattern(1000))
			}
			if err != ErrSendQueueFull {
				t.Errorf("error is %v", err)
			}
			if err := c.Send(Binary, nil); !errors.Is(err, ErrClosed) {
				t.Errorf("after that: %v", err)
			}
			for range n {
				p.WantBinary("what had begun", pattern(16<<10))
			}
			p.WantClose("and nothing of the queue", code, "send queue is full")
		})
	}
	eachPipe(t, "5.6/too_large", &Config{SendQueue: 1000}, func(t *testing.T, c *Conn, p *conntest.Peer) {
		if err := c.Send(Binary, pattern(1000)); err != ErrSendQueueFull {
			t.Errorf("error is %v", err)
		}
	})
	eachPipe(t, "7.1.2/close_sends_the_queue_first", nil, func(t *testing.T, c *Conn, p *conntest.Peer) {
		n := fill(t, c)
		c.Send(Text, []byte("queued"))
		done := make(chan error)
		go func() { done <- c.Close(1000, "bye") }()
		synctest.Wait()
		if err := c.Send(Text, []byte("late")); !errors.Is(err, ErrClosed) {
			t.Errorf("Send after Close: %v", err)
		}
		for range n {
			p.WantBinary("what filled the transport", pattern(16<<10))
		}
		p.WantText("what was queued", "queued")
		p.WantClose("then the Close frame", 1000, "bye")
		p.SendClose(1000, "")
		p.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	eachPipe(t, "7.1.2/close_deadline_covers_the_queue", nil, func(t *testing.T, c *Conn, p *conntest.Peer) {
		fill(t, c)
		begun := time.Now()
		err := c.Close(1000, "")
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begun) != 5*time.Second {
			t.Errorf("Close returned %v after %v", err, time.Since(begun))
		}
		synctest.Wait()
		if n := c.BufferedAmount(); n != 0 {
			t.Errorf("BufferedAmount is %d", n)
		}
	})
	eachPipe(t, "2.9/write_timeout", &Config{WriteTimeout: time.Second}, func(t *testing.T, c *Conn, p *conntest.Peer) {
		fill(t, c)
		if err := c.Wait(t.Context()); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("it ended with %v", err)
		}
		if err := c.Send(Text, nil); !errors.Is(err, ErrClosed) {
			t.Errorf("Send after the end: %v", err)
		}
	})
	eachPipe(t, "2.9/pong_goes_between", nil, func(t *testing.T, c *Conn, p *conntest.Peer) {
		n := fill(t, c)
		for range 10 {
			c.Send(Binary, pattern(30<<10))
		}
		got := readAll(c)
		p.SendPing("x")
		synctest.Wait()
		for range n {
			p.WantBinary("what filled the transport", pattern(16<<10))
		}
		pong := -1
		for i := range 11 {
			if f := p.Next("messages and a pong"); f.Opcode == conntest.Pong {
				pong = i
			}
		}
		if pong < 0 || pong > 3 {
			t.Errorf("the pong was number %d", pong)
		}
		p.Close()
		<-got
	})
}

func TestSendContext(t *testing.T) {
	eachPipe(t, "5.6/waits_for_room", &Config{SendQueue: 20 << 10}, func(t *testing.T, c *Conn, p *conntest.Peer) {
		n := fill(t, c)
		c.Send(Binary, pattern(2000))
		done := make(chan error)
		go func() { done <- c.SendContext(t.Context(), Binary, pattern(18<<10)) }()
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("it did not wait: %v", err)
		default:
		}
		for range n {
			p.WantBinary("what filled the transport", pattern(16<<10))
		}
		p.WantBinary("what was queued", pattern(2000))
		p.WantBinary("what waited", pattern(18<<10))
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	eachPipe(t, "2.9/context", &Config{SendQueue: 20 << 10}, func(t *testing.T, c *Conn, p *conntest.Peer) {
		fill(t, c)
		c.Send(Binary, pattern(2000))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		wantInterrupted(t, c.SendContext(ctx, Binary, pattern(19<<10)), false, context.DeadlineExceeded)
		wantInterrupted(t, c.SendContext(cancelled(), Text, nil), false, context.Canceled)
		go c.CloseNow()
		if err := c.SendContext(t.Context(), Binary, pattern(19<<10)); !errors.Is(err, ErrClosed) {
			t.Errorf("after the end: %v", err)
		}
	})
	eachPipe(t, "5.6/refused", nil, func(t *testing.T, c *Conn, p *conntest.Peer) {
		if err := c.SendContext(t.Context(), 0, nil); err != ErrInvalidMessageType {
			t.Error(err)
		}
		if err := c.Send(Text, []byte{0xff}); err != ErrInvalidUTF8 {
			t.Error(err)
		}
	})
}

// TestBroadcast: a prepared message comes to all, and waits for none.
func TestBroadcast(t *testing.T) {
	for name, cfg := range map[string]*Config{"plain": nil, "compressed": {Compression: &deflate.Config{}}, "takeover": {Compression: &deflate.Config{ServerContextTakeover: true, ClientContextTakeover: true}}} {
		inBubble(t, "5.6/"+name, func(t *testing.T) {
			var conns []*Conn
			var peers []*Conn
			for i := range 10 {
				client, server := Pipe(cfg)
				if i%2 == 0 {
					client, server = server, client
				}
				conns, peers = append(conns, server), append(peers, client)
				defer client.CloseNow()
				defer server.CloseNow()
			}
			text := slices.Repeat([]byte("state of the thing "), 40)
			m, err := Prepare(Text, text)
			if err != nil {
				t.Fatal(err)
			}
			conns[3].CloseNow()
			synctest.Wait()
			for range 5 {
				if failed := Broadcast(m, slices.Values(conns)); failed != 1 {
					t.Errorf("%d have not taken it, want the one that is closed", failed)
				}
				conns[0].Write(Text, text)
			}
			for i, p := range peers {
				for j := range 5 {
					if i == 3 {
						continue
					}
					if got, err := p.Read(); err != nil || string(got.Data) != string(text) {
						t.Fatalf("peer %d, message %d: %d bytes, %v", i, j, len(got.Data), err)
					}
					if i == 0 {
						if got, err := p.Read(); err != nil || string(got.Data) != string(text) {
							t.Fatalf("behind it: %v", err)
						}
					}
				}
			}
		})
	}
	t.Run("5.6/allocations", func(t *testing.T) {
		a, b := tcpPair(t)
		c := New(a, RoleServer, nil, nil)
		defer c.CloseNow()
		go discardAll(b)
		m, _ := Prepare(Binary, pattern(512))
		conntest.ShouldNotAllocate(t, func() { c.SendPrepared(m) })
		p := pattern(512)
		conntest.ShouldNotAllocate(t, func() { c.Send(Binary, p) })
	})
}
