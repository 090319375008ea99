package deflate

import (
	"math/rand/v2"
	"testing"
)

// After 2^31 octets positions begin again. A connection must not notice, and no reference may be wrong.
func TestPositionsBeginAgain(t *testing.T) {
	everyMode(t, "positions", func(t *testing.T, windowBits int, takeover bool, level Level) {
		r := rand.New(rand.NewPCG(1, 1))
		c, peer := newPair(t, windowBits, takeover, level)
		for range 50 {
			p := record(r, 2000)
			b := c.Write(nil, p)
			c.encoder.advance(0)
			if c.encoder.base < lastBase-50_000 {
				// As if so much had gone by. What is indexed is found no more.
				c.encoder.base = lastBase - 50_000
			}
			peer.message(c.Finish(b), p)
		}
		if c.encoder != nil && c.encoder.base > lastBase {
			t.Error("The positions went on.")
		}
	})
}
