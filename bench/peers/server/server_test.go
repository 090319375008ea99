//go:build linux

package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// serve runs an adapter in this process until the test binary ends: most of the libraries cannot be stopped.
func serve(t *testing.T, a *adapter, handler, compress string, useTLS bool) (*setup, string) {
	t.Helper()
	s, err := newSetup(handler, compress, useTLS, 64<<10)
	if err != nil {
		t.Fatal(err)
	}
	return s, serveSetup(t, a, s)
}

func serveSetup(t *testing.T, a *adapter, s *setup) (addr string) {
	t.Helper()
	if err := a.supports(s); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = ln.Addr().String() // one of the references takes the listener's descriptor
	go a.serve(ln, s)
	return addr
}

// A client is the least that can speak to the servers.
type client struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func dial(t *testing.T, a *adapter, addr string, useTLS bool) *client {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(20 * time.Second))
	if useTLS {
		nc = tls.Client(nc, &tls.Config{InsecureSkipVerify: true})
	}
	c := &client{t, nc, bufio.NewReader(nc)}
	if a.Raw {
		return c
	}
	fmt.Fprintf(c, "GET /ws HTTP/1.1\r\nHost: %[1]s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nOrigin: http://%[1]s\r\n\r\n", addr)
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		t.Fatalf("%s answers the handshake with %v.", a.Name, err)
	}
	if res.StatusCode != 101 || res.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatalf("%s answers the handshake with %s and %v.", a.Name, res.Status, res.Header)
	}
	return c
}

func frame(opcode byte, payload []byte) []byte {
	b := []byte{0x80 | opcode}
	switch n := len(payload); {
	case n <= 125:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	key := [4]byte{1, 2, 3, 4}
	b = append(b, key[:]...)
	for i, p := range payload {
		b = append(b, p^key[i%4])
	}
	return b
}

// message reads frames up to the end of a message.
func (c *client) message() (opcode byte, payload []byte) {
	c.t.Helper()
	for {
		var head [2]byte
		if _, err := io.ReadFull(c.r, head[:]); err != nil {
			c.t.Fatalf("Reading a frame's header: %v.", err)
		}
		n := uint64(head[1])
		switch n {
		case 126:
			var b [2]byte
			io.ReadFull(c.r, b[:])
			n = uint64(binary.BigEndian.Uint16(b[:]))
		case 127:
			var b [8]byte
			io.ReadFull(c.r, b[:])
			n = binary.BigEndian.Uint64(b[:])
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(c.r, b); err != nil {
			c.t.Fatalf("Reading a payload of %d bytes: %v.", n, err)
		}
		if head[0]&0x0f != 0 {
			opcode = head[0] & 0x0f
		}
		payload = append(payload, b...)
		if head[0]&0x80 != 0 {
			return opcode, payload
		}
	}
}

// echo sends a message and expects it back.
func (c *client) echo(a *adapter, opcode byte, payload []byte) {
	c.t.Helper()
	sent := frame(opcode, payload)
	go c.Write(sent)
	if a.Raw {
		got := make([]byte, len(sent))
		if _, err := io.ReadFull(c.r, got); err != nil || !bytes.Equal(got, sent) {
			c.t.Errorf("%s does not return %d bytes as they were: %v.", a.Name, len(sent), err)
		}
		return
	}
	if op, got := c.message(); op != opcode || !bytes.Equal(got, payload) {
		c.t.Errorf("%s answers a message of %d bytes and opcode %d with %d bytes and opcode %d.", a.Name, len(payload), opcode, len(got), op)
	}
}

func TestEcho(t *testing.T) {
	for _, a := range adapters {
		t.Run(a.Name, func(t *testing.T) {
			t.Parallel()
			for _, useTLS := range []bool{false, true} {
				if useTLS && a.NoTLS {
					continue
				}
				_, addr := serve(t, a, "echo", "off", useTLS)
				c := dial(t, a, addr, useTLS)
				for _, size := range []int{1, 125, 126, 1 << 10, 1<<16 - 1, 1 << 16, 1 << 20} {
					payload := bytes.Repeat([]byte("hawser! "), size/8+1)[:size]
					c.echo(a, 1, payload)
					c.echo(a, 2, payload)
				}
			}
		})
	}
}

func TestHandlers(t *testing.T) {
	for _, a := range adapters {
		for _, handler := range []string{"sleep", "deep"} {
			t.Run(a.Name+"/"+handler, func(t *testing.T) {
				_, addr := serve(t, a, handler, "off", false)
				start := time.Now()
				dial(t, a, addr, false).echo(a, 2, []byte("hello"))
				if handler == "sleep" && time.Since(start) < 100*time.Microsecond {
					t.Error("The handler should have waited 100 us.")
				}
			})
		}
	}
}

func TestWait(t *testing.T) {
	for _, a := range adapters {
		t.Run(a.Name, func(t *testing.T) {
			waiting := func(wait time.Duration) *client {
				s, err := newSetup("wait", "off", false, 64<<10)
				if err != nil {
					t.Fatal(err)
				}
				s.wait = wait
				return dial(t, a, serveSetup(t, a, s), false)
			}
			c := waiting(time.Hour)
			for _, payload := range []string{"hello", "a!", strings.Repeat("x", 200)} {
				c.echo(a, 2, []byte(payload)) // at once
			}
			c = waiting(3 * time.Millisecond)
			for _, size := range []int{1, 200} {
				start := time.Now()
				c.echo(a, 2, []byte("!"+strings.Repeat("x", size-1)))
				if time.Since(start) < 3*time.Millisecond {
					t.Errorf("The handler should have waited 3 ms for a message of %d bytes that begins with an exclamation mark.", size)
				}
			}
		})
	}
}

func TestBroadcast(t *testing.T) {
	for _, a := range adapters {
		t.Run(a.Name, func(t *testing.T) {
			s, addr := serve(t, a, "broadcast", "off", false)
			clients := []*client{dial(t, a, addr, false), dial(t, a, addr, false), dial(t, a, addr, false)}
			for deadline := time.Now().Add(10 * time.Second); s.conns.Load() < 3; {
				if time.Now().After(deadline) {
					t.Fatalf("%s counts %d of 3 connections.", a.Name, s.conns.Load())
				}
				time.Sleep(time.Millisecond)
			}
			payload := bytes.Repeat([]byte("x"), 512)
			sent := frame(2, payload)
			clients[1].Write(sent)
			for i, c := range clients {
				if a.Raw {
					got := make([]byte, len(sent))
					if _, err := io.ReadFull(c.r, got); err != nil || !bytes.Equal(got, sent) {
						t.Errorf("Connection %d of %s did not receive the broadcast: %v.", i, a.Name, err)
					}
				} else if op, got := c.message(); op != 2 || !bytes.Equal(got, payload) {
					t.Errorf("Connection %d of %s received %d bytes with opcode %d.", i, a.Name, len(got), op)
				}
			}
			for _, c := range clients {
				c.Conn.Close()
			}
			for deadline := time.Now().Add(10 * time.Second); s.conns.Load() > 0; {
				if time.Now().After(deadline) {
					t.Fatalf("%s still counts %d connections after all were closed.", a.Name, s.conns.Load())
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
}

func TestSide(t *testing.T) {
	health, echo, err := serveSide()
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Get("http://" + health + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); res.StatusCode != 200 || string(body) != "ok" {
		t.Errorf("/healthz answers %s, %q.", res.Status, body)
	}
	c, err := tls.Dial("tcp", echo, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "hello")
	if got := make([]byte, 5); func() bool { _, err := io.ReadFull(c, got); return err != nil || string(got) != "hello" }() {
		t.Errorf("The TLS echo answers %q.", got)
	}
}

func TestStats(t *testing.T) {
	s, err := newSetup("echo", "off", false, 1)
	if err != nil {
		t.Fatal(err)
	}
	s.conns.Store(3)
	for start := time.Now(); time.Since(start) < 20*time.Millisecond; { // some CPU time
	}
	st := readStats(s)
	if st.CPU <= 0 || st.Heap <= 0 || st.Stack <= 0 || st.Runtime <= 0 || st.Goroutines <= 0 || st.Conns != 3 {
		t.Errorf("A figure is missing: %+v.", st)
	}
	line, err := json.Marshal(st)
	if err != nil || !strings.Contains(string(line), `"cpu_ns":`) || bytes.ContainsRune(line, '\n') {
		t.Errorf("The line is %s, %v.", line, err)
	}
}

func TestSetup(t *testing.T) {
	if _, err := newSetup("nothing", "off", false, 1); err == nil {
		t.Error("A handler that does not exist should be refused.")
	}
	if _, err := newSetup("echo", "much", false, 1); err == nil {
		t.Error("A compression mode that does not exist should be refused.")
	}
	for _, a := range adapters {
		for _, mode := range []string{"context", "nocontext"} {
			s, _ := newSetup("echo", mode, false, 1)
			if err := a.supports(s); (err == nil) != slices.Contains(a.Compress, mode) {
				t.Errorf("%s, compression %s: %v.", a.Name, mode, err)
			}
		}
		if find(a.Name) != a {
			t.Errorf("%s is not found by its name.", a.Name)
		}
		if a.Settings == "" || a.Raw != (a.Module == "") {
			t.Errorf("%s should say its settings, and its module unless it is a reference.", a.Name)
		}
	}
	if find("nothing") != nil {
		t.Error("A library that does not exist should not be found.")
	}
}
