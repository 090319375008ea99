package main

import (
	"context"
	"io"
	"strings"
	"testing"
)

// inProcess runs the clients in this process.
func inProcess(ctx context.Context, url string, n int) (io.Reader, func() error, error) {
	tenths, w := io.Pipe()
	hold, release := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- connect(ctx, url, n, w, hold) }()
	return tenths, func() error { release.Close(); return <-ended }, nil
}

func TestServe(t *testing.T) {
	for _, style := range []string{"push", "pull"} {
		t.Run(style, func(t *testing.T) {
			var out strings.Builder
			if err := serve(t.Context(), 50, style, &out, inProcess); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if len(lines) != 11 || !strings.HasPrefix(strings.TrimSpace(lines[10]), "50 ") {
				t.Errorf("it prints\n%s", out.String())
			}
		})
	}
	if err := serve(t.Context(), 1, "both", io.Discard, inProcess); err == nil {
		t.Error("no such style: no error")
	}
}

func TestConnectFails(t *testing.T) {
	if err := connect(t.Context(), "ws://127.0.0.1:1", 1, io.Discard, strings.NewReader("")); err == nil {
		t.Error("nobody listens: no error")
	}
}
