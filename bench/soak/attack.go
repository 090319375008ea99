package main

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// attackPatience is how long the server may bear one attack: longer than each of its timeouts.
const attackPatience = time.Minute

// attackers are those who do not keep to the rules, each with one attack after another.
type attackers struct {
	address string
	rate    int // of a flood, in bytes a second
	group   sync.WaitGroup

	mu     sync.Mutex
	counts map[string]int64
	lasted map[string]int64 // those that the server had not ended after attackPatience
}

func newAttackers(address string, rate int) *attackers {
	return &attackers{address: address, rate: rate, counts: map[string]int64{}, lasted: map[string]int64{}}
}

func (a *attackers) start(ctx context.Context, n int) {
	for i := range n {
		a.group.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(i), 2))
			for next := i; pause(ctx, rnd, 100*time.Millisecond); next++ {
				a.attack(ctx, next, catalogue[next%len(catalogue)])
			}
		})
	}
}

func (a *attackers) wait() { a.group.Wait() }

// attack runs one. Whatever it meets is right, as long as it ends.
func (a *attackers) attack(ctx context.Context, i int, w attack) {
	nc, err := source(30_000+i).DialContext(ctx, "tcp", a.address)
	if err != nil {
		return
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(attackPatience))
	stop := context.AfterFunc(ctx, func() { nc.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	err = w.run(peer{nc, a.rate})
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts[w.name]++
	if ctx.Err() == nil && errors.Is(err, os.ErrDeadlineExceeded) {
		a.lasted[w.name]++
	}
}

// total returns how many attacks have ended.
func (a *attackers) total() int64 { return a.sum(a.counts) }

// outlasted returns how many the server had not ended after attackPatience.
func (a *attackers) outlasted() int64 { return a.sum(a.lasted) }

func (a *attackers) sum(counts map[string]int64) (n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range counts {
		n += c
	}
	return n
}

func (a *attackers) print(out io.Writer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(a.counts)) {
		fmt.Fprintf(out, "%8d  %s", a.counts[name], name)
		if n := a.lasted[name]; n > 0 {
			fmt.Fprintf(out, ", %d of them longer than %v", n, attackPatience)
		}
		fmt.Fprintln(out)
	}
}

// A peer is an attacker's end of a connection.
type peer struct {
	net.Conn
	rate int
}

const request = "GET / HTTP/1.1\r\nHost: soak\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"

// open does the opening handshake, and asks for compression.
func (p peer) open() error {
	if _, err := io.WriteString(p, request+"Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n\r\n"); err != nil {
		return err
	}
	var head []byte
	for !bytes.Contains(head, []byte("\r\n\r\n")) {
		var b [1]byte
		if _, err := io.ReadFull(p, b[:]); err != nil {
			return err
		}
		head = append(head, b[0])
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) {
		return fmt.Errorf("the answer is %.20q", head)
	}
	return nil
}

// frame returns a masked frame, whose key is zeros. length is what it declares.
func frame(first byte, length int, payload []byte) []byte {
	b := []byte{first}
	switch {
	case length <= 125:
		b = append(b, 0x80|byte(length))
	case length <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(length))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(length))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

// says opens the connection, says something, and reads until the server ends it.
func says(b ...byte) func(p peer) error {
	return func(p peer) error {
		if err := p.open(); err != nil {
			return err
		}
		if _, err := p.Write(b); err != nil {
			return err
		}
		return p.untilEnd()
	}
}

// untilEnd reads until there is nothing more.
func (p peer) untilEnd() error {
	_, err := io.Copy(io.Discard, struct{ io.Reader }{p})
	return err
}

// floods opens the connection and says the same over and over, until the server ends it. It reads nothing.
func floods(b []byte) func(p peer) error {
	block := bytes.Repeat(b, 1+4000/len(b))
	return func(p peer) error {
		if err := p.open(); err != nil {
			return err
		}
		return p.flood(block)
	}
}

// flood says block over and over. A flood as fast as the machine can would be a measure of the machine: so it has a rate.
func (p peer) flood(block []byte) error {
	for {
		if _, err := p.Write(block); err != nil {
			return err
		}
		time.Sleep(time.Duration(len(block)) * time.Second / time.Duration(p.rate))
	}
}

// trickles says one byte of b after another, and then waits.
func (p peer) trickles(b []byte, every time.Duration) error {
	for i := range b {
		if _, err := p.Write(b[i : i+1]); err != nil {
			return err
		}
		// The server may have ended it.
		p.SetReadDeadline(time.Now().Add(every))
		_, err := p.Read(make([]byte, 100))
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
	}
	p.SetReadDeadline(time.Now().Add(attackPatience))
	return p.untilEnd()
}

// bomb is 64 MiB of zeros, compressed.
var bomb = sync.OnceValue(func() []byte {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		panic(err)
	}
	zeros := make([]byte, 1<<20)
	for range 64 {
		w.Write(zeros)
	}
	w.Flush()
	return bytes.TrimSuffix(out.Bytes(), []byte{0, 0, 0xff, 0xff})
})

// noise returns n bytes that do not become fewer when they are compressed: or their echo would be nothing that one could refuse to read.
func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(b)
	return b
}

// An attack is something to bear.
type attack struct {
	name string
	run  func(p peer) error
}

// The names are those of docs/threat-model.md.
var catalogue = []attack{
	{"D5 slow head", func(p peer) error { return p.trickles([]byte(request), 300*time.Millisecond) }},
	{"D5 silent", func(p peer) error { return p.untilEnd() }},
	{"D7 head without end", func(p peer) error {
		if _, err := io.WriteString(p, request); err != nil {
			return err
		}
		return p.flood([]byte(strings.Repeat("X-Name: value\r\n", 100)))
	}},
	{"T-HDR garbage in place of a head", func(p peer) error {
		if _, err := p.Write(bytes.Repeat([]byte("\x16\x03\x01\xff\x00garbage"), 100)); err != nil {
			return err
		}
		return p.untilEnd()
	}},
	{"T-LEN a length of 2^63", says(0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)},
	{"T-PIN stalled header", says(frame(0x82, 1<<20-1, []byte("a"))...)},
	{"T-PIN stalled compressed message", says(frame(0xc2, 1<<20-1, []byte{0xf2, 0x48})...)},
	{"T-FRAG empty fragments", func(p peer) error {
		if err := p.open(); err != nil {
			return err
		}
		if _, err := p.Write(frame(0x01, 1, []byte("a"))); err != nil {
			return err
		}
		return p.flood(bytes.Repeat(frame(0, 0, nil), 500))
	}},
	{"T-BOMB", func(p peer) error { return says(frame(0xc2, len(bomb()), bomb())...)(p) }},
	{"F garbage in place of frames", says(bytes.Repeat([]byte("\xff\x13\x37garbage"), 50)...)},
	{"F3 unmasked frame", says(0x81, 5, 'h', 'e', 'l', 'l', 'o')},
	{"2.4 text that is no UTF-8", says(frame(0x81, 3, []byte{'a', 0xc0, 'b'})...)},
	{"D2 tiny messages, and nothing is read", floods(frame(0x81, 0, nil))},
	{"D3 pings, and nothing is read", floods(frame(0x89, 125, bytes.Repeat([]byte("p"), 125)))},
	{"D10 pongs", func(p peer) error {
		if err := p.open(); err != nil {
			return err
		}
		for range 200 {
			if _, err := p.Write(bytes.Repeat(frame(0x8a, 8, []byte("unasked.")), 300)); err != nil {
				return err
			}
		}
		return nil
	}},
	{"D4 large echoes, and nothing is read", floods(frame(0x82, 60_000, noise(60_000)))},
	{"D6 a byte a second", func(p peer) error {
		if err := p.open(); err != nil {
			return err
		}
		return p.trickles(frame(0x82, 1000, make([]byte, 90)), time.Second)
	}},
	{"C2 never answers a Close", says(frame(0x81, len(goodbye), []byte(goodbye))...)},
	{"C3 answers a Close with pings", func(p peer) error {
		if err := p.open(); err != nil {
			return err
		}
		if _, err := p.Write(frame(0x81, len(goodbye), []byte(goodbye))); err != nil {
			return err
		}
		return p.trickles(bytes.Repeat(frame(0x89, 0, nil), 100), 200*time.Millisecond)
	}},
	{"C5 half-close in a frame", func(p peer) error {
		if err := p.open(); err != nil {
			return err
		}
		if _, err := p.Write(frame(0x82, 100, []byte("half"))); err != nil {
			return err
		}
		if err := p.Conn.(*net.TCPConn).CloseWrite(); err != nil {
			return err
		}
		return p.untilEnd()
	}},
	{"C5 reset in a frame", func(p peer) error {
		if err := p.open(); err != nil {
			return err
		}
		if _, err := p.Write(frame(0x82, 100, []byte("half"))); err != nil {
			return err
		}
		return p.Conn.(*net.TCPConn).SetLinger(0) // and then it is closed
	}},
	{"D11 comes and goes", func(p peer) error { return p.open() }},
}
