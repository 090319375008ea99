package conn

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/conntest"
)

// TestCompressionNegotiated: Dial with Handler and with Server, and Pipe, agree on the same; both sides say so and messages are compressed where it pays.
func TestCompressionNegotiated(t *testing.T) {
	both := &deflate.Config{ServerContextTakeover: true, ClientContextTakeover: true}
	for _, tt := range []struct {
		name           string
		client, server *deflate.Config
		want           string
	}{
		{"5/the_defaults", &deflate.Config{}, &deflate.Config{}, "permessage-deflate; server_no_context_takeover; client_no_context_takeover"},
		{"7.1.1/takeover", both, both, "permessage-deflate"},
		{"7.1.1/takeover_of_the_server_alone", both, &deflate.Config{ServerContextTakeover: true}, "permessage-deflate; client_no_context_takeover"},
		{"7.1.1/takeover_that_the_client_does_not_want", &deflate.Config{ClientContextTakeover: true}, both, "permessage-deflate; server_no_context_takeover"},
		{"7.1.2/windows", &deflate.Config{ServerContextTakeover: true, ClientContextTakeover: true, ServerMaxWindowBits: 9, ClientMaxWindowBits: 10}, both,
			"permessage-deflate; server_max_window_bits=9; client_max_window_bits=10"},
		{"5/the_server_declines", both, nil, ""},
		{"5/the_client_does_not_offer", nil, both, ""},
		{"5/neither", nil, nil, ""},
	} {
		check := func(t *testing.T, client, server *Conn) {
			t.Helper()
			for _, c := range []*Conn{client, server} {
				if c.Extensions() != tt.want {
					t.Errorf("Extensions is %q, want %q", c.Extensions(), tt.want)
				}
				if (c.compression != nil) != (tt.want != "") || (c.in.inflation != nil) != (tt.want != "") {
					t.Errorf("%q, and it does not do it", tt.want)
				}
			}
			for i := range 3 {
				for _, pair := range [][2]*Conn{{client, server}, {server, client}} {
					if err := pair[0].Write(Text, prose(uint64(i), 2000)); err != nil {
						t.Fatal(err)
					}
					if m, err := pair[1].Read(); err != nil || m.Type != Text || string(m.Data) != string(prose(uint64(i), 2000)) {
						t.Fatalf("%d bytes of type %d, %v", len(m.Data), m.Type, err)
					}
				}
			}
			go client.Close(1000, "")
			if _, err := server.Read(); err == nil {
				t.Error("a message from nowhere")
			}
			client.Wait(t.Context())
			server.Wait(t.Context())
			allPutBack(t)
		}
		t.Run(tt.name+"/handler", func(t *testing.T) {
			accepted := make(chan *Conn, 1)
			s := quietServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c, err := Accept(w, r, &Config{Compression: tt.server})
				if err != nil {
					t.Error(err)
				}
				accepted <- c
			}))
			c, err := Dial(t.Context(), "ws"+strings.TrimPrefix(s.URL, "http"), &Config{Compression: tt.client})
			if err != nil {
				t.Fatal(err)
			}
			check(t, c, <-accepted)
		})
		t.Run(tt.name+"/server", func(t *testing.T) {
			accepted, over := make(chan *Conn, 1), make(chan struct{})
			addr := startServer(t, &Server{Config: &Config{Compression: tt.server}, Handler: func(c *Conn) {
				accepted <- c
				<-over
			}}, nil)
			defer close(over)
			c, err := Dial(t.Context(), "ws://"+addr.String(), &Config{Compression: tt.client})
			if err != nil {
				t.Fatal(err)
			}
			check(t, c, <-accepted)
		})
		if tt.client == tt.server || tt.name == "5/the_defaults" {
			t.Run(tt.name+"/pipe", func(t *testing.T) {
				a, b := Pipe(&Config{Compression: tt.client})
				check(t, a, b)
			})
		}
	}
}

// agreeing returns a server whose response has this value of Sec-WebSocket-Extensions, none if it is empty, and these frames behind it.
func agreeing(value string, frames ...conntest.Frame) *scriptedServer {
	response := goodResponse
	if value != "" {
		response = strings.TrimSuffix(response, "\r\n") + "Sec-WebSocket-Extensions: " + value + "\r\n\r\n"
	}
	for _, f := range frames {
		response += string(f.Append(nil))
	}
	return answering(response)
}

// TestCompressionRefused: a response that the client must not accept fails Dial, and the error says which rule was broken.
func TestCompressionRefused(t *testing.T) {
	for name, line := range map[string]string{
		"7/unknown_parameter":           "permessage-deflate; server_no_context_takeover; mux",
		"7/repeated_parameter":          "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
		"7.1.2.1/leading_zero":          "permessage-deflate; server_no_context_takeover; server_max_window_bits=08",
		"7.1.2.2/too_large":             "permessage-deflate; server_no_context_takeover; client_max_window_bits=16",
		"7.1.1.1/what_was_asked_for":    "permessage-deflate",
		"5/two_elements_for_one_answer": "permessage-deflate; server_no_context_takeover, permessage-deflate; server_no_context_takeover",
	} {
		t.Run(name, func(t *testing.T) {
			s := agreeing(line)
			c, err := Dial(t.Context(), "ws://example.com/", &Config{Compression: &deflate.Config{}, NetDial: s.dial})
			defer s.checkClosed(t)
			if c != nil {
				t.Fatal("it was accepted")
			}
			if e, ok := errors.AsType[*HandshakeError](err); !ok || e.Status != http.StatusSwitchingProtocols {
				t.Errorf("%v is not a HandshakeError with the status", err)
			}
			if _, ok := errors.AsType[*deflate.Error](err); !ok {
				t.Errorf("%v is not an Error of deflate's", err)
			}
		})
	}
	t.Run("5/not_offered", func(t *testing.T) {
		s := agreeing("permessage-deflate")
		c, err := Dial(t.Context(), "ws://example.com/", &Config{NetDial: s.dial})
		defer s.checkClosed(t)
		if _, ok := errors.AsType[*HandshakeError](err); !ok || c != nil {
			t.Errorf("%v, %v", c, err)
		}
	})
}

// TestCompressionDeclined is the other half of T-NONEG: what was not agreed on is refused, also if one side wanted it.
func TestCompressionDeclined(t *testing.T) {
	hello := compressedFrame(conntest.Text, conntest.Hex("f248cdc9c90700"))
	t.Run("5/by_the_server", func(t *testing.T) {
		s := agreeing("", hello)
		c, err := Dial(t.Context(), "ws://example.com/", &Config{Compression: &deflate.Config{}, NetDial: s.dial})
		if err != nil {
			t.Fatal(err)
		}
		defer s.checkClosed(t)
		defer c.CloseNow()
		m, err := c.Read()
		if e, ok := errors.AsType[*frame.ProtocolError](err); !ok || e.Code != frame.StatusProtocolError {
			t.Errorf("%q, %v", m.Data, err)
		}
		if c.Extensions() != "" {
			t.Errorf("Extensions is %q", c.Extensions())
		}
	})
	for name, line := range map[string]string{
		"5/for_the_client":           "Sec-WebSocket-Extensions: permessage-deflate",
		"7/because_it_is_not_valid":  "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=07",
		"7/because_it_was_not_there": "X-Other: 1",
	} {
		t.Run(name, func(t *testing.T) {
			cfg := &Config{Compression: &deflate.Config{}}
			if name == "5/for_the_client" {
				cfg = nil
			}
			ended := make(chan error, 1)
			o := serveOne(&Server{Config: cfg, Handler: func(c *Conn) {
				_, err := c.Read()
				ended <- err
			}}, 64<<10, nil)
			defer o.peer.Close()
			p := conntest.NewPeer(t, o.peer, true)
			p.SendBytes([]byte(withFields(line)))
			if head := p.ReadHead("the answer"); strings.Contains(head, "Extensions") || !strings.Contains(head, " 101 ") {
				t.Fatalf("the answer is %q", head)
			}
			p.Send(hello)
			p.WantClose("RSV1 means nothing", 1002, nil)
			if err := <-ended; err == nil {
				t.Error("it was delivered")
			}
		})
	}
}

// TestCompressionAcceptedByHand: the response of a server to an offer of several, octet by octet.
func TestCompressionAcceptedByHand(t *testing.T) {
	got := make(chan string, 1)
	o := serveOne(&Server{Config: &Config{Compression: &deflate.Config{Threshold: -1}}, Handler: func(c *Conn) {
		m, err := c.Read()
		got <- fmt.Sprintf("%q %v", m.Data, err)
		c.Write(Text, []byte(strings.Repeat("Hello", 20)))
	}}, 64<<10, nil)
	defer o.peer.Close()
	p := conntest.NewPeer(t, o.peer, true)
	p.SendBytes([]byte(withFields("Sec-WebSocket-Extensions: mux, permessage-deflate; server_max_window_bits=7, permessage-deflate; client_max_window_bits")))
	const want = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"
	if head := p.ReadHead("the answer"); !strings.Contains(head, want) {
		t.Errorf("the answer is %q, want %q in it", head, want)
	}
	p.Wire().PermessageDeflate(false)
	p.Send(compressedFrame(conntest.Text, conntest.Hex("f248cdc9c90700")))
	if s := <-got; s != `"Hello" <nil>` {
		t.Errorf("the server read %s", s)
	}
	p.WantText("the answer is compressed", strings.Repeat("Hello", 20))
	if m := p.Wire().Messages(); !m[0].Compressed {
		t.Error("the answer is not compressed")
	}
}
