// Command testee is what the Autobahn testsuite judges: an echo server and an echo client of
// the engine, configured with nothing but a message limit that lets group 9 through, and
// compression as the testsuite wants it for groups 12 and 13.
//
//	testee server [-addr 127.0.0.1:9001] [-style pull|push]
//	testee client [-url ws://127.0.0.1:9002] [-agent hawser]
//
// The server prints the URL it listens on, and serves until SIGINT or SIGTERM. The client
// runs every case of the fuzzing server, one after another, and has the reports written.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/hawser-go/hawser"
)

// config is the whole configuration of both testees. The largest message of the testsuite
// is 16 MiB (9.1.6, 9.2.6).
//
// Compression wants as much as RFC 7692 allows, so that what each case of group 13 asks for
// decides; and every message that shrinks is compressed, the smallest too.
var config = &hawser.Config{
	MessageLimit: 16 << 20,
	Compression: &hawser.Compression{
		Threshold:             -1,
		ServerContextTakeover: true,
		ClientContextTakeover: true,
	},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "testee:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("usage: testee server|client [flags]")
	}
	flags := flag.NewFlagSet("testee "+args[0], flag.ExitOnError)
	switch args[0] {
	case "server":
		addr := flags.String("addr", "127.0.0.1:9001", "where to listen; port 0 means any free port")
		style := flags.String("style", "pull", "how messages are taken: pull, a loop over Messages, or push, functions that an event loop calls where there is one")
		flags.Parse(args[1:])
		return serve(ctx, *addr, *style, os.Stdout)
	case "client":
		url := flags.String("url", "ws://127.0.0.1:9002", "where the fuzzing server listens")
		agent := flags.String("agent", "hawser", "the name in the reports")
		flags.Parse(args[1:])
		return runCases(ctx, *url, *agent, os.Stdout)
	}
	return fmt.Errorf("%q is neither server nor client", args[0])
}

// echo sends every message back until the connection ends. How it ends is the testsuite's
// business, not ours: most cases end it with an error, on purpose.
func echo(c *hawser.Conn) {
	for m, err := range c.Messages() {
		if err != nil {
			return
		}
		if err := c.Write(m.Type, m.Data); err != nil {
			return
		}
	}
}
