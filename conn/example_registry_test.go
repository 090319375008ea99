package conn_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/hawser-go/hawser/conn"
)

func echo(c *conn.Conn) {
	for m, err := range c.Messages() {
		if err != nil || c.Write(m.Type, m.Data) != nil {
			return
		}
	}
}

// One set of limits for two endpoints, and a message to all connections of both.
func ExampleRegistry() {
	registry := &conn.Registry{MaxConns: 2, MaxBuffered: 256 << 20}
	cfg := &conn.Config{Registry: registry}
	mux := http.NewServeMux()
	serve := func(c *conn.Conn) {
		c.Write(conn.Text, []byte("hello"))
		echo(c)
	}
	mux.Handle("/news", conn.Handler(serve, cfg))
	mux.Handle("/chat", conn.Handler(serve, cfg))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go http.Serve(ln, mux)
	defer ln.Close()
	defer registry.Close()

	var clients []*conn.Conn
	for _, path := range []string{"/news", "/chat", "/news"} {
		c, err := conn.Dial(context.Background(), "ws://"+ln.Addr().String()+path, nil)
		if e, ok := errors.AsType[*conn.HandshakeError](err); ok {
			fmt.Println(path, e.Status, e.Header.Get("Retry-After"))
			continue
		}
		defer c.CloseNow()
		c.Read()
		clients = append(clients, c)
	}
	for c := range registry.All() {
		c.Write(conn.Text, []byte("to all"))
	}
	for _, c := range clients {
		m, err := c.Read()
		fmt.Printf("%s %v\n", m.Data, err)
	}
	// Output:
	// /news 503 10
	// to all <nil>
	// to all <nil>
}

// The http.Server's Shutdown neither ends WebSocket connections nor waits for them, because they have been taken over from it. It calls the Registry's, in a goroutine for which it does not wait either: so the
// program does.
func ExampleRegistry_Shutdown() {
	registry := &conn.Registry{}
	server := &http.Server{Handler: conn.Handler(echo, &conn.Config{Registry: registry})}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go server.Serve(ln)
	c, err := conn.Dial(context.Background(), "ws://"+ln.Addr().String(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	client := make(chan error)
	go func() {
		_, err := c.Read()
		client <- err
	}()

	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	connections := make(chan error, 1)
	server.RegisterOnShutdown(func() { connections <- registry.Shutdown(ctx) })
	if err := server.Shutdown(ctx); err != nil {
		fmt.Println(err)
	}
	// Without this line the program would end, and cut the connections, before their Close frames are sent.
	fmt.Println("shut down:", <-connections)

	fmt.Println(<-client)
	// Output:
	// shut down: <nil>
	// hawser: connection closed: received close 1001 (Going Away) "shutting down", sent close 1001 (Going Away)
}

// A Server has a Registry of its own.
func ExampleServer_Shutdown() {
	server := &conn.Server{Handler: echo}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	served := make(chan error)
	go func() { served <- server.Serve(ln) }()
	c, err := conn.Dial(context.Background(), "ws://"+ln.Addr().String(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	go c.Read() // somebody has to, or the Close frame is not answered

	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	fmt.Println(server.Shutdown(ctx))
	fmt.Println(<-served)
	fmt.Println(c.Wait(ctx), c.CloseInfo().Received)
	// Output:
	// <nil>
	// http: Server closed
	// <nil> 1001 (Going Away) "shutting down"
}
