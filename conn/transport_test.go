package conn

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/hawser-go/hawser/internal/conntest"
)

// A testSocket is what *net.TCPConn and *net.UnixConn have in common.
type testSocket interface {
	net.Conn
	CloseWrite() error
	SetWriteBuffer(int) error
	SetReadBuffer(int) error
}

// socketPairs returns the kinds of sockets, each with a function that returns two connected ones with small buffers.
func socketPairs() map[string]func(t *testing.T) (a, b testSocket) {
	pair := func(network, address func(t *testing.T) string) func(t *testing.T) (a, b testSocket) {
		return func(t *testing.T) (a, b testSocket) {
			t.Helper()
			ln, err := net.Listen(network(t), address(t))
			if err != nil {
				t.Skip(err)
			}
			defer ln.Close()
			x, err := net.Dial(network(t), ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			y, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { x.Close(); y.Close() })
			a, b = x.(testSocket), y.(testSocket)
			a.SetWriteBuffer(16 << 10)
			b.SetReadBuffer(16 << 10)
			return a, b
		}
	}
	constant := func(s string) func(*testing.T) string { return func(*testing.T) string { return s } }
	return map[string]func(t *testing.T) (a, b testSocket){
		"tcp":  pair(constant("tcp"), constant("127.0.0.1:0")),
		"unix": pair(constant("unix"), func(t *testing.T) string { return filepath.Join(t.TempDir(), "s") }),
	}
}

// counted returns n bytes of which every few are different.
func counted(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return p
}

// TestTransportGoesOn: a write that met its deadline after some progress is gone on with on a socket, and nothing is lost or repeated.
// newTransport returns the transport over rwc, which a timeout closes.
func newTransport(rwc io.ReadWriteCloser, timeout time.Duration) *transport {
	tr := new(transport)
	tr.init(rwc, timeout, func() { tr.close() })
	return tr
}

func TestTransportGoesOn(t *testing.T) {
	const size = 4 << 20
	writes := map[string]func(tr *transport, p []byte) error{
		"write": func(tr *transport, p []byte) error { return tr.write(p, nil) },
		"two":   func(tr *transport, p []byte) error { return tr.write(p[:100], p[100:]) },
	}
	for kind, pair := range socketPairs() {
		for name, write := range writes {
			t.Run("2.9/"+kind+"/"+name, func(t *testing.T) {
				conntest.CheckLeaks(t)
				a, b := pair(t)
				tr := newTransport(a, time.Hour)
				if !tr.socket {
					t.Fatal("not taken for a socket")
				}
				sent, got := counted(size), make([]byte, size)
				done := make(chan error, 1)
				for range 4 {
					go func() {
						err := write(tr, sent)
						if err != nil {
							a.Close() // so that the reader does not wait
						}
						done <- err
					}()
					// There is progress, and then the deadline passes: once, because who knows when it is noticed.
					if _, err := io.ReadFull(b, got[:size/4]); err != nil {
						t.Fatal(err, <-done)
					}
					a.SetWriteDeadline(time.Now().Add(-time.Second))
					if _, err := io.ReadFull(b, got[size/4:]); err != nil {
						t.Fatal(err, <-done)
					}
					if err := <-done; err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(got, sent) {
						t.Fatal("other bytes came than were sent")
					}
				}
			})
		}
	}
}

// TestTransportSocketTimeout: without progress a write ends, also on a socket.
func TestTransportSocketTimeout(t *testing.T) {
	for kind, pair := range socketPairs() {
		t.Run("2.9/"+kind, func(t *testing.T) {
			a, _ := pair(t)
			tr := newTransport(a, time.Millisecond)
			// The first of these calls may still make progress until the buffers are full.
			if err := tr.write(make([]byte, 8<<20), nil); err != errWriteTimeout {
				t.Errorf("write: %v", err)
			}
			if err := tr.write(make([]byte, 10), make([]byte, 8<<20)); err != errWriteTimeout {
				t.Errorf("write of two: %v", err)
			}
		})
	}
}

func TestTransportWriteErrors(t *testing.T) {
	for kind, pair := range socketPairs() {
		t.Run("7.1.1/"+kind+"/closed", func(t *testing.T) {
			a, _ := pair(t)
			tr := newTransport(a, time.Hour)
			a.Close()
			if err := tr.write([]byte("x"), nil); !errors.Is(err, net.ErrClosed) {
				t.Errorf("write: %v", err)
			}
			if err := tr.write([]byte("x"), []byte("y")); !errors.Is(err, net.ErrClosed) {
				t.Errorf("write of two: %v", err)
			}
		})
	}
	inBubble(t, "2.9/short_write_without_an_error", func(t *testing.T) {
		a, _ := conntest.Pipe(100)
		tr := newTransport(struct{ shortWriter }{shortWriter{a}}, time.Hour)
		if err := tr.write([]byte("12345678"), nil); err != io.ErrShortWrite {
			t.Errorf("write: %v", err)
		}
	})
	inBubble(t, "2.9/no_bytes_and_no_error", func(t *testing.T) {
		a, _ := conntest.Pipe(100)
		tr := newTransport(struct{ shortWriter }{shortWriter{a}}, time.Hour)
		if err := tr.write([]byte("1"), nil); err != io.ErrShortWrite {
			t.Errorf("write: %v", err)
		}
	})
}

// A shortWriter breaks the contract of io.Writer.
type shortWriter struct{ net.Conn }

func (w shortWriter) Write(p []byte) (int, error) { return w.Conn.Write(p[:len(p)/2]) }

// streamOnly is a transport without deadlines, addresses and half-close.
type streamOnly struct{ io.ReadWriteCloser }

// TestTransportTimeout: on whatever is no socket, a write that times out is the last.
func TestTransportTimeout(t *testing.T) {
	transports := map[string]func(net.Conn) io.ReadWriteCloser{
		"wrapper": func(c net.Conn) io.ReadWriteCloser { return struct{ net.Conn }{c} },
		"stream":  func(c net.Conn) io.ReadWriteCloser { return streamOnly{c} },
		"TLS":     func(c net.Conn) io.ReadWriteCloser { return tls.Client(c, &tls.Config{InsecureSkipVerify: true}) },
	}
	for name, wrap := range transports {
		inBubble(t, "2.9/"+name+"/without_progress", func(t *testing.T) {
			a, b := conntest.Pipe(0)
			defer a.Close()
			defer b.Close()
			tr := newTransport(wrap(a), time.Minute)
			start := time.Now()
			if err := tr.write([]byte("x"), nil); err != errWriteTimeout {
				t.Errorf("write: %v", err)
			}
			if took := time.Since(start); took != time.Minute {
				t.Errorf("write returned after %v", took)
			}
		})
	}
	for _, name := range []string{"wrapper", "stream"} {
		wrap := transports[name]
		inBubble(t, "2.9/"+name+"/with_progress", func(t *testing.T) {
			a, b := conntest.Pipe(0)
			defer a.Close()
			defer b.Close()
			tr := newTransport(wrap(a), time.Minute)
			time.AfterFunc(time.Second, func() { b.Read(make([]byte, 5)) })
			start := time.Now()
			if err := tr.write([]byte("0123456789"), nil); err != errWriteTimeout {
				t.Errorf("write: %v", err)
			}
			if took := time.Since(start); took != time.Minute {
				t.Errorf("write returned after %v", took)
			}
		})
		inBubble(t, "2.9/"+name+"/the_timeout_counts_for_each_piece", func(t *testing.T) {
			a, b := conntest.Pipe(0)
			defer a.Close()
			defer b.Close()
			tr := newTransport(wrap(a), time.Minute)
			sent := counted(5*maxTimedWrite + 1)
			got := make(chan []byte, 1)
			go func() {
				var all []byte
				for len(all) < len(sent) {
					time.Sleep(59 * time.Second)
					p := make([]byte, maxTimedWrite)
					n, _ := io.ReadAtLeast(b, p, min(len(p), len(sent)-len(all)))
					all = append(all, p[:n]...)
				}
				got <- all
			}()
			start := time.Now()
			if err := tr.write(sent, nil); err != nil {
				t.Fatalf("write: %v", err)
			}
			if took := time.Since(start); took != 6*59*time.Second {
				t.Errorf("write returned after %v", took)
			}
			if !bytes.Equal(<-got, sent) {
				t.Error("other bytes came than were sent")
			}
		})
		inBubble(t, "2.9/"+name+"/no_timeout", func(t *testing.T) {
			a, b := conntest.Pipe(0)
			defer a.Close()
			defer b.Close()
			tr := newTransport(wrap(a), 0)
			time.AfterFunc(1000*time.Hour, func() { b.Read(make([]byte, 5)) })
			if err := tr.write([]byte("01234"), nil); err != nil {
				t.Errorf("write: %v", err)
			}
		})
	}
	inBubble(t, "2.9/stream/closed_at_the_timeout", func(t *testing.T) {
		a, b := conntest.Pipe(0)
		tr := newTransport(streamOnly{a}, time.Minute)
		tr.write([]byte("x"), nil)
		if _, err := b.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the peer reads %v", err)
		}
	})
	inBubble(t, "2.9/stream/a_finished_write_leaves_no_timeout", func(t *testing.T) {
		a, b := conntest.Pipe(100)
		defer a.Close()
		tr := newTransport(streamOnly{a}, time.Minute)
		if err := tr.write([]byte("x"), nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if err := tr.write([]byte("y"), nil); err != nil {
			t.Errorf("an hour later: %v", err)
		}
		b.Close()
	})
}

func TestTransportDeadlinesAreCleared(t *testing.T) {
	inBubble(t, "2.9/a_deadline_of_the_opening_handshake_is_over", func(t *testing.T) {
		a, b := conntest.Pipe(0)
		defer a.Close()
		a.SetDeadline(time.Now().Add(time.Second))
		tr := newTransport(a, 0)
		time.AfterFunc(time.Minute, func() { b.Close() })
		wantPrompt(t, time.Minute, 0, io.EOF, func() (int, error) { return tr.rwc.Read(make([]byte, 1)) })
	})
}

func TestTransportCloseWrite(t *testing.T) {
	for kind, pair := range socketPairs() {
		t.Run("7.1.1/"+kind, func(t *testing.T) {
			a, b := pair(t)
			tr := newTransport(a, time.Hour)
			if !tr.closeWrite() {
				t.Fatal("a socket cannot be half-closed")
			}
			if _, err := b.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("the peer reads %v", err)
			}
			b.Write([]byte("answer"))
			if n, err := tr.rwc.Read(make([]byte, 8)); n != 6 {
				t.Errorf("reading goes on with %d, %v", n, err)
			}
			tr.close()
			if tr.closeWrite() {
				t.Error("a closed socket was half-closed")
			}
		})
	}
	for _, tt := range []struct {
		name string
		wrap func(net.Conn) io.ReadWriteCloser
		want bool
	}{
		{"7.1.1/pipe", func(c net.Conn) io.ReadWriteCloser { return c }, true},
		{"7.1.1/wrapper_that_hides_it", func(c net.Conn) io.ReadWriteCloser { return struct{ net.Conn }{c} }, false},
		{"7.1.1/stream", func(c net.Conn) io.ReadWriteCloser { return streamOnly{c} }, false},
		{"7.1.1/stream_that_has_it", func(c net.Conn) io.ReadWriteCloser {
			return struct {
				streamOnly
				halfCloser
			}{streamOnly{c}, halfCloser{c}}
		}, true},
		{"7.1.1/it_fails", func(c net.Conn) io.ReadWriteCloser { return conntest.Chopped(struct{ net.Conn }{c}, 1) }, false},
	} {
		inBubble(t, tt.name, func(t *testing.T) {
			a, b := conntest.Pipe(10)
			tr := newTransport(tt.wrap(a), time.Hour)
			if got := tr.closeWrite(); got != tt.want {
				t.Errorf("closeWrite is %v, want %v", got, tt.want)
			}
			b.SetReadDeadline(time.Now().Add(time.Second))
			if _, err := b.Read(make([]byte, 1)); (err == io.EOF) != tt.want {
				t.Errorf("the peer reads %v", err)
			}
		})
	}
}

type halfCloser struct{ c net.Conn }

func (h halfCloser) CloseWrite() error { return h.c.(*conntest.PipeConn).CloseWrite() }

func TestTransportClose(t *testing.T) {
	inBubble(t, "7.1.1/once", func(t *testing.T) {
		a, _ := conntest.Pipe(10)
		tr := newTransport(conntest.NewFaultConn(a, 1, conntest.CloseError), 0) // operation 0 is SetDeadline
		if err := tr.close(); !errors.Is(err, conntest.ErrInjected) {
			t.Errorf("first close: %v", err)
		}
		if err := tr.close(); err != nil {
			t.Errorf("second close: %v", err)
		}
	})
	cert := testCertificate(t)
	inBubble(t, "7.1.1/TLS_to_a_peer_that_does_not_read", func(t *testing.T) {
		// tls.Conn.Close would wait 5 s until its alert has gone.
		a, b := conntest.Pipe(0)
		server := tls.Server(b, &tls.Config{Certificates: []tls.Certificate{cert}, SessionTicketsDisabled: true})
		shaken := make(chan error, 1)
		go func() { shaken <- server.Handshake() }()
		client := tls.Client(a, &tls.Config{InsecureSkipVerify: true})
		if err := client.Handshake(); err != nil {
			t.Fatal(err)
		}
		if err := <-shaken; err != nil {
			t.Fatal(err)
		}
		tr := newTransport(client, time.Hour)
		if tr.socket || tr.writesAtOnce() || tr.netConn() == nil {
			t.Errorf("transport is %+v", tr)
		}
		wantPrompt(t, 0, 0, nil, func() (int, error) { return 0, tr.close() })
		b.Close()
	})
}

// testCertificate returns a certificate for example.com and 127.0.0.1.
func testCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return s.TLS.Certificates[0]
}

func TestTransportTryWrite(t *testing.T) {
	for kind, pair := range socketPairs() {
		// fill writes until nothing more goes, and returns how much went.
		fill := func(t *testing.T, tr *transport) (total int) {
			p := make([]byte, 64<<10)
			for {
				n, err := tr.writeAtOnce(p)
				if err != nil {
					t.Fatal(err)
				}
				if n == 0 {
					return total
				}
				total += n
			}
		}
		try := func(name string, f func(t *testing.T, tr *transport, peer net.Conn)) {
			t.Run("2.2/"+kind+"/"+name, func(t *testing.T) {
				a, b := pair(t)
				tr := newTransport(a, time.Hour)
				if !tr.writesAtOnce() {
					t.Skip("no write can be tried here")
				}
				f(t, tr, b)
			})
		}
		try("takes_all_there_is_room_for", func(t *testing.T, tr *transport, peer net.Conn) {
			if n, err := tr.writeAtOnce([]byte("hello")); n != 5 || err != nil {
				t.Fatalf("tryWrite: %d, %v", n, err)
			}
			p := make([]byte, 8)
			if n, _ := peer.Read(p); string(p[:n]) != "hello" {
				t.Errorf("the peer reads %q", p[:n])
			}
		})
		try("a_part_and_then_nothing", func(t *testing.T, tr *transport, peer net.Conn) {
			p := counted(32 << 20) // more than any socket's buffer
			n, err := tr.writeAtOnce(p)
			if n == 0 || n == len(p) || err != nil {
				t.Fatalf("tryWrite: %d, %v", n, err)
			}
			n += fill(t, tr) // TCP may have moved something meanwhile. It ends with 0 bytes and no error.
			if _, err := io.CopyN(io.Discard, peer, int64(n)); err != nil {
				t.Error(err)
			}
			// There is room again.
			if n, err := tr.writeAtOnce([]byte("z")); n != 1 || err != nil {
				t.Fatalf("tryWrite: %d, %v", n, err)
			}
			if _, err := io.ReadFull(peer, p[:1]); err != nil || p[0] != 'z' {
				t.Errorf("the peer reads %q, %v", p[0], err)
			}
		})
		try("after_a_deadline_has_passed", func(t *testing.T, tr *transport, peer net.Conn) {
			tr.netConn().SetWriteDeadline(time.Now().Add(-time.Second))
			if _, err := tr.rwc.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("Write: %v", err)
			}
			if n, err := tr.writeAtOnce([]byte("y")); n != 1 || err != nil {
				t.Fatalf("tryWrite: %d, %v", n, err)
			}
			p := make([]byte, 8)
			if n, _ := peer.Read(p); string(p[:n]) != "y" {
				t.Errorf("the peer reads %q", p[:n])
			}
		})
		try("peer_is_gone", func(t *testing.T, tr *transport, peer net.Conn) {
			peer.Close()
			// TCP learns it from the answer to what is sent first.
			var err error
			for p := make([]byte, 64<<10); err == nil; {
				_, err = tr.writeAtOnce(p)
			}
			if !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("tryWrite: %v", err)
			}
		})
		try("closed", func(t *testing.T, tr *transport, peer net.Conn) {
			tr.close()
			if n, err := tr.writeAtOnce([]byte("x")); n != 0 || !errors.Is(err, net.ErrClosed) {
				t.Errorf("tryWrite: %d, %v", n, err)
			}
		})
		try("own_direction_is_shut_down", func(t *testing.T, tr *transport, peer net.Conn) {
			tr.closeWrite()
			if n, err := tr.writeAtOnce([]byte("x")); n != 0 || !errors.Is(err, syscall.EPIPE) {
				t.Errorf("tryWrite: %d, %v", n, err)
			}
		})
		try("no_allocation", func(t *testing.T, tr *transport, peer net.Conn) {
			p := []byte("x")
			go io.Copy(io.Discard, peer)
			conntest.ShouldNotAllocate(t, func() { tr.writeAtOnce(p) })
		})
	}
	t.Run("2.2/no_socket", func(t *testing.T) {
		if newSocket(new(net.TCPConn)) != nil {
			t.Error("a socket that is none can be tried")
		}
		a, b := net.Pipe()
		defer a.Close()
		defer b.Close()
		if tr := newTransport(a, 0); tr.writesAtOnce() || tr.socket {
			t.Error("net.Pipe can be tried")
		}
		wrapper := struct{ *net.TCPConn }{new(net.TCPConn)} // has SyscallConn, but its Write may do anything
		if tr := newTransport(wrapper, 0); tr.writesAtOnce() || tr.socket {
			t.Error("a wrapper can be tried")
		}
	})
}

// deadlineSpy keeps the last write deadline, or refuses deadlines.
type deadlineSpy struct {
	net.Conn
	last   time.Time
	refuse error
}

func (d *deadlineSpy) SetWriteDeadline(t time.Time) error {
	if d.refuse != nil {
		return d.refuse
	}
	d.last = t
	return d.Conn.SetWriteDeadline(t)
}

// TestNoDeadlineIsLeft: tls.Conn writes when it reads, to answer a KeyUpdate. Under a write deadline that had passed meanwhile that would fail, and stay an error.
func TestNoDeadlineIsLeft(t *testing.T) {
	inBubble(t, "2.9/after_a_write", func(t *testing.T) {
		a, b := conntest.Pipe(1 << 10)
		defer a.Close()
		defer b.Close()
		spy := &deadlineSpy{Conn: a}
		tr := newTransport(spy, time.Second)
		if err := tr.write([]byte("x"), nil); err != nil {
			t.Fatal(err)
		}
		if !spy.last.IsZero() {
			t.Errorf("a write leaves the deadline %v", spy.last)
		}
	})
	inBubble(t, "2.9/deadlines_that_do_not_work", func(t *testing.T) {
		a, b := conntest.Pipe(0)
		defer b.Close()
		tr := newTransport(&deadlineSpy{Conn: a, refuse: errors.ErrUnsupported}, time.Second)
		start := time.Now()
		if err := tr.write([]byte("x"), nil); err != errWriteTimeout {
			t.Errorf("write: %v", err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("write returned after %v", took)
		}
	})
}
