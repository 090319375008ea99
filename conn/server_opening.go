package conn

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/hawser-go/hawser/handshake"
	"github.com/hawser-go/hawser/internal/bufpool"
)

// An opening is an opening handshake that a [Server] does. It and its buffer are given back as soon as the connection is made or refused.
type opening struct {
	server   *Server
	nc       net.Conn
	taken    bool      // nc belongs to a Conn, or to net/http
	deadline time.Time // zero for none
	head     *handshake.Head
	buf      *[]byte // what has been read is (*buf)[:n]
	n        int
}

var openings = sync.Pool{New: func() any { return &opening{head: handshake.NewHead(0, 0)} }}

// headBufferSize has room for the head that most browsers send, and is what a peer that sends nothing can make us hold.
const headBufferSize = 1 << 10

// open begins with a connection that was just accepted. It returns nil, and nc is closed, if the server has ended.
func (s *Server) open(nc net.Conn) *opening {
	o := openings.Get().(*opening)
	o.server, o.nc = s, nc
	if s.cfg.HandshakeTimeout > 0 {
		o.deadline = time.Now().Add(s.cfg.HandshakeTimeout)
	}
	s.mu.Lock()
	ending := s.ending
	if !ending {
		s.openings.add(o)
	}
	s.mu.Unlock()
	if ending {
		o.giveBack()
		return nil
	}
	return o
}

// run is the goroutine of the handshake. The connection's Handler gets another, whose stack has not grown: a stack that did would stay so, 2 KiB more for each idle
// connection (TestServerStacks).
func (o *opening) run() {
	s := o.server
	switch c, _ := o.upgrade(); {
	case c == nil:
	case s.Events != nil:
		c.driveServed(s.Events, nil)
	default:
		go c.serve(s.Handler)
	}
}

// upgrade does the handshake. It returns neither a Conn nor an error if the connection is net/http's now. o must not be used afterwards.
func (o *opening) upgrade() (c *Conn, err error) {
	defer o.end() // also after runtime.Goexit in OnRequest
	stop := func() bool { return true }
	if !o.deadline.IsZero() && o.nc.SetDeadline(o.deadline) != nil {
		nc := o.nc
		stop = time.AfterFunc(time.Until(o.deadline), func() { closeStream(nc) }).Stop
	}
	// Two calls, so that the frame of the second does not lie under the wait for the request: a handshake that stalls has 2 KiB of stack, not 4.
	size, err := o.readHead()
	c, err = o.answer(size, err)
	if !stop() {
		if c != nil {
			c.CloseNow()
			c.leave() // for the Handler
		}
		c, err = nil, &HandshakeError{Err: os.ErrDeadlineExceeded}
	}
	return c, err
}

// end forgets the opening. What is nobody's is closed.
func (o *opening) end() {
	s := o.server
	s.mu.Lock()
	s.openings.remove(o)
	s.checkIdle()
	s.mu.Unlock()
	o.giveBack()
}

func (o *opening) giveBack() {
	if !o.taken {
		closeStream(o.nc)
	}
	bufpool.Put(o.buf)
	o.head.Reset()
	*o = opening{head: o.head}
	openings.Put(o)
}

// answer answers the request, whose head has this size, or that failed with err.
func (o *opening) answer(size int, err error) (*Conn, error) {
	s := o.server
	if size == 0 {
		if _, ok := errors.AsType[*handshake.Error](err); !ok {
			return nil, &HandshakeError{Err: err}
		}
	}
	if s.isEnding() {
		return nil, o.refuse(&handshake.Error{Status: http.StatusServiceUnavailable, Detail: "the server is shutting down"})
	}
	if s.HTTP != nil && (err != nil || !o.head.AsksForWebSocket()) {
		o.taken = true
		s.handOver(o.nc, (*o.buf)[:o.n])
		return nil, nil
	}
	if err != nil {
		return nil, o.refuse(err)
	}
	q, err := handshake.CheckHead(o.head)
	if err != nil {
		return nil, o.refuse(err)
	}
	if s.cfg.OnRequest != nil {
		q.RemoteAddr, q.TLS = o.remote(), tlsState(o.nc)
	}
	a, err := s.cfg.judge(q)
	if err != nil {
		return nil, o.refuse(err)
	}
	joins := false
	defer func() {
		if !joins {
			s.cfg.Registry.dismiss()
		}
	}()
	response := bufpool.Get(responseSize)
	defer bufpool.Put(response)
	b, err := handshake.AppendResponse((*response)[:0], a.Response)
	if err != nil {
		return nil, o.refuse(err)
	}
	if err := writeAll(o.nc, b); err != nil {
		return nil, &HandshakeError{Status: http.StatusSwitchingProtocols, Err: err}
	}
	// What came behind the request belongs to the connection.
	joins, o.taken = true, true
	return s.cfg.serverConn(o.nc, (*o.buf)[size:o.n], a, true), nil
}

// responseSize has room for a response without many fields of the application's.
const responseSize = 512

// readHead reads until the head is complete and returns its size. An error that is a *handshake.Error is the peer's, any other the transport's.
func (o *opening) readHead() (size int, err error) {
	o.buf = bufpool.Get(headBufferSize)
	for empty := 0; empty < maxEmptyReads; {
		if o.n == len(*o.buf) {
			larger := bufpool.Get(2 * o.n)
			copy(*larger, *o.buf)
			bufpool.Put(o.buf)
			o.buf = larger
		}
		n, err := o.nc.Read((*o.buf)[o.n:])
		if n > 0 {
			empty = 0
			o.n += n
			if size, err := o.head.Parse((*o.buf)[:o.n]); size > 0 || err != nil {
				return size, err
			}
		}
		switch {
		case err == io.EOF && o.n > 0:
			return 0, fmt.Errorf("the client closed the connection inside its request: %w", io.ErrUnexpectedEOF)
		case err != nil:
			return 0, err
		case n == 0:
			empty++
		}
	}
	return 0, io.ErrNoProgress
}

// refuse answers a request that does not become a connection, and returns the error that says so.
func (o *opening) refuse(err error) *HandshakeError {
	answer, err := refusal(err)
	e := handshakeError(answer, err)
	o.server.cfg.logRefusal(e, o.remote())
	b, _ := handshake.AppendRefusal(nil, answer, string(o.head.Method()) != http.MethodHead, time.Now())
	if writeAll(o.nc, b) == nil {
		o.linger()
	}
	return e
}

// linger sees to it that the answer arrives. Closing a socket with unread input resets it, and a reset destroys what is on its way: so only our direction is shut down,
// and what comes is discarded until the peer has read the answer and closes, at most until the close timeout, or the handshake's (RFC 9112, 9.6).
func (o *opening) linger() {
	if c, ok := o.nc.(interface{ CloseWrite() error }); !ok || c.CloseWrite() != nil {
		return
	}
	if d := o.server.cfg.CloseTimeout; d > 0 {
		nc := o.nc
		defer time.AfterFunc(d, func() { closeStream(nc) }).Stop()
	}
	for err := error(nil); err == nil; {
		_, err = readSome(o.nc, *o.buf)
	}
}

func (o *opening) remote() string {
	if a := o.nc.RemoteAddr(); a != nil {
		return a.String()
	}
	return ""
}

// tlsState returns the state of the TLS connection nc, nil if it is none.
func tlsState(nc net.Conn) *tls.ConnectionState {
	c, ok := nc.(interface{ ConnectionState() tls.ConnectionState })
	if !ok {
		return nil
	}
	state := c.ConnectionState()
	return &state
}
