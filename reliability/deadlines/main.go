// Command deadlines measures, over loopback TCP, how long after its deadline each call returns whose peer keeps it waiting. It judges nothing: what the machine itself adds is in the last line, a timer's own delay.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/hawser-go/hawser"
)

// wait is how far off the deadlines are.
const wait = 20 * time.Millisecond

func main() {
	log.SetFlags(0)
	log.SetPrefix("deadlines: ")
	n := flag.Int("n", 200, "how often each call is made")
	flag.Parse()
	for _, c := range calls {
		var late []time.Duration
		for range *n {
			d, err := c.once()
			if err != nil {
				log.Fatalf("%s: %v", c.name, err)
			}
			late = append(late, d)
		}
		slices.Sort(late)
		fmt.Printf("%-34s late by %8.3f ms at most, %8.3f ms in 99 of 100, %8.3f ms in the middle, of %d\n",
			c.name, ms(late[len(late)-1]), ms(late[len(late)*99/100]), ms(late[len(late)/2]), len(late))
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// A call is made on a connection whose peer reads nothing and says nothing, with a deadline in its context or with the timeout of its Config. Config.WriteTimeout is not among them: it is a time without progress.
type call struct {
	name string
	cfg  *hawser.Config
	use  func(ctx context.Context, c *hawser.Conn) error // it has to fail
}

// large is more than the buffers of the two sockets take.
var large = make([]byte, 32<<20)

var calls = []call{
	{"ReadContext", nil, func(ctx context.Context, c *hawser.Conn) error { _, err := c.ReadContext(ctx); return err }},
	{"MessagesContext", nil, func(ctx context.Context, c *hawser.Conn) error {
		for _, err := range c.MessagesContext(ctx) {
			return err
		}
		return nil
	}},
	{"WriteContext", nil, func(ctx context.Context, c *hawser.Conn) error { return c.WriteContext(ctx, hawser.Binary, large) }},
	{"Writer", nil, func(ctx context.Context, c *hawser.Conn) error {
		w, err := c.Writer(ctx, hawser.Binary)
		if err != nil {
			return err
		}
		if _, err = w.Write(large); err == nil {
			err = w.Close()
		}
		return err
	}},
	{"Ping", nil, func(ctx context.Context, c *hawser.Conn) error { _, err := c.Ping(ctx); return err }},
	{"Wait", nil, func(ctx context.Context, c *hawser.Conn) error { return c.Wait(ctx) }},
	{"Close, by Config.CloseTimeout", &hawser.Config{CloseTimeout: wait}, func(_ context.Context, c *hawser.Conn) error { return c.Close(1000, "") }},
	{"Dial", nil, nil},
	{"a timer", nil, func(context.Context, *hawser.Conn) error { time.Sleep(wait); return context.DeadlineExceeded }},
}

// once makes the call, and returns how late it was.
func (call *call) once() (late time.Duration, err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	if call.use == nil { // the peer accepts, and answers nothing
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		defer cancel()
		deadline, _ := ctx.Deadline()
		if c, err := hawser.Dial(ctx, "ws://"+ln.Addr().String(), nil); err == nil {
			c.CloseNow()
			return 0, fmt.Errorf("it succeeded")
		}
		return time.Since(deadline), nil
	}
	rwc, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		return 0, err
	}
	peer, err := ln.Accept()
	if err != nil {
		return 0, err
	}
	defer peer.Close()
	c := hawser.New(rwc, hawser.RoleClient, nil, call.cfg)
	defer c.CloseNow()
	ctx, cancel := context.Background(), func() {}
	deadline := time.Now().Add(wait)
	if !strings.Contains(call.name, "Config") {
		ctx, cancel = context.WithDeadline(ctx, deadline)
	}
	defer cancel()
	if err := call.use(ctx, c); err == nil {
		return 0, fmt.Errorf("it succeeded")
	}
	return time.Since(deadline), nil
}
