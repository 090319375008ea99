package deflate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/internal/conntest"
)

// zlibScript reads, a line of JSON each, connections: their parameters, and their messages as they are and as they were
// compressed, or null, in hexadecimal. It inflates them with zlib, whose window is as large as was negotiated and no
// larger, and compresses them itself at level 6. It prints how many octets that takes, or what was wrong.
const zlibScript = `
import json, sys, zlib
tail = b"\x00\x00\xff\xff"
for line in sys.stdin:
    c = json.loads(line)
    bits = c["bits"]
    inflater = zlib.decompressobj(-bits)
    deflater = None
    total = 0
    verdict = None
    for i, (p, z) in enumerate(c["messages"]):
        p = bytes.fromhex(p)
        if not c["takeover"]:
            inflater, deflater = zlib.decompressobj(-bits), None
        if deflater is None:
            deflater = zlib.compressobj(6, zlib.DEFLATED, -max(bits, 9), 8)
        total += len(deflater.compress(p) + deflater.flush(zlib.Z_SYNC_FLUSH)) - 4
        if z is None or verdict:
            continue
        try:
            got = inflater.decompress(bytes.fromhex(z) + tail)
        except zlib.error as e:
            verdict = "message %d: %s" % (i, e)
            continue
        if got != p:
            verdict = "message %d of %d octets comes out as %d" % (i, len(p), len(got))
    print(verdict or total)
`

type zlibConnection struct {
	Bits     int          `json:"bits"`
	Takeover bool         `json:"takeover"`
	Messages [][2]*string `json:"messages"`
}

func (z *zlibConnection) add(p, compressed []byte, ok bool) {
	content := fmt.Sprintf("%x", p)
	message := [2]*string{&content, nil}
	if ok {
		payload := fmt.Sprintf("%x", compressed)
		message[1] = &payload
	}
	z.Messages = append(z.Messages, message)
}

// runZlib returns what the script prints for each connection.
func runZlib(t *testing.T, connections []*zlibConnection) []string {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3")
	}
	var in bytes.Buffer
	for _, z := range connections {
		line, err := json.Marshal(z)
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(line, '\n'))
	}
	cmd := exec.Command(python, "-c", zlibScript)
	cmd.Stdin = &in
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		if strings.Contains(stderr.String(), "ModuleNotFoundError") {
			t.Skip("python3 has no zlib")
		}
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	lines := strings.Fields(strings.ReplaceAll(strings.ReplaceAll(string(out), " ", "_"), "\r", ""))
	if len(lines) != len(connections) {
		t.Fatalf("%d answers for %d connections", len(lines), len(connections))
	}
	return lines
}

// zlib inflates random sequences of messages, with no more window than was negotiated.
func TestZlibInflates(t *testing.T) {
	var connections []*zlibConnection
	var names []string
	everyMode(t, "7.2.1/zlib", func(t *testing.T, windowBits int, takeover bool, level Level) {
		r := rand.New(rand.NewPCG(1, uint64(windowBits)))
		c := NewCompressor(windowBits, takeover, level)
		defer c.Close()
		z := &zlibConnection{Bits: windowBits, Takeover: takeover}
		for i := range 60 {
			p := anything(r, int(r.ExpFloat64()*2000))
			switch {
			case i%9 == 0:
				z.add(p, CompressMessage(nil, p, windowBits, level), true)
				c.Note(p)
			case i%3 == 0:
				z.add(p, c.Finish(c.Write(c.Flush(c.Write(nil, p[:len(p)/3])), p[len(p)/3:])), true)
			default:
				b, ok := c.Compress(nil, p)
				z.add(p, b, ok)
			}
			if i%11 == 0 {
				c.Shed()
			}
		}
		connections = append(connections, z)
		names = append(names, t.Name())
	})
	for i, answer := range runZlib(t, connections) {
		if strings.HasPrefix(answer, "message") {
			t.Errorf("%s: %s", names[i], answer)
		}
	}
}

// The promise of LevelBest, with context takeover and windows of any size that zlib has.
func TestBestIsAsSmallAsZlib(t *testing.T) {
	if conntest.RaceEnabled {
		t.Skip("the sizes are the same")
	}
	var connections []*zlibConnection
	var sent []int
	for windowBits := 9; windowBits <= 15; windowBits++ {
		for _, size := range []int{200, 1024, 8192} {
			r := rand.New(rand.NewPCG(1, 1))
			c := NewCompressor(windowBits, true, LevelBest)
			z := &zlibConnection{Bits: windowBits, Takeover: true}
			n := 0
			for range 200_000 / size {
				p := record(r, size)
				b := c.Finish(c.Write(nil, p))
				n += len(b)
				z.add(p, b, true)
			}
			c.Close()
			connections = append(connections, z)
			sent = append(sent, n)
		}
	}
	for i, answer := range runZlib(t, connections) {
		z := connections[i]
		var zlib int
		if _, err := fmt.Sscan(answer, &zlib); err != nil {
			t.Errorf("bits=%d: %s", z.Bits, answer)
			continue
		}
		name := fmt.Sprintf("bits=%d, messages of %d octets", z.Bits, len(*z.Messages[0][0])/2)
		t.Logf("%s: %d octets, zlib %d (%+.1f %%)", name, sent[i], zlib, 100*(float64(sent[i])/float64(zlib)-1))
		if float64(sent[i]) > float64(zlib)*1.03 {
			t.Errorf("%s: %d octets, zlib's level 6 makes %d", name, sent[i], zlib)
		}
	}
}
