package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/autobahn"
)

// runCommand runs the command to its end.
func runCommand(ctx context.Context, args ...string) (status int, stdout, stderr string) {
	var out, err bytes.Buffer
	status = run(ctx, args, &out, &err)
	return status, out.String(), err.String()
}

// deadServer accepts connections and closes them.
func deadServer(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	return "ws://" + ln.Addr().String()
}

func TestServerFails(t *testing.T) {
	dir := t.TempDir()
	verdicts := filepath.Join(dir, "verdicts.json")
	url := deadServer(t)
	status, out, _ := runCommand(t.Context(), "-cases", "1.1.*,7.1.6,H.1.1", "-agent", "dead", "-out", dir, "-write", verdicts, "-insecure", url)
	if status != 1 || !strings.Contains(out, "dead 1.1.3: FAILED, close FAILED (RFC 6455, 5.2)") || !strings.Contains(out, "FAILED: 9 problems in 10 cases") {
		t.Errorf("status %d:\n%s", status, out)
	}
	for _, name := range []string{"index.html", "index.json", "more.json", "dead_case_1_1_1.json"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if strings.Contains(out, "messages each") {
		t.Errorf("there is no compression in these cases:\n%s", out)
	}
	_, out, _ = runCommand(t.Context(), "-cases", "12.1.1", "-messages", "7", url)
	if !strings.Contains(out, "had 7 messages each, not the testsuite's 1000") {
		t.Errorf("with few messages:\n%s", out)
	}
	// Measured by itself, it is as expected.
	status, out, _ = runCommand(t.Context(), "-cases", "1.1.*,7.1.6,H.1.1", "-expect", verdicts, url)
	if status != 0 || !strings.Contains(out, "all 10 verdicts are as expected") {
		t.Errorf("status %d:\n%s", status, out)
	}
	status, out, _ = runCommand(t.Context(), "-cases", "1.*", "-exclude", "1.1.1", "-expect", verdicts, url)
	if status != 1 || !strings.Contains(out, "1.1.1 did not run") || !strings.Contains(out, "1.2.1: FAILED, close FAILED with no code, and no verdict was expected") {
		t.Errorf("status %d:\n%s", status, out)
	}
}

func TestServesClients(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	dir := t.TempDir()
	out, in := io.Pipe()
	var stderr bytes.Buffer
	status := make(chan int)
	go func() {
		defer in.Close()
		status <- run(ctx, []string{"-cases", "1.1.1", "-timeout", "300ms", "-listen", "127.0.0.1:0", "-stay", "-out", dir}, in, &stderr)
	}()
	lines := bufio.NewScanner(out)
	lines.Scan()
	addr := strings.TrimPrefix(lines.Text(), "ws://")
	rest := make(chan string)
	go func() {
		var all string
		for lines.Scan() {
			all += lines.Text() + "\n"
		}
		rest <- all
	}()
	request := func(path string, leave bool) {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		io.WriteString(conn, "GET "+path+"&agent=me HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
		if leave {
			conn.(*net.TCPConn).CloseWrite()
		}
		io.Copy(io.Discard, conn)
	}
	request("/runCase?case=1", true)
	request("/getCaseStatus?case=1", false) // has an answer when there is a verdict
	request("/updateReports?", true)
	if _, err := os.Stat(filepath.Join(dir, "index.json")); err != nil {
		t.Error(err)
	}
	stop()
	if n, text := <-status, <-rest; n != 1 || !strings.Contains(text, "me 1.1.1: FAILED") {
		t.Errorf("status %d: %s%s", n, text, stderr.String())
	}
}

func TestNothingToJudge(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	for _, tt := range []struct {
		name string
		args []string
	}{
		{"no_url", nil},
		{"url_and_listen", []string{"-listen", "127.0.0.1:0", "ws://x"}},
		{"two_urls", []string{"ws://x", "ws://y"}},
		{"unknown_flag", []string{"-x"}},
		{"bad_url", []string{"http://x"}},
		{"bad_selection", []string{"-cases", "8.*", "ws://x"}},
		{"bad_selection_for_clients", []string{"-cases", "8.*", "-listen", "127.0.0.1:0"}},
		{"cannot_listen", []string{"-listen", "256.0.0.1:0"}},
		{"no_client", []string{"-listen", "127.0.0.1:0"}},
		{"no_such_expectation", []string{"-cases", "1.1.1", "-expect", t.TempDir(), "ws://127.0.0.1:1"}},
		{"bad_expectation", []string{"-cases", "1.1.1", "-expect", "main.go", deadServer(t)}},
		{"cannot_write", []string{"-cases", "1.1.1", "-write", t.TempDir(), deadServer(t)}},
		{"cannot_write_reports", []string{"-cases", "1.1.1", "-out", "main.go", deadServer(t)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := ctx
			if !strings.HasPrefix(tt.name, "no_client") && !strings.HasPrefix(tt.name, "cannot_listen") {
				ctx = t.Context()
			}
			if status, out, stderr := runCommand(ctx, tt.args...); status != 2 || stderr == "" {
				t.Errorf("status %d: %s%s", status, out, stderr)
			}
		})
	}
}

func TestProgressOnATerminal(t *testing.T) {
	var b bytes.Buffer
	p := newProgress(&b)
	p.show(&autobahn.Result{Case: &autobahn.Case{ID: "1.1.1"}})
	p.clear()
	if b.Len() != 0 {
		t.Errorf("no terminal, but %q", b.String())
	}
	p.terminal = true
	p.show(&autobahn.Result{Case: &autobahn.Case{ID: "1.1.2"}})
	p.total = 517
	p.show(&autobahn.Result{Case: &autobahn.Case{ID: "1.1.3"}})
	p.clear()
	for _, want := range []string{"2 cases, 2 do not pass: 1.1.2", "3 of 517 cases, 3 do not pass: 1.1.3"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("on a terminal: %q", b.String())
		}
	}
}
