package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hawser-go/hawser"
)

// A syncBuffer is a log that many goroutines write.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// A running is a server that start has started.
type running struct {
	url  string // http://127.0.0.1:PORT/
	log  *syncBuffer
	stop func() error // as a signal does; returns what run returned
}

func (r *running) ws() string { return "ws" + strings.TrimPrefix(r.url, "http") + "ws" }

// start runs the whole program but for main, on a free port.
func start(t *testing.T) *running {
	t.Helper()
	return startWith(t, "off", "pull")
}

func startWith(t *testing.T, mode, style string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	stdout, w := io.Pipe()
	r := &running{log: new(syncBuffer)}
	done := make(chan error, 1)
	go func() {
		err := run(ctx, "127.0.0.1:0", mode, style, w, slog.New(slog.NewTextHandler(r.log, nil)))
		w.CloseWithError(io.ErrUnexpectedEOF)
		done <- err
	}()
	r.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("run returned %v", err)
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the address was not printed: %v", err)
	}
	r.url = strings.TrimSuffix(line, "\n")
	if !strings.HasPrefix(r.url, "http://127.0.0.1:") || !strings.HasSuffix(r.url, "/") {
		t.Fatalf("printed %q, not an address to click", r.url)
	}
	return r
}

func dial(t *testing.T, url string, cfg *hawser.Config) *hawser.Conn {
	t.Helper()
	c, err := hawser.Dial(t.Context(), url, cfg)
	if err != nil {
		t.Fatal(err)
	}
	cut := time.AfterFunc(time.Minute, func() { c.CloseNow() }) // a server that hangs does not hang the tests
	t.Cleanup(func() {
		cut.Stop()
		c.CloseNow()
	})
	return c
}

func TestCompression(t *testing.T) {
	for mode, want := range map[string]string{
		"off":         "",
		"takeover":    "permessage-deflate",
		"no-takeover": "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
	} {
		for _, style := range []string{"pull", "push"} {
			t.Run(mode+"/"+style, func(t *testing.T) {
				both := &hawser.Compression{ServerContextTakeover: true, ClientContextTakeover: true}
				c := dial(t, startWith(t, mode, style).ws(), &hawser.Config{Compression: both})
				if !strings.HasPrefix(c.Extensions(), want) || (c.Extensions() == "") != (want == "") {
					t.Errorf("agreed on %q, want %q", c.Extensions(), want)
				}
				message := strings.Repeat("Hello ", 1000)
				if err := c.Write(hawser.Text, []byte(message)); err != nil {
					t.Fatal(err)
				}
				if m, err := c.Read(); err != nil || string(m.Data) != message {
					t.Errorf("%d bytes came back, %v", len(m.Data), err)
				}
			})
		}
	}
	if err := run(t.Context(), "127.0.0.1:0", "off", "neither", io.Discard, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("-style neither is accepted")
	}
	if err := run(t.Context(), "127.0.0.1:0", "on", "pull", io.Discard, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("-compress on is accepted")
	}
}

func TestPage(t *testing.T) {
	s := start(t)
	for _, test := range []struct{ path, contentType, contains string }{
		{"", "text/html; charset=utf-8", "<h1>Hawser echo</h1>"},
		{"echo.css", "text/css; charset=utf-8", "prefers-color-scheme: dark"},
		{"echo.js", "text/javascript; charset=utf-8", "new WebSocket("},
		{"icon.svg", "image/svg+xml", "<svg"},
	} {
		t.Run("/"+test.path, func(t *testing.T) {
			resp, err := http.Get(s.url + test.path)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != http.StatusOK || !bytes.Contains(body, []byte(test.contains)) {
				t.Errorf("status %d, body without %q", resp.StatusCode, test.contains)
			}
			for name, want := range map[string]string{
				"Content-Type":            test.contentType,
				"X-Content-Type-Options":  "nosniff",
				"Content-Security-Policy": "default-src 'none';",
			} {
				if got := resp.Header.Get(name); !strings.HasPrefix(got, want) {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

// What the Content-Security-Policy would block, and what would come from elsewhere.
func TestPageIsSelfContained(t *testing.T) {
	for _, name := range []string{"index.html", "echo.css", "echo.js", "icon.svg"} {
		b, err := files.ReadFile("page/" + name)
		if err != nil {
			t.Fatal(err)
		}
		s := strings.ReplaceAll(string(b), `xmlns="http://www.w3.org/2000/svg"`, "") // a name, not an address
		for _, bad := range []string{"http://", "https://", "style=", "<style", "onclick", "onsubmit", "onload", "innerHTML", "eval("} {
			if strings.Contains(s, bad) {
				t.Errorf("%s has %q", name, bad)
			}
		}
	}
}

func TestEcho(t *testing.T) {
	s := start(t)
	c := dial(t, s.ws(), nil)
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for _, test := range []struct {
		name string
		m    hawser.Message
	}{
		{"text", hawser.Message{Type: hawser.Text, Data: []byte("Grüße, 世界")}},
		{"binary", hawser.Message{Type: hawser.Binary, Data: []byte{0, 1, 0xfe, 0xff}}},
		{"empty_text", hawser.Message{Type: hawser.Text}},
		{"empty_binary", hawser.Message{Type: hawser.Binary}},
		{"text_of_1_MiB", hawser.Message{Type: hawser.Text, Data: large}},
		{"binary_of_1_MiB", hawser.Message{Type: hawser.Binary, Data: large}},
	} {
		t.Run("5.6/"+test.name, func(t *testing.T) {
			if err := c.Write(test.m.Type, test.m.Data); err != nil {
				t.Fatal(err)
			}
			m, err := c.Read()
			if err != nil {
				t.Fatal(err)
			}
			if m.Type != test.m.Type || !bytes.Equal(m.Data, test.m.Data) {
				t.Errorf("sent %v of %d bytes, got %v of %d bytes", test.m.Type, len(test.m.Data), m.Type, len(m.Data))
			}
		})
	}
	if err := c.Close(4000, "enough"); err != nil {
		t.Error(err)
	}
	if err := s.stop(); err != nil { // now the log is complete
		t.Error(err)
	}
	for _, want := range []string{"msg=connected remote=127.0.0.1:", "msg=disconnected remote=127.0.0.1:", "4000", "enough"} {
		if !strings.Contains(s.log.String(), want) {
			t.Errorf("the log has no %q:\n%s", want, s.log)
		}
	}
}

func TestMessageLimit(t *testing.T) {
	s := start(t)
	c := dial(t, s.ws(), nil)
	// The server may end the connection before it has taken all of this, so the write may fail.
	writeErr := c.Write(hawser.Binary, make([]byte, 16<<20+1))
	_, err := c.Read()
	e, ok := errors.AsType[*hawser.CloseError](err)
	if !ok || e.Received == nil || e.Received.Code != hawser.StatusMessageTooBig {
		t.Errorf("got %v (write: %v), want to receive 1009", err, writeErr)
	}
}

func TestHandshake(t *testing.T) {
	s := start(t)
	t.Run("10.2/other_origin", func(t *testing.T) {
		_, err := hawser.Dial(t.Context(), s.ws(), &hawser.Config{Header: http.Header{"Origin": {"http://example.com"}}})
		if e, ok := errors.AsType[*hawser.HandshakeError](err); !ok || e.Status != http.StatusForbidden {
			t.Errorf("got %v, want status 403", err)
		}
	})
	t.Run("10.2/own_origin", func(t *testing.T) {
		dial(t, s.ws(), &hawser.Config{Header: http.Header{"Origin": {strings.TrimSuffix(s.url, "/")}}})
	})
	t.Run("4.2.1/plain_get", func(t *testing.T) {
		resp, err := http.Get(s.url + "ws")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUpgradeRequired || resp.Header.Get("Upgrade") != "websocket" {
			t.Errorf("status %d, Upgrade: %q", resp.StatusCode, resp.Header.Get("Upgrade"))
		}
	})
}

func TestStop(t *testing.T) {
	for _, style := range []string{"pull", "push"} {
		t.Run(style, func(t *testing.T) { testStop(t, startWith(t, "off", style)) })
	}
}

func testStop(t *testing.T, s *running) {
	c := dial(t, s.ws(), nil)
	// An echo shows that the server's side is running.
	if err := c.Write(hawser.Text, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	_, err := c.Read()
	e, ok := errors.AsType[*hawser.CloseError](err)
	if !ok || e.Received == nil || e.Received.Code != hawser.StatusGoingAway {
		t.Errorf("got %v, want to receive 1001", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if !strings.Contains(s.log.String(), "msg=disconnected") {
		t.Errorf("run returned before the connection's end was logged:\n%s", s.log)
	}
}

func TestAddressInUse(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err = run(ctx, ln.Addr().String(), "off", "pull", io.Discard, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "-addr") || !strings.Contains(err.Error(), ln.Addr().String()) {
		t.Errorf("got %v, want an error that names the address and -addr", err)
	}
}

// TestEchoEnds: echo returns when the connection ends, and leaves it to its caller to say how.
func TestEchoEnds(t *testing.T) {
	client, server := hawser.Pipe(nil)
	client.CloseNow()
	echo(server)
	if e := server.CloseInfo(); e == nil || e.Clean() {
		t.Errorf("the end is %v", e)
	}
}
