package conn

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/hawser-go/hawser/internal/conntest"
)

// faultStreams are more uses of a connection, as faultCalls: those in pieces, for many, and through another interface.
var faultStreams = []faultUse{
	{"Reader", func(t *testing.T, c *Conn) error {
		if err := c.Write(Binary, pattern(2000)); err != nil {
			return err
		}
		_, r, err := c.Reader(t.Context())
		if err != nil {
			return err
		}
		p, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if !bytes.Equal(p, pattern(2000)) {
			t.Errorf("the echo has %d bytes", len(p))
		}
		return c.Close(1000, "")
	}},
	{"Reader_that_is_left", func(t *testing.T, c *Conn) error {
		for range 2 {
			if err := c.Write(Binary, pattern(600)); err != nil {
				return err
			}
		}
		for range 2 {
			_, r, err := c.Reader(t.Context())
			if err != nil {
				return err
			}
			if _, err := io.ReadFull(r, make([]byte, 10)); err != nil {
				return err
			}
		}
		return c.Close(1000, "")
	}},
	{"Reader_with_a_context", func(t *testing.T, c *Conn) error {
		w, err := c.Writer(t.Context(), Binary)
		if err != nil {
			return err
		}
		defer w.Close()
		w.Write(pattern(100))
		if err := w.Flush(); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := c.Reader(ctx); !errors.Is(err, context.DeadlineExceeded) {
			return err // the echo comes when the message is whole
		}
		if err := w.Close(); err != nil {
			return err
		}
		if _, _, err := c.Reader(t.Context()); err != nil {
			return err
		}
		return c.Close(1000, "")
	}},
	{"ReadFrom", func(t *testing.T, c *Conn) error {
		w, err := c.Writer(t.Context(), Binary)
		if err != nil {
			return err
		}
		defer w.Close()
		if _, err := io.Copy(w, struct{ io.Reader }{bytes.NewReader(noise(12_000))}); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		_, err = c.Read()
		return err
	}},
	{"JSON", func(t *testing.T, c *Conn) error {
		want := map[string]int{"one": 1, "two": 2}
		if err := WriteJSON(t.Context(), c, want); err != nil {
			return err
		}
		var got map[string]int
		if err := ReadJSON(t.Context(), c, &got); err != nil {
			return err
		}
		if got["two"] != 2 {
			t.Errorf("%v came back", got)
		}
		return c.Close(1000, "")
	}},
	{"CloseRead", func(t *testing.T, c *Conn) error {
		ctx := c.CloseRead()
		if _, err := c.Ping(t.Context()); err != nil && !isTimeout(err) {
			return err
		}
		if err := c.Write(Text, []byte("close")); err != nil {
			return err
		}
		<-ctx.Done()
		return c.ended()
	}},
	{"CloseRead_and_a_message", func(t *testing.T, c *Conn) error {
		ctx := c.CloseRead()
		if err := c.Write(Text, []byte("comes back")); err != nil {
			return err
		}
		<-ctx.Done()
		return c.ended()
	}},
	{"Broadcast", func(t *testing.T, c *Conn) error {
		m, err := Prepare(Binary, noise(4000))
		if err != nil {
			return err
		}
		read := readAll(c)
		for range 5 {
			Broadcast(m, slices.Values([]*Conn{c}))
		}
		time.Sleep(time.Second)
		err = c.Close(1000, "")
		<-read
		return err
	}},
	{"SendContext", func(t *testing.T, c *Conn) error {
		read := readAll(c)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		for range 5 {
			if err := c.SendContext(ctx, Binary, noise(9000)); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				c.CloseNow()
				<-read
				return err
			}
		}
		err := c.Close(1000, "")
		<-read
		return err
	}},
	{"NetConn", func(t *testing.T, c *Conn) error {
		n := NetConn(c, Binary)
		if _, err := n.Write(pattern(5000)); err != nil {
			return err
		}
		got := make([]byte, 5000)
		if _, err := io.ReadFull(n, got); err != nil {
			return err
		}
		if !bytes.Equal(got, pattern(5000)) {
			t.Error("the echo is another")
		}
		n.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := n.Read(got); !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		return n.Close()
	}},
	{"a_read_that_a_write_waits_for", func(t *testing.T, c *Conn) error {
		// Neither buffer has room for the message and its echo.
		read := readAll(c)
		err := c.Write(Binary, noise(20_000))
		if e := c.Close(1000, ""); err == nil {
			err = e
		}
		<-read
		return err
	}},
	{"keepalive", func(t *testing.T, c *Conn) error {
		read := readAll(c)
		time.Sleep(2*DefaultPingInterval + time.Second)
		err := c.Close(1000, "")
		<-read
		return err
	}},
}

// TestReaderReadsIntoWhatItGets: where a read has to wait without a buffer, a Reader's waits with the caller's, and not with the few bytes of the connection's own.
func TestReaderReadsIntoWhatItGets(t *testing.T) {
	for _, size := range []int{17, 512, 4096} {
		a, b := conntest.Pipe(200_000)
		f := conntest.NewFaultConn(a, 0, conntest.Interrupted) // which applies to nothing: it counts
		c, p := New(f, RoleServer, nil, nil), New(b, RoleClient, nil, nil)
		if err := p.Write(Binary, pattern(100_000)); err != nil {
			t.Fatal(err)
		}
		_, r, err := c.Reader(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		before, got := f.Ops(), make([]byte, 0, 100_000)
		for buf := make([]byte, size); ; {
			n, err := r.Read(buf)
			if got = append(got, buf[:n]...); err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(got, pattern(100_000)) {
			t.Errorf("%d bytes came", len(got))
		}
		if ops, most := f.Ops()-before, 100_000/size+10; ops > most {
			t.Errorf("with %d bytes for each read there were %d operations, more than %d", size, ops, most)
		}
		c.CloseNow()
		p.CloseNow()
	}
}
