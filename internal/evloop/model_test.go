package evloop

import "fmt"

// Connections of the model. C comes into being when A's descriptor and slot are free.
const (
	connA = iota
	connB
	connC
	modelConns
	nobody = 255
)

const (
	maskRead = 1 << iota
	maskWrite
	maskOnce
	maskGone // nothing is reported: spent, or not registered
)

// spinLimit is how often in a row something may be reported of a connection without a call of its handler. The most that the protocol needs is 4.
const spinLimit = 8

// model is the state of everything. It is comparable.
type model struct {
	conns   [modelConns]modelConn
	word    modelWord
	index   uint8
	batch   [2]modelEvent
	length  uint8
	procs   [4]proc // owners, and calls on a goroutine of their own
	monitor monitorProc
	closer  uint8
	writer  uint8
	hangUp  bool  // is still to come
	room    bool  // for output
	number  uint8 // whose file the descriptor of A is
}

type modelConn struct {
	mask    uint8 // in the kernel
	open    bool  // has come into being
	data    uint8 // messages in the receive queue
	coming  uint8 // messages that the peer will send
	hungUp  bool
	reports uint8 // since a call
	calls   uint8 // running now
	users   uint8
	slot    bool // in the table
	removed bool // Close has deleted the registration

	held, disarmed, done, wantWrite, closed, slow bool
	suspect                                       bool // and the loops are wary
	told                                          bool // the room it waits for was signalled
	waits                                         bool // its next call waits for room
}

// modelWord has no sequence: the worst case, in which it has wrapped whenever the monitor looks again.
type modelWord struct {
	generation uint8
	in         bool
}

type modelEvent struct {
	conn            uint8
	write, readable bool
}

// pc says what a proc does next.
type pc uint8

const (
	pcNone pc = iota
	pcWait
	pcNext
	pcMeet
	pcDisarm // meet, without the lock: between looking and doing
	pcSettle
	pcIndex
	pcWord
	pcBegin
	pcWantRoom
	pcRoom
	pcEnd
	pcLeave
	pcFinish
	pcFinishHeld // finish, without the lock
	pcFinishNote
	pcCloseA // the handler closes the connection
	pcCloseB
	pcEnded
)

type proc struct {
	pc       pc
	at       uint8 // in the batch
	event    modelEvent
	word     modelWord
	apart    bool // has no loop
	lost     bool // had one
	call     bool // to be called after settling
	disarmed bool // what finish saw, without the lock
}

type monitorProc struct {
	pc    uint8
	word  modelWord
	index uint8
	left  uint8 // hand-offs
	conn  uint8
}

func newModel(s scenario) model {
	m := model{hangUp: s.hangUp, number: connA}
	for i := range m.conns {
		m.conns[i].coming = s.messages[i]
		m.conns[i].mask = maskGone
	}
	m.open(connA)
	m.open(connB)
	if s.slow {
		m.conns[connA].slow = true
		m.conns[connA].mask |= maskOnce
	}
	m.conns[connA].suspect = s.suspect
	m.conns[connA].waits = s.output
	m.room = !s.output
	m.procs[0].pc = pcWait
	m.monitor.left = s.handOffs
	if !s.closer {
		m.closer = 9
	}
	if !s.writer {
		m.writer = 9
	}
	return m
}

func (m *model) open(i uint8) {
	c := &m.conns[i]
	c.open, c.slot, c.users, c.mask = true, true, 1, maskRead
}

// unfinished says what is left undone when nothing can move any more.
func (m *model) unfinished() string {
	for i, c := range m.conns {
		switch name := string(rune('A' + i)); {
		case !c.open || c.closed:
			if c.open && c.users != 0 {
				return "the descriptor of " + name + " is never closed"
			}
		case c.data > 0 || c.coming > 0:
			return "a message for " + name + " is never read"
		case c.hungUp:
			return "the end of " + name + " is never seen"
		case c.held:
			return name + " is held for ever"
		case c.done:
			return "a note is left at " + name
		}
	}
	waiting := 0
	for _, p := range m.procs {
		switch p.pc {
		case pcNone, pcEnded:
		case pcWait:
			waiting++
		case pcRoom:
			return "a handler waits for room for ever"
		default:
			return fmt.Sprintf("a goroutine is stuck at %d", p.pc)
		}
	}
	if waiting != 1 {
		return fmt.Sprintf("%d owners", waiting)
	}
	return ""
}

// An explorer collects the states after one more step.
type explorer struct {
	scenario scenario
	without  rule
	next     []model
	wrong    string
}

func (x *explorer) keeps(r rule) bool { return x.without&r == 0 }

func (x *explorer) fail(format string, args ...any) {
	if x.wrong == "" {
		x.wrong = fmt.Sprintf(format, args...)
	}
}

// steps takes each step that is possible in m.
func (x *explorer) steps(m model) {
	owners := 0
	for i := range m.procs {
		p := m.procs[i]
		if p.pc == pcWait || p.pc == pcNext {
			owners++
		}
		if p.pc == pcNone || p.pc == pcEnded {
			continue
		}
		n := m
		if x.owner(&n, &n.procs[i]) {
			x.next = append(x.next, n)
		}
	}
	if owners > 1 {
		x.fail("two owners at work")
	}
	for _, step := range []func(*model) bool{x.monitor, x.closer, x.writer} {
		n := m
		if step(&n) {
			x.next = append(x.next, n)
		}
	}
	x.world(m)
}

// world is the peers and the kernel.
func (x *explorer) world(m model) {
	for i := range m.conns {
		if c := m.conns[i]; c.open && c.coming > 0 {
			n := m
			n.conns[i].coming--
			if !c.closed {
				n.conns[i].data++
			}
			x.next = append(x.next, n)
		}
	}
	if m.hangUp {
		n := m
		n.hangUp, n.conns[connA].hungUp = false, true
		x.next = append(x.next, n)
	}
	if !m.room && m.conns[connA].wantWrite {
		n := m
		n.room = true
		x.next = append(x.next, n)
	}
}

// report returns what the kernel says of a connection.
func (m *model) report(i uint8) (e modelEvent, ok bool) {
	c := &m.conns[i]
	if c.mask&maskGone != 0 {
		return e, false
	}
	e.conn = i
	e.readable = c.hungUp || c.mask&maskRead != 0 && c.data > 0
	e.write = c.mask&maskWrite != 0 && (m.room || c.hungUp)
	return e, e.readable || e.write
}

// interest is what the package computes.
func (x *explorer) apply(c *modelConn) {
	if c.closed {
		return
	}
	mask := uint8(0)
	if !c.disarmed {
		mask |= maskRead
	}
	if c.wantWrite && (x.keeps(ruleKeepOutput) || !c.disarmed) {
		mask |= maskWrite
	}
	if c.slow || mask == 0 && x.keeps(ruleOnce) {
		mask |= maskOnce
	}
	if mask == maskOnce && c.mask&maskGone != 0 {
		return
	}
	c.mask = mask
}

// owner takes one step of an owner or of a call apart. It reports false if it can't move.
func (x *explorer) owner(m *model, p *proc) bool {
	c := &m.conns[p.event.conn]
	switch p.pc {
	case pcWait:
		m.length = 0
		for i := range uint8(modelConns) {
			e, ok := m.report(i)
			if !ok || m.length == uint8(len(m.batch)) {
				continue
			}
			r := &m.conns[i]
			if r.mask&maskOnce != 0 {
				r.mask = maskGone
			}
			if r.reports++; r.reports > spinLimit {
				x.fail("%c is reported for ever", 'A'+i)
			}
			m.batch[m.length] = e
			m.length++
		}
		if m.length == 0 {
			return false
		}
		p.at, p.pc = 0, pcNext
	case pcNext:
		if p.at >= m.length {
			p.pc = pcWait
			break
		}
		p.event = m.batch[p.at]
		p.at++
		if !x.keeps(ruleSlot) && p.event.conn == connA && m.number == connC {
			p.event.conn = connC
			x.fail("C is called for what happened to A")
		}
		c = &m.conns[p.event.conn]
		switch {
		case !c.slot:
		case p.event.write || c.slow || c.suspect:
			p.pc = pcMeet
		case c.held && x.keeps(ruleAskHeld):
			p.pc = pcMeet
		default:
			p.pc = pcIndex
		}
	case pcMeet:
		p.call, p.pc = false, pcSettle
		if c.closed {
			break
		}
		if p.event.write && c.wantWrite {
			c.wantWrite = !x.keeps(ruleSingleOutput)
			c.told = true
		}
		switch {
		case !p.event.readable:
		case c.held && x.keeps(ruleAskHeld):
			if !x.keeps(ruleLock) {
				p.pc = pcDisarm
			} else if x.keeps(ruleDisarm) {
				c.disarmed = true
			}
		case c.slow || c.suspect:
			c.held = x.keeps(ruleSlowHeld)
			c.disarmed = c.held
			for i := range m.procs {
				if m.procs[i].pc == pcNone || m.procs[i].pc == pcEnded {
					m.procs[i] = proc{pc: pcBegin, event: p.event, apart: true}
					break
				}
			}
		default:
			p.call = true
		}
	case pcDisarm:
		c.disarmed = true
		p.pc = pcSettle
	case pcSettle:
		x.apply(c)
		p.pc = pcNext
		if p.call {
			p.pc = pcIndex
		}
	case pcIndex:
		m.index = p.at - 1
		p.pc = pcWord
	case pcWord:
		p.word.in = true
		m.word = p.word
		p.pc = pcBegin
	case pcBegin:
		if c.calls++; c.calls > 1 {
			x.fail("two calls for %c at the same time", 'A'+p.event.conn)
		}
		c.reports = 0
		p.pc = pcEnd
		switch {
		case c.closed:
		case c.data > 0:
			c.data--
			if c.waits {
				c.waits = false
				p.pc = pcWantRoom
			}
		case c.hungUp:
			p.pc = pcCloseA
		}
	case pcWantRoom:
		c.wantWrite = true
		x.apply(c)
		p.pc = pcRoom
	case pcRoom:
		if !c.told && !c.closed {
			return false
		}
		c.told = false
		p.pc = pcEnd
	case pcCloseA:
		x.close(c)
		p.pc = pcCloseB
	case pcCloseB:
		x.remove(m, c)
		p.pc = pcEnd
	case pcEnd:
		c.calls--
		c.reports = 0
		p.pc = pcLeave
		if p.apart {
			p.pc = pcFinish
		}
	case pcLeave:
		switch {
		case m.word == p.word || !x.keeps(ruleSwapBack):
			p.word.in = false
			m.word = p.word
			p.pc = pcNext
		default:
			p.apart, p.lost = true, true
			p.pc = pcFinish
		}
	case pcFinish:
		p.pc = pcEnded
		if p.lost && !c.closed {
			c.slow = true
		}
		switch {
		case c.closed:
		case !x.keeps(ruleLock):
			if c.held {
				p.pc = pcFinishHeld
				p.disarmed = c.disarmed
			} else {
				p.pc = pcFinishNote
			}
		case c.held:
			c.held = false
			if x.keeps(ruleRearm) {
				c.disarmed = false
				x.apply(c)
			}
		case x.keeps(ruleNote):
			c.done = true
		}
		if p.pc == pcEnded {
			*p = proc{pc: pcEnded}
		}
	case pcFinishHeld:
		c.held = false
		if p.disarmed {
			c.disarmed = false
			x.apply(c)
		}
		*p = proc{pc: pcEnded}
	case pcFinishNote:
		c.done = true
		*p = proc{pc: pcEnded}
	}
	return true
}

func (x *explorer) close(c *modelConn) {
	if c.closed {
		return
	}
	c.closed = true
	if x.keeps(ruleDelete) {
		c.mask = maskGone
	}
}

// remove is the rest of Close: the table, and the connection's own reference.
func (x *explorer) remove(m *model, c *modelConn) {
	if c.removed {
		return
	}
	c.removed = true
	c.slot = false
	x.unuse(m, c)
}

// unuse gives up a reference to A's descriptor, or B's, which matters to nobody. A duplicate in another process keeps the file, and a registration that was not deleted.
func (x *explorer) unuse(m *model, c *modelConn) {
	if c.users--; c.users == 0 && c == &m.conns[connA] {
		m.number = nobody
	}
}

// monitor takes one step of the monitor.
func (x *explorer) monitor(m *model) bool {
	o := &m.monitor
	switch o.pc {
	case 0: // the first look
		if !m.word.in || o.left == 0 && !m.blocked() {
			return false
		}
		o.word = m.word
		o.pc = 1
		if !x.keeps(ruleSwapFirst) {
			o.index = m.index
		}
	case 1: // the second, and the swap
		if m.word != o.word {
			*o = monitorProc{left: o.left}
			break
		}
		if x.keeps(ruleGeneration) {
			m.word.generation++
		}
		m.word.in = false
		o.word = m.word
		o.left -= min(o.left, 1)
		o.pc = 2
	case 2:
		if x.keeps(ruleSwapFirst) {
			o.index = m.index
		}
		o.conn = m.batch[o.index].conn
		o.pc = 3
		if !x.keeps(ruleHoldFirst) {
			x.successor(m)
		}
	case 3:
		c := &m.conns[o.conn]
		switch {
		case !x.keeps(ruleLock) && c.slot && !c.done:
			o.pc = 5 // looked, not done yet
			return true
		case !c.slot, c.closed:
		case c.done:
			c.done = false
		default:
			c.held = true
		}
		o.pc = 4
	case 5:
		m.conns[o.conn].held = true
		o.pc = 4
	case 4:
		if x.keeps(ruleHoldFirst) {
			x.successor(m)
		}
		*o = monitorProc{left: o.left}
	}
	return true
}

// blocked reports whether the call in the loop waits for room: it has to be handed off, however many were before.
func (m *model) blocked() bool {
	for _, p := range m.procs {
		if p.pc == pcRoom && p.word == m.word {
			return true
		}
	}
	return false
}

// successor starts the new owner on the rest of the batch.
func (x *explorer) successor(m *model) {
	for i := range m.procs {
		if m.procs[i].pc == pcNone || m.procs[i].pc == pcEnded {
			m.procs[i] = proc{pc: pcNext, at: m.monitor.index + 1, word: m.monitor.word}
			return
		}
	}
	x.fail("the model has too few goroutines")
}

// closer closes A, and opens C as soon as the number is free.
func (x *explorer) closer(m *model) bool {
	a := &m.conns[connA]
	switch m.closer {
	case 0:
		x.close(a)
		if !x.keeps(ruleReference) {
			m.number = nobody
		}
	case 1:
		x.remove(m, a)
	case 2:
		if m.number != nobody {
			return false
		}
		m.number = connC
		m.open(connC)
	default:
		return false
	}
	m.closer++
	return true
}

// writer writes to A's descriptor.
func (x *explorer) writer(m *model) bool {
	a := &m.conns[connA]
	switch m.writer {
	case 0:
		if a.closed {
			m.writer = 9
			return true
		}
		if x.keeps(ruleReference) {
			a.users++
		}
	case 1:
		if m.number != connA {
			x.fail("what was written to A went to number %d", m.number)
		}
		if x.keeps(ruleReference) {
			x.unuse(m, a)
		}
	default:
		return false
	}
	m.writer++
	return true
}
