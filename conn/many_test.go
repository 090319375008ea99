package conn

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/internal/conntest"
)

// TestManyConnections: nothing is left of connections that end in every way, over both drivers. HAWSER_CONNECTIONS sets how many there are for each.
func TestManyConnections(t *testing.T) {
	conns := 2000
	if testing.Short() || conntest.RaceEnabled {
		conns = 400
	}
	if n, err := strconv.Atoi(os.Getenv("HAWSER_CONNECTIONS")); err == nil {
		conns = n
	}
	for name, driver := range map[string]EventLoop{"goroutine": EventLoopNever, "loop": EventLoopAuto} {
		t.Run("D11/"+name, func(t *testing.T) {
			if driver == EventLoopAuto && (loops() == nil || !driver.here()) {
				t.Skip("there is no event loop here")
			}
			conntest.CheckLeaks(t)
			began := time.Now()
			manyConnections(t, driver, conns)
			t.Logf("%d connections in %.1f s", conns, time.Since(began).Seconds())
		})
	}
}

// manyEnds are the ways in which a connection ends, from the client's side. nc is at its opening handshake.
var manyEnds = []func(t *testing.T, nc net.Conn, dial func() (*Conn, error)) error{
	func(t *testing.T, _ net.Conn, dial func() (*Conn, error)) error { // as it should be
		c, err := dial()
		if err != nil {
			return err
		}
		defer c.CloseNow()
		if err := c.Write(Binary, pattern(3000)); err != nil {
			return err
		}
		if _, err := c.Read(); err != nil {
			return err
		}
		return c.Close(1000, "")
	},
	func(t *testing.T, _ net.Conn, dial func() (*Conn, error)) error { // the server closes
		c, err := dial()
		if err != nil {
			return err
		}
		defer c.CloseNow()
		c.Write(Text, []byte("close"))
		c.Read()
		return nil
	},
	func(t *testing.T, _ net.Conn, dial func() (*Conn, error)) error { // the server cuts
		c, err := dial()
		if err != nil {
			return err
		}
		defer c.CloseNow()
		c.Write(Text, []byte("cut"))
		c.Read()
		return nil
	},
	func(t *testing.T, nc net.Conn, dial func() (*Conn, error)) error { // a reset in a frame
		c, err := dial()
		if err != nil {
			return err
		}
		defer c.CloseNow()
		nc.Write([]byte{0x82, 0xff, 0, 0, 0, 0, 0, 0, 1})
		if tcp, ok := nc.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		return nil
	},
	func(t *testing.T, nc net.Conn, dial func() (*Conn, error)) error { // a half-close in a frame
		c, err := dial()
		if err != nil {
			return err
		}
		defer c.CloseNow()
		nc.Write([]byte{0x82})
		nc.(interface{ CloseWrite() error }).CloseWrite()
		c.Read()
		return nil
	},
	func(t *testing.T, nc net.Conn, dial func() (*Conn, error)) error { // a rule is broken
		c, err := dial()
		if err != nil {
			return err
		}
		defer c.CloseNow()
		nc.Write([]byte{0xf3, 0x80, 0, 0, 0, 0})
		c.Read()
		return nil
	},
	func(t *testing.T, nc net.Conn, _ func() (*Conn, error)) error { // half a request
		nc.Write([]byte("GET / HTTP/1.1\r\nHost: exa"))
		return nil
	},
}

func manyConnections(t *testing.T, driver EventLoop, conns int) {
	var opened, closed atomic.Int64
	r := &Registry{}
	s := &Server{
		Events: &Events{
			Open: func(*Conn) { opened.Add(1) },
			Message: func(c *Conn, m Message) {
				switch string(m.Data) {
				case "close":
					c.Close(1001, "")
				case "cut":
					c.CloseNow()
				default:
					c.Write(m.Type, m.Data)
				}
			},
			Close: func(*Conn, *CloseError) { closed.Add(1) },
		},
		Config: &Config{EventLoop: driver, Registry: r, Logger: slog.New(slog.DiscardHandler), Compression: &deflate.Config{}},
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listeners := []net.Listener{tcp}
	if unix, err := net.Listen("unix", filepath.Join(t.TempDir(), "s")); err == nil {
		listeners = append(listeners, unix)
	}
	var serving sync.WaitGroup
	for _, ln := range listeners {
		serving.Go(func() { s.Serve(ln) })
	}
	before := sumOfLoops().Connections
	var next atomic.Int64
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for i := int(next.Add(1)) - 1; i < conns && !t.Failed(); i = int(next.Add(1)) - 1 {
				ln := listeners[i%len(listeners)]
				if err := oneOfMany(t, i, ln.Addr()); err != nil {
					t.Errorf("connection %d: %v", i, err)
				}
			}
		})
	}
	clients.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), pushPatience)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown returns %v", err)
	}
	serving.Wait()
	if opened.Load() != closed.Load() || opened.Load() < int64(conns/2) || r.Len() != 0 || r.Buffered() != 0 {
		t.Errorf("Open was called %d times, Close %d; the Registry has %d with %d bytes", opened.Load(), closed.Load(), r.Len(), r.Buffered())
	}
	if n := sumOfLoops().Connections; driver == EventLoopAuto && n > before {
		t.Errorf("the loops have %d connections, and had %d", n, before)
	}
}

func oneOfMany(t *testing.T, i int, addr net.Addr) error {
	var d net.Dialer
	if addr.Network() == "tcp" && runtime.GOOS == "linux" { // one address has not enough ports
		d.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, byte(i/250%250), byte(1+i%250))}
	}
	nc, err := d.Dial(addr.Network(), addr.String())
	if err != nil {
		return err
	}
	defer nc.Close()
	cfg := &Config{NetDial: func(context.Context, string, string) (net.Conn, error) { return nc, nil }}
	if i%3 == 0 {
		cfg.Compression = &deflate.Config{}
	}
	return manyEnds[i%len(manyEnds)](t, nc, func() (*Conn, error) { return Dial(t.Context(), "ws://example.com/", cfg) })
}
