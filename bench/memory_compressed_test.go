package bench

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/internal/conntest"
)

// BenchmarkIdleCompressedMemory is what permessage-deflate adds to an idle connection that has compressed and inflated 128 KiB of JSON in messages of 1 KiB, and has then been quiet for a ping interval: live heap of 1,000
// connections over Pipe, both ends in the process, for each end, less that of uncompressed ones.
func BenchmarkIdleCompressedMemory(b *testing.B) {
	for _, mode := range []struct {
		name string
		cfg  hawser.Compression
	}{
		{"no_takeover", hawser.Compression{}},
		{"takeover_15_bits", hawser.Compression{ServerContextTakeover: true, ClientContextTakeover: true}},
		{"takeover_12_bits", hawser.Compression{ServerContextTakeover: true, ClientContextTakeover: true, ServerMaxWindowBits: 12, ClientMaxWindowBits: 12}},
		{"takeover_9_bits", hawser.Compression{ServerContextTakeover: true, ClientContextTakeover: true, ServerMaxWindowBits: 9, ClientMaxWindowBits: 9}},
	} {
		b.Run(mode.name, func(b *testing.B) {
			conntest.CheckLeaks(b)
			var heap float64
			for b.Loop() {
				heap = measureCompressed(b, &mode.cfg) - measureCompressed(b, nil)
			}
			b.ReportMetric(heap, "heap-B/conn")
			b.ReportMetric(0, "ns/op") // it says nothing
		})
	}
}

// measureCompressed returns the live heap of one end of an idle connection that has carried traffic.
func measureCompressed(b *testing.B, cfg *hawser.Compression) float64 {
	const messages, conns = 128, 1000
	before := liveMemory()
	var open []*hawser.Conn
	var running sync.WaitGroup
	for i := range conns {
		// A short interval: what a quiet connection does not need it gives up when it pings.
		client, server := hawser.Pipe(&hawser.Config{Compression: cfg, PingInterval: 200 * time.Millisecond, PongTimeout: time.Minute})
		open = append(open, client, server)
		echoed := make(chan struct{})
		running.Go(func() {
			for m, err := range server.Messages() {
				if err != nil {
					return
				}
				server.Write(m.Type, m.Data)
			}
		})
		running.Go(func() {
			for _, err := range client.Messages() {
				if err != nil {
					return
				}
				echoed <- struct{}{}
			}
		})
		for j := range messages {
			if err := client.Write(hawser.Text, fmt.Appendf(nil, `{"id":%d,"values":[%s]}`, i*messages+j, pseudoNumbers(i, j))); err != nil {
				b.Fatal(err)
			}
			<-echoed // one at a time: what the pipe itself holds for a backlog is not meant
		}
	}
	runtime.GC()
	time.Sleep(time.Second) // all have been quiet
	after := liveMemory()
	for _, c := range open {
		c.CloseNow()
	}
	running.Wait()
	return (after.heap - before.heap) / (2 * conns)
}

// pseudoNumbers is about 1 KiB of numbers that differ from message to message.
func pseudoNumbers(i, j int) []byte {
	var b []byte
	x := uint32(i*7919 + j*104729 + 1)
	for len(b) < 1000 {
		x = x*1664525 + 1013904223
		b = fmt.Appendf(b, "%d,", x>>16)
	}
	return b[:len(b)-1]
}
