package deflate

import (
	"bytes"
	"flag"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/encode.golden")

// goldenMessages are of the kinds and sizes that the encoder treats differently.
func goldenMessages() (names []string, messages [][]byte) {
	r := rand.New(rand.NewPCG(7692, 1951))
	add := func(name string, p []byte) {
		names, messages = append(names, fmt.Sprintf("%s_%d", name, len(p))), append(messages, p)
	}
	for _, n := range []int{2, 3, 10, 40, 100, 300, 511, 512, 700, 2000, 9000, 40000, 70000, 140000} {
		add("record", record(r, n))
	}
	for _, n := range []int{5, 64, 1000, 70000} {
		add("noise", noise(r, n))
		add("zeros", make([]byte, n))
	}
	// Repetitions of every length, near and far.
	var b []byte
	for n := 3; n < 300; n += 7 {
		b = append(b, noise(r, 40)...)
		b = append(b, b[len(b)*n/300:][:min(n, len(b)/2)]...)
	}
	add("repetitions", b)
	// Octets of which one is as frequent as all rarer ones together: the longest code words that there are.
	var deep []byte
	for i := range 18 {
		deep = append(deep, bytes.Repeat([]byte{byte('a' + i)}, 1<<i/4+1)...)
	}
	r.Shuffle(len(deep), func(i, j int) { deep[i], deep[j] = deep[j], deep[i] })
	add("deep", deep)
	return names, messages
}

// TestGolden: what the encoder makes of these messages is what it made of them when the file was written, octet for octet, whatever the encoder has done before: "The result is the same
// each time." That other tests find nothing wrong with it is not enough: a change that makes messages longer should be seen. With -update the file is written anew.
func TestGolden(t *testing.T) {
	names, messages := goldenMessages()
	var got strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&got, format+"\n", args...) }
	for level := range Level(levels) {
		for _, windowBits := range []int{8, 9, 12, 15} {
			c := NewCompressor(windowBits, true, level)
			for i, p := range messages {
				b := CompressMessage(nil, p, windowBits, level)
				line("level=%d bits=%d %s alone %d %08x", level, windowBits, names[i], len(b), crc32.ChecksumIEEE(b))
				b, ok := c.Compress(nil, p)
				line("level=%d bits=%d %s compress %v %d %08x", level, windowBits, names[i], ok, len(b), crc32.ChecksumIEEE(b))
				c.Note(p[:len(p)/2])
				b = c.Write(nil, p[:len(p)/3])
				b = c.Write(c.Flush(b), p[len(p)/3:])
				b = c.Finish(b)
				line("level=%d bits=%d %s stream %d %08x", level, windowBits, names[i], len(b), crc32.ChecksumIEEE(b))
				if i%5 == 4 {
					c.Shed()
				}
			}
			c.Close()
		}
	}
	const name = "testdata/encode.golden"
	if *update {
		if err := os.WriteFile(name, []byte(got.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := strings.Split(got.String(), "\n"), strings.Split(string(want), "\n")
	if len(gotLines) != len(wantLines) {
		t.Fatalf("%d lines, want %d", len(gotLines), len(wantLines))
	}
	for i := range gotLines {
		if gotLines[i] != wantLines[i] {
			t.Errorf("7.2.1: got %s, want %s", gotLines[i], wantLines[i])
			return
		}
	}
}
