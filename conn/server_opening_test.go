package conn

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/handshake"
	"github.com/hawser-go/hawser/internal/conntest"
)

type requestView = handshake.Request

// browserRequest is an opening handshake as a browser sends it.
const browserRequest = "GET /chat?room=1 HTTP/1.1\r\nHost: server.example.com:8080\r\nConnection: Upgrade\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\nUpgrade: websocket\r\n" +
	"Origin: http://server.example.com:8080\r\nSec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n" +
	"Cookie: session=0123456789abcdef0123456789abcdef\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
	"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"

// TestServerRefuses: the same requests as in TestAcceptRefuses get the same answers, and the connection is closed behind them so that they arrive.
func TestServerRefuses(t *testing.T) {
	for _, tt := range refusals {
		for _, way := range []string{"whole", "one_byte_at_a_time"} {
			t.Run(tt.name+"/"+way, func(t *testing.T) {
				cfg := Config{}
				if tt.cfg != nil {
					cfg = *tt.cfg
				}
				if cfg.validOrigins() != nil {
					t.Skip("the server does not start") // TestServerMisconfigured
				}
				conntest.CheckLeaks(t)
				log := &records{}
				cfg.Logger = slog.New(log)
				s := &Server{Handler: func(*Conn) { t.Error("the Handler was called") }, Config: &cfg}
				sizes := []int{len(tt.request)}
				if way != "whole" {
					sizes = []int{1}
				}
				o := serveOne(s, 1<<16, func(nc net.Conn) net.Conn { return conntest.Chopped(nc, sizes...) })
				io.WriteString(o.peer, tt.request)
				resp, body := readAnswer(t, o.peer)
				want := tt.header.Clone()
				want.Del("Connection")
				if want.Get("Upgrade") != "" {
					want.Set("Connection", "Upgrade, close")
				}
				for name := range want {
					if name != "Connection" && resp.Header.Get(name) != want.Get(name) {
						t.Errorf("%s is %q, want %q", name, resp.Header[name], want[name])
					}
				}
				if resp.StatusCode != tt.status || !strings.Contains(body, tt.body) || !resp.Close {
					t.Errorf("the answer is %d %q, close %v; want %d %q", resp.StatusCode, body, resp.Close, tt.status, tt.body)
				}
				o.peer.Close()
				wantErr := tt.err
				if wantErr == "" {
					wantErr = tt.body
				}
				e, ok := errors.AsType[*HandshakeError](<-o.err)
				if !ok || e.Status != tt.status || !strings.Contains(e.Error(), wantErr) {
					t.Errorf("ServeConn returns %v", e)
				}
				if logged := len(log.get()) == 1; logged != (tt.status == 500) {
					t.Errorf("logged %v", log.get())
				}
			})
		}
	}
}

// readAnswer reads a response and then the end of the stream.
func readAnswer(t *testing.T, nc io.Reader) (*http.Response, string) {
	t.Helper()
	all, err := io.ReadAll(nc)
	if err != nil {
		t.Fatalf("behind %q comes %v", all, err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(all)), nil)
	if err != nil {
		t.Fatalf("the answer is %q, %v", all, err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || int64(len(body)) != resp.ContentLength || !bytes.HasSuffix(all, body) {
		t.Fatalf("the answer is %q, %v", all, err)
	}
	if _, err := http.ParseTime(resp.Header.Get("Date")); err != nil {
		t.Errorf("Date is %q", resp.Header.Get("Date"))
	}
	return resp, string(body)
}

// TestServerRefusesHeads: what is no request, or too large for one (RELIABILITY 1.5 and 2.5).
func TestServerRefusesHeads(t *testing.T) {
	long := func(field, value string, n int) string { return withFields(field + strings.Repeat(value, n)) }
	for _, tt := range []struct {
		name, request string
		status        int
		body          string
	}{
		{"4.2.1/H3/no_Host", replaced("Host: server.example.com\r\n", ""), 400, "Host is missing, expected one"},
		{"4.2.1/H3/two_Hosts", withFields("Host: server.example.com"), 400, `Host is "server.example.com" and "server.example.com", expected one`},
		{"9112,5.2/H10/obs-fold", withFields("X: a\r\n b"), 400, "a field must stand on one line"},
		{"9112,2.2/H10/LF", strings.ReplaceAll(openingRequest, "\r\n", "\n"), 400, "the HTTP version has the byte 0x0a"},
		{"9112,2.2/H10/CR", withFields("X: a\rb"), 400, "a CR without LF"},
		{"9110,5.5/H10/NUL", withFields("X: a\x00"), 400, "a field value has the byte 0x00"},
		{"9112,2.2/H10/leading_space", replaced("Host:", " Host:"), 400, "starts with white space"},
		{"9112,5.1/H10/space_before_colon", withFields("X : a"), 400, "a field name has the byte 0x20"},
		{"9112,3/H11/CR_in_the_path", replaced("/chat", "/ch\rat"), 400, "the request-target has the byte 0x0d"},
		{"9112,3/TLS_ClientHello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "the method has the byte 0x16"},
		{"9113,3.4/HTTP_2_preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "request is HTTP/2.0"},
		{"10.4/T-HDR/quote_and_64_KiB_of_escapes", long(`Sec-WebSocket-Extensions: a; b="`, `\c`, 32<<10), 431, "larger than 16384 bytes"},
		{"10.4/T-HDR/quote_and_12_KiB_of_escapes", long(`Sec-WebSocket-Extensions: a; b="x`, `\c`, 6<<10), 400, "Sec-WebSocket-Extensions is malformed"},
		{"10.4/T-HDR/64_KiB_of_spaces", long("Sec-WebSocket-Protocol:", " ", 64<<10), 431, "larger than 16384 bytes"},
		{"10.4/T-HDR/12_KiB_of_spaces", long("Sec-WebSocket-Protocol: a", " ", 12<<10), 101, ""},
		{"10.4/T-HDR/separators", withFields(`Sec-WebSocket-Extensions: ,;=,"`), 400, "malformed"},
		{"10.4/T-HDR/two_semicolons", withFields("Sec-WebSocket-Extensions: a;;b"), 400, "malformed"},
		{"10.4/T-HDR/no_value", withFields("Sec-WebSocket-Extensions: a; b="), 400, "malformed"},
		{"10.4/T-HDR/text_behind_a_quoted_value", withFields(`Sec-WebSocket-Extensions: a; b="c"d`), 400, "malformed"},
		{"10.4/T-HDR/empty_quoted_value", withFields(`Sec-WebSocket-Extensions: a; b=""`), 400, "malformed"},
		{"10.4/T-HDR/__proto__", withFields("Sec-WebSocket-Extensions: __proto__, constructor"), 101, ""},
		{"10.4/T-HDR/bytes_from_0x80", withFields("Sec-WebSocket-Protocol: \x80\xff"), 400, "malformed"},
		{"10.4/T-HDR/DEL", withFields("X: \x7f"), 400, "the byte 0x7f"},
		{"10.4/T-HDR/200_fields", withFields(strings.Repeat("X: a\r\n", 199) + "X: a"), 431, "more than 64 field lines"},
		{"10.4/T-HDR/one_field_of_1_MiB", long("X:", "a", 1<<20), 431, "larger than 16384 bytes"},
		{"10.4/T-HDR/1_MiB_of_subprotocols", long("Sec-WebSocket-Protocol: a", ",b", 512<<10), 431, "larger than 16384 bytes"},
		{"10.4/T-HDR/14_KiB_of_subprotocols", long("Sec-WebSocket-Protocol: a", ",b", 7<<10), 400, "more than 64 separators"},
		{"10.4/T-HDR/target_of_1_MiB", replaced("/chat", "/"+strings.Repeat("a", 1<<20)), 414, "the request line is longer"},
		{"10.4/T-HDR/Host", replaced("server.example.com", "[::"), 400, `Host "[::" is invalid`},
		{"9112,2.2/empty_line_first", "\r\n" + openingRequest, 101, ""},
		{"9110,9.3.2/HEAD", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", 405, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conntest.CheckLeaks(t)
			s := &Server{Handler: func(*Conn) {}, Config: &Config{Logger: slog.New(slog.DiscardHandler)}}
			o := serveOne(s, 1<<10, nil)
			go func() { // the answer may come before the request is through
				io.WriteString(o.peer, tt.request)
				o.peer.CloseWrite()
			}()
			all, err := io.ReadAll(o.peer)
			if err != nil {
				t.Fatal(err)
			}
			want := fmt.Sprintf("HTTP/1.1 %d ", tt.status)
			if !strings.HasPrefix(string(all), want) || tt.status != 101 && !strings.Contains(string(all), tt.body) {
				t.Errorf("the answer is %q, want %d %q", all, tt.status, tt.body)
			}
			if strings.HasPrefix(tt.request, "HEAD") && !bytes.HasSuffix(all, []byte("\r\n\r\n")) {
				t.Errorf("the answer to HEAD has a body: %q", all)
			}
			<-o.err
		})
	}
}

// TestServerUpgrades: at every split of the request and a frame behind it (H9).
func TestServerUpgrades(t *testing.T) {
	s := &Server{Handler: echoAll}
	sent := openingRequest + maskedHi
	want := openingResponse + "\x81\x02hi"
	for name, pieces := range conntest.Chop([]byte(sent)) {
		inBubble(t, "4.1/H9/"+name, func(t *testing.T) {
			o := serveOne(s, 1<<16, nil)
			for _, piece := range pieces {
				o.peer.Write(piece)
				synctest.Wait()
			}
			got := make([]byte, len(want))
			if _, err := io.ReadFull(o.peer, got); err != nil || string(got) != want {
				t.Errorf("read %q, %v, want %q", got, err, want)
			}
			o.peer.Close()
			if err := <-o.err; err != nil {
				t.Errorf("ServeConn returns %v", err)
			}
		})
	}
}

// TestServerLingers: on a real socket the answer arrives although the peer still sends what nobody reads: closing at once would reset the connection.
func TestServerLingers(t *testing.T) {
	conntest.CheckLeaks(t)
	addr := startServer(t, &Server{Handler: echoAll}, nil)
	for range 5 {
		nc := dialRaw(t, addr)
		sent := make(chan error, 1)
		go func() {
			_, err := io.WriteString(nc, replaced("GET", "POST")+strings.Repeat("body", 1<<20))
			sent <- err
		}()
		if err := <-sent; err != nil {
			t.Fatalf("9112,9.6: the peer cannot send: %v", err)
		}
		if resp, _ := readAnswer(t, nc); resp.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("9112,9.6: the answer is %v", resp)
		}
		nc.Close()
	}
}

// TestServerLongHead: a head that outgrows the first buffer, with a long message behind it.
func TestServerLongHead(t *testing.T) {
	conntest.CheckLeaks(t)
	long := strings.Repeat("long", 4000)
	for _, n := range []int{900, 1000, 2000, 4000, 8000, 15000} {
		s := &Server{Handler: echoAll}
		o := serveOne(s, 1<<20, nil)
		p := conntest.NewPeer(t, o.peer, true)
		b := []byte(withFields("Cookie: " + strings.Repeat("x", n)))
		p.SendBytes(conntest.Frame{Fin: true, Opcode: conntest.Text, Masked: true, Key: [4]byte{1, 2, 3, 4}, Payload: []byte(long)}.Append(b))
		if head := p.ReadHead("the server answers"); head != openingResponse {
			t.Fatalf("4.1/H9: the answer is %q", head)
		}
		p.WantText("4.1/H9: what came with the head is not lost", long)
		p.Close()
		<-o.err
	}
}

// TestServerPeerLeaves: the peer ends at each byte of its request, in each way; nothing is left (T-HDR).
func TestServerPeerLeaves(t *testing.T) {
	s := &Server{Handler: echoAll}
	for _, way := range []struct {
		name  string
		leave func(*conntest.PipeConn)
		want  error
	}{
		{"reset", (*conntest.PipeConn).Reset, nil},
		{"close", func(c *conntest.PipeConn) { c.Close() }, io.ErrUnexpectedEOF},
		{"half_close", func(c *conntest.PipeConn) { c.CloseWrite() }, io.ErrUnexpectedEOF},
	} {
		t.Run("10.4/T-HDR/"+way.name, func(t *testing.T) {
			conntest.CheckLeaks(t)
			for n := range len(openingRequest) {
				o := serveOne(s, 1<<10, nil)
				io.WriteString(o.peer, openingRequest[:n])
				way.leave(o.peer)
				want := way.want
				if n == 0 && want != nil {
					want = io.EOF
				}
				err := <-o.err
				if e, ok := errors.AsType[*HandshakeError](err); !ok || e.Status != 0 || want != nil && !errors.Is(err, want) {
					t.Fatalf("after %d bytes: %v", n, err)
				}
			}
		})
	}
	t.Run("10.4/T-HDR/real_sockets", func(t *testing.T) {
		conntest.CheckLeaks(t)
		addr := startServer(t, &Server{Handler: echoAll}, nil)
		for n := 0; n <= len(openingRequest); n += 5 {
			nc := dialRaw(t, addr)
			io.WriteString(nc, openingRequest[:n])
			nc.(*net.TCPConn).SetLinger(0)
			nc.Close()
		}
	})
}

// TestServerTimeout: a handshake ends at exactly its deadline, counted from the start, wherever it stalls (D5).
func TestServerTimeout(t *testing.T) {
	const timeout = 7 * time.Second
	cert := certificate(t)
	run := func(name string, cfg *Config, capacity int, wrap func(net.Conn) net.Conn, want time.Duration, peer func(*conntest.PipeConn)) {
		inBubble(t, name, func(t *testing.T) {
			s := &Server{Handler: func(*Conn) { t.Error("the Handler was called") }, Config: cfg}
			start := time.Now()
			o := serveOne(s, capacity, wrap)
			done := make(chan struct{})
			go func() {
				defer close(done)
				peer(o.peer)
			}()
			err := <-o.err
			if took := time.Since(start); took != want || err == nil {
				t.Errorf("ended after %v with %v, want %v", took, err, want)
			}
			if want == timeout && !errors.Is(err, os.ErrDeadlineExceeded) && !strings.Contains(err.Error(), "Upgrade is missing") {
				t.Errorf("error is %v", err)
			}
			synctest.Wait()
			if _, err := io.Copy(io.Discard, o.peer); err != nil {
				t.Errorf("the peer reads %v", err)
			}
			o.peer.Close()
			<-done
		})
	}
	slowly := func(pause time.Duration) func(*conntest.PipeConn) {
		return func(c *conntest.PipeConn) {
			for i := range len(openingRequest) {
				if _, err := io.WriteString(c, openingRequest[i:i+1]); err != nil {
					return
				}
				time.Sleep(pause)
			}
		}
	}
	nothing := func(*conntest.PipeConn) {}
	write := func(s string) func(*conntest.PipeConn) { return func(c *conntest.PipeConn) { io.WriteString(c, s) } }
	cfg := &Config{HandshakeTimeout: timeout}
	run("2.2/D5/silent", cfg, 1<<10, nil, timeout, nothing)
	run("2.2/D5/one_byte_a_second", cfg, 1<<10, nil, timeout, slowly(time.Second))
	run("2.2/D5/default", nil, 1<<10, nil, DefaultHandshakeTimeout, slowly(9*time.Second))
	run("2.2/D5/response_not_read", cfg, 0, nil, timeout, write(openingRequest))
	run("2.2/D5/refusal_not_read", cfg, 0, nil, timeout, write("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
	run("2.2/D5/TLS", cfg, 1<<10, func(nc net.Conn) net.Conn {
		return tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{cert}})
	}, timeout, write("\x16\x03\x01"))
	run("2.2/D5/no_deadlines", cfg, 1<<10, func(nc net.Conn) net.Conn { return noDeadlines{nc} }, timeout, nothing)
	run("2.2/D5/no_deadlines_and_response_not_read", cfg, 0, func(nc net.Conn) net.Conn { return noDeadlines{nc} }, timeout, write(openingRequest))
	// After a refusal the peer has the close timeout to read it, within the handshake's.
	refused := "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	run("9112,9.6/peer_does_not_close", &Config{CloseTimeout: 3 * time.Second}, 1<<10, nil, 3*time.Second, write(refused))
	run("9112,9.6/within_the_handshake's", &Config{HandshakeTimeout: timeout, CloseTimeout: time.Hour}, 1<<10, nil, timeout, write(refused))
	run("9112,9.6/without_a_close_timeout", &Config{HandshakeTimeout: timeout, CloseTimeout: -1}, 1<<10, nil, timeout, write(refused))
	run("9112,9.6/no_half-close", cfg, 1<<10, func(nc net.Conn) net.Conn { return noHalfClose{nc} }, 0, write(refused))

	inBubble(t, "2.2/D5/no_timeout", func(t *testing.T) {
		s := &Server{Handler: func(*Conn) {}, Config: &Config{HandshakeTimeout: -1}}
		o := serveOne(s, 1<<10, nil)
		slowly(time.Hour)(o.peer)
		o.peer.Close()
		if err := <-o.err; err != nil {
			t.Error(err)
		}
	})
	inBubble(t, "2.2/D5/deadline_passes_while_the_Conn_is_made", func(t *testing.T) {
		called := false
		s := &Server{Handler: func(*Conn) { called = true }, Config: &Config{HandshakeTimeout: timeout, OnRequest: func(*requestView) (any, error) {
			time.Sleep(timeout)
			return nil, nil
		}}}
		// Without deadlines and with a Close that does not end writes, only the timer tells.
		o := serveOne(s, 1<<10, func(nc net.Conn) net.Conn { return noDeadlines{deafConn{nc}} })
		io.WriteString(o.peer, openingRequest)
		if err := <-o.err; !errors.Is(err, os.ErrDeadlineExceeded) || called {
			t.Errorf("ServeConn returns %v, Handler called: %v", err, called)
		}
		o.peer.Close()
	})
}

// noDeadlines is a net.Conn on which deadlines do not work.
type noDeadlines struct{ net.Conn }

func (noDeadlines) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (noDeadlines) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (noDeadlines) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

func (c noDeadlines) CloseWrite() error { return c.Conn.(interface{ CloseWrite() error }).CloseWrite() }

// noHalfClose has no CloseWrite.
type noHalfClose struct{ net.Conn }

// TestServerFaults fails operation 0, 1, 2, ... of an upgrade and of a refusal: the peer reads a prefix of the answer, and nothing is left.
func TestServerFaults(t *testing.T) {
	for _, tt := range []struct{ name, request, answer string }{
		{"upgrade", openingRequest, openingResponse},
		{"refusal", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 426 "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conntest.FailEach(t, conntest.Kinds(), func(t *testing.T, wrap func(net.Conn) net.Conn) {
				inBubble(t, "2.9", func(t *testing.T) {
					s := &Server{Handler: func(*Conn) {}}
					start := time.Now()
					o := serveOne(s, 1<<10, wrap)
					io.WriteString(o.peer, tt.request[:10])
					synctest.Wait()
					io.WriteString(o.peer, tt.request[10:])
					got := make([]byte, len(tt.answer))
					n, _ := io.ReadFull(o.peer, got)
					if !strings.HasPrefix(tt.answer, string(got[:n])) {
						t.Errorf("the peer read %q", got[:n])
					}
					o.peer.Close()
					err := <-o.err
					if took := time.Since(start); took > DefaultHandshakeTimeout+DefaultCloseTimeout {
						t.Errorf("returned after %v", took)
					}
					if e, ok := errors.AsType[*HandshakeError](err); err != nil && !ok || ok && e.Status == 0 && n > 0 {
						t.Errorf("ServeConn returns %v, the peer read %q", err, got[:n])
					}
				})
			})
		})
	}
	inBubble(t, "2.9/reads_of_nothing", func(t *testing.T) {
		o := serveOne(&Server{Handler: echoAll}, 1<<10, func(nc net.Conn) net.Conn { return readsNothing{nc} })
		if err := <-o.err; !errors.Is(err, io.ErrNoProgress) {
			t.Errorf("ServeConn returns %v", err)
		}
	})
}

type readsNothing struct{ net.Conn }

func (readsNothing) Read([]byte) (int, error) { return 0, nil }
