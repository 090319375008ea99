package conn

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/internal/conntest"
)

const plainRequest = "GET /plain HTTP/1.1\r\nHost: server.example.com\r\n\r\n"

// ordinary is an http.Handler with an ordinary page, one that echoes a body, and a WebSocket endpoint.
func ordinary(f func(*Conn), cfg *Config) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/chat", Handler(f, cfg))
	mux.HandleFunc("/plain", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s from %s, TLS %v\n", r.URL, r.RemoteAddr, r.TLS != nil)
	})
	mux.HandleFunc("/body", func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) })
	return mux
}

// httpExchange sends request and reads a response.
func httpExchange(t *testing.T, nc io.Writer, br *bufio.Reader, request string) (status int, body string) {
	t.Helper()
	if _, err := io.WriteString(nc, request); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// One port serves both.
func TestServerHTTP(t *testing.T) {
	secure := &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
	for _, withTLS := range []bool{false, true} {
		t.Run(fmt.Sprintf("9110,7.8/TLS_%v", withTLS), func(t *testing.T) {
			conntest.CheckLeaks(t)
			fromHTTP := func(c *Conn) {
				if _, ok := c.transport.rwc.(*replayConn); ok {
					t.Error("the connection is driven through a wrapper")
				}
				c.Write(Text, []byte("from HTTP"))
				echoAll(c)
			}
			s := &Server{Handler: echoAll, HTTP: ordinary(fromHTTP, nil)}
			addr := startServer(t, s, func(ln net.Listener) net.Listener {
				if withTLS {
					return tls.NewListener(ln, secure)
				}
				return ln
			})
			dial := func() net.Conn {
				nc := dialRaw(t, addr)
				if withTLS {
					return tls.Client(nc, &tls.Config{InsecureSkipVerify: true})
				}
				return nc
			}
			nc := dial()
			br := bufio.NewReader(nc)
			page := fmt.Sprintf("/plain from %s, TLS %v\n", nc.LocalAddr(), withTLS)
			for range 3 { // the connection is kept
				if status, body := httpExchange(t, nc, br, plainRequest); status != 200 || body != page {
					t.Errorf("the page is %d %q, want %q", status, body, page)
				}
			}
			if status, body := httpExchange(t, nc, br, "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"); status != 200 || body != "hello" {
				t.Errorf("the echo is %d %q", status, body)
			}
			if status, _ := httpExchange(t, nc, br, "GET /none HTTP/1.1\r\nHost: a\r\n\r\n"); status != 404 {
				t.Errorf("what is not there is %d", status)
			}
			// An opening handshake behind all that is net/http's, too, with what lies behind it.
			p := conntest.NewPeer(t, nc, true)
			p.SendBytes([]byte(openingRequest + maskedHi))
			if head := p.ReadHead("net/http answers"); head != openingResponse {
				t.Fatalf("the answer is %q", head)
			}
			p.WantText("the other function serves it", "from HTTP")
			p.WantText("what was behind the request is not lost", "hi")

			// The first request on a connection of its own is the Server's.
			p = conntest.NewPeer(t, dial(), true)
			p.SendBytes([]byte(openingRequest + maskedHi))
			p.ReadHead("the server answers")
			p.WantText("the Handler serves it", "hi")
		})
	}
}

// What HTTP gets as a connection's first request, at every split.
func TestServerHTTPFirst(t *testing.T) {
	for _, tt := range []struct {
		name, request string
		status        int // 0: no HTTP handler sees it
	}{
		{"9110,9.3.1/GET", plainRequest, 200},
		{"9110,9.3.3/body", "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 200},
		{"9110,7.8/other_protocol", "GET /plain HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n", 200},
		{"9110,7.8/HTTP_1.0", strings.Replace(openingRequest, "/chat HTTP/1.1", "/plain HTTP/1.0", 1), 200},
		{"9110,9.3.3/POST_with_Upgrade", strings.Replace(openingRequest, "GET /chat", "POST /plain", 1), 200},
		{"9112,2.2/no_request", "\x16\x03\x01", 400},
		{"9112,2.2/LF", strings.ReplaceAll(plainRequest, "\r\n", "\n"), 200},
		{"9112,5/many_fields", strings.Replace(plainRequest, "\r\n", "\r\n"+strings.Repeat("X: a\r\n", 100), 1), 200},
		{"9112,5/long_field", strings.Replace(plainRequest, "\r\n", "\r\nX: "+strings.Repeat("a", 20000)+"\r\n", 1), 200},
		{"4.2.1/H5/wrong_handshake", replaced("dGhl", "****"), 0},
	} {
		inBubble(t, tt.name, func(t *testing.T) {
			sizes := [][]int{{len(tt.request)}, {1}, {20, len(tt.request)}}
			if len(tt.request) > 1000 {
				sizes = sizes[:1]
			}
			for _, sizes := range sizes {
				s := &Server{Handler: echoAll, HTTP: ordinary(echoAll, nil), Config: &Config{Logger: slog.New(slog.DiscardHandler)}}
				o := serveOne(s, 1<<16, func(nc net.Conn) net.Conn { return conntest.Chopped(nc, sizes...) })
				status, body := httpExchange(t, o.peer, bufio.NewReader(o.peer), tt.request)
				want := tt.status
				if want == 0 {
					want = 400
				}
				if status != want || strings.Contains(body, "handshake:") != (tt.status == 0) {
					t.Errorf("the answer is %d %q", status, body)
				}
				o.peer.Close()
				if err := <-o.err; (err == nil) != (tt.status != 0) {
					t.Errorf("ServeConn returns %v", err)
				}
				s.Close()
				synctest.Wait()
			}
		})
	}
}

// A slow head behind the first request has its own time, and so has a connection that waits.
func TestServerHTTPTimeouts(t *testing.T) {
	for _, tt := range []struct {
		name, more string
		want       time.Duration
	}{
		{"2.2/D5/slow_second_head", "GET /plain HTTP/1.1\r\n", time.Second},
		{"2.2/D8/idle", "", httpIdleTimeout},
	} {
		inBubble(t, tt.name, func(t *testing.T) {
			s := &Server{Handler: echoAll, HTTP: ordinary(echoAll, nil), Config: &Config{HandshakeTimeout: time.Second}}
			o := serveOne(s, 1<<16, nil)
			br := bufio.NewReader(o.peer)
			httpExchange(t, o.peer, br, plainRequest)
			synctest.Wait()
			start := time.Now()
			io.WriteString(o.peer, tt.more)
			if _, err := io.Copy(io.Discard, br); err != nil {
				t.Error(err)
			}
			if took := time.Since(start); took < tt.want || took > tt.want+time.Second { // net/http lingers
				t.Errorf("closed after %v, want %v", took, tt.want)
			}
			o.peer.Close()
			<-o.err
		})
	}
}

func TestServerHTTPEnds(t *testing.T) {
	inBubble(t, "7.1.4/Close", func(t *testing.T) {
		s := &Server{Handler: echoAll, HTTP: ordinary(echoAll, nil)}
		o := serveOne(s, 1<<16, nil)
		br := bufio.NewReader(o.peer)
		httpExchange(t, o.peer, br, plainRequest)
		start := time.Now()
		s.Close()
		if _, err := br.ReadByte(); err != io.EOF || time.Since(start) != 0 {
			t.Errorf("the peer reads %v, %v behind Close", err, time.Since(start))
		}
		<-o.err
	})
	inBubble(t, "7.1.4/Shutdown", func(t *testing.T) {
		s := &Server{Handler: echoAll, HTTP: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Minute)
			io.WriteString(w, "slow")
		})}
		o := serveOne(s, 1<<16, nil)
		io.WriteString(o.peer, plainRequest)
		synctest.Wait()
		<-o.err
		start := time.Now()
		if err := s.Shutdown(t.Context()); err != nil || time.Since(start) < time.Minute {
			t.Errorf("Shutdown returns %v after %v", err, time.Since(start))
		}
		resp, err := http.ReadResponse(bufio.NewReader(o.peer), nil)
		if err != nil || resp.StatusCode != 200 {
			t.Errorf("%v, %v", resp, err)
		}
	})
	inBubble(t, "7.1.4/closed_before_the_hand-over", func(t *testing.T) {
		ours, theirs := conntest.Pipe(100)
		s := &Server{Handler: echoAll, HTTP: ordinary(echoAll, nil)}
		if err := s.prepare(); err != nil {
			t.Fatal(err)
		}
		s.Close()
		s.handOver(ours, []byte(plainRequest))
		if _, err := theirs.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the peer reads %v", err)
		}
	})
}

// A connection whose bytes have been read in part, driven by hand.
func TestReplayConn(t *testing.T) {
	ours, theirs := conntest.Pipe(100)
	c := &replayConn{Conn: ours, rest: []byte("abc")}
	io.WriteString(theirs, "def")
	var got []string
	for range 3 {
		p := make([]byte, 2)
		n, err := c.Read(p)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(p[:n]))
	}
	if strings.Join(got, " ") != "ab c de" || c.rest != nil {
		t.Errorf("4.1/H9: read %q", got)
	}
	if err := c.CloseWrite(); err != nil {
		t.Error(err)
	}
	if _, err := theirs.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the peer reads %v", err)
	}
	c.Conn = noHalfClose{ours}
	if c.CloseWrite() == nil {
		t.Error("CloseWrite of a connection that has none succeeds")
	}

	// net/http has not read all that is to be read again.
	c = &replayConn{Conn: ours, rest: []byte(maskedHi[1:])}
	a, err := Accept(newHijackRecorder(c, maskedHi[:1]), parsedRequest(t, openingRequest), nil)
	if err != nil {
		// ours is half-closed above.
		ours, _ = conntest.Pipe(1 << 10)
		c.Conn = ours
		a, err = Accept(newHijackRecorder(c, maskedHi[:1]), parsedRequest(t, openingRequest), nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer a.CloseNow()
	if m, err := a.Read(); string(m.Data) != "hi" || err != nil {
		t.Errorf("4.1/H9: read %q, %v", m.Data, err)
	}
}
