package evloop

import "time"

// The word of a loop holds the owner's generation, the number of the call, and whether it is in a call:
//
//	63                    21 20        1        0
//	generation (43 bits)  |  sequence  | in a call
//
// The owner stores the word before a call of Ready and takes the bit back with compare-and-swap after it. A monitor that sees the same word twice, 2 ms apart or more, swaps in the
// next generation, and the loop is the monitor's: the old owner's swap fails. The sequence may wrap: then the monitor takes the loop from another call than it saw, which is
// no harm, as it reads only afterwards which. The generation does not in any lifetime.
const (
	inCall          = 1
	sequenceOne     = 1 << 1
	sequenceBits    = 20
	sequenceMask    = (1<<sequenceBits - 1) << 1
	generationOne   = 1 << (sequenceBits + 1)
	monitorInterval = 2 * time.Millisecond
)

// enterCall publishes that the call for the event at index i begins. It wakes the monitor if that sleeps: then no other loop is in a call.
func (o *owner) enterCall(i int) {
	o.sequence = (o.sequence + sequenceOne) & sequenceMask
	l := o.loop
	l.index.Store(int32(i))
	l.word.Store(o.generation | o.sequence | inCall)
	// After the store, as the monitor looks at the word after it has set parked.
	if g := o.group; g.parked.Load() && g.parked.CompareAndSwap(true, false) {
		g.kick <- struct{}{}
	}
}

// leaveCall reports whether the loop is still the owner's after a call.
func (o *owner) leaveCall() bool {
	w := o.generation | o.sequence | inCall
	return o.loop.word.CompareAndSwap(w, w&^inCall)
}

// monitor takes loops away from calls that block, and parks while no loop is in a call: an idle process has no wake-ups.
func (g *Group) monitor() {
	defer g.wg.Done()
	seen := make([]uint64, len(g.loops))
	for {
		busy := false
		for i, l := range g.loops {
			w := l.word.Load()
			switch {
			case w&inCall == 0:
				w = 0
			case w == seen[i]:
				l.handOff(w)
				w = 0
			default:
				busy = true
			}
			seen[i] = w
		}
		if busy {
			g.clock.Sleep(monitorInterval)
			continue
		}
		if !g.park() {
			continue
		}
		select {
		case <-g.kick:
		case <-g.ended:
			return
		}
	}
}

// park says that the monitor wants to be kicked, and reports false if it has to go on: a call began before its owner could see that.
func (g *Group) park() bool {
	g.parked.Store(true)
	return !g.inCall() || !g.parked.CompareAndSwap(true, false)
}

// inCall reports whether any loop is in a call of Ready.
func (g *Group) inCall() bool {
	for _, l := range g.loops {
		if l.word.Load()&inCall != 0 {
			return true
		}
	}
	return false
}

// handOff takes the loop from the owner that has been in this call for too long, and gives it to a new one.
func (l *loop) handOff(w uint64) {
	next := w&^(generationOne-1) + generationOne
	if !l.word.CompareAndSwap(w, next) {
		return // it came back in time
	}
	// Only now: before the swap, the index might have been that of a later call.
	i := int(l.index.Load())
	c := l.slots.lookup(l.batch[i].Data)
	if c != nil && !c.hold() {
		c = nil
	}
	l.handOffs.Add(1)
	l.group.beWary()  // it may block for ever
	l.group.wg.Add(1) // the monitor is counted, too, so that this is not the first one
	go newOwner(l, next).run(i+1, c)
}
