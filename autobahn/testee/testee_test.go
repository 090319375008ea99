package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hawser-go/hawser"
)

// text is a text message, as the fuzzing server answers.
func text(t *testing.T, c *hawser.Conn, s string) {
	t.Helper()
	if err := c.Write(hawser.Text, []byte(s)); err != nil {
		t.Error(err)
	}
}

func TestServerEchoesUntilStopped(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error)
	go func() { ended <- serve(ctx, "127.0.0.1:0", "pull", in) }()
	line := make([]byte, 100)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	c, err := hawser.Dial(t.Context(), strings.TrimSpace(string(line[:n])), config)
	if err != nil {
		t.Fatal(err)
	}
	if c.Extensions() != "permessage-deflate" {
		t.Errorf("the testees agree on the extensions %q: groups 12 and 13 would not be run", c.Extensions())
	}
	text(t, c, "Hello")
	if m, err := c.Read(); err != nil || m.Type != hawser.Text || string(m.Data) != "Hello" {
		t.Errorf("the echo: %v %q, %v", m.Type, m.Data, err)
	}
	if err := c.Close(hawser.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("the server ended with %v", err)
	}
}

// The fuzzing server's side of the conversation, as far as a client can tell.
func TestClientRunsEveryCase(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	fuzzing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.URL.RequestURI())
		mu.Unlock()
		if r.URL.RequestURI() == "/runCase?case=2&agent=a+b" {
			http.Error(w, "a handshake that fails is the testsuite's business", http.StatusTeapot)
			return
		}
		hawser.Handler(func(c *hawser.Conn) {
			switch r.URL.Path {
			case "/getCaseCount":
				text(t, c, "3")
			case "/getCaseStatus":
				text(t, c, `{"behavior":"OK"}`)
			case "/runCase":
				text(t, c, "Hello")
				if m, err := c.Read(); err != nil || string(m.Data) != "Hello" {
					t.Errorf("%s: echo %q, %v", r.URL, m.Data, err)
				}
			}
		}, config).ServeHTTP(w, r)
	}))
	defer fuzzing.Close()

	var out bytes.Buffer
	base := "ws" + strings.TrimPrefix(fuzzing.URL, "http")
	if err := runCases(t.Context(), base, "a b", &out); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"/getCaseCount",
		"/runCase?case=1&agent=a+b", "/getCaseStatus?case=1&agent=a+b",
		"/runCase?case=2&agent=a+b", "/getCaseStatus?case=2&agent=a+b",
		"/runCase?case=3&agent=a+b", "/getCaseStatus?case=3&agent=a+b",
		"/updateReports?agent=a+b",
	}
	if !slices.Equal(asked, want) {
		t.Errorf("asked %v,\nwant %v", asked, want)
	}
	if !strings.HasSuffix(out.String(), "ran 3 cases\n") {
		t.Errorf("printed %q", out.String())
	}
}

func TestWrongUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"both"}, {"server", "-style", "none"}} {
		if err := run(t.Context(), args); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}
