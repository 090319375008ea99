package conn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/internal/conntest"
)

func writer(t *testing.T, c *Conn, typ MessageType) *MessageWriter {
	t.Helper()
	w, err := c.Writer(t.Context(), typ)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestWriter(t *testing.T) {
	eachPipe(t, "5.4/one_frame_if_short", nil, func(t *testing.T, c *Conn, p *conntest.Peer) {
		w := writer(t, c, Text)
		io.WriteString(w, "Hel")
		io.WriteString(w, "lo")
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		p.WantFrame("unfragmented", conntest.Frame{Fin: true, Opcode: conntest.Text, Payload: []byte("Hello")})
		if _, err := w.Write(nil); err != errWriterClosed {
			t.Errorf("Write after Close: %v", err)
		}
		if err := w.Close(); err != nil {
			t.Errorf("Close again: %v", err)
		}
	})
	eachPipe(t, "5.4/fragments", nil, func(t *testing.T, c *Conn, p *conntest.Peer) {
		done := make(chan error, 1)
		go func() {
			w, err := c.Writer(t.Context(), Binary)
			if err != nil {
				done <- err
				return
			}
			io.Copy(w, iotest.OneByteReader(strings.NewReader(string(pattern(fragmentSize+10)))))
			w.Flush()
			w.Flush()
			w.Write(pattern(100000))
			done <- w.Close()
		}()
		p.WantFrame("what was collected", conntest.Frame{Opcode: conntest.Binary, Payload: pattern(fragmentSize + 10)[:fragmentSize]})
		p.WantFrame("what was flushed", conntest.Frame{Opcode: conntest.Continuation, Payload: pattern(fragmentSize + 10)[fragmentSize:]})
		p.WantFrame("a large piece whole", conntest.Frame{Opcode: conntest.Continuation, Payload: pattern(100000)})
		p.WantFrame("the end", conntest.Frame{Fin: true, Opcode: conntest.Continuation})
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	eachPipe(t, "5.4/others_wait", nil, func(t *testing.T, c *Conn, p *conntest.Peer) {
		w := writer(t, c, Text)
		w.Write([]byte("a"))
		w.Flush()
		c.Send(Text, []byte("sent"))
		done := make(chan error, 2)
		go func() { done <- c.Write(Text, []byte("written")) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		wantInterrupted(t, c.WriteContext(ctx, Text, []byte("no")), false, context.DeadlineExceeded)
		_, err := c.Writer(ctx, Text)
		wantInterrupted(t, err, false, context.DeadlineExceeded)
		got := readAll(c)
		p.SendPing("control frames may come between")
		p.WantFrame("the fragment", conntest.Frame{Opcode: conntest.Text, Payload: []byte("a")})
		p.WantPong("between fragments", "control frames may come between")
		w.Write([]byte("b"))
		w.Close()
		p.WantFrame("the end", conntest.Frame{Fin: true, Opcode: conntest.Continuation, Payload: []byte("b")})
		first, second := p.Next("one of those that waited"), p.Next("and the other")
		texts := []string{string(first.Payload), string(second.Payload)}
		slices.Sort(texts)
		if !slices.Equal(texts, []string{"sent", "written"}) {
			t.Errorf("they are %q", texts)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		p.Close()
		<-got
	})
	eachPipe(t, "5.6/text", nil, func(t *testing.T, c *Conn, p *conntest.Peer) {
		w := writer(t, c, Text)
		if n, err := w.Write([]byte("\xce")); n != 1 || err != nil {
			t.Error(n, err)
		}
		if n, err := w.Write([]byte("x")); n != 0 || err != ErrInvalidUTF8 {
			t.Error("inside a character:", n, err)
		}
		w.Write([]byte("\xba"))
		w.Close()
		p.WantText("what was valid", "κ")
		w = writer(t, c, Text)
		w.Write([]byte("dropped \xce"))
		if err := w.Close(); err != ErrInvalidUTF8 {
			t.Errorf("Close inside a character: %v", err)
		}
		c.Write(Text, []byte("next"))
		p.WantText("nothing of it was sent", "next")
		w = writer(t, c, Text)
		w.Write([]byte("begun \xce"))
		w.Flush()
		if err := w.Close(); err != ErrInvalidUTF8 {
			t.Errorf("Close inside a character: %v", err)
		}
		p.WantFrame("the fragment", conntest.Frame{Opcode: conntest.Text, Payload: []byte("begun \xce")})
		p.WantClose("it cannot be completed", 1011, "text is cut inside a character")
	})
	eachPipe(t, "7.1.2/close_in_the_middle", nil, func(t *testing.T, c *Conn, p *conntest.Peer) {
		w := writer(t, c, Binary)
		w.Write([]byte("a"))
		w.Flush()
		c.Send(Binary, []byte("never"))
		done := make(chan error, 1)
		go func() { done <- c.Close(1001, "") }()
		p.WantFrame("the fragment", conntest.Frame{Opcode: conntest.Binary, Payload: []byte("a")})
		p.WantClose("in the middle of a message", 1001, "")
		w.Write([]byte("b"))
		if err := w.Flush(); !errors.Is(err, ErrClosed) {
			t.Errorf("Flush: %v", err)
		}
		if err := w.Close(); !errors.Is(err, ErrClosed) {
			t.Errorf("Close: %v", err)
		}
		p.SendClose(1001, "")
		p.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if _, err := c.Writer(t.Context(), Binary); !errors.Is(err, ErrClosed) {
			t.Errorf("Writer after the end: %v", err)
		}
	})
	eachPipe(t, "2.9/context", nil, func(t *testing.T, c *Conn, p *conntest.Peer) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		w, err := c.Writer(ctx, Binary)
		if err != nil {
			t.Fatal(err)
		}
		n, err := w.Write(pattern(200000))
		wantInterrupted(t, err, true, context.DeadlineExceeded)
		if n != 200000 {
			t.Errorf("%d bytes of what is kept", n)
		}
		n, err = w.Write(pattern(100000))
		wantInterrupted(t, err, false, context.DeadlineExceeded)
		if n != 0 {
			t.Errorf("%d bytes of what is not kept", n)
		}
		done := make(chan error, 1)
		go func() { done <- w.Close() }()
		p.WantFrame("kept", conntest.Frame{Opcode: conntest.Binary, Payload: pattern(200000)})
		p.WantFrame("completed all the same", conntest.Frame{Fin: true, Opcode: conntest.Continuation})
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	eachPipe(t, "5.6/no_type", nil, func(t *testing.T, c *Conn, p *conntest.Peer) {
		if _, err := c.Writer(t.Context(), 0); err != ErrInvalidMessageType {
			t.Error(err)
		}
	})
}

// TestWriterCompressed: what it sends inflates to what was written, whatever is sent before and after.
func TestWriterCompressed(t *testing.T) {
	for name, params := range map[string]deflate.Params{"no_takeover": noTakeover, "takeover": takeover} {
		for _, flush := range []bool{false, true} {
			inBubble(t, fmt.Sprintf("7692/6.1/%s/flush_%v", name, flush), func(t *testing.T) {
				a, b := Pipe(nil)
				defer a.CloseNow()
				defer b.CloseNow()
				a.cfg.Compression = &deflate.Config{}
				a.compress(params, "permessage-deflate")
				b.compress(params, "permessage-deflate")
				text := strings.Repeat("the same thing again and again ", 5000)
				go func() {
					for i := range 4 {
						a.Write(Text, []byte(text[:5000]))
						w, err := a.Writer(t.Context(), Text)
						if err != nil {
							return
						}
						for rest := text; rest != ""; {
							n := min(len(rest), 7001*(i+1))
							w.WriteString(rest[:n])
							rest = rest[n:]
							if flush {
								w.Flush()
							}
						}
						w.Close()
					}
					w, _ := a.Writer(t.Context(), Text|Uncompressed)
					w.WriteString("plain")
					w.Close()
				}()
				for range 4 {
					if m, err := b.Read(); err != nil || string(m.Data) != text[:5000] {
						t.Fatal(len(m.Data), err)
					}
					if m, err := b.Read(); err != nil || string(m.Data) != text {
						t.Fatal(len(m.Data), err)
					}
				}
				if m, err := b.Read(); err != nil || string(m.Data) != "plain" {
					t.Fatal(m, err)
				}
			})
		}
	}
}

// TestWriterReadFrom: what it reads from may fail.
func TestWriterReadFrom(t *testing.T) {
	eachPipe(t, "5.4/reader_fails", nil, func(t *testing.T, c *Conn, p *conntest.Peer) {
		w := writer(t, c, Binary)
		if n, err := w.ReadFrom(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(io.ErrNoProgress))); n != 3 || err != io.ErrNoProgress {
			t.Error(n, err)
		}
		w.Close()
		p.WantBinary("what there was", []byte("abc"))
		w = writer(t, c, Text)
		if n, err := w.ReadFrom(strings.NewReader("\xff")); n != 0 || err != ErrInvalidUTF8 {
			t.Error(n, err)
		}
		w.Close()
	})
}
