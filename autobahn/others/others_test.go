package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser/autobahn"
)

// The suite's verdicts on other libraries are the testsuite's, which are committed: groups 1
// to 10, and three sizes of message of each group of 12 and 13, in both roles. Messages are
// fewer here than the testsuite's 1000.
var config = autobahn.Config{Messages: 20, Quiet: 100 * time.Millisecond, Timeout: 3 * time.Second}

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
		switch {
		case strings.Contains(d, "no verdict was expected"):
			continue // a case that the testsuite was not asked for
		case (library == "gorilla" || library == "coder") && what == " FAILED, close FAILED with no code; expected: FAILED, close FAILED with 1007":
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

// cases is the selection that the testsuite ran.
func cases() string {
	selection := "1.*,2.*,3.*,4.*,5.*,6.*,7.*,9.*,10.*"
	for _, group := range strings.Fields("12.1 12.2 12.3 12.4 12.5 13.1 13.2 13.3 13.4 13.5 13.6 13.7") {
		for _, size := range []string{".1", ".4", ".11"} {
			selection += "," + group + size
		}
	}
	return selection
}

func TestServersAreJudgedAsByTheTestsuite(t *testing.T) {
	for name, l := range libraries {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(l.serve))
			defer s.Close()
			c := config
			c.Cases = cases()
			c.Timeout = 10 * time.Second // many cases at once, perhaps on a busy machine
			report, err := autobahn.TestServer(t.Context(), "ws"+strings.TrimPrefix(s.URL, "http"), &c)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, name, report)
		})
	}
}

func TestClientsAreJudgedAsByTheTestsuite(t *testing.T) {
	for name, l := range libraries {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config
			c.Cases = cases()
			s, err := autobahn.NewFuzzingServer(&c)
			if err != nil {
				t.Fatal(err)
			}
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan error)
			go func() { served <- s.Serve(ln) }()
			if err := runCases(l, "ws://"+ln.Addr().String(), name); err != nil {
				t.Error(err)
			}
			ln.Close()
			if err := <-served; err != nil {
				t.Error(err)
			}
			s.Close()
			compare(t, name, s.Report(name))
		})
	}
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
