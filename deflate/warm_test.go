package deflate

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hawser-go/hawser/internal/conntest"
)

// on makes a compressor belong to a list of its own.
func (l *warmList) on(c *Compressor) *Compressor {
	c.warm = l
	return c
}

// names returns which of the compressors are warm.
func warmOnes(cs []*Compressor) (warm []int) {
	for i, c := range cs {
		if c.encoder != nil {
			warm = append(warm, i)
		}
	}
	return warm
}

func TestWarmLimit(t *testing.T) {
	l := &warmList{limit: 3}
	p := record(rand.New(rand.NewPCG(1, 1)), 300)
	cs := make([]*Compressor, 6)
	for i := range cs {
		cs[i] = l.on(NewCompressor(9, true, LevelFast))
	}
	use := func(is ...int) {
		for _, i := range is {
			if _, ok := cs[i].Compress(nil, p); !ok {
				t.Fatal("The message was not compressed.")
			}
		}
	}
	for _, step := range []struct {
		name string
		do   func()
		want []int
	}{
		{"as_many_as_allowed", func() { use(0, 1, 2) }, []int{0, 1, 2}},
		{"the_first_goes", func() { use(3) }, []int{1, 2, 3}},
		{"the_second_was_used_again", func() { use(1, 3, 4) }, []int{1, 3, 4}},
		{"one_that_comes_back", func() { use(4, 3, 2) }, []int{2, 3, 4}},
		{"shed_by_hand", func() { cs[3].Shed() }, []int{2, 4}},
		{"room_again", func() { use(5) }, []int{2, 4, 5}},
		{"closed", func() { cs[4].Close(); cs[4].Close() }, []int{2, 5}},
		{"note_does_not_warm", func() { cs[0].Note(p) }, []int{2, 5}},
		{"a_limit_below_one", func() { l.setLimit(-1) }, []int{5}},
		{"the_only_one", func() { use(1) }, []int{1}},
		{"higher_limit", func() { l.setLimit(2); use(0, 1) }, []int{0, 1}},
	} {
		step.do()
		if got := warmOnes(cs); !slices.Equal(got, step.want) || l.n != len(got) {
			t.Errorf("%s: %v are warm, the list has %d, want %v", step.name, got, l.n, step.want)
		}
	}
	for _, c := range cs {
		c.Close()
	}
	if l.n != 0 || l.first != nil || l.last != nil {
		t.Errorf("The list has %d compressors after all were closed.", l.n)
	}
}

// One that is in use cannot be shed: for that moment there is one too many.
func TestWarmLimitLeavesThoseInUse(t *testing.T) {
	l := &warmList{limit: 1}
	p := record(rand.New(rand.NewPCG(1, 1)), 300)
	a, b := l.on(NewCompressor(9, true, LevelFast)), l.on(NewCompressor(9, true, LevelFast))
	a.Compress(nil, p)
	a.mu.Lock()
	b.Compress(nil, p)
	if l.n != 2 {
		t.Errorf("%d are warm", l.n)
	}
	a.mu.Unlock()
	l.trim()
	if l.n != 1 {
		t.Errorf("%d are warm", l.n)
	}
	a.Close()
	b.Close()
}

// Many connections under a limit that sheds them all the time, while others shed and the limit changes: every
// message arrives, and in the end all is given back.
func TestWarmConcurrently(t *testing.T) {
	var lent atomic.Int64
	encodersLent = func(n int) { lent.Add(int64(n)) }
	defer func() { encodersLent = nil }()
	l := &warmList{limit: 3}
	var wg, shedders sync.WaitGroup
	done := make(chan struct{})
	var all []*Compressor
	for i := range 8 {
		c := l.on(NewCompressor(8+i%8, i%4 != 0, Level(i%levels)))
		all = append(all, c)
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 9))
			peer := &receiver{t: t, windowBits: 8 + i%8, takeover: i%4 != 0}
			for range 40 {
				p := anything(r, 1+r.IntN(1500))
				if i%2 == 0 {
					if b, ok := c.Compress(nil, p); ok {
						peer.message(b, p)
					}
				} else {
					peer.message(c.Finish(c.Write(c.Write(nil, p[:len(p)/2]), p[len(p)/2:])), p)
				}
				c.Note(p)
				peer.note(p)
			}
			c.Close()
		})
	}
	shedders.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
				all[i%len(all)].Shed()
				l.setLimit(1 + i%5)
			}
		}
	})
	wg.Wait()
	close(done)
	shedders.Wait()
	if lent.Load() != 0 || l.n != 0 {
		t.Errorf("%d encoders were not given back, %d compressors are on the list.", lent.Load(), l.n)
	}
}

func TestSetWarmLimit(t *testing.T) {
	defer SetWarmLimit(DefaultWarmLimit)
	SetWarmLimit(7)
	if warm.limit != 7 {
		t.Errorf("The limit is %d.", warm.limit)
	}
}

// Nothing is left in a compressor but what it promises.
func TestIdleMemory(t *testing.T) {
	everyMode(t, "idle", func(t *testing.T, windowBits int, takeover bool, level Level) {
		r := rand.New(rand.NewPCG(1, 1))
		c := NewCompressor(windowBits, takeover, level)
		if c.cold.Held() != 0 || c.encoder != nil {
			t.Error("A compressor that has sent nothing holds something.")
		}
		for range 100 {
			c.Compress(nil, record(r, 1000))
		}
		c.Shed()
		held := c.cold.Held()
		limit := 0
		if takeover {
			limit = max(512, 1<<windowBits)
		}
		if held > limit || c.encoder != nil {
			t.Errorf("An idle compressor holds %d octets.", held)
		}
		c.Close()
		if c.cold.Held() != 0 {
			t.Error("A closed compressor holds something.")
		}
	})
	if conntest.RaceEnabled {
		return
	}
	for _, takeover := range []bool{false, true} {
		cs := make([]*Compressor, 100)
		p := record(rand.New(rand.NewPCG(1, 1)), 5000)
		before := heap()
		for i := range cs {
			cs[i] = NewCompressor(15, takeover, LevelFast)
			for range 10 {
				cs[i].Compress(nil, p)
			}
			cs[i].Shed()
		}
		limit := 512
		if takeover {
			limit += 1 << 15
		}
		if each := (heap() - before) / len(cs); each > limit {
			t.Errorf("takeover=%v: an idle compressor takes %d octets, at most %d are promised", takeover, each, limit)
		}
		for _, c := range cs {
			c.Close()
		}
	}
}

// TestDefaultWarmLimit: its comment says how much memory so many take.
func TestDefaultWarmLimit(t *testing.T) {
	if DefaultWarmLimit != 1024 {
		t.Errorf("%d compressors are warm by default", DefaultWarmLimit)
	}
}
