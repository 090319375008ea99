package conn_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/hawser-go/hawser/conn"
	"github.com/hawser-go/hawser/frame"
)

// A server that sends every message back. The connection is closed with 1000 when the function returns.
func ExampleHandler() {
	echo := func(c *conn.Conn) {
		for m, err := range c.Messages() {
			if err != nil {
				return
			}
			if err := c.Write(m.Type, m.Data); err != nil {
				return
			}
		}
	}
	mux := http.NewServeMux()
	mux.Handle("/echo", conn.Handler(echo, nil))
	server := httptest.NewServer(mux)
	defer server.Close()

	c, err := conn.Dial(context.Background(), "ws"+strings.TrimPrefix(server.URL, "http")+"/echo", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := c.Write(conn.Text, []byte("hello")); err != nil {
		fmt.Println(err)
	}
	m, err := c.Read()
	fmt.Printf("%v %q %v\n", m.Type, m.Data, err)
	fmt.Println(c.Close(frame.StatusNormalClosure, ""))
	// Output:
	// text "hello" <nil>
	// <nil>
}

// A handler that decides for itself who may connect, and owns the connection.
func ExampleAccept() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user := r.URL.Query().Get("user")
		if user == "" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		c, err := conn.Accept(w, r, &conn.Config{Subprotocols: []string{"greeting"}})
		if err != nil {
			return // the answer has been written
		}
		// The HTTP handler should return soon. The connection lives on.
		go func() {
			c.Write(conn.Text, []byte("hello, "+user))
			c.Close(frame.StatusNormalClosure, "that was all")
		}()
	}))
	defer server.Close()
	url := "ws" + strings.TrimPrefix(server.URL, "http")

	_, err := conn.Dial(context.Background(), url, nil)
	if refused, ok := errors.AsType[*conn.HandshakeError](err); ok {
		fmt.Printf("%d %q\n", refused.Status, refused.Body)
	}

	c, err := conn.Dial(context.Background(), url+"/?user=gopher", &conn.Config{Subprotocols: []string{"greeting"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	fmt.Println("subprotocol", c.Subprotocol())
	m, err := c.Read()
	fmt.Printf("%q %v\n", m.Data, err)
	_, err = c.Read()
	fmt.Println(errors.Is(err, io.EOF))
	// Output:
	// 401 "who are you?\n"
	// subprotocol greeting
	// "hello, gopher" <nil>
	// true
}

// A client of a server that sends and then closes.
func ExampleDial() {
	server := httptest.NewServer(conn.Handler(func(c *conn.Conn) {
		for _, word := range []string{"one", "two", "three"} {
			c.Write(conn.Text, []byte(word))
		}
	}, nil))
	defer server.Close()

	c, err := conn.Dial(context.Background(), "ws"+strings.TrimPrefix(server.URL, "http"), &conn.Config{
		Header:       http.Header{"Authorization": {"Bearer secret"}},
		MessageLimit: 64 << 10,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	for m, err := range c.Messages() {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s\n", m.Data)
	}
	fmt.Println("closed by the server")
	// Output:
	// one
	// two
	// three
	// closed by the server
}

// Two connections in memory, for a test without a network. It may run in a testing/synctest bubble.
func ExamplePipe() {
	client, server := conn.Pipe(nil)
	go func() {
		m, err := server.Read()
		if err == nil {
			server.Write(m.Type, append([]byte("re: "), m.Data...))
		}
		server.Read() // answers the client's Close
	}()
	client.Write(conn.Text, []byte("lunch"))
	m, err := client.Read()
	fmt.Printf("%q %v\n", m.Data, err)
	fmt.Println(client.Close(frame.StatusNormalClosure, "see you"))
	// Output:
	// "re: lunch" <nil>
	// <nil>
}

// The fast way to read: Data is only borrowed, and the loop ends without an error when the peer closes normally.
func ExampleConn_Messages() {
	client, server := conn.Pipe(nil)
	go func() {
		client.Write(conn.Text, []byte("text"))
		client.Write(conn.Binary, []byte{1, 2, 3})
		client.Close(frame.StatusGoingAway, "")
	}()
	total := 0
	for m, err := range server.Messages() {
		if err != nil {
			fmt.Println("it did not end well:", err)
			return
		}
		fmt.Println(m.Type, m.Data)
		total += len(m.Data) // to keep the bytes themselves, copy them, or use Read
	}
	fmt.Println(total, "bytes")
	// Output:
	// text [116 101 120 116]
	// binary [1 2 3]
	// 7 bytes
}

// What can be learnt from an error that ended a connection.
func ExampleCloseError() {
	client, server := conn.Pipe(nil)
	go client.Close(frame.StatusPolicyViolation, "you talk too much")
	_, err := server.Read()

	// Coarse, for an if.
	fmt.Println("over:", errors.Is(err, conn.ErrClosed))
	fmt.Println("as it should be:", errors.Is(err, io.EOF))
	// Precise, for a log.
	if e, ok := errors.AsType[*conn.CloseError](err); ok && e.Received != nil {
		fmt.Println("received:", e.Received)
		fmt.Println("we began:", e.Local)
	}
	// Output:
	// over: true
	// as it should be: false
	// received: 1008 (Policy Violation) "you talk too much"
	// we began: false
}
