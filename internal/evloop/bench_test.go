//go:build linux || darwin || dragonfly || freebsd || openbsd

package evloop

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"
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
func startLoop(tb testing.TB, loops int, h Handler) (*Group, string) {
	tb.Helper()
	g, err := New(Config{Loops: loops})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(g.Wait)
	tb.Cleanup(g.Close)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	l, err := g.Listen(ln, func(fd int, _ net.Addr) {
		if c, err := g.Conn(fd, h); err == nil {
			c.Start()
		}
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { l.Close() })
	return g, ln.Addr().String()
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

// BenchmarkEcho compares an echo in the loop with one that has a goroutine for each connection. The clients are in the same process, so that only the ratio says something, and that little.
func BenchmarkEcho(b *testing.B) {
	for _, conns := range []int{1, 100} {
		for _, size := range []int{16, 1024} {
			for _, driver := range []string{"loop", "goroutine"} {
				b.Run(fmt.Sprintf("%s/conns=%d/size=%d", driver, conns, size), func(b *testing.B) {
					addr := ""
					if driver == "loop" {
						_, addr = startLoop(b, 0, echoer{})
					} else {
						addr = startGoroutines(b)
					}
					echo(b, addr, conns, size)
				})
			}
		}
	}
}

func echo(b *testing.B, addr string, conns, size int) {
	var clients []net.Conn
	for range conns {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		clients = append(clients, c)
	}
	var wg sync.WaitGroup
	b.SetBytes(int64(size))
	b.ResetTimer()
	for i, c := range clients {
		rounds := b.N / conns
		if i < b.N%conns {
			rounds++
		}
		wg.Go(func() {
			p := make([]byte, size)
			for range rounds {
				if _, err := c.Write(p); err != nil {
					b.Error(err)
					return
				}
				if _, err := io.ReadFull(c, p); err != nil {
					b.Error(err)
					return
				}
			}
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
