package client_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/hawser-go/hawser/client"
	"github.com/hawser-go/hawser/conn"
)

// A client that subscribes again after each end. Here the server ends every connection after its first message.
func ExampleClient_Connections() {
	server := httptest.NewServer(conn.Handler(func(c *conn.Conn) {
		if m, err := c.Read(); err == nil {
			c.Write(conn.Text, append([]byte("news of "), m.Data...))
		}
	}, nil))
	defer server.Close()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r := &client.Client{
		URL:        "ws" + strings.TrimPrefix(server.URL, "http"),
		FirstDelay: time.Millisecond, // in earnest, leave the default
		Waiting:    func(err error, _ time.Duration) { fmt.Println("again, after", err) },
	}
	received := 0
	for c, err := range r.Connections(ctx) {
		if err != nil {
			fmt.Println("given up:", err)
			return
		}
		c.Write(conn.Text, []byte("ships"))
		for m, err := range c.Messages() {
			if err != nil {
				break // the next connection comes
			}
			fmt.Printf("%s\n", m.Data)
			received++
		}
		if received == 2 {
			break
		}
	}
	// Output:
	// news of ships
	// again, after hawser: connection closed: received close 1000 (Normal Closure), sent close 1000 (Normal Closure)
	// news of ships
}
