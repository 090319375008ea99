package conn

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser/handshake"
	"github.com/hawser-go/hawser/internal/conntest"
)

// openingRequest is a valid opening handshake, with the key of RFC 6455, 1.3.
const openingRequest = "GET /chat HTTP/1.1\r\n" +
	"Host: server.example.com\r\n" +
	"Upgrade: websocket\r\n" +
	"Connection: Upgrade\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
	"Sec-WebSocket-Version: 13\r\n\r\n"

// openingResponse is the answer to openingRequest, with the value of RFC 6455, 1.3.
const openingResponse = "HTTP/1.1 101 Switching Protocols\r\n" +
	"Upgrade: websocket\r\n" +
	"Connection: Upgrade\r\n" +
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

// withFields returns openingRequest with more lines.
func withFields(lines string) string {
	return strings.TrimSuffix(openingRequest, "\r\n") + lines + "\r\n\r\n"
}

// replaced returns openingRequest with other text in the place of old.
func replaced(old, with string) string {
	if !strings.Contains(openingRequest, old) {
		panic("no " + old + " in the request")
	}
	return strings.Replace(openingRequest, old, with, 1)
}

// quietServer serves h on 127.0.0.1 and keeps net/http from logging.
func quietServer(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// rawClient connects to s.
func rawClient(t *testing.T, s *httptest.Server) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(10 * time.Second)) // a test that hangs shall fail
	return nc
}

// rawPeer sends the request and wants the answer to be a 101 response, whose head it returns.
func rawPeer(t *testing.T, s *httptest.Server, request string) (p *conntest.Peer, head string) {
	t.Helper()
	p = conntest.NewPeer(t, rawClient(t, s), true)
	p.SendBytes([]byte(request))
	head = p.ReadHead("the server answers")
	if !strings.HasPrefix(head, "HTTP/1.1 101 ") {
		t.Fatalf("the answer is %q", head)
	}
	return p, head
}

// hijackRecorder is a ResponseWriter over a connection that it gives up.
type hijackRecorder struct {
	httptest.ResponseRecorder
	nc       net.Conn
	buffered string
	hijacked int
	err      error
}

func newHijackRecorder(nc net.Conn, buffered string) *hijackRecorder {
	return &hijackRecorder{ResponseRecorder: *httptest.NewRecorder(), nc: nc, buffered: buffered}
}

func (w *hijackRecorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.hijacked++
	if w.err != nil {
		return nil, nil, w.err
	}
	br := bufio.NewReader(io.MultiReader(strings.NewReader(w.buffered), w.nc))
	if w.buffered != "" {
		br.Peek(len(w.buffered))
	}
	return w.nc, bufio.NewReadWriter(br, bufio.NewWriter(w.nc)), nil
}

// parsedRequest returns the request as net/http's server would.
func parsedRequest(t *testing.T, request string) *http.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// outcomeOfAccept is what Accept returned to a handler.
type outcomeOfAccept struct {
	c   *Conn
	err error
}

// acceptHandler calls Accept and passes on what it returned.
func acceptHandler(cfg *Config) (http.Handler, <-chan outcomeOfAccept) {
	outcomes := make(chan outcomeOfAccept, 1)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := Accept(w, r, cfg)
		outcomes <- outcomeOfAccept{c, err}
	}), outcomes
}

// TestAcceptRefuses: what is wrong is answered over HTTP, the connection goes on where HTTP lets it, and nothing is hijacked (H13).
func TestAcceptRefuses(t *testing.T) {
	for _, tt := range refusals {
		t.Run(tt.name, func(t *testing.T) {
			conntest.CheckLeaks(t)
			wantErr := tt.err
			if wantErr == "" {
				wantErr = tt.body
			}
			checkError := func(err error) {
				t.Helper()
				e, ok := errors.AsType[*HandshakeError](err)
				if !ok {
					t.Fatalf("error is %T %v", err, err)
				}
				if e.Status != tt.status || !strings.Contains(e.Error(), wantErr) || e.Body != nil {
					t.Errorf("error has status %d and the text %q, want %d and %q", e.Status, e, tt.status, wantErr)
				}
				if got := applicationFields(e.Header); !reflect.DeepEqual(got, tt.header) {
					t.Errorf("error has the fields %v, want %v", got, tt.header)
				}
				if h, ok := errors.AsType[*handshake.Error](err); ok == (tt.status == 500) || ok && h.Status != tt.status {
					t.Errorf("the cause is %#v", e.Err)
				}
			}
			checkAnswer := func(status int, header http.Header, body io.Reader) {
				t.Helper()
				b, err := io.ReadAll(body)
				if err != nil {
					t.Error(err)
				}
				if status != tt.status || !strings.Contains(string(b), tt.body) || !strings.HasSuffix(string(b), "\n") {
					t.Errorf("answer is %d %q, want %d %q", status, b, tt.status, tt.body)
				}
				for name, want := range tt.header {
					if got := header[name]; !reflect.DeepEqual(got, want) {
						t.Errorf("%s is %q, want %q", name, got, want)
					}
				}
				for name := range header {
					if _, ok := tt.header[name]; !ok && name != "Date" && name != "Content-Length" && name != "Connection" && name != "Content-Type" && name != "X-Content-Type-Options" {
						t.Errorf("the answer has %s: %q", name, header[name])
					}
				}
				if got := header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
					t.Errorf("Content-Type is %q", got)
				}
				if got := header.Get("X-Content-Type-Options"); got != "nosniff" {
					t.Errorf("X-Content-Type-Options is %q", got)
				}
			}

			w := newHijackRecorder(nil, "")
			c, err := Accept(w, parsedRequest(t, tt.request), tt.cfg)
			if c != nil || w.hijacked > 0 {
				t.Fatal("the connection was taken over")
			}
			checkError(err)
			checkAnswer(w.Code, w.Header(), w.Body)

			handler, outcomes := acceptHandler(tt.cfg)
			nc := rawClient(t, quietServer(t, handler))
			br := bufio.NewReader(nc)
			for range 2 { // twice: the connection can be used again
				if _, err := io.WriteString(nc, tt.request); err != nil {
					t.Fatal(err)
				}
				resp, err := http.ReadResponse(br, nil)
				if err != nil {
					t.Fatal(err)
				}
				if resp.Close != tt.closed {
					t.Errorf("Connection: close is %v, want %v", resp.Close, tt.closed)
				}
				if resp.Close {
					resp.Header["Connection"] = tt.header["Connection"] // http.ReadResponse deletes the field then
				}
				checkAnswer(resp.StatusCode, resp.Header, resp.Body)
				o := <-outcomes
				if o.c != nil {
					t.Fatal("a connection was returned")
				}
				checkError(o.err)
				if tt.closed {
					// Nothing comes behind: neither an echo of the body nor an answer to it.
					if b, err := io.ReadAll(br); len(b) > 0 || err != nil && !isReset(err) {
						t.Errorf("behind the answer comes %q, %v", b, err)
					}
					return
				}
			}
		})
	}
}

// maskedHi is a text frame of a client.
const maskedHi = "\x81\x82\x01\x02\x03\x04\x69\x6b"

// isReset: net/http closes a socket with unread bytes of a body.
func isReset(err error) bool {
	_, ok := errors.AsType[*net.OpError](err)
	return ok && !errors.Is(err, os.ErrDeadlineExceeded)
}

// applicationFields returns h without what describes the body.
func applicationFields(h http.Header) http.Header {
	h = h.Clone()
	h.Del("Content-Type")
	h.Del("X-Content-Type-Options")
	return h
}

// TestAcceptNeverSees: what net/http refuses by itself.
func TestAcceptNeverSees(t *testing.T) {
	for _, tt := range []struct {
		name, request string
	}{
		{"4.2.1/H3/no_Host", replaced("Host: server.example.com\r\n", "")},
		{"4.2.1/H3/two_Hosts", withFields("Host: server.example.com")},
		{"4.2.1/H10/NUL", withFields("X-Name: a\x00b")},
		{"4.2.1/H10/space_before_colon", withFields("X-Name : a")},
		{"4.2.1/H10/leading_space", replaced("Host:", " Host:")},
		{"4.2.1/H11/CR_in_the_path", replaced("/chat", "/ch\rat")},
		{"4.2.1/H8/two_lengths", withFields("Content-Length: 1\r\nContent-Length: 2")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conntest.CheckLeaks(t)
			s := quietServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				t.Errorf("the handler was called with %v", r)
			}))
			nc := rawClient(t, s)
			io.WriteString(nc, tt.request)
			resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
			if err != nil || resp.StatusCode != http.StatusBadRequest {
				t.Errorf("the answer is %v, %v", resp, err)
			}
		})
	}
	t.Run("4.2.1/H10/folded_field_is_one_value", func(t *testing.T) {
		conntest.CheckLeaks(t)
		s := quietServer(t, Handler(func(*Conn) {}, &Config{Subprotocols: []string{"b"}}))
		_, head := rawPeer(t, s, withFields("Sec-WebSocket-Protocol: a,\r\n b"))
		if !strings.Contains(head, "Sec-WebSocket-Protocol: b\r\n") {
			t.Errorf("the answer is %q", head)
		}
	})
	t.Run("4.2.1/HTTP_2", func(t *testing.T) {
		r := parsedRequest(t, openingRequest)
		r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/2.0", 2, 0
		w := newHijackRecorder(nil, "")
		if _, err := Accept(w, r, nil); err == nil || w.Code != http.StatusHTTPVersionNotSupported || w.hijacked > 0 {
			t.Errorf("the answer is %d, %v", w.Code, err)
		}
	})
}

// TestAcceptUpgrades: the whole answer, byte for byte.
func TestAcceptUpgrades(t *testing.T) {
	for _, tt := range []struct {
		name        string
		cfg         *Config
		request     string
		head        string
		subprotocol string
	}{
		{"1.3/example", nil, openingRequest, openingResponse, ""},
		{"4.2.1/H4/case_and_lists", nil, strings.NewReplacer("Upgrade: websocket", "Upgrade: h2c, \tWebSocket", "Connection: Upgrade", "Connection: keep-alive\r\nConnection: uPGRADE ,x").Replace(openingRequest), openingResponse, ""},
		{"4.2.1/H7/no_Origin", &Config{Origins: []string{"https://a.example"}}, openingRequest, openingResponse, ""},
		{"4.2.2/H7/same_origin", nil, withFields("Origin: http://server.example.com"), openingResponse, ""},
		{"4.2.2/H7/same_origin_whatever_the_scheme", nil, withFields("Origin: https://SERVER.example.com.:443"), openingResponse, ""},
		{"4.2.2/H7/in_the_list", &Config{Origins: []string{"https://a.example", "https://b.example"}}, withFields("Origin: https://b.example"), openingResponse, ""},
		{"4.2.2/H7/pattern_in_the_list", &Config{Origins: []string{"https://*.b.example"}}, withFields("Origin: https://a.b.example"), openingResponse, ""},
		{"4.2.2/H7/null_in_the_list", &Config{Origins: []string{"null"}}, withFields("Origin: null"), openingResponse, ""},
		{"4.2.2/H7/any", &Config{Origins: []string{"*"}}, withFields("Origin: garbage"), openingResponse, ""},
		{"4.2.1/H11/absolute_form", nil, replaced("/chat", "http://server.example.com/chat"), openingResponse, ""},
		{"4.2.2/H12/the_server's_preference", &Config{Subprotocols: []string{"c", "b", "a"}}, withFields("Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b"),
			strings.TrimSuffix(openingResponse, "\r\n") + "Sec-WebSocket-Protocol: b\r\n\r\n", "b"},
		{"4.2.2/H12/case_matters", &Config{Subprotocols: []string{"A"}}, withFields("Sec-WebSocket-Protocol: a"), openingResponse, ""},
		{"4.2.2/H12/none_offered", &Config{Subprotocols: []string{"a"}}, openingRequest, openingResponse, ""},
		{"4.2.2/H12/none_spoken", nil, withFields("Sec-WebSocket-Protocol: a"), openingResponse, ""},
		{"9.1/extensions_are_declined", nil, withFields("Sec-WebSocket-Extensions: permessage-deflate"), openingResponse, ""},
		{"4.2.2/Header", &Config{Header: http.Header{"X-Name": {"a", "b"}, "Set-Cookie": {"c=d"}}}, openingRequest,
			strings.TrimSuffix(openingResponse, "\r\n") + "Set-Cookie: c=d\r\nX-Name: a\r\nX-Name: b\r\n\r\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conntest.CheckLeaks(t)
			handler, outcomes := acceptHandler(tt.cfg)
			p, head := rawPeer(t, quietServer(t, handler), tt.request)
			if head != tt.head {
				t.Errorf("the answer is\n%q, want\n%q", head, tt.head)
			}
			o := <-outcomes
			if o.err != nil {
				t.Fatal(o.err)
			}
			if o.c.Role() != RoleServer || o.c.State() != StateOpen || o.c.Subprotocol() != tt.subprotocol || o.c.Extensions() != "" {
				t.Errorf("role %v, state %v, subprotocol %q, extensions %q", o.c.Role(), o.c.State(), o.c.Subprotocol(), o.c.Extensions())
			}
			if o.c.RemoteAddr().String() != p.Conn().LocalAddr().String() || o.c.LocalAddr().String() != p.Conn().RemoteAddr().String() {
				t.Errorf("addresses are %v and %v", o.c.LocalAddr(), o.c.RemoteAddr())
			}
			if err := o.c.CloseNow(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestAcceptKeepsWhatIsPipelined: H9.
func TestAcceptKeepsWhatIsPipelined(t *testing.T) {
	s := quietServer(t, Handler(func(c *Conn) {
		for m, err := range c.Messages() {
			if err == nil {
				err = c.Write(m.Type, m.Data)
			}
			if err != nil {
				return
			}
		}
	}, nil))
	long := strings.Repeat("long", 4000) // more than net/http's buffer holds
	frames := []byte(openingRequest + maskedHi)
	frames = conntest.Frame{Fin: true, Opcode: conntest.Text, Masked: true, Key: [4]byte{1, 2, 3, 4}, Payload: []byte(long)}.Append(frames)
	for _, cut := range []int{0, len(openingRequest) - 1, len(openingRequest), len(openingRequest) + 1, len(openingRequest) + 7, len(openingRequest) + 8, 4096, len(frames) - 1} {
		t.Run(fmt.Sprintf("4.1/H9/cut_at_%d", cut), func(t *testing.T) {
			p := conntest.NewPeer(t, rawClient(t, s), true)
			if cut > 0 {
				p.SendBytes(frames[:cut])
			}
			p.SendBytes(frames[cut:])
			if head := p.ReadHead("the server answers"); head != openingResponse {
				t.Fatalf("the answer is %q", head)
			}
			p.WantText("a frame behind the request is not lost", "hi")
			p.WantText("nor is a long one", long)
			p.SendClose(1000, "")
			p.WantClose("the server answers", 1000, nil)
			p.WantEOF("the server closes")
		})
	}
	t.Run("4.1/H9/the_recorder's_buffer", func(t *testing.T) {
		ours, theirs := conntest.Pipe(1 << 10)
		c, err := Accept(newHijackRecorder(ours, maskedHi+maskedHi[:3]), parsedRequest(t, openingRequest), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseNow()
		io.WriteString(theirs, maskedHi[3:])
		for range 2 {
			if m, err := c.Read(); string(m.Data) != "hi" || err != nil {
				t.Errorf("read %q, %v", m.Data, err)
			}
		}
	})
}

// unwrapper is a middleware's ResponseWriter.
type unwrapper struct{ http.ResponseWriter }

func (u unwrapper) Unwrap() http.ResponseWriter { return u.ResponseWriter }

// opaque is a middleware's ResponseWriter that hides the connection.
type opaque struct{ http.ResponseWriter }

func TestAcceptResponseWriters(t *testing.T) {
	t.Run("4.2.2/Unwrap", func(t *testing.T) {
		conntest.CheckLeaks(t)
		s := quietServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			Handler(func(*Conn) {}, nil).ServeHTTP(unwrapper{unwrapper{w}}, r)
		}))
		p, _ := rawPeer(t, s, openingRequest)
		p.WantClose("the connection works", 1000, nil)
	})
	for _, tt := range []struct {
		name string
		wrap func(http.ResponseWriter) http.ResponseWriter
		want string
	}{
		{"4.2.2/no_Unwrap", func(w http.ResponseWriter) http.ResponseWriter { return opaque{w} }, "the http.ResponseWriter is a conn.opaque that does not give up the connection, because it has neither Hijack nor Unwrap: feature not supported"},
		{"4.2.2/inside_Unwrap", func(w http.ResponseWriter) http.ResponseWriter { return unwrapper{opaque{w}} }, "the http.ResponseWriter is a conn.opaque that does not give up the connection"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conntest.CheckLeaks(t)
			errs := make(chan error, 1)
			s := quietServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, err := Accept(tt.wrap(w), r, nil)
				errs <- err
			}))
			nc := rawClient(t, s)
			br := bufio.NewReader(nc)
			for range 2 {
				io.WriteString(nc, openingRequest)
				resp, err := http.ReadResponse(br, nil)
				if err != nil {
					t.Fatal(err)
				}
				if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 500 || string(body) != "Internal Server Error\n" {
					t.Errorf("the answer is %d %q", resp.StatusCode, body)
				}
				if err := <-errs; !errors.Is(err, http.ErrNotSupported) || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("error is %v", err)
				}
			}
		})
	}
	t.Run("4.2.2/ResponseRecorder", func(t *testing.T) {
		w := httptest.NewRecorder()
		_, err := Accept(w, parsedRequest(t, openingRequest), nil)
		if e, ok := errors.AsType[*HandshakeError](err); !ok || e.Status != 500 || !strings.Contains(e.Error(), "*httptest.ResponseRecorder") {
			t.Errorf("error is %v", err)
		}
		if w.Code != 500 || w.Body.String() != "Internal Server Error\n" {
			t.Errorf("the answer is %d %q", w.Code, w.Body)
		}
	})
	t.Run("4.2.2/Hijack_fails", func(t *testing.T) {
		w := newHijackRecorder(nil, "")
		w.err = conntest.ErrInjected
		if _, err := Accept(w, parsedRequest(t, openingRequest), nil); !errors.Is(err, conntest.ErrInjected) || w.Code != 500 {
			t.Errorf("answered with %d, %v", w.Code, err)
		}
	})
}

// TestAcceptWrites: the answer leaves within the handshake timeout, or the connection is closed.
func TestAcceptWrites(t *testing.T) {
	inBubble(t, "2.9/handshake_timeout", func(t *testing.T) {
		ours, theirs := conntest.Pipe(0)
		start := time.Now()
		_, err := Accept(newHijackRecorder(ours, ""), parsedRequest(t, openingRequest), &Config{HandshakeTimeout: 3 * time.Second})
		if took := time.Since(start); took != 3*time.Second || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("returned after %v with %v", took, err)
		}
		if e, ok := errors.AsType[*HandshakeError](err); !ok || e.Status != http.StatusSwitchingProtocols {
			t.Errorf("error is %#v", err)
		}
		if _, err := theirs.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the peer reads %v", err)
		}
	})
	inBubble(t, "2.9/a_deadline_of_net/http_is_over", func(t *testing.T) {
		for _, timeout := range []time.Duration{0, -1, time.Second} {
			ours, theirs := conntest.Pipe(1 << 10)
			ours.SetDeadline(time.Now().Add(-time.Hour))
			c, err := Accept(newHijackRecorder(ours, ""), parsedRequest(t, openingRequest), &Config{HandshakeTimeout: timeout, PingInterval: -1})
			if err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(time.Hour, func() { io.WriteString(theirs, maskedHi) })
			if m, err := c.Read(); string(m.Data) != "hi" {
				t.Errorf("read %q, %v", m.Data, err)
			}
			c.CloseNow()
		}
	})
	inBubble(t, "2.9/no_handshake_timeout", func(t *testing.T) {
		ours, theirs := conntest.Pipe(0)
		time.AfterFunc(time.Hour, func() { io.ReadFull(theirs, make([]byte, len(openingResponse))) })
		c, err := Accept(newHijackRecorder(ours, ""), parsedRequest(t, openingRequest), &Config{HandshakeTimeout: -1})
		if err != nil {
			t.Fatal(err)
		}
		c.CloseNow()
	})
	conntest.FailEach(t, []conntest.Kind{conntest.Error, conntest.Timeout, conntest.ShortWrite, conntest.PartialError, conntest.Reset, conntest.Stall, conntest.DeadlineError},
		func(t *testing.T, wrap func(net.Conn) net.Conn) {
			inBubble(t, "2.9", func(t *testing.T) {
				ours, theirs := conntest.Pipe(1 << 10)
				start := time.Now()
				c, err := Accept(newHijackRecorder(wrap(ours), ""), parsedRequest(t, openingRequest), nil)
				if took := time.Since(start); took > DefaultHandshakeTimeout {
					t.Errorf("returned after %v", took)
				}
				if err != nil {
					if c != nil || !errors.Is(err, conntest.ErrInjected) && !errors.Is(err, io.ErrShortWrite) && !errors.Is(err, os.ErrDeadlineExceeded) {
						t.Errorf("returned %v, %v", c, err)
					}
				} else {
					c.CloseNow()
				}
				if got, _ := io.ReadAll(theirs); !strings.HasPrefix(openingResponse, string(got)) {
					t.Errorf("the peer read %q", got)
				}
			})
		})
}
