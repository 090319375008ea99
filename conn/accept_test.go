package conn

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync"
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

var (
	fields426 = http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Version": {"13"}}
	noFields  = http.Header{}
)

// TestAcceptRefuses: what is wrong is answered over HTTP, the connection goes on where HTTP lets it, and nothing is hijacked (H13).
func TestAcceptRefuses(t *testing.T) {
	const status400, status403, status405, status426, status500 = 400, 403, 405, 426, 500
	for _, tt := range []struct {
		name    string
		cfg     *Config
		request string
		status  int
		header  http.Header // beside the content's
		body    string      // a part of it
		closed  bool        // HTTP does not let the connection go on
		err     string      // a part of Accept's error; body, if empty
	}{
		{name: "4.2.1/H1/HTTP_1.0", request: replaced("HTTP/1.1", "HTTP/1.0"), status: status426, header: fields426, body: "request is HTTP/1.0, not HTTP/1.1", closed: true},
		{name: "4.2.1/H2/POST", request: replaced("GET", "POST"), status: status405, header: http.Header{"Allow": {"GET"}}, body: `request method is "POST", not GET (RFC 6455, 4.2.1)`},
		{name: "4.2.1/H2/lower_case", request: replaced("GET", "get"), status: status405, header: http.Header{"Allow": {"GET"}}, body: `request method is "get", not GET`},
		{name: "4.2.1/H3/empty_Host", request: replaced("Host: server.example.com", "Host:"), status: status400, header: noFields, body: `Host "" is invalid`},
		{name: "4.2.1/H3/malformed_Host", request: replaced("Host: server.example.com", "Host: a:b:c"), status: status400, header: noFields, body: `Host "a:b:c" is invalid`},
		{name: "4.2.1/H4/no_Upgrade", request: replaced("Upgrade: websocket\r\n", ""), status: status426, header: fields426, body: "Upgrade is missing, expected websocket"},
		{name: "4.2.1/H4/Upgrade_websocketx", request: replaced("Upgrade: websocket", "Upgrade: websocketx"), status: status426, header: fields426, body: `Upgrade is "websocketx"`},
		{name: "4.2.1/H4/Upgrade_quoted", request: replaced("Upgrade: websocket", `Upgrade: "websocket"`), status: status426, header: fields426, body: "expected websocket"},
		{name: "4.2.1/H4/no_Connection", request: replaced("Connection: Upgrade\r\n", ""), status: status426, header: fields426, body: "Connection is missing, expected Upgrade"},
		{name: "4.2.1/H4/Connection_xupgrade", request: replaced("Connection: Upgrade", "Connection: xupgrade, keep-alive"), status: status426, header: fields426, body: `Connection is "xupgrade, keep-alive"`},
		{name: "4.2.1/H5/no_key", request: replaced("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), status: status400, header: noFields, body: "Sec-WebSocket-Key is missing"},
		{name: "4.2.1/H5/repeated_key", request: withFields("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), status: status400, header: noFields, body: "expected base64 of 16 bytes"},
		{name: "4.2.1/H5/key_not_base64", request: replaced("dGhl", "d*hl"), status: status400, header: noFields, body: `Sec-WebSocket-Key is "d*hlIHNhbXBsZSBub25jZQ=="`},
		{name: "4.2.1/H5/key_of_15_bytes", request: replaced("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25j"), status: status400, header: noFields, body: "expected base64 of 16 bytes"},
		{name: "4.4/H6/no_version", request: replaced("Sec-WebSocket-Version: 13\r\n", ""), status: status426, header: fields426, body: "Sec-WebSocket-Version is missing, expected 13 (RFC 6455, 4.4)"},
		{name: "4.4/H6/version_8", request: replaced("Version: 13", "Version: 8"), status: status426, header: fields426, body: `Sec-WebSocket-Version is "8", expected 13`},
		{name: "4.4/H6/version_list", request: replaced("Version: 13", "Version: 13, 8"), status: status426, header: fields426, body: `Sec-WebSocket-Version is "13, 8"`},
		{name: "11.3.5/H6/repeated_version", request: withFields("Sec-WebSocket-Version: 13"), status: status426, header: fields426, body: "Sec-WebSocket-Version"},
		{name: "10.2/H7/other_origin", request: withFields("Origin: https://evil.example"), status: status403, header: noFields,
			body: `Origin "https://evil.example" is not allowed to connect to host "server.example.com"; if it should be, add it to Config.Origins (RFC 6455, 10.2)`},
		{name: "10.2/H7/null", request: withFields("Origin: null"), status: status403, header: noFields, body: `Origin "null" is not allowed`},
		{name: "10.2/H7/userinfo", request: withFields("Origin: http://server.example.com@evil.example"), status: status403, header: noFields, body: "is malformed"},
		{name: "10.2/H7/suffix", request: withFields("Origin: http://server.example.com.evil.example"), status: status403, header: noFields, body: "is not allowed"},
		{name: "10.2/H7/other_port", request: withFields("Origin: http://server.example.com:8080"), status: status403, header: noFields, body: "is not allowed"},
		{name: "10.2/H7/repeated", request: withFields("Origin: http://server.example.com\r\nOrigin: http://server.example.com"), status: status403, header: noFields, body: "expected one origin or none"},
		{name: "10.2/H7/empty", request: withFields("Origin:"), status: status403, header: noFields, body: "expected one origin or none"},
		{name: "10.2/H7/not_in_the_list", cfg: &Config{Origins: []string{"https://a.example", "https://b.example:444"}}, request: withFields("Origin: https://b.example"),
			status: status403, header: noFields, body: `Origin "https://b.example" is not allowed to connect to host "server.example.com"`},
		{name: "10.2/H7/the_list_replaces_the_same_origin", cfg: &Config{Origins: []string{"https://a.example"}}, request: withFields("Origin: http://server.example.com"),
			status: status403, header: noFields, body: "is not allowed"},
		{name: "4.2.1/H8/T-BODY/Content-Length", request: withFields("Content-Length: 8") + maskedHi, status: status400, header: http.Header{"Connection": {"close"}}, body: "request has a body", closed: true},
		{name: "4.2.1/H8/T-BODY/chunked", request: withFields("Transfer-Encoding: chunked") + "8\r\n" + maskedHi + "\r\n0\r\n\r\n", status: status400, header: http.Header{"Connection": {"close"}}, body: "request has a body", closed: true},
		{name: "4.2.1/H11/fragment", request: replaced("/chat", "/chat#x"), status: status400, header: noFields, body: "request-target"},
		{name: "4.2.1/H11/other_scheme", request: replaced("/chat", "ftp://server.example.com/chat"), status: status400, header: noFields, body: "request-target"},
		{name: "4.1/H12/subprotocol_twice", request: withFields("Sec-WebSocket-Protocol: a, a"), status: status400, header: noFields, body: `"a" is there twice`},
		{name: "4.1/H12/subprotocol_no_token", request: withFields("Sec-WebSocket-Protocol: a/b"), status: status400, header: noFields, body: "Sec-WebSocket-Protocol is malformed"},
		{name: "9.1/H12/malformed_extensions", request: withFields("Sec-WebSocket-Extensions: ;"), status: status400, header: noFields, body: "Sec-WebSocket-Extensions is malformed"},
		{name: "4.2.2/T-SPLIT/CR_LF", cfg: &Config{Header: http.Header{"X-Name": {"a\r\nSet-Cookie: b=c"}}}, request: openingRequest, status: status500, header: noFields,
			body: "Internal Server Error", err: "header field X-Name has a control character in its value"},
		{name: "4.2.2/T-SPLIT/NUL", cfg: &Config{Header: http.Header{"X-Name": {"a\x00"}}}, request: openingRequest, status: status500, header: noFields,
			body: "Internal Server Error", err: "header field X-Name has a control character in its value"},
		{name: "4.2.2/T-SPLIT/name", cfg: &Config{Header: http.Header{"X-A: b\r\nX-C": {"d"}}}, request: openingRequest, status: status500, header: noFields,
			body: "Internal Server Error", err: `header field name "X-A: b\r\nX-C" is not a token`},
		{name: "4.2.2/T-SPLIT/reserved_name", cfg: &Config{Header: http.Header{"Sec-Websocket-Accept": {"x"}}}, request: openingRequest, status: status500, header: noFields,
			body: "Internal Server Error", err: "header field Sec-Websocket-Accept is set by the handshake"},
		{name: "4.2.2/T-SPLIT/subprotocol", cfg: &Config{Subprotocols: []string{"a\r\nX-B: c"}}, request: withFields("Sec-WebSocket-Protocol: a\tX-B: c"), status: status400, header: noFields,
			body: "Sec-WebSocket-Protocol is malformed"},
		{name: "10.2/H14/typo_in_Origins", cfg: &Config{Origins: []string{"https:/a.example"}}, request: openingRequest, status: status500, header: noFields,
			body: "Internal Server Error", err: `Config.Origins: handshake: "https:/a.example" is no origin`},
	} {
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
				if h, ok := errors.AsType[*handshake.Error](err); ok == (tt.status == status500) || ok && h.Status != tt.status {
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
		{"4.2.2/no_Unwrap", func(w http.ResponseWriter) http.ResponseWriter { return opaque{w} }, "the http.ResponseWriter is a conn.opaque that does not give up the connection: feature not supported"},
		{"4.2.2/inside_Unwrap", func(w http.ResponseWriter) http.ResponseWriter { return unwrapper{opaque{w}} }, "the http.ResponseWriter is a conn.unwrapper that does not give up the connection: feature not supported"},
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
			c, err := Accept(newHijackRecorder(ours, ""), parsedRequest(t, openingRequest), &Config{HandshakeTimeout: timeout})
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
		{"2.9/nil_function", nil, nil, "hawser: Handler with a nil function"},
		{"10.2/typo_in_Origins", nothing, &Config{Origins: []string{"example.com"}}, `hawser: Config.Origins: handshake: "example.com" is no origin like "https://example.com": no "scheme://"`},
		{"10.2/pattern_in_Origins", nothing, &Config{Origins: []string{"https://*.example.com"}}, `hawser: Config.Origins: handshake: origin "https://*.example.com": there are no patterns, list each host`},
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
