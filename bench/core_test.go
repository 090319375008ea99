package bench

import (
	"testing"

	"github.com/hawser-go/hawser/bench/workload"
	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/utf8stream"
	"github.com/hawser-go/hawser/mask"
)

// coreSizes are the sizes in bytes of a contiguous piece of payload: below 64 the call counts, above the loop, and in the end the caches and the memory.
var coreSizes = []int{1, 4, 16, 64, 125, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 1 << 20}

// perSize runs f as a sub-benchmark for each size of the core.
func perSize(b *testing.B, f func(b *testing.B, size int)) {
	for _, size := range coreSizes {
		b.Run(workload.Size(size), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			f(b, size)
		})
	}
}

// BenchmarkMaskXOR is what a server pays to unmask a payload where it lies (RFC 6455, 5.3).
func BenchmarkMaskXOR(b *testing.B) {
	perSize(b, func(b *testing.B, size int) {
		p := make([]byte, size)
		for b.Loop() {
			mask.XOR(p, workload.Key)
		}
	})
}

// BenchmarkMaskCopy is what a client pays to mask a payload into its write buffer (RFC 6455, 5.3).
func BenchmarkMaskCopy(b *testing.B) {
	perSize(b, func(b *testing.B, size int) {
		dst, src := make([]byte, size), make([]byte, size)
		for b.Loop() {
			mask.Copy(dst, src, workload.Key)
		}
	})
}

// BenchmarkCopy is the built-in copy: what the other two of this size are held against.
func BenchmarkCopy(b *testing.B) {
	perSize(b, func(b *testing.B, size int) {
		dst, src := make([]byte, size), make([]byte, size)
		for b.Loop() {
			copy(dst, src)
		}
	})
}

// BenchmarkUTF8 is what the receiver of a text message that comes in one piece pays to check it (RFC 6455, 8.1), by language: one to four octets a character.
func BenchmarkUTF8(b *testing.B) {
	for _, l := range workload.Languages {
		b.Run(l.Name, func(b *testing.B) {
			perSize(b, func(b *testing.B, size int) {
				p := l.Text(size)
				var v utf8stream.Validator
				for b.Loop() {
					v.Reset()
					if !v.Feed(p) || !v.Complete() {
						b.Fatal("the text is not valid")
					}
				}
			})
		})
	}
}

// perHeader runs f as a sub-benchmark for each form of a header in ordinary traffic.
func perHeader(b *testing.B, f func(b *testing.B, h frame.Header)) {
	for _, h := range workload.Headers {
		b.Run(h.Name, func(b *testing.B) {
			b.ReportAllocs()
			f(b, h.Header)
		})
	}
}

// BenchmarkConsumeHeader is the parsing of one header with the function that returns it.
func BenchmarkConsumeHeader(b *testing.B) {
	perHeader(b, func(b *testing.B, h frame.Header) {
		p := frame.AppendHeader(nil, h)
		for b.Loop() {
			if got, n := frame.ConsumeHeader(p); n != len(p) || got.PayloadLength != h.PayloadLength {
				b.Fatalf("%d octets, %+v", n, got)
			}
		}
	})
}

// BenchmarkHeaderConsume is the parsing of one header in place, as the engine does it.
func BenchmarkHeaderConsume(b *testing.B) {
	perHeader(b, func(b *testing.B, h frame.Header) {
		p := frame.AppendHeader(nil, h)
		var got frame.Header
		for b.Loop() {
			if n := got.Consume(p); n != len(p) || got.PayloadLength != h.PayloadLength {
				b.Fatalf("%d octets, %+v", n, got)
			}
		}
	})
}

// BenchmarkHeaderCheck is every rule of RFC 6455 on one legal header.
func BenchmarkHeaderCheck(b *testing.B) {
	perHeader(b, func(b *testing.B, h frame.Header) {
		n, rules := frame.SizeHeader(h), frame.Rules{Masked: h.Masked}
		for b.Loop() {
			if err := h.Check(n, rules); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkAppendHeader is the writing of one header into a buffer that has room.
func BenchmarkAppendHeader(b *testing.B) {
	perHeader(b, func(b *testing.B, h frame.Header) {
		p := make([]byte, 0, frame.MaxHeaderSize)
		for b.Loop() {
			if q := frame.AppendHeader(p, h); len(q) < 2 {
				b.Fatalf("%d octets", len(q))
			}
		}
	})
}

// BenchmarkReceive is a server's whole way from bytes to messages without I/O: parse, check, unmask, validate and deliver a view of each masked text message of 125
// bytes in a read buffer of 64 KiB. One operation is the buffer; ns/frame is the figure to read.
func BenchmarkReceive(b *testing.B) {
	f := workload.NewFrames()
	b.SetBytes(int64(f.N * workload.FramesPayload))
	b.ReportAllocs()
	for b.Loop() {
		if n := f.Receive(); n != f.N {
			b.Fatalf("%d messages, want %d", n, f.N)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(f.N), "ns/frame")
}
