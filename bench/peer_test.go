package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/bench/workload"
	"github.com/hawser-go/hawser/frame"
)

// A peer is the other side of a connection reduced to bytes: what it sends was encoded before, what it gets is counted and thrown away. It costs next to nothing and
// allocates nothing, so that what is measured is the engine's.
type peer struct {
	nc  net.Conn
	buf []byte
}

// newPeer returns the client that nc is.
func newPeer(nc net.Conn) *peer { return &peer{nc: nc, buf: make([]byte, 64<<10)} }

// exchange sends what, and waits until n bytes have come.
func (p *peer) exchange(what []byte, n int) error {
	if _, err := p.nc.Write(what); err != nil {
		return err
	}
	for n > 0 {
		k, err := io.ReadFull(p.nc, p.buf[:min(n, len(p.buf))])
		n -= k
		if err != nil {
			return err
		}
	}
	return nil
}

// openPeer does the client's half of the opening handshake (RFC 6455, 4.1) on nc.
func openPeer(nc net.Conn) (*peer, error) {
	if _, err := io.WriteString(nc, requestHead); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return nil, fmt.Errorf("the server answered %s", resp.Status)
	}
	return newPeer(nc), nil
}

// requestHead is the request of RFC 6455, 1.2, with as many fields as a browser sends.
var requestHead = strings.ReplaceAll(`GET /chat HTTP/1.1
Host: server.example.com
Connection: Upgrade
Pragma: no-cache
Cache-Control: no-cache
User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0
Upgrade: websocket
Origin: https://server.example.com
Sec-WebSocket-Version: 13
Accept-Encoding: gzip, deflate, br, zstd
Accept-Language: en
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==

`, "\n", "\r\n")

// close does the closing handshake of RFC 6455, 5.5.1 and waits for the end of the stream.
func (p *peer) close() error {
	defer p.nc.Close()
	if _, err := p.nc.Write(closeFrame(true)); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, p.nc)
	return err
}

// closeFrame returns a Close frame with the code 1000.
func closeFrame(masked bool) []byte {
	return workload.AppendFrame(nil, frame.OpcodeClose, masked, []byte{0x03, 0xe8})
}

// messageFrame returns an unfragmented binary message of ASCII text.
func messageFrame(masked bool, size int) []byte {
	return workload.AppendFrame(nil, frame.OpcodeBinary, masked, workload.Languages[0].Text(size))
}

// startEcho starts a server's connection that echoes, over a loopback socket and without an opening handshake, and returns its peer. Both have ended when the cleanups are
// done.
func startEcho(tb testing.TB) *peer {
	tb.Helper()
	client, server := socketPair(tb)
	done := make(chan struct{})
	go func() {
		defer close(done)
		echo(hawser.New(server, hawser.RoleServer, nil, nil))
	}()
	p := newPeer(client)
	tb.Cleanup(func() {
		if err := p.close(); err != nil {
			tb.Errorf("The connection did not end cleanly: %v.", err)
		}
		<-done
	})
	return p
}

// socketPair returns the two ends of a loopback connection.
func socketPair(tb testing.TB) (client, server net.Conn) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		tb.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		client.Close()
		tb.Fatal(err)
	}
	return client, server
}

// The peer and the engine agree, in both ways of beginning.
func TestPeer(t *testing.T) {
	t.Run("without handshake", func(t *testing.T) {
		checkPeer(t, startEcho(t))
	})
	t.Run("with handshake", func(t *testing.T) {
		s := startServer(t, false, echo)
		nc, err := net.Dial("tcp", s.address)
		if err != nil {
			t.Fatal(err)
		}
		p, err := openPeer(nc)
		if err != nil {
			t.Fatal(err)
		}
		checkPeer(t, p)
		if err := p.close(); err != nil {
			t.Error(err)
		}
	})
}

func checkPeer(t *testing.T, p *peer) {
	t.Helper()
	for _, size := range workload.Sizes {
		want := messageFrame(false, size)
		if err := p.exchange(messageFrame(true, size), len(want)); err != nil {
			t.Fatal(err)
		}
		if last := len(want) % len(p.buf); last > 0 && !bytes.HasSuffix(want, p.buf[:last]) {
			t.Errorf("The echo of %d bytes is another message.", size)
		}
	}
}
