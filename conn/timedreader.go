package conn

import (
	"io"
	"os"
	"time"
)

// A timedReader gives the reads of a stream that has no deadlines one: a goroutine reads, and what comes too late is kept for the next read. Read is for one goroutine at a time.
type timedReader struct {
	r     io.Reader
	limit *deadline
	came  chan timedRead // nil unless the goroutine runs
	buf   []byte
	rest  []byte // of buf, not returned yet
	err   error  // behind rest
}

type timedRead struct {
	n   int
	err error
}

func newTimedReader(r io.Reader) *timedReader { return &timedReader{r: r, limit: newDeadline()} }

func (t *timedReader) Read(p []byte) (n int, err error) {
	if len(t.rest) == 0 && t.err == nil {
		if err := t.wait(); err != nil {
			return 0, err
		}
	}
	n = copy(p, t.rest)
	if t.rest = t.rest[n:]; len(t.rest) == 0 {
		err, t.err = t.err, nil
	}
	return n, err
}

// wait reads from the stream until the deadline passes. The reading goes on after that.
func (t *timedReader) wait() error {
	passed := t.limit.passed()
	select {
	case <-passed:
		return os.ErrDeadlineExceeded
	default:
	}
	if t.came == nil {
		if t.buf == nil {
			t.buf = make([]byte, 4<<10)
		}
		t.came = make(chan timedRead, 1)
		go func() {
			n, err := t.r.Read(t.buf)
			t.came <- timedRead{n, err}
		}()
	}
	select {
	case r := <-t.came:
		t.came, t.rest, t.err = nil, t.buf[:r.n], r.err
		return nil
	case <-passed:
		return os.ErrDeadlineExceeded
	}
}

func (t *timedReader) SetReadDeadline(at time.Time) error {
	t.limit.set(at)
	return nil
}
