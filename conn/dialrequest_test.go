package conn

import (
	"bufio"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/handshake"
	"github.com/hawser-go/hawser/internal/conntest"
)

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
	to, err := parseTarget("ws://server.example.com/")
	if err != nil {
		t.Fatal(err)
	}
	d := dialer{Config: (*Config)(nil).resolved()}
	for range 1000 {
		q := d.clientRequest(&to)
		if seen[q.Key] || !handshake.ValidKey(q.Key) {
			t.Fatalf("key %q is invalid or was there before", q.Key)
		}
		seen[q.Key] = true
	}
}
