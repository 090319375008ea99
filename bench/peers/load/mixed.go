//go:build linux

package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hawser-go/hawser/bench/peers/histogram"
)

// mixed is the closed loop, which keeps the server busy, while two probes measure what else the process does: an HTTP request on a connection that is kept alive, and
// 64 bytes to a TLS echo and back, a millisecond after the last answer. The probes use threads that block in the kernel: the loop does not hold them up.
func (l *loop) mixed(r *Result, gate func(string) error) error {
	health, err := newHealthProbe(l.o.health)
	if err != nil {
		return fmt.Errorf("the probe of /healthz: %w", err)
	}
	defer health.close()
	echo, err := newEchoProbe(l.o.echo)
	if err != nil {
		return fmt.Errorf("the probe of the TLS echo: %w", err)
	}
	defer echo.close()
	err = l.measure(r, gate, func(d time.Duration, record bool) (int64, error) {
		var stop atomic.Bool
		var wg sync.WaitGroup
		var probeErrs [2]error
		if record {
			for i, p := range []*probe{health, echo} {
				wg.Go(func() { probeErrs[i] = p.run(&stop) })
			}
		}
		time.AfterFunc(d, func() { stop.Store(true) })
		n, err := l.closed(d, record)
		stop.Store(true)
		wg.Wait()
		return n, errors.Join(err, probeErrs[0], probeErrs[1])
	})
	r.Health, r.Echo = summary(&health.latency), summary(&echo.latency)
	return err
}

type probe struct {
	conn    net.Conn
	message []byte
	answer  func([]byte) bool // whether what has come is the whole answer
	latency histogram.Histogram
	close   func() error
}

func newHealthProbe(addr string) (*probe, error) {
	c, err := dialBlocking(addr)
	if err != nil {
		return nil, err
	}
	return &probe{
		conn: c, close: c.Close,
		message: fmt.Appendf(nil, "GET /healthz HTTP/1.1\r\nHost: %s\r\n\r\n", addr),
		answer: func(b []byte) bool {
			return bytes.HasPrefix(b, []byte("HTTP/1.1 200")) && bytes.HasSuffix(b, []byte("\r\n\r\nok"))
		},
	}, nil
}

func newEchoProbe(addr string) (*probe, error) {
	c, err := dialBlocking(addr)
	if err != nil {
		return nil, err
	}
	t := tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	if err := t.Handshake(); err != nil {
		return nil, err
	}
	message := bytes.Repeat([]byte("0123456789abcdef"), 4)
	return &probe{conn: t, close: c.Close, message: message, answer: func(b []byte) bool { return bytes.Equal(b, message) }}, nil
}

func (p *probe) run(stop *atomic.Bool) error {
	buf := make([]byte, 4096)
	for !stop.Load() {
		start := time.Now()
		if _, err := p.conn.Write(p.message); err != nil {
			return err
		}
		n := 0
		for !p.answer(buf[:n]) {
			m, err := p.conn.Read(buf[n:])
			if err != nil {
				return err
			}
			n += m
		}
		p.latency.Record(time.Since(start))
		pause := unix.NsecToTimespec(int64(time.Millisecond))
		unix.Nanosleep(&pause, nil)
	}
	return nil
}

// A blockingConn blocks its thread in the kernel, not in Go's poller, which a busy loop in the same process keeps waiting.
type blockingConn struct{ fd int }

func dialBlocking(addr string) (*blockingConn, error) {
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	c := &blockingConn{fd}
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	timeout := unix.NsecToTimeval(patience.Nanoseconds())
	unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout)
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(ap.Port()), Addr: ap.Addr().As4()}); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *blockingConn) Read(b []byte) (int, error) {
	for {
		n, err := syscall.Read(c.fd, b)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

func (c *blockingConn) Write(b []byte) (written int, err error) {
	for written < len(b) {
		n, err := syscall.Write(c.fd, b[written:])
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return written, os.NewSyscallError("write", err)
		}
		written += n
	}
	return written, nil
}

func (c *blockingConn) Close() error                     { return syscall.Close(c.fd) }
func (c *blockingConn) LocalAddr() net.Addr              { return nil }
func (c *blockingConn) RemoteAddr() net.Addr             { return nil }
func (c *blockingConn) SetDeadline(time.Time) error      { return nil }
func (c *blockingConn) SetReadDeadline(time.Time) error  { return nil }
func (c *blockingConn) SetWriteDeadline(time.Time) error { return nil }
