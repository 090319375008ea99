package conn

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/handshake"
	"github.com/hawser-go/hawser/internal/conntest"
)

// A door is a way in for a request: each has the same hook.
type door struct {
	name string
	// enter sends request and returns all of the answer, the Conn's value if there is one, and what Accept or ServeConn returned.
	enter func(t *testing.T, cfg *Config, request string) (answer string, value any, err error)
}

// doors are the raw Server and Accept on net/http.
func doors() []door {
	return []door{
		{"Server", func(t *testing.T, cfg *Config, request string) (string, any, error) {
			value := make(chan any, 1)
			s := &Server{Handler: func(c *Conn) {
				value <- c.Value()
				c.CloseNow()
			}, Config: cfg}
			o := serveOne(s, 1<<16, nil)
			io.WriteString(o.peer, request)
			o.peer.CloseWrite()
			answer, _ := io.ReadAll(o.peer)
			err := <-o.err
			close(value)
			return string(answer), <-value, err
		}},
		{"Accept", func(t *testing.T, cfg *Config, request string) (string, any, error) {
			handler, outcomes := acceptHandler(cfg)
			s := httptest.NewUnstartedServer(handler)
			s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
			s.Start()
			defer s.Close()
			nc := dialRaw(t, s.Listener.Addr())
			defer nc.Close()
			io.WriteString(nc, request)
			br := bufio.NewReader(nc)
			var answer strings.Builder
			resp, err := http.ReadResponse(br, nil)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&answer, "%s %s\r\n", resp.Proto, resp.Status)
			resp.Header.Write(&answer)
			answer.WriteString("\r\n")
			io.Copy(&answer, resp.Body)
			o := <-outcomes
			if o.c == nil {
				return answer.String(), nil, o.err
			}
			o.c.CloseNow()
			return answer.String(), o.c.Value(), o.err
		}},
	}
}

// TestOnRequest: what the hook sees, and what it decides.
func TestOnRequest(t *testing.T) {
	request := strings.Replace(withFields("Origin: http://server.example.com\r\nSec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Extensions: x; y=z\r\nCookie: user=gopher"), "/chat", "/chat%20room?n=1", 1)
	for _, tt := range []struct {
		name   string
		cfg    Config
		hook   func(*requestView) (any, error)
		status int
		answer []string // parts of it
		value  any
		err    string
		logged string // the message
	}{
		{"4.2.2/sees_all", Config{}, func(r *requestView) (any, error) {
			if r.Path() != "/chat room" || r.Query().Get("n") != "1" || r.RequestURI != "/chat%20room?n=1" || r.Host != "server.example.com" || r.Origin != "http://server.example.com" ||
				r.Get("cookie") != "user=gopher" || r.RemoteAddr == "" || r.TLS != nil || strings.Join(r.Subprotocols, " ") != "a b" || handshake.FormatExtensions(r.Extensions) != "x; y=z" {
				return nil, fmt.Errorf("sees %+v", r)
			}
			return r.Get("Cookie"), nil
		}, 101, nil, "user=gopher", "", ""},
		{"4.2.2/no_value", Config{}, func(*requestView) (any, error) { return nil, nil }, 101, nil, nil, "", ""},
		{"4.2.2/H12/chooses_the_subprotocol", Config{Subprotocols: []string{"a"}}, func(r *requestView) (any, error) {
			r.SetSubprotocol("b")
			return nil, nil
		}, 101, []string{"Sec-Websocket-Protocol: b\r\n"}, nil, "", ""},
		{"4.2.2/H12/subprotocol_not_offered", Config{}, func(r *requestView) (any, error) {
			r.SetSubprotocol("c")
			return nil, nil
		}, 500, []string{"\r\n\r\nInternal Server Error\n"}, nil, `subprotocol "c" is not one that the client offers`, "hawser: no connection can be accepted"},
		{"4.2.2/adds_fields", Config{Header: http.Header{"X-A": {"1"}}}, func(r *requestView) (any, error) {
			r.ResponseHeader().Add("Set-Cookie", "a=b")
			r.ResponseHeader().Add("Set-Cookie", "c=d")
			return nil, nil
		}, 101, []string{"X-A: 1\r\n", "Set-Cookie: a=b\r\nSet-Cookie: c=d\r\n"}, nil, "", ""},
		{"4.2.2/T-SPLIT/adds_a_bad_field", Config{}, func(r *requestView) (any, error) {
			r.ResponseHeader().Set("X-A", "b\r\nX-C: d")
			return nil, nil
		}, 500, []string{"\r\n\r\nInternal Server Error\n"}, nil, "header field X-A has a control character in its value", "hawser: no connection can be accepted"},
		{"4.2.2/refuses", Config{}, func(r *requestView) (any, error) {
			return "dropped", &handshake.Error{Status: 401, Detail: "who are you?", Header: http.Header{"Www-Authenticate": {"Bearer"}}}
		}, 401, []string{"Www-Authenticate: Bearer\r\n", "\r\n\r\nhandshake: who are you?\n"}, nil, "who are you?", ""},
		{"4.2.2/refuses_with_a_body", Config{}, func(r *requestView) (any, error) {
			return nil, fmt.Errorf("wrapped: %w", &handshake.Error{Status: 503, Body: []byte("{}"), Header: http.Header{"Content-Type": {"application/json"}, "Retry-After": {"5"}}})
		}, 503, []string{"Retry-After: 5\r\n", "Content-Type: application/json\r\n", "\r\n\r\n{}"}, nil, "wrapped: ", ""},
		{"4.2.2/refuses_with_500", Config{}, func(r *requestView) (any, error) {
			return nil, &handshake.Error{Status: 500, Detail: "my fault"}
		}, 500, []string{"my fault"}, nil, "my fault", ""},
		{"4.2.2/T-SPLIT/refuses_with_a_bad_field", Config{}, func(r *requestView) (any, error) {
			return nil, &handshake.Error{Status: 403, Header: http.Header{"X-A": {"b\nc"}}}
		}, 500, []string{"\r\n\r\nInternal Server Error\n"}, nil, "OnRequest refuses the request with what cannot be sent: ", "hawser: no connection can be accepted"},
		{"4.2.2/refuses_with_101", Config{}, func(r *requestView) (any, error) {
			return nil, &handshake.Error{Status: 101}
		}, 500, []string{"\r\n\r\nInternal Server Error\n"}, nil, "101 is no status", "hawser: no connection can be accepted"},
		{"2.5/H14/error", Config{}, func(r *requestView) (any, error) { return nil, errors.New("the database is away") },
			500, []string{"\r\n\r\nInternal Server Error\n"}, nil, "the database is away", "hawser: no connection can be accepted"},
		{"2.5/H14/panic", Config{}, func(r *requestView) (any, error) {
			explode("boom")
			return nil, nil
		}, 500, []string{"\r\n\r\nInternal Server Error\n"}, nil, "panic in OnRequest: boom", "hawser: panic in OnRequest"},
		{"2.5/H14/ErrAbortHandler", Config{}, func(r *requestView) (any, error) { panic(http.ErrAbortHandler) },
			500, []string{"\r\n\r\nInternal Server Error\n"}, nil, "panic in OnRequest: ", ""},
		{"10.2/H7/is_not_asked_about_other_origins", Config{Origins: []string{"https://other.example"}}, func(r *requestView) (any, error) {
			panic("called")
		}, 403, []string{"is not allowed to connect"}, nil, "is not allowed", ""},
	} {
		for _, d := range doors() {
			t.Run(tt.name+"/"+d.name, func(t *testing.T) {
				conntest.CheckLeaks(t)
				log := &records{}
				cfg := tt.cfg
				cfg.Logger, cfg.OnRequest = slog.New(log), tt.hook
				answer, value, err := d.enter(t, &cfg, request)
				if !strings.HasPrefix(answer, fmt.Sprintf("HTTP/1.1 %d ", tt.status)) {
					t.Errorf("the answer is %q", answer)
				}
				answer = strings.ReplaceAll(answer, "Sec-WebSocket-", "Sec-Websocket-")
				for _, part := range tt.answer {
					if !strings.Contains(answer, part) {
						t.Errorf("the answer is %q, without %q", answer, part)
					}
				}
				if value != tt.value {
					t.Errorf("the value is %v, want %v", value, tt.value)
				}
				if (err == nil) != (tt.status == 101) || !strings.Contains(errText(err), tt.err) {
					t.Errorf("error is %v, want %q", err, tt.err)
				}
				if e, ok := errors.AsType[*HandshakeError](err); err != nil && (!ok || e.Status != tt.status) {
					t.Errorf("error is %#v", err)
				}
				// Accept's caller gets the error; only a panic is logged for it.
				want := tt.logged
				if d.name == "Accept" && !strings.Contains(want, "panic") {
					want = ""
				}
				switch got := log.get(); {
				case want == "" && len(got) > 0, want != "" && (len(got) != 1 || got[0]["msg"] != want || got[0]["remote"] == ""):
					t.Errorf("logged %v, want %q", got, want)
				case strings.Contains(want, "panic") && (got[0]["panic"] != "boom" || !strings.Contains(got[0]["stack"], "explode")):
					t.Errorf("logged %v", got[0])
				}
			})
		}
	}
}

// A hook that ends its goroutine: the connection is closed and forgotten.
func TestOnRequestGoexit(t *testing.T) {
	conntest.CheckLeaks(t)
	s := &Server{Handler: echoAll, Config: &Config{OnRequest: func(*requestView) (any, error) {
		runtime.Goexit()
		return nil, nil
	}}}
	nc := dialRaw(t, startServer(t, s, nil))
	io.WriteString(nc, openingRequest)
	if got, err := io.ReadAll(nc); len(got) > 0 || err != nil {
		t.Errorf("2.5/H14: the peer reads %q, %v", got, err)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("2.5/H14: %v", err)
	}
}

// The state of TLS is there on both ways.
func TestOnRequestTLS(t *testing.T) {
	conntest.CheckLeaks(t)
	states := make(chan *tls.ConnectionState, 2)
	cfg := &Config{OnRequest: func(r *requestView) (any, error) {
		states <- r.TLS
		return nil, nil
	}}
	serverTLS := &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
	clientTLS := &tls.Config{InsecureSkipVerify: true, ServerName: "example.com"}
	s := &Server{Handler: func(c *Conn) { c.CloseNow() }, Config: cfg, HTTP: ordinary(func(c *Conn) { c.CloseNow() }, cfg)}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", serverTLS)
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(ln)
	defer s.Close()
	for _, first := range []string{"", plainRequest} {
		nc := tls.Client(dialRaw(t, ln.Addr()), clientTLS)
		br := bufio.NewReader(nc)
		if first != "" {
			httpExchange(t, nc, br, first)
		}
		io.WriteString(nc, openingRequest)
		if state := <-states; state == nil || state.ServerName != "example.com" {
			t.Errorf("TLS is %+v", state)
		}
		nc.Close()
	}
}

// The Request is the hook's only until it returns.
func TestOnRequestBorrows(t *testing.T) {
	var kept *requestView
	s := &Server{Handler: func(c *Conn) { c.CloseNow() }, Config: &Config{OnRequest: func(r *requestView) (any, error) {
		kept = r
		return r.Get("Host"), nil
	}}}
	o := serveOne(s, 1<<10, nil)
	io.WriteString(o.peer, openingRequest)
	<-o.err
	if kept.Host != "" || kept.Key != "" || kept.Get("Upgrade") != "" {
		t.Errorf("2.9: the Request lives on: %+v", kept)
	}
}

// shortConn takes half of what is written, and says nothing.
type shortConn struct{ *requestConn }

func (c shortConn) Write(p []byte) (int, error) { return len(p) / 2, nil }

// A response of which a part is missing is not sent: what is cut would be read as frames.
func TestResponseCutShort(t *testing.T) {
	s := &Server{Handler: func(*Conn) { t.Error("2.9: the Handler was called") }}
	if err := s.ServeConn(shortConn{&requestConn{rest: openingRequest}}); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("2.9: ServeConn returns %v", err)
	}
	if _, err := Accept(newHijackRecorder(shortConn{&requestConn{}}, ""), parsedRequest(t, openingRequest), nil); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("2.9: Accept returns %v", err)
	}
}
