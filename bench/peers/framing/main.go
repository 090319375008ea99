// Command framing compares the framing core with what other Go libraries export of theirs, and prints a table:
//
//	cd bench/peers && go run ./framing
//
// Masking: ws.Cipher of gobwas/ws, the only one of the libraries in server/ that exports its masking. Header codec: ws.ReadHeader and
// ws.WriteHeader on the same bytes, through a bytes.Reader and a bytes.Buffer, which is how their signatures want it.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/gobwas/ws"

	"github.com/hawser-go/hawser/bench/rounds"
	"github.com/hawser-go/hawser/bench/workload"
	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/mask"
)

// inner is how often a short operation is repeated inside the function that is timed.
const inner = 64

func main() {
	count := flag.Int("rounds", 15, "how many interleaved rounds are measured")
	least := flag.Duration("time", 300*time.Microsecond, "how long one slice takes")
	flag.Parse()
	lines := lines()
	rounds.Measure(lines, *count, *least, os.Stderr)
	fmt.Printf("%s %s/%s, %d rounds, reference: github.com/gobwas/ws\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, *count)
	rounds.Table(os.Stdout, lines)
}

func lines() (lines []*rounds.Line) {
	for _, size := range []int{1, 4, 8, 16, 32, 64, 125, 256, 512, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 1 << 20} {
		p := make([]byte, size)
		per := max(1, inner*16/max(size, 16))
		lines = append(lines, &rounds.Line{Name: "mask.XOR " + workload.Size(size), Per: per, Goal: rounds.Goal{AtLeast: 1},
			Ours: func() {
				for range per {
					mask.XOR(p, workload.Key)
				}
			},
			Reference: func() {
				for range per {
					ws.Cipher(p, workload.Key, 0)
				}
			}})
	}
	for _, h := range workload.Headers {
		encoded := frame.AppendHeader(nil, h.Header)
		theirs, err := ws.ReadHeader(bytes.NewReader(encoded))
		if err != nil {
			panic(err)
		}
		var in frame.Header
		var r bytes.Reader
		var w bytes.Buffer
		buf := make([]byte, 0, frame.MaxHeaderSize)
		read := func() {
			for range inner {
				r.Reset(encoded)
				if h, err := ws.ReadHeader(&r); err != nil || h.Length != theirs.Length {
					panic("framing: a header is misread")
				}
			}
		}
		write := func() {
			for range inner {
				w.Reset()
				if ws.WriteHeader(&w, theirs) != nil || w.Len() != len(encoded) {
					panic("framing: a header is miswritten")
				}
			}
		}
		goal := rounds.Goal{AtLeast: 3}
		lines = append(lines,
			&rounds.Line{Name: "ConsumeHeader " + h.Name, Per: inner, Goal: goal, Reference: read, Ours: func() {
				for range inner {
					if got, n := frame.ConsumeHeader(encoded); n == 0 || got.PayloadLength != h.Header.PayloadLength {
						panic("framing: a header is misread")
					}
				}
			}},
			&rounds.Line{Name: "Header.Consume " + h.Name, Per: inner, Goal: goal, Reference: read, Ours: func() {
				for range inner {
					if n := in.Consume(encoded); n == 0 || in.PayloadLength != h.Header.PayloadLength {
						panic("framing: a header is misread")
					}
				}
			}},
			&rounds.Line{Name: "AppendHeader " + h.Name, Per: inner, Goal: goal, Reference: write, Ours: func() {
				for range inner {
					if b := frame.AppendHeader(buf, h.Header); len(b) != len(encoded) {
						panic("framing: a header is miswritten")
					}
				}
			}})
	}
	return lines
}
