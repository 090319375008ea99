package conn

import (
	"testing"
	"time"

	"github.com/hawser-go/hawser/internal/conntest"
)

// sumOfLoops is what all loops of the process have done.
func sumOfLoops() (sum LoopStats) {
	for _, s := range EventLoopStats() {
		sum.Connections += s.Connections
		sum.Inline += s.Inline
		sum.Apart += s.Apart
		sum.HandOffs += s.HandOffs
	}
	return sum
}

// awaitLoops waits for the counts, which lag behind what they count by a turn.
func awaitLoops(t *testing.T, what string, ok func(now LoopStats) bool) {
	t.Helper()
	for start := time.Now(); !ok(sumOfLoops()); time.Sleep(time.Millisecond) {
		if time.Since(start) > pushPatience {
			t.Fatalf("%s it is %+v", what, sumOfLoops())
		}
	}
}

// TestEventLoopStats: connections, turns in the loop and apart, and hand-offs are counted.
func TestEventLoopStats(t *testing.T) {
	if loops() == nil || !EventLoopAuto.here() {
		t.Skip("there is no event loop here")
	}
	conntest.CheckLeaks(t)
	// What other tests have left on its way out.
	awaitLoops(t, "at the start", func(now LoopStats) bool { return now.Connections == 0 })
	before := sumOfLoops()
	a, b := tcpPair(t)
	c, p := talkOver(t, a, b, RoleServer, nil)
	h := newCaller(t)
	c.Drive(h.events(Events{Message: func(c *Conn, m Message) {
		if string(m.Data) == "slow" {
			time.Sleep(10 * time.Millisecond) // longer than a hand-off takes to come, on an idle machine
		}
		c.Write(m.Type, m.Data)
	}}))
	p.SendText("x")
	p.WantText("in the loop", "x")
	awaitLoops(t, "with a connection", func(now LoopStats) bool { return now.Connections == 1 && now.Inline > before.Inline })
	// A loop learns from slow calls, and those that it has learned of are apart.
	start := time.Now()
	for now := before; now.HandOffs == before.HandOffs || now.Apart == before.Apart; now = sumOfLoops() {
		if time.Since(start) > pushPatience {
			t.Fatalf("after slow functions it is %+v, before %+v", now, before)
		}
		p.SendText("slow")
		p.WantText("slow, too", "slow")
	}
	p.SendClose(1000, "")
	p.WantClose("the end", 1000, nil)
	p.Close()
	h.wantClose()
	awaitLoops(t, "in the end", func(now LoopStats) bool { return now.Connections == 0 })
}

// TestEventLoopStatsStartsNone: who only asks has no loops.
func TestEventLoopStatsStartsNone(t *testing.T) {
	old := started.Swap(nil)
	defer started.Store(old)
	if s := EventLoopStats(); s != nil {
		t.Errorf("there are %+v", s)
	}
}
