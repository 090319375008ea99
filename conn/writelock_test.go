package conn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/internal/conntest"
)

// A gate is a connection whose first Write waits until it is opened, takes half, and fails. Later ones work.
type gate struct {
	net.Conn
	open   chan struct{}
	mu     sync.Mutex
	writes int
}

func (g *gate) Write(p []byte) (int, error) {
	g.mu.Lock()
	g.writes++
	first := g.writes == 1
	g.mu.Unlock()
	if !first {
		return g.Conn.Write(p)
	}
	<-g.open
	n, _ := g.Conn.Write(p[:len(p)/2])
	return n, conntest.ErrInjected
}

// TestNothingAfterAFailedWrite: behind a frame that an error has cut, whatever leaves is garbage.
func TestNothingAfterAFailedWrite(t *testing.T) {
	for _, size := range []int{10, 100 << 10} {
		inBubble(t, fmt.Sprintf("5.2/queued_%d_bytes", size), func(t *testing.T) {
			ours, theirs := conntest.Pipe(1 << 20)
			g := &gate{Conn: ours, open: make(chan struct{})}
			c := New(g, RoleServer, nil, nil)
			defer c.CloseNow()
			defer theirs.Close()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error)
			go func() { done <- c.WriteContext(ctx, Binary, pattern(1000)) }()
			synctest.Wait()
			if err := c.Send(Binary, pattern(size)); err != nil {
				t.Fatal(err)
			}
			close(g.open)
			if err := <-done; !errors.Is(err, conntest.ErrInjected) {
				t.Errorf("error is %v", err)
			}
			synctest.Wait()
			if g.writes != 1 {
				t.Errorf("%d writes, want the one that failed", g.writes)
			}
			if n := c.BufferedAmount(); n != 0 {
				t.Errorf("BufferedAmount is %d", n)
			}
		})
	}
}

// TestSendMeetsControl: a Send that finds the write lock with who sends a pong is not forgotten.
func TestSendMeetsControl(t *testing.T) {
	bothRoles(t, "5.5/a_ping_is_being_sent", func(t *testing.T, role Role) {
		ours, theirs := pipeEnds()
		c, p := talkOver(t, ours, theirs, role, nil)
		write, first := c.transport.tryWrite, true
		c.transport.tryWrite = func(b []byte) (int, error) {
			if first {
				first = false
				if err := c.Send(Text, []byte("meanwhile")); err != nil {
					t.Error(err)
				}
			}
			return write(b)
		}
		c.sendPing(nil)
		synctest.Wait()
		if f := p.Next("the ping"); f.Opcode != conntest.Ping {
			t.Errorf("it is %v", f)
		}
		p.WantText("what was sent meanwhile", "meanwhile")
	})
}

// TestRoomAfterARest: a SendContext that waits because a rest takes the room goes on when that has left.
func TestRoomAfterARest(t *testing.T) {
	eachPipe(t, "5.6/rest_of_a_send", &Config{SendQueue: 100 << 10}, func(t *testing.T, c *Conn, p *conntest.Peer) {
		if err := c.Send(Binary, pattern(99<<10)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		wantRoom(t, c, p, pattern(99<<10))
	})
	eachPipe(t, "5.6/rest_of_a_write", &Config{SendQueue: 100 << 10}, func(t *testing.T, c *Conn, p *conntest.Peer) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		wantInterrupted(t, c.WriteContext(ctx, Binary, pattern(99<<10)), true, context.DeadlineExceeded)
		wantRoom(t, c, p, pattern(99<<10))
	})
}

// wantRoom checks that SendContext waits, and no longer than until first has left.
func wantRoom(t *testing.T, c *Conn, p *conntest.Peer, first []byte) {
	done := make(chan error, 1)
	go func() { done <- c.SendContext(t.Context(), Binary, pattern(98<<10)) }()
	synctest.Wait()
	select {
	case err := <-done:
		t.Fatalf("it did not wait: %v", err)
	default:
	}
	p.WantBinary("what took the room", first)
	p.WantBinary("what waited", pattern(98<<10))
	if err := <-done; err != nil {
		t.Error(err)
	}
	synctest.Wait() // the bytes come before they are counted
	if n := c.BufferedAmount(); n != 0 {
		t.Errorf("BufferedAmount is %d", n)
	}
}

// TestWriteContextTakesNoRoom: a message that WriteContext is writing is not in the queue, as long as its context has not ended.
func TestWriteContextTakesNoRoom(t *testing.T) {
	eachPipe(t, "5.6", &Config{SendQueue: 100 << 10, WhenFull: ClosePolicyViolation}, func(t *testing.T, c *Conn, p *conntest.Peer) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error)
		go func() { done <- c.WriteContext(ctx, Binary, pattern(300<<10)) }()
		synctest.Wait()
		if n := c.BufferedAmount(); n != 0 {
			t.Errorf("BufferedAmount is %d", n)
		}
		if err := c.Send(Binary, pattern(99<<10)); err != nil {
			t.Errorf("Send: %v", err)
		}
		p.WantBinary("what was being written", pattern(300<<10))
		p.WantBinary("what was sent", pattern(99<<10))
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestDropOldestKeepsTheNewest: also when all that fits into the queue is being written.
func TestDropOldestKeepsTheNewest(t *testing.T) {
	eachPipe(t, "5.6", &Config{SendQueue: 17 << 10, WhenFull: DropOldest}, func(t *testing.T, c *Conn, p *conntest.Peer) {
		n := fill(t, c)
		for i := range 200 {
			if err := c.Send(Binary, pattern(1000+i)); err != nil {
				t.Fatalf("message %d: %v", i, err)
			}
		}
		for range n {
			p.WantBinary("what filled the transport", pattern(16<<10))
		}
		first := len(p.Next("the oldest that was kept").Payload)
		for i := first + 1; i < 1200; i++ {
			p.WantBinary("all behind it, to the newest", pattern(i))
		}
		if first < 1180 {
			t.Errorf("%d messages were kept", 1200-first)
		}
		p.WantIdle("nothing else")
	})
}

// TestOneDrainIsEnough: each goroutine that waits behind the queue, and may stop waiting, needs somebody who writes it; one does it for all.
func TestOneDrainIsEnough(t *testing.T) {
	eachPipe(t, "2.9", nil, func(t *testing.T, c *Conn, p *conntest.Peer) {
		n := fill(t, c)
		const more, waiters = 40, 30
		for range more {
			c.Send(Binary, pattern(16<<10))
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var group sync.WaitGroup
		for range waiters {
			group.Go(func() {
				if err := c.WriteContext(ctx, Text, []byte("behind")); err != nil {
					t.Error(err)
				}
			})
		}
		for i := range n + more {
			synctest.Wait()
			stacks := make([]byte, 1<<20)
			stacks = stacks[:runtime.Stack(stacks, true)]
			if k := strings.Count(string(stacks), "conn.(*Conn).drain("); k > 2 {
				t.Fatalf("%d goroutines drain the queue", k)
			}
			if i%4 == 0 {
				c.Send(Text, []byte("later"))
			}
			p.WantBinary("what was sent", pattern(16<<10))
		}
		got := map[string]int{}
		for range waiters + (n+more+3)/4 {
			got[string(p.Next("what was behind it").Payload)]++
		}
		group.Wait()
		if got["behind"] != waiters {
			t.Errorf("%v", got)
		}
	})
	eachPipe(t, "2.9/context_ends_behind_the_queue", nil, func(t *testing.T, c *Conn, p *conntest.Peer) {
		n := fill(t, c)
		for range 20 {
			c.Send(Binary, pattern(16<<10))
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- c.WriteContext(ctx, Text, []byte("no")) }()
		synctest.Wait()
		p.WantBinary("what was sent", pattern(16<<10)) // so that the writer had its turn
		synctest.Wait()
		cancel()
		wantInterrupted(t, <-done, false, context.Canceled)
		for range n + 19 {
			p.WantBinary("what was sent", pattern(16<<10))
		}
		p.WantIdle("and nothing of what was interrupted")
	})
}

// TestCloseComesLast: a Close that becomes due while a control frame is on its way does not overtake what was held back or queued before.
func TestCloseComesLast(t *testing.T) {
	for name, put := range map[string]func(c *Conn, b []byte) error{
		"held": func(c *Conn, b []byte) error {
			c.corked.Store(true)
			return c.Write(Text, b)
		},
		"queued": func(c *Conn, b []byte) error {
			c.writeLock.lock()
			defer func() { c.writeLock.unlock() }()
			return c.Send(Text, b)
		},
	} {
		bothRoles(t, "5.5.1/"+name, func(t *testing.T, role Role) {
			for _, write := range []func(c *Conn){
				func(c *Conn) { c.writeControl(); c.unlockWrite() },
				func(c *Conn) { c.passWriteLock(); c.flushControl() },
				func(c *Conn) { c.passWriteLock(); c.drainControl() },
			} {
				ours, theirs := pipeEnds()
				c, p := talkOver(t, ours, theirs, role, nil)
				if err := put(c, []byte("before")); err != nil {
					t.Fatal(err)
				}
				c.writeLock.lock()
				c.mu.Lock()
				c.send.Ping([8]byte{7: 1})
				c.send.Close(1000, "")
				c.mu.Unlock()
				write(c)
				if f := p.Next("a ping may overtake it"); f.Opcode == conntest.Ping {
					p.WantText("what was before the Close", "before")
				} else if string(f.Payload) != "before" {
					t.Errorf("%v came first", f)
				} else {
					p.Next("the ping")
				}
				p.WantClose("at last", 1000, "")
			}
		})
	}
}

// TestEndWakesABody: whatever the body of a loop waits for, the end of the connection ends it: it cannot wait for the loop to be left.
func TestEndWakesABody(t *testing.T) {
	for name, wait := range map[string]func(ctx context.Context, c *Conn) error{
		"Write":        func(_ context.Context, c *Conn) error { return c.Write(Text, nil) },
		"WriteContext": func(ctx context.Context, c *Conn) error { return c.WriteContext(ctx, Text, nil) },
		"Writer": func(_ context.Context, c *Conn) error {
			_, err := c.Writer(context.Background(), Text)
			return err
		},
		"SendContext": func(_ context.Context, c *Conn) error {
			for {
				if err := c.SendContext(context.Background(), Binary, pattern(900)); err != nil {
					return err
				}
			}
		},
	} {
		eachPipe(t, "7.1/"+name, &Config{SendQueue: 1000}, func(t *testing.T, c *Conn, p *conntest.Peer) {
			w := writer(t, c, Binary) // and so all others wait
			left, got := make(chan struct{}), make(chan error, 1)
			go func() {
				defer close(left)
				for range c.Messages() {
					got <- wait(t.Context(), c)
					break
				}
			}()
			p.SendText("go")
			synctest.Wait()
			select {
			case err := <-got:
				t.Fatalf("it did not wait: %v", err)
			default:
			}
			c.CloseNow()
			<-left
			if err := <-got; !errors.Is(err, ErrClosed) {
				t.Errorf("error is %v", err)
			}
			if err := w.Close(); !errors.Is(err, ErrClosed) {
				t.Errorf("Close of the Writer: %v", err)
			}
			if n := c.BufferedAmount(); n != 0 {
				t.Errorf("BufferedAmount is %d", n)
			}
		})
	}
}

// TestWriterTextGoesOn: a Write of text that is interrupted inside a character goes on with the rest of it.
func TestWriterTextGoesOn(t *testing.T) {
	eachPipe(t, "5.6", nil, func(t *testing.T, c *Conn, p *conntest.Peer) {
		text := strings.Repeat("κόσμε ", 3000)[:2*fragmentSize]
		for !strings.HasSuffix(text, " ") {
			text = text[:len(text)-1]
		}
		ctx, cancel := context.WithCancel(t.Context())
		w, err := c.Writer(ctx, Text)
		if err != nil {
			t.Fatal(err)
		}
		w.WriteString(text[:11]) // an odd number, so that the first fragment is not copied, and its end is inside a character
		c.writeLock.lock()
		cancel()
		rest := text[11:]
		n, err := w.WriteString(rest)
		wantInterrupted(t, err, false, context.Canceled)
		if n == 0 || n == len(rest) || rest[n]&0xc0 != 0x80 {
			t.Fatalf("%d bytes were taken: the test wants a character to be cut", n)
		}
		c.unlockWrite()
		for rest = rest[n:]; rest != ""; rest = rest[n:] {
			synctest.Wait()
			if n, err = w.WriteString(rest); err != nil && errors.Is(err, ErrInvalidUTF8) {
				t.Fatal(err)
			}
		}
		if n, err := w.Write([]byte{0xff}); n != 0 || err != ErrInvalidUTF8 {
			t.Errorf("what is not valid: %d, %v", n, err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		p.WantText("the whole text", text)
	})
}

// TestWriterCold: the compressor may become cold in the middle of a message.
func TestWriterCold(t *testing.T) {
	inBubble(t, "7692/7.2.3", func(t *testing.T) {
		a, b := Pipe(&Config{Compression: &deflate.Config{ServerContextTakeover: true, ClientContextTakeover: true}})
		defer a.CloseNow()
		defer b.CloseNow()
		text := slices.Concat(jsonOf(1, 3000), jsonOf(2, 3000), jsonOf(1, 3000))
		for range 2 {
			w := writer(t, a, Text)
			for i := range 3 {
				w.Write(text[i*3000 : (i+1)*3000])
				w.Flush()
				a.compression.shed()
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if m, err := b.Read(); err != nil || string(m.Data) != string(text) {
				t.Fatalf("%d bytes, %v", len(m.Data), err)
			}
		}
	})
}
