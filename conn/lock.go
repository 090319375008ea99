package conn

import (
	"sync"
	"sync/atomic"
)

// A lock is held by one at a time, and waiting for it may be given up. It can be passed from a goroutine to another one. Who waits gets it in the order in which they came, before
// anybody who comes later. It costs no more than a word until somebody has to wait: then a channel, which stays.
type lock struct {
	state   atomic.Uint32 // lockFree, lockHeld or lockAwaited
	waiting int32         // who waits and has not been given the lock; guarded by mu, like what follows
	mu      sync.Mutex
	turns   chan struct{} // has room for one: the lock is given to somebody who waits
}

const (
	lockFree uint32 = iota
	lockHeld
	lockAwaited // it is held, and waiting is not 0; set and cleared with mu held
)

// try takes the lock if it is free.
func (l *lock) try() bool { return l.state.CompareAndSwap(lockFree, lockHeld) }

// lock waits for the lock.
func (l *lock) lock() {
	if !l.try() {
		l.wait(nil, nil)
	}
}

// wait waits for the lock and reports whether the caller has it: not if over or cancelled is closed before.
func (l *lock) wait(over, cancelled <-chan struct{}) bool {
	l.mu.Lock()
	for !l.state.CompareAndSwap(lockHeld, lockAwaited) && l.waiting == 0 {
		if l.try() {
			l.mu.Unlock()
			return true
		}
	}
	l.waiting++
	if l.turns == nil {
		l.turns = make(chan struct{}, 1)
	}
	turns := l.turns
	l.mu.Unlock()
	select {
	case <-turns:
		return true
	case <-over:
	case <-cancelled:
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting == 0 { // as many are in the select above as waiting says, and who has been given the lock: the caller
		<-turns
		return true
	}
	l.stopWaiting()
	return false
}

// stopWaiting tells that one fewer waits. The caller has l.mu.
func (l *lock) stopWaiting() {
	if l.waiting--; l.waiting == 0 {
		l.state.Store(lockHeld)
	}
}

// unlock gives the lock to who has waited longest, if anybody waits.
func (l *lock) unlock() {
	if l.state.CompareAndSwap(lockHeld, lockFree) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting == 0 { // any more
		l.state.Store(lockFree)
		return
	}
	l.stopWaiting()
	l.turns <- struct{}{}
}

// held reports whether anybody has the lock.
func (l *lock) held() bool { return l.state.Load() != lockFree }
