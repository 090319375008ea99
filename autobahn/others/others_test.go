package main

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hawser-go/hawser/autobahn"
)

// The suite's verdicts on other libraries are the testsuite's, which are committed: all 517
// cases, in both roles. Messages of groups 12 and 13 are fewer here than the testsuite's 1000.
// What takes time is the cases in which a peer says nothing, 6.4.*: the limit is generous for
// the others, on a machine that is busy.
var config = autobahn.Config{Parallel: atOnce, Messages: 5, Quiet: 100 * time.Millisecond, Timeout: 10 * time.Second}

// atOnce is how many cases of a run there are at a time.
const atOnce = 16

// differences are the verdicts that are not the testsuite's, and why. The behavior and the
// close are the same in all of them.
//
// gorilla and coder do not look at the text and send it back, in these cases a text that ends
// inside a character. Both suites fail the connection for that. The testsuite then goes on to
// read, in these cases only, and notes the code of the Close frame that answers its own; ours
// does not: "An endpoint MUST NOT continue to attempt to process data (including a responding
// Close frame) from the remote endpoint after being instructed to _Fail the WebSocket Connection_."
// RFC 6455, 7.1.7
var differences = []string{"6.6.1", "6.6.3", "6.6.4", "6.6.6", "6.6.8", "6.6.10", "6.14.6", "6.14.7"}

func compare(t *testing.T, library string, report *autobahn.Report) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "results", "others", library+"-"+report.Role+".json"))
	if err != nil {
		t.Fatal(err)
	}
	found, err := report.Compare(text)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, d := range found {
		id, what, _ := strings.Cut(d, ":")
		if (library == "gorilla" || library == "coder") && what == " FAILED, close FAILED with no code; expected: FAILED, close FAILED with 1007" {
			left = append(left, id)
			continue
		}
		t.Error(d)
	}
	want := ""
	if library == "gorilla" || library == "coder" {
		want = strings.Join(differences, " ")
	}
	if got := strings.Join(left, " "); got != want {
		t.Errorf("the known differences are %q, but these were found: %q", want, got)
	}
}

// All runs go on at once: of what they take, most is waiting.
func TestJudgedAsByTheTestsuite(t *testing.T) {
	type run struct {
		name, role string
		report     *autobahn.Report
		err        error
	}
	var runs []*run
	var active sync.WaitGroup
	for name, l := range libraries {
		server, client := &run{name: name, role: "server"}, &run{name: name, role: "client"}
		runs = append(runs, server, client)
		active.Go(func() { server.report, server.err = judgeServer(t, l) })
		active.Go(func() { client.report, client.err = judgeClient(l, name) })
	}
	active.Wait()
	for _, r := range runs {
		t.Run(r.role+"/"+r.name, func(t *testing.T) {
			if r.err != nil {
				t.Fatal(r.err)
			}
			compare(t, r.name, r.report)
		})
	}
}

func judgeServer(t *testing.T, l library) (*autobahn.Report, error) {
	s := httptest.NewServer(http.HandlerFunc(l.serve))
	defer s.Close()
	return autobahn.TestServer(t.Context(), "ws"+strings.TrimPrefix(s.URL, "http"), &config)
}

func judgeClient(l library, name string) (*autobahn.Report, error) {
	s, err := autobahn.NewFuzzingServer(&config)
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	served := make(chan error)
	go func() { served <- s.Serve(ln) }()
	err = runCases(l, "ws://"+ln.Addr().String(), name, atOnce)
	ln.Close()
	err = errors.Join(err, <-served)
	s.Close()
	return s.Report(name), err
}

func TestWrongUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"server"}, {"server", "none"}, {"both", "gws"}, {"server", "gws", "-x"}, {"server", "gws", "-addr", "256.0.0.1:0"}, {"client", "gws", "-url", "x"}} {
		if err := run(args); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
	if err := run([]string{"list"}); err != nil {
		t.Error(err)
	}
}
