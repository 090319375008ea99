package conn

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/internal/conntest"
)

// A stamped message says who sent it and which of theirs it is, and its bytes follow from that.
func stamped(sender, n, size int) []byte {
	p := binary.BigEndian.AppendUint32(nil, uint32(sender))
	p = binary.BigEndian.AppendUint32(p, uint32(n))
	return append(p, bytes.Repeat([]byte{byte(sender ^ n)}, size)...)
}

func checkStamp(p []byte) (sender, n int, err error) {
	if len(p) < 8 {
		return 0, 0, fmt.Errorf("a message of %d bytes", len(p))
	}
	sender, n = int(binary.BigEndian.Uint32(p)), int(binary.BigEndian.Uint32(p[4:]))
	for i, b := range p[8:] {
		if b != byte(sender^n) {
			return sender, n, fmt.Errorf("message %d of sender %d is wrong at byte %d of %d", n, sender, i, len(p))
		}
	}
	return sender, n, nil
}

// shortContext returns a context that may end in the middle of a write.
func shortContext(rnd *rand.Rand) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), time.Duration(rnd.IntN(200))*time.Microsecond)
}

// sendStamped sends message n of a sender in a way chosen by rnd, and reports whether the peer must get it, and whether it may.
func sendStamped(c *Conn, rnd *rand.Rand, sender, n int) (must, may bool) {
	sizes := []int{0, 10, 1000, 5000, 20000, 70000}
	p := stamped(sender, n, sizes[rnd.IntN(len(sizes))])
	defer clear(p) // it is not retained
	kept := func(err error) (bool, bool) {
		if e, ok := errors.AsType[*InterruptedError](err); ok {
			return e.Kept, e.Kept
		}
		return err == nil, err == nil || errors.Is(err, ErrClosed)
	}
	switch rnd.IntN(7) {
	case 0:
		return kept(c.Send(Binary, p))
	case 1:
		ctx, cancel := shortContext(rnd)
		defer cancel()
		return kept(c.WriteContext(ctx, Binary, p))
	case 2:
		ctx, cancel := shortContext(rnd)
		defer cancel()
		return kept(c.SendContext(ctx, Binary, p))
	case 3:
		m, _ := Prepare(Binary, p)
		if rnd.IntN(2) == 0 {
			return kept(c.SendPrepared(m))
		}
		return kept(c.WritePrepared(m))
	case 4:
		w, err := c.Writer(context.Background(), Binary)
		if err != nil {
			return false, false
		}
		for rest := p; len(rest) > 0; {
			k := 1 + rnd.IntN(len(rest))
			if _, err := w.Write(rest[:k]); err != nil {
				break
			}
			rest = rest[k:]
		}
		return kept(w.Close())
	default:
		return kept(c.Write(Binary, p))
	}
}

// TestWritesFromEverywhere: whoever writes, and however, each message comes whole and once, and those of one goroutine in its order.
func TestWritesFromEverywhere(t *testing.T) {
	const senders = 6
	messages := 150
	if testing.Short() || conntest.RaceEnabled {
		messages = 60
	}
	for name, cfg := range map[string]*Config{
		"plain":      {SendQueue: 200 << 10},
		"compressed": {SendQueue: 200 << 10, Compression: &deflate.Config{ServerContextTakeover: true, ClientContextTakeover: true}},
	} {
		for _, transport := range []string{"pipe", "tcp", "stream"} {
			t.Run("2.9/"+name+"/"+transport, func(t *testing.T) {
				conntest.CheckLeaks(t)
				a, b := Pipe(cfg)
				if transport != "pipe" {
					x, y := net.Conn(nil), net.Conn(nil)
					if transport == "tcp" {
						x, y = tcpPair(t)
					} else {
						x, y = conntest.Pipe(30000)
						x, y = struct{ net.Conn }{x}, struct{ net.Conn }{y}
					}
					r := cfg.resolved()
					compressed := a.compression != nil
					a, b = newConn(x, RoleClient, nil, &r), newConn(y, RoleServer, nil, &r)
					if compressed {
						a.compress(takeover, "permessage-deflate")
						b.compress(takeover, "permessage-deflate")
					}
				}
				var group sync.WaitGroup
				var mu sync.Mutex
				musts, mays := map[[2]int]bool{}, map[[2]int]bool{}
				for sender := range senders {
					group.Go(func() {
						rnd := rand.New(rand.NewPCG(uint64(sender), 1))
						for n := range messages {
							must, may := sendStamped(a, rnd, sender, n)
							mu.Lock()
							musts[[2]int{sender, n}], mays[[2]int{sender, n}] = must, may
							mu.Unlock()
						}
					})
				}
				closed := make(chan error, 1)
				go func() {
					group.Wait()
					closed <- a.Close(1000, "")
				}()
				got, last := map[[2]int]bool{}, map[int]int{}
				for {
					m, err := b.Read()
					if err != nil {
						if !errors.Is(err, io.EOF) {
							t.Errorf("it ended with %v", err)
						}
						break
					}
					sender, n, err := checkStamp(m.Data)
					if err != nil {
						t.Fatal(err)
					}
					if previous, ok := last[sender]; ok && n <= previous {
						t.Errorf("message %d of sender %d came behind its %d", n, sender, previous)
					}
					last[sender] = n
					got[[2]int{sender, n}] = true
				}
				if err := <-closed; err != nil {
					t.Error(err)
				}
				for k, must := range musts {
					if must && !got[k] || got[k] && !mays[k] {
						t.Errorf("message %v: must come %v, may come %v, came %v", k, must, mays[k], got[k])
					}
				}
			})
		}
	}
}

// TestEndRaces: however the calls that end a connection meet those that use it, all return, and both sides agree that it is over.
func TestEndRaces(t *testing.T) {
	rounds := 2000
	if conntest.RaceEnabled {
		rounds = 500
	}
	if n, err := strconv.Atoi(os.Getenv("HAWSER_CLOSE_RACES")); err == nil {
		rounds = n // 100,000 were run by hand
	}
	conntest.CheckLeaks(t)
	cfg := &Config{CloseTimeout: 10 * time.Second, SendQueue: 100 << 10}
	for round := range rounds {
		a, b := Pipe(cfg)
		var group sync.WaitGroup
		for i, c := range []*Conn{a, b} {
			go func() { // or a write would wait for its timeout
				for c.CloseInfo() == nil {
					c.Read()
				}
			}()
			for j := range 3 {
				group.Go(func() {
					rnd := rand.New(rand.NewPCG(uint64(round), uint64(2*j+i)))
					for range 1 + rnd.IntN(4) {
						disturb(c, rnd)
					}
				})
			}
		}
		group.Wait()
		a.CloseNow()
		b.CloseNow()
		for _, c := range []*Conn{a, b} {
			<-c.done()
			if c.State() != StateClosed || c.CloseInfo() == nil || c.Write(Binary, nil) == nil {
				t.Fatalf("round %d: state %v, info %v", round, c.State(), c.CloseInfo())
			}
		}
	}
}

// disturb does something with c that ends by itself.
func disturb(c *Conn, rnd *rand.Rand) {
	ctx, cancel := shortContext(rnd)
	defer cancel()
	switch rnd.IntN(12) {
	case 0:
		c.Close(1000, "")
	case 1:
		c.CloseNow()
	case 2:
		c.ReadContext(ctx)
	case 3:
		for range c.MessagesContext(ctx) {
			if rnd.IntN(2) == 0 {
				break
			}
		}
	case 4:
		c.Ping(ctx)
	case 5:
		go c.Close(1001, "")
	case 6:
		c.Wait(ctx)
	default:
		sendStampedUntil(ctx, c, rnd)
	}
}

// sendStampedUntil sends a message, and does not wait beyond ctx.
func sendStampedUntil(ctx context.Context, c *Conn, rnd *rand.Rand) {
	p := stamped(0, 0, rnd.IntN(70000))
	switch rnd.IntN(3) {
	case 0:
		c.Send(Binary, p)
	case 1:
		c.WriteContext(ctx, Binary, p)
	case 2:
		if w, err := c.Writer(ctx, Binary); err == nil {
			w.Write(p)
			if rnd.IntN(2) == 0 {
				go w.Close() // which waits for a peer that does not read
			} else {
				defer c.CloseNow()
			}
		}
	}
}
