package conn_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"

	"github.com/hawser-go/hawser/conn"
)

// A server whose connections have no goroutine that reads: it is called when something happens.
func ExampleEvents() {
	var mu sync.Mutex
	room := map[*conn.Conn]bool{}
	server := &conn.Server{Events: &conn.Events{
		Open: func(c *conn.Conn) {
			mu.Lock()
			defer mu.Unlock()
			room[c] = true
		},
		Message: func(c *conn.Conn, m conn.Message) {
			c.Write(m.Type, m.Data) // m.Data is borrowed until Message returns
		},
		Close: func(c *conn.Conn, e *conn.CloseError) {
			mu.Lock()
			defer mu.Unlock()
			delete(room, c)
		},
	}}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go server.Serve(ln)
	defer server.Close()

	c, err := conn.Dial(context.Background(), "ws://"+ln.Addr().String(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	c.Write(conn.Text, []byte("hello"))
	m, _ := c.Read()
	fmt.Printf("%s\n", m.Data)
	fmt.Println(c.Close(1000, ""))
	// Output:
	// hello
	// <nil>
}

// Any connection can call Events, a client's, too.
func ExampleConn_Drive() {
	a, b := conn.Pipe(nil)
	ended := make(chan struct{})
	b.Drive(&conn.Events{
		Message: func(c *conn.Conn, m conn.Message) { fmt.Printf("%v %q\n", m.Type, m.Data) },
		Close: func(c *conn.Conn, e *conn.CloseError) {
			fmt.Println(e.Received, e.Clean())
			close(ended)
		},
	})
	a.Write(conn.Text, []byte("hello"))
	a.Close(1000, "bye")
	<-ended
	// Output:
	// text "hello"
	// 1000 (Normal Closure) "bye" true
}

// The same beside an ordinary HTTP server.
func ExampleEventHandler() {
	http.Handle("/echo", conn.EventHandler(&conn.Events{
		Message: func(c *conn.Conn, m conn.Message) { c.Write(m.Type, m.Data) },
	}, nil))
}
