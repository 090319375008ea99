// Command autobahn judges a WebSocket server or client by the cases of the Autobahn testsuite.
//
//	autobahn [flags] ws://HOST:PORT/PATH     a server that sends every message back
//	autobahn [flags] -listen 127.0.0.1:9001  clients that do, written for the testsuite
//
// It prints what does not pass and a table, and writes the reports to a folder: index.html to
// look at, index.json in the testsuite's own format, and a JSON file for each case. Our own
// cases, for what the testsuite lacks, are named "H.*" and have a more.json of their own.
//
// With -listen it serves until a client has asked for /updateReports, or for ever with -stay.
//
// Exit status: 0 every case passes, 1 one does not, 2 wrong usage or nothing to judge.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hawser-go/hawser/autobahn"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// options is the command line.
type options struct {
	autobahn.Config
	listen, out, expect, write string
	stay                       bool
	url                        string
}

func parse(args []string, stderr io.Writer) (*options, error) {
	o := new(options)
	var insecure bool
	flags := flag.NewFlagSet("autobahn", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.Cases, "cases", "*,H.*", "the cases: identifiers and groups such as 1.*,6.4.1; * is the testsuite's, H.* our own")
	flags.StringVar(&o.Exclude, "exclude", "", "cases to leave out of these")
	flags.IntVar(&o.Parallel, "parallel", 0, "how many cases run at once against a server (eight for each processor)")
	flags.DurationVar(&o.Timeout, "timeout", 0, "how long a peer has for what it has to do (2s; cases with long messages give more)")
	flags.DurationVar(&o.Quiet, "quiet", 0, "how long a case waits where nothing has to happen (1s)")
	flags.IntVar(&o.Messages, "messages", 0, "how many messages the cases of groups 12 and 13 send (1000)")
	flags.StringVar(&o.Agent, "agent", "", "the name of a server in the reports (peer)")
	flags.StringVar(&o.out, "out", "", "the folder for the reports (none are written)")
	flags.StringVar(&o.expect, "expect", "", "a file of verdicts to compare with, from -write: what differs is the failure then, and nothing else")
	flags.StringVar(&o.write, "write", "", "a file for the verdicts, without what changes from run to run")
	flags.StringVar(&o.listen, "listen", "", "serve clients on this address")
	flags.BoolVar(&o.stay, "stay", false, "with -listen: go on when a client is done")
	flags.BoolVar(&insecure, "insecure", false, "take any certificate of a wss server")
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: autobahn [flags] URL, or autobahn [flags] -listen ADDRESS")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if insecure {
		o.TLS = &tls.Config{InsecureSkipVerify: true}
	}
	o.url = flags.Arg(0)
	if flags.NArg() > 1 || (o.url == "") == (o.listen == "") {
		flags.Usage()
		return nil, errors.New("one URL, or -listen")
	}
	return o, nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (status int) {
	o, err := parse(args, stderr)
	if err != nil {
		return 2
	}
	p := newProgress(stderr)
	o.Progress = p.show
	var report *autobahn.Report
	if o.url != "" {
		if cases, err := o.Select("server"); err == nil {
			p.total = len(cases)
		}
		report, err = autobahn.TestServer(ctx, o.url, &o.Config)
	} else {
		report, err = serve(ctx, o, stdout)
	}
	p.clear()
	if report != nil && len(report.Results) > 0 {
		if status, writeErr := conclude(o, report, stdout); writeErr != nil {
			err = errors.Join(err, writeErr)
		} else if err == nil {
			return status
		}
	} else if err == nil {
		err = errors.New("no client ran a case")
	}
	fmt.Fprintln(stderr, "autobahn:", err)
	return 2
}

// serve serves clients, until one is done or the context is.
func serve(ctx context.Context, o *options, stdout io.Writer) (*autobahn.Report, error) {
	s, err := autobahn.NewFuzzingServer(&o.Config)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s.OnUpdate = func(agent string) {
		if o.out != "" && o.stay {
			s.Report("").WriteFiles(o.out)
		}
		if !o.stay {
			// The client is still to be told that all is well.
			time.AfterFunc(time.Second, stop)
		}
	}
	ln, err := net.Listen("tcp", o.listen)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(stdout, "ws://%s\n", ln.Addr())
	defer context.AfterFunc(ctx, func() { ln.Close() })()
	err = s.Serve(ln)
	s.Close()
	return s.Report(""), err
}
