// Command echo is a WebSocket server that sends every message back, with a page to try it.
//
//	go run ./examples/echo [-addr 127.0.0.1:8080] [-compress off|takeover|no-takeover] [-style pull|push]
//
// The page is at the address that it prints, the WebSocket at /ws.
package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/hawser-go/hawser"
)

//go:embed page
var files embed.FS

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen; port 0 means any free port")
	mode := flag.String("compress", "off", "permessage-deflate (RFC 7692): off, takeover or no-takeover of the context")
	style := flag.String("style", "pull", "pull: a goroutine for each connection reads its messages; push: connections call a function with them, and an idle one has no goroutine")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr, *mode, *style, os.Stdout, slog.New(slog.NewTextHandler(os.Stderr, nil))); err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		os.Exit(1)
	}
}

// compressionOf returns what the flag -compress stands for.
func compressionOf(mode string) (*hawser.Compression, error) {
	switch mode {
	case "off":
		return nil, nil
	case "takeover":
		return &hawser.Compression{ServerContextTakeover: true, ClientContextTakeover: true}, nil
	case "no-takeover":
		return &hawser.Compression{}, nil
	}
	return nil, fmt.Errorf("-compress is %q, and has to be off, takeover or no-takeover", mode)
}

// run serves until ctx is done, and then ends every connection with 1001 (Going Away).
func run(ctx context.Context, addr, mode, style string, stdout io.Writer, log *slog.Logger) error {
	compression, err := compressionOf(mode)
	if err != nil {
		return err
	}
	if style != "pull" && style != "push" {
		return fmt.Errorf("-style is %q, and has to be pull or push", style)
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("%w; choose another address with -addr", err)
	}
	fmt.Fprintf(stdout, "http://%s/\n", ln.Addr())

	s := &server{ctx: ctx, push: style == "push", compression: compression, log: log}
	hs := &http.Server{Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second}
	stopped := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(stopped)
		grace, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if hs.Shutdown(grace) != nil {
			hs.Close() // browsers hold spare connections open, which Shutdown waits for
		}
	})
	if err := hs.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-stopped
	s.wait()
	return nil
}

type server struct {
	ctx         context.Context // ends when the server stops
	push        bool
	compression *hawser.Compression
	log         *slog.Logger
	open        sync.RWMutex // each connection holds it for reading
	stops       sync.Map     // of the connections in the push style: what ends their waiting for ctx
}

// handler returns the page at / and the WebSocket at /ws.
func (s *server) handler() http.Handler {
	page, err := fs.Sub(files, "page")
	if err != nil {
		panic(err) // "page" is a valid path
	}
	mux := http.NewServeMux()
	mux.Handle("/", secure(http.FileServerFS(page)))
	cfg := &hawser.Config{MessageLimit: 16 << 20, Compression: s.compression, Logger: s.log}
	if s.push {
		mux.Handle("/ws", hawser.EventHandler(s.events(), cfg))
	} else {
		mux.Handle("/ws", hawser.Handler(s.serve, cfg))
	}
	return mux
}

// events are the functions that a connection calls in the push style: together they do what serve does.
func (s *server) events() *hawser.Events {
	return &hawser.Events{
		Open: func(c *hawser.Conn) {
			s.open.RLock()
			s.stops.Store(c, s.closeAtStop(c))
			s.log.Info("connected", "remote", c.RemoteAddr(), "extensions", c.Extensions())
		},
		Message: func(c *hawser.Conn, m hawser.Message) { c.Write(m.Type, m.Data) },
		Close: func(c *hawser.Conn, e *hawser.CloseError) {
			if stop, ok := s.stops.LoadAndDelete(c); ok {
				stop.(func() bool)()
			}
			s.log.Info("disconnected", "remote", c.RemoteAddr(), "how", e)
			s.open.RUnlock()
		},
	}
}

// closeAtStop has c closed when the server stops, or no more when stop is called.
func (s *server) closeAtStop(c *hawser.Conn) (stop func() bool) {
	return context.AfterFunc(s.ctx, func() { c.Close(hawser.StatusGoingAway, "the server is stopping") })
}

// serve is called for each connection, in a goroutine of its own.
func (s *server) serve(c *hawser.Conn) {
	s.open.RLock()
	defer s.open.RUnlock()
	defer s.closeAtStop(c)()

	s.log.Info("connected", "remote", c.RemoteAddr(), "extensions", c.Extensions())
	echo(c)
	c.Close(hawser.StatusNormalClosure, "") // does nothing if the peer has closed
	s.log.Info("disconnected", "remote", c.RemoteAddr(), "how", c.CloseInfo())
}

// echo sends every message back until the connection ends.
func echo(c *hawser.Conn) {
	for m, err := range c.Messages() {
		if err != nil {
			return
		}
		if err := c.Write(m.Type, m.Data); err != nil {
			return
		}
	}
}

// wait returns when every connection has ended.
func (s *server) wait() {
	s.open.Lock()
	defer s.open.Unlock()
}

// secure lets the page load nothing and connect to nothing but this server.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
			"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}
