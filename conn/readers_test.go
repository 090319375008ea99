package conn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hawser-go/hawser/deflate"
)

// TestReadersAtRandom is the concurrency contract of reading: calls of every kind from many goroutines, with contexts that end at any time. Nothing races, hangs or panics; each message that comes
// whole is one that was sent, none comes twice, and those that one goroutine gets are in order. In the end all calls return how the connection ended.
func TestReadersAtRandom(t *testing.T) {
	const messages, readers = 200, 5
	run := func(t *testing.T, a, b *Conn, seed uint64) {
		payload := func(i int) []byte { return append(fmt.Appendf(nil, "%d ", i), pattern(i*37%9000)...) }
		var seen [messages]atomic.Bool
		var wg sync.WaitGroup
		over := func(err error) bool {
			switch {
			case err == nil, errors.Is(err, context.DeadlineExceeded), err == ErrReading, err == ErrReaderExpired, errors.Is(err, ErrNotReading):
				return false
			case errors.Is(err, ErrClosed):
				return true
			}
			t.Errorf("a read returns %v", err)
			return true
		}
		for i := range readers {
			r := rand.New(rand.NewPCG(seed, uint64(i)))
			last := -1
			got := func(data []byte) {
				var n int
				if _, err := fmt.Sscan(string(data[:min(len(data), 8)]), &n); err != nil || n < 0 || n >= messages || !bytes.Equal(data, payload(n)) {
					t.Errorf("%.20q was not sent", data)
					return
				}
				if seen[n].Swap(true) || n <= last {
					t.Errorf("message %d comes again, or after %d", n, last)
				}
				last = n
			}
			wg.Go(func() {
				for end := false; !end; {
					ctx, cancel := context.WithTimeout(context.Background(), time.Duration(r.IntN(2000))*time.Microsecond)
					switch r.IntN(8) {
					case 0:
						m, err := a.ReadContext(ctx)
						if end = over(err); err == nil {
							got(m.Data)
						}
					case 1:
						n := r.IntN(4)
						for m, err := range a.MessagesContext(ctx) {
							if err != nil {
								end = over(err)
								break
							}
							if got(m.Data); n == 0 {
								break
							}
							n--
						}
						end = end || a.CloseInfo() != nil
					case 2, 3:
						_, s, err := a.Reader(ctx)
						end = over(err)
						var data []byte
						for buf, left := make([]byte, 1+r.IntN(3000)), r.IntN(6); err == nil && left != 0; {
							var n int
							n, err = s.ReadContext(ctx, buf)
							data = append(data, buf[:n]...)
							left-- // it is left unfinished, or read to its end
							if r.IntN(3) > 0 {
								left++
							}
						}
						if err == io.EOF {
							got(data)
						} else {
							end = end || over(err)
						}
					case 4:
						_, err := a.Ping(ctx)
						end = over(err)
					case 5:
						a.SetMessageLimit(int64(10_000 + r.IntN(10_000)))
					case 6:
						a.Context().Err()
						a.State()
					case 7:
						var v int
						err := ReadJSON(ctx, a, &v)
						if e, ok := errors.AsType[*JSONError](err); ok {
							got(e.Message.Data)
						} else {
							end = over(err)
						}
					}
					cancel()
				}
			})
		}
		for i := range messages {
			if err := b.Write(Text, payload(i)); err != nil {
				t.Errorf("Write returns %v", err)
			}
		}
		b.Close(1000, "")
		wg.Wait()
		if !isClean(a.CloseInfo()) {
			t.Errorf("the connection ended with %v", a.CloseInfo())
		}
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for name, cfg := range map[string]*Config{"plain": nil, "compressed": {Compression: &deflate.Config{Threshold: -1}}} {
		t.Run("3/pipe_"+name, func(t *testing.T) {
			a, b := Pipe(cfg)
			run(t, a, b, seed)
		})
	}
	t.Run("3/sockets", func(t *testing.T) {
		eachTransport(t, func(t *testing.T, ours, theirs net.Conn) {
			run(t, New(ours, RoleClient, nil, nil), New(theirs, RoleServer, nil, nil), seed)
		})
	})
}
