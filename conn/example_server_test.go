package conn_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/hawser-go/hawser/conn"
	"github.com/hawser-go/hawser/handshake"
)

// One port for WebSockets and for ordinary pages.
func ExampleServer() {
	server := &conn.Server{
		Handler: func(c *conn.Conn) {
			for m, err := range c.Messages() {
				if err != nil || c.Write(m.Type, m.Data) != nil {
					return
				}
			}
		},
		HTTP: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "the page %s", r.URL.Path)
		}),
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go server.Serve(ln)
	defer server.Close()

	resp, err := http.Get("http://" + ln.Addr().String() + "/index.html")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	page, _ := io.ReadAll(resp.Body)
	fmt.Println(string(page))

	c, err := conn.Dial(context.Background(), "ws://"+ln.Addr().String(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	c.Write(conn.Text, []byte("echo"))
	m, err := c.Read()
	fmt.Printf("%s %v\n", m.Data, err)
	// Output:
	// the page /index.html
	// echo <nil>
}

// The hook sees the whole request. What it returns is the connection's value, or the answer to a request that it refuses.
func ExampleConfig_onRequest() {
	type session struct{ user, room string }
	users := map[string]string{"0123": "gopher"}
	server := &conn.Server{
		Config: &conn.Config{
			Origins: []string{"https://example.com", "https://*.example.com"},
			OnRequest: func(r *handshake.Request) (any, error) {
				cookies, _ := http.ParseCookie(r.Get("Cookie"))
				for _, cookie := range cookies {
					if user, ok := users[cookie.Value]; ok && cookie.Name == "session" {
						r.ResponseHeader().Set("X-User", user)
						return session{user, r.Path()}, nil
					}
				}
				return nil, &handshake.Error{
					Status: http.StatusUnauthorized,
					Header: http.Header{"Content-Type": {"application/json"}},
					Body:   []byte(`{"error":"log in first"}`),
				}
			},
		},
		Handler: func(c *conn.Conn) {
			s := c.Value().(session)
			c.Write(conn.Text, []byte(s.user+" is in "+s.room))
		},
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go server.Serve(ln)
	defer server.Close()

	for _, cookie := range []string{"session=0123", "session=4567"} {
		c, err := conn.Dial(context.Background(), "ws://"+ln.Addr().String()+"/lobby", &conn.Config{Header: http.Header{"Cookie": {cookie}}})
		if e, ok := errors.AsType[*conn.HandshakeError](err); ok {
			fmt.Printf("%d %s\n", e.Status, e.Body)
			continue
		}
		m, _ := c.Read()
		fmt.Printf("%s\n", m.Data)
		c.CloseNow()
	}
	// Output:
	// gopher is in /lobby
	// 401 {"error":"log in first"}
}
