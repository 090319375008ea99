package conn

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/handshake"
	"github.com/hawser-go/hawser/internal/conntest"
)

// goodResponse is a valid answer, with $ACCEPT for the value that the key asks for.
const goodResponse = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: $ACCEPT\r\n\r\n"

// helloFrame is a text frame of a server.
const helloFrame = "\x81\x05hello"

// readRequestHead reads the head of a request byte by byte, so that nothing behind it is lost.
func readRequestHead(nc net.Conn) string {
	var head []byte
	for b := make([]byte, 1); !bytes.HasSuffix(head, []byte("\r\n\r\n")); {
		if _, err := io.ReadFull(nc, b); err != nil {
			break
		}
		head = append(head, b[0])
	}
	return string(head)
}

// answerTo returns the response with its $ACCEPT filled in for the request (RFC 6455, 4.2.2).
func answerTo(response, request string) string {
	_, key, _ := strings.Cut(request, "Sec-WebSocket-Key: ")
	key, _, _ = strings.Cut(key, "\r\n")
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return strings.ReplaceAll(response, "$ACCEPT", base64.StdEncoding.EncodeToString(sum[:]))
}

// A scriptedServer is the other end of every connection that its dial opens.
type scriptedServer struct {
	capacity int // of the pipe
	script   func(nc *conntest.PipeConn)
	wrap     func(net.Conn) net.Conn // what the client gets, nil for the pipe itself
	address  string                  // that was dialled
	ends     []*conntest.PipeConn
	done     sync.WaitGroup
}

func (s *scriptedServer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	s.address = network + " " + address
	ours, theirs := conntest.Pipe(s.capacity)
	s.ends = append(s.ends, ours)
	s.done.Go(func() {
		s.script(theirs)
		io.Copy(io.Discard, theirs) // until the client closes: else the bubble is stuck
		theirs.Close()
	})
	if s.wrap != nil {
		return s.wrap(ours), nil
	}
	return ours, nil
}

// checkClosed checks that every connection was closed.
func (s *scriptedServer) checkClosed(t *testing.T) {
	t.Helper()
	for _, end := range s.ends {
		if !slices.ContainsFunc(end.Events(), func(e conntest.Event) bool { return e.Op == "close" }) {
			t.Errorf("the connection was not closed: %v", end.Events())
		}
	}
	s.done.Wait()
}

// answering returns a server that reads the request and writes the response.
func answering(response string) *scriptedServer {
	return &scriptedServer{capacity: 64 << 10, script: func(nc *conntest.PipeConn) {
		io.WriteString(nc, answerTo(response, readRequestHead(nc)))
	}}
}

// answeringAndClosing returns a server that also ends the stream.
func answeringAndClosing(response string) *scriptedServer {
	s := answering(response)
	script := s.script
	s.script = func(nc *conntest.PipeConn) {
		script(nc)
		nc.CloseWrite()
	}
	return s
}

// wantHandshakeError wants Dial to fail with a *HandshakeError.
func wantHandshakeError(t *testing.T, c *Conn, err error) *HandshakeError {
	t.Helper()
	if c != nil {
		t.Fatal("a connection was returned")
	}
	e, ok := errors.AsType[*HandshakeError](err)
	if !ok {
		t.Fatalf("error is %T %v", err, err)
	}
	return e
}

// TestDialRefuses: every wrong answer is an error that has the answer in it (K1, X2).
func TestDialRefuses(t *testing.T) {
	field := func(old, with string) string { return strings.Replace(goodResponse, old, with, 1) }
	more := func(line string) string { return strings.TrimSuffix(goodResponse, "\r\n") + line + "\r\n\r\n" }
	long := strings.Repeat("long ", 1000)
	for _, tt := range []struct {
		name     string
		response string
		status   int
		body     string
		err      string // a part of the text
	}{
		{"4.1/K1/200", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", "status is 200 OK, not 101"},
		{"4.1/K1/204_has_no_body", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", "status is 204 No Content, not 101"},
		{"4.1/K1/403", "HTTP/1.1 403 Forbidden\r\nX-Why: origin\r\nContent-Length: 6\r\n\r\nno way", 403, "no way", `status is 403 Forbidden, not 101 (RFC 6455, 4.1): "no way"`},
		{"4.1/K1/404_chunked", "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 404, "abcde", "status is 404 Not Found"},
		{"4.1/K1/503_until_the_end", "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\n\r\nbusy", 503, "busy", "status is 503"},
		{"4.1/K1/299_has_no_name", "HTTP/1.1 299 Whatever\r\nContent-Length: 0\r\n\r\n", 299, "", "status is 299, not 101"},
		{"4.1/K3/long_body", "HTTP/1.1 500 Oops\r\nContent-Length: 5000\r\n\r\n" + long, 500, long[:1024], "status is 500"},
		{"4.1/K3/long_chunked_body", "HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n1388\r\n" + long + "\r\n0\r\n\r\n", 500, long[:1024], "status is 500"},
		{"4.1/K3/broken_body", "HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX", 500, "abc", "status is 500"},
		{"4.1/K3/cut_body", "HTTP/1.1 500 Oops\r\nContent-Length: 10\r\n\r\nabc", 500, "abc", "status is 500"},
		{"4.1/K4/redirect", "HTTP/1.1 302 Found\r\nLocation: ws://other.example/\r\nContent-Length: 0\r\n\r\n", 302, "", "status is 302 Found, not 101"},
		{"4.1/K1/HTTP_1.0", field("HTTP/1.1", "HTTP/1.0"), 101, "", "response is HTTP/1.0, not HTTP/1.1"},
		{"4.1/K1/HTTP_2.0", field("HTTP/1.1", "HTTP/2.0"), 101, "", "response is HTTP/2.0, not HTTP/1.1"},
		{"4.1/K1/no_Upgrade", field("Upgrade: websocket\r\n", ""), 101, "", "Upgrade is missing, expected websocket"},
		{"4.1/K1/other_Upgrade", field("Upgrade: websocket", "Upgrade: h2c"), 101, "", `Upgrade is "h2c", expected websocket`},
		{"4.1/K1/Upgrade_list", field("Upgrade: websocket", "Upgrade: websocket, h2c"), 101, "", "expected websocket"},
		{"4.1/K1/no_Connection", field("Connection: Upgrade\r\n", ""), 101, "", "Connection is missing, expected Upgrade"},
		{"4.1/K1/other_Connection", field("Connection: Upgrade", "Connection: keep-alive"), 101, "", `Connection is "keep-alive", expected Upgrade`},
		{"4.1/K1/no_Accept", field("Sec-WebSocket-Accept: $ACCEPT\r\n", ""), 101, "", "Sec-WebSocket-Accept is missing"},
		{"4.1/K1/wrong_Accept", field("$ACCEPT", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), 101, "", `Sec-WebSocket-Accept is "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", expected "`},
		{"4.1/K1/padded_Accept", field("$ACCEPT", "$ACCEPT="), 101, "", "Sec-WebSocket-Accept is"},
		{"4.1/K1/repeated_Accept", more("Sec-WebSocket-Accept: $ACCEPT"), 101, "", "Sec-WebSocket-Accept is"},
		{"4.1/X2/subprotocol_not_offered", more("Sec-WebSocket-Protocol: c"), 101, "", `subprotocol "c" was not offered`},
		{"4.1/X2/subprotocol_in_another_case", more("Sec-WebSocket-Protocol: A"), 101, "", `subprotocol "A" was not offered`},
		{"4.1/X2/subprotocol_list", more("Sec-WebSocket-Protocol: a, b"), 101, "", `subprotocol "a, b" was not offered`},
		{"11.3.4/X2/repeated_subprotocol", more("Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: a"), 101, "", "Sec-WebSocket-Protocol is repeated"},
		{"4.1/X2/extension_not_offered", more("Sec-WebSocket-Extensions: permessage-deflate"), 101, "", `extension "permessage-deflate" was not offered`},
		{"9.1/X2/malformed_extension", more("Sec-WebSocket-Extensions: ;"), 101, "", "Sec-WebSocket-Extensions is malformed"},
		{"11.3.2/X2/repeated_extensions", more("Sec-WebSocket-Extensions: a\r\nSec-WebSocket-Extensions: b"), 101, "", "Sec-WebSocket-Extensions is repeated"},
		{"4.1/K1/garbage", "SSH-2.0-OpenSSH_9.6\r\n", 0, "", "malformed HTTP"},
		{"4.1/K1/TLS_alert", "\x15\x03\x01\x00\x02\x02\x0a", 0, "", `malformed HTTP response "\x15\x03\x01\x00\x02\x02"`},
		{"4.1/K1/cut_garbage", "SSH-2.0", 0, "", `the server closed the connection without a complete response: malformed HTTP response "SSH-2.0", unexpected EOF`},
		{"4.1/K1/malformed_field", field("Upgrade: websocket", "Upgrade websocket"), 0, "", "malformed MIME header"},
		{"4.1/K1/nothing", "", 0, "", "the server closed the connection without a complete response: unexpected EOF"},
		{"4.1/K3/endless_fields", "HTTP/1.1 101 Switching Protocols\r\n" + strings.Repeat("X-Name: value\r\n", 5000), 0, "", "the response head is larger than 16384 bytes"},
		{"4.1/K3/endless_line", "HTTP/1.1 101 " + strings.Repeat("x", 50000), 0, "", "the response head is larger than 16384 bytes"},
		{"4.1/K3/endless_1xx", strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n", 2000), 0, "", "the response head is larger than 16384 bytes"},
		{"4.1/1xx_and_no_more", "HTTP/1.1 100 Continue\r\n\r\n", 0, "", "the server closed the connection without a complete response"},
	} {
		inBubble(t, tt.name, func(t *testing.T) {
			s := answeringAndClosing(tt.response)
			c, err := Dial(t.Context(), "ws://server.example.com/", &Config{NetDial: s.dial, Subprotocols: []string{"a", "b"}})
			e := wantHandshakeError(t, c, err)
			if e.Status != tt.status || string(e.Body) != tt.body || !strings.Contains(e.Error(), tt.err) {
				t.Errorf("status %d, body %q, text %q; want %d, %q, %q", e.Status, e.Body, e, tt.status, tt.body, tt.err)
			}
			if (e.Header != nil) != (tt.status != 0) {
				t.Errorf("fields are %v", e.Header)
			}
			for name, want := range map[string]string{"X-Why": "origin", "Retry-After": "7", "Location": "ws://other.example/"} {
				if strings.Contains(tt.response, name+": ") && e.Header.Get(name) != want {
					t.Errorf("%s is %q", name, e.Header.Get(name))
				}
			}
			if h, ok := errors.AsType[*handshake.Error](err); ok != (tt.status != 0) || ok && h.Status != tt.status {
				t.Errorf("the cause is %#v", e.Err)
			}
			s.checkClosed(t)
			read := 0
			for _, event := range s.ends[0].Events() {
				if event.Op == "read" {
					read += event.N
				}
			}
			if read > maxResponseHead {
				t.Errorf("%d bytes were read", read)
			}
		})
	}
}

// TestDialAccepts: every answer that is good, and what comes behind it (K2).
func TestDialAccepts(t *testing.T) {
	for _, tt := range []struct {
		name        string
		response    string
		subprotocol string
	}{
		{"4.1/plain", goodResponse, ""},
		{"4.1/any_case", strings.NewReplacer("Upgrade: websocket", "UPGRADE: WebSocket", "Connection: Upgrade", "connection: keep-alive, upgrade").Replace(goodResponse), ""},
		{"4.1/100_first", "HTTP/1.1 100 Continue\r\n\r\n" + goodResponse, ""},
		{"4.1/several_1xx_first", "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 199 Whatever\r\n\r\n" + goodResponse, ""},
		{"4.1/subprotocol", strings.TrimSuffix(goodResponse, "\r\n") + "Sec-WebSocket-Protocol: b\r\n\r\n", "b"},
		{"4.1/almost_16_KiB", strings.TrimSuffix(goodResponse, "\r\n") + "X-Name: " + strings.Repeat("x", 16200) + "\r\n\r\n", ""},
	} {
		for _, pace := range []string{"whole", "byte_by_byte", "K2/with_a_frame", "K2/with_many_frames"} {
			inBubble(t, tt.name+"/"+pace, func(t *testing.T) {
				frames := helloFrame
				if pace == "K2/with_many_frames" {
					frames = strings.Repeat(helloFrame, 5000)
				}
				s := &scriptedServer{capacity: 64 << 10, script: func(nc *conntest.PipeConn) {
					answer := answerTo(tt.response, readRequestHead(nc))
					if strings.HasPrefix(pace, "K2") {
						answer += frames
					}
					io.WriteString(nc, answer)
					if !strings.HasPrefix(pace, "K2") {
						io.WriteString(nc, frames)
					}
				}}
				if pace == "byte_by_byte" {
					s.wrap = func(nc net.Conn) net.Conn { return conntest.Chopped(nc, 1) }
				}
				c, err := Dial(t.Context(), "ws://server.example.com/", &Config{NetDial: s.dial, Subprotocols: []string{"a", "b"}})
				if err != nil {
					t.Fatal(err)
				}
				if c.Role() != RoleClient || c.State() != StateOpen || c.Subprotocol() != tt.subprotocol || c.Extensions() != "" {
					t.Errorf("role %v, state %v, subprotocol %q, extensions %q", c.Role(), c.State(), c.Subprotocol(), c.Extensions())
				}
				for i := range len(frames) / len(helloFrame) {
					if m, err := c.Read(); string(m.Data) != "hello" || m.Type != Text {
						t.Fatalf("message %d is %q, %v", i, m.Data, err)
					}
				}
				c.CloseNow()
				s.checkClosed(t)
			})
		}
	}
}

// TestDialPrefixes: a response that ends too early, at any byte, is an error.
func TestDialPrefixes(t *testing.T) {
	for i := range len(answerTo(goodResponse, "Sec-WebSocket-Key: x\r\n")) {
		for name, end := range map[string]func(nc *conntest.PipeConn){
			"EOF":   func(nc *conntest.PipeConn) { nc.CloseWrite() },
			"reset": func(nc *conntest.PipeConn) { nc.Reset() },
		} {
			inBubble(t, fmt.Sprintf("4.1/%s_after_%d_bytes", name, i), func(t *testing.T) {
				s := &scriptedServer{capacity: 1 << 10, script: func(nc *conntest.PipeConn) {
					io.WriteString(nc, answerTo(goodResponse, readRequestHead(nc))[:i])
					synctest.Wait() // until the client has read it
					end(nc)
				}}
				c, err := Dial(t.Context(), "ws://server.example.com/", &Config{NetDial: s.dial})
				e := wantHandshakeError(t, c, err)
				want := error(io.ErrUnexpectedEOF)
				if name == "reset" {
					want = syscall.ECONNRESET
				}
				if e.Status != 0 || !errors.Is(err, want) {
					t.Errorf("error is %v, want %v", err, want)
				}
				s.checkClosed(t)
			})
		}
	}
}

// TestDialStops: wherever the handshake is stuck, the context and the timeout end it at once (K3).
func TestDialStops(t *testing.T) {
	stuck := func(nc *conntest.PipeConn) {}
	send := func(response string) func(nc *conntest.PipeConn) {
		return func(nc *conntest.PipeConn) { io.WriteString(nc, answerTo(response, readRequestHead(nc))) }
	}
	trickle := func(line string) func(nc *conntest.PipeConn) {
		return func(nc *conntest.PipeConn) {
			readRequestHead(nc)
			for {
				if _, err := io.WriteString(nc, line); err != nil {
					return
				}
				time.Sleep(70 * time.Millisecond)
			}
		}
	}
	cert := testCertificate(t)
	// secure returns a server that speaks TLS, and after its handshake does as the script says.
	secure := func(script func(nc net.Conn)) func(nc *conntest.PipeConn) {
		return func(nc *conntest.PipeConn) {
			tc := tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{cert}, SessionTicketsDisabled: true})
			if tc.Handshake() == nil {
				script(tc)
			}
		}
	}
	for _, tt := range []struct {
		name   string
		url    string
		server *scriptedServer // nil if the connection is never made
		status int             // of the answer that came
	}{
		{"connecting", "ws://server.example.com/", nil, 0},
		{"writing", "ws://server.example.com/", &scriptedServer{script: func(nc *conntest.PipeConn) { nc.SetReadDeadline(time.Now().Add(time.Hour)); waitClosed(nc) }}, 0},
		{"reading_nothing", "ws://server.example.com/", &scriptedServer{capacity: 1 << 10, script: stuck}, 0},
		{"reading_the_head", "ws://server.example.com/", &scriptedServer{capacity: 1 << 10, script: send(goodResponse[:40])}, 0},
		{"reading_a_head_that_trickles", "ws://server.example.com/", &scriptedServer{capacity: 1 << 10, script: trickle("x")}, 0},
		{"reading_1xx_that_trickle", "ws://server.example.com/", &scriptedServer{capacity: 1 << 10, script: trickle("HTTP/1.1 100 Continue\r\n\r\n")}, 0},
		{"reading_the_body", "ws://server.example.com/", &scriptedServer{capacity: 1 << 10, script: send("HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nno")}, 403},
		{"reading_a_body_without_end", "ws://server.example.com/", &scriptedServer{capacity: 1 << 10, script: send("HTTP/1.1 403 Forbidden\r\n\r\nno")}, 403},
		{"TLS_handshake", "wss://example.com/", &scriptedServer{capacity: 1 << 10, script: stuck}, 0},
		{"writing_TLS", "wss://example.com/", &scriptedServer{script: secure(func(nc net.Conn) { waitClosed(nc.(*tls.Conn).NetConn().(*conntest.PipeConn)) })}, 0},
		{"reading_TLS", "wss://example.com/", &scriptedServer{script: secure(func(nc net.Conn) {
			readRequestHead(nc)
			waitClosed(nc.(*tls.Conn).NetConn().(*conntest.PipeConn)) // it does not read an alert either
		})}, 0},
	} {
		limit := 3 * time.Second
		if tt.status != 0 {
			limit = errorBodyTimeout / 2 // or the body's own limit ends it
		}
		cause := errors.New("the user has left")
		for how, want := range map[string]struct {
			err     error
			timeout time.Duration
			ctx     func(context.Context) (context.Context, func())
		}{
			"HandshakeTimeout": {context.DeadlineExceeded, limit, func(ctx context.Context) (context.Context, func()) { return ctx, func() {} }},
			"the_default_timeout": {context.DeadlineExceeded, 0, func(ctx context.Context) (context.Context, func()) {
				time.Sleep(time.Second) // not a part of it
				return ctx, func() {}
			}},
			"deadline": {context.DeadlineExceeded, -1, func(ctx context.Context) (context.Context, func()) {
				ctx, cancel := context.WithTimeout(ctx, limit)
				return ctx, func() { context.AfterFunc(ctx, cancel) }
			}},
			"cancellation": {context.Canceled, 0, func(ctx context.Context) (context.Context, func()) {
				ctx, cancel := context.WithCancel(ctx)
				return ctx, func() { time.AfterFunc(limit, cancel) }
			}},
			"cancellation_with_a_cause": {cause, -1, func(ctx context.Context) (context.Context, func()) {
				ctx, cancel := context.WithCancelCause(ctx)
				return ctx, func() { time.AfterFunc(limit, func() { cancel(cause) }) }
			}},
		} {
			t.Run("4.1/"+tt.name+"/"+how, func(t *testing.T) {
				conntest.CheckLeaks(t)
				synctest.Test(t, func(t *testing.T) {
					ctx, begin := want.ctx(t.Context())
					cfg := &Config{HandshakeTimeout: want.timeout, TLS: &tls.Config{InsecureSkipVerify: true}}
					var server *scriptedServer
					if tt.server == nil {
						cfg.NetDial = func(ctx context.Context, _, _ string) (net.Conn, error) {
							<-ctx.Done()
							return nil, context.Cause(ctx)
						}
					} else {
						server = &scriptedServer{capacity: tt.server.capacity, script: tt.server.script}
						cfg.NetDial = server.dial
					}
					start := time.Now()
					begin()
					c, err := Dial(ctx, tt.url, cfg)
					limit, wantErr := limit, want.err
					if how == "the_default_timeout" {
						limit = DefaultHandshakeTimeout
						if tt.status != 0 {
							limit, wantErr = errorBodyTimeout, nil
						}
					}
					if took := time.Since(start); took != limit {
						t.Errorf("returned after %v", took)
					}
					e := wantHandshakeError(t, c, err)
					// crypto/tls reports the context's error, not its cause.
					if wantErr != nil && !errors.Is(err, wantErr) && !(tt.name == "TLS_handshake" && errors.Is(err, context.Canceled)) {
						t.Errorf("error is %v, want %v", err, want.err)
					}
					if how == "cancellation_with_a_cause" && !errors.Is(err, context.Canceled) {
						t.Errorf("error is %v, which hides that the context was cancelled", err)
					}
					if e.Status != tt.status || (e.Header != nil) != (tt.status != 0) {
						t.Errorf("status is %d, want %d", e.Status, tt.status)
					}
					if tt.status != 0 {
						if _, ok := errors.AsType[*handshake.Error](err); !ok || string(e.Body) != "no" {
							t.Errorf("error is %v with the body %q", err, e.Body)
						}
					}
					if server != nil {
						server.checkClosed(t)
					}
				})
			})
		}
	}
	t.Run("4.1/cancelled_before", func(t *testing.T) {
		conntest.CheckLeaks(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		// Without NetDial: nothing is connected to.
		c, err := Dial(ctx, "ws://127.0.0.1:1/", nil)
		if e := wantHandshakeError(t, c, err); !errors.Is(e, context.Canceled) {
			t.Errorf("error is %v", err)
		}
	})
	inBubble(t, "4.1/no_timeout", func(t *testing.T) {
		s := &scriptedServer{capacity: 1 << 10, script: func(nc *conntest.PipeConn) {
			head := readRequestHead(nc)
			time.Sleep(1000 * time.Hour)
			io.WriteString(nc, answerTo(goodResponse, head))
		}}
		c, err := Dial(t.Context(), "ws://server.example.com/", &Config{NetDial: s.dial, HandshakeTimeout: -1})
		if err != nil {
			t.Fatal(err)
		}
		c.CloseNow()
		s.checkClosed(t)
	})
	inBubble(t, "4.1/no_effect_afterwards", func(t *testing.T) {
		s := &scriptedServer{capacity: 1 << 10, script: func(nc *conntest.PipeConn) {
			io.WriteString(nc, answerTo(goodResponse, readRequestHead(nc)))
			time.Sleep(time.Hour)
			io.WriteString(nc, helloFrame)
		}}
		ctx, cancel := context.WithCancel(t.Context())
		c, err := Dial(ctx, "ws://server.example.com/", &Config{NetDial: s.dial})
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		if m, err := c.Read(); string(m.Data) != "hello" {
			t.Errorf("read %q, %v", m.Data, err)
		}
		c.CloseNow()
		s.checkClosed(t)
	})
}

// waitClosed returns when the other end has closed, without reading.
func waitClosed(nc *conntest.PipeConn) {
	for {
		if _, err := nc.Write([]byte{}); err != nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// TestDialFails: an operation of the transport fails.
func TestDialFails(t *testing.T) {
	t.Run("4.1/NetDial", func(t *testing.T) {
		c, err := Dial(t.Context(), "ws://server.example.com/", &Config{NetDial: func(context.Context, string, string) (net.Conn, error) {
			return nil, conntest.ErrInjected
		}})
		if e := wantHandshakeError(t, c, err); !errors.Is(e, conntest.ErrInjected) {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("4.1/refused", func(t *testing.T) {
		conntest.CheckLeaks(t)
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ln.Close()
		c, err := Dial(t.Context(), "ws://"+ln.Addr().String(), nil)
		if e := wantHandshakeError(t, c, err); !errors.Is(e, syscall.ECONNREFUSED) {
			t.Errorf("error is %v", err)
		}
	})
	kinds := []conntest.Kind{conntest.Error, conntest.Timeout, conntest.EOF, conntest.ShortRead, conntest.ShortWrite, conntest.Reset, conntest.PartialError, conntest.Stall}
	conntest.FailEach(t, kinds, func(t *testing.T, wrap func(net.Conn) net.Conn) {
		inBubble(t, "4.1", func(t *testing.T) {
			s := answering(goodResponse)
			s.wrap = wrap
			start := time.Now()
			c, err := Dial(t.Context(), "ws://server.example.com/", &Config{NetDial: s.dial})
			if took := time.Since(start); took > DefaultHandshakeTimeout {
				t.Errorf("returned after %v", took)
			}
			if err != nil {
				wantHandshakeError(t, c, err)
				if !errors.Is(err, conntest.ErrInjected) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.ErrShortWrite) && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("error is %v", err)
				}
			} else {
				c.CloseNow()
			}
			s.checkClosed(t)
		})
	})
}

// TestDialURL: K7, with what is dialled and asked for.
func TestDialURL(t *testing.T) {
	for _, tt := range []struct {
		name, url, address, line, host string
	}{
		{"3/port_80", "ws://server.example.com", "tcp server.example.com:80", "GET / HTTP/1.1", "server.example.com"},
		{"3/own_port", "ws://server.example.com:8080/chat?a=b%20c", "tcp server.example.com:8080", "GET /chat?a=b%20c HTTP/1.1", "server.example.com:8080"},
		{"3/default_port_named", "WS://server.example.com:80/", "tcp server.example.com:80", "GET / HTTP/1.1", "server.example.com"},
		{"3/IPv6", "ws://[2001:db8::1]:81/", "tcp [2001:db8::1]:81", "GET / HTTP/1.1", "[2001:db8::1]:81"},
		{"3/IPv6_zone", "ws://[fe80::1%25eth0]/", "tcp [fe80::1%eth0]:80", "GET / HTTP/1.1", "[fe80::1]"},
	} {
		inBubble(t, tt.name, func(t *testing.T) {
			var head string
			s := &scriptedServer{capacity: 1 << 10, script: func(nc *conntest.PipeConn) {
				head = readRequestHead(nc)
				io.WriteString(nc, answerTo(goodResponse, head))
			}}
			c, err := Dial(t.Context(), tt.url, &Config{NetDial: s.dial})
			if err != nil {
				t.Fatal(err)
			}
			c.CloseNow()
			s.checkClosed(t)
			if s.address != tt.address {
				t.Errorf("dialled %s, want %s", s.address, tt.address)
			}
			key, _, _ := strings.Cut(head[strings.Index(head, "Key: ")+5:], "\r\n")
			want := tt.line + "\r\nHost: " + tt.host + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " + key + "\r\nSec-WebSocket-Version: 13\r\n\r\n"
			if head != want || len(key) != 24 {
				t.Errorf("the request is\n%q, want\n%q", head, want)
			}
		})
	}
	for _, tt := range []struct {
		name, url, want string
	}{
		{"3/K7/fragment", "ws://server.example.com/#a", "fragment"},
		{"3/K7/userinfo", "ws://user:secret@server.example.com/", "user information"},
		{"3/K7/opaque", "ws:server.example.com", "no host"},
		{"3/K7/CR_LF", "ws://server.example.com/\r\nX-Name: a", "invalid control character"},
		{"3/K7/CR_LF_in_the_host", "ws://server.example.com%0d%0aX-Name/", "invalid URL escape"},
		{"3/K7/http", "http://server.example.com/", "use ws"},
		{"3/K7/no_host", "ws:///", "no host"},
		{"3/K7/port", "ws://server.example.com:65536/", "port"},
		{"3/K7/empty", "", "no scheme"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Dial(t.Context(), tt.url, &Config{NetDial: mustNotDial(t)})
			if e := wantHandshakeError(t, c, err); e.Status != 0 || !strings.Contains(e.Error(), tt.want) || strings.Contains(e.Error(), "secret") {
				t.Errorf("error is %v, want %q", e, tt.want)
			}
		})
	}
}

// mustNotDial returns a NetDial that fails the test.
func mustNotDial(t *testing.T) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		t.Error("a connection was opened")
		return nil, conntest.ErrInjected
	}
}

// TestDialHeader: what Config adds to the request.
func TestDialHeader(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  Config
		want http.Header
		host string
	}{
		{"4.1/fields", Config{Header: http.Header{"Authorization": {"Bearer x"}, "X-Name": {"a", "b"}}}, http.Header{"Authorization": {"Bearer x"}, "X-Name": {"a", "b"}}, "server.example.com"},
		{"4.1/Host", Config{Header: http.Header{"Host": {"other.example:81"}, "X-Name": {"a"}}}, http.Header{"X-Name": {"a"}}, "other.example:81"},
		{"4.1/Origin", Config{Header: http.Header{"Origin": {"https://a.example"}, "X-Name": {"a"}}}, http.Header{"Origin": {"https://a.example"}, "X-Name": {"a"}}, "server.example.com"},
		{"4.1/Host_and_Origin", Config{Header: http.Header{"Host": {"b.example"}, "Origin": {"null"}}}, http.Header{"Origin": {"null"}}, "b.example"},
		{"4.1/Subprotocols", Config{Subprotocols: []string{"b", "a"}}, http.Header{"Sec-Websocket-Protocol": {"b, a"}}, "server.example.com"},
	} {
		inBubble(t, tt.name, func(t *testing.T) {
			var r *http.Request
			s := &scriptedServer{capacity: 1 << 10, script: func(nc *conntest.PipeConn) {
				head := readRequestHead(nc)
				r, _ = http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
				io.WriteString(nc, answerTo(goodResponse, head))
			}}
			cfg := tt.cfg
			before := cfg.Header.Clone()
			cfg.NetDial = s.dial
			c, err := Dial(t.Context(), "ws://server.example.com/", &cfg)
			if err != nil {
				t.Fatal(err)
			}
			c.CloseNow()
			s.checkClosed(t)
			for _, name := range []string{"Upgrade", "Connection", "Sec-Websocket-Key", "Sec-Websocket-Version"} {
				if len(r.Header[name]) != 1 {
					t.Errorf("%s is %q", name, r.Header[name])
				}
				r.Header.Del(name)
			}
			if !reflect.DeepEqual(r.Header, tt.want) || r.Host != tt.host {
				t.Errorf("the request has the host %q and %v, want %q and %v", r.Host, r.Header, tt.host, tt.want)
			}
			if !reflect.DeepEqual(cfg.Header, before) {
				t.Errorf("Config was written to: %v", cfg.Header)
			}
		})
	}
	for _, tt := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"4.1/T-SPLIT/CR_LF", Config{Header: http.Header{"X-Name": {"a\r\nX-B: c"}}}, "header field X-Name has a control character"},
		{"4.1/T-SPLIT/NUL", Config{Header: http.Header{"X-Name": {"\x00"}}}, "header field X-Name has a control character"},
		{"4.1/T-SPLIT/name", Config{Header: http.Header{"X Name": {"a"}}}, `header field name "X Name" is not a token`},
		{"4.1/T-SPLIT/Host", Config{Header: http.Header{"Host": {"a\r\nX-B: c"}}}, `Host "a\r\nX-B: c" is invalid`},
		{"4.1/T-SPLIT/host_by_another_spelling", Config{Header: http.Header{"host": {"a"}}}, "header field host is set by the handshake"},
		{"4.1/T-SPLIT/Origin", Config{Header: http.Header{"Origin": {"a\r\nX-B: c"}}}, `Origin "a\r\nX-B: c" has a control character`},
		{"4.1/T-SPLIT/subprotocol", Config{Subprotocols: []string{"a\r\nX-B: c"}}, `subprotocol "a\r\nX-B: c" is not a token`},
		{"4.1/T-SPLIT/empty_subprotocol", Config{Subprotocols: []string{""}}, `subprotocol "" is not a token`},
		{"4.1/T-SPLIT/subprotocol_twice", Config{Subprotocols: []string{"a", "a"}}, `subprotocol "a" is offered twice`},
		{"4.1/T-SPLIT/reserved_name", Config{Header: http.Header{"Sec-Websocket-Key": {"a"}}}, "header field Sec-Websocket-Key is set by the handshake"},
		{"4.1/T-SPLIT/body", Config{Header: http.Header{"Content-Length": {"1"}}}, "header field Content-Length is set by the handshake"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := tt.cfg
			cfg.NetDial = mustNotDial(t)
			c, err := Dial(t.Context(), "ws://server.example.com/", &cfg)
			if e := wantHandshakeError(t, c, err); e.Status != 0 || !strings.Contains(e.Error(), tt.want) {
				t.Errorf("error is %v, want %q", e, tt.want)
			}
		})
	}
}

// TestDialKey: "The nonce MUST be selected randomly for each connection." (RFC 6455, 4.1)
func TestDialKey(t *testing.T) {
	seen := map[string]bool{}
	u := &url.URL{Scheme: "ws", Host: "server.example.com", Path: "/"}
	cfg := (*Config)(nil).resolved()
	for range 1000 {
		q := clientRequest(u, &cfg)
		if seen[q.Key] || !handshake.ValidKey(q.Key) {
			t.Fatalf("key %q is invalid or was there before", q.Key)
		}
		seen[q.Key] = true
	}
}

// TestDialSockets: over a socket, without any option.
func TestDialSockets(t *testing.T) {
	t.Run("4.1/echo", func(t *testing.T) {
		conntest.CheckLeaks(t)
		s := quietServer(t, Handler(func(c *Conn) {
			for m, err := range c.Messages() {
				if err != nil || c.Write(m.Type, m.Data) != nil {
					return
				}
			}
		}, nil))
		c, err := Dial(t.Context(), "ws"+strings.TrimPrefix(s.URL, "http"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if !c.transport.socket {
			t.Error("the transport is no socket")
		}
		if err := c.Write(Text, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if m, err := c.Read(); string(m.Data) != "hello" {
			t.Errorf("read %q, %v", m.Data, err)
		}
		if err := c.Close(1000, ""); err != nil {
			t.Error(err)
		}
	})
	t.Run("4.1/refusal_of_our_server", func(t *testing.T) {
		conntest.CheckLeaks(t)
		s := quietServer(t, Handler(func(*Conn) {}, nil))
		c, err := Dial(t.Context(), "ws"+strings.TrimPrefix(s.URL, "http"), &Config{Header: http.Header{"Origin": {"https://evil.example"}}})
		e := wantHandshakeError(t, c, err)
		if e.Status != 403 || !strings.Contains(string(e.Body), `Origin "https://evil.example" is not allowed`) || e.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("error is %v with %v", e, e.Header)
		}
	})
}

// tlsServer serves an echo over TLS and sends what each connection's state was.
func tlsServer(t *testing.T, cfg *tls.Config) (s *httptest.Server, states <-chan tls.ConnectionState) {
	t.Helper()
	ch := make(chan tls.ConnectionState, 10)
	h := Handler(func(c *Conn) {
		for m, err := range c.Messages() {
			if err != nil || c.Write(m.Type, m.Data) != nil {
				return
			}
		}
	}, nil)
	s = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ch <- *r.TLS
		h.ServeHTTP(w, r)
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	s.TLS = cfg
	if cfg == nil {
		s.TLS = &tls.Config{NextProtos: []string{"h2", "http/1.1"}} // ALPN chooses HTTP/2 if it is offered
	}
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, ch
}

// TestDialTLS: K5, T-TLS.
func TestDialTLS(t *testing.T) {
	roots := func(s *httptest.Server) *x509.CertPool {
		pool := x509.NewCertPool()
		pool.AddCert(s.Certificate())
		return pool
	}
	redirect := func(s *httptest.Server) func(context.Context, string, string) (net.Conn, error) {
		return func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, s.Listener.Addr().String())
		}
	}
	for _, tt := range []struct {
		name string
		url  string // "" for the server's own address
		cfg  func(s *httptest.Server) *Config
		sni  string
	}{
		{"address", "", func(s *httptest.Server) *Config { return &Config{TLS: &tls.Config{RootCAs: roots(s)}} }, ""},
		{"name", "wss://example.com/", func(s *httptest.Server) *Config {
			return &Config{TLS: &tls.Config{RootCAs: roots(s)}, NetDial: redirect(s)}
		}, "example.com"},
		{"ServerName", "wss://other.example/", func(s *httptest.Server) *Config {
			return &Config{TLS: &tls.Config{RootCAs: roots(s), ServerName: "example.com"}, NetDial: redirect(s)}
		}, "example.com"},
		{"NextProtos", "wss://example.com/", func(s *httptest.Server) *Config {
			return &Config{TLS: &tls.Config{RootCAs: roots(s), NextProtos: []string{"http/1.1"}}, NetDial: redirect(s)}
		}, "example.com"},
		{"NetDialTLS", "wss://example.com/", func(s *httptest.Server) *Config {
			return &Config{
				TLS:     &tls.Config{ServerName: "not used"},
				NetDial: mustNotDial(t),
				NetDialTLS: func(ctx context.Context, network, address string) (net.Conn, error) {
					if network != "tcp" || address != "example.com:443" {
						t.Errorf("NetDialTLS of %s %s", network, address)
					}
					d := tls.Dialer{Config: &tls.Config{RootCAs: roots(s), ServerName: "example.com", NextProtos: []string{"http/1.1"}}}
					return d.DialContext(ctx, network, s.Listener.Addr().String())
				},
			}
		}, "example.com"},
	} {
		t.Run("4.1/K5/"+tt.name, func(t *testing.T) {
			conntest.CheckLeaks(t)
			s, states := tlsServer(t, nil)
			cfg := tt.cfg(s)
			before := cfg.TLS.Clone()
			u := tt.url
			if u == "" {
				u = "wss://" + s.Listener.Addr().String()
			}
			c, err := Dial(t.Context(), u, cfg)
			if err != nil {
				t.Fatal(err)
			}
			state := <-states
			if state.ServerName != tt.sni || state.NegotiatedProtocol != "http/1.1" || state.Version < tls.VersionTLS12 {
				t.Errorf("server name %q, protocol %q, version %x", state.ServerName, state.NegotiatedProtocol, state.Version)
			}
			if err := c.Write(Text, []byte("hello")); err != nil {
				t.Fatal(err)
			}
			if m, err := c.Read(); string(m.Data) != "hello" {
				t.Errorf("read %q, %v", m.Data, err)
			}
			if err := c.Close(1000, ""); err != nil {
				t.Error(err)
			}
			if cfg.TLS.ServerName != before.ServerName || !slices.Equal(cfg.TLS.NextProtos, before.NextProtos) {
				t.Error("Config.TLS was written to")
			}
		})
	}
	for _, tt := range []struct {
		name   string
		url    string
		server *tls.Config
		cfg    func(s *httptest.Server) *tls.Config
		is     func(error) bool
	}{
		{"self-signed", "wss://example.com/", nil, func(*httptest.Server) *tls.Config { return nil }, isError[x509.UnknownAuthorityError]},
		{"self-signed_with_a_config", "wss://example.com/", nil, func(*httptest.Server) *tls.Config { return &tls.Config{RootCAs: x509.NewCertPool()} }, isError[x509.UnknownAuthorityError]},
		{"wrong_host", "wss://other.example/", nil, func(s *httptest.Server) *tls.Config { return &tls.Config{RootCAs: roots(s)} }, isError[x509.HostnameError]},
		{"wrong_address", "wss://192.0.2.1/", nil, func(s *httptest.Server) *tls.Config { return &tls.Config{RootCAs: roots(s)} }, isError[x509.HostnameError]},
		{"expired", "wss://example.com/", nil, func(s *httptest.Server) *tls.Config {
			return &tls.Config{RootCAs: roots(s), Time: func() time.Time { return time.Date(2500, 1, 1, 0, 0, 0, 0, time.UTC) }}
		}, isError[x509.CertificateInvalidError]},
		{"TLS_1.1", "wss://example.com/", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, func(s *httptest.Server) *tls.Config {
			return &tls.Config{RootCAs: roots(s)}
		}, func(err error) bool { return strings.Contains(err.Error(), "protocol version") }},
	} {
		t.Run("4.1/K5/"+tt.name, func(t *testing.T) {
			conntest.CheckLeaks(t)
			s, states := tlsServer(t, tt.server)
			c, err := Dial(t.Context(), tt.url, &Config{TLS: tt.cfg(s), NetDial: redirect(s)})
			if e := wantHandshakeError(t, c, err); e.Status != 0 || !tt.is(e) {
				t.Errorf("error is %v", err)
			}
			if len(states) > 0 {
				t.Error("a request was sent")
			}
		})
	}
	t.Run("4.1/K5/a_server_without_TLS", func(t *testing.T) {
		conntest.CheckLeaks(t)
		s := quietServer(t, Handler(func(*Conn) {}, nil))
		c, err := Dial(t.Context(), "wss"+strings.TrimPrefix(s.URL, "http"), nil)
		if e := wantHandshakeError(t, c, err); e.Status != 0 || !isError[tls.RecordHeaderError](e) {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("4.1/NetDialTLS_is_not_for_ws", func(t *testing.T) {
		conntest.CheckLeaks(t)
		s := quietServer(t, Handler(func(*Conn) {}, nil))
		c, err := Dial(t.Context(), "ws"+strings.TrimPrefix(s.URL, "http"), &Config{NetDialTLS: mustNotDial(t)})
		if err != nil {
			t.Fatal(err)
		}
		c.CloseNow()
	})
	t.Run("4.1/K5/nothing_turns_verification_off", func(t *testing.T) {
		source, err := os.ReadFile("dial.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"InsecureSkipVerify", "Renegotiation", "MinVersion"} {
			if bytes.Contains(source, []byte(name)) {
				t.Errorf("dial.go has the word %s", name)
			}
		}
	})
}

func isError[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
