package bench

import (
	"net"
	"runtime"
	"runtime/metrics"
	"testing"

	"github.com/hawser-go/hawser/internal/conntest"
)

// idleConns is enough that what the process needs anyway is little of what is measured.
const idleConns = 1000

// BenchmarkIdleMemory is what a server's connection costs that waits in a Messages loop: 1,000 of them over loopback sockets, after an echo of 4 KiB on each. heap-B/conn is live heap
// and stack-B/conn are stacks, after collections, with everything that net and net/http hold for the connection; the kernel's buffers are not in it, and the
// clients are subtracted: they are bare sockets, and what a bare socket costs is measured first.
func BenchmarkIdleMemory(b *testing.B) {
	conntest.CheckLeaks(b)
	var heap, stack float64
	for b.Loop() {
		socketHeap := measureSockets(b)
		heap, stack = measureIdle(b)
		heap -= socketHeap
	}
	b.ReportMetric(heap, "heap-B/conn")
	b.ReportMetric(stack, "stack-B/conn")
	b.ReportMetric(0, "ns/op") // it says nothing
}

// measureSockets returns the heap that one end of a loopback connection holds without an engine.
func measureSockets(b *testing.B) (heap float64) {
	before := liveMemory()
	conns := make([]net.Conn, 0, 2*idleConns)
	for range idleConns {
		client, server := socketPair(b)
		conns = append(conns, client, server)
	}
	after := liveMemory()
	for _, c := range conns {
		c.Close()
	}
	return (after.heap - before.heap) / float64(len(conns))
}

// measureIdle returns what a server's connection holds together with its peer's socket.
func measureIdle(b *testing.B) (heap, stack float64) {
	s := startServer(b, false, echo)
	ping, pong := messageFrame(true, 4<<10), len(messageFrame(false, 4<<10))
	buf := make([]byte, 64<<10)
	before := liveMemory()
	peers := make([]net.Conn, idleConns)
	for i := range peers {
		nc, err := net.Dial("tcp", s.address)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := openPeer(nc); err != nil {
			b.Fatal(err)
		}
		p := peer{nc, buf}
		if err := p.exchange(ping, pong); err != nil {
			b.Fatal(err)
		}
		peers[i] = nc
	}
	after := liveMemory()
	for _, nc := range peers {
		p := peer{nc, buf}
		if err := p.close(); err != nil {
			b.Error(err)
		}
	}
	return (after.heap - before.heap) / idleConns, (after.stack - before.stack) / idleConns
}

type memory struct{ heap, stack float64 }

// liveMemory returns what is in use when everything that can be collected is: pools give up what they hold at the second collection, and a third frees what that one
// only swept.
func liveMemory() memory {
	for range 3 {
		runtime.GC()
	}
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(samples)
	return memory{float64(samples[0].Value.Uint64()), float64(samples[1].Value.Uint64())}
}
