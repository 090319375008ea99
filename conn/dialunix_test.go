package conn

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/internal/conntest"
)

// unixServer serves on a Unix socket in a short path: its length is limited.
func unixServer(t *testing.T, name string, secure bool, h http.Handler) (s *httptest.Server, path string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "hawser")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path = filepath.Join(dir, name)
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Skipf("no Unix sockets here: %v", err)
	}
	s = httptest.NewUnstartedServer(h)
	s.Listener.Close()
	s.Listener = ln
	if secure {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s, path
}

// TestDialUnix: a server on a Unix socket.
func TestDialUnix(t *testing.T) {
	for _, tt := range []struct {
		name   string
		socket string
		secure bool
		cfg    Config
		host   string
	}{
		{"3/ws", "a.sock", false, Config{}, "localhost"},
		{"3/escaped", "a:b %#?.sock", false, Config{}, "localhost"},
		{"3/wss", "a.sock", true, Config{TLS: &tls.Config{ServerName: "example.com"}}, "localhost"},
		{"3/Host", "a.sock", false, Config{Header: http.Header{"Host": {"docker"}}}, "docker"},
		{"3/proxy_is_not_asked", "a.sock", false, Config{Proxy: func(*http.Request) (*url.URL, error) { return nil, conntest.ErrInjected }}, "localhost"},
		{"3/NetDial", "a.sock", false, Config{NetDial: func(ctx context.Context, network, address string) (net.Conn, error) {
			if network != "unix" || !strings.HasSuffix(address, "/a.sock") {
				return nil, conntest.ErrInjected
			}
			return new(net.Dialer).DialContext(ctx, network, address)
		}}, "localhost"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conntest.CheckLeaks(t)
			requests := make(chan *http.Request, 1)
			s, path := unixServer(t, tt.socket, tt.secure, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests <- r
				echoHandler.ServeHTTP(w, r)
			}))
			cfg, scheme := tt.cfg, "ws+unix://"
			if tt.secure {
				scheme = "wss+unix://"
				cfg.TLS = cfg.TLS.Clone()
				cfg.TLS.RootCAs = pool(t, s.TLS.Certificates[0])
			}
			c, err := Dial(t.Context(), scheme+strings.NewReplacer("%2F", "/", ":", "%3A").Replace(url.PathEscape(path))+":/chat?a:b", &cfg)
			if err != nil {
				t.Fatal(err)
			}
			if c.transport.socket == tt.secure {
				t.Errorf("the transport is a %T", c.transport.rwc)
			}
			wantEcho(t, c)
			if r := <-requests; r.Host != tt.host || r.RequestURI != "/chat?a:b" {
				t.Errorf("asked %q for %s", r.Host, r.RequestURI)
			}
		})
	}
	t.Run("3/no_such_socket", func(t *testing.T) {
		c, err := Dial(t.Context(), "ws+unix:///no/such.sock", nil)
		if e := wantHandshakeError(t, c, err); !errors.Is(e, fs.ErrNotExist) {
			t.Errorf("error is %v", e)
		}
	})
	t.Run("3/no_path", func(t *testing.T) {
		c, err := Dial(t.Context(), "ws+unix://host/a.sock", &Config{NetDial: mustNotDial(t)})
		if e := wantHandshakeError(t, c, err); !strings.Contains(e.Error(), "no absolute path of a Unix socket") {
			t.Errorf("error is %v", e)
		}
	})
}
