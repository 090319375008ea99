package conntest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, err error, wants ...error) {
	t.Helper()
	for _, want := range wants {
		if !errors.Is(err, want) {
			t.Errorf("error %v does not match %v", err, want)
		}
	}
}

// eachCapacity runs body in a bubble with an unbuffered, a tiny and a large pipe.
func eachCapacity(t *testing.T, body func(t *testing.T, a, b *PipeConn)) {
	for _, capacity := range []int{0, 1, 7, 1 << 20} {
		t.Run(fmt.Sprintf("capacity_%d", capacity), func(t *testing.T) {
			CheckLeaks(t)
			synctest.Test(t, func(t *testing.T) {
				a, b := Pipe(capacity)
				defer a.Close()
				defer b.Close()
				body(t, a, b)
			})
		})
	}
}

func TestPipeCarriesBothDirections(t *testing.T) {
	eachCapacity(t, func(t *testing.T, a, b *PipeConn) {
		want := make([]byte, 10_000)
		for i := range want {
			want[i] = byte(rand.Uint32())
		}
		var wg sync.WaitGroup
		for _, ends := range [][2]*PipeConn{{a, b}, {b, a}} {
			wg.Go(func() {
				for p := want; len(p) > 0; {
					n, err := ends[0].Write(p[:min(len(p), 1234)])
					if err != nil {
						t.Error(err)
					}
					p = p[n:]
				}
				if err := ends[0].CloseWrite(); err != nil {
					t.Error(err)
				}
			})
			wg.Go(func() {
				got, err := io.ReadAll(ends[1])
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("got %d bytes, %v", len(got), err)
				}
			})
		}
		wg.Wait()
	})
}

func TestPipeWritesDoNotMix(t *testing.T) {
	eachCapacity(t, func(t *testing.T, a, b *PipeConn) {
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() { a.Write(bytes.Repeat([]byte{byte(i)}, 100)) })
		}
		go func() {
			wg.Wait()
			a.Close()
		}()
		got, err := io.ReadAll(b)
		must(t, err)
		if len(got) != 800 {
			t.Fatalf("%d bytes", len(got))
		}
		for piece := range slices.Chunk(got, 100) {
			if bytes.Count(piece, piece[:1]) != 100 {
				t.Fatalf("mixed: %x", piece)
			}
		}
	})
}

func TestPipeWriteWaitsForRoom(t *testing.T) {
	for _, capacity := range []int{0, 3} {
		t.Run(fmt.Sprintf("capacity_%d", capacity), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := Pipe(capacity)
				if n, err := a.Write(nil); n != 0 || err != nil {
					t.Fatal("an empty Write waits or fails", n, err)
				}
				if n, err := b.Read(nil); n != 0 || err != nil {
					t.Fatal("an empty Read waits or fails", n, err)
				}
				done := false
				go func() {
					a.Write([]byte("hello"))
					done = true
				}()
				synctest.Wait()
				if done {
					t.Fatal("Write returned before there was room")
				}
				want := capacity
				if capacity == 0 {
					want = 5
				}
				if n := b.Buffered(); n != want || !b.Readable() || a.Readable() {
					t.Fatalf("Buffered = %d, want %d", n, want)
				}
				got := make([]byte, 5)
				_, err := io.ReadFull(b, got)
				must(t, err)
				synctest.Wait()
				if !done || string(got) != "hello" || b.Readable() {
					t.Fatal("Write did not end", string(got))
				}
			})
		})
	}
}

func TestPipeDeadlines(t *testing.T) {
	eachCapacity(t, func(t *testing.T, a, b *PipeConn) {
		start := time.Now()
		wantTimeout := func(sentence string, after time.Duration, err error) {
			t.Helper()
			var ne net.Error
			if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &ne) || !ne.Timeout() {
				t.Errorf("%s: %v is no timeout", sentence, err)
			}
			if d := time.Since(start); d != after {
				t.Errorf("%s: after %v, want %v", sentence, d, after)
			}
		}
		big := make([]byte, 2<<20)

		must(t, a.SetDeadline(start.Add(time.Second)))
		_, err := a.Read(big)
		wantTimeout("read", time.Second, err)
		_, err = a.Write(big)
		wantTimeout("write behind its deadline", time.Second, err)

		must(t, a.SetReadDeadline(time.Time{}))
		must(t, a.SetWriteDeadline(start.Add(2*time.Second)))
		n, err := a.Write(big)
		wantTimeout("write", 2*time.Second, err)
		if n != b.Buffered() {
			t.Errorf("a Write that timed out wrote %d bytes, but %d can be read", n, b.Buffered())
		}
		if b.Buffered() > 0 {
			must(t, b.SetReadDeadline(start))
			_, err = b.Read(big)
			wantTimeout("a passed deadline comes before data", 2*time.Second, err)
			must(t, b.SetReadDeadline(time.Time{}))
			_, err = io.ReadFull(b, make([]byte, n))
			must(t, err)
		}

		time.AfterFunc(time.Second, func() { a.SetReadDeadline(time.Now().Add(time.Second)) })
		must(t, a.SetReadDeadline(start.Add(time.Hour)))
		_, err = a.Read(big)
		wantTimeout("moved", 4*time.Second, err)

		must(t, a.SetDeadline(time.Time{}))
		time.AfterFunc(time.Second, func() { a.SetReadDeadline(time.Unix(1, 0)) })
		_, err = a.Read(big)
		wantTimeout("interrupted", 5*time.Second, err)

		must(t, a.SetDeadline(time.Time{}))
		go b.Write([]byte("x"))
		if n, err := a.Read(big); n != 1 || err != nil {
			t.Errorf("read after a timeout: %d, %v", n, err)
		}
	})
}

func TestPipeCloseWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe(100)
		a.Write([]byte("last"))
		must(t, a.CloseWrite())
		must(t, a.CloseWrite())
		_, err := a.Write([]byte("more"))
		wantErr(t, err, syscall.EPIPE, io.ErrClosedPipe, ErrPipeClosed)
		got, err := io.ReadAll(b)
		if string(got) != "last" || err != nil {
			t.Errorf("read %q, %v", got, err)
		}
		if _, err := b.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("second EOF: %v", err)
		}
		b.Write([]byte("still"))
		buf := make([]byte, 10)
		n, err := a.Read(buf)
		if string(buf[:n]) != "still" || err != nil {
			t.Errorf("the other direction: %q, %v", buf[:n], err)
		}
		a.Close()
		wantErr(t, a.CloseWrite(), net.ErrClosed)
	})
}

func TestPipeClose(t *testing.T) {
	eachCapacity(t, func(t *testing.T, a, b *PipeConn) {
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := a.Write(make([]byte, 2<<20))
			wantErr(t, err, net.ErrClosed)
		})
		wg.Go(func() {
			_, err := b.Write(make([]byte, 2<<20))
			wantErr(t, err, syscall.EPIPE)
		})
		synctest.Wait()
		buf := make([]byte, 3<<20)
		must(t, a.Close())
		wg.Wait()
		wantErr(t, a.Close(), net.ErrClosed)
		_, err := a.Read(buf)
		wantErr(t, err, net.ErrClosed)
		wantErr(t, a.SetDeadline(time.Time{}), net.ErrClosed)
		_, err = b.Write([]byte{1})
		wantErr(t, err, syscall.EPIPE)
		if got, err := io.ReadAll(b); err != nil || len(got) > 1<<20 {
			t.Errorf("after Close the other end reads %d bytes, %v", len(got), err)
		}
		must(t, b.SetDeadline(time.Time{}))
	})
}

func TestPipeCloseEndsARead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := Pipe(0)
		done := false
		go func() {
			_, err := a.Read(make([]byte, 1))
			wantErr(t, err, net.ErrClosed)
			done = true
		}()
		go func() {
			_, err := b.Read(make([]byte, 1))
			wantErr(t, err, io.EOF)
		}()
		synctest.Wait()
		a.Close()
		synctest.Wait()
		if !done {
			t.Error("Read still waits")
		}
	})
}

func TestPipeCloseKeepsWhatIsBuffered(t *testing.T) {
	a, b := Pipe(10)
	a.Write([]byte("bye"))
	b.Write([]byte("unread"))
	a.Close()
	if got, err := io.ReadAll(b); string(got) != "bye" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestPipeTCPClose(t *testing.T) {
	t.Run("unread_input_resets", func(t *testing.T) {
		a, b := Pipe(10)
		a.TCPClose()
		a.Write([]byte("bye"))
		b.Write([]byte("unread"))
		a.Close()
		got, err := io.ReadAll(b)
		wantErr(t, err, syscall.ECONNRESET)
		if len(got) > 0 {
			t.Errorf("read %q", got)
		}
	})
	t.Run("write_to_closed_end_resets", func(t *testing.T) {
		a, b := Pipe(10)
		a.TCPClose()
		a.Write([]byte("bye"))
		a.Close()
		_, err := b.Write([]byte("late"))
		wantErr(t, err, syscall.ECONNRESET)
		_, err = b.Read(make([]byte, 1))
		wantErr(t, err, syscall.ECONNRESET)
	})
	t.Run("lingering_close_loses_nothing", func(t *testing.T) {
		a, b := Pipe(10)
		a.TCPClose()
		b.Write([]byte("unread"))
		a.Write([]byte("bye"))
		a.CloseWrite()
		b.CloseWrite()
		io.Copy(io.Discard, a)
		a.Close()
		if got, err := io.ReadAll(b); string(got) != "bye" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	})
}

func TestPipeReset(t *testing.T) {
	eachCapacity(t, func(t *testing.T, a, b *PipeConn) {
		var wg sync.WaitGroup
		for _, c := range []*PipeConn{a, b} {
			wg.Go(func() {
				_, err := c.Write(make([]byte, 2<<20))
				wantErr(t, err, syscall.ECONNRESET)
			})
		}
		synctest.Wait()
		a.Reset()
		wg.Wait()
		for _, c := range []*PipeConn{a, b} {
			n, err := c.Read(make([]byte, 1))
			wantErr(t, err, syscall.ECONNRESET)
			if n > 0 || c.Buffered() > 0 || !c.Readable() {
				t.Error("buffered data was not lost")
			}
			wantErr(t, c.CloseWrite(), syscall.ECONNRESET)
			must(t, c.Close())
		}
	})
}

func TestPipeEvents(t *testing.T) {
	a, b := Pipe(10)
	a.Write([]byte("hello"))
	b.Read(make([]byte, 10))
	b.SetDeadline(time.Time{})
	a.CloseWrite()
	b.Read(make([]byte, 10))
	b.Reset()
	b.Close()
	b.Close()
	text := func(events []Event) (out []string) {
		for _, e := range events {
			out = append(out, fmt.Sprint(e.Seq, " ", e))
		}
		return out
	}
	wantA := []string{"0 write 5", "3 closewrite"}
	wantB := []string{
		"1 read 5", "2 deadline", "4 read 0: EOF", "5 reset", "6 close",
		"7 close: close pipe pipe-b->pipe-a: use of closed network connection",
	}
	if got := text(a.Events()); !slices.Equal(got, wantA) {
		t.Errorf("a: %q", got)
	}
	if got := text(b.Events()); !slices.Equal(got, wantB) {
		t.Errorf("b: %q", got)
	}
	for range maxEvents + 10 {
		a.Read(nil)
	}
	if n := len(a.Events()); n != maxEvents {
		t.Errorf("%d events", n)
	}
}

func TestPipeAddresses(t *testing.T) {
	a, b := Pipe(0)
	if a.LocalAddr() != b.RemoteAddr() || b.LocalAddr() != a.RemoteAddr() || a.LocalAddr() == b.LocalAddr() {
		t.Error("addresses do not match")
	}
	if s := a.LocalAddr().Network() + " " + a.LocalAddr().String(); s != "pipe pipe-a" {
		t.Error(s)
	}
}

func TestPipeNegativeCapacity(t *testing.T) {
	wantPanic(t, "hawser/conntest: negative capacity", func() { Pipe(-1) })
}
