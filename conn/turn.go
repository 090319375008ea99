package conn

import (
	"context"
	"sync"
)

// turn says whose turn it is to read. Waiting is on a channel, so that the end of the connection can end it.
type turn struct {
	mu      sync.Mutex
	holder  turnHolder
	changed chan struct{} // closed when the holder changes; nil while nobody waits, so that an undisturbed reader allocates nothing
}

type turnHolder uint8

const (
	nobody turnHolder = iota
	aRead             // a single read, or Close, which reads itself
	aLoop             // a Messages loop
)

// take takes the turn for h. It waits for a read to end, and returns ErrReading if it is a loop's turn, also if the loop's came while it waited. If done
// is closed while it waits, it returns ErrClosed, and if cancelled is, context.Canceled.
func (t *turn) take(h turnHolder, done, cancelled <-chan struct{}) error {
	for {
		t.mu.Lock()
		switch t.holder {
		case nobody:
			t.holder = h
			t.mu.Unlock()
			return nil
		case aLoop:
			t.mu.Unlock()
			return ErrReading
		}
		if t.changed == nil {
			t.changed = make(chan struct{})
		}
		changed := t.changed
		t.mu.Unlock()
		select {
		case <-changed:
		case <-done:
			return ErrClosed
		case <-cancelled:
			return context.Canceled
		}
	}
}

// takeLast is take for who reads when the connection is over, and waits for a loop, too.
func (t *turn) takeLast(done <-chan struct{}) error {
	for {
		t.mu.Lock()
		if t.holder == nobody {
			t.holder = aRead
			t.mu.Unlock()
			return nil
		}
		if t.changed == nil {
			t.changed = make(chan struct{})
		}
		changed := t.changed
		t.mu.Unlock()
		select {
		case <-changed:
		case <-done:
			return ErrClosed
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

// taken reports whether it is anybody's turn.
func (t *turn) taken() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.holder != nobody
}

// pass makes h the holder: nobody, or a loop that is being left becomes a read.
func (t *turn) pass(h turnHolder) {
	t.mu.Lock()
	t.holder = h
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
	t.mu.Unlock()
}
