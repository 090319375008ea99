// Many holds connections that are mostly idle, and prints what they cost as they come: with functions that an event loop calls (-style push), or with a goroutine and a loop for each (-style pull).
//
//	go run ./examples/many [-n 10000] [-style push|pull]
//
// The clients are a process of their own, so that what is printed is the server's memory alone. Each connection has sent a message and got it back before it is idle.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"sync/atomic"

	"github.com/hawser-go/hawser"
)

func main() {
	n := flag.Int("n", 10_000, "how many connections")
	style := flag.String("style", "push", "push: functions, called by an event loop where there is one; pull: a goroutine with a loop for each connection")
	url := flag.String("connect", "", "be the clients, and connect to this `URL`; used by the program itself")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if *url != "" {
		err = connect(ctx, *url, *n, os.Stdout, os.Stdin)
	} else {
		err = serve(ctx, *n, *style, os.Stdout, startClients)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// server returns an echo server in a style. open counts its connections.
func server(style string, open *atomic.Int64) (*hawser.Server, error) {
	switch style {
	case "push":
		return &hawser.Server{Events: &hawser.Events{
			Open:    func(*hawser.Conn) { open.Add(1) },
			Message: func(c *hawser.Conn, m hawser.Message) { c.Write(m.Type, m.Data) },
			Close:   func(*hawser.Conn, *hawser.CloseError) { open.Add(-1) },
		}}, nil
	case "pull":
		return &hawser.Server{Handler: func(c *hawser.Conn) {
			open.Add(1)
			defer open.Add(-1)
			for m, err := range c.Messages() {
				if err != nil {
					return
				}
				c.Write(m.Type, m.Data)
			}
		}}, nil
	}
	return nil, fmt.Errorf("%q is no style: push or pull", style)
}

// serve has clients open n connections to a server, and writes what they cost to w each time that a tenth of them is there. clients tells how many, one line for each tenth.
func serve(ctx context.Context, n int, style string, w io.Writer, clients func(ctx context.Context, url string, n int) (tenths io.Reader, stop func() error, err error)) error {
	var open atomic.Int64
	s, err := server(style, &open)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go s.Serve(ln)
	defer s.Close()
	before := memory()
	tenths, stop, err := clients(ctx, "ws://"+ln.Addr().String(), n)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%12s %12s %18s %18s\n", "connections", "goroutines", "heap, stacks B", "for each, B")
	for {
		var there int
		if _, err := fmt.Fscanln(tenths, &there); err != nil {
			break
		}
		held := memory() - before
		fmt.Fprintf(w, "%12d %12d %18d %18d\n", open.Load(), runtime.NumGoroutine(), held, held/int64(max(there, 1)))
	}
	go io.Copy(io.Discard, tenths)
	return stop()
}

// memory returns the bytes in heap objects and stacks after a collection.
func memory() int64 {
	for range 5 { // what pools keep goes with the second, and a stack halves with each
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// startClients starts this program again, as the clients.
func startClients(ctx context.Context, url string, n int) (tenths io.Reader, stop func() error, err error) {
	cmd := exec.CommandContext(ctx, os.Args[0], "-connect", url, "-n", fmt.Sprint(n))
	cmd.Stderr = os.Stderr
	hold, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	return out, func() error { hold.Close(); return cmd.Wait() }, cmd.Start()
}

// connect opens n connections, sends a message on each and waits for it to come back. It writes how many there are after each tenth, and "end" behind the last; then it holds them until hold ends.
func connect(ctx context.Context, url string, n int, w io.Writer, hold io.Reader) error {
	conns := make([]*hawser.Conn, 0, n)
	defer func() {
		for _, c := range conns {
			c.CloseNow()
		}
	}()
	for i := range n {
		c, err := hawser.Dial(ctx, url, nil)
		if err != nil {
			return err
		}
		conns = append(conns, c)
		if err := c.Write(hawser.Text, []byte("hello")); err != nil {
			return err
		}
		if _, err := c.Read(); err != nil {
			return err
		}
		if (i+1)%max(n/10, 1) == 0 {
			fmt.Fprintln(w, i+1)
		}
	}
	fmt.Fprintln(w, "end")
	io.Copy(io.Discard, hold)
	return nil
}
