//go:build linux || darwin || dragonfly || freebsd || openbsd

package evloop

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// echoer writes what it reads, in the loop.
type echoer struct{}

func (echoer) Ready(c *Conn, t Turn) {
	n, err := c.Read(t.Buf)
	switch {
	case errors.Is(err, ErrWouldBlock):
	case err != nil:
		c.Close()
	default:
		c.Write(t.Buf[:n])
	}
}

func (echoer) Signal(*Conn, Signal) {}

// startLoop serves loopback TCP connections with a handler in the loops and returns the address.
func startLoop(tb testing.TB, cfg Config, h Handler) (addr string) {
	tb.Helper()
	g := startGroup(tb, cfg)
	ln := listenTCP(tb, "127.0.0.1:0", false)
	l, err := g.Listen(ln, func(fd int, _ net.Addr) {
		if c, err := g.Conn(fd, h); err == nil {
			c.Start()
		}
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	return ln.Addr().String()
}

// startReusePort is the same with a listener for each loop, which keeps what it accepts.
func startReusePort(tb testing.TB, h Handler) (addr string) {
	tb.Helper()
	g := startGroup(tb, Config{})
	addr = "127.0.0.1:0"
	for _, l := range g.loops {
		ln := listenTCP(tb, addr, true)
		addr = ln.Addr().String()
		a, err := l.listen(ln, func(fd int, _ net.Addr) {
			if c, err := l.conn(fd, h); err == nil {
				c.Start()
			}
		})
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { a.Close() })
	}
	return addr
}

func listenTCP(tb testing.TB, addr string, reusePort bool) net.Listener {
	tb.Helper()
	var cfg net.ListenConfig
	if reusePort {
		cfg.Control = func(_, _ string, raw syscall.RawConn) (err error) {
			raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
			return err
		}
	}
	ln, err := cfg.Listen(tb.Context(), "tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	return ln
}

// startGoroutines is the same with a goroutine for each connection.
func startGoroutines(tb testing.TB) string {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				buf := make([]byte, 64<<10)
				for {
					n, err := c.Read(buf)
					if err != nil {
						return
					}
					if _, err := c.Write(buf[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
	return ln.Addr().String()
}

// drivers are ways to serve an echo.
var drivers = map[string]func(tb testing.TB) (addr string){
	"loop":      func(tb testing.TB) string { return startLoop(tb, Config{}, echoer{}) },
	"goroutine": startGoroutines,
}

// BenchmarkEcho compares an echo in the loop with one that has a goroutine for each connection. The load comes from a process of its own; cpu-ns/op is the processor time of this process for a message.
// It says something about the ratio of two lines of the same run, and with GOMAXPROCS=1 on a quiet machine.
func BenchmarkEcho(b *testing.B) {
	for _, conns := range []int{1, 100} {
		for _, size := range []int{16, 1024} {
			for _, driver := range slices.Sorted(maps.Keys(drivers)) {
				b.Run(fmt.Sprintf("%s/conns=%d/size=%d", driver, conns, size), func(b *testing.B) {
					load(b, drivers[driver](b), conns, size, 0)
				})
			}
		}
	}
}

// BenchmarkAccept compares one accepting loop with SO_REUSEPORT: a connection, an echo, an end.
func BenchmarkAccept(b *testing.B) {
	for _, mode := range []string{"one", "reuseport"} {
		b.Run(mode, func(b *testing.B) {
			addr := ""
			if mode == "one" {
				addr = startLoop(b, Config{}, echoer{})
			} else {
				addr = startReusePort(b, echoer{})
			}
			load(b, addr, 50, 16, 1)
		})
	}
}

// A relayer leaves the reply to another goroutine.
type relayer struct {
	echoer
	replies chan func()
}

func (r relayer) Ready(c *Conn, t Turn) {
	if n, err := c.Read(t.Buf); err == nil {
		p := bytes.Clone(t.Buf[:n])
		r.replies <- func() { c.Write(p) }
	} else if !errors.Is(err, ErrWouldBlock) {
		c.Close()
	}
}

// BenchmarkRelay is about goroutines that handlers wake up: the loop must not keep the processor from them.
func BenchmarkRelay(b *testing.B) {
	for _, conns := range []int{1, 10} {
		b.Run(fmt.Sprintf("conns=%d", conns), func(b *testing.B) {
			r := relayer{replies: make(chan func(), 64)}
			go func() {
				for f := range r.replies {
					f()
				}
			}()
			b.Cleanup(func() { close(r.replies) })
			load(b, startLoop(b, Config{}, r), conns, 128, 0)
		})
	}
}

// load runs this program again, as the peer that sends b.N messages and waits for their echoes. If perConn is not 0, a connection ends after that many.
func load(b *testing.B, addr string, conns, size, perConn int) {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestLoad$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("EVLOOP_LOAD=%s %d %d %d %d", addr, conns, size, perConn, b.N))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	// It prints a line when it is connected.
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	before := processorTime(b)
	err = cmd.Wait()
	b.StopTimer()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
}

func processorTime(b *testing.B) int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// TestLoad is the other process.
func TestLoad(t *testing.T) {
	var addr string
	var conns, size, perConn, messages int
	if _, err := fmt.Sscan(os.Getenv("EVLOOP_LOAD"), &addr, &conns, &size, &perConn, &messages); err != nil {
		t.Skip("for benchmarks")
	}
	dial := func() net.Conn {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	var clients []net.Conn
	for range conns {
		clients = append(clients, dial())
	}
	fmt.Println("connected")
	var wg sync.WaitGroup
	for i, c := range clients {
		rounds := messages / conns
		if i < messages%conns {
			rounds++
		}
		wg.Go(func() {
			p := make([]byte, size)
			for i := range rounds {
				if perConn > 0 && i > 0 && i%perConn == 0 {
					// A reset leaves no port in TIME-WAIT behind.
					c.(*net.TCPConn).SetLinger(0)
					c.Close()
					c = dial()
				}
				_, err := c.Write(p)
				if err == nil {
					_, err = io.ReadFull(c, p)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
			c.Close()
		})
	}
	wg.Wait()
}

func BenchmarkClock(b *testing.B) {
	c := systemClock{time.Now()}
	for b.Loop() {
		c.Now()
	}
}
