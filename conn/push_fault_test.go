package conn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/internal/bufpool"
	"github.com/hawser-go/hawser/internal/conntest"
)

// faultsSoFar is how many faults were injected into connections by the tests of this process.
var faultsSoFar atomic.Int64

// injectAll calls body with a fault at operation 0, 1, 2, ... of each kind, see [conntest.Inject]: each time nothing may be left.
func injectAll(t *testing.T, kinds []conntest.Kind, body func(f *conntest.Fault)) {
	conntest.CheckLeaks(t)
	n := 0
	for _, k := range kinds {
		n += conntest.Inject(t, k, func(f *conntest.Fault) {
			before, _ := bufpool.Lent()
			body(f)
			if after, _ := bufpool.Lent(); after != before {
				t.Errorf("%d buffers are not put back", after-before)
			}
			allPutBack(t)
		})
	}
	faultsSoFar.Add(int64(n))
	t.Logf("%d faults, %d so far", n, faultsSoFar.Load())
}

// A pushUse is a use of a connection that is driven.
type pushUse struct {
	name   string
	cfg    Config
	events Events
	// outside is what happens meanwhile, if it is not nil. The peer is driven from there.
	outside func(t *testing.T, c, p *Conn)
}

func echoMessage(c *Conn, m Message) { c.Write(m.Type, m.Data) }

// ask has the peer send messages of these sizes, which have to come back, and close.
func ask(sizes ...int) func(t *testing.T, c, p *Conn) {
	return func(t *testing.T, _, p *Conn) {
		for _, n := range sizes {
			if p.Write(Binary, pattern(n)) != nil {
				return
			}
			m, err := p.Read()
			if err != nil {
				return
			}
			if !bytes.Equal(m.Data, pattern(n)) {
				t.Errorf("the echo of %d bytes has %d", n, len(m.Data))
			}
		}
		p.Close(1000, "done")
	}
}

// prompts has the peer send one message, and read what comes.
func prompts(_ *testing.T, _, p *Conn) {
	if p.Write(Text, []byte("x")) == nil {
		<-readAll(p)
	}
}

// listens has the peer read what comes.
func listens(_ *testing.T, _, p *Conn) { <-readAll(p) }

// pushUses are the ways in which a connection is used that is driven.
var pushUses = []pushUse{
	{name: "3/echo", events: Events{Message: echoMessage}, outside: ask(0, 100, 5000, 30_000)},
	{name: "5.4/fragments_and_pings", events: Events{Message: echoMessage}, outside: func(t *testing.T, _, p *Conn) {
		read := readAll(p)
		if w, err := p.Writer(t.Context(), Text); err == nil {
			for range 3 {
				w.Write([]byte("h\u00e4ppchen"))
				w.Flush()
				p.handle(pingEvent("between"))
				p.flushControl()
			}
			w.Close()
		}
		p.Close(1000, "")
		<-read
	}},
	{name: "3/a_burst", events: Events{Message: func(c *Conn, m Message) {
		if len(m.Data) == 7 {
			time.Sleep(5 * time.Millisecond) // what is held back leaves meanwhile
		}
		c.Write(m.Type, m.Data)
	}}, outside: func(_ *testing.T, _, p *Conn) {
		read := readAll(p)
		for i := range 12 {
			if p.Send(Binary, pattern(i)) != nil {
				break
			}
		}
		p.Close(1000, "")
		<-read
	}},
	{name: "3/open_writes", events: Events{Open: func(c *Conn) {
		c.Write(Text, []byte("hello"))
		c.Send(Binary, pattern(6000))
		c.Write(Text, []byte("and more"))
	}}, outside: func(_ *testing.T, _, p *Conn) {
		for range 3 {
			if _, err := p.Read(); err != nil {
				return
			}
		}
		p.Close(1000, "")
	}},
	{name: "7.1.2/close_inside", events: Events{Message: func(c *Conn, _ Message) { c.Close(4000, "enough") }}, outside: prompts},
	{name: "7.1.2/close_in_open", events: Events{Open: func(c *Conn) { c.Close(4000, "at once") }}, outside: listens},
	{name: "7.1.2/close_from_outside", outside: func(_ *testing.T, c, p *Conn) {
		read := readAll(p)
		c.Close(1000, "")
		<-read
	}},
	{name: "7.1.1/close_that_is_not_answered", outside: func(_ *testing.T, c, _ *Conn) { c.Close(1000, "") }},
	{name: "7.1.7/close_now_inside", events: Events{Message: func(c *Conn, _ Message) { c.CloseNow() }}, outside: prompts},
	{name: "7.1.7/close_now_beside_a_write", cfg: Config{WriteTimeout: -1}, events: Events{Message: func(c *Conn, _ Message) { c.Write(Binary, noise(20_000)) }}, outside: func(_ *testing.T, c, p *Conn) {
		p.Write(Text, []byte("x"))
		time.Sleep(time.Second)
		c.CloseNow()
	}},
	{name: "7.1.5/the_peer_leaves", events: Events{Message: echoMessage}, outside: func(_ *testing.T, _, p *Conn) {
		p.Write(Text, []byte("x"))
		p.Read()
		p.CloseNow()
	}},
	{name: "5.5.1/the_peer_closes", events: Events{Message: echoMessage}, outside: func(_ *testing.T, _, p *Conn) { p.Close(1001, "bye") }},
	{name: "7.1.7/the_peer_breaks_a_rule", outside: func(_ *testing.T, _, p *Conn) {
		p.transport.write([]byte{0xf3, 0x80, 0, 0, 0, 0}, nil)
		<-readAll(p)
	}},
	{name: "2.9/a_panic", events: Events{Message: func(*Conn, Message) { panic("as the test wants") }}, outside: prompts},
	{name: "3/writer", events: Events{Message: func(c *Conn, m Message) {
		w, err := c.Writer(context.Background(), m.Type)
		if err != nil {
			return
		}
		for range 3 {
			w.Write(m.Data)
			w.Flush()
		}
		w.Close()
	}}, outside: func(_ *testing.T, _, p *Conn) {
		p.Write(Binary, pattern(3000))
		p.Read()
		p.Close(1000, "")
	}},
	{name: "3/a_writer_of_somebody_else", events: Events{Message: echoMessage}, outside: func(t *testing.T, c, p *Conn) {
		if w, err := c.Writer(t.Context(), Binary); err == nil {
			w.Write(pattern(1000))
			defer w.Close()
		}
		p.Write(Binary, pattern(1000)) // its function waits for the writer
		time.Sleep(time.Second)
		c.CloseNow()
	}},
	{name: "3/send_and_drain", cfg: Config{SendQueue: 30_000}, events: Events{
		Open: func(c *Conn) {
			for range 6 {
				c.Send(Binary, noise(4000))
			}
		},
		Drain: func(c *Conn) { c.Close(1000, "") },
	}, outside: func(_ *testing.T, _, p *Conn) {
		time.Sleep(time.Second)
		<-readAll(p)
	}},
	{name: "10.4/a_slow_reader", events: Events{Message: func(c *Conn, _ Message) { c.Write(Binary, noise(20_000)) }}, outside: func(_ *testing.T, c, p *Conn) {
		p.Write(Text, []byte("x"))
		time.Sleep(2 * time.Second)
		c.Send(Text, []byte("from outside"))
		p.Read()
		p.Read()
		p.Close(1000, "")
	}},
	{name: "10.4/a_peer_that_never_reads", events: Events{Message: func(c *Conn, _ Message) { c.Write(Binary, noise(20_000)) }}, outside: func(t *testing.T, c, p *Conn) {
		p.Write(Text, []byte("x"))
		c.Wait(t.Context())
	}},
	{name: "3/write_context", events: Events{Message: func(c *Conn, _ Message) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		c.WriteContext(ctx, Binary, noise(20_000))
		c.Write(Text, []byte("behind the rest"))
	}}, outside: func(_ *testing.T, _, p *Conn) {
		p.Write(Text, []byte("x"))
		time.Sleep(2 * time.Second)
		p.Read()
		p.Read()
		p.Close(1000, "")
	}},
	{name: "3/writes_from_outside", events: Events{Message: echoMessage}, outside: func(t *testing.T, c, p *Conn) {
		go func() {
			for i := range 4 {
				c.Write(Binary, pattern(1500*i))
			}
			c.Send(Text, []byte("last"))
		}()
		for range 5 {
			if _, err := p.Read(); err != nil {
				return
			}
		}
		p.Close(1000, "")
	}},
	{name: "3/prepared", cfg: Config{SendQueue: 30_000}, events: Events{Message: func(c *Conn, m Message) {
		if prepared, err := Prepare(m.Type, m.Data); err == nil {
			c.WritePrepared(prepared)
			c.SendPrepared(prepared)
		}
	}}, outside: func(_ *testing.T, _, p *Conn) {
		p.Write(Binary, pattern(3000))
		p.Read()
		p.Read()
		p.Close(1000, "")
	}},
	{name: "3/json", events: Events{Message: func(c *Conn, m Message) { WriteJSON(context.Background(), c, string(m.Data)) }}, outside: func(_ *testing.T, _, p *Conn) {
		p.Write(Text, []byte("say \"x\""))
		var v string
		ReadJSON(context.Background(), p, &v)
		p.Close(1000, "")
	}},
	{name: "5.5.2/ping", outside: func(t *testing.T, c, p *Conn) {
		read := readAll(p)
		c.Ping(t.Context())
		c.Close(1000, "")
		<-read
	}},
	{name: "5.5.2/keepalive", cfg: Config{PingInterval: 5 * time.Second, PongTimeout: 5 * time.Second}, outside: func(_ *testing.T, _, p *Conn) {
		read := readAll(p)
		time.Sleep(12 * time.Second)
		p.Close(1000, "")
		<-read
	}},
	{name: "10.4/idle", cfg: Config{IdleTimeout: 5 * time.Second, PingInterval: -1}, outside: listens},
	{name: "10.4/a_message_that_does_not_end", cfg: Config{PingInterval: -1, IdleTimeout: time.Minute}, outside: func(t *testing.T, c, p *Conn) {
		if w, err := p.Writer(t.Context(), Binary); err == nil {
			w.Write(pattern(100))
			w.Flush()
			defer w.Close()
		}
		<-readAll(p)
	}},
	{name: "3/shutdown", cfg: Config{Registry: &Registry{}}, events: Events{Message: echoMessage}, outside: func(t *testing.T, c, p *Conn) {
		read := readAll(p)
		p.Write(Text, []byte("x"))
		c.cfg.Registry.Shutdown(t.Context())
		<-read
	}},
	{name: "3/shed", cfg: Config{Registry: &Registry{}}, outside: func(t *testing.T, c, p *Conn) {
		c.shed()
		<-readAll(p)
	}},
}

// TestPushFaults fails operation 0, 1, 2, ... in each way, through each use of a connection that is driven, over both drivers, in each role, plain and compressed: of a net.Conn under a goroutine, and under an event loop
// each system call. Whatever fails: Open comes first and Close last, once, with an end that names the cause, within the timeouts; later calls return at once; no goroutine, descriptor, timer, buffer or inflater is left.
func TestPushFaults(t *testing.T) {
	for _, use := range pushUses {
		for _, byLoop := range []bool{false, true} {
			for _, role := range []Role{RoleServer, RoleClient} {
				for _, compressed := range []bool{false, true} {
					if testing.Short() && compressed {
						continue
					}
					name := fmt.Sprintf("%s/%s/%v/compressed_%v", use.name, map[bool]string{false: "goroutine", true: "loop"}[byLoop], [...]string{"server", "client"}[role], compressed)
					t.Run(name, func(t *testing.T) {
						kinds := conntest.Kinds()
						if byLoop {
							kinds = append(kinds, conntest.Interrupted, conntest.Again)
						}
						injectAll(t, kinds, func(f *conntest.Fault) {
							synctest.Test(t, func(t *testing.T) { use.run(t, byLoop, role, compressed, f) })
						})
					})
				}
			}
		}
	}
}

// run is one conversation.
func (u pushUse) run(t *testing.T, byLoop bool, role Role, compressed bool, f *conntest.Fault) {
	ours, theirs := conntest.Pipe(4 << 10)
	cfg := u.cfg
	cfg.Logger = slog.New(slog.DiscardHandler)
	if cfg.Registry != nil {
		cfg.Registry = &Registry{Spread: -1}
	}
	if compressed {
		cfg.Compression = &deflate.Config{Threshold: -1}
	}
	var c *Conn
	if byLoop {
		l := newFakeLoop(t, f)
		defer l.end()
		c = l.conn(ours, role, &cfg)
	} else {
		c = New(f.Wrap(ours), role, nil, &cfg)
	}
	other := Config{Logger: cfg.Logger, Compression: cfg.Compression}
	p := New(theirs, 1-role, nil, &other)
	if compressed {
		c.compress(takeover, "")
		p.compress(takeover, "")
	}
	start := time.Now()
	h := newCaller(t)
	if err := c.Drive(h.events(u.events)); err != nil {
		t.Fatal(err)
	}
	if byLoop && c.transport.loop == nil && !f.Fired() {
		t.Error("the connection is not driven by the event loop")
	}
	if u.outside != nil {
		u.outside(t, c, p)
	}
	p.CloseNow()
	<-h.closed
	// A timeout on one side may be followed by one on the other.
	const patience = 2*(DefaultPingInterval+DefaultPongTimeout) + 2*DefaultWriteTimeout + 2*DefaultCloseTimeout
	if took := time.Since(start); took > patience {
		t.Errorf("it took %v, more than %v", took, patience)
	}
	if first := <-h.lines; first != "open" {
		t.Errorf("the first call is %s", first)
	}
	e := c.CloseInfo()
	if !e.Clean() && !e.Local && e.EOF == NoEOF && e.Received == nil && e.Sent == nil && !namesFault(e) {
		t.Errorf("%v does not name a cause", e)
	}
	later := time.Now()
	_, read := c.Read()
	_, pinged := c.Ping(t.Context())
	for name, err := range map[string]error{"Read": read, "Ping": pinged, "Write": c.Write(Text, []byte("x")), "Send": c.Send(Text, []byte("x")), "ended": c.ended()} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("after the end %s returns %v", name, err)
		}
	}
	c.Close(1000, "")
	if took := time.Since(later); took != 0 {
		t.Errorf("calls after the end took %v", took)
	}
	if r := cfg.Registry; r != nil && (r.Len() != 0 || r.Buffered() != 0 || r.dying.Load() != 0) {
		t.Errorf("the Registry has %d connections with %d bytes, %d dying", r.Len(), r.Buffered(), r.dying.Load())
	}
	synctest.Wait() // whoever is on the way out is gone
	for _, c := range []*Conn{c, p} {
		<-c.done()
		noTimers(t, c)
	}
}

// namesFault reports whether an end names what was injected, or what follows from it.
func namesFault(e *CloseError) bool {
	return errors.Is(e, conntest.ErrInjected) || errors.Is(e, os.ErrDeadlineExceeded) || errors.Is(e, io.ErrShortWrite) || errors.Is(e, errProgress) ||
		errors.Is(e, syscall.ECONNRESET) || errors.Is(e, syscall.EPIPE) // who meets the reset is not always who has injected it
}

// noTimers checks that no timer of a connection that has ended is left.
func noTimers(t *testing.T, c *Conn) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closeTimer() != nil && c.closeTimer().Stop() {
		t.Error("the close timer is left")
	}
	if c.holdTimer != nil && c.holdTimer.Stop() {
		t.Error("the timer of held answers is left")
	}
}
