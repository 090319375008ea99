package main

import (
	"flag"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser/autobahn"
)

var update = flag.Bool("update", false, "write the verdicts to ../results/native instead of comparing with them; the commit says why they changed")

// suite is all cases of the testsuite and our own, with few messages in groups 12 and 13. The
// limits are generous, for a machine that is busy: a peer that does what it has to does not
// wait for them.
var suite = &autobahn.Config{Cases: "*,H.*", Exclude: tooMany, Agent: "hawser", Messages: messages, Quiet: 100 * time.Millisecond, Timeout: 30 * time.Second}

// checkVerdicts compares a report with the verdicts of our suite and those of the testsuite,
// which are committed.
func checkVerdicts(t *testing.T, report *autobahn.Report) {
	t.Helper()
	t.Logf("%d cases in %v, groups 12 and 13 with %d messages each", len(report.Results), report.Duration, report.Messages)
	native := filepath.Join("..", "results", "native", report.Role+".json")
	if *update {
		if err := os.WriteFile(native, report.Verdicts(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{native, filepath.Join("..", "results", report.Role+".json")} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		differences, err := report.Compare(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range differences {
			if file != native && strings.Contains(d, "no verdict was expected") {
				continue // a case that the testsuite does not have, or was not asked for
			}
			if tooMany != "" && strings.HasSuffix(d, " did not run") {
				continue
			}
			t.Errorf("%s, against %s", d, file)
		}
	}
	for _, r := range report.Results {
		if !r.Pass() && r.Behavior != autobahn.Unimplemented {
			t.Errorf("%s: %s: %s", r.Case.ID, r.Behavior, r.Why)
		}
	}
}

func TestServerConforms(t *testing.T) {
	for style := range styles {
		t.Run(style, func(t *testing.T) {
			t.Parallel()
			out, in := io.Pipe()
			go serve(t.Context(), "127.0.0.1:0", style, in)
			line := make([]byte, 100)
			n, err := out.Read(line)
			if err != nil {
				t.Fatal(err)
			}
			report, err := autobahn.TestServer(t.Context(), strings.TrimSpace(string(line[:n])), suite)
			if err != nil {
				t.Fatal(err)
			}
			checkVerdicts(t, report)
		})
	}
}

func TestClientConforms(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := autobahn.NewFuzzingServer(suite)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- s.Serve(ln) }()
	if err := runCases(t.Context(), "ws://"+ln.Addr().String(), "hawser", io.Discard); err != nil {
		t.Error(err)
	}
	ln.Close()
	if err := <-served; err != nil {
		t.Error(err)
	}
	s.Close()
	checkVerdicts(t, s.Report("hawser"))
}
