package conn

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/handshake"
	"github.com/hawser-go/hawser/internal/conntest"
)

// upgrader does opening handshakes in memory for one Registry, in one of the ways that there are.
type upgrader struct {
	name string
	// upgrade returns the answer's status and, if that is 101, the peer. The function that is called for the connection ends with it.
	upgrade func(t *testing.T, cfg *Config) (status int, header http.Header, peer io.Closer)
}

var upgraders = []upgrader{
	{"Server", func(t *testing.T, cfg *Config) (int, http.Header, io.Closer) {
		o := serveOne(&Server{Handler: echoAll, Config: cfg}, 4<<10, nil)
		io.WriteString(o.peer, openingRequest)
		head := conntest.NewPeer(t, o.peer, true).ReadHead("there is an answer")
		status := 0
		fmt.Sscanf(head, "HTTP/1.1 %d", &status)
		resp := readHead(t, head)
		if status != 101 {
			o.peer.Close()
			<-o.err
		}
		return status, resp.Header, o.peer
	}},
	{"Handler", func(t *testing.T, cfg *Config) (int, http.Header, io.Closer) {
		ours, theirs := conntest.Pipe(4 << 10)
		w := newHijackRecorder(ours, "")
		Handler(echoAll, cfg).ServeHTTP(w, parsedRequest(t, openingRequest))
		if w.hijacked == 0 {
			return w.Code, w.Result().Header, theirs
		}
		return 101, nil, theirs
	}},
	{"Accept", func(t *testing.T, cfg *Config) (int, http.Header, io.Closer) {
		ours, theirs := conntest.Pipe(4 << 10)
		w := newHijackRecorder(ours, "")
		c, err := Accept(w, parsedRequest(t, openingRequest), cfg)
		if e, ok := errors.AsType[*HandshakeError](err); ok {
			return e.Status, w.Result().Header, theirs
		}
		go echoAll(c)
		return 101, nil, theirs
	}},
}

func readHead(t *testing.T, head string) *http.Response {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(head)), nil)
	if err != nil {
		t.Fatalf("the answer is %q: %v", head, err)
	}
	return resp
}

// TestRegistryMaxConns: over the limit there is 503, and OnRequest is not asked.
func TestRegistryMaxConns(t *testing.T) {
	for _, u := range upgraders {
		inBubble(t, "2.9/"+u.name, func(t *testing.T) {
			asked := 0
			r := &Registry{MaxConns: 2}
			cfg := &Config{Registry: r, OnRequest: func(*requestView) (any, error) {
				asked++
				return nil, nil
			}}
			var peers []io.Closer
			for i, want := range []int{101, 101, 503, 503} {
				status, header, peer := u.upgrade(t, cfg)
				if status != want || (header.Get("Retry-After") == "10") != (want == 503) {
					t.Errorf("handshake %d is answered with %d, %v", i+1, status, header)
				}
				if status == 101 {
					peers = append(peers, peer)
				}
			}
			synctest.Wait()
			if asked != 2 || r.Len() != 2 {
				t.Errorf("OnRequest was asked %d times for %d connections", asked, r.Len())
			}
			peers[0].Close()
			synctest.Wait()
			if n := r.Len(); n != 1 {
				t.Errorf("%d connections after one has ended", n)
			}
			if status, _, _ := u.upgrade(t, cfg); status != 101 {
				t.Errorf("a place that was given back is refused with %d", status)
			}
			r.Close()
			synctest.Wait()
			if r.Len() != 0 || r.Buffered() != 0 {
				t.Errorf("after Close there are %d connections with %d bytes", r.Len(), r.Buffered())
			}
			if status, header, _ := u.upgrade(t, cfg); status != 503 || header.Get("Retry-After") != "10" {
				t.Errorf("after Close the answer is %d, %v", status, header)
			}
		})
	}
}

// TestRegistryPlaceIsGivenBack: an opening handshake that comes to nothing takes no place for good, whatever ends it.
func TestRegistryPlaceIsGivenBack(t *testing.T) {
	boom := func(f func()) func(*requestView) (any, error) {
		return func(*requestView) (any, error) { f(); return nil, io.EOF }
	}
	for _, tt := range []struct {
		name string
		cfg  Config
		err  error // of the transport
	}{
		{"OnRequest_refuses", Config{OnRequest: boom(func() {})}, nil},
		{"OnRequest_panics", Config{OnRequest: boom(func() { explode("boom") })}, nil},
		{"OnRequest_exits", Config{OnRequest: boom(runtime.Goexit)}, nil},
		{"Header_cannot_be_sent", Config{Header: http.Header{"Upgrade": {"bad"}}}, nil},
		{"origin", Config{OnRequest: func(*requestView) (any, error) { return nil, &handshake.Error{Status: 403, Detail: "no"} }}, nil},
		{"the_answer_is_cut", Config{}, io.ErrShortWrite},
	} {
		t.Run("2.9/"+tt.name, func(t *testing.T) {
			conntest.CheckLeaks(t)
			r := &Registry{MaxConns: 1}
			cfg := tt.cfg
			cfg.Registry, cfg.Logger = r, slog.New(slog.DiscardHandler)
			nothing := func(*Conn) { t.Error("the function was called") }
			ways := map[string]func(){
				"Server": func() {
					s := &Server{Handler: nothing, Config: &cfg}
					s.ServeConn(shortConn{&requestConn{rest: openingRequest}})
				},
				"Handler": func() {
					Handler(nothing, &cfg).ServeHTTP(newHijackRecorder(shortConn{&requestConn{}}, ""), parsedRequest(t, openingRequest))
				},
			}
			for name, way := range ways {
				for range 2 {
					done := make(chan struct{})
					go func() { // which Goexit may end
						defer close(done)
						way()
					}()
					<-done
					if r.Len() != 0 || r.admitted != 0 {
						t.Errorf("%s: %d connections, %d places", name, r.Len(), r.admitted)
					}
				}
			}
		})
	}
	t.Run("2.9/no_Hijacker", func(t *testing.T) {
		r := &Registry{}
		w := newHijackRecorder(nil, "")
		w.err = io.ErrUnexpectedEOF
		if _, err := Accept(w, parsedRequest(t, openingRequest), &Config{Registry: r}); err == nil || r.admitted != 0 {
			t.Errorf("Accept returns %v, %d places", err, r.admitted)
		}
	})
	inBubble(t, "2.9/the_time_passes_where_there_are_no_deadlines", func(t *testing.T) {
		r := &Registry{}
		decide := make(chan bool)
		s := &Server{Handler: func(*Conn) { t.Error("the Handler was called") }, Config: &Config{Registry: r, OnRequest: waitFor(decide)}}
		o := serveOne(s, 1<<10, func(nc net.Conn) net.Conn { return noDeadlines{deafConn{nc}} })
		io.WriteString(o.peer, openingRequest)
		synctest.Wait()
		if r.admitted != 1 {
			t.Errorf("%d places while OnRequest decides", r.admitted)
		}
		time.Sleep(DefaultHandshakeTimeout)
		decide <- true
		if err := <-o.err; err == nil || r.Len() != 0 || r.admitted != 0 {
			t.Errorf("ServeConn returns %v, %d connections, %d places", err, r.Len(), r.admitted)
		}
	})
}

// TestRegistryMembers: every way to make a connection makes it a member, until it has ended.
func TestRegistryMembers(t *testing.T) {
	inBubble(t, "2.9/New_and_Pipe", func(t *testing.T) {
		r := &Registry{MaxConns: 1} // which does not refuse them
		cfg := &Config{Registry: r}
		a, b := Pipe(cfg)
		ours, theirs := conntest.Pipe(1 << 10)
		c := New(ours, RoleServer, nil, cfg)
		if got := slices.Collect(r.All()); r.Len() != 3 || len(got) != 3 {
			t.Fatalf("%d connections, %v", r.Len(), got)
		}
		a.CloseNow()
		if got := slices.Collect(r.All()); r.Len() != 2 || slices.Contains(got, a) {
			t.Errorf("%d connections, %v", r.Len(), got)
		}
		b.Read()
		theirs.Close()
		c.Read()
		if got := slices.Collect(r.All()); len(got) != 0 {
			t.Errorf("%v have ended", got)
		}
		synctest.Wait()
		if r.Len() != 0 {
			t.Errorf("%d connections", r.Len())
		}
		a.CloseNow() // has nothing left to leave
		resolved := cfg.resolved()
		newConn(&requestConn{}, RoleServer, nil, &resolved).CloseNow() // nor has what never joined
		if r.Len() != 0 {
			t.Errorf("%d connections", r.Len())
		}
	})
	t.Run("2.9/Dial", func(t *testing.T) {
		conntest.CheckLeaks(t)
		addr := startServer(t, &Server{Handler: echoAll}, nil)
		r := &Registry{}
		c, err := Dial(t.Context(), "ws://"+addr.String(), &Config{Registry: r})
		if err != nil || r.Len() != 1 {
			t.Fatalf("%v, %d connections", err, r.Len())
		}
		c.CloseNow()
		if r.Len() != 0 {
			t.Errorf("%d connections", r.Len())
		}
	})
	inBubble(t, "2.9/the_function_counts_too", func(t *testing.T) {
		r := &Registry{}
		leave := make(chan bool)
		ours, theirs := conntest.Pipe(4 << 10)
		Handler(func(c *Conn) { c.Read(); <-leave }, &Config{Registry: r}).ServeHTTP(newHijackRecorder(ours, ""), parsedRequest(t, openingRequest))
		theirs.Close()
		synctest.Wait()
		if got := slices.Collect(r.All()); r.Len() != 1 || len(got) != 0 {
			t.Errorf("%d connections, %v", r.Len(), got)
		}
		leave <- true
		synctest.Wait()
		if r.Len() != 0 {
			t.Errorf("%d connections", r.Len())
		}
	})
	t.Run("2.9/their_own", func(t *testing.T) {
		s := &Server{Handler: echoAll}
		if s.prepare() != nil || s.cfg.Registry != &s.own {
			t.Error("a Server has no Registry")
		}
		cfg := &Config{}
		if Handler(echoAll, cfg); cfg.Registry != nil {
			t.Error("Handler writes to its Config")
		}
	})
}

// members returns n connections over nothing in a Registry.
func members(r *Registry, n int) []*Conn {
	cfg := (&Config{Registry: r}).resolved()
	all := make([]*Conn, n)
	for i := range all {
		all[i] = newConn(&requestConn{}, RoleServer, nil, &cfg)
		all[i].join(false, false)
	}
	return all
}

func TestRegistryAll(t *testing.T) {
	t.Run("2.9/break", func(t *testing.T) {
		r := &Registry{}
		members(r, 200)
		n := 0
		for range r.All() {
			if n++; n == 70 {
				break
			}
		}
		if n != 70 || r.iterating != 0 {
			t.Errorf("%d, %d who go on", n, r.iterating)
		}
	})
	t.Run("2.9/allocations", func(t *testing.T) {
		r := &Registry{}
		members(r, 200)
		n := 0
		conntest.ShouldNotAllocate(t, func() {
			for range r.All() {
				n++
			}
		})
		if n == 0 || n%200 != 0 {
			t.Errorf("%d connections in many rounds of 200", n)
		}
	})
	// Those that stay are met once in each round, whoever comes and goes, and also while most go.
	t.Run("2.9/while_connections_come_and_go", func(t *testing.T) {
		r := &Registry{}
		crowd := members(r, 2*manySlots)
		stay := members(r, 100)
		crowd = append(crowd, members(r, 2*manySlots)...)
		var others sync.WaitGroup
		for k := range 4 {
			others.Go(func() {
				for i := k; i < len(crowd); i += 4 {
					crowd[i].CloseNow()
					if i%8 < 4 {
						members(r, 1)[0].CloseNow()
					}
				}
			})
		}
		gone := make(chan struct{})
		go func() {
			others.Wait()
			close(gone)
		}()
		for last := false; !last; {
			select {
			case <-gone:
				last = true
			default:
			}
			met := map[*Conn]int{}
			for c := range r.All() {
				met[c]++
			}
			for c, n := range met {
				if n > 1 {
					t.Fatalf("%p is met %d times", c, n)
				}
			}
			for _, c := range stay {
				if met[c] != 1 {
					t.Fatalf("one that stays is met %d times", met[c])
				}
			}
		}
		members(r, 1)[0].CloseNow() // after which nobody goes through them any more
		if r.Len() != len(stay) || cap(r.slots) > 2*manySlots {
			t.Errorf("%d connections in %d slots", r.Len(), cap(r.slots))
		}
		for _, c := range stay {
			c.CloseNow()
		}
		if r.Len() != 0 || r.iterating != 0 {
			t.Errorf("%d connections, %d who go on", r.Len(), r.iterating)
		}
	})
	// Connections that come meanwhile do not make it endless, and what takes the place of those that were is not met twice.
	t.Run("2.9/the_body_makes_more", func(t *testing.T) {
		r := &Registry{}
		members(r, 3)
		met := map[*Conn]bool{}
		for c := range r.All() {
			if met[c] || len(met) > 3 {
				t.Fatal("it does not end")
			}
			met[c] = true
			members(r, 2)
			c.CloseNow()
		}
		if len(met) != 3 || r.Len() != 6 {
			t.Errorf("met %d of %d", len(met), r.Len())
		}
	})
}

// TestRegistryMemory: what the set itself takes for each connection, and that it gives it back.
func TestRegistryMemory(t *testing.T) {
	r := &Registry{}
	const n = 10_000
	all := make([]Conn, n)
	cfg := Config{Registry: r}
	for i := range all {
		all[i].cfg = &cfg
		all[i].join(false, false)
	}
	each := float64(8*cap(r.slots)+4*cap(r.free)) / n
	t.Logf("2.9/%.1f bytes for each connection, beside %d in the Conn", each, 16)
	if each > 8*1.3 {
		t.Errorf("2.9/%.1f bytes for each connection", each)
	}
	most := 0
	for i := range all {
		all[i].leave()
		most = max(most, 8*cap(r.slots)+4*cap(r.free))
	}
	if most > 16*n || r.len() != 0 || cap(r.slots) > 2*manySlots || cap(r.free) > manySlots {
		t.Errorf("2.9/%d bytes at most, then %d slots and %d free", most, cap(r.slots), cap(r.free))
	}
}
