package deflate

import (
	"math/rand/v2"
	"testing"
)

// FuzzCompress sends messages one way or the other, as pairs of octets in how say: pieces of data, or long ones that
// are made up. What the peer inflates is what was sent, and no distance is beyond the window.
func FuzzCompress(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		f.Add(anything(r, 1+r.IntN(600)), noise(r, 16), uint8(r.Uint32()))
	}
	f.Add([]byte("HelloHello"), []byte{5, 8, 5, 8}, uint8(0))
	f.Add([]byte{}, []byte{0, 9, 0, 10}, uint8(255))
	f.Fuzz(func(t *testing.T, data, how []byte, mode uint8) {
		windowBits, takeover, level := 8+int(mode%8), mode&8 != 0, Level(mode>>4%levels)
		c := NewCompressor(windowBits, takeover, level)
		defer c.Close()
		peer := &receiver{t: t, windowBits: windowBits, takeover: takeover}
		for i := 0; i+1 < min(len(how), 32); i += 2 {
			size, way := int(how[i]), how[i+1]
			p := data[:min(size, len(data))]
			if way&8 == 0 {
				p = anything(rand.New(rand.NewPCG(uint64(i), uint64(way))), size<<(way>>5))
			} else {
				data = data[len(p):]
			}
			switch n := len(p); way & 7 {
			case 0:
				b := CompressMessage(nil, p, windowBits, level)
				peer.message(b, p)
				c.Note(p)
			case 1:
				peer.message(c.Finish(c.Write(c.Write(nil, p[:n/2]), p[n/2:])), p)
			case 2:
				b := c.Flush(c.Write(nil, p[:n/3]))
				c.Shed()
				peer.message(c.Finish(c.Write(b, p[n/3:])), p)
			default:
				peer.send(c, p)
			}
			if way&16 != 0 {
				c.Shed()
			}
		}
	})
}
