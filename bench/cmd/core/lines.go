package main

import (
	"encoding/binary"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/hawser-go/hawser/bench/rounds"
	"github.com/hawser-go/hawser/bench/workload"
	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/utf8stream"
	"github.com/hawser-go/hawser/mask"
)

// inner is how often a short operation is repeated inside the function that is timed, whose own call is then little.
const inner = 64

func allLines() []*rounds.Line {
	return slices.Concat(maskLines(), shortMaskLines(), utf8Lines(), headerLines(), receiveLines())
}

// maskLines are the large payloads: what is possible is what copy does.
func maskLines() (lines []*rounds.Line) {
	for _, size := range []int{256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 1 << 20} {
		dst, src := make([]byte, size), make([]byte, size)
		g := rounds.Goal{AtLeast: 0.95}
		if size == 1<<20 {
			g.AtLeast = 1
		}
		builtin := func() { copy(dst, src) }
		lines = append(lines,
			&rounds.Line{Name: "mask.XOR " + workload.Size(size) + " / copy", Per: 1, Goal: g, Reference: builtin,
				Ours: func() { mask.XOR(dst, workload.Key) }},
			&rounds.Line{Name: "mask.Copy " + workload.Size(size) + " / copy", Per: 1, Reference: builtin,
				Ours: func() { mask.Copy(dst, src, workload.Key) }})
	}
	return lines
}

// shortMaskLines are the payloads of most messages, at each alignment, of which the worst counts, and each key phase in turn.
func shortMaskLines() (lines []*rounds.Line) {
	const alignments = 16
	for _, size := range []int{1, 3, 4, 8, 12, 16, 31, 32, 64, 100, 125} {
		b := make([]byte, alignments+size)
		group := "mask.XOR " + workload.Size(size)
		for i := range alignments {
			p := b[i:][:size]
			lines = append(lines, &rounds.Line{Name: fmt.Sprintf("%s, worst alignment (%d) / word loop", group, i), Group: group, Per: inner, Goal: rounds.Goal{AtLeast: 1},
				Ours:      func() { repeatKey(p, mask.XOR) },
				Reference: func() { repeatKey(p, wordLoop) }})
		}
		if most := map[int]float64{16: 3, 125: 6}[size]; most > 0 {
			lines = append(lines, &rounds.Line{Name: group, Per: inner, Goal: rounds.Goal{AtMost: most},
				Ours: func() {
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

func utf8Lines() (lines []*rounds.Line) {
	for _, l := range workload.Languages {
		for _, size := range []int{125, 1 << 10, 4 << 10, 64 << 10} {
			p := l.Text(size)
			var g rounds.Goal // shorter text has none
			switch {
			case size >= 1<<10 && l.Name == "ascii":
				g.AtLeast = 1
			case size >= 1<<10:
				g.AtLeast = 5
			}
			lines = append(lines, &rounds.Line{Name: "utf8stream " + l.Name + " " + workload.Size(size) + " / utf8.Valid", Per: 1, Goal: g,
				Ours: func() {
					var v utf8stream.Validator
					if !v.Feed(p) || !v.Complete() {
						panic("core: valid text is refused")
					}
				},
				Reference: func() {
					if !utf8.Valid(p) {
						panic("core: the text is not valid")
					}
				}})
		}
	}
	return lines
}

func headerLines() (lines []*rounds.Line) {
	for _, h := range workload.Headers {
		encoded := frame.AppendHeader(nil, h.Header)
		buf := make([]byte, 0, frame.MaxHeaderSize)
		var in frame.Header
		lines = append(lines,
			&rounds.Line{Name: "ConsumeHeader " + h.Name, Per: inner, Goal: rounds.Goal{AtMost: 5}, Ours: func() {
				for range inner {
					if got, n := frame.ConsumeHeader(encoded); n == 0 || got.PayloadLength != h.Header.PayloadLength {
						panic("core: a header is misread")
					}
				}
			}},
			&rounds.Line{Name: "Header.Consume " + h.Name, Per: inner, Goal: rounds.Goal{AtMost: 5}, Ours: func() {
				for range inner {
					if n := in.Consume(encoded); n == 0 || in.PayloadLength != h.Header.PayloadLength {
						panic("core: a header is misread")
					}
				}
			}},
			&rounds.Line{Name: "AppendHeader " + h.Name, Per: inner, Goal: rounds.Goal{AtMost: 4}, Ours: func() {
				for range inner {
					if b := frame.AppendHeader(buf, h.Header); len(b) != len(encoded) {
						panic("core: a header is miswritten")
					}
				}
			}},
			&rounds.Line{Name: "Header.Append " + h.Name, Per: inner, Goal: rounds.Goal{AtMost: 4}, Ours: func() {
				for range inner {
					if b := h.Header.Append(buf); len(b) != len(encoded) {
						panic("core: a header is miswritten")
					}
				}
			}})
	}
	return lines
}

func receiveLines() []*rounds.Line {
	f := workload.NewFrames()
	return []*rounds.Line{{Name: fmt.Sprintf("receive path, %d masked text frames of %d B", f.N, workload.FramesPayload), Per: f.N, Goal: rounds.Goal{AtMost: 25}, Ours: func() {
		if f.Receive() != f.N {
			panic("core: a frame is refused")
		}
	}}}
}
