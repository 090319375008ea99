//go:build unix

package socket

import (
	"bytes"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// pair returns a descriptor in non-blocking mode and the connection that reads what is sent on it.
func pair(t *testing.T, network, address string) (fd int, peer net.Conn) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	nc, err := net.Dial(network, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	if peer, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	f, err := nc.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	fd = int(f.Fd())
	if err := syscall.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	return fd, peer
}

func TestSend(t *testing.T) {
	for network, address := range map[string]string{"tcp": "127.0.0.1:0", "unix": t.TempDir() + "/s"} {
		t.Run(network, func(t *testing.T) {
			fd, peer := pair(t, network, address)
			if n, err := Send(fd, []byte("hello")); n != 5 || err != nil {
				t.Fatalf("sent %d, %v", n, err)
			}
			if n, err := Send(fd, nil); n != 0 || err != nil {
				t.Fatalf("nothing: %d, %v", n, err)
			}
			got := make([]byte, 5)
			if _, err := io.ReadFull(peer, got); err != nil || string(got) != "hello" {
				t.Fatalf("got %q, %v", got, err)
			}
		})
	}
}

// A socket that is full takes a part, and then nothing without waiting; what it took arrives.
func TestSendIntoAFullSocket(t *testing.T) {
	fd, peer := pair(t, "tcp", "127.0.0.1:0")
	p := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	sent, partial := 0, false
	for {
		n, err := Send(fd, p)
		if err != nil {
			if n != 0 || err != syscall.EAGAIN {
				t.Fatalf("sent %d, %v", n, err)
			}
			break
		}
		partial = partial || n < len(p)
		sent += n
	}
	if !partial {
		t.Error("every message was taken as a whole")
	}
	if n := testing.AllocsPerRun(100, func() {
		if _, err := Send(fd, p); err != syscall.EAGAIN {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations when it is full", n)
	}
	peer.SetReadDeadline(time.Now().Add(time.Minute))
	if n, err := io.CopyN(io.Discard, peer, int64(sent)); err != nil {
		t.Errorf("%d of %d bytes came: %v", n, sent, err)
	}
	if n := testing.AllocsPerRun(100, func() { Send(fd, p[:0]) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestSendErrors(t *testing.T) {
	fd, peer := pair(t, "unix", t.TempDir()+"/s")
	peer.Close()
	if n, err := Send(fd, []byte("x")); n != 0 || err != syscall.EPIPE {
		t.Errorf("to a peer that is gone: %d, %v", n, err)
	}
	if n, err := Send(-1, []byte("x")); n != 0 || err != syscall.EBADF {
		t.Errorf("to no descriptor: %d, %v", n, err)
	}
}
