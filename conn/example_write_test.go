package conn_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/hawser-go/hawser/conn"
	"github.com/hawser-go/hawser/frame"
)

// Prices for a peer that may read slowly: it never holds up who sends, and gets the newest.
func ExampleConn_Send() {
	client, server := conn.Pipe(&conn.Config{SendQueue: 4 << 10, WhenFull: conn.DropOldest})
	defer client.CloseNow()

	for price := range 100000 { // nobody reads meanwhile
		if err := server.Send(conn.Text, fmt.Appendf(nil, "price %d", price)); err != nil {
			fmt.Println(err)
			return
		}
	}
	fmt.Println(server.BufferedAmount() <= 4<<10+64<<10)
	go server.Close(frame.StatusNormalClosure, "") // sends what is queued first
	n, last := 0, ""
	for m, err := range client.Messages() {
		if err != nil {
			fmt.Println(err)
			return
		}
		n, last = n+1, string(m.Data)
	}
	fmt.Println(n < 100000, last)
	// Output:
	// true
	// true price 99999
}

// A write that does not wait for ever for a peer that does not read.
func ExampleConn_WriteContext() {
	client, server := conn.Pipe(nil)
	defer client.CloseNow()
	defer server.CloseNow()

	large := []byte(strings.Repeat("x", 200000))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	err := server.WriteContext(ctx, conn.Binary, large)
	if e, ok := errors.AsType[*conn.InterruptedError](err); ok {
		// It must not be sent again if a part of it has left: the rest follows by itself.
		fmt.Println("kept:", e.Kept, errors.Is(err, context.DeadlineExceeded))
	}
	m, err := client.Read()
	fmt.Println(len(m.Data), err)
	// Output:
	// kept: true true
	// 200000 <nil>
}

// A message whose length nobody knows when it begins.
func ExampleConn_Writer() {
	client, server := conn.Pipe(nil)
	defer client.CloseNow()
	defer server.CloseNow()

	w, err := server.Writer(context.Background(), conn.Text)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Fprintf(w, "%d green bottles, ", 10)
	io.Copy(w, strings.NewReader("hanging on the wall"))
	if err := w.Close(); err != nil { // until then no other message can be sent
		fmt.Println(err)
	}
	m, err := client.Read()
	fmt.Printf("%q %v\n", m.Data, err)
	// Output: "10 green bottles, hanging on the wall" <nil>
}

// One message to everybody in a room.
func ExampleBroadcast() {
	room := map[*conn.Conn]bool{}
	var clients []*conn.Conn
	for range 3 {
		client, server := conn.Pipe(nil)
		defer client.CloseNow()
		defer server.CloseNow()
		clients, room[server] = append(clients, client), true
	}
	m, err := conn.Prepare(conn.Text, []byte("good evening"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("failed:", conn.Broadcast(m, maps.Keys(room)))
	for _, c := range clients {
		m, err := c.Read()
		fmt.Printf("%q %v\n", m.Data, err)
	}
	// Output:
	// failed: 0
	// "good evening" <nil>
	// "good evening" <nil>
	// "good evening" <nil>
}
