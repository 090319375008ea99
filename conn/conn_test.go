package conn

import (
	"bytes"
	"fmt"
	"net"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/internal/conntest"
)

// talk returns a connection in the given role and the scripted peer at its other end. The test must be in a bubble.
func talk(t testing.TB, role Role, cfg *Config) (*Conn, *conntest.Peer) {
	t.Helper()
	ours, theirs := conntest.Pipe(64 << 10)
	return talkOver(t, ours, theirs, role, cfg)
}

// talkOver is talk over a connection that the test has made.
func talkOver(t testing.TB, ours, theirs net.Conn, role Role, cfg *Config) (*Conn, *conntest.Peer) {
	t.Helper()
	c := New(ours, role, nil, cfg)
	p := conntest.NewPeer(t, theirs, role == RoleServer)
	t.Cleanup(func() {
		c.CloseNow()
		p.Close()
	})
	return c, p
}

// bothRoles runs a test as a server and as a client, each in a bubble.
func bothRoles(t *testing.T, name string, f func(t *testing.T, role Role)) {
	t.Helper()
	for _, role := range []Role{RoleServer, RoleClient} {
		t.Run(fmt.Sprintf("%s/%s", name, [...]string{"server", "client"}[role]), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(t, role) })
		})
	}
}

// outcome is what a reading goroutine came to.
type outcome struct {
	messages []string
	err      error // that the loop yielded
}

// readAll reads with a Messages loop in a goroutine until the connection ends.
func readAll(c *Conn) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		for m, err := range c.Messages() {
			if err != nil {
				o.err = err
				break
			}
			o.messages = append(o.messages, fmt.Sprintf("%v %q", m.Type, m.Data))
		}
		done <- o
	}()
	return done
}

// echo answers each message, and returns what ended it.
func echo(c *Conn) error {
	for m, err := range c.Messages() {
		if err != nil {
			return err
		}
		if err := c.Write(m.Type, m.Data); err != nil {
			return err
		}
	}
	return nil
}

// tcpPair returns two connected sockets.
func tcpPair(t testing.TB) (a, b *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		c, _ := l.Accept()
		accepted <- c
	}()
	d, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s := <-accepted
	if s == nil {
		t.Fatal("no connection was accepted")
	}
	t.Cleanup(func() {
		d.Close()
		s.Close()
	})
	return d.(*net.TCPConn), s.(*net.TCPConn)
}

// pattern returns n bytes that show where they belong.
func pattern(n int) []byte {
	return bytes.Repeat([]byte("0123456789abcdefghijklmnopqrstuvwxyz.\n"), n/38+1)[:n]
}

// discardAll reads until the connection ends, and does not allocate while it does.
func discardAll(c net.Conn) {
	buf := make([]byte, 1<<20)
	for {
		if _, err := c.Read(buf); err != nil {
			return
		}
	}
}
