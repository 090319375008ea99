package conn

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net"
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
	// through returns a script that opens the tunnel first, and reads no more until the script says so.
	through := func(script func(nc *conntest.PipeConn)) func(nc *conntest.PipeConn) {
		return func(nc *conntest.PipeConn) {
			readRequestHead(nc)
			io.WriteString(nc, established)
			script(nc)
		}
	}
	say := func(answer string) func(nc *conntest.PipeConn) {
		return func(nc *conntest.PipeConn) { io.WriteString(nc, answer) }
	}
	const viaHTTP, viaHTTPS, viaSOCKS = "http://relay.example", "https://example.com", "socks5://user:pass@relay.example"
	for _, tt := range []struct {
		name   string
		url    string
		server *scriptedServer // nil if the connection is never made
		status int             // of the answer that came
		proxy  string
		inside bool // the tunnel
	}{
		{"connecting_to_a_proxy", "ws://server.example.com/", nil, 0, viaHTTP, false},
		{"writing_to_a_proxy", "ws://server.example.com/", &scriptedServer{script: waitClosed}, 0, viaHTTP, false},
		{"reading_nothing_of_a_proxy", "ws://server.example.com/", &scriptedServer{capacity: 1 << 10, script: stuck}, 0, viaHTTP, false},
		{"reading_the_head_of_a_proxy", "ws://server.example.com/", &scriptedServer{capacity: 1 << 10, script: send(established[:20])}, 0, viaHTTP, false},
		{"reading_a_head_of_a_proxy_that_trickles", "ws://server.example.com/", &scriptedServer{capacity: 1 << 10, script: trickle("x")}, 0, viaHTTP, false},
		{"reading_1xx_of_a_proxy", "ws://server.example.com/", &scriptedServer{capacity: 1 << 10, script: trickle("HTTP/1.1 100 Continue\r\n\r\n")}, 0, viaHTTP, false},
		{"reading_the_body_of_a_proxy", "ws://server.example.com/", &scriptedServer{capacity: 1 << 10, script: send("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 100\r\n\r\nno")}, 407, viaHTTP, false},
		{"TLS_handshake_with_a_proxy", "ws://server.example.com/", &scriptedServer{capacity: 1 << 10, script: stuck}, 0, viaHTTPS, false},
		{"reading_nothing_of_a_TLS_proxy", "ws://server.example.com/", &scriptedServer{capacity: 1 << 10, script: secure(func(nc net.Conn) { readRequestHead(nc) })}, 0, viaHTTPS, false},
		{"SOCKS5_methods", "ws://server.example.com/", &scriptedServer{capacity: 1 << 10, script: stuck}, 0, viaSOCKS, false},
		{"writing_SOCKS5_methods", "ws://server.example.com/", &scriptedServer{script: waitClosed}, 0, viaSOCKS, false},
		{"SOCKS5_password", "ws://server.example.com/", &scriptedServer{capacity: 1 << 10, script: say("\x05\x02\x01")}, 0, viaSOCKS, false},
		{"SOCKS5_request", "ws://server.example.com/", &scriptedServer{capacity: 1 << 10, script: say("\x05\x02\x01\x00\x05\x00\x00\x03\xff")}, 0, viaSOCKS, false},
		{"reading_through_a_proxy", "ws://server.example.com/", &scriptedServer{capacity: 1 << 10, script: through(stuck)}, 0, viaHTTP, true},
		{"reading_the_body_through_a_proxy", "ws://server.example.com/", &scriptedServer{capacity: 1 << 10, script: through(send("HTTP/1.1 403 Forbidden\r\n\r\nno"))}, 403, viaHTTP, true},
		{"reading_through_SOCKS5", "ws://server.example.com/", &scriptedServer{capacity: 1 << 10, script: say("\x05\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50")}, 0, viaSOCKS, true},
		{"TLS_handshake_through_a_proxy", "wss://server.example.com/", &scriptedServer{capacity: 1 << 10, script: through(waitClosed)}, 0, viaHTTP, true},
		{"TLS_handshake_through_a_TLS_proxy", "wss://server.example.com/", &scriptedServer{script: secure(func(nc net.Conn) {
			readRequestHead(nc)
			io.WriteString(nc, established)
			var record [5]byte // the header of the ClientHello's
			io.ReadFull(nc, record[:])
			io.CopyN(io.Discard, nc, int64(binary.BigEndian.Uint16(record[3:])))
			waitClosed(nc.(*tls.Conn).NetConn().(*conntest.PipeConn)) // it does not read an alert either
		})}, 0, viaHTTPS, true},
		{"connecting", "ws://server.example.com/", nil, 0, "", true},
		{"writing", "ws://server.example.com/", &scriptedServer{script: func(nc *conntest.PipeConn) { nc.SetReadDeadline(time.Now().Add(time.Hour)); waitClosed(nc) }}, 0, "", true},
		{"reading_nothing", "ws://server.example.com/", &scriptedServer{capacity: 1 << 10, script: stuck}, 0, "", true},
		{"reading_the_head", "ws://server.example.com/", &scriptedServer{capacity: 1 << 10, script: send(goodResponse[:40])}, 0, "", true},
		{"reading_a_head_that_trickles", "ws://server.example.com/", &scriptedServer{capacity: 1 << 10, script: trickle("x")}, 0, "", true},
		{"reading_1xx_that_trickle", "ws://server.example.com/", &scriptedServer{capacity: 1 << 10, script: trickle("HTTP/1.1 100 Continue\r\n\r\n")}, 0, "", true},
		{"reading_the_body", "ws://server.example.com/", &scriptedServer{capacity: 1 << 10, script: send("HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nno")}, 403, "", true},
		{"reading_a_body_without_end", "ws://server.example.com/", &scriptedServer{capacity: 1 << 10, script: send("HTTP/1.1 403 Forbidden\r\n\r\nno")}, 403, "", true},
		{"TLS_handshake", "wss://example.com/", &scriptedServer{capacity: 1 << 10, script: stuck}, 0, "", true},
		{"writing_TLS", "wss://example.com/", &scriptedServer{script: secure(func(nc net.Conn) { waitClosed(nc.(*tls.Conn).NetConn().(*conntest.PipeConn)) })}, 0, "", true},
		{"reading_TLS", "wss://example.com/", &scriptedServer{script: secure(func(nc net.Conn) {
			readRequestHead(nc)
			waitClosed(nc.(*tls.Conn).NetConn().(*conntest.PipeConn)) // it does not read an alert either
		})}, 0, "", true},
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
					cfg := &Config{HandshakeTimeout: want.timeout, TLS: &tls.Config{InsecureSkipVerify: true}, ProxyTLS: &tls.Config{InsecureSkipVerify: true}}
					if tt.proxy != "" {
						cfg.Proxy = viaProxy(t, tt.proxy)
					}
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
					if tt.status != 0 && (isError[*handshake.Error](err) != tt.inside || string(e.Body) != "no") {
						t.Errorf("error is %v with the body %q", err, e.Body)
					}
					if isError[*ProxyError](err) == tt.inside {
						t.Errorf("error is %v", err)
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
		c, err := Dial(ctx, "ws://server.example.com/", &Config{NetDial: s.dial, PingInterval: -1})
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
