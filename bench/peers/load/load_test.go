//go:build linux

package main

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/hawser-go/hawser"
)

// unmasked turns our frames into those that a server would send.
func unmasked(t *testing.T, wire []byte) (frames []byte) {
	t.Helper()
	for len(wire) > 0 {
		n, size := 2, int(wire[1]&0x7f)
		switch size {
		case 126:
			size, n = int(wire[2])<<8|int(wire[3]), 4
		case 127:
			size, n = int(wire[6])<<24|int(wire[7])<<16|int(wire[8])<<8|int(wire[9]), 10
		}
		if wire[1]&0x80 == 0 {
			t.Fatal("A frame is not masked.")
		}
		frames = append(frames, wire[:n]...)
		frames[len(frames)-n+1] &= 0x7f
		key := wire[n : n+4]
		for i, b := range wire[n+4 : n+4+size] {
			frames = append(frames, b^key[i%4])
		}
		wire = wire[n+4+size:]
	}
	return frames
}

func TestParserTakesWhatWasSent(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 127, 1000, 65535, 65536} {
		for _, text := range []bool{false, true} {
			o := &options{size: size, text: text, compress: "off", inflight: 2}
			w, err := newWire(o, 15)
			if err != nil {
				t.Fatal(err)
			}
			stream := unmasked(t, w.bytes)
			for _, chunk := range []int{len(stream), 1, 3, 1000} {
				p := &parser{w: w, text: text}
				total := 0
				for piece := range slices.Chunk(stream, max(chunk, 1)) {
					n, err := p.feed(piece)
					if err != nil {
						t.Fatalf("size %d in pieces of %d: %v", size, chunk, err)
					}
					total += n
				}
				if total != 2 {
					t.Errorf("Of 2 messages of %d bytes %d were counted in pieces of %d.", size, total, chunk)
				}
			}
		}
	}
}

func TestParserTakesFragmentsAndControlFrames(t *testing.T) {
	w := &wire{payloads: [][]byte{[]byte("hello")}}
	p := &parser{w: w}
	stream := []byte("\x02\x02he\x89\x03abc\x00\x00\x80\x03llo\x8a\x00")
	if n, err := p.feed(stream); n != 1 || err != nil {
		t.Errorf("A fragmented message with a ping inside: %d, %v.", n, err)
	}
}

func TestParserRefuses(t *testing.T) {
	w := &wire{payloads: [][]byte{[]byte("hello")}}
	for name, stream := range map[string]string{
		"another content":         "\x82\x05hellO",
		"too short":               "\x82\x04hell",
		"too long":                "\x82\x06helloo",
		"the other type":          "\x81\x05hello",
		"a continuation first":    "\x80\x05hello",
		"a message in a message":  "\x02\x02he\x82\x03llo",
		"a masked frame":          "\x82\x85\x00\x00\x00\x00hello",
		"an unwanted compression": "\xc2\x05hello",
		"a close":                 "\x88\x00",
	} {
		p := &parser{w: w}
		if _, err := p.feed([]byte(stream)); err == nil {
			t.Errorf("%s should be an error.", name)
		}
	}
	raw := &wire{raw: true, bytes: []byte("abc"), ends: []int{3}}
	if _, err := (&parser{w: raw}).feed([]byte("abcabd")); err == nil {
		t.Error("A raw stream that differs should be an error.")
	}
	if n, err := (&parser{w: raw}).feed([]byte("abcab")); n != 1 || err != nil {
		t.Errorf("A raw stream of one message and a half: %d, %v.", n, err)
	}
}

// inflateAll reads messages in order, with context takeover if it is asked to.
func inflateAll(t *testing.T, frames []byte, count int, context bool, window int) [][]byte {
	t.Helper()
	var messages [][]byte
	var history []byte
	for range count {
		size, n := int(frames[1]), 2
		if size == 126 {
			size, n = int(frames[2])<<8|int(frames[3]), 4
		}
		if frames[0]&rsv1 == 0 {
			t.Fatal("RSV1 is not set.")
		}
		r := flate.NewReaderDict(io.MultiReader(bytes.NewReader(frames[n:n+size]), bytes.NewReader([]byte("\x00\x00\xff\xff\x01\x00\x00\xff\xff"))), history)
		plain, err := io.ReadAll(r)
		if err != nil {
			t.Fatalf("message %d: %v", len(messages), err)
		}
		messages = append(messages, plain)
		if context {
			history = append(history, plain...)
			history = history[max(len(history)-window, 0):]
		}
		frames = frames[n+size:]
	}
	return messages
}

func TestCompressedCycle(t *testing.T) {
	for _, mode := range []string{"context", "nocontext"} {
		for _, bits := range []int{15, 12, 9} {
			o := &options{size: 1024, text: true, compress: mode}
			w, err := newWire(o, bits)
			if err != nil {
				t.Fatal(err)
			}
			// Twice, as it is sent: the cycle must be able to follow itself.
			frames := unmasked(t, append(slices.Clone(w.bytes), w.bytes...))
			got := inflateAll(t, frames, 2*cycle, mode == "context", 1<<bits)
			for i, m := range got {
				if !bytes.Equal(m, w.payloads[i%cycle]) {
					t.Fatalf("%s, %d bits: message %d is not what was meant.", mode, bits, i)
				}
			}
			p := &parser{w: w, text: true, compressing: true, context: mode == "context"}
			if n, err := p.feed(frames); n != 2*cycle || err != nil || p.compressed != 2*cycle {
				t.Errorf("%s, %d bits: the parser counts %d messages, %d of them compressed: %v.", mode, bits, n, p.compressed, err)
			}
		}
	}
}

func TestResponse(t *testing.T) {
	const good = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSEC-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Extensions: x\r\n\r\nrest"
	for i := range len(good) - len("rest") {
		if _, _, err := response([]byte(good[:i])); !errors.Is(err, errShort) {
			t.Errorf("The first %d bytes of a response: %v.", i, err)
		}
	}
	if ext, rest, err := response([]byte(good)); ext != "x" || string(rest) != "rest" || err != nil {
		t.Errorf("A good response: %q, %q, %v.", ext, rest, err)
	}
	for _, bad := range []string{"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 101 X\r\nSec-WebSocket-Accept: no\r\n\r\n", string(make([]byte, 5000))} {
		if _, _, err := response([]byte(bad)); err == nil || errors.Is(err, errShort) {
			t.Errorf("%.40q should be refused: %v.", bad, err)
		}
	}
}

func TestAgreed(t *testing.T) {
	for _, tt := range []struct {
		mode, extensions string
		bits             int
		context, ok      bool
	}{
		{"off", "", 15, false, true},
		{"off", "permessage-deflate", 0, false, false},
		{"context", "permessage-deflate", 15, true, true},
		{"context", "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12", 12, true, true},
		{"context", "permessage-deflate; server_no_context_takeover", 0, false, false},
		{"context", "permessage-deflate; client_max_window_bits=16", 0, false, false},
		{"context", "", 0, false, false},
		{"nocontext", "permessage-deflate;server_no_context_takeover;client_no_context_takeover", 15, false, true},
		{"nocontext", "permessage-deflate", 0, false, false},
	} {
		bits, context, err := agreed(&options{compress: tt.mode}, tt.extensions)
		if bits != tt.bits || context != tt.context || (err == nil) != tt.ok {
			t.Errorf("%s, %q: %d, %v, %v.", tt.mode, tt.extensions, bits, context, err)
		}
	}
}

func TestMarks(t *testing.T) {
	o := &options{size: 125, compress: "off", inflight: 2, mode: "held"}
	w, err := newWire(o, 15)
	if err != nil {
		t.Fatal(err)
	}
	if len(w.ends) != 2 || len(w.payloads) != 2 || w.payloads[0][0] == waitMark || w.payloads[1][0] != waitMark || w.bytes[w.ends[0]+6]^w.bytes[w.ends[0]+2] != waitMark {
		t.Errorf("A plain message and a marked one are wanted, in one write: %q, ends %v.", w.payloads, w.ends)
	}
	if w := newMessages(o, true); len(w.ends) != 2 || len(w.payloads) != 1 || w.payloads[0][0] != waitMark {
		t.Errorf("Two marked messages that are alike are wanted: %q, ends %v.", w.payloads, w.ends)
	}
}

func TestRing(t *testing.T) {
	var r ring
	next, want := time.Duration(0), time.Duration(0)
	for i := range 1000 {
		for range i % 7 {
			r.push(next)
			next++
		}
		for range min(i%5, r.size) {
			if got := r.pop(); got != want {
				t.Fatalf("The ring returns %d, but %d is next.", got, want)
			}
			want++
		}
	}
}

// TestModes runs every mode against hawser and against a bare echo in this process.
func TestModes(t *testing.T) {
	echo := func(c *hawser.Conn) {
		for m, err := range c.Messages() {
			if err == nil && m.Data[0] == waitMark {
				time.Sleep(2 * time.Millisecond)
			}
			if err != nil || c.Write(m.Type, m.Data) != nil {
				return
			}
		}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: hawser.Handler(echo, nil)}
	go srv.Serve(ln)
	t.Cleanup(func() { srv.Close() })
	rawLn, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rawLn.Close() })
	go func() {
		for {
			c, err := rawLn.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
	for _, raw := range []bool{false, true} {
		for _, o := range []options{
			{mode: "closed", conns: 1, size: 16},
			{mode: "closed", conns: 10, size: 1024, inflight: 16, text: true},
			{mode: "closed", conns: 2, size: 1 << 20},
			{mode: "open", conns: 5, size: 125, rate: 2000},
			{mode: "first", conns: 2, size: 125, inflight: 16},
			{mode: "held", conns: 1, size: 125, inflight: 2},
			{mode: "slow", conns: 5, slow: 2, size: 125, rate: 2000},
			{mode: "closed", conns: 5, slow: 5, size: 125},
			{mode: "quiet", conns: 5, size: 125},
			{mode: "handshake", conns: 4},
			{mode: "idle", conns: 50, size: 125},
			{mode: "broadcast", conns: 1, size: 512},
		} {
			name := o.mode
			if raw {
				name += "/raw"
			}
			if raw && o.mode == "held" {
				continue // the references know no messages, so they cannot wait for the second
			}
			t.Run(name, func(t *testing.T) {
				o.addr, o.raw, o.compress = ln.Addr().String(), raw, "off"
				if raw {
					o.addr = rawLn.Addr().String()
				}
				o.inflight = max(o.inflight, 1)
				o.warm, o.window = 10*time.Millisecond, 50*time.Millisecond
				var marks []string
				r, err := run(&o, func(name string) error { marks = append(marks, name); return nil })
				if err != nil {
					t.Fatal(err)
				}
				want := []string{"begin", "end"}
				switch o.mode {
				case "idle", "quiet":
					want = []string{o.mode}
				case "broadcast":
					want = []string{"open", "begin", "end"}
				}
				if !slices.Equal(marks, want) {
					t.Errorf("The marks were %v, but should be %v.", marks, want)
				}
				if o.mode != "idle" && o.mode != "quiet" && (r.Messages == 0 || r.Elapsed <= 0) {
					t.Errorf("Nothing was measured: %+v.", r)
				}
				if (o.mode == "open" || o.mode == "first" || o.mode == "held") && (r.Latency.Count == 0 || r.Latency.P50 <= 0 || r.Latency.Max < r.Latency.P50) {
					t.Errorf("The latency is %+v.", r.Latency)
				}
				if o.mode == "slow" {
					if all := r.Alone.Count + r.Early.Count + r.Latency.Count; all != 100 || min(r.Alone.Count, r.Early.Count, r.Latency.Count) < 25 {
						t.Errorf("2,000 a second for 50 ms are 100 messages, a third in each phase, but there were %d, %d and %d.", r.Alone.Count, r.Early.Count, r.Latency.Count)
					}
					if r.SlowRate <= 0 || r.Messages <= 100 {
						t.Errorf("Nothing came on the slow connections: %d messages, %.0f a second.", r.Messages, r.SlowRate)
					}
				}
				if o.mode == "held" && r.Last.P50 < 2*time.Millisecond {
					t.Errorf("The second message waits 2 ms, but the median of the second reply is %v.", r.Last.P50)
				}
				if o.mode == "open" && r.Messages != 100 {
					t.Errorf("2,000 a second for 50 ms are 100 messages, but %d came.", r.Messages)
				}
			})
		}
	}
}

// TestOpenLoopDoesNotWaitForTheServer sends to a server that stalls once: all messages that were due meanwhile must be late, not only the one that met the stall.
func TestOpenLoopDoesNotWaitForTheServer(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		buf := make([]byte, 4096)
		for i := 0; ; i++ {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			if i == 0 {
				time.Sleep(100 * time.Millisecond)
			}
			c.Write(buf[:n])
		}
	}()
	o := &options{addr: ln.Addr().String(), mode: "open", raw: true, conns: 1, size: 16, inflight: 1, rate: 1000, compress: "off", window: 200 * time.Millisecond}
	r, err := run(o, func(string) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	// About 100 of 200 messages were due during the stall, evenly spread over it: a quarter of all waited at least 50 ms.
	if r.Latency.P50 < time.Millisecond || r.Latency.Max < 90*time.Millisecond {
		t.Errorf("With a stall of 100 ms in 200 ms the median is %v and the largest %v.", r.Latency.P50, r.Latency.Max)
	}
}

func TestBadOptions(t *testing.T) {
	for _, o := range []options{{}, {addr: "nonsense"}, {addr: "[::1]:1"}, {addr: "127.0.0.1:1", conns: 1, slow: 2}, {addr: "127.0.0.1:1", conns: 1, mode: "closed", compress: "off"}} {
		if _, err := run(&o, nil); err == nil {
			t.Errorf("%+v should be an error.", o)
		}
	}
}
