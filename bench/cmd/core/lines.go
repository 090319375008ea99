package main

import (
	"encoding/binary"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/hawser-go/hawser/bench/workload"
	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/utf8stream"
	"github.com/hawser-go/hawser/mask"
)

// inner is how often a short operation is repeated inside the function that is timed, whose own call is then little.
const inner = 64

func allLines() []*line {
	return slices.Concat(maskLines(), shortMaskLines(), utf8Lines(), headerLines(), receiveLines())
}

// maskLines are the large payloads: what is possible is what copy does.
func maskLines() (lines []*line) {
	for _, size := range []int{256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 1 << 20} {
		dst, src := make([]byte, size), make([]byte, size)
		g := goal{atLeast: 0.95}
		if size == 1<<20 {
			g.atLeast = 1
		}
		builtin := func() { copy(dst, src) }
		lines = append(lines,
			&line{name: "mask.XOR " + workload.Size(size) + " / copy", per: 1, goal: g, reference: builtin,
				ours: func() { mask.XOR(dst, workload.Key) }},
			&line{name: "mask.Copy " + workload.Size(size) + " / copy", per: 1, reference: builtin,
				ours: func() { mask.Copy(dst, src, workload.Key) }})
	}
	return lines
}

// shortMaskLines are the payloads of most messages, at each alignment, of which the worst counts, and each key phase in turn.
func shortMaskLines() (lines []*line) {
	const alignments = 16
	for _, size := range []int{1, 3, 4, 8, 12, 16, 31, 32, 64, 100, 125} {
		b := make([]byte, alignments+size)
		group := "mask.XOR " + workload.Size(size)
		for i := range alignments {
			p := b[i:][:size]
			lines = append(lines, &line{name: fmt.Sprintf("%s, worst alignment (%d) / word loop", group, i), group: group, per: inner, goal: goal{atLeast: 1},
				ours:      func() { repeatKey(p, mask.XOR) },
				reference: func() { repeatKey(p, wordLoop) }})
		}
		if most := map[int]float64{16: 3, 125: 6}[size]; most > 0 {
			lines = append(lines, &line{name: group, per: inner, goal: goal{atMost: most},
				ours: func() {
					for range inner {
						mask.XOR(b[:size], workload.Key)
					}
				}})
		}
	}
	return lines
}

// repeatKey masks p again and again, each time with the key that the time before left: so each key phase has its turn.
func repeatKey(p []byte, f func([]byte, mask.Key) mask.Key) {
	key := workload.Key
	for range inner {
		key = f(p, key)
	}
}

// wordLoop is what anybody would write: eight octets at a time, and then one.
//
//go:noinline
func wordLoop(b []byte, key mask.Key) mask.Key {
	n := len(b)
	k32 := binary.LittleEndian.Uint32(key[:])
	k := uint64(k32)<<32 | uint64(k32)
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^k)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= key[i&3]
	}
	n &= 3
	return mask.Key{key[n], key[(n+1)&3], key[(n+2)&3], key[(n+3)&3]}
}

func utf8Lines() (lines []*line) {
	for _, l := range workload.Languages {
		for _, size := range []int{125, 1 << 10, 4 << 10, 64 << 10} {
			p := l.Text(size)
			var g goal // shorter text has none
			switch {
			case size >= 1<<10 && l.Name == "ascii":
				g.atLeast = 1
			case size >= 1<<10:
				g.atLeast = 5
			}
			lines = append(lines, &line{name: "utf8stream " + l.Name + " " + workload.Size(size) + " / utf8.Valid", per: 1, goal: g,
				ours: func() {
					var v utf8stream.Validator
					if !v.Feed(p) || !v.Complete() {
						panic("core: valid text is refused")
					}
				},
				reference: func() {
					if !utf8.Valid(p) {
						panic("core: the text is not valid")
					}
				}})
		}
	}
	return lines
}

func headerLines() (lines []*line) {
	for _, h := range workload.Headers {
		encoded := frame.AppendHeader(nil, h.Header)
		buf := make([]byte, 0, frame.MaxHeaderSize)
		var in frame.Header
		lines = append(lines,
			&line{name: "ConsumeHeader " + h.Name, per: inner, goal: goal{atMost: 5}, ours: func() {
				for range inner {
					if got, n := frame.ConsumeHeader(encoded); n == 0 || got.PayloadLength != h.Header.PayloadLength {
						panic("core: a header is misread")
					}
				}
			}},
			&line{name: "Header.Consume " + h.Name, per: inner, goal: goal{atMost: 5}, ours: func() {
				for range inner {
					if n := in.Consume(encoded); n == 0 || in.PayloadLength != h.Header.PayloadLength {
						panic("core: a header is misread")
					}
				}
			}},
			&line{name: "AppendHeader " + h.Name, per: inner, goal: goal{atMost: 4}, ours: func() {
				for range inner {
					if b := frame.AppendHeader(buf, h.Header); len(b) != len(encoded) {
						panic("core: a header is miswritten")
					}
				}
			}})
	}
	return lines
}

func receiveLines() []*line {
	f := workload.NewFrames()
	return []*line{{name: fmt.Sprintf("receive path, %d masked text frames of %d B", f.N, workload.FramesPayload), per: f.N, goal: goal{atMost: 25}, ours: func() {
		if f.Receive() != f.N {
			panic("core: a frame is refused")
		}
	}}}
}
