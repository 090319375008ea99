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

// TestEventLoopStats: connections, messages in the loop and apart, and hand-offs are counted.
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
			// None comes if the call is apart, because another test's function has blocked a moment ago.
			for start := time.Now(); sumOfLoops().HandOffs == before.HandOffs && time.Since(start) < time.Second; {
				time.Sleep(time.Millisecond)
			}
		}
		c.Write(m.Type, m.Data)
	}}))
	sent := int64(0)
	send := func(what, text string) {
		t.Helper()
		p.SendText(text)
		p.WantText(what, text)
		sent++
		awaitLoops(t, what, func(now LoopStats) bool {
			return now.Connections == 1 && now.Inline+now.Apart == before.Inline+before.Apart+sent
		})
	}
	until := func(text string, ok func(now LoopStats) bool) {
		t.Helper()
		for start := time.Now(); !ok(sumOfLoops()); send(text, text) {
			if time.Since(start) > pushPatience {
				t.Fatalf("after %d messages, with %q, it is %+v; before %+v", sent, text, sumOfLoops(), before)
			}
		}
	}
	until("quick", func(now LoopStats) bool { return now.Inline > before.Inline })
	// The loop goes on without a function that blocks, and what comes for the same connection then is apart.
	until("slow", func(now LoopStats) bool { return now.HandOffs > before.HandOffs })
	apart := sumOfLoops().Apart
	send("next", "next")
	if now := sumOfLoops(); now.Apart != apart+1 {
		t.Errorf("the message behind one that was handed off was not apart: %+v", now)
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
