package hawser_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/hawser-go/hawser"
)

// This file runs the code of docs/styles.md, which TestStylesPage finds here word for word.

func pullStyle() http.Handler {
	handler := hawser.Handler(func(c *hawser.Conn) {
		count := 0 // the state of this connection is a variable
		for m, err := range c.Messages() {
			if err != nil {
				return // it did not end cleanly: err says how
			}
			count++
			c.Write(hawser.Text, fmt.Appendf(nil, "%d: %s", count, m.Data))
		}
	}, nil)
	return handler
}

func pushStyle() http.Handler {
	type session struct{ count int } // the state of a connection

	events := &hawser.Events{
		Message: func(c *hawser.Conn, m hawser.Message) {
			s := c.Value().(*session) // no lock: calls for one connection never overlap
			s.count++
			c.Write(hawser.Text, fmt.Appendf(nil, "%d: %s", s.count, m.Data))
		},
	}
	handler := hawser.EventHandler(events, &hawser.Config{
		OnRequest: func(*hawser.Request) (any, error) { return new(session), nil },
	})
	return handler
}

func pushLogin() http.Handler {
	type login struct{ name string }
	return hawser.EventHandler(&hawser.Events{
		Message: func(c *hawser.Conn, m hawser.Message) {
			s := c.Value().(*login)
			switch {
			case s.name == "":
				s.name = string(m.Data)
				c.Write(hawser.Text, []byte("password?"))
			case string(m.Data) != s.name+"'s password":
				c.Close(hawser.StatusPolicyViolation, "wrong password")
			default:
				c.Write(hawser.Text, []byte("welcome"))
			}
		},
	}, &hawser.Config{OnRequest: func(*hawser.Request) (any, error) { return new(login), nil }})
}

func drive(ctx context.Context, url string, received chan<- string) error {
	c, err := hawser.Dial(ctx, url, nil)
	if err != nil {
		return err
	}
	err = c.Drive(&hawser.Events{
		Open:    func(c *hawser.Conn) { c.Write(hawser.Text, []byte("hello")) },
		Message: func(c *hawser.Conn, m hawser.Message) { received <- string(m.Data) },
		Close:   func(c *hawser.Conn, e *hawser.CloseError) { close(received) },
	})
	return err
}

func TestStyles(t *testing.T) {
	serve := func(t *testing.T, h http.Handler) (url string) {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return "ws" + strings.TrimPrefix(s.URL, "http")
	}
	// converse sends each message and wants the answer behind it; "" stands for the end.
	converse := func(t *testing.T, url string, lines ...string) {
		c, err := hawser.Dial(t.Context(), url, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseNow()
		for i := 0; i < len(lines); i += 2 {
			if err := c.Write(hawser.Text, []byte(lines[i])); err != nil {
				t.Fatal(err)
			}
			m, err := c.Read()
			if string(m.Data) != lines[i+1] || (err != nil) != (lines[i+1] == "") {
				t.Errorf("the answer to %q is %q, %v, want %q", lines[i], m.Data, err, lines[i+1])
			}
		}
	}
	t.Run("pull", func(t *testing.T) { converse(t, serve(t, pullStyle()), "a", "1: a", "b", "2: b") })
	t.Run("push", func(t *testing.T) { converse(t, serve(t, pushStyle()), "a", "1: a", "b", "2: b") })
	t.Run("push_conversation", func(t *testing.T) {
		url := serve(t, pushLogin())
		converse(t, url, "gopher", "password?", "gopher's password", "welcome")
		converse(t, url, "gopher", "password?", "1234", "")
	})
	t.Run("drive", func(t *testing.T) {
		received := make(chan string, 1)
		s := hawser.Handler(func(c *hawser.Conn) { // answers once
			if m, err := c.Read(); err == nil {
				c.Write(m.Type, m.Data)
			}
		}, nil)
		if err := drive(t.Context(), serve(t, s), received); err != nil {
			t.Fatal(err)
		}
		if got := <-received; got != "hello" {
			t.Errorf("received %q", got)
		}
		if _, open := <-received; open {
			t.Error("Close came late, or a message too many")
		}
	})
}

// TestStylesPage: each Go block of the page stands in this file, but for the indentation; its links lead somewhere.
func TestStylesPage(t *testing.T) {
	read := func(name string) string {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	flat := func(s string) string { return regexp.MustCompile(`\n\t*`).ReplaceAllString(s, "\n") }
	page, here := read("docs/styles.md"), flat(read("styles_test.go"))
	blocks := regexp.MustCompile("(?s)```go(\n.*?)```").FindAllStringSubmatch(page, -1)
	if len(blocks) != 4 {
		t.Errorf("the page has %d Go blocks, and this file has the code of 4", len(blocks))
	}
	for _, block := range blocks {
		if !strings.Contains(here, flat(block[1])) {
			t.Errorf("no test runs\n%s", block[1])
		}
	}
	for _, link := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(page, -1) {
		if _, err := os.Stat("docs/" + link[1]); err != nil {
			t.Errorf("the page links to %s, which is not there", link[1])
		}
	}
}
