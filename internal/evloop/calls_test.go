//go:build linux || darwin || dragonfly || freebsd || openbsd

package evloop

import (
	"errors"
	"io"
	"net"
	"testing"

	"github.com/hawser-go/hawser/internal/conntest"
)

// TestCalls: with calls of its own, a group asks the system for nothing, and makes of their results what it makes of the system's.
func TestCalls(t *testing.T) {
	a, b := conntest.Pipe(8)
	s := conntest.NewSockets(nil)
	p := newFakePoller()
	g, err := New(Config{Loops: 1, NewPoller: func() (Poller, error) { return p, nil }, Calls: s})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		g.Close()
		g.Wait()
	}()
	fd, err := g.Duplicate(s.Conn(a))
	if err != nil {
		t.Fatal(err)
	}
	c, err := g.Conn(fd, handlerFunc{})
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 10)
	if n, err := c.Read(buf); n != 0 || err != ErrWouldBlock {
		t.Errorf("Read of nothing: %d, %v", n, err)
	}
	b.Write([]byte("abc"))
	if n, err := c.Read(buf); string(buf[:n]) != "abc" || err != nil {
		t.Errorf("Read: %q, %v", buf[:n], err)
	}
	if n, err := c.Writev([][]byte{[]byte("123"), []byte("456")}); n != 6 || err != nil {
		t.Errorf("Writev: %d, %v", n, err)
	}
	if n, err := c.Write([]byte("7890")); n != 2 || err != ErrWouldBlock {
		t.Errorf("Write of more than there is room for: %d, %v", n, err)
	}
	if n, err := b.Read(buf); string(buf[:n]) != "12345678" || err != nil {
		t.Errorf("the other end reads %q, %v", buf[:n], err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Error(err)
	}
	if _, err := b.Read(buf); err != io.EOF {
		t.Errorf("the other end reads %v", err)
	}
	b.Close()
	if _, err := c.Read(buf); err != io.EOF {
		t.Errorf("Read at the end: %v", err)
	}
	c.Close()
	if _, err := g.Duplicate(nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Duplicate of nothing: %v", err)
	}
	if _, err := new(Group).Duplicate(struct{ net.Conn }{}); err != ErrUnsupported {
		t.Errorf("the system's Duplicate: %v", err)
	}
}
