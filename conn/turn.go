package conn

import (
	"context"
	"sync"
)

// turn says whose turn it is to read. Waiting is on a channel, so that the end of the connection can end it.
type turn struct {
	mu      sync.Mutex
	holder  turnHolder
	closed  bool          // no read and no loop gets it any more: see CloseRead
	changed chan struct{} // closed when the holder changes; nil while nobody waits, so that an undisturbed reader allocates nothing
}

type turnHolder uint8

const (
	nobody    turnHolder = iota
	aRead                // a single read, or Close, which reads itself
	aLoop                // a Messages loop
	aDriver              // who calls Events
	theEngine            // the goroutine of CloseRead, or that ends a connection which holds too much
)

// take takes the turn for h. It waits for a read to end, and returns ErrReading if it is a loop's turn, also if the loop's came while it waited; errDriven, which matches that, if a driver's; and ErrReadClosed likewise after close. If the channel of done
// is closed while it waits, it returns ErrClosed, and if cancelled is, context.Canceled. The engine waits for a loop and a driver, too.
func (t *turn) take(h turnHolder, done func() <-chan struct{}, cancelled <-chan struct{}) error {
	for {
		t.mu.Lock()
		switch engine := h == theEngine; {
		case t.holder == nobody && (engine || !t.closed):
			t.holder = h
			t.mu.Unlock()
			return nil
		case t.holder == aLoop && !engine:
			t.mu.Unlock()
			return ErrReading
		case t.holder == aDriver && !engine:
			t.mu.Unlock()
			return errDriven
		case t.closed && !engine:
			t.mu.Unlock()
			return ErrReadClosed
		}
		if t.changed == nil {
			t.changed = make(chan struct{})
		}
		changed := t.changed
		t.mu.Unlock()
		var ended <-chan struct{}
		if done != nil {
			ended = done()
		}
		select {
		case <-changed:
		case <-ended:
			return ErrClosed
		case <-cancelled:
			return context.Canceled
		}
	}
}

// tryTake takes the turn for a read if it is nobody's.
func (t *turn) tryTake() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.holder != nobody {
		return false
	}
	t.holder = aRead
	return true
}

// takeNow takes the turn for a driver if it is nobody's, and says why not otherwise, as take does.
func (t *turn) takeNow() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return ErrReadClosed
	case t.holder == aDriver:
		return errDriven
	case t.holder != nobody:
		return ErrReading
	}
	t.holder = aDriver
	return nil
}

// taken reports whether it is anybody's turn.
func (t *turn) taken() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.holder != nobody
}

// pass makes h the holder: nobody, or a loop that is being left becomes a read.
func (t *turn) pass(h turnHolder) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.holder = h
	t.change()
}

// close reserves the turn for the engine, from the end of who has it on, and reports whether that is new.
func (t *turn) close() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.closed = true
	t.change()
	return true
}

// change wakes who waits. The caller has t.mu.
func (t *turn) change() {
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}
