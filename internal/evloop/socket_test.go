//go:build linux || darwin || dragonfly || freebsd || openbsd

package evloop

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hawser-go/hawser/internal/conntest"
)

// startGroup starts loops over real descriptors, which end with the test.
func startGroup(tb testing.TB, cfg Config) *Group {
	tb.Helper()
	g, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		g.Close()
		g.Wait()
	})
	return g
}

// socketPair returns two connected, non-blocking Unix sockets.
func socketPair(tb testing.TB) (a, b int) {
	tb.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		err = errors.Join(unix.SetNonblock(fds[0], true), unix.SetNonblock(fds[1], true))
	}
	if err != nil {
		tb.Fatal(err)
	}
	return fds[0], fds[1]
}

// peerConn wraps one end of a socket pair for a test that plays the peer.
func peerConn(tb testing.TB, fd int) net.Conn {
	tb.Helper()
	f := os.NewFile(uintptr(fd), "peer")
	c, err := net.FileConn(f)
	f.Close()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	return c
}

// pair returns a connection in the loop and its peer.
func pair(tb testing.TB, g *Group, h Handler) (*Conn, net.Conn) {
	tb.Helper()
	a, b := socketPair(tb)
	peer := peerConn(tb, b)
	c, err := g.Conn(a, h)
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		tb.Fatal(err)
	}
	return c, peer
}

// listeners calls f with a listener for each network.
func listeners(t *testing.T, f func(t *testing.T, ln net.Listener)) {
	for _, network := range []string{"tcp4", "tcp6", "unix"} {
		t.Run(network, func(t *testing.T) {
			conntest.CheckLeaks(t)
			address := map[string]string{"tcp4": "127.0.0.1:0", "tcp6": "[::1]:0", "unix": filepath.Join(t.TempDir(), "socket")}[network]
			ln, err := net.Listen(network, address)
			if err != nil {
				t.Skipf("%s: %v", network, err)
			}
			f(t, ln)
		})
	}
}

// An echo through the loop, from a peer that sends a lot before it reads, and the end of both directions.
func TestListenAndEcho(t *testing.T) {
	listeners(t, func(t *testing.T, ln net.Listener) {
		g := startGroup(t, Config{Loops: 2})
		remotes := make(chan net.Addr, 1)
		l, err := g.Listen(ln, func(fd int, remote net.Addr) {
			remotes <- remote
			c, err := g.Conn(fd, &queueEchoer{})
			if err == nil {
				err = c.Start()
			}
			if err != nil {
				t.Error(err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		c, err := net.Dial(ln.Addr().Network(), ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if remote := <-remotes; c.LocalAddr().String() != "" && remote.String() != c.LocalAddr().String() {
			t.Errorf("the remote address is %v, want %v", remote, c.LocalAddr())
		}
		echoMuch(t, c, 8<<20)
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if _, err := net.Dial(ln.Addr().Network(), ln.Addr().String()); err == nil {
			t.Error("it still listens")
		}
	})
}

// echoMuch sends n bytes and then the end, and reads them back.
func echoMuch(t *testing.T, c net.Conn, n int) {
	t.Helper()
	var want bytes.Buffer
	for i := 0; want.Len() < n; i++ {
		want.WriteString(strings.Repeat(string(rune('a'+i%26)), 1000+i%1000))
	}
	sent := make(chan error, 1)
	go func() {
		_, err := c.Write(want.Bytes())
		sent <- errors.Join(err, c.(interface{ CloseWrite() error }).CloseWrite())
	}()
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%d of %d bytes came back, %v", len(got), want.Len(), err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// queueEchoer echoes, and keeps what the peer does not take now; while there is some, it does not read. After the end it finishes and closes.
type queueEchoer struct {
	mu    sync.Mutex
	queue []byte
	ended bool
}

func (e *queueEchoer) Ready(c *Conn, t Turn) {
	n, err := c.Read(t.Buf)
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case errors.Is(err, ErrWouldBlock):
		return
	case err != nil:
		e.ended = true
		c.WantRead(false)
	}
	e.queue = append(e.queue, t.Buf[:n]...)
	e.flush(c)
}

func (e *queueEchoer) Signal(c *Conn, s Signal) {
	if s == SignalWritable {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.flush(c)
	}
}

func (e *queueEchoer) flush(c *Conn) {
	half := len(e.queue) / 2
	n, err := c.Writev([][]byte{e.queue[:half], e.queue[half:]})
	e.queue = e.queue[n:]
	switch {
	case errors.Is(err, ErrWouldBlock):
		c.WantRead(false)
		c.WantWrite()
	case err != nil:
		c.Close()
	case e.ended:
		c.CloseWrite()
		c.Close()
	default:
		c.WantRead(true)
	}
}

func TestAdopt(t *testing.T) {
	listeners(t, func(t *testing.T, ln net.Listener) {
		defer ln.Close()
		g := startGroup(t, Config{Loops: 1})
		adopted := make(chan error, 1)
		go func() {
			conn, err := ln.Accept()
			if err != nil {
				adopted <- err
				return
			}
			fd, err := Adopt(conn)
			if err == nil {
				var c *Conn
				if c, err = g.Conn(fd, &queueEchoer{}); err == nil {
					err = c.Start()
				}
			}
			if _, readErr := conn.Read(make([]byte, 1)); !errors.Is(readErr, net.ErrClosed) {
				err = errors.Join(err, errors.New("the original is not closed"))
			}
			adopted <- err
		}()
		c, err := net.Dial(ln.Addr().Network(), ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := <-adopted; err != nil {
			t.Fatal(err)
		}
		echoMuch(t, c, 1<<20)
	})
}

type wrapped struct{ net.Conn }

type wrappedListener struct{ net.Listener }

func TestAdoptRefuses(t *testing.T) {
	conntest.CheckLeaks(t)
	g := startGroup(t, Config{Loops: 1})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Adopt(wrapped{c}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a wrapper: %v", err)
	}
	if _, err := g.Listen(wrappedListener{ln}, nil); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a listener's wrapper: %v", err)
	}
	if _, err := Adopt(&net.TCPConn{}); err == nil {
		t.Error("nothing was adopted")
	}

	// Without descriptors left, the connection stays what it is.
	var limit, none unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none = limit
	none.Cur = 0
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	_, adoptErr := Adopt(c)
	_, listenErr := g.Listen(ln, nil)
	_, newErr := New(Config{Loops: 1})
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{"Adopt": adoptErr, "Listen": listenErr, "New": newErr} {
		if err == nil {
			t.Errorf("%s succeeded without a descriptor", what)
		}
	}
	if _, err := c.Write([]byte("still there")); err != nil {
		t.Error(err)
	}
	c.Close()
	if _, err := Adopt(c); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed connection: %v", err)
	}
	ln.Close()
	if _, err := g.Listen(ln, nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed listener: %v", err)
	}
}

func TestListenOnClosedGroup(t *testing.T) {
	conntest.CheckLeaks(t)
	g := startGroup(t, Config{Loops: 1})
	g.Close()
	g.Wait()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Listen(ln, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("got %v", err)
	}
	ln.Close()
}

// Without descriptors a listener waits, longer each time, and goes on when it can.
func TestAcceptPauses(t *testing.T) {
	inWorld(t, func(w *world) {
		var accepted []int
		results := []error{unix.EMFILE, unix.EMFILE, unix.EINTR, nil, unix.ENFILE, unix.ECONNABORTED, nil, nil}
		a := &Listener{accepted: func(fd int, _ net.Addr) { accepted = append(accepted, fd) }}
		a.accept = func(c *Conn) (int, net.Addr, error) {
			if len(results) == 0 {
				w.read(c)
				return -1, nil, ErrWouldBlock
			}
			err := results[0]
			results = results[1:]
			w.note(time.Duration.String(w.since()))
			return 7, nil, err
		}
		c := w.conn(a)
		w.makeReady(c, Readable)
		time.Sleep(time.Second)
		w.want("pauses of 5 and 10 ms, and 5 again after a success", "0s", "5ms", "15ms", "15ms", "15ms", "20ms", "20ms", "20ms")
		if len(accepted) != 3 {
			t.Errorf("accepted %v", accepted)
		}
	})
}

func TestAddress(t *testing.T) {
	for want, from := range map[string]unix.Sockaddr{
		"192.0.2.1:80":      &unix.SockaddrInet4{Addr: [4]byte{192, 0, 2, 1}, Port: 80},
		"[2001:db8::1]:443": &unix.SockaddrInet6{Addr: [16]byte{0x20, 1, 0xd, 0xb8, 15: 1}, Port: 443},
		"/tmp/socket":       &unix.SockaddrUnix{Name: "/tmp/socket"},
		// An interface that does not exist has no name.
		"[fe80::1]:1": &unix.SockaddrInet6{Addr: [16]byte{0xfe, 0x80, 15: 1}, Port: 1, ZoneId: 1<<31 - 1},
	} {
		if got := address(from); got == nil || got.String() != want {
			t.Errorf("got %v, want %s", got, want)
		}
	}
	if got := address(nil); got != nil {
		t.Errorf("nothing became %v", got)
	}
	interfaces, err := net.Interfaces()
	if err != nil || len(interfaces) == 0 {
		t.Skip("there is no interface to name")
	}
	if got := zone(uint32(interfaces[0].Index)); got != interfaces[0].Name {
		t.Errorf("got %s, want %s", got, interfaces[0].Name)
	}
}

// The calls on a descriptor, and what they say after Close.
func TestConnCalls(t *testing.T) {
	conntest.CheckLeaks(t)
	g := startGroup(t, Config{Loops: 1})
	ended := make(chan error, 1)
	c, peer := pair(t, g, handlerFunc{ready: func(c *Conn, u Turn) {
		_, err := c.Read(u.Buf)
		if err != nil && !errors.Is(err, ErrWouldBlock) {
			c.WantRead(false)
			ended <- err
		}
	}})
	if _, err := c.Read(make([]byte, 1)); err != ErrWouldBlock {
		t.Errorf("reading nothing: %v", err)
	}
	for name, write := range map[string]func() (int, error){
		"Write":  func() (int, error) { return c.Write([]byte("hello")) },
		"Writev": func() (int, error) { return c.Writev([][]byte{[]byte("hel"), nil, []byte("lo")}) },
	} {
		if n, err := write(); n != 5 || err != nil {
			t.Errorf("%s: %d, %v", name, n, err)
		}
		p := make([]byte, 5)
		if _, err := io.ReadFull(peer, p); err != nil || string(p) != "hello" {
			t.Errorf("%s wrote %q, %v", name, p, err)
		}
	}
	big := make([]byte, 8<<20)
	if n, err := c.Write(big); n == 0 || n == len(big) || err != ErrWouldBlock {
		t.Errorf("writing to a peer that does not read: %d, %v", n, err)
	}
	for n, err := 1, error(nil); n != 0; {
		if n, err = c.Writev([][]byte{big[:1], big}); err != ErrWouldBlock {
			t.Fatalf("writing to a peer that does not read: %d, %v", n, err)
		}
	}
	if err := c.Shutdown(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != io.EOF {
		t.Errorf("after Shutdown, reading returns %v", err)
	}
	for name, write := range map[string]func() (int, error){
		"Write":  func() (int, error) { return c.Write(big) },
		"Writev": func() (int, error) { return c.Writev([][]byte{big}) },
	} {
		if n, err := write(); n != 0 || !errors.Is(err, syscall.EPIPE) {
			t.Errorf("%s after Shutdown: %d, %v", name, n, err)
		}
	}
	c.Close()
	for name, call := range map[string]func() error{
		"Read":       func() error { _, err := c.Read(big); return err },
		"Write":      func() error { _, err := c.Write(big); return err },
		"Writev":     func() error { _, err := c.Writev([][]byte{big}); return err },
		"accept":     func() error { _, _, err := c.acceptOne(); return err },
		"Shutdown":   c.Shutdown,
		"CloseWrite": c.CloseWrite,
		"Start":      c.Start,
		"Close":      c.Close,
	} {
		if err := call(); err != ErrClosed {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
}

// Every system call asks whether the descriptor may still be used, and keeps it open: Close may come at any moment, and another file take the number.
func TestCallsUseTheDescriptor(t *testing.T) {
	conntest.CheckLeaks(t)
	g := startGroup(t, Config{Loops: 1})
	c, _ := pair(t, g, handlerFunc{})
	c.users.Or(userClose) // as far as Close has come
	p := []byte("hello")
	for name, call := range map[string]func() error{
		"Read":       func() error { _, err := c.Read(p); return err },
		"Write":      func() error { _, err := c.Write(p); return err },
		"Writev":     func() error { _, err := c.Writev([][]byte{p}); return err },
		"accept":     func() error { _, _, err := c.acceptOne(); return err },
		"Shutdown":   c.Shutdown,
		"CloseWrite": c.CloseWrite,
	} {
		if err := call(); err != ErrClosed {
			t.Errorf("%s: %v", name, err)
		}
		if n := c.users.Load(); n != userOne|userClose {
			t.Errorf("after %s there are users %d", name, n)
		}
	}
}

// A reset is an error for Ready, not an end.
func TestReset(t *testing.T) {
	conntest.CheckLeaks(t)
	g := startGroup(t, Config{Loops: 1})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	l, err := g.Listen(ln, func(fd int, _ net.Addr) {
		if c, err := g.Conn(fd, handlerFunc{ready: func(c *Conn, u Turn) {
			if _, err := c.Read(u.Buf); !errors.Is(err, ErrWouldBlock) {
				c.Close()
				result <- err
			}
		}}); err == nil {
			c.Start()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c.(*net.TCPConn).SetLinger(0)
	c.Close()
	if err := <-result; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v", err)
	}
}

// A handler blocked on a slow reader goes on when that reads, though nobody but the loop tells it.
func TestBlockedWriterGoesOn(t *testing.T) {
	conntest.CheckLeaks(t)
	g := startGroup(t, Config{Loops: 1})
	const total = 4 << 20
	room := make(chan struct{}, 1)
	blocked := make(chan struct{}, 1)
	_, peer := pair(t, g, handlerFunc{
		ready: func(c *Conn, u Turn) {
			if _, err := c.Read(u.Buf); err != nil {
				c.Close()
				return
			}
			p := make([]byte, total)
			for len(p) > 0 {
				n, err := c.Write(p)
				p = p[n:]
				if err == ErrWouldBlock {
					select {
					case blocked <- struct{}{}:
					default:
					}
					c.WantWrite()
					<-room
				} else if err != nil {
					t.Error(err)
					return
				}
			}
		},
		signal: func(c *Conn, s Signal) {
			if s == SignalWritable {
				room <- struct{}{}
			}
		},
	})
	_, other := pair(t, g, echoer{})
	peer.Write([]byte("go"))
	<-blocked
	// The loop serves others meanwhile.
	p := []byte("others")
	other.Write(p)
	if _, err := io.ReadFull(other, p); err != nil {
		t.Error(err)
	}
	if n, err := io.ReadFull(peer, make([]byte, total)); err != nil {
		t.Errorf("%d bytes came, %v", n, err)
	}
	if n := g.Stats()[0].HandOffs; n == 0 {
		t.Error("no hand-off")
	}
}

// Rest comes back, whatever else there is to do, and lets others run.
func TestRest(t *testing.T) {
	conntest.CheckLeaks(t)
	p, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var turns atomic.Int64
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				turns.Add(1)
			}
		}
	}()
	for turns.Load() < 100 {
		p.Rest()
	}
	close(stop)
	<-done
}

func TestPollerWakes(t *testing.T) {
	conntest.CheckLeaks(t)
	p, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.Wake()
	p.Wake()
	events := make([]Event, 4)
	if n, err := p.Wait(events, -1); n != 0 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	if n, err := p.Wait(events, 0); n != 0 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
}
