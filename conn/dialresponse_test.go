package conn

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/handshake"
	"github.com/hawser-go/hawser/internal/conntest"
)

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
		{"4.1/K1/status_000", "HTTP/1.1 000 Zero\r\n\r\n" + goodResponse, 0, "", `malformed HTTP status code "000 Zero"`},
		{"4.1/K1/status_with_a_sign", "HTTP/1.1 +99\r\n\r\n" + goodResponse, 0, "", `malformed HTTP status code "+99"`},
		{"4.1/K1/status_600", "HTTP/1.1 600\r\nContent-Length: 0\r\n\r\n", 600, "", "status is 600, not 101"},
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
		for _, pace := range []string{"whole", "in_small_pieces"} {
			inBubble(t, tt.name+"/"+pace, func(t *testing.T) {
				s := answeringAndClosing(tt.response)
				if pace == "in_small_pieces" {
					piece := 1 + len(tt.response)/maxResponseHead // the record of a pipe holds 16,384 events
					s.wrap = func(nc net.Conn) net.Conn { return conntest.Chopped(nc, piece) }
				}
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

// TestDialSplits: the verdict does not depend on where an answer is split, and bytes behind it are kept.
func TestDialSplits(t *testing.T) {
	const refused = "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
	for name, answer := range map[string]string{"accepts": goodResponse + helloFrame + helloFrame, "refuses": refused} {
		for i := range len(answerTo(answer, "Sec-WebSocket-Key: x\r\n")) {
			inBubble(t, fmt.Sprintf("4.1/%s/split_at_%d", name, i), func(t *testing.T) {
				s := &scriptedServer{capacity: 1 << 10, script: func(nc *conntest.PipeConn) {
					answer := answerTo(answer, readRequestHead(nc))
					io.WriteString(nc, answer[:i])
					synctest.Wait() // until the client has read it
					io.WriteString(nc, answer[i:])
				}}
				c, err := Dial(t.Context(), "ws://server.example.com/", &Config{NetDial: s.dial})
				if name == "refuses" {
					if e := wantHandshakeError(t, c, err); e.Status != 403 || string(e.Body) != "abcde" {
						t.Errorf("error is %v", e)
					}
				} else if err != nil {
					t.Error(err)
				} else {
					for range 2 {
						if m, err := c.Read(); string(m.Data) != "hello" {
							t.Errorf("read %q, %v", m.Data, err)
						}
					}
					c.CloseNow()
				}
				s.checkClosed(t)
			})
		}
	}
}

// replay is a connection whose peer has said everything already.
type replay struct {
	net.Conn // none: what is not below is not used
	in       string
	piece    int // the most that one Read returns
	read     int
}

func (r *replay) Write(p []byte) (int, error)     { return len(p), nil }
func (r *replay) SetReadDeadline(time.Time) error { return nil }
func (r *replay) Read(p []byte) (int, error) {
	if r.read == len(r.in) {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), r.piece)], r.in[r.read:])
	r.read += n
	return n, nil
}

// FuzzDialResponse: whatever comes as the answer, the verdict is the same whole and byte by byte; it takes no more than 16 KiB, and 1 KiB of a body; what opens a connection
// proves the key, and what is behind its head is kept, as a naive search for the empty line finds it.
func FuzzDialResponse(f *testing.F) {
	const key = "dGhlIHNhbXBsZSBub25jZQ=="
	const accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" // RFC 6455, 1.3
	good := strings.ReplaceAll(goodResponse, "$ACCEPT", accept)
	for _, s := range []string{
		good, good + helloFrame, strings.ReplaceAll(good, "\r\n", "\n") + "\n\n", "HTTP/1.1 100 Continue\r\n\r\n" + good, "HTTP/1.1 103 Early\nLink: a\n\n" + good,
		strings.Replace(good, "Upgrade: w", "Upgrade:\r\n w", 1), "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd", "HTTP/1.0 403 No\r\n\r\nabc", "SSH-2.0\r\n", "",
		"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nA: b\r\n\r\n", "HTTP/1.1 302 Found\r\nLocation: /a\r\n\r\n",
		"HTTP/1.1 200 Connection established\r\n\r\n", "HTTP/1.1 101 \r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 000 \n\n" + good, "HTTP/1.1 500 " + strings.Repeat("x", 17000),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		type verdict struct {
			text, rest string
			status     int
			header     http.Header
			body       string
		}
		judge := func(piece int) (v verdict) {
			nc := &replay{in: answer, piece: piece}
			resp, buffered, err := exchange(nc, nil)
			if err == nil {
				v.rest = string(buffered) + answer[nc.read:]
				_, err = handshake.CheckResponse(resp, handshake.ClientRequest{Key: key})
				if err == nil && (resp.StatusCode != 101 || strings.Trim(resp.Header.Get("Sec-WebSocket-Accept"), " \t") != accept) {
					t.Fatal("accepted without proof")
				}
				if err != nil {
					err = dialRefusal(nc, resp, err)
				}
			}
			if nc.read > maxResponseHead {
				t.Fatalf("%d bytes were read", nc.read)
			}
			if err != nil {
				e, ok := errors.AsType[*HandshakeError](err)
				if !ok || e.Err == nil || len(e.Body) > maxErrorBody || (e.Status != 0) != (resp != nil) {
					t.Fatalf("error is %#v", err)
				}
				v.text, v.status, v.header, v.body = e.Error(), e.Status, e.Header, string(e.Body)
			}
			return v
		}
		whole, bytewise := judge(len(answer)+1), judge(1)
		if !reflect.DeepEqual(whole, bytewise) {
			t.Fatalf("whole      %+v\nbyte by byte %+v", whole, bytewise)
		}
		if whole.text == "" || whole.status != 0 {
			if want := behindHead(answer); whole.rest != want {
				t.Fatalf("behind the head is %q, want %q", whole.rest, want)
			}
		}
	})
}

// behindHead returns what follows the head of the first final response: lines up to an empty one, again after a 1xx other than 101.
func behindHead(s string) string {
	for {
		status, interim := "", true
		for n := 0; ; n++ {
			line, rest, _ := strings.Cut(s, "\n")
			s = rest
			if line = strings.TrimSuffix(line, "\r"); n == 0 {
				_, status, _ = strings.Cut(line, " ")
				interim = strings.HasPrefix(strings.TrimLeft(status, " "), "1") && !strings.HasPrefix(strings.TrimLeft(status, " "), "101")
			} else if line == "" {
				break
			}
		}
		if !interim {
			return s
		}
	}
}
