package bench

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// A scriptConn is a transport whose peer has sent everything before it is asked, and takes everything at once: nobody waits, so what the engine calls and allocates is the same
// in each run. It counts the calls.
type scriptConn struct {
	bursts [][]byte // what the peer sends at once: a Read never goes beyond one
	once   bool     // the stream ends after the last burst, else it begins again
	next   int
	offset int // in bursts[next]

	reads, writes, deadlines atomic.Int64
}

// rewind begins the script again.
func (c *scriptConn) rewind() { c.next, c.offset = 0, 0 }

func (c *scriptConn) Read(p []byte) (int, error) {
	c.reads.Add(1)
	if c.next == len(c.bursts) {
		if c.once || len(c.bursts) == 0 {
			return 0, io.EOF
		}
		c.next = 0
	}
	n := copy(p, c.bursts[c.next][c.offset:])
	c.offset += n
	if c.offset == len(c.bursts[c.next]) {
		c.next, c.offset = c.next+1, 0
	}
	return n, nil
}

func (c *scriptConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return len(p), nil
}

func (c *scriptConn) setDeadline() error {
	c.deadlines.Add(1)
	return nil
}

func (c *scriptConn) Close() error                     { return nil }
func (c *scriptConn) CloseWrite() error                { return nil }
func (c *scriptConn) LocalAddr() net.Addr              { return nil }
func (c *scriptConn) RemoteAddr() net.Addr             { return nil }
func (c *scriptConn) SetDeadline(time.Time) error      { return c.setDeadline() }
func (c *scriptConn) SetReadDeadline(time.Time) error  { return c.setDeadline() }
func (c *scriptConn) SetWriteDeadline(time.Time) error { return c.setDeadline() }

// calls is how often the engine has called its transport.
type calls struct{ reads, writes, deadlines int64 }

func (c *scriptConn) calls() calls {
	return calls{c.reads.Load(), c.writes.Load(), c.deadlines.Load()}
}

// An acceptingConn is the transport of a client whose server accepts whatever handshake it is sent (RFC 6455, 4.2.2), and allocates nothing for it.
type acceptingConn struct {
	scriptConn
	response []byte
	accept   []byte // the value of Sec-WebSocket-Accept, in response
}

func newAcceptingConn() *acceptingConn {
	const placeholder = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
	c := &acceptingConn{response: []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + placeholder + "\r\n\r\n")}
	at := bytes.Index(c.response, []byte(placeholder))
	c.accept = c.response[at : at+len(placeholder)]
	c.bursts, c.once = [][]byte{c.response}, true
	return c
}

// keyField is how the engine spells the field of the request; a test would not survive another spelling.
var keyField = []byte("Sec-WebSocket-Key: ")

func (c *acceptingConn) Write(p []byte) (int, error) {
	_, key, ok := bytes.Cut(p, keyField)
	if !ok || len(key) < 24 {
		return 0, errors.New("bench: there is no key in the request")
	}
	// "concatenate this with the Globally Unique Identifier" (RFC 6455, 1.3)
	var text [60]byte
	n := copy(text[:], key[:24])
	n += copy(text[n:], "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
	sum := sha1.Sum(text[:n])
	base64.StdEncoding.Encode(c.accept, sum[:])
	c.rewind()
	return c.scriptConn.Write(p)
}

// A hijackWriter is an http.ResponseWriter that gives up a scriptConn.
type hijackWriter struct {
	conn scriptConn
	rw   *bufio.ReadWriter
}

func newHijackWriter() *hijackWriter {
	w := &hijackWriter{}
	w.rw = bufio.NewReadWriter(bufio.NewReader(&w.conn), bufio.NewWriter(&w.conn))
	return w
}

func (w *hijackWriter) Header() http.Header         { return http.Header{} }
func (w *hijackWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *hijackWriter) WriteHeader(int)             {}
func (w *hijackWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return &w.conn, w.rw, nil
}
