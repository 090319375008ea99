package conn

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/hawser-go/hawser/internal/conntest"
)

// records is a slog.Handler that keeps everything.
type records struct {
	mu  sync.Mutex
	all []map[string]string
}

func (r *records) Enabled(context.Context, slog.Level) bool { return true }
func (r *records) WithAttrs([]slog.Attr) slog.Handler       { panic("not used") }
func (r *records) WithGroup(string) slog.Handler            { panic("not used") }

func (r *records) Handle(_ context.Context, record slog.Record) error {
	m := map[string]string{"level": record.Level.String(), "msg": record.Message}
	record.Attrs(func(a slog.Attr) bool {
		m[a.Key] = a.Value.String()
		return true
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, m)
	return nil
}

func (r *records) get() []map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all
}

// explode panics, so that its name is in the stack.
func explode(v any) { panic(v) }

// TestHandlerEnds: what a connection ends with when its function ends.
func TestHandlerEnds(t *testing.T) {
	for _, tt := range []struct {
		name   string
		end    func(*Conn)
		code   uint16
		logged string // the panic's value, "" if nothing is logged
	}{
		{"7.1.2/return", func(*Conn) {}, 1000, ""},
		{"2.9/panic", func(*Conn) { explode("boom") }, 1011, "boom"},
		{"2.9/panic_with_an_error", func(*Conn) { explode(fmt.Errorf("wrapped: %w", http.ErrAbortHandler)) }, 1011, "wrapped: net/http: abort Handler"},
		{"2.9/panic_with_nil", func(*Conn) { explode(nil) }, 1011, new(runtime.PanicNilError).Error()},
		{"2.9/panic_with_what_cannot_be_compared", func(*Conn) { explode([]string{"a"}) }, 1011, "[a]"},
		{"2.9/panic_of_the_runtime", func(*Conn) { _ = []int{}[len(os.Args[:0])] }, 1011, "runtime error: index out of range [0] with length 0"},
		{"2.9/ErrAbortHandler", func(*Conn) { explode(http.ErrAbortHandler) }, 1011, ""},
		{"2.9/Goexit", func(*Conn) { runtime.Goexit() }, 1011, ""},
		{"2.9/panic_inside_a_Messages_loop", func(c *Conn) {
			for range c.Messages() {
				explode("boom")
			}
		}, 1011, "boom"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conntest.CheckLeaks(t)
			log := &records{}
			f := func(c *Conn) {
				m, err := c.Read()
				if err != nil {
					return
				}
				if string(m.Data) == "echo" {
					c.Write(m.Type, m.Data)
					c.Read()
					return
				}
				tt.end(c)
			}
			s := quietServer(t, Handler(f, &Config{Logger: slog.New(log)}))
			other, _ := rawPeer(t, s, openingRequest)
			p, _ := rawPeer(t, s, openingRequest)
			p.SendText("end")
			p.SendText("one for the loop")
			p.WantClose("the function has ended", tt.code, "")
			p.SendClose(tt.code, "")
			p.WantEOF("the server closes")
			other.SendText("echo")
			other.WantText("other connections are alive", "echo")
			other.SendClose(1000, "")
			other.WantClose("other connections are alive", 1000, nil)

			got := log.get()
			if tt.logged == "" {
				if len(got) > 0 {
					t.Errorf("logged %v", got)
				}
				return
			}
			if len(got) != 1 {
				t.Fatalf("logged %d records: %v", len(got), got)
			}
			r := got[0]
			if r["level"] != "ERROR" || r["msg"] != "hawser: panic in a connection's handler" || r["panic"] != tt.logged || r["remote"] != p.Conn().LocalAddr().String() {
				t.Errorf("logged %v", r)
			}
			if !strings.Contains(r["stack"], "TestHandlerEnds") {
				t.Errorf("the stack does not say where: %s", r["stack"])
			}
		})
	}
	t.Run("7.1.2/closed_by_the_function", func(t *testing.T) {
		conntest.CheckLeaks(t)
		s := quietServer(t, Handler(func(c *Conn) { c.Close(4000, "own") }, nil))
		p, _ := rawPeer(t, s, openingRequest)
		p.WantClose("the function's code counts", 4000, "own")
		p.SendClose(4000, "")
		p.WantEOF("and no second Close comes")
	})
	t.Run("7.1.4/cut_by_the_function", func(t *testing.T) {
		conntest.CheckLeaks(t)
		s := quietServer(t, Handler(func(c *Conn) { c.CloseNow() }, nil))
		p, _ := rawPeer(t, s, openingRequest)
		p.WantEOF("no Close comes")
	})
}

// TestHandlerReturns: ServeHTTP does not wait for the function.
func TestHandlerReturns(t *testing.T) {
	conntest.CheckLeaks(t)
	returned := make(chan context.Context)
	h := Handler(func(c *Conn) {
		ctx := <-returned // would never come if ServeHTTP waited for us
		<-ctx.Done()      // net/http has given the request up
		c.Write(Text, []byte("still open"))
	}, nil)
	s := quietServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		returned <- r.Context()
	}))
	p, _ := rawPeer(t, s, openingRequest)
	p.WantText("the connection outlives the request", "still open")
	p.WantClose("and its function ends it", 1000, "")
}

func TestHandlerRefuses(t *testing.T) {
	t.Run("10.2/the_peer's_fault_is_not_logged", func(t *testing.T) {
		conntest.CheckLeaks(t)
		log := &records{}
		h := Handler(func(*Conn) { t.Error("the function was called") }, &Config{Logger: slog.New(log)})
		w := newHijackRecorder(nil, "")
		h.ServeHTTP(w, parsedRequest(t, withFields("Origin: https://evil.example")))
		if w.Code != 403 || len(log.get()) > 0 || w.hijacked > 0 {
			t.Errorf("answered with %d, logged %v", w.Code, log.get())
		}
	})
	t.Run("4.2.2/this_side's_fault_is_logged", func(t *testing.T) {
		conntest.CheckLeaks(t)
		log := &records{}
		h := Handler(func(*Conn) { t.Error("the function was called") }, &Config{Logger: slog.New(log)})
		w := httptest.NewRecorder()
		r := parsedRequest(t, openingRequest)
		r.RemoteAddr = "192.0.2.1:1234"
		h.ServeHTTP(w, r)
		got := log.get()
		if w.Code != 500 || len(got) != 1 {
			t.Fatalf("answered with %d, logged %v", w.Code, got)
		}
		if got[0]["level"] != "ERROR" || got[0]["remote"] != r.RemoteAddr || !strings.Contains(got[0]["error"], "*httptest.ResponseRecorder") {
			t.Errorf("logged %v", got[0])
		}
	})
	t.Run("2.9/the_peer_that_does_not_read_is_not_logged", func(t *testing.T) {
		log := &records{}
		ours, _ := conntest.Pipe(0)
		w := newHijackRecorder(conntest.NewFaultConn(ours, 1, conntest.Error), "") // operation 0 is SetDeadline
		Handler(func(*Conn) { t.Error("the function was called") }, &Config{Logger: slog.New(log)}).ServeHTTP(w, parsedRequest(t, openingRequest))
		if len(log.get()) > 0 {
			t.Errorf("logged %v", log.get())
		}
	})
}

// TestHandlerPanics: a Config that cannot work is a programmer's error, found at the start.
func TestHandlerPanics(t *testing.T) {
	nothing := func(*Conn) {}
	for _, tt := range []struct {
		name string
		f    func(*Conn)
		cfg  *Config
		want string
	}{
		{"2.9/nil_function", nil, nil, "hawser: Handler with a nil function: nothing would use the connections"},
		{"10.2/typo_in_Origins", nothing, &Config{Origins: []string{"example.com"}}, `hawser: Config.Origins: handshake: "example.com" is no origin like "https://example.com": no "scheme://"`},
		{"10.2/pattern_in_Origins", nothing, &Config{Origins: []string{"https://*example.com"}}, `hawser: Config.Origins: handshake: "https://*example.com" is no origin like "https://example.com": a "*" stands for the first label only, as in "https://*.example.com"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if got := recover(); got != tt.want {
					t.Errorf("panicked with %q, want %q", got, tt.want)
				}
			}()
			Handler(tt.f, tt.cfg)
		})
	}
}

// TestHandlerCopiesConfig: "It is copied when a connection is made".
func TestHandlerCopiesConfig(t *testing.T) {
	conntest.CheckLeaks(t)
	cfg := &Config{Subprotocols: []string{"a"}}
	s := quietServer(t, Handler(func(*Conn) {}, cfg))
	*cfg = Config{Header: http.Header{"Upgrade": {"bad"}}}
	_, head := rawPeer(t, s, withFields("Sec-WebSocket-Protocol: a"))
	if !strings.Contains(head, "Sec-WebSocket-Protocol: a\r\n") {
		t.Errorf("the answer is %q", head)
	}
}
