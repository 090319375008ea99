package deflate

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/hawser-go/hawser/internal/conntest"
)

// After 2^31 octets positions begin again, among those of long ago. A connection must not notice, and no reference may
// be wrong.
func TestPositionsBeginAgain(t *testing.T) {
	everyMode(t, "positions", func(t *testing.T, windowBits int, takeover bool, level Level) {
		r := rand.New(rand.NewPCG(1, 1))
		c, peer := newPair(t, windowBits, takeover, level)
		var e *encoder
		for i := range 60 {
			p := record(r, 2000)
			b := c.Write(nil, p[:1000])
			if e = c.encoder; i == 30 {
				// As if so much had gone by. What is indexed is found no more.
				e.base = lastBase - 10_000
			}
			peer.message(c.Finish(c.Write(b, p[1000:])), p)
		}
		if e.base > lastBase/2 {
			t.Errorf("The positions went on: %d.", e.base)
		}
	})
}

// The part of a message that the buffer has no room for refers to the part that went through it.
func TestAcrossTheBuffer(t *testing.T) {
	for windowBits := 8; windowBits <= 15; windowBits++ {
		for level := range Level(levels) {
			t.Run(fmt.Sprintf("7.2.1/bits=%d/level=%d", windowBits, level), func(t *testing.T) {
				var sent [2]int
				for i := range sent {
					r := rand.New(rand.NewPCG(1, 1))
					c, peer := newPair(t, windowBits, true, level)
					peer.send(c, record(r, 500))
					room := c.encoder.room(0)
					p := record(r, room+1000)
					rare := noise(r, 64)
					copy(p[room-64:], rare)
					if i == 1 {
						rare = noise(r, 64)
					}
					copy(p[room+20:], rare)
					b, _ := peer.send(c, p)
					sent[i] = len(b)
				}
				if sent[0]+50 > sent[1] {
					t.Errorf("With a repetition of 64 octets the message takes %d octets, without %d.", sent[0], sent[1])
				}
			})
		}
	}
}

// leastSize must not be far above what a code really takes: the code would not be made although it is better than the
// fixed one.
func TestLeastSize(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	k := new(block)
	for i := range 1000 {
		e := getEncoder(LevelFast, maxWindow)
		p := anything(r, 20+i)
		k.find(e, p, 0)
		e.put()
		k.literals.collect(k.literal[:])
		k.dists.collect(k.dist[:])
		least, fixed := k.leastSize(), k.size(fixedCode)
		k.build(&k.fresh)
		if own := k.size(&k.fresh); own < fixed && fixed <= least && fixed-own > 32 {
			t.Errorf("A block of %d octets takes %d bits in a code of its own, %d in the fixed one; leastSize is %d.", len(p), own, fixed, least)
		}
	}
}

// The levels are not worse than what they are used in place of.
func TestAsSmallAsKlauspost(t *testing.T) {
	if conntest.RaceEnabled {
		t.Skip("the sizes are the same")
	}
	for level, other := range []int{1, 6} {
		for _, size := range []int{200, 500, 1024, 4096, 20000} {
			for _, takeover := range []bool{false, true} {
				t.Run(fmt.Sprintf("level=%d/size=%d/takeover=%v", level, size, takeover), func(t *testing.T) {
					r := rand.New(rand.NewPCG(1, 1))
					c := NewCompressor(15, takeover, Level(level))
					defer c.Close()
					k := newKlauspost(other, takeover)
					var ours, theirs int
					for range 200_000 / size {
						p := record(r, size)
						ours += len(c.Finish(c.Write(nil, p)))
						theirs += len(k.compress(p))
					}
					if float64(ours) > 1.02*float64(theirs) {
						t.Errorf("%d octets, klauspost's level %d makes %d", ours, other, theirs)
					}
				})
			}
		}
	}
}
