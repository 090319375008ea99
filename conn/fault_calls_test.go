package conn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/internal/conntest"
)

// A faultUse is a use of a connection whose peer echoes, answers pings and the closing handshake. It returns the first error it met; what is nil then has gone well.
type faultUse struct {
	name string
	use  func(t *testing.T, c *Conn) error
}

var faultCalls = []faultUse{
	{"Read", func(t *testing.T, c *Conn) error {
		return echoed(t, c, func() (Message, error) { return c.Read() }, 0, 100, 9000)
	}},
	{"ReadAppend", func(t *testing.T, c *Conn) error {
		return echoed(t, c, func() (Message, error) { return c.ReadAppend(nil) }, 0, 100, 9000)
	}},
	{"ReadContext", func(t *testing.T, c *Conn) error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.ReadContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
			return err // nothing comes
		}
		return echoed(t, c, c.Read, 100)
	}},
	{"MessagesContext", func(t *testing.T, c *Conn) error {
		if err := c.Write(Binary, pattern(300)); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for m, err := range c.MessagesContext(ctx) {
			if errors.Is(err, context.DeadlineExceeded) {
				break
			}
			if err != nil {
				return err
			}
			if !bytes.Equal(m.Data, pattern(300)) {
				t.Errorf("the echo has %d bytes", len(m.Data))
			}
		}
		return c.Close(1000, "")
	}},
	{"Close", func(_ *testing.T, c *Conn) error { return c.Close(4000, "why") }},
	{"Close_in_a_loop", func(t *testing.T, c *Conn) error {
		if err := c.Write(Text, []byte("x")); err != nil {
			return err
		}
		for _, err := range c.Messages() {
			if err != nil {
				return err
			}
			c.Close(1000, "")
		}
		return c.Wait(t.Context())
	}},
	{"the_peer_closes", func(t *testing.T, c *Conn) error {
		if err := c.Write(Text, []byte("close")); err != nil {
			return err
		}
		_, err := c.Read()
		return err
	}},
	{"a_violation", func(_ *testing.T, c *Conn) error {
		if err := c.Write(Text, []byte("violate")); err != nil {
			return err
		}
		_, err := c.Read()
		return err
	}},
	{"Ping", func(t *testing.T, c *Conn) error {
		read := readAll(c)
		_, err := c.Ping(t.Context())
		c.Close(1000, "")
		<-read
		if isTimeout(err) {
			return nil // no pong has come: what that means for the connection, keepalive decides
		}
		return err
	}},
	{"Writer", func(t *testing.T, c *Conn) error {
		w, err := c.Writer(t.Context(), Binary)
		if err != nil {
			return err
		}
		for _, n := range []int{10, 5000, 0, 3000} {
			if _, err := w.Write(pattern(n)); err != nil {
				return err
			}
			if err := w.Flush(); err != nil {
				return err
			}
		}
		if err := w.Close(); err != nil {
			return err
		}
		_, err = c.Read()
		return err
	}},
	{"Send", func(_ *testing.T, c *Conn) error {
		for range 20 {
			if err := c.Send(Binary, noise(9000)); err != nil && !errors.Is(err, ErrSendQueueFull) {
				return err
			}
		}
		return c.Close(1000, "")
	}},
	{"WriteContext", func(t *testing.T, c *Conn) error {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if err := c.WriteContext(ctx, Binary, noise(100_000)); err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
		return c.Close(1000, "")
	}},
	{"WritePrepared", func(t *testing.T, c *Conn) error {
		m, err := Prepare(Binary, pattern(3000))
		if err != nil {
			return err
		}
		if err := c.WritePrepared(m); err != nil {
			return err
		}
		_, err = c.Read()
		return err
	}},
	{"CloseNow", func(_ *testing.T, c *Conn) error { return c.CloseNow() }},
}

// echoed writes messages of these sizes and reads their echoes.
func echoed(t *testing.T, c *Conn, read func() (Message, error), sizes ...int) error {
	for _, n := range sizes {
		if err := c.Write(Binary, pattern(n)); err != nil {
			return err
		}
		m, err := read()
		if err != nil {
			return err
		}
		if !bytes.Equal(m.Data, pattern(n)) {
			t.Errorf("the echo of %d bytes has %d", n, len(m.Data))
		}
	}
	return c.Close(1000, "done")
}

// TestFaultyCalls fails operation 0, 1, 2, ... of the transport in each way, through each use of a connection, in each role, plain and compressed (X12, 2.9). Whatever fails: the use returns within the
// timeouts; its error is terminal and names the cause; later calls return at once, with the same end; no goroutine, descriptor, timer, buffer or inflater is left.
func TestFaultyCalls(t *testing.T) {
	for _, call := range slices.Concat(faultCalls, faultStreams) {
		for _, role := range []Role{RoleServer, RoleClient} {
			for _, compressed := range []bool{false, true} {
				if compressed && testing.Short() {
					continue
				}
				name := fmt.Sprintf("2.9/%s/%v/compressed_%v", call.name, [...]string{"server", "client"}[role], compressed)
				t.Run(name, func(t *testing.T) {
					injectAll(t, conntest.Kinds(), func(f *conntest.Fault) {
						synctest.Test(t, func(t *testing.T) { faultyCall(t, role, compressed, f, call.use) })
					})
				})
			}
		}
	}
}

// faultyPeer echoes, and does what it is told.
func faultyPeer(p *Conn) error {
	for m, err := range p.Messages() {
		switch {
		case err != nil:
			return err
		case string(m.Data) == "close":
			return p.Close(1001, "as you said")
		case string(m.Data) == "violate":
			p.transport.write([]byte{0xf3, 0x80, 0, 0, 0, 0}, nil)
			return p.CloseNow()
		}
		if err := p.Write(m.Type, m.Data); err != nil {
			return err
		}
	}
	return nil
}

func faultyCall(t *testing.T, role Role, compressed bool, f *conntest.Fault, use func(*testing.T, *Conn) error) {
	ours, theirs := conntest.Pipe(4 << 10)
	other := RoleClient
	if role == RoleClient {
		other = RoleServer
	}
	cfg := &Config{SendQueue: 30_000}
	if compressed {
		cfg.Compression = &deflate.Config{Threshold: -1}
	}
	tap := conntest.Tap(t, f.Wrap(ours), conntest.Role(role))
	c, p := New(tap, role, nil, cfg), New(theirs, other, nil, cfg)
	if compressed {
		tap.Inspect(func(w *conntest.Wire) { w.PermessageDeflate(true) })
		c.compress(takeover, "")
		p.compress(takeover, "")
	}
	peer := make(chan error, 1)
	go func() { peer <- faultyPeer(p) }()
	start := time.Now()
	const patience = 2*(DefaultPingInterval+DefaultPongTimeout) + DefaultWriteTimeout + 2*DefaultCloseTimeout
	err := use(t, c)
	if took := time.Since(start); took > patience {
		t.Errorf("the call took %v, more than %v", took, patience)
	}
	c.CloseNow()
	if err != nil && !errors.Is(err, ErrClosed) && !errors.Is(err, conntest.ErrInjected) {
		t.Errorf("the call ended with %v, which is not terminal", err)
	}
	if e, ok := errors.AsType[*CloseError](c.ended()); ok && !e.Clean() && !e.Local && e.EOF == NoEOF && e.Received == nil && e.Sent == nil && !namesFault(e) {
		t.Errorf("%v does not name a cause", e)
	}
	later := time.Now()
	_, read := c.Read()
	_, pinged := c.Ping(t.Context())
	_, writer := c.Writer(t.Context(), Text)
	for name, err := range map[string]error{"Read": read, "Ping": pinged, "Writer": writer, "Write": c.Write(Text, []byte("x")), "Send": c.Send(Text, []byte("x")), "ended": c.ended()} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("after the end %s returns %v", name, err)
		}
	}
	c.Close(1000, "")
	if took := time.Since(later); took != 0 {
		t.Errorf("calls after the end took %v", took)
	}
	p.CloseNow()
	theirs.Close()
	<-peer
	<-c.done()
	<-p.done()
	synctest.Wait() // whoever is on the way out is gone
	noTimers(t, c)
	noTimers(t, p)
}

// TestFaultyHandshakes does the same to an opening handshake between a Server and Dial, with the fault on either side, and an echo behind it.
func TestFaultyHandshakes(t *testing.T) {
	for _, side := range []string{"server", "client"} {
		for _, compressed := range []bool{false, true} {
			t.Run(fmt.Sprintf("4/%s/compressed_%v", side, compressed), func(t *testing.T) {
				injectAll(t, conntest.Kinds(), func(f *conntest.Fault) {
					synctest.Test(t, func(t *testing.T) { faultyHandshake(t, side, compressed, f) })
				})
			})
		}
	}
}

func faultyHandshake(t *testing.T, side string, compressed bool, f *conntest.Fault) {
	ours, theirs := conntest.Pipe(4 << 10)
	server, client := net.Conn(ours), net.Conn(theirs)
	if side == "server" {
		server = f.Wrap(server)
	} else {
		client = f.Wrap(client)
	}
	cfg := &Config{}
	if compressed {
		cfg.Compression = &deflate.Config{Threshold: -1}
	}
	served := make(chan error, 1)
	go func() { served <- (&Server{Handler: echoAll, Config: cfg}).ServeConn(server) }()
	dialing := *cfg
	dialing.NetDial = func(context.Context, string, string) (net.Conn, error) { return client, nil }
	start := time.Now()
	c, err := Dial(t.Context(), "ws://server.example.com/", &dialing)
	took := time.Since(start)
	if took > DefaultHandshakeTimeout {
		t.Errorf("Dial took %v", took)
	}
	if err == nil {
		if m, err := echoOnce(c); err == nil && !bytes.Equal(m.Data, pattern(5000)) {
			t.Errorf("the echo has %d bytes", len(m.Data))
		}
		c.CloseNow()
		<-c.done()
	} else if _, ok := errors.AsType[*HandshakeError](err); !ok || c != nil {
		t.Errorf("Dial returns %v, %v", c, err)
	}
	isClosed := func(name string, end net.Conn) {
		if _, err := end.Write([]byte("x")); err == nil || errors.Is(err, conntest.ErrPipeClosed) {
			t.Errorf("the %s's transport has not been closed", name)
		}
	}
	isClosed("client", theirs)
	<-served
	isClosed("server", ours)
}

func echoOnce(c *Conn) (Message, error) {
	if err := c.Write(Binary, pattern(5000)); err != nil {
		return Message{}, err
	}
	return c.Read()
}
