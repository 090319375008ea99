package evloop

import (
	"maps"
	"slices"
	"testing"
	"time"
)

func TestTicksAreRoundedUp(t *testing.T) {
	for _, tt := range []struct {
		at   time.Duration
		tick int64
	}{{-time.Second, -1000}, {0, 0}, {1, 1}, {tick, 1}, {tick + 1, 2}} {
		if got := ticksUp(tt.at); got != tt.tick {
			t.Errorf("%v is tick %d, want %d", tt.at, got, tt.tick)
		}
	}
}

// wheelDelays are where the levels meet, and beyond the wheel's reach.
var wheelDelays = []int64{-5, 0, 1, 2, 62, 63, 64, 65, 127, 128, 4095, 4096, 4097, 8191, 1<<18 - 1, 1 << 18, 1<<18 + 1, wheelSpan - 1, wheelSpan, wheelSpan + 1, 1 << 40}

// Each timer alone, from many starting points: due at its tick, and found there without looking at others.
func TestWheelOneTimer(t *testing.T) {
	for _, start := range []int64{0, 1, 62, 63, 64, 65, 4095, 4096, 1<<18 - 1, 1 << 18, wheelSpan, 1<<31 + 12345} {
		for _, delay := range wheelDelays {
			w, c := wheel{now: start}, &Conn{}
			w.set(c, start+delay)
			want := start + max(delay, 1)
			steps := 0
			for got := int64(0); got == 0; steps++ {
				next := w.next()
				if next > want {
					t.Fatalf("start %d, delay %d: the next step is at %d, later than the timer", start, delay, next)
				}
				w.advance(next-1, func(*Conn) { t.Errorf("start %d, delay %d: due early", start, delay) })
				w.advance(next, func(*Conn) { got = next })
				if got != 0 && got != want {
					t.Errorf("start %d, delay %d: due at %d, want %d", start, delay, got, want)
				}
			}
			if limit := max(4, int(delay/wheelSpan)+8); delay < 1<<30 && steps > limit {
				t.Errorf("start %d, delay %d: %d steps", start, delay, steps)
			}
			if w.next() != noTimer || w != (wheel{now: w.now}) {
				t.Errorf("start %d, delay %d: something is left in the wheel", start, delay)
			}
		}
	}
}

// fakeWheel is the oracle: a map.
type fakeWheel map[int]int64

// playWheel interprets program as calls of a wheel with 16 timers and compares it with the oracle after each.
func playWheel(t *testing.T, program []byte) {
	w, oracle := wheel{}, fakeWheel{}
	conns := make([]*Conn, 16)
	index := map[*Conn]int{}
	for i := range conns {
		conns[i] = &Conn{}
		index[conns[i]] = i
	}
	for ; len(program) >= 2; program = program[2:] {
		i, amount := int(program[0]&15), int64(program[1]&15)<<(program[1]>>4)
		switch program[0] >> 4 & 3 {
		case 0, 1:
			w.set(conns[i], w.now+amount)
			oracle[i] = w.now + max(amount, 1)
		case 2:
			w.stop(conns[i])
			delete(oracle, i)
		case 3:
			now := w.now + amount
			var got, want []int
			w.advance(now, func(c *Conn) { got = append(got, index[c]) })
			for i, when := range oracle {
				if when <= now {
					want = append(want, i)
				}
			}
			for _, i := range want {
				delete(oracle, i)
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Fatalf("at %d these were due: %v, want %v", now, got, want)
			}
		}
		if len(oracle) == 0 {
			if w.next() != noTimer {
				t.Fatal("an empty wheel wants to be woken")
			}
		} else if soonest := slices.Min(slices.Collect(maps.Values(oracle))); w.next() > soonest {
			t.Fatalf("the next step is at %d, after a timer at %d", w.next(), soonest)
		}
	}
}

// program returns pseudo-random bytes.
func program(seed uint32, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		seed = seed*1664525 + 1013904223
		p[i] = byte(seed >> 24)
	}
	return p
}

func TestWheelAgainstOracle(t *testing.T) {
	for seed := range uint32(200) {
		playWheel(t, program(seed, 2000))
	}
}

func FuzzWheel(f *testing.F) {
	for seed := range uint32(8) {
		f.Add(program(seed, 256))
	}
	f.Fuzz(playWheel)
}
