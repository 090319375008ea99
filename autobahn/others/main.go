// Command others is what the suite is checked against: echo servers and clients of other
// libraries, each as its own documentation has it, with compression where it has any.
//
//	others server LIBRARY [-addr 127.0.0.1:0]
//	others client LIBRARY -url ws://127.0.0.1:9002 [-agent NAME]
//	others list
//
// The server prints the URL it listens on. The client runs every case of a fuzzing server and
// has the reports written.
package main

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A library is one that is judged.
type library struct {
	// serve echoes to whoever makes the request.
	serve http.HandlerFunc
	// dial echoes to the server at the URL until the connection ends, or, with answer,
	// returns the first message. nil: the library has no client here.
	dial func(url string, answer bool) ([]byte, error)
}

// maxMessage is the longest message of a case.
const maxMessage = 16 << 20

var libraries = map[string]library{
	"coder":   {coderServe, coderDial},
	"gobwas":  {gobwasServe, gobwasDial},
	"gorilla": {gorillaServe, gorillaDial},
	"gws":     {gwsServe, gwsDial},
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "others:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 1 && args[0] == "list" {
		for _, name := range slices.Sorted(maps.Keys(libraries)) {
			fmt.Println(name)
		}
		return nil
	}
	if len(args) < 2 {
		return fmt.Errorf("usage: others server|client LIBRARY [flags], or others list")
	}
	l, ok := libraries[args[1]]
	if !ok {
		return fmt.Errorf("there is no library %q", args[1])
	}
	flags := flag.NewFlagSet("others", flag.ContinueOnError)
	addr := flags.String("addr", "127.0.0.1:0", "where the server listens")
	base := flags.String("url", "ws://127.0.0.1:9002", "where the fuzzing server listens")
	agent := flags.String("agent", args[1], "the name in the reports")
	if err := flags.Parse(args[2:]); err != nil {
		return err
	}
	switch args[0] {
	case "server":
		ln, err := net.Listen("tcp", *addr)
		if err != nil {
			return err
		}
		fmt.Printf("ws://%s\n", ln.Addr())
		return http.Serve(ln, l.serve)
	case "client":
		return runCases(l, *base, *agent, 1) // the testsuite times its cases, and would rather do one at once
	}
	return fmt.Errorf("%q is neither server nor client", args[0])
}

// runCases runs all cases of a fuzzing server, so many at once.
func runCases(l library, base, agent string, parallel int) error {
	text, err := l.dial(base+"/getCaseCount", true)
	for try := 0; errors.Is(err, syscall.ECONNREFUSED) && try < 300; try++ {
		time.Sleep(100 * time.Millisecond) // the testsuite's server takes a moment to start
		text, err = l.dial(base+"/getCaseCount", true)
	}
	if err != nil {
		return err
	}
	count, err := strconv.Atoi(string(text))
	if err != nil {
		return err
	}
	name := url.QueryEscape(agent)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range parallel {
		workers.Go(func() {
			for n := next.Add(1); n <= int64(count); n = next.Add(1) {
				// How a case ends is for the suite to judge.
				l.dial(fmt.Sprintf("%s/runCase?case=%d&agent=%s", base, n, name), false)
				// This is answered when the case has been judged.
				l.dial(fmt.Sprintf("%s/getCaseStatus?case=%d&agent=%s", base, n, name), true)
			}
		})
	}
	workers.Wait()
	l.dial(base+"/updateReports?agent="+name, false)
	return nil
}
