package conntest

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
)

// socketsWith returns a descriptor with a fault at operation n, and the other end of the pipe. The first operation is the Duplicate.
func socketsWith(t *testing.T, n int, k Kind) (s *Sockets, fd int, other *PipeConn) {
	t.Helper()
	a, b := Pipe(10)
	s = NewSockets(&Fault{n: n, kind: k})
	c := s.Conn(a)
	fd, err := s.Duplicate(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := c.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the second Close returns %v", err)
	}
	return s, fd, b
}

func TestSockets(t *testing.T) {
	s, fd, b := socketsWith(t, 1000, Error)
	buf := make([]byte, 20)
	ready := func(when string, r, w, h bool) {
		t.Helper()
		if gr, gw, gh := s.Ready(fd); gr != r || gw != w || gh != h {
			t.Errorf("%s: readable %v, writable %v, hang-up %v", when, gr, gw, gh)
		}
	}
	ready("at first", false, true, false)
	if n, err := s.Read(fd, buf); n != -1 || err != syscall.EAGAIN {
		t.Errorf("Read of nothing: %d, %v", n, err)
	}
	b.Write([]byte("ab"))
	<-s.Changed()
	ready("with input", true, true, false)
	if n, err := s.Read(fd, buf); n != 2 || err != nil {
		t.Errorf("Read: %d, %v", n, err)
	}
	if n, err := s.Write(fd, []byte("0123456"), []byte("789more")); n != 10 || err != nil {
		t.Errorf("Write: %d, %v", n, err)
	}
	ready("full", false, false, false)
	if n, err := s.Write(fd, []byte("x")); n != -1 || err != syscall.EAGAIN {
		t.Errorf("Write without room: %d, %v", n, err)
	}
	if err := s.Shutdown(fd, syscall.SHUT_RDWR); err != nil {
		t.Error(err)
	}
	ready("after a shutdown", true, true, true)
	if n, err := s.Read(fd, buf); n != 0 || err != nil {
		t.Errorf("Read at the end: %d, %v", n, err)
	}
	if n, err := s.Write(fd, []byte("x")); n != -1 || err != syscall.EPIPE {
		t.Errorf("Write after a shutdown: %d, %v", n, err)
	}
	b.Reset()
	if _, err := s.Read(fd, buf); err != syscall.ECONNRESET {
		t.Errorf("Read after a reset: %v", err)
	}
	if err := s.Shutdown(fd, syscall.SHUT_WR); err != syscall.ENOTCONN {
		t.Errorf("Shutdown after a reset: %v", err)
	}
	if s.Open() != 1 {
		t.Errorf("%d are open", s.Open())
	}
	if err := s.Close(fd); err != nil || s.Open() != 0 {
		t.Errorf("Close: %v, %d are open", err, s.Open())
	}
	_, read := s.Read(fd, buf)
	_, write := s.Write(fd, buf)
	for call, err := range map[string]error{"Read": read, "Write": write, "Shutdown": s.Shutdown(fd, syscall.SHUT_WR), "Close": s.Close(fd)} {
		if err != syscall.EBADF {
			t.Errorf("%s of a closed descriptor: %v", call, err)
		}
	}
	ready("closed", false, false, false)
	if err := NewSockets(nil).Control("Add"); err != nil {
		t.Errorf("without a fault: %v", err)
	}
	if _, err := s.Duplicate(b); err != errors.ErrUnsupported {
		t.Errorf("Duplicate of a pipe: %v", err)
	}
}

// TestSocketsOfAPipeThatIsClosed: what is not a system's error stays what it is.
func TestSocketsOfAPipeThatIsClosed(t *testing.T) {
	s, fd, _ := socketsWith(t, 1000, Error)
	s.files[fd].PipeConn.Close()
	if _, err := s.Write(fd, []byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Write: %v", err)
	}
}

func TestSocketFaults(t *testing.T) {
	buf := make([]byte, 20)
	for _, tt := range []struct {
		kind     Kind
		name     string
		call     func(s *Sockets, fd int) (int, error)
		n        int
		err      error
		injected bool
	}{
		{Error, "Read", func(s *Sockets, fd int) (int, error) { return s.Read(fd, buf) }, -1, syscall.EIO, true},
		{Timeout, "Read", func(s *Sockets, fd int) (int, error) { return s.Read(fd, buf) }, -1, syscall.ETIMEDOUT, true},
		{EOF, "Read", func(s *Sockets, fd int) (int, error) { return s.Read(fd, buf) }, 0, nil, false},
		{ShortRead, "Read", func(s *Sockets, fd int) (int, error) { return s.Read(fd, buf) }, 1, nil, false},
		{Stall, "Read", func(s *Sockets, fd int) (int, error) { return s.Read(fd, buf) }, -1, syscall.EAGAIN, false},
		{Reset, "Read", func(s *Sockets, fd int) (int, error) { return s.Read(fd, buf) }, -1, syscall.ECONNRESET, true},
		{Interrupted, "Read", func(s *Sockets, fd int) (int, error) { return s.Read(fd, buf) }, -1, syscall.EINTR, false},
		{Again, "Read", func(s *Sockets, fd int) (int, error) { return s.Read(fd, buf) }, -1, syscall.EAGAIN, false},
		{Error, "Write", func(s *Sockets, fd int) (int, error) { return s.Write(fd, []byte("abcd")) }, -1, syscall.EPIPE, true},
		{ShortWrite, "Write", func(s *Sockets, fd int) (int, error) { return s.Write(fd, []byte("abc")) }, 2, nil, false},
		{PartialError, "Write", func(s *Sockets, fd int) (int, error) { return s.Write(fd, []byte("abcd")) }, 2, nil, false},
		{Stall, "Write", func(s *Sockets, fd int) (int, error) { return s.Write(fd, []byte("abcd")) }, -1, syscall.EAGAIN, false},
		{Reset, "Write", func(s *Sockets, fd int) (int, error) { return s.Write(fd, []byte("abcd")) }, -1, syscall.ECONNRESET, true},
		{Error, "Shutdown", func(s *Sockets, fd int) (int, error) { return 0, s.Shutdown(fd, syscall.SHUT_WR) }, 0, syscall.ENOTCONN, true},
		{CloseError, "Close", func(s *Sockets, fd int) (int, error) { return 0, s.Close(fd) }, 0, syscall.EIO, true},
		{Error, "Add", func(s *Sockets, fd int) (int, error) { return 0, s.Control("Add") }, 0, syscall.ENOMEM, true},
	} {
		t.Run(tt.kind.String()+"/"+tt.name, func(t *testing.T) {
			s, fd, b := socketsWith(t, 1, tt.kind)
			b.Write([]byte("input"))
			n, err := tt.call(s, fd)
			if n != tt.n || !errors.Is(err, tt.err) || errors.Is(err, ErrInjected) != tt.injected || !s.f.Fired() {
				t.Errorf("%d, %v, fired %v", n, err, s.f.Fired())
			}
			r, w, h := s.Ready(fd)
			n, err = s.Write(fd, []byte("abcd"))
			switch {
			case tt.kind == Stall && (r || w || h || err != syscall.EAGAIN):
				t.Errorf("a stall: readable %v, writable %v, hang-up %v, Write returns %v", r, w, h, err)
			case tt.kind == PartialError && (n != -1 || !errors.Is(err, ErrInjected)):
				t.Errorf("the next Write returns %d, %v", n, err)
			}
			if tt.kind == Stall {
				s.Shutdown(fd, syscall.SHUT_RDWR)
				if r, _, h := s.Ready(fd); !r || !h {
					t.Error("our own end is not noticed")
				}
			}
			if tt.kind == EOF {
				if n, err := s.Read(fd, buf); n != 0 || err != nil {
					t.Errorf("the Read after the end: %d, %v", n, err)
				}
			}
		})
	}
	t.Run("Duplicate", func(t *testing.T) {
		a, _ := Pipe(1)
		s := NewSockets(&Fault{})
		if _, err := s.Duplicate(s.Conn(a)); !errors.Is(err, syscall.EMFILE) {
			t.Error(err)
		}
	})
}

// TestInject: every operation fails once, and the first run that is wrong is the last.
func TestInject(t *testing.T) {
	var at []int
	n := Inject(t, Error, func(f *Fault) {
		a, b := Pipe(10)
		c := f.Wrap(a)
		for range 3 {
			if _, err := c.Write([]byte("x")); err != nil {
				at = append(at, f.firedAt)
			}
		}
		b.Close()
	})
	if n != 3 || len(at) != 3 || at[0] != 0 || at[2] != 2 {
		t.Errorf("%d faults, at %v", n, at)
	}
	failed := new(testing.T)
	runs := 0
	func() {
		defer func() { recover() }() // a T of nobody's cannot log
		Inject(failed, Error, func(f *Fault) {
			runs++
			f.Wrap(&onlyCloser{}).Close()
			failed.Fail()
		})
	}()
	if runs != 1 {
		t.Errorf("there were %d runs", runs)
	}
}

// onlyCloser is a connection that can be closed.
type onlyCloser struct{ net.Conn }

func (*onlyCloser) Close() error { return io.EOF }
