package hawser_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"

	"github.com/hawser-go/hawser"
)

// An echo server on net/http, and a client that talks to it.
func Example() {
	server := httptest.NewServer(hawser.Handler(func(c *hawser.Conn) {
		for m, err := range c.Messages() {
			if err != nil {
				return
			}
			c.Write(m.Type, m.Data)
		}
	}, nil))
	defer server.Close()

	c, err := hawser.Dial(context.Background(), "ws://"+server.Listener.Addr().String()+"/ws", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close(hawser.StatusNormalClosure, "")
	c.Write(hawser.Text, []byte("hello"))
	m, err := c.Read()
	fmt.Printf("%v %s %v\n", m.Type, m.Data, err)
	// Output: text hello <nil>
}

// A server without net/http, and a hook that decides who may connect.
func ExampleServer() {
	server := &hawser.Server{
		Handler: func(c *hawser.Conn) {
			c.Write(hawser.Text, []byte("hello, "+c.Value().(string)))
		},
		Config: &hawser.Config{OnRequest: func(r *hawser.Request) (any, error) {
			user := r.Query().Get("user")
			if user == "" {
				return nil, &hawser.Refusal{Status: 401, Detail: "who are you?"}
			}
			return user, nil
		}},
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go server.Serve(ln)
	defer server.Close()

	url := "ws://" + ln.Addr().String() + "/"
	_, err = hawser.Dial(context.Background(), url, nil)
	if e, ok := errors.AsType[*hawser.HandshakeError](err); ok {
		fmt.Println(e.Status)
	}
	c, err := hawser.Dial(context.Background(), url+"?user=gopher", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	m, err := c.Read()
	fmt.Printf("%s %v\n", m.Data, err)
	// Output:
	// 401
	// hello, gopher <nil>
}

// How a connection ended, for logs and for decisions.
func ExampleCloseError() {
	client, server := hawser.Pipe(nil)
	go func() {
		for range server.Messages() {
			server.Close(hawser.StatusPolicyViolation, "too many requests")
		}
	}()
	client.Write(hawser.Text, []byte("hello"))
	_, err := client.Read()
	if e, ok := errors.AsType[*hawser.CloseError](err); ok {
		fmt.Println("received", e.Received)
		fmt.Println("clean:", errors.Is(err, io.EOF))
	}
	// Output:
	// received 1008 (Policy Violation) "too many requests"
	// clean: false
}

// Two connections in memory, for tests.
func ExamplePipe() {
	client, server := hawser.Pipe(nil)
	go server.Write(hawser.Text, []byte("from the server"))
	m, _ := client.Read()
	fmt.Printf("%s\n", m.Data)
	client.CloseNow()
	// Output: from the server
}
