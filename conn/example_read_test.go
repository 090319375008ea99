package conn_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hawser-go/hawser/conn"
	"github.com/hawser-go/hawser/frame"
)

// A large message goes where it is needed as it comes, and is never held as a whole.
func ExampleConn_Reader() {
	a, b := conn.Pipe(&conn.Config{MessageLimit: 1 << 30})
	defer a.CloseNow()
	go func() {
		b.Write(conn.Binary, make([]byte, 10<<20))
		b.CloseRead()
	}()

	t, r, err := a.Reader(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	hash := sha256.New()
	n, err := io.Copy(hash, r)
	fmt.Printf("%v, %d bytes, %x, %v\n", t, n, hash.Sum(nil)[:4], err)
	// Output:
	// binary, 10485760 bytes, e5b844cc, <nil>
}

// A deadline for each piece of a message: one that passes does no harm.
func ExampleMessageReader_ReadContext() {
	a, b := conn.Pipe(nil)
	defer a.CloseNow()
	defer b.CloseNow()
	go b.Write(conn.Text, []byte("slowly"))

	_, r, err := a.Reader(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	for buf := make([]byte, 4); ; {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		n, err := r.ReadContext(ctx, buf)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			continue // or give up
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s\n", buf[:n])
	}
	// Output:
	// slow
	// ly
	// EOF
}

// A feed is only written to. The context ends when the subscriber goes.
func ExampleConn_CloseRead() {
	feed, subscriber := conn.Pipe(nil)
	go func() {
		subscriber.Read()
		subscriber.Close(frame.StatusNormalClosure, "enough")
	}()

	ctx := feed.CloseRead()
	feed.Write(conn.Text, []byte("news"))
	<-ctx.Done()
	fmt.Println(feed.CloseInfo().Received)
	// Output:
	// 1000 (Normal Closure) "enough"
}

// Work that is done for one connection ends with it.
func ExampleConn_Context() {
	a, b := conn.Pipe(nil)
	go b.CloseNow()
	go a.Read()

	ctx, cancel := context.WithTimeout(a.Context(), time.Minute)
	defer cancel()
	<-ctx.Done() // a query of a database, for example
	fmt.Println(ctx.Err(), errors.Is(context.Cause(ctx), conn.ErrClosed))
	// Output:
	// context canceled true
}

// Who has not said who they are may not send much.
func ExampleConn_SetMessageLimit() {
	server, client := conn.Pipe(&conn.Config{MessageLimit: 100})
	defer server.CloseNow()
	defer client.CloseNow()
	go func() {
		client.Write(conn.Text, []byte("password"))
		if m, err := client.Read(); err == nil && string(m.Data) == "welcome" {
			client.Write(conn.Binary, make([]byte, 100_000))
		}
	}()

	if m, err := server.Read(); err != nil || string(m.Data) != "password" {
		server.Close(frame.StatusPolicyViolation, "who are you?")
		return
	}
	server.SetMessageLimit(1 << 20) // before the answer that makes the client send more
	server.Write(conn.Text, []byte("welcome"))
	m, err := server.Read()
	fmt.Println(len(m.Data), err)
	// Output:
	// 100000 <nil>
}

// A protocol of lines over messages: where they begin and end does not matter.
func ExampleNetConn() {
	a, b := conn.Pipe(nil)
	go func() {
		for _, piece := range []string{"HELO\nMA", "IL FROM\n", "QU", "IT\n"} {
			b.Write(conn.Text, []byte(piece))
		}
		b.Close(frame.StatusNormalClosure, "")
	}()

	stream := conn.NetConn(a, conn.Text)
	defer stream.Close()
	stream.SetReadDeadline(time.Now().Add(time.Minute))
	lines := bufio.NewScanner(stream)
	for lines.Scan() {
		fmt.Println(lines.Text())
	}
	fmt.Println(lines.Err())
	// Output:
	// HELO
	// MAIL FROM
	// QUIT
	// <nil>
}

func ExampleReadJSON() {
	a, b := conn.Pipe(nil)
	defer a.CloseNow()
	defer b.CloseNow()
	ctx := context.Background()
	go func() {
		conn.WriteJSON(ctx, b, map[string]int{"x": 1})
		b.Write(conn.Text, []byte(strings.Repeat("[", 3)))
		conn.WriteJSON(ctx, b, map[string]int{"x": 2})
	}()

	for range 3 {
		var point struct{ X int }
		err := conn.ReadJSON(ctx, a, &point)
		if e, ok := errors.AsType[*conn.JSONError](err); ok {
			fmt.Printf("%s is no JSON\n", e.Message.Data) // and the connection goes on
			continue
		}
		fmt.Println(point.X, err)
	}
	// Output:
	// 1 <nil>
	// [[[ is no JSON
	// 2 <nil>
}
