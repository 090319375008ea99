package conn

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/internal/conntest"
)

// TestAnswersAreHeld: however a body answers, the answers to one burst leave together and in order.
func TestAnswersAreHeld(t *testing.T) {
	inBubble(t, "3", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		_, p, l, _ := burst(t, 12, 100, func(c *Conn, i int, m Message) bool {
			switch i % 4 {
			case 0:
				return c.WriteContext(ctx, m.Type, m.Data) == nil
			case 1:
				return c.Send(m.Type, m.Data) == nil
			case 2:
				return c.SendContext(ctx, m.Type, m.Data) == nil
			}
			prepared, err := Prepare(m.Type, m.Data)
			return err == nil && c.SendPrepared(prepared) == nil
		})
		wantLog(t, l, "0s: 1224")
		for i := range 12 {
			p.WantBinary("the answers in order", slices.Repeat([]byte{byte(i)}, 100))
		}
	})
}

// TestPreparedBehindAPing: what is due leaves before a message, also where that has been made before.
func TestPreparedBehindAPing(t *testing.T) {
	bothRoles(t, "5.5.2", func(t *testing.T, role Role) {
		ours, theirs := pipeEnds()
		c, p := talkOver(t, ours, theirs, role, nil)
		m, err := Prepare(Text, []byte("prepared"))
		if err != nil {
			t.Fatal(err)
		}
		c.mu.Lock()
		c.send.Ping([8]byte{7: 1})
		c.mu.Unlock()
		if err := c.SendPrepared(m); err != nil {
			t.Error(err)
		}
		p.WantPing("what was due", "\x00\x00\x00\x00\x00\x00\x00\x01")
		p.WantText("and the message", "prepared")
		c.mu.Lock()
		c.send.Close(1000, "")
		c.mu.Unlock()
		if err := c.SendPrepared(m); !errors.Is(err, ErrClosed) {
			t.Errorf("after a Close: %v", err)
		}
		p.WantClose("nothing but the Close", 1000, "")
	})
}

// TestHeldIsNotLostWhenAWriteIsRefused: what was held back before a Close leaves, also if a message that is refused meets it first.
func TestHeldIsNotLostWhenAWriteIsRefused(t *testing.T) {
	for name, write := range map[string]func(c *Conn, ctx context.Context) error{
		"Write":              func(c *Conn, _ context.Context) error { return c.Write(Text, []byte("late")) },
		"Write_large":        func(c *Conn, _ context.Context) error { return c.Write(Binary, pattern(100<<10)) },
		"WriteContext_large": func(c *Conn, ctx context.Context) error { return c.WriteContext(ctx, Binary, pattern(100<<10)) },
		"Send":               func(c *Conn, _ context.Context) error { return c.Send(Text, []byte("late")) },
	} {
		eachPipe(t, "5.5.1/"+name, nil, func(t *testing.T, c *Conn, p *conntest.Peer) {
			c.corked.Store(true)
			c.Write(Text, []byte("held"))
			c.mu.Lock()
			c.send.Close(1001, "")
			c.mu.Unlock()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if err := write(c, ctx); !errors.Is(err, ErrClosed) {
				t.Errorf("error is %v", err)
			}
			synctest.Wait()
			p.WantText("what was held", "held")
			p.WantClose("and then the Close", 1001, "")
		})
	}
}

// TestHandedBack: a write that has been done when its context ends is done.
func TestHandedBack(t *testing.T) {
	inBubble(t, "2.9", func(t *testing.T) {
		ours, theirs := pipeEnds()
		c, p := talkOver(t, ours, theirs, RoleServer, nil)
		c.writeLock.lock()
		c.extras().lockBack = nil // as drain leaves it when it has told
		if back := c.takeLockBack(); back != nil {
			t.Error("there is somebody to tell")
		}
		c.unlockWrite()
		for range 200 { // whichever comes first
			ctx, cancel := context.WithCancel(t.Context())
			go cancel()
			w := make(chan error, 1)
			go func() { w <- c.WriteContext(ctx, Binary, pattern(100<<10)) }()
			err := <-w
			e, interrupted := errors.AsType[*InterruptedError](err)
			if err != nil && !interrupted {
				t.Fatal(err)
			}
			if err == nil || e.Kept {
				p.WantBinary("the message", pattern(100<<10))
			}
			synctest.Wait()
			if n := c.BufferedAmount(); n != 0 {
				t.Fatalf("BufferedAmount is %d", n)
			}
		}
	})
}

func TestInterruptedErrorText(t *testing.T) {
	for _, kept := range []bool{false, true} {
		err := &InterruptedError{Kept: kept, Err: io.ErrNoProgress}
		if s := err.Error(); strings.Contains(s, "is kept") != kept || !strings.HasPrefix(s, "hawser: ") || !strings.HasSuffix(s, io.ErrNoProgress.Error()) {
			t.Errorf("kept %v: %q", kept, s)
		}
	}
}
