package bench

import (
	"sync"
	"testing"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/bench/workload"
	"github.com/hawser-go/hawser/internal/conntest"
)

// broadcastConns is how many connections get each message.
const broadcastConns = 100

// BenchmarkBroadcast is a chat room: a server writes one message to each of 100 connections over loopback sockets, in turn, from one goroutine. One operation is the message until
// the last client has it; bytes are those of all copies.
func BenchmarkBroadcast(b *testing.B) {
	for _, size := range []int{125, 4 << 10, 64 << 10} {
		b.Run(workload.Size(size), func(b *testing.B) {
			conntest.CheckLeaks(b)
			accepted := make(chan *hawser.Conn, broadcastConns)
			s := startServer(b, false, func(c *hawser.Conn) {
				accepted <- c
				for range c.Messages() {
				}
			})
			// The clients read until the server closes: a loop of their own each, and the closing handshake with it.
			delivered := make(chan int, broadcastConns)
			var clients sync.WaitGroup
			room := make([]*hawser.Conn, broadcastConns)
			for i := range room {
				c := s.dial(b)
				clients.Go(func() {
					for m := range c.Messages() {
						delivered <- len(m.Data)
					}
				})
				room[i] = <-accepted
			}
			p := workload.Languages[0].Text(size)
			b.SetBytes(int64(size) * broadcastConns)
			b.ReportAllocs()
			for b.Loop() {
				for _, c := range room {
					if err := c.Write(hawser.Text, p); err != nil {
						b.Fatal(err)
					}
				}
				for range room {
					if n := <-delivered; n != size {
						b.Fatalf("%d bytes arrived", n)
					}
				}
			}
			for _, c := range room {
				if err := c.Close(hawser.StatusNormalClosure, ""); err != nil {
					b.Error(err)
				}
			}
			clients.Wait()
		})
	}
}
