package bench

import (
	"testing"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/bench/workload"
	"github.com/hawser-go/hawser/internal/conntest"
)

// benchmarkEcho measures round trips by type and size: the client sends a message, and waits until it is back. Bytes are those of the payload, one way.
func benchmarkEcho(b *testing.B, connect func(b *testing.B) *hawser.Conn) {
	for _, t := range []hawser.MessageType{hawser.Text, hawser.Binary} {
		for _, size := range workload.Sizes {
			b.Run(t.String()+"/"+workload.Size(size), func(b *testing.B) {
				conntest.CheckLeaks(b)
				c := connect(b)
				p := workload.Languages[0].Text(size)
				buf := make([]byte, 0, size)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					if err := c.Write(t, p); err != nil {
						b.Fatal(err)
					}
					m, err := c.ReadAppend(buf)
					if err != nil || len(m.Data) != size {
						b.Fatalf("%d bytes, error %v", len(m.Data), err)
					}
				}
			})
		}
	}
}

// BenchmarkEchoTCP is one conversation over a loopback socket: both engines, the system calls, and the two changes of goroutine that waiting costs.
func BenchmarkEchoTCP(b *testing.B) {
	benchmarkEcho(b, func(b *testing.B) *hawser.Conn { return startServer(b, false, echo).dial(b) })
}

// BenchmarkEchoTLS is BenchmarkEchoTCP through crypto/tls.
func BenchmarkEchoTLS(b *testing.B) {
	benchmarkEcho(b, func(b *testing.B) *hawser.Conn { return startServer(b, true, echo).dial(b) })
}

// BenchmarkEchoPipe is BenchmarkEchoTCP without a system: what a test that uses hawser.Pipe waits for.
func BenchmarkEchoPipe(b *testing.B) {
	benchmarkEcho(b, func(b *testing.B) *hawser.Conn {
		client, server := hawser.Pipe(nil)
		done := make(chan struct{})
		go func() {
			defer close(done)
			echo(server)
		}()
		b.Cleanup(func() { <-done })
		closeAtEnd(b, client)
		return client
	})
}

// deflateModes are the modes of permessage-deflate that are measured: both sides take their context over, or neither does.
var deflateModes = []struct {
	name   string
	config hawser.Compression
}{
	{"context", hawser.Compression{ServerContextTakeover: true, ClientContextTakeover: true}},
	{"nocontext", hawser.Compression{}},
}

// dialDeflate opens a connection that compresses to a server that echoes.
func dialDeflate(tb testing.TB, c hawser.Compression) *hawser.Conn {
	tb.Helper()
	cfg := &hawser.Config{Compression: &c}
	s := startServerWith(tb, false, cfg, echo)
	s.config.Compression = cfg.Compression
	conn := s.dial(tb)
	if conn.Extensions() == "" {
		tb.Fatal("The connection does not compress.")
	}
	return conn
}

// jsonMessages returns messages of 1 KiB that are alike, and not the same: with context takeover one would cost next to nothing.
func jsonMessages() (messages [64][]byte) {
	for i := range messages {
		messages[i] = workload.JSON(i, 1<<10)
	}
	return messages
}

// BenchmarkEchoDeflate is BenchmarkEchoTCP with JSON that is compressed (RFC 7692) and inflated on both ways.
func BenchmarkEchoDeflate(b *testing.B) {
	for _, mode := range deflateModes {
		b.Run(mode.name+"/1KiB", func(b *testing.B) {
			conntest.CheckLeaks(b)
			c := dialDeflate(b, mode.config)
			messages := jsonMessages()
			buf := make([]byte, 0, 1<<10)
			b.SetBytes(1 << 10)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				p := messages[i%len(messages)]
				i++
				if err := c.Write(hawser.Text, p); err != nil {
					b.Fatal(err)
				}
				if m, err := c.ReadAppend(buf); err != nil || len(m.Data) != len(p) {
					b.Fatalf("%d bytes, error %v", len(m.Data), err)
				}
			}
		})
	}
}

// pipelineDepth is how many messages are on their way in the benchmarks and guards with "pipelined" in their name.
const pipelineDepth = 16

// BenchmarkPipelinedTCP is BenchmarkEchoTCP with 16 messages in flight: a peer that does not wait for each answer. One operation is one message.
func BenchmarkPipelinedTCP(b *testing.B) {
	for _, size := range workload.Sizes[:4] { // sixteen of these fit the buffers of a socket, so nobody waits for room
		b.Run(workload.Size(size), func(b *testing.B) {
			conntest.CheckLeaks(b)
			c := startServer(b, false, echo).dial(b)
			p := workload.Languages[0].Text(size)
			buf := make([]byte, 0, size)
			read := func() {
				if m, err := c.ReadAppend(buf); err != nil || len(m.Data) != size {
					b.Fatalf("%d bytes, error %v", len(m.Data), err)
				}
			}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			flying := 0
			for b.Loop() {
				if err := c.Write(hawser.Binary, p); err != nil {
					b.Fatal(err)
				}
				// All at once, so that the other side finds several, too.
				if flying++; flying == pipelineDepth {
					for ; flying > 0; flying-- {
						read()
					}
				}
			}
			for ; flying > 0; flying-- {
				read()
			}
		})
	}
}
