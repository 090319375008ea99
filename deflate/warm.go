package deflate

import "sync"

// DefaultWarmLimit is how many compressors are warm at most, unless [SetWarmLimit] says otherwise. With windows of 15
// bits they take some 100 MiB (LevelFast) or 230 MiB (LevelBest).
const DefaultWarmLimit = 1024

// SetWarmLimit sets how many compressors of the process may be warm (see [Compressor]). Beyond it, those that have not
// been used for longest are shed. Those in use are left alone, so for a moment there may be more. A limit below 1 is 1.
// SetWarmLimit may be called at any time, from any goroutine.
func SetWarmLimit(n int) { warm.setLimit(n) }

// warm is the list of the warm compressors of the process.
var warm = warmList{limit: DefaultWarmLimit}

// A warmList is a list of warm compressors, ordered by use; but a message does not move its compressor, for which all
// senders of a process would need the lock. It only marks it as used, and those that are marked are moved when one has
// to be shed.
type warmList struct {
	mu          sync.Mutex
	first, last *Compressor
	n, limit    int
}

func (l *warmList) setLimit(n int) {
	l.mu.Lock()
	l.limit = max(n, 1)
	l.mu.Unlock()
	l.trim()
}

// add adds c, whose lock the caller holds, and sheds what is too much.
func (l *warmList) add(c *Compressor) {
	l.mu.Lock()
	l.pushFront(c)
	l.mu.Unlock()
	l.trim()
}

// remove removes c, whose lock the caller holds.
func (l *warmList) remove(c *Compressor) {
	l.mu.Lock()
	l.unlink(c)
	l.mu.Unlock()
}

func (l *warmList) trim() {
	for {
		l.mu.Lock()
		v := l.victim()
		l.mu.Unlock()
		if v == nil {
			return
		}
		v.shed()
		v.mu.Unlock()
	}
}

// victim returns a compressor to shed, locked, or nil if there is none to be had.
func (l *warmList) victim() *Compressor {
	if l.n <= l.limit {
		return nil
	}
	// The marks are gone after one round. What is still not to be had is locked: it is in use.
	for range 2 * l.n {
		v := l.last
		if !v.used.Swap(false) && v.mu.TryLock() {
			return v
		}
		l.unlink(v)
		l.pushFront(v)
	}
	return nil
}

func (l *warmList) pushFront(c *Compressor) {
	c.prev, c.next = nil, l.first
	if l.first != nil {
		l.first.prev = c
	} else {
		l.last = c
	}
	l.first = c
	l.n++
}

func (l *warmList) unlink(c *Compressor) {
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		l.first = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	} else {
		l.last = c.prev
	}
	c.prev, c.next = nil, nil
	l.n--
}
