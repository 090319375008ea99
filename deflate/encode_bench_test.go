package deflate

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/flate"
)

// benchMessages is how many different messages of a kind a benchmark goes round. They are more than a window, so that
// with takeover none is found whole.
func benchMessages(size int) [][]byte {
	r := rand.New(rand.NewPCG(1, uint64(size)))
	messages := make([][]byte, max(8, (96<<10)/size))
	for i := range messages {
		messages[i] = record(r, size)
	}
	return messages
}

// klauspost is the compressor of github.com/klauspost/compress as libraries use it: a writer that goes on with
// takeover, and is reset without.
type klauspost struct {
	w        *flate.Writer
	out      bytes.Buffer
	takeover bool
}

func newKlauspost(level int, takeover bool) *klauspost {
	k := &klauspost{takeover: takeover}
	k.w, _ = flate.NewWriter(&k.out, level)
	return k
}

func (k *klauspost) compress(p []byte) []byte {
	k.out.Reset()
	if !k.takeover {
		k.w.Reset(&k.out)
	}
	k.w.Write(p)
	k.w.Flush()
	return k.out.Bytes()[:k.out.Len()-4]
}

// BenchmarkCompress compares, in one process, both levels with klauspost's levels 1 and 6, in time and in the octets
// sent for a message.
func BenchmarkCompress(b *testing.B) {
	for _, size := range []int{125, 1024, 4096, 65536} {
		messages := benchMessages(size)
		for _, takeover := range []bool{false, true} {
			run := func(impl string, compress func(p []byte) []byte) {
				b.Run(fmt.Sprintf("size=%d/takeover=%v/impl=%s", size, takeover, impl), func(b *testing.B) {
					b.SetBytes(int64(size))
					b.ReportAllocs()
					sent := 0
					for _, p := range messages {
						compress(p)
					}
					for _, p := range messages {
						sent += len(compress(p))
					}
					i := 0
					for b.Loop() {
						compress(messages[i])
						if i++; i == len(messages) {
							i = 0
						}
					}
					b.ReportMetric(float64(sent)/float64(len(messages)), "sent/op")
				})
			}
			for level, name := range []string{"fast", "best"} {
				c := NewCompressor(15, takeover, Level(level))
				dst := make([]byte, 0, 2*size+64)
				run(name, func(p []byte) []byte {
					out, _ := c.Compress(dst, p)
					return out
				})
				c.Close()
			}
			for _, level := range []int{1, 6} {
				k := newKlauspost(level, takeover)
				run(fmt.Sprint("klauspost", level), k.compress)
			}
		}
	}
}

// BenchmarkWarm is what the first message after a shed costs more than the next ones, with a full history.
func BenchmarkWarm(b *testing.B) {
	messages := benchMessages(1024)
	for _, windowBits := range []int{9, 12, 15} {
		for level, name := range []string{"fast", "best"} {
			b.Run(fmt.Sprintf("bits=%d/level=%s", windowBits, name), func(b *testing.B) {
				c := NewCompressor(windowBits, true, Level(level))
				defer c.Close()
				for _, p := range messages {
					c.Compress(nil, p)
				}
				b.ReportAllocs()
				for b.Loop() {
					c.Shed()
					c.warmed()
				}
			})
		}
	}
}

// BenchmarkNote is what a prepared message costs each connection with takeover.
func BenchmarkNote(b *testing.B) {
	p := benchMessages(1024)[0]
	for _, warm := range []bool{false, true} {
		b.Run(fmt.Sprintf("warm=%v", warm), func(b *testing.B) {
			c := NewCompressor(15, true, LevelFast)
			defer c.Close()
			if warm {
				c.Compress(nil, p)
			}
			b.SetBytes(int64(len(p)))
			b.ReportAllocs()
			for b.Loop() {
				c.Note(p)
			}
		})
	}
}

// BenchmarkNoise is what it costs to find out that a message does not get shorter.
func BenchmarkNoise(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, size := range []int{1024, 65536} {
		p := noise(r, size)
		for level, name := range []string{"fast", "best"} {
			b.Run(fmt.Sprintf("size=%d/level=%s", size, name), func(b *testing.B) {
				c := NewCompressor(15, true, Level(level))
				defer c.Close()
				dst := make([]byte, 0, 2*size)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					c.Compress(dst, p)
				}
			})
		}
	}
}
