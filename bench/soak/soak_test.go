package main

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser"
)

// TestMain is also the server's process, which is this binary once more.
func TestMain(m *testing.M) {
	if driver := os.Getenv(serverVariable); driver != "" {
		if err := serve(driver, os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestSoak is all of it, for two seconds. What a busy machine does to latencies is no failure.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	for driver := range drivers {
		t.Run(driver, func(t *testing.T) {
			var messages, out bytes.Buffer
			o, err := parse(strings.Fields("-time 1500ms -quiet 500ms -every 500ms -interval 20ms -conns 40 -attackers 0.5 -driver "+driver), &messages)
			if err != nil {
				t.Fatal(err, messages.String())
			}
			ok, err := soak(t.Context(), o, &out)
			if err != nil || !ok {
				t.Errorf("the verdict is %v, %v:\n%s", ok, err, out.String())
			}
			for _, want := range []string{"driver " + driver, "40 connections, 20 of them attackers", "\nquiet ", "\nhostile ", "honest p99", "soak: it was borne\n"} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is not in the output:\n%s", want, out.String())
				}
			}
		})
	}
}

func TestSoakEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o, _ := parse(nil, io.Discard)
	if ok, err := soak(ctx, o, io.Discard); ok || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", ok, err)
	}
}

func TestParse(t *testing.T) {
	o, err := parse(nil, io.Discard)
	if err != nil || o.time != 10*time.Minute || o.conns != 1000 || o.driver != "goroutine" || o.bounds.drops != 0 {
		t.Errorf("the defaults are %+v, %v", o, err)
	}
	for _, args := range []string{"-driver none", "-conns 0", "-attackers 2", "-time 0s", "-flood -1", "more"} {
		var messages bytes.Buffer
		if _, err := parse(strings.Fields(args), &messages); !errors.Is(err, errUsage) || !strings.HasPrefix(messages.String(), "soak: wrong usage: ") {
			t.Errorf("%s: %v, %q", args, err, messages.String())
		}
	}
	if _, err := parse([]string{"-none"}, io.Discard); err == nil {
		t.Error("an unknown flag is taken")
	}
}

func TestVerdict(t *testing.T) {
	good := func() *figures {
		v := &figures{messages: 10, attacks: 5}
		v.quiet.record(time.Millisecond)
		v.hostile.record(3 * time.Millisecond)
		return v
	}
	limits := bounds{heapGrowth: 1000, heapLeft: 100}
	for _, tt := range []struct {
		name  string
		spoil func(v *figures)
		want  string
	}{
		{"good", func(*figures) {}, "soak: it was borne\n"},
		{"as_much_as_it_may", func(v *figures) { v.heapGrowth, v.heapLeft = 1000, 100 }, "soak: it was borne\n"},
		{"no_attack", func(v *figures) { v.attacks = 0 }, "note  there was no attack"},
		{"heap_under_attack", func(v *figures) { v.heapGrowth = 1001 }, "FAIL  bytes more on the heap under attack "},
		{"heap_left", func(v *figures) { v.heapLeft = 101 }, "FAIL  bytes on the heap left "},
		{"goroutine", func(v *figures) { v.goroutines = 1 }, "FAIL  goroutines left "},
		{"descriptor", func(v *figures) { v.descriptors = 1 }, "FAIL  descriptors left "},
		{"drop", func(v *figures) { v.drops, v.firstDrop = 1, io.ErrUnexpectedEOF }, "the first of them: unexpected EOF"},
		{"outlasted", func(v *figures) { v.outlasted = 1 }, "FAIL  attacks borne for longer "},
		{"nobody", func(v *figures) { v.messages = 0 }, "FAIL  no honest message "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := good()
			tt.spoil(v)
			var out bytes.Buffer
			ok := v.verdict(limits, &out)
			if !strings.Contains(out.String(), tt.want) || ok == strings.Contains(out.String(), "FAIL") || ok != strings.HasSuffix(out.String(), "soak: it was borne\n") {
				t.Errorf("%v:\n%s", ok, out.String())
			}
		})
	}
}

func TestHistogram(t *testing.T) {
	var h, none histogram
	if none.quantile(0.5) != 0 {
		t.Error("nothing has a median")
	}
	for _, d := range []time.Duration{0, 1, 8, 15, 16, 1000, time.Second, time.Hour, 1<<63 - 1} {
		if u := upper(class(d)); u < d || d >= 16 && u-d > d/8 {
			t.Errorf("%d is in a class up to %d", d, u)
		}
	}
	for i := range 1000 {
		h.record(time.Duration(i+1) * time.Millisecond)
	}
	var sum histogram
	sum.add(&h)
	sum.add(&h)
	for _, q := range []float64{0.5, 0.99} {
		want := time.Duration(q * 1000 * float64(time.Millisecond))
		if got := sum.quantile(q); got < want || got > want+want/8+time.Millisecond {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	if sum.quantile(1) != 0 || sum.n != 2000 {
		t.Error("beyond the last there is nothing")
	}
}

// listen serves with h on a port of its own.
func listen(t *testing.T, h func(*hawser.Conn)) (*hawser.Server, string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &hawser.Server{Handler: h, Config: &hawser.Config{
		Compression: &hawser.Compression{}, Logger: slog.New(slog.DiscardHandler),
		HandshakeTimeout: 300 * time.Millisecond, CloseTimeout: 300 * time.Millisecond, WriteTimeout: 300 * time.Millisecond,
	}}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ln) }()
	t.Cleanup(func() {
		s.Close()
		<-ended
	})
	return s, ln.Addr().String()
}

// TestNoise: what floods with it is echoed at full length, though it asks for compression.
func TestNoise(t *testing.T) {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(noise(60_000))
	w.Close()
	if out.Len() < 60_000 {
		t.Errorf("60,000 bytes become %d", out.Len())
	}
}

// TestAttacks: each attack is counted once, by its name, and ends with the server at the latest. Only what stalls inside a message, or floods politely, is borne until then.
func TestAttacks(t *testing.T) {
	s, address := listen(t, echo)
	a := newAttackers(address, 8<<20)
	for i, w := range catalogue {
		a.group.Go(func() { a.attack(t.Context(), i, w) })
	}
	const borne = 6
	for a.total() < int64(len(catalogue)-borne) {
		runtime.Gosched()
		time.Sleep(time.Millisecond) // lets the attacks have the processor
	}
	s.Close()
	a.wait()
	var out bytes.Buffer
	a.print(&out)
	for _, w := range catalogue {
		if !strings.Contains(out.String(), fmt.Sprintf("%8d  %s\n", 1, w.name)) {
			t.Errorf("%s is not there once:\n%s", w.name, out.String())
		}
	}
	if a.outlasted() != 0 {
		t.Error("an attack has outlasted the server")
	}
	names := map[string]bool{}
	for _, w := range catalogue {
		names[w.name] = true
	}
	if len(names) != len(catalogue) {
		t.Error("two attacks have one name")
	}
}

// TestAttacksOnNobody: no server is no attack.
func TestAttacksOnNobody(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	a := newAttackers(ln.Addr().String(), 1)
	a.attack(t.Context(), 0, catalogue[0])
	if a.total() != 0 {
		t.Error("it is counted")
	}
}

// TestOpenRefused: an answer that is no upgrade ends an attack.
func TestOpenRefused(t *testing.T) {
	ours, theirs := net.Pipe()
	go func() {
		io.ReadFull(theirs, make([]byte, len(request)))
		go io.Copy(io.Discard, theirs)
		io.WriteString(theirs, "HTTP/1.1 503 Service Unavailable\r\n\r\n")
	}()
	defer theirs.Close()
	if err := (peer{ours, 1}).open(); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("open returns %v", err)
	}
}

// TestHonestNotices: an echo that is another, and a server that is not there, are drops.
func TestHonestNotices(t *testing.T) {
	_, address := listen(t, func(c *hawser.Conn) {
		for m := range c.Messages() {
			c.Write(m.Type, []byte("other"))
		}
	})
	for _, address := range []string{address, "127.0.0.1:1"} {
		h := newHonest(address, time.Millisecond)
		ctx, cancel := context.WithCancel(t.Context())
		h.start(ctx, 1)
		for h.drops.Load() == 0 {
			runtime.Gosched()
		}
		cancel()
		h.wait()
		if h.messages.Load() != 0 || h.firstDrop() == nil {
			t.Errorf("%d messages came back, %v", h.messages.Load(), h.firstDrop())
		}
	}
}

func TestServe(t *testing.T) {
	var out bytes.Buffer
	if err := serve("goroutine", strings.NewReader("now\nsettled\n"), &out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[0], "127.0.0.1:") || !strings.Contains(lines[2], `"Heap":`) {
		t.Errorf("the server says %q", lines)
	}
	if err := serve("none", nil, nil); err == nil {
		t.Error("there is a driver of the name none")
	}
	if driverNames() != "goroutine, loop" {
		t.Errorf("the drivers are %s", driverNames())
	}
}

// TestServerDies: a server that is gone is an error, and not the end of waiting.
func TestServerDies(t *testing.T) {
	if _, err := startServer("none"); !errors.Is(err, errDied) {
		t.Errorf("startServer returns %v", err)
	}
	s, err := startServer("goroutine")
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Process.Kill()
	s.cmd.Wait()
	if _, err := s.stats("now"); err == nil {
		t.Error("the dead have figures")
	}
	if _, err := settle(s, stats{}); err == nil {
		t.Error("the dead settle")
	}
}
