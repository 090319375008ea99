// Command golang is a client of the echo server, and a server for ../../client, with gorilla/websocket or coder/websocket:
//
//	golang gorilla|coder client off|takeover|no-takeover URL EXTENSIONS
//	golang gorilla|coder server off|takeover|no-takeover
//
// EXTENSIONS are what has to be agreed on, "" for nothing. A server prints its URL, and ends when two connections have ended as they should. gorilla knows compression without context takeover alone.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// A library is one of the two.
type library interface {
	// dial connects and returns the extensions that were agreed on.
	dial(url, mode string) (c peer, extensions string, err error)
	// accept answers the request.
	accept(w http.ResponseWriter, r *http.Request, mode string) (peer, error)
}

// A peer is a connection. One goroutine calls read, which pong needs, another one the rest.
type peer interface {
	read() (text bool, data []byte, err error)
	// write sends one message, each part in a fragment of its own.
	write(text bool, parts ...[]byte) error
	// ping returns when the pong has come.
	ping() error
	close(code int, reason string) error
	// end ends the stream, which a server does first.
	end()
	// closed returns what the peer's Close frame said, of an error of read.
	closed(err error) (code int, reason string, ok bool)
}

var libraries = map[string]library{"gorilla": gorilla{}, "coder": coder{}}

func main() {
	time.AfterFunc(time.Minute, func() { fail(errors.New("not done after a minute")) })
	args := os.Args[1:]
	switch {
	case len(args) == 5 && libraries[args[0]] != nil && args[1] == "client":
		if err := client(args[0], args[2], args[3], args[4]); err != nil {
			fail(err)
		}
	case len(args) == 3 && libraries[args[0]] != nil && args[1] == "server":
		if err := server(libraries[args[0]], args[2]); err != nil {
			fail(err)
		}
	default:
		fmt.Fprintln(os.Stderr, "usage: golang gorilla|coder client MODE URL EXTENSIONS | golang gorilla|coder server MODE")
		os.Exit(2)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "golang:", err)
	os.Exit(1)
}

// The sizes on both sides of every form of the payload length (RFC 6455, 5.2), and larger ones.
var sizes = []int{0, 1, 125, 126, 127, 65535, 65536, 1 << 20, 4 << 20}

const largest = 16 << 20

type message struct {
	text bool
	data []byte
	err  error
}

// receive returns the messages of c as they come; the last one has the error.
func receive(c peer) <-chan message {
	messages := make(chan message, 1)
	go func() {
		defer close(messages)
		for {
			text, data, err := c.read()
			messages <- message{text, data, err}
			if err != nil {
				return
			}
		}
	}()
	return messages
}

func client(name, mode, url, want string) error {
	connect := func() (peer, error) {
		c, extensions, err := libraries[name].dial(url, mode)
		if got, _, _ := strings.Cut(extensions, ";"); err == nil && got != want {
			err = fmt.Errorf("agreed on the extensions %q", extensions)
		}
		return c, err
	}
	c, err := connect()
	if err != nil {
		return err
	}
	messages := receive(c)
	for _, n := range sizes {
		for _, text := range []bool{true, false} {
			data := bytes.Repeat([]byte("é"), n/2+1)[:n-n%2]
			if n%2 == 1 {
				data = append(data, '.')
			}
			if !text {
				for i := range data {
					data[i] = byte(i * 7)
				}
			}
			for _, parts := range [][][]byte{{data}, {data[:n/2], data[n/2:]}} {
				if err := c.write(text, parts...); err != nil {
					return err
				}
				if got := <-messages; got.err != nil || got.text != text || !bytes.Equal(got.data, data) {
					return fmt.Errorf("%d bytes in %d parts came back as %d others: %v", n, len(parts), len(got.data), got.err)
				}
			}
		}
	}
	if err := c.ping(); err != nil {
		return err
	}
	if err := c.close(1000, ""); err != nil {
		return err
	}
	if c, err = connect(); err != nil {
		return err
	}
	messages = receive(c)
	if err := c.close(4000, name+" has had enough"); err != nil {
		return err
	}
	<-messages // the answer
	return nil
}

func server(l library, mode string) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("ws://%s/\n", ln.Addr())
	ends := make(chan error)
	go http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := l.accept(w, r, mode)
		if err == nil {
			err = answer(c)
		}
		ends <- err
	}))
	return errors.Join(<-ends, <-ends)
}

// answer pings, and then sends each message back whole and in fragments.
func answer(c peer) error {
	defer c.end()
	messages := receive(c)
	for m := range messages {
		if m.err != nil {
			code, reason, ok := c.closed(m.err)
			if !ok || code != 4000 || reason != "the client's reason" {
				return fmt.Errorf("the connection ended with %w", m.err)
			}
			return nil
		}
		if string(m.data) == "close" {
			err := c.close(4001, "the server's reason")
			<-messages // the answer
			return err
		}
		middle := len(m.data) / 2
		if err := errors.Join(c.ping(), c.write(m.text, m.data), c.write(m.text, m.data[:middle], m.data[middle:])); err != nil {
			return err
		}
	}
	return nil
}
