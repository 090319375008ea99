package conn

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/internal/conntest"
)

// socksServer returns a server that is both a SOCKS5 proxy and the server behind it. user is "name:password", "" for none. heard gets what came before the handshake.
func socksServer(user string, heard *strings.Builder) *scriptedServer {
	return &scriptedServer{capacity: 1 << 10, script: func(nc *conntest.PipeConn) {
		listened := net.Conn(nc)
		if heard != nil {
			listened = hearing{nc, heard}
		}
		if _, ok := serveSOCKS5(&testProxy{user: user}, listened); ok {
			io.WriteString(nc, answerTo(goodResponse, readRequestHead(nc))+helloFrame)
		} else {
			nc.CloseWrite()
		}
	}}
}

// hearing is a connection that notes what is read.
type hearing struct {
	net.Conn
	heard *strings.Builder
}

func (h hearing) Read(p []byte) (int, error) {
	n, err := h.Conn.Read(p)
	h.heard.Write(p[:n])
	return n, err
}

// TestSOCKS5: what a SOCKS5 proxy is told (RFC 1928 and 1929).
func TestSOCKS5(t *testing.T) {
	long := strings.Repeat("a.", 100) + "example"
	for _, tt := range []struct {
		name, url, proxy, user string
		address, heard         string
	}{
		{"RFC_1928/name", "ws://server.example.com/", "socks5://relay.example", "", "tcp relay.example:1080", "\x05\x01\x00\x05\x01\x00\x03\x12server.example.com\x00\x50"},
		{"RFC_1928/socks5h", "ws://server.example.com/", "socks5h://relay.example:9050", "", "tcp relay.example:9050", "\x05\x01\x00\x05\x01\x00\x03\x12server.example.com\x00\x50"},
		{"RFC_1928/long_name", "ws://" + long + "/", "socks5://relay.example", "", "tcp relay.example:1080", "\x05\x01\x00\x05\x01\x00\x03\xcf" + long + "\x00\x50"},
		{"RFC_1928/IDNA", "ws://b\u00fccher.example/", "socks5://relay.example", "", "tcp relay.example:1080", "\x05\x01\x00\x05\x01\x00\x03\x15xn--bcher-kva.example\x00\x50"},
		{"RFC_1928/IPv4", "ws://192.0.2.7:443/", "socks5://relay.example", "", "tcp relay.example:1080", "\x05\x01\x00\x05\x01\x00\x01\xc0\x00\x02\x07\x01\xbb"},
		{"RFC_1928/IPv6", "ws://[2001:db8::1]/", "socks5://[::1]", "", "tcp [::1]:1080", "\x05\x01\x00\x05\x01\x00\x04\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x50"},
		{"RFC_1928/IPv6_zone", "ws://[fe80::1%25eth0]/", "socks5://[::1]", "", "tcp [::1]:1080", "\x05\x01\x00\x05\x01\x00\x04\xfe\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x50"},
		{"RFC_1929/password", "ws://a.example/", "socks5://user:pass%20word@relay.example", "user:pass word", "tcp relay.example:1080",
			"\x05\x02\x00\x02\x01\x04user\x09pass word\x05\x01\x00\x03\x09a.example\x00\x50"},
		{"RFC_1929/password_not_wanted", "ws://a.example/", "socks5://user:secret@relay.example", "", "tcp relay.example:1080", "\x05\x02\x00\x02\x05\x01\x00\x03\x09a.example\x00\x50"},
		{"RFC_1929/empty_password", "ws://a.example/", "socks5://user@relay.example", "user:", "tcp relay.example:1080", "\x05\x02\x00\x02\x01\x04user\x00\x05\x01\x00\x03\x09a.example\x00\x50"},
	} {
		for _, pace := range []string{"whole", "byte_by_byte"} {
			inBubble(t, tt.name+"/"+pace, func(t *testing.T) {
				var heard strings.Builder
				s := socksServer(tt.user, &heard)
				if pace == "byte_by_byte" {
					s.wrap = func(nc net.Conn) net.Conn { return conntest.Chopped(nc, 1) }
				}
				c, err := Dial(t.Context(), tt.url, &Config{NetDial: s.dial, Proxy: viaProxy(t, tt.proxy)})
				if err != nil {
					t.Fatal(err)
				}
				if m, err := c.Read(); string(m.Data) != "hello" {
					t.Errorf("read %q, %v", m.Data, err)
				}
				c.CloseNow()
				s.checkClosed(t)
				if s.address != tt.address || heard.String() != tt.heard {
					t.Errorf("dialled %s and said\n%q, want %s and\n%q", s.address, heard.String(), tt.address, tt.heard)
				}
			})
		}
	}
}

// TestSOCKS5Refuses: every answer that opens no tunnel.
func TestSOCKS5Refuses(t *testing.T) {
	const user = "user:secret@"
	for _, tt := range []struct {
		name, user, answer string
		err                string
	}{
		{"RFC_1928/version_4", "", "\x04\x00", "unexpected protocol version 4"},
		{"RFC_1928/HTTP_server", "", "HTTP/1.1 400 Bad Request\r\n\r\n", "unexpected protocol version 72"},
		{"RFC_1928/no_method", "", "\x05\xff", "no acceptable authentication methods"},
		{"RFC_1928/method_not_offered", user, "\x05\x01", "unsupported authentication method 1"},
		{"RFC_1929/wrong_password", user, "\x05\x02\x01\x01", "username/password authentication failed"},
		{"RFC_1929/other_version", user, "\x05\x02\x02\x00", "invalid username/password version"},
		{"RFC_1929/no_user", ":secret@", "\x05\x02\x01\x00", "invalid username/password"},
		{"RFC_1929/long_user", strings.Repeat("u", 256) + "@", "\x05\x02\x01\x00", "invalid username/password"},
		{"RFC_1928/general_failure", "", "\x05\x00\x05\x01\x00\x01\x00\x00\x00\x00\x00\x00", "general SOCKS server failure"},
		{"RFC_1928/not_allowed", "", "\x05\x00\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00", "connection not allowed by ruleset"},
		{"RFC_1928/host_unreachable", "", "\x05\x00\x05\x04\x00\x01\x00\x00\x00\x00\x00\x00", "host unreachable"},
		{"RFC_1928/connection_refused", "", "\x05\x00\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00", "connection refused"},
		{"RFC_1928/unknown_reply", "", "\x05\x00\x05\xee\x00\x01\x00\x00\x00\x00\x00\x00", "unknown code: 238"},
		{"RFC_1928/version_of_the_reply", "", "\x05\x00\x04\x00\x00\x01\x00\x00\x00\x00\x00\x00", "unexpected protocol version 4"},
		{"RFC_1928/reserved_byte", "", "\x05\x00\x05\x00\x01\x01\x00\x00\x00\x00\x00\x00", "non-zero reserved field"},
		{"RFC_1928/address_type", "", "\x05\x00\x05\x00\x00\x02\x00\x00\x00\x00\x00\x00", "unknown address type 2"},
	} {
		inBubble(t, tt.name, func(t *testing.T) {
			s := &scriptedServer{capacity: 1 << 10, script: func(nc *conntest.PipeConn) {
				io.WriteString(nc, tt.answer)
				nc.CloseWrite()
			}}
			c, err := Dial(t.Context(), "ws://server.example.com/", &Config{NetDial: s.dial, Proxy: viaProxy(t, "socks5://"+tt.user+"relay.example")})
			if e := wantProxyError(t, c, err); e.Status != 0 || !strings.Contains(e.Error(), tt.err) {
				t.Errorf("error is %v, want %q", e, tt.err)
			}
			s.checkClosed(t)
		})
	}
	inBubble(t, "RFC_1928/name_of_256_bytes", func(t *testing.T) {
		s := &scriptedServer{capacity: 1 << 10, script: func(nc *conntest.PipeConn) { io.WriteString(nc, "\x05\x00") }}
		c, err := Dial(t.Context(), "ws://"+strings.Repeat("a.", 128)+"/", &Config{NetDial: s.dial, Proxy: viaProxy(t, "socks5://relay.example")})
		if e := wantProxyError(t, c, err); !strings.Contains(e.Error(), "FQDN too long") {
			t.Errorf("error is %v", e)
		}
		s.checkClosed(t)
	})
}
