package deflate

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// This file is choices of the encoder whose edges no other test meets.

// found returns what a matcher of this level finds in p.
func found(level Level, p []byte) *block {
	e := getEncoder(level, maxWindow)
	defer e.put()
	k := new(block)
	k.find(e, p, 0)
	return k
}

// TestStoredIfNotLonger: 30 octets of nine bits each in the fixed code, its header and its end take as many bits as the block with no compression, which is then the one: it is copied, not decoded.
func TestStoredIfNotLonger(t *testing.T) {
	p := make([]byte, 30)
	for i := range p {
		p[i] = byte(200 + i)
	}
	for level := range Level(levels) {
		if b := CompressMessage(nil, p, 15, level); b[0]&7 != 0 || !bytes.Contains(b, p) {
			t.Errorf("level %d: % x", level, b)
		}
	}
}

// TestLongEnoughForNow: behind a match of 16 octets nobody looks for a longer one, behind a shorter one the next position has it.
func TestLongEnoughForNow(t *testing.T) {
	text := []byte("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	for _, tt := range []struct {
		length int
		want   []uint32 // lengths of matches
	}{{15, []uint32{40}}, {16, []uint32{16, 25}}} {
		p := slices.Concat(text[:tt.length], []byte("!"), text[1:41], []byte("?"), text[:41], []byte("#end"))
		k := found(LevelBest, p)
		var got []uint32
		for _, q := range k.seqs[:k.n] {
			got = append(got, q.length()+minMatch)
		}
		// The first of them is that of text[1:] with what is before it.
		if !slices.Equal(got[1:], tt.want) {
			t.Errorf("a match of %d octets and a longer one behind it are %v, want %v", tt.length, got[1:], tt.want)
		}
	}
}

// TestNiceEndsTheSearch: the nearest match of 128 octets is taken, before a longer one further back; one octet less, and that is found.
func TestNiceEndsTheSearch(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	text := make([]byte, 160)
	for i := range text {
		text[i] = byte(r.Uint32())
	}
	for length, want := range map[int]uint32{127: 160, 128: 128} {
		// So far back that the chain is what finds it, not the last three octets alike.
		zeros := make([]byte, bestFar3+bestShort)
		k := found(LevelBest, slices.Concat(text, []byte("??"), text[:length], zeros, text, zeros))
		got := uint32(0)
		for _, q := range k.seqs[:k.n] {
			if q.dist() >= bestFar3 {
				got = q.length() + minMatch
				break
			}
		}
		if got != want {
			t.Errorf("%d octets nearby, 160 further back: a match of %d, want %d", length, got, want)
		}
	}
}

// TestBackToTheFirstOctet: what is found in the middle of a repetition reaches back to its first octet, and that may be the first of all.
func TestBackToTheFirstOctet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	p := make([]byte, 2000)
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	for n := range 40 { // where the matcher looks after what has not matched for long
		k := found(LevelFast, slices.Concat(p[:1900+n], p[:60]))
		if k.n != 1 || k.seqs[0].dist() != uint32(1900+n-1) || k.seqs[0].literals() != 1900+n {
			t.Fatalf("%d octets and the first 60 again: %d matches, the first behind %d literals, want 1 behind %d", 1900+n, k.n, k.seqs[0].literals(), 1900+n)
		}
	}
}

// TestRoomOfShortWindows: a window of 8 KiB and as much again fill a buffer of 16 KiB.
func TestRoomOfShortWindows(t *testing.T) {
	for window, want := range map[int]int{256: 16 << 10, 8 << 10: 16 << 10, 16 << 10: 32 << 10, 32 << 10: 64 << 10} {
		e := getEncoder(LevelFast, window)
		if e.room(1); len(*e.buffer) != want {
			t.Errorf("a window of %d has a buffer of %d, want %d", window, len(*e.buffer), want)
		}
		e.put()
	}
}

// TestLeastSizeIsNotFarBelow: an estimate that is far too small makes codes that are then not used.
func TestLeastSizeIsNotFarBelow(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	k := new(block)
	for i := range 1000 {
		e := getEncoder(LevelFast, maxWindow)
		p := anything(r, 20+i)
		k.find(e, p, 0)
		e.put()
		k.literals.collect(k.literal[:])
		k.dists.collect(k.dist[:])
		least := k.leastSize()
		k.build(&k.fresh)
		if own := k.size(&k.fresh); least < own/2 {
			t.Errorf("A block of %d octets takes %d bits in a code of its own; leastSize is %d.", len(p), own, least)
		}
	}
}

// TestLeastSizeOfAHeader: the lengths of both codes are 80 bits and three for each symbol, of which 100 count; beyond that most of them repeat.
func TestLeastSizeOfAHeader(t *testing.T) {
	for _, tt := range []struct{ literals, dists, want int }{{1, 1, 80 + 3*3}, {1, 24, 80 + 3*26}, {97, 1, 80 + 3*99}, {98, 1, 80 + 3*100}, {99, 1, 80 + 3*100}, {200, 20, 80 + 3*100}} {
		k := new(block)
		k.literal[endOfBlock] = 1
		for s := range tt.literals {
			k.literal[s] = 1
		}
		for s := range tt.dists {
			k.dist[s] = 1
		}
		k.literals.collect(k.literal[:])
		k.dists.collect(k.dist[:])
		if got := k.leastSize() - entropy(&k.literals, k.literal[:]) - entropy(&k.dists, k.dist[:]); got != uint64(tt.want) {
			t.Errorf("%d literals, the end of the block and %d distances: %d bits, want %d", tt.literals, tt.dists, got, tt.want)
		}
	}
}

// TestMatchAtTheEndOfABlock: what a block has no room for is said only by one that is full: its caller takes the rest to the next.
func TestMatchAtTheEndOfABlock(t *testing.T) {
	for n := maxSequences - 4; n < maxSequences; n++ {
		for _, length := range []int{minMatch, maxMatch, maxMatch + 1, 2 * maxMatch, 600, 2000} {
			k := &block{n: n}
			rest := k.match(0, length, 1)
			written := 0
			for _, q := range k.seqs[n:k.n] {
				written += int(q.length()) + minMatch
			}
			if written+rest != length || rest > 0 && !k.full() {
				t.Errorf("behind %d sequences, of %d octets %d are written and %d left; full is %v", n, length, written, rest, k.full())
			}
		}
	}
}

// TestLogarithm: 256 times the binary logarithm, as near as whole numbers and eight bits of a frequency come to it.
func TestLogarithm(t *testing.T) {
	for f := uint32(1); f < 1<<20; f += 1 + f>>10 {
		if got, want := float64(log2(f)), 256*math.Log2(float64(f)); math.Abs(got-want) > 4 {
			t.Errorf("the logarithm of %d is %v, want %v", f, got, want)
		}
	}
}

// TestHistoryOfOneOctet: a message that is not sent compressed leaves the history as it was, were it one octet.
func TestHistoryOfOneOctet(t *testing.T) {
	everyMode(t, "7.2.3.3/one_octet", func(t *testing.T, windowBits int, takeover bool, level Level) {
		if !takeover {
			return
		}
		sizes := [2]int{}
		for i, noisy := range []bool{false, true} {
			c, peer := newPair(t, windowBits, takeover, level)
			p := []byte("a")
			peer.message(c.Finish(c.Write(nil, p)), p)
			if noisy {
				if _, ok := peer.send(c, noise(rand.New(rand.NewPCG(9, 9)), 66_000)); ok {
					t.Fatal("Noise was compressed.")
				}
			}
			p = bytes.Repeat(p, 20)
			b := c.Finish(c.Write(nil, p))
			peer.message(b, p)
			sizes[i] = len(b)
		}
		if sizes[0] != sizes[1] {
			t.Errorf("%d octets, and %d behind a message that was not sent compressed", sizes[0], sizes[1])
		}
	})
}

// TestFullInTheMiddleOfAMatch: a matcher that stops because the block is full says where: what is in the block is what is before that.
func TestFullInTheMiddleOfAMatch(t *testing.T) {
	text := noise(rand.New(rand.NewPCG(2, 2)), 100)
	p := slices.Concat(text, bytes.Repeat([]byte("z"), 3000), text)
	for level := range Level(levels) {
		for n := maxSequences - 5; n < maxSequences; n++ {
			e := getEncoder(level, maxWindow)
			k := &block{n: n}
			next := e.matcher.find(k, p, 0, e.base, uint32(e.window))
			e.put()
			covered := k.tail
			for _, q := range k.seqs[n:k.n] {
				covered += q.literals() + int(q.length()) + minMatch
			}
			if !k.full() || next != covered {
				t.Errorf("level %d, room for %d sequences: it stopped at %d, and the block has %d octets; full is %v", level, maxSequences-n, next, covered, k.full())
			}
		}
	}
}

// TestCloseInTheMiddleOfAMessage: what was begun before Close is not in the next stream.
func TestCloseInTheMiddleOfAMessage(t *testing.T) {
	everyMode(t, "7.2.1/close", func(t *testing.T, windowBits int, takeover bool, level Level) {
		for n := range 20 {
			c, _ := newPair(t, windowBits, takeover, level)
			c.Write(nil, []byte("abcdefghijklmnopqrstuvwxyz"[:n]))
			c.Close()
			_, peer := newPair(t, windowBits, takeover, level)
			p := []byte("Hello")
			peer.message(c.Finish(c.Write(nil, p)), p)
			if _, ok := peer.send(c, bytes.Repeat(p, 100)); !ok {
				t.Errorf("behind %d octets of a message that did not end: nothing is compressed", n)
			}
		}
	})
}
