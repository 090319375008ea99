package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hawser-go/hawser/autobahn"
)

// The rules that the suite cannot tell from their absence, with the reason.
var uncatchable = map[string]string{
	"close.go: len(p) > MaxControlPayload": "Check refuses the header of such a frame",
}

// A rule of the package frame is a case of a switch that ends in an error or, for status
// codes, in "must not be sent". Each is switched off in turn, in a build of the testee that
// has a switch for each, and the suite has to notice.
func TestSuiteCatchesEveryMutant(t *testing.T) {
	if os.Getenv("HAWSER_MUTANTS") == "" {
		t.Skip("HAWSER_MUTANTS is not set: this builds another testee, and takes some ten seconds")
	}
	testee, rules := buildMutants(t)
	if len(rules) < 20 {
		t.Fatalf("only %d rules were found in the package frame: %v", len(rules), rules)
	}
	if caught := judgeMutant(t, testee, 0, 30*time.Second); caught != "" {
		t.Fatalf("the engine without a mutation does not pass: %s", caught)
	}
	for i, rule := range rules {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			caught := judgeMutant(t, testee, i+1, time.Second)
			reason, mayPass := uncatchable[rule]
			switch {
			case caught == "" && !mayPass:
				t.Errorf("the engine passes without the rule %s", rule)
			case caught != "" && mayPass:
				t.Errorf("%s, though %q: take the rule off the list", caught, reason)
			default:
				t.Log(caught + reason)
			}
		})
	}
}

// buildMutants builds a testee in which the rule that FRAME_MUTANT names by its number, from 1
// on, is off, and returns the rules.
func buildMutants(t *testing.T) (testee string, rules []string) {
	t.Helper()
	dir := t.TempDir()
	frame, err := filepath.Abs(filepath.Join("..", "..", "frame"))
	if err != nil {
		t.Fatal(err)
	}
	replace := map[string]string{}
	put := func(name string, text []byte) {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, text, 0o666); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(frame, name)] = file
	}
	for _, name := range []string{"check.go", "close.go", "status.go"} {
		text, err := os.ReadFile(filepath.Join(frame, name))
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		text, found = mutate(t, name, text, len(rules))
		put(name, text)
		rules = append(rules, found...)
	}
	put("mutant.go", []byte(`package frame

import ("os"; "strconv")

var mutant, _ = strconv.Atoi(os.Getenv("FRAME_MUTANT"))

func mutantOn(n int, b bool) bool { return b && n != mutant }

func mutantInt(n, i int) int {
	if n == mutant {
		return -1
	}
	return i
}
`))
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlayFile := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlayFile, overlay, 0o666); err != nil {
		t.Fatal(err)
	}
	testee = filepath.Join(dir, "testee.exe")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-overlay", overlayFile, "-o", testee, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return testee, rules
}

// mutate gives every rule of a file a switch. The first is first+1.
func mutate(t *testing.T, name string, text []byte, first int) (mutated []byte, rules []string) {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, text, 0)
	if err != nil {
		t.Fatal(err)
	}
	type edit struct {
		from, to int
		text     string
	}
	var edits []edit
	ast.Inspect(file, func(n ast.Node) bool {
		sw, ok := n.(*ast.SwitchStmt)
		if !ok {
			return true
		}
		for _, stmt := range sw.Body.List {
			clause := stmt.(*ast.CaseClause)
			if !refuses(clause) {
				continue
			}
			for _, e := range clause.List {
				from, to := set.Position(e.Pos()).Offset, set.Position(e.End()).Offset
				source := string(text[from:to])
				rules = append(rules, name+": "+source)
				call := "mutantOn"
				if sw.Tag != nil {
					call = "mutantInt"
				}
				edits = append(edits, edit{from, to, fmt.Sprintf("%s(%d, %s)", call, first+len(rules), source)})
			}
		}
		return true
	})
	mutated = text
	for _, e := range slices.Backward(edits) {
		mutated = slices.Concat(mutated[:e.from], []byte(e.text), mutated[e.to:])
	}
	return mutated, rules
}

// refuses reports whether a clause returns one of our ProtocolErrors, or false.
func refuses(clause *ast.CaseClause) bool {
	if len(clause.List) == 0 || len(clause.Body) == 0 {
		return false
	}
	ret, ok := clause.Body[len(clause.Body)-1].(*ast.ReturnStmt)
	if !ok {
		return false
	}
	last, ok := ret.Results[len(ret.Results)-1].(*ast.Ident)
	return ok && (last.Name == "false" || strings.HasPrefix(last.Name, "err"))
}

const mutantCases = "1.*,2.*,3.*,4.*,5.*,7.*,H.1.*,H.2.*,H.3.*,H.5.*,H.9.*"

// judgeMutant runs a mutant, as a server and then as a client, until a case does not pass. It
// returns which, or nothing.
func judgeMutant(t *testing.T, testee string, n int, timeout time.Duration) (caught string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var mu sync.Mutex
	config := &autobahn.Config{Cases: mutantCases, Exclude: "5.19,5.20", Timeout: timeout, Quiet: 10 * time.Millisecond}
	config.Progress = func(r *autobahn.Result) {
		mu.Lock()
		defer mu.Unlock()
		if !r.Pass() && caught == "" {
			caught = fmt.Sprintf("case %s catches it: %s %s", r.Case.ID, r.Why, r.WhyClose)
			stop()
		}
	}
	start := func(args ...string) io.Reader {
		cmd := exec.CommandContext(ctx, testee, args...)
		cmd.Env = append(os.Environ(), fmt.Sprint("FRAME_MUTANT=", n))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			stop()
			cmd.Wait()
		})
		return out
	}
	url, err := bufio.NewReader(start("server", "-addr", "127.0.0.1:0")).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if _, err := autobahn.TestServer(ctx, strings.TrimSpace(url), config); err != nil && ctx.Err() == nil {
		t.Fatal(err)
	}
	if caught != "" {
		return caught
	}
	s, err := autobahn.NewFuzzingServer(config)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer context.AfterFunc(ctx, func() { ln.Close() })()
	s.OnUpdate = func(string) { stop() }
	start("client", "-url", "ws://"+ln.Addr().String())
	if err := s.Serve(ln); err != nil {
		t.Fatal(err)
	}
	s.Close()
	return caught
}
