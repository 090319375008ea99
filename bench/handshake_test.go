package bench

import (
	"testing"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/internal/conntest"
)

// BenchmarkHandshake is a connection that carries nothing: Dial, net/http and Accept on the other side, and the closing handshake to its end. It is what a server under a storm
// of reconnects does, with the client's half.
func BenchmarkHandshake(b *testing.B) {
	for _, secure := range []bool{false, true} {
		name := map[bool]string{false: "tcp", true: "tls"}[secure]
		b.Run(name, func(b *testing.B) {
			conntest.CheckLeaks(b)
			s := startServer(b, secure, echo)
			b.ReportAllocs()
			for b.Loop() {
				c, err := hawser.Dial(b.Context(), s.url, s.config)
				if err != nil {
					b.Fatal(err)
				}
				if err := c.Close(hawser.StatusNormalClosure, ""); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
