package bench

import (
	"bytes"
	"compress/flate"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/bench/workload"
	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/conntest"
)

// This file is T-FRAG, T-SLOWHEAD, T-HDR, T-BOMB and the floods of docs/threat-model.md as far as they are about work: twice as much of an attack may cost twice as many instructions, and little more.

// linearSlack is how many times the instructions of an attack those of one twice as long may be.
const linearSlack = 2.2

// An attack of n somethings is what a client says, in the pieces in which it is read.
type linearAttack struct {
	n    int
	said func(n int) [][]byte
}

const (
	linearRequest    = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
	linearCompressed = linearRequest + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)

func clientFrame(f conntest.Frame) []byte {
	f.Masked, f.Key = true, workload.Key
	return f.Append(nil)
}

// opened is a handshake, a first frame, and another one n times, in reads of perRead frames.
func opened(first, frame conntest.Frame, n, perRead int) [][]byte {
	said := [][]byte{[]byte(linearCompressed), clientFrame(first)}
	block := bytes.Repeat(clientFrame(frame), perRead)
	for range n / perRead {
		said = append(said, block)
	}
	return said
}

// single cuts b into bytes.
func single(b []byte) [][]byte { return slices.Collect(slices.Chunk(b, 1)) }

var linearAttacks = map[string]linearAttack{
	"T-FRAG/empty": {4000, func(n int) [][]byte {
		return opened(conntest.Frame{Opcode: conntest.Text}, conntest.Frame{}, n, 100)
	}},
	"T-FRAG/one_byte": {4000, func(n int) [][]byte {
		return opened(conntest.Frame{Opcode: conntest.Text}, conntest.Frame{Payload: []byte("a")}, n, 100)
	}},
	"T-FRAG/one_byte_in_a_read_of_its_own": {4000, func(n int) [][]byte {
		return opened(conntest.Frame{Opcode: conntest.Text}, conntest.Frame{Payload: []byte("a")}, n, 1)
	}},
	"T-FRAG/compressed": {4000, func(n int) [][]byte { // each an empty block with no compression, of which a message may have many
		return opened(conntest.Frame{Opcode: conntest.Binary, RSV: conntest.RSV1, Payload: conntest.Hex("000000ffff")}, conntest.Frame{Payload: conntest.Hex("000000ffff")}, n, 100)
	}},
	"D2/tiny_messages": {4000, func(n int) [][]byte {
		return opened(conntest.Frame{Fin: true, Opcode: conntest.Text}, conntest.Frame{Fin: true, Opcode: conntest.Text}, n, 100)
	}},
	"D3/pings": {4000, func(n int) [][]byte {
		return opened(conntest.Frame{Fin: true, Opcode: conntest.Text}, conntest.Frame{Fin: true, Opcode: conntest.Ping, Payload: []byte("p")}, n, 100)
	}},
	"D10/pongs": {4000, func(n int) [][]byte {
		return opened(conntest.Frame{Fin: true, Opcode: conntest.Text}, conntest.Frame{Fin: true, Opcode: conntest.Pong, Payload: []byte("p")}, n, 100)
	}},
	"D6/a_message_one_byte_a_read": {8000, func(n int) [][]byte {
		return append([][]byte{[]byte(linearCompressed)}, single(workload.AppendFrame(nil, frame.OpcodeText, true, workload.Languages[0].Text(n)))...)
	}},
	"T-BOMB": {1 << 20, func(n int) [][]byte {
		var out bytes.Buffer
		w, _ := flate.NewWriter(&out, flate.BestCompression)
		w.Write(make([]byte, n))
		w.Flush()
		p := bytes.TrimSuffix(out.Bytes(), []byte{0, 0, 0xff, 0xff})
		return [][]byte{[]byte(linearCompressed), clientFrame(conntest.Frame{Fin: true, RSV: conntest.RSV1, Opcode: conntest.Binary, Payload: p})}
	}},
	"T-SLOWHEAD/one_byte_a_read": {6000, func(n int) [][]byte {
		return single([]byte(linearRequest + "X-Name: " + strings.Repeat("a", n) + "\r\n\r\n"))
	}},
	"T-HDR/quote_and_escapes": {6000, func(n int) [][]byte {
		return [][]byte{[]byte(linearRequest + `Sec-WebSocket-Extensions: a; b="` + strings.Repeat(`\c`, n/2) + "\r\n\r\n")}
	}},
	"T-HDR/spaces": {6000, func(n int) [][]byte {
		return [][]byte{[]byte(linearRequest + "Sec-WebSocket-Protocol: a" + strings.Repeat(" ", n) + "b\r\n\r\n")}
	}},
	"T-HDR/separators": {6000, func(n int) [][]byte {
		return [][]byte{[]byte(linearRequest + "Sec-WebSocket-Extensions: " + strings.Repeat(",;", n/2) + "\r\n\r\n")}
	}},
}

func init() {
	children["linear"] = func() error {
		runtime.LockOSThread() // callgrind switches counting for the thread
		for _, name := range slices.Sorted(maps.Keys(linearAttacks)) {
			a := linearAttacks[name]
			for _, n := range []int{a.n, 2 * a.n} {
				said := a.said(n)
				server := &hawser.Server{
					Config: &hawser.Config{MessageLimit: 16 << 20, Compression: &hawser.Compression{}, Logger: slog.New(slog.DiscardHandler)},
					Handler: func(c *hawser.Conn) {
						for range c.Messages() {
						}
					},
				}
				for range linearTimes {
					countOnce(func() { server.ServeConn(&scriptConn{bursts: said, once: true}) })
				}
			}
		}
		return nil
	}
}

// linearTimes is how often each attack is counted; the least counts, for the first one finds no buffers in the pools.
const linearTimes = 3

// countOnce is countInstructions for one call.
//
//go:noinline
func countOnce(f func()) { f() }

// TestLinear counts, as the guard does.
func TestLinear(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" || conntest.RaceEnabled || testing.Short() {
		t.Skip("Instructions are counted on linux/amd64, without the race detector.")
	}
	valgrind, binary := countedBinary(t)
	counts, err := countLinear(t, valgrind, binary)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range slices.Sorted(maps.Keys(linearAttacks)) {
		once, twice := counts[2*i], counts[2*i+1]
		t.Logf("%-40s %8d: %11.0f instructions, twice as many: %.3f times", name, linearAttacks[name].n, once, twice/once)
		if twice > linearSlack*once {
			t.Errorf("%s: twice as much costs %.2f times as many instructions, more than %v", name, twice/once, linearSlack)
		}
		if per := once / float64(linearAttacks[name].n); per < 0.5 {
			t.Errorf("%s: %.2f instructions for each: the attack has not been read", name, per)
		}
	}
}

// countLinear returns the instructions of each attack, once and twice as long.
func countLinear(t *testing.T, valgrind, binary string) (counts []float64, err error) {
	const tries = 3 // valgrind itself may stumble over a Go program's threads
	for range tries {
		file := filepath.Join(t.TempDir(), "callgrind.out")
		cmd := exec.Command(valgrind, "--tool=callgrind", "--callgrind-out-file="+file, "--collect-atstart=no",
			"--toggle-collect=*/bench.countOnce", "--dump-after=*/bench.countOnce", binary)
		cmd.Env = append(os.Environ(), childVariable+"=linear", "GOMAXPROCS=1", "GOGC=off", "GODEBUG=asyncpreemptoff=1,cpu.all=off")
		if out, failed := cmd.CombinedOutput(); failed != nil {
			err = fmt.Errorf("%w: %s", failed, out)
			continue
		}
		if counts, err = readLinear(file); err == nil {
			return counts, nil
		}
	}
	return nil, err
}

func readLinear(file string) (counts []float64, err error) {
	for i := range 2 * len(linearAttacks) {
		least := math.Inf(1)
		for j := range linearTimes {
			dump := fmt.Sprintf("%s.%d", file, i*linearTimes+j+1)
			text, err := os.ReadFile(dump)
			if err != nil {
				return nil, err
			}
			m := totals.FindSubmatch(text)
			if m == nil {
				return nil, fmt.Errorf("there is no total in %s", dump)
			}
			n, err := strconv.ParseFloat(string(m[1]), 64)
			if err != nil {
				return nil, err
			}
			least = min(least, n)
		}
		counts = append(counts, least)
	}
	return counts, nil
}
