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

// TestEventLoopStats: connections, turns in the loop and apart, and hand-offs are counted.
func TestEventLoopStats(t *testing.T) {
	if loops() == nil || !EventLoopAuto.here() {
		t.Skip("there is no event loop here")
	}
	conntest.CheckLeaks(t)
	// What other tests have left on its way out.
	for start := time.Now(); sumOfLoops().Connections != 0 && time.Since(start) < pushPatience; {
		time.Sleep(time.Millisecond)
	}
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
	if now := sumOfLoops(); now.Connections != before.Connections+1 || now.Inline <= before.Inline || now.Apart != before.Apart {
		t.Errorf("with a connection it is %+v, before %+v", now, before)
	}
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
	if now := sumOfLoops(); now.Connections != before.Connections {
		t.Errorf("in the end it is %+v, before %+v", now, before)
	}
}

// TestEventLoopStatsStartsNone: who only asks has no loops.
func TestEventLoopStatsStartsNone(t *testing.T) {
	old := started.Swap(nil)
	defer started.Store(old)
	if s := EventLoopStats(); s != nil {
		t.Errorf("there are %+v", s)
	}
}
