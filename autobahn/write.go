package autobahn

import (
	"net"
	"sync"
	"time"
)

// A writer writes what it is given, in order, from a goroutine of its own: the suite has to
// go on reading while it writes, or two sides that both write would wait for each other.
type writer struct {
	conn net.Conn

	mu      sync.Mutex
	wake    *sync.Cond
	queue   [][]byte // each is one write, and nil is a pause
	writing bool
	ending  bool
	err     error
	done    chan struct{}
}

func newWriter(conn net.Conn) *writer {
	w := &writer{conn: conn, done: make(chan struct{})}
	w.wake = sync.NewCond(&w.mu)
	go w.run()
	return w
}

func (w *writer) run() {
	defer close(w.done)
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		for len(w.queue) == 0 {
			if w.ending {
				return
			}
			w.wake.Wait()
		}
		queue := w.queue
		w.queue, w.writing = nil, true
		w.mu.Unlock()
		var err error
		for _, b := range queue {
			if b == nil {
				time.Sleep(apart)
				continue
			}
			if _, err = w.conn.Write(b); err != nil {
				break
			}
		}
		w.mu.Lock()
		w.writing = false
		if err != nil {
			// The reader sees the end of the connection too, and it is the reader's to tell.
			w.err, w.queue, w.ending = err, nil, true
			return
		}
	}
}

// write takes each of the slices, which are the writer's from here on, as one write.
func (w *writer) write(writes ...[]byte) {
	w.mu.Lock()
	if w.err == nil {
		w.queue = append(w.queue, writes...)
	}
	w.wake.Signal()
	w.mu.Unlock()
}

// apart is the pause between single octets. They are to arrive one by one, and a peer that
// does its work between them, as in 3.4, is to have a moment for it: the testsuite has one of
// ten microseconds at least, and it is slow.
const apart = 50 * time.Microsecond

// writeOctets takes a slice, which is the writer's from here on, as a write for each octet.
func (w *writer) writeOctets(b []byte) {
	writes := make([][]byte, 0, 2*len(b))
	for i := range b {
		writes = append(writes, b[i:i+1:i+1], nil)
	}
	w.write(writes...)
}

// idle reports whether everything has been written, so that the slices are free again.
func (w *writer) idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue) == 0 && !w.writing
}

// finish waits until everything has been written, for at most limit.
func (w *writer) finish(limit time.Duration) {
	w.mu.Lock()
	w.ending = true
	w.wake.Signal()
	w.mu.Unlock()
	w.conn.SetWriteDeadline(time.Now().Add(limit))
	<-w.done
}
