package conntest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// halfCloser is what the tests call on every kind of connection.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// script does one operation of each kind and returns the error of each.
func script(c halfCloser) []error {
	var errs []error
	_, err := c.Read(make([]byte, 4))
	errs = append(errs, err)
	_, err = c.Write([]byte("ping"))
	errs = append(errs, err,
		c.SetDeadline(time.Now().Add(time.Minute)),
		c.SetReadDeadline(time.Now().Add(time.Minute)),
		c.SetWriteDeadline(time.Now().Add(time.Minute)),
		c.CloseWrite(),
		c.Close())
	return errs
}

var scriptOps = []op{opRead, opWrite, opDeadline, opDeadline, opDeadline, opCloseWrite, opClose}

func TestFaultFiresAtN(t *testing.T) {
	for _, kind := range Kinds() {
		for n := range len(scriptOps) + 1 {
			t.Run(fmt.Sprintf("%v/%d", kind, n), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a, b := Pipe(100)
					b.Write([]byte("pong"))
					f := NewFaultConn(a, n, kind)
					// A stall waits for these; they do not count.
					f.readDeadline = time.Now().Add(time.Second)
					f.writeDeadline = time.Now().Add(2 * time.Second)
					errs := script(f)
					want := -1
					for i := n; i < len(scriptOps) && want < 0; i++ {
						if kind.applies(scriptOps[i]) {
							want = i
						}
					}
					if f.Fired() != (want >= 0) || f.Ops() != len(scriptOps) {
						t.Fatalf("Fired %v, Ops %d", f.Fired(), f.Ops())
					}
					if want >= 0 && f.f.firedAt != want {
						t.Fatalf("fired at %d, want %d", f.f.firedAt, want)
					}
					for i, err := range errs {
						switch {
						case i != want && kind == Reset:
							// What comes after a reset fails by itself.
						case i != want, kind == ShortRead:
							if err != nil {
								t.Errorf("operation %d: %v", i, err)
							}
						case kind == EOF:
							if err != io.EOF {
								t.Errorf("operation %d: %v", i, err)
							}
						default:
							if !errors.Is(err, ErrInjected) || !strings.Contains(err.Error(), fmt.Sprintf("%v in operation %d, %s", kind, i, scriptOps[i])) {
								t.Errorf("operation %d: %v", i, err)
							}
						}
					}
					if _, err := a.Read(nil); want != 6 && !errors.Is(err, net.ErrClosed) {
						t.Errorf("the connection under it is open: %v", err)
					}
				})
			})
		}
	}
}

func TestFaultRead(t *testing.T) {
	setup := func(k Kind) (*FaultConn, *PipeConn) {
		a, b := Pipe(100)
		b.Write([]byte("hello"))
		return NewFaultConn(a, 0, k), b
	}
	buf := make([]byte, 10)
	t.Run("EOF_stays", func(t *testing.T) {
		f, _ := setup(EOF)
		for range 2 {
			if n, err := f.Read(buf); n != 0 || err != io.EOF {
				t.Error(n, err)
			}
		}
	})
	t.Run("ShortRead_reads_one_byte_once", func(t *testing.T) {
		f, _ := setup(ShortRead)
		for _, want := range []int{1, 4} {
			if n, err := f.Read(buf); n != want || err != nil {
				t.Error(n, err)
			}
		}
	})
	for _, k := range []Kind{Error, Timeout} {
		t.Run(k.String()+"_loses_nothing", func(t *testing.T) {
			f, _ := setup(k)
			n, err := f.Read(buf)
			var ne net.Error
			if n != 0 || !errors.As(err, &ne) || ne.Timeout() != (k == Timeout) {
				t.Error(n, err)
			}
			if ne.(interface{ Temporary() bool }).Temporary() != (k == Timeout) || errors.Is(err, os.ErrDeadlineExceeded) != (k == Timeout) {
				t.Error(err)
			}
			if n, err := f.Read(buf); n != 5 || err != nil {
				t.Error(n, err)
			}
		})
	}
	t.Run("Reset_resets_both_ends", func(t *testing.T) {
		f, b := setup(Reset)
		_, err := f.Read(buf)
		wantErr(t, err, syscall.ECONNRESET, ErrInjected)
		_, err = f.Read(buf)
		wantErr(t, err, syscall.ECONNRESET)
		_, err = b.Read(buf)
		wantErr(t, err, syscall.ECONNRESET)
	})
}

func TestFaultWrite(t *testing.T) {
	for _, tc := range []struct {
		kind  Kind
		n     int
		cause error
	}{
		{Error, 0, ErrInjected},
		{Timeout, 0, os.ErrDeadlineExceeded},
		{ShortWrite, 2, io.ErrShortWrite},
		{PartialError, 2, ErrInjected},
	} {
		t.Run(tc.kind.String(), func(t *testing.T) {
			a, b := Pipe(100)
			f := NewFaultConn(a, 1, tc.kind)
			if n, err := f.Write([]byte("first")); n != 5 || err != nil {
				t.Error(n, err)
			}
			n, err := f.Write([]byte("hello"))
			if n != tc.n {
				t.Errorf("wrote %d bytes", n)
			}
			wantErr(t, err, ErrInjected, tc.cause)
			f.Write([]byte("again"))
			f.Close()
			if got, _ := io.ReadAll(b); string(got) != "first"+"hello"[:tc.n]+"again" {
				t.Errorf("the other end has %q", got)
			}
		})
	}
	t.Run("Reset", func(t *testing.T) {
		a, b := Pipe(100)
		f := NewFaultConn(a, 1, Reset)
		f.Write([]byte("first"))
		_, err := f.Write([]byte("hello"))
		wantErr(t, err, syscall.ECONNRESET, ErrInjected)
		_, err = b.Read(make([]byte, 1))
		wantErr(t, err, syscall.ECONNRESET)
	})
	t.Run("partial_write_that_fails_by_itself", func(t *testing.T) {
		a, _ := Pipe(100)
		a.Close()
		_, err := NewFaultConn(a, 0, ShortWrite).Write([]byte("hello"))
		wantErr(t, err, net.ErrClosed)
	})
}

func TestFaultStall(t *testing.T) {
	read := func(f *FaultConn) error { _, err := f.Read(make([]byte, 1)); return err }
	write := func(f *FaultConn) error { _, err := f.Write([]byte{1}); return err }
	for name, do := range map[string]func(*FaultConn) error{"read": read, "write": write} {
		bubble := func(title string, body func(t *testing.T, f *FaultConn)) {
			t.Run(title, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a, b := Pipe(100)
					b.Write([]byte("hello"))
					body(t, NewFaultConn(a, 0, Stall))
				})
			})
		}
		bubble(name+"_until_deadline", func(t *testing.T, f *FaultConn) {
			start := time.Now()
			time.AfterFunc(time.Minute, func() { f.SetDeadline(start.Add(time.Hour)) })
			wantErr(t, do(f), ErrInjected, os.ErrDeadlineExceeded)
			if d := time.Since(start); d != time.Hour {
				t.Error(d)
			}
			f.SetDeadline(time.Time{})
			must(t, do(f))
		})
		bubble(name+"_until_close", func(t *testing.T, f *FaultConn) {
			time.AfterFunc(time.Minute, func() { f.Close() })
			wantErr(t, do(f), ErrInjected, net.ErrClosed)
		})
		bubble(name+"_ignores_the_other_deadline", func(t *testing.T, f *FaultConn) {
			start := time.Now()
			if name == "read" {
				f.writeDeadline = start.Add(time.Second)
			} else {
				f.readDeadline = start.Add(time.Second)
			}
			time.AfterFunc(time.Minute, func() { f.Close() })
			do(f)
			if d := time.Since(start); d != time.Minute {
				t.Error(d)
			}
		})
	}
}

func TestFaultDeadlineErrorSetsNothing(t *testing.T) {
	a, _ := Pipe(1)
	f := NewFaultConn(a, 0, DeadlineError)
	wantErr(t, f.SetDeadline(time.Unix(1, 0)), ErrInjected)
	if n, err := f.Write([]byte{1}); n != 1 || err != nil {
		t.Error("the deadline was set", err)
	}
	must(t, f.SetDeadline(time.Unix(1, 0)))
	_, err := f.Write([]byte{1})
	wantErr(t, err, os.ErrDeadlineExceeded)
}

func TestFaultCloseWriteUnsupported(t *testing.T) {
	a, _ := net.Pipe()
	wantErr(t, NewFaultConn(a, 9, Error).CloseWrite(), errors.ErrUnsupported)
}

// lingerer is a connection with the method of a *net.TCPConn.
type lingerer struct {
	net.Conn
	linger int
}

func (l *lingerer) SetLinger(sec int) error { l.linger = sec; return nil }

func TestResetOfOtherConnections(t *testing.T) {
	a, b := Pipe(1)
	l := &lingerer{Conn: a, linger: -1}
	NewFaultConn(l, 9, Error).Reset()
	if l.linger != 0 {
		t.Error("no SetLinger(0)")
	}
	wantErr(t, a.Close(), net.ErrClosed)
	NewFaultConn(struct{ net.Conn }{b}, 9, Error).Reset()
	wantErr(t, b.Close(), net.ErrClosed)
}

func TestKindNames(t *testing.T) {
	for i, k := range Kinds() {
		if int(k) != i || strings.HasPrefix(k.String(), "Kind(") {
			t.Error(i, k)
		}
	}
	if s := Kind(99).String(); s != "Kind(99)" || Kind(99).applies(opRead) {
		t.Error(s)
	}
}

func TestFailEach(t *testing.T) {
	var runs []string
	FailEach(t, []Kind{Error, ShortWrite, DeadlineError}, func(t *testing.T, wrap func(net.Conn) net.Conn) {
		runs = append(runs, strings.TrimPrefix(t.Name(), "TestFailEach/"))
		synctest.Test(t, func(t *testing.T) {
			a, b := Pipe(10)
			b.SetReadDeadline(time.Now().Add(time.Minute)) // in case that c writes nothing and d sets no deadline
			c, d := wrap(a), wrap(b)                       // one count for both
			c.Write([]byte("ab"))
			d.SetReadDeadline(time.Now().Add(time.Minute))
			d.Read(make([]byte, 2))
			c.Close()
			d.Close()
		})
	})
	want := []string{"Error/0", "Error/1", "Error/2", "Error/3", "Error/4", "Error/5", "ShortWrite/0", "ShortWrite/1", "DeadlineError/0", "DeadlineError/2"}
	if !slices.Equal(runs, want) {
		t.Errorf("%q", runs)
	}
}

func TestFailLoop(t *testing.T) {
	t.Run("stops_at_the_first_failure", func(t *testing.T) {
		runs := 0
		must(t, failLoop(Error, func(f *Fault) (bool, bool) { runs++; f.next(opRead); return true, false }))
		if runs != 1 {
			t.Error(runs)
		}
	})
	t.Run("goes_on_when_filtered_out", func(t *testing.T) {
		runs := 0
		must(t, failLoop(Error, func(f *Fault) (bool, bool) {
			if f.n < 7 {
				return false, true
			}
			runs++
			if f.n < 9 {
				for range 10 {
					f.next(opRead)
				}
				return true, true
			}
			f.next(opRead)
			return true, true
		}))
		if runs != 3 {
			t.Error(runs)
		}
	})
	t.Run("no_operations", func(t *testing.T) {
		err := failLoop(Stall, func(*Fault) (bool, bool) { return true, true })
		if err == nil || err.Error() != "Stall: the body used no wrapped connection" {
			t.Error(err)
		}
	})
	t.Run("no_end", func(t *testing.T) {
		err := failLoop(Error, func(f *Fault) (bool, bool) {
			for range maxOps + 1 {
				f.next(opRead)
			}
			return true, true
		})
		if err == nil || err.Error() != "Error: the fault still fires at operation 500" {
			t.Error(err)
		}
	})
}

func TestFaultIsSafeForConcurrentUse(t *testing.T) {
	var fired atomic.Int32
	a, b := Pipe(0)
	f := NewFaultConn(a, 50, Error)
	go io.Copy(io.Discard, b)
	done := make(chan struct{})
	for range 4 {
		go func() {
			for range 50 {
				if _, err := f.Write([]byte{1}); err != nil {
					fired.Add(1)
				}
			}
			done <- struct{}{}
		}()
	}
	for range 4 {
		<-done
	}
	if f.Ops() != 200 || fired.Load() != 1 {
		t.Error(f.Ops(), fired.Load())
	}
	f.Close()
}
