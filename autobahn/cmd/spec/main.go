// Command spec writes the specification files with which several testsuites share the cases
// among them, each on a port of its own.
//
//	spec -mode fuzzingclient|fuzzingserver -dir DIR [-n 2] [-cases SELECTION] [-agent NAME] [-url URL]
//
// For each testsuite it writes DIR/N/spec.json, whose reports will go to DIR/N/reports, and
// prints a line "DIR/N URL": what a fuzzingclient connects to (-url), or what a
// fuzzingserver will listen on (a free port of 127.0.0.1).
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/hawser-go/hawser/autobahn/caseset"
)

// A spec is the testsuite's specification file, for either of its modes.
type spec struct {
	URL               string         `json:"url,omitempty"`     // fuzzingserver
	Servers           []server       `json:"servers,omitempty"` // fuzzingclient
	Outdir            string         `json:"outdir"`
	Cases             []string       `json:"cases"`
	ExcludeCases      []string       `json:"exclude-cases"`
	ExcludeAgentCases map[string]any `json:"exclude-agent-cases"`
}

type server struct {
	Agent string `json:"agent"`
	URL   string `json:"url"`
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "spec:", err)
		os.Exit(2)
	}
}

func run(args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("spec", flag.ContinueOnError)
	mode := flags.String("mode", "", "the testsuite's mode: fuzzingclient or fuzzingserver")
	dir := flags.String("dir", "", "where to write")
	n := flags.Int("n", 1, "how many testsuites share the cases")
	selection := flags.String("cases", "*", "the cases, for example 1.*,2.*")
	agent := flags.String("agent", "hawser", "the name of the testee in the reports")
	url := flags.String("url", "", "the testee to connect to (fuzzingclient)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	dirAbs, err := filepath.Abs(*dir)
	switch {
	case err != nil:
		return err
	case *dir == "":
		return fmt.Errorf("-dir is missing")
	case *mode != "fuzzingclient" && *mode != "fuzzingserver":
		return fmt.Errorf("-mode is %q, not fuzzingclient or fuzzingserver", *mode)
	case (*mode == "fuzzingclient") != (*url != ""):
		return fmt.Errorf("-url belongs to -mode fuzzingclient, which needs it")
	}
	cases, err := caseset.Select(caseset.All(), *selection)
	if err != nil {
		return err
	}
	lists := caseset.Split(cases, *n)
	var ports []string
	if *mode == "fuzzingserver" {
		if ports, err = freeAddresses(len(lists)); err != nil {
			return err
		}
	}
	for i, list := range lists {
		d := filepath.Join(dirAbs, strconv.Itoa(i))
		s := spec{
			Outdir:            filepath.Join(d, "reports"),
			Cases:             list,
			ExcludeCases:      []string{},
			ExcludeAgentCases: map[string]any{},
		}
		peer := *url
		if *mode == "fuzzingclient" {
			s.Servers = []server{{Agent: *agent, URL: *url}}
		} else {
			peer = "ws://" + ports[i]
			s.URL = peer
		}
		text, err := json.MarshalIndent(s, "", "  ")
		if err != nil {
			return err
		}
		if err := os.MkdirAll(d, 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(d, "spec.json"), append(text, '\n'), 0o666); err != nil {
			return err
		}
		fmt.Fprintln(stdout, d, peer)
	}
	return nil
}

// freeAddresses returns n different addresses of 127.0.0.1 on which nobody listens. They are
// found by listening on all of them at once.
func freeAddresses(n int) (addresses []string, err error) {
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer ln.Close()
		addresses = append(addresses, ln.Addr().String())
	}
	return addresses, nil
}
