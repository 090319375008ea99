package conn

import (
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/handshake"
)

// Pipe returns two connections that are connected to each other in memory: a is the client, b the server. Each direction holds up to 64 KiB that
// have not been read. It may be used in a testing/synctest bubble. Both sides have the configuration cfg; Subprotocol is the first one of cfg's.
func Pipe(cfg *Config) (a, b *Conn) {
	r := cfg.resolved()
	x, y := newPipeBuffer(), newPipeBuffer()
	a = newConn(&pipeEnd{in: x, out: y, readLimit: newDeadline(), writeLimit: newDeadline()}, RoleClient, nil, &r)
	b = newConn(&pipeEnd{in: y, out: x, readLimit: newDeadline(), writeLimit: newDeadline()}, RoleServer, nil, &r)
	if len(r.Subprotocols) > 0 {
		a.agree(r.Subprotocols[0], nil)
		b.agree(r.Subprotocols[0], nil)
	}
	// What a handshake between the two would agree on.
	offers, _ := handshake.ParseExtensions([]string{deflate.Offer(r.Compression)})
	if params, extensions, ok := deflate.Accept(offers, r.Compression); ok {
		a.compress(params, extensions)
		b.compress(params, extensions)
	}
	a.observe(Observation{Kind: ObservedOpened})
	b.observe(Observation{Kind: ObservedOpened})
	a.join(false, false)
	b.join(false, false)
	return a, b
}

// pipeCapacity is of the order of what the buffers of a socket hold.
const pipeCapacity = 64 << 10

// pipeBuffer is one direction of a pipe. Waiting is on channels, which a synctest bubble sees, never on the mutex.
type pipeBuffer struct {
	mu     sync.Mutex
	b      []byte
	ended  bool // the writing end is shut down: what is in b is the last
	broken bool // the reading end is closed: nothing is taken any more
	// Closed and replaced at each change.
	changed chan struct{}
}

func newPipeBuffer() *pipeBuffer { return &pipeBuffer{changed: make(chan struct{})} }

// change tells whoever waits that something has changed. The caller has p.mu.
func (p *pipeBuffer) change() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// read moves bytes to b. A nil channel means that it is done; otherwise the caller waits for it and tries again.
func (p *pipeBuffer) read(b []byte) (n int, wait <-chan struct{}, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.broken:
		return 0, nil, net.ErrClosed
	case len(p.b) > 0:
		n = copy(b, p.b)
		p.b = append(p.b[:0], p.b[n:]...)
		p.change()
		return n, nil, nil
	case p.ended:
		return 0, nil, io.EOF
	}
	return 0, p.changed, nil
}

// write takes bytes from b; wait is not nil if it could not take all.
func (p *pipeBuffer) write(b []byte) (n int, wait <-chan struct{}, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended || p.broken {
		return 0, nil, io.ErrClosedPipe
	}
	n = min(len(b), pipeCapacity-len(p.b))
	if n > 0 {
		p.b = append(p.b, b[:n]...)
		p.change()
	}
	if n < len(b) {
		wait = p.changed
	}
	return n, wait, nil
}

func (p *pipeBuffer) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		p.ended = true
		p.change()
	}
}

func (p *pipeBuffer) breakOff() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.broken {
		p.broken, p.b = true, nil
		p.change()
	}
}

// pipeEnd is one end of a pipe: a net.Conn with deadlines and a half-close.
type pipeEnd struct {
	in, out               *pipeBuffer
	readLimit, writeLimit *deadline
}

func (e *pipeEnd) Read(b []byte) (int, error) {
	for {
		n, wait, err := e.in.read(b)
		if wait == nil {
			return n, err
		}
		select {
		case <-wait:
		case <-e.readLimit.passed():
			return 0, os.ErrDeadlineExceeded
		}
	}
}

func (e *pipeEnd) Write(b []byte) (int, error) {
	total := 0
	for {
		n, wait, err := e.out.write(b[total:])
		total += n
		if wait == nil {
			return total, err
		}
		select {
		case <-wait:
		case <-e.writeLimit.passed():
			return total, os.ErrDeadlineExceeded
		}
	}
}

func (e *pipeEnd) tryWrite(b []byte) (int, error) {
	n, _, err := e.out.write(b)
	return n, err
}

func (e *pipeEnd) CloseWrite() error {
	e.out.end()
	return nil
}

func (e *pipeEnd) Close() error {
	e.out.end()
	e.in.breakOff()
	return nil
}

func (e *pipeEnd) LocalAddr() net.Addr  { return pipeAddr{} }
func (e *pipeEnd) RemoteAddr() net.Addr { return pipeAddr{} }

func (e *pipeEnd) SetDeadline(t time.Time) error {
	e.readLimit.set(t)
	e.writeLimit.set(t)
	return nil
}

func (e *pipeEnd) SetReadDeadline(t time.Time) error {
	e.readLimit.set(t)
	return nil
}

func (e *pipeEnd) SetWriteDeadline(t time.Time) error {
	e.writeLimit.set(t)
	return nil
}

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

// deadline is a point in time that can be moved, and a channel that is closed when it has passed.
type deadline struct {
	mu    sync.Mutex
	timer *time.Timer
	ch    chan struct{}
}

func newDeadline() *deadline { return &deadline{ch: make(chan struct{})} }

func (d *deadline) passed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ch
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil && !d.timer.Stop() {
		// It has fired, or is about to close the old channel: which nobody waits for then.
		d.ch = make(chan struct{})
	}
	d.timer = nil
	if t.IsZero() {
		return
	}
	ch := d.ch
	d.timer = time.AfterFunc(time.Until(t), func() { close(ch) })
}
