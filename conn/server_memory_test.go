package conn

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser/handshake"
	"github.com/hawser-go/hawser/internal/conntest"
)

// requestConn is a net.Conn from which one request comes, and which takes any answer.
type requestConn struct {
	rest    string
	written int
}

func (c *requestConn) Read(p []byte) (int, error) {
	n := copy(p, c.rest)
	if c.rest = c.rest[n:]; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (c *requestConn) Write(p []byte) (int, error) {
	c.written += len(p)
	return len(p), nil
}

func (c *requestConn) Close() error                     { return nil }
func (c *requestConn) LocalAddr() net.Addr              { return nil }
func (c *requestConn) RemoteAddr() net.Addr             { return nil }
func (c *requestConn) SetDeadline(time.Time) error      { return nil }
func (c *requestConn) SetReadDeadline(time.Time) error  { return nil }
func (c *requestConn) SetWriteDeadline(time.Time) error { return nil }

// TestServerAllocations: an opening handshake costs one allocation beside the Conn, the string from which all that is known of the request is cut. Serve has two more, one for each
// of its go statements.
func TestServerAllocations(t *testing.T) {
	if conntest.RaceEnabled {
		t.Skip("the race detector allocates")
	}
	s := &Server{Handler: func(c *Conn) {}}
	if err := s.prepare(); err != nil {
		t.Fatal(err)
	}
	nc := &requestConn{}
	alone := testing.AllocsPerRun(200, func() { newConn(nc, RoleServer, nil, &s.cfg) })
	upgraded := testing.AllocsPerRun(200, func() {
		nc.rest = browserRequest
		o := s.open(nc)
		c, err := o.upgrade()
		if err != nil {
			t.Fatal(err)
		}
		c.leave()
		c.leave()
	})
	t.Logf("4.2/a Conn is %v allocations, with its handshake %v", alone, upgraded)
	if upgraded-alone > 1 {
		t.Errorf("4.2/%v allocations for a handshake, want 1", upgraded-alone)
	}
}

// TestServerHeapAfterHandshakesThatStop: 10,000 handshakes that come half and are dropped leave nothing on the heap. The first round is for what is kept for good: the
// runtime keeps its records of goroutines.
func TestServerHeapAfterHandshakesThatStop(t *testing.T) {
	if testing.Short() || conntest.RaceEnabled {
		t.Skip("10,000 goroutines")
	}
	conntest.CheckLeaks(t)
	const n = 10_000
	s := &Server{Handler: echoAll, Config: &Config{Logger: slog.New(slog.DiscardHandler)}}
	round := func() (bytes, objects int64) {
		all := make([]served, n)
		for i := range all {
			all[i] = serveOne(s, 4<<10, nil)
			io.WriteString(all[i].peer, browserRequest[:len(browserRequest)-1-i%len(browserRequest)])
		}
		for begun := 0; begun < n; runtime.Gosched() { // until all wait for the rest
			s.mu.Lock()
			begun = len(s.openings.m)
			s.mu.Unlock()
		}
		for _, o := range all {
			o.peer.Close()
		}
		for _, o := range all {
			if err := <-o.err; !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatal(err)
			}
		}
		all = nil
		for range 3 { // a sync.Pool keeps what it has for two
			runtime.GC()
		}
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/heap/objects:objects"}}
		metrics.Read(sample)
		return int64(sample[0].Value.Uint64()), int64(sample[1].Value.Uint64())
	}
	round()
	bytes, objects := round()
	bytes2, objects2 := round()
	t.Logf("1.2/heap: %d bytes in %d objects, then %d in %d", bytes, objects, bytes2, objects2)
	if bytes2-bytes > n*50 || objects2-objects > n/20 {
		t.Errorf("1.2/heap grows by %d bytes in %d objects", bytes2-bytes, objects2-objects)
	}
	if s.openings.m != nil {
		t.Error("1.2/the set of handshakes keeps its memory")
	}
}

// TestServerStacks: a handshake that stalls has a small stack, and one that is done leaves no trace on that of the goroutine in which the Handler waits.
func TestServerStacks(t *testing.T) {
	if conntest.RaceEnabled || testing.Short() {
		t.Skip("the race detector needs more stack")
	}
	stacks := func() uint64 {
		for range 3 {
			runtime.GC()
		}
		sample := []metrics.Sample{{Name: "/memory/classes/heap/stacks:bytes"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	for _, tt := range []struct {
		name, request, response string
		most                    float64
	}{
		{"4.2/stalled_handshake", browserRequest[:400], "", 3 << 10}, // 2 KiB, and some that have grown
		// A loop over a socket has the read, and its body, inside RawConn.Read: more than 2 KiB. The handshake must not make it 8.
		{"4.2/idle_connection", openingRequest, openingResponse, 5 << 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conntest.CheckLeaks(t)
			const n = 1000
			s := &Server{Handler: func(c *Conn) {
				for range c.Messages() {
				}
			}}
			addr := startServer(t, s, nil)
			before := stacks()
			head := make([]byte, len(tt.response))
			for range n {
				nc := dialRaw(t, addr)
				io.WriteString(nc, tt.request)
				if _, err := io.ReadFull(nc, head); err != nil {
					t.Fatal(err)
				}
			}
			for begun := 0; begun < n; runtime.Gosched() {
				s.mu.Lock()
				begun = len(s.openings.m)
				s.mu.Unlock()
				begun += s.cfg.Registry.Len()
			}
			each := float64(stacks()-before) / n
			t.Logf("%.0f bytes of stack for each connection", each)
			if each > tt.most {
				t.Errorf("%.0f bytes of stack for each connection, want at most %.0f", each, tt.most)
			}
		})
	}
}

// TestServerLogsWithoutAnAddress: a transport may have none.
func TestServerLogsWithoutAnAddress(t *testing.T) {
	log := &records{}
	s := &Server{Handler: echoAll, Config: &Config{Logger: slog.New(log), OnRequest: func(r *handshake.Request) (any, error) { return nil, io.EOF }}}
	if err := s.ServeConn(&requestConn{rest: openingRequest}); !errors.Is(err, io.EOF) {
		t.Errorf("ServeConn returns %v", err)
	}
	if got := log.get(); len(got) != 1 || got[0]["remote"] != "" || !strings.Contains(got[0]["error"], "EOF") {
		t.Errorf("2.5/H14: logged %v", got)
	}
}

// BenchmarkUpgrade is a whole handshake in memory, from the bytes of a browser's request to the Conn.
func BenchmarkUpgrade(b *testing.B) {
	for _, bb := range []struct {
		name string
		cfg  *Config
	}{
		{"no_hook", nil},
		{"hook", &Config{OnRequest: func(r *handshake.Request) (any, error) { return nil, nil }}},
		{"subprotocol_and_field", &Config{Subprotocols: []string{"chat"}, Header: map[string][]string{"X-A": {"b"}}}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			s := &Server{Handler: func(c *Conn) {}, Config: bb.cfg}
			if err := s.prepare(); err != nil {
				b.Fatal(err)
			}
			nc := &requestConn{}
			b.ReportAllocs()
			for b.Loop() {
				nc.rest = browserRequest
				c, err := s.open(nc).upgrade()
				if err != nil {
					b.Fatal(err)
				}
				c.leave()
				c.leave()
			}
		})
	}
	b.Run("Conn_alone", func(b *testing.B) {
		cfg := (*Config)(nil).resolved()
		nc := &requestConn{}
		b.ReportAllocs()
		for b.Loop() {
			newConn(nc, RoleServer, nil, &cfg)
		}
	})
}

// BenchmarkConnect is a connection that carries nothing, over loopback: connect, upgrade, end. "bare" is the same with a server that knows only what to read and to write.
func BenchmarkConnect(b *testing.B) {
	nothing := func(c *Conn) { c.CloseNow() }
	for _, bb := range []struct {
		name  string
		serve func(net.Listener)
	}{
		{"bare", func(ln net.Listener) {
			for {
				nc, err := ln.Accept()
				if err != nil {
					return
				}
				go func() {
					defer nc.Close()
					buf := make([]byte, 4<<10)
					nc.Read(buf)
					io.WriteString(nc, openingResponse)
				}()
			}
		}},
		{"Server", func(ln net.Listener) { (&Server{Handler: nothing}).Serve(ln) }},
		{"Handler", func(ln net.Listener) { http.Serve(ln, Handler(nothing, nil)) }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			defer ln.Close()
			go bb.serve(ln)
			addr := ln.Addr().(*net.TCPAddr)
			buf := make([]byte, 1<<10)
			b.ReportAllocs()
			for b.Loop() {
				nc, err := net.DialTCP("tcp", nil, addr)
				if err != nil {
					b.Fatal(err)
				}
				io.WriteString(nc, browserRequest)
				for err == nil {
					_, err = nc.Read(buf)
				}
				nc.SetLinger(0) // no port shall wait
				nc.Close()
			}
		})
	}
}
