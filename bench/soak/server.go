package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hawser-go/hawser"
)

// serverVariable, in the environment, makes the program the server, and is its driver.
const serverVariable = "HAWSER_SOAK_SERVER"

// drivers are what may drive the server's connections. Each serves until the listener is closed.
var drivers = map[string]func(ln net.Listener, cfg *hawser.Config) error{
	"goroutine": func(ln net.Listener, cfg *hawser.Config) error {
		return (&hawser.Server{Handler: echo, Config: cfg}).Serve(ln)
	},
	"loop": func(ln net.Listener, cfg *hawser.Config) error {
		return (&hawser.Server{Events: &hawser.Events{Message: echoMessage}, Config: cfg}).Serve(ln)
	},
}

func driverNames() string { return strings.Join(slices.Sorted(maps.Keys(drivers)), ", ") }

// goodbye is the text at which the server closes.
const goodbye = "close the connection"

// echo is the application.
func echo(c *hawser.Conn) {
	for m, err := range c.Messages() {
		if err != nil {
			return
		}
		if string(m.Data) == goodbye {
			c.Close(hawser.StatusNormalClosure, "")
			continue
		}
		if c.Write(m.Type, m.Data) != nil {
			return
		}
	}
}

// echoMessage is the same in the push style.
func echoMessage(c *hawser.Conn, m hawser.Message) {
	if string(m.Data) == goodbye {
		c.Close(hawser.StatusNormalClosure, "")
		return
	}
	c.Write(m.Type, m.Data)
}

// serve is the server's process: its address is the first line, and each line of in is answered with a line of stats. It ends with in.
func serve(driver string, in io.Reader, out io.Writer) error {
	run := drivers[driver]
	if run == nil {
		return fmt.Errorf("there is no driver %q", driver)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	cfg := &hawser.Config{Compression: &hawser.Compression{}, Logger: slog.New(slog.DiscardHandler)}
	ended := make(chan error, 1)
	go func() { ended <- run(ln, cfg) }()
	var peak atomic.Int64
	go func() {
		for range time.Tick(10 * time.Millisecond) {
			peak.Store(max(peak.Load(), int64(runtime.NumGoroutine())))
		}
	}()
	fmt.Fprintln(out, ln.Addr())
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if lines.Text() == "settled" {
			for range 3 { // a sync.Pool keeps what it has for two
				runtime.GC()
			}
			debug.FreeOSMemory()
		}
		s := measure()
		s.Peak = max(peak.Load(), s.Goroutines)
		if err := json.NewEncoder(out).Encode(s); err != nil {
			return err
		}
	}
	ln.Close()
	<-ended
	return lines.Err()
}

// stats are what the server has.
type stats struct {
	Heap        int64 // bytes of objects
	Stacks      int64 // bytes
	Goroutines  int64
	Peak        int64 // the most goroutines that were seen so far, looked at every 10 ms
	Descriptors int64 // 0 where they cannot be counted
}

func measure() stats {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}, {Name: "/sched/goroutines:goroutines"}}
	metrics.Read(samples)
	s := stats{Heap: int64(samples[0].Value.Uint64()), Stacks: int64(samples[1].Value.Uint64()), Goroutines: int64(samples[2].Value.Uint64())}
	if open, err := os.ReadDir("/proc/self/fd"); err == nil {
		s.Descriptors = int64(len(open))
	}
	return s
}

// A server is the process from outside.
type server struct {
	address string
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
}

func startServer(driver string) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &server{cmd: exec.Command(self)}
	s.cmd.Env = append(os.Environ(), serverVariable+"="+driver)
	s.cmd.Stderr = os.Stderr
	in, err := s.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	s.in, s.out = in, bufio.NewReader(out)
	address, err := s.out.ReadString('\n')
	if err != nil {
		return nil, errors.Join(errDied, err, s.stop())
	}
	s.address = strings.TrimSpace(address)
	return s, nil
}

// warm lets one client come and go, so that what the server starts once, as its event loops, is there; and returns what it has then.
func (s *server) warm() (before stats, err error) {
	h := newHonest(s.address, time.Millisecond)
	h.visit(context.Background(), 0, rand.New(rand.NewPCG(0, 3))) // if it can come at all, the others will tell
	for range 50 {
		last := before
		if before, err = s.stats("settled"); err != nil || before.Goroutines == last.Goroutines && before.Descriptors == last.Descriptors {
			break // it is gone
		}
		time.Sleep(100 * time.Millisecond)
	}
	return before, err
}

var errDied = errors.New("the server has died")

// stats asks for the figures: "now", or "settled" after collections of garbage.
func (s *server) stats(when string) (stats, error) {
	var got stats
	if _, err := io.WriteString(s.in, when+"\n"); err != nil {
		return got, errors.Join(errDied, err)
	}
	line, err := s.out.ReadBytes('\n')
	if err != nil {
		return got, errors.Join(errDied, err)
	}
	return got, json.Unmarshal(line, &got)
}

func (s *server) stop() error {
	s.in.Close()
	return s.cmd.Wait()
}
