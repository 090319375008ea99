package bench

import (
	"bufio"
	"context"
	"iter"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/bench/workload"
	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/conntest"
)

var allocGuard = guardGroup{
	name: "allocs",
	about: `Allocations per operation, in whole numbers: the mean of many, rounded down, as testing.AllocsPerRun does it.
echo: a turn of a Messages loop that writes the message back. close: New, Close and the whole closing handshake. tcp: over a loopback
socket, whose other side allocates nothing; deflate: with permessage-deflate, and our client on the other side; the rest is over a transport in memory.`,
	slack: exact,
}

// allocations returns the mean number of allocations of f, rounded down. Unlike testing.AllocsPerRun it keeps the collector out, which would empty the pools at a time
// of its choice, and warms them up with more than one call.
func allocations(runs int, f func()) float64 {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for range 10 {
		f()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		f()
	}
	runtime.ReadMemStats(&after)
	return float64((after.Mallocs - before.Mallocs) / uint64(runs))
}

func guardAllocs(t *testing.T) {
	if conntest.RaceEnabled {
		t.Skip("The race detector allocates, and makes pools forget.")
	}
	conntest.CheckLeaks(t)
	got := make(map[string]float64)
	measure := func(name string, f func()) {
		runs := 500
		if strings.HasSuffix(name, "/1MiB") {
			runs = 50 // or the memory that the collector leaves alone adds up
		}
		got["allocs/"+name] = allocations(runs, f)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	for _, role := range []hawser.Role{hawser.RoleServer, hawser.RoleClient} {
		side := sideName(role)
		for _, size := range workload.Sizes {
			sub := side + "/" + workload.Size(size)
			p := workload.Languages[0].Text(size)
			buf := make([]byte, 0, size)
			script := &scriptConn{bursts: [][]byte{messageFrame(role == hawser.RoleServer, size)}}
			c := hawser.New(script, role, nil, nil)
			measure("write/"+sub, func() { must(c.Write(hawser.Text, p)) })
			measure("read/"+sub, func() {
				_, err := c.Read()
				must(err)
			})
			measure("readappend/"+sub, func() {
				_, err := c.ReadAppend(buf)
				must(err)
			})
			next, stop := iter.Pull2(c.Messages())
			measure("echo/"+sub, func() {
				m, err, _ := next()
				must(err)
				must(c.Write(m.Type, m.Data))
			})
			stop()
			c.CloseNow()
		}

		// A ping before each message, on a transport that cannot be written to without waiting: the Pong's goroutine is in the figure.
		ping := workload.AppendFrame(nil, frame.OpcodePing, role == hawser.RoleServer, []byte("ping"))
		script := &scriptConn{bursts: [][]byte{append(ping, messageFrame(role == hawser.RoleServer, 16)...)}}
		c := hawser.New(script, role, nil, nil)
		next, stop := iter.Pull2(c.Messages())
		measure("ping/"+side, func() {
			m, err, _ := next()
			must(err)
			must(c.Write(m.Type, m.Data)) // waits until the Pong has left
		})
		stop()
		c.CloseNow()

		closing := &scriptConn{bursts: [][]byte{closeFrame(role == hawser.RoleServer)}, once: true}
		measure("close/"+side, func() {
			closing.rewind()
			must(hawser.New(closing, role, nil, nil).Close(hawser.StatusNormalClosure, ""))
		})
	}

	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(requestHead)))
	must(err)
	w := newHijackWriter()
	measure("accept", func() {
		_, err := hawser.Accept(w, r, nil)
		must(err)
	})
	server := newAcceptingConn()
	config := &hawser.Config{NetDial: func(context.Context, string, string) (net.Conn, error) { return server, nil }}
	measure("dial", func() {
		_, err := hawser.Dial(context.Background(), "ws://server.example.com/chat", config)
		must(err)
	})

	guardCoreAllocs(measure)

	for _, size := range workload.Sizes {
		p := startEcho(t)
		request, response := messageFrame(true, size), len(messageFrame(false, size))
		measure("tcp/echo/"+workload.Size(size), func() { must(p.exchange(request, response)) })
	}
	for _, mode := range deflateModes {
		c := dialDeflate(t, mode.config)
		messages, next := jsonMessages(), 0
		buf := make([]byte, 0, 1<<10)
		measure("tcp/deflate/"+mode.name+"/1KiB", func() {
			must(c.Write(hawser.Text, messages[next%len(messages)]))
			next++
			_, err := c.ReadAppend(buf)
			must(err)
		})
	}
	p := startEcho(t)
	ping := workload.AppendFrame(nil, frame.OpcodePing, true, []byte("ping"))
	measure("tcp/ping", func() { must(p.exchange(ping, 2+len("ping"))) })

	allocGuard.check(t, got)
}

// guardCoreAllocs measures the framing core.
func guardCoreAllocs(measure func(name string, f func())) {
	b := make([]byte, 0, frame.MaxHeaderSize)
	for _, h := range workload.Headers {
		encoded := frame.AppendHeader(nil, h.Header)
		measure("core/append_header/"+h.Name, func() { b = frame.AppendHeader(b[:0], h.Header) })
		measure("core/consume_header/"+h.Name, func() { frame.ConsumeHeader(encoded) })
		measure("core/check/"+h.Name, func() { frame.Check(h.Header, len(encoded), frame.Rules{Masked: h.Header.Masked}) })
	}
	f := workload.NewFrames()
	measure("core/receive", func() { f.Receive() })
}

func sideName(role hawser.Role) string {
	if role == hawser.RoleServer {
		return "server"
	}
	return "client"
}
