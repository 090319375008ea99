package conn

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/internal/conntest"
)

// withhold sends a message of n bytes but for the last one.
func withhold(p *conntest.Peer, n int) {
	f := conntest.Frame{Fin: true, Opcode: conntest.Binary, Masked: true, Key: [4]byte{1, 2, 3, 4}, Payload: make([]byte, n)}
	b := f.Append(nil)
	p.SendBytes(b[:len(b)-1])
}

// inMemory returns how many bytes the connections hold, by looking at them, where nobody who may be about to use them minds; else what r has counted.
func inMemory(r *Registry, conns []*Conn) (n int64) {
	if conntest.RaceEnabled {
		return r.Buffered()
	}
	for _, c := range conns {
		n += c.in.held()
		if z := c.in.inflation; z != nil {
			n += int64(z.window.Held())
		}
	}
	return n
}

// TestRegistryWithheld: thousands of peers that withhold the last byte of a large message hold no more than they may, and the honest ones go on.
func TestRegistryWithheld(t *testing.T) {
	peers, size := 3000, 64<<10
	if conntest.RaceEnabled || testing.Short() {
		peers = 300
	}
	const limit, honest = 8 << 20, 20
	inBubble(t, "10.4/one_after_the_other", func(t *testing.T) {
		r := &Registry{MaxBuffered: limit}
		cfg := &Config{Registry: r, PingInterval: -1}
		var conns []*Conn
		var good, bad []*conntest.Peer
		add := func() *conntest.Peer {
			c, p := talk(t, RoleServer, cfg)
			conns = append(conns, c)
			go echo(c)
			return p
		}
		for range honest {
			good = append(good, add())
		}
		shed := 0
		for i := range peers {
			p := add()
			bad = append(bad, p)
			withhold(p, size)
			time.Sleep(10 * time.Millisecond)
			synctest.Wait()
			if n, counted := inMemory(r, conns), r.Buffered(); n != counted || n > limit+limit/8 {
				t.Fatalf("after %d peers %d bytes are held, %d are counted", i+1, n, counted)
			}
			if i%50 == 0 {
				g := good[i/50%honest]
				g.SendBinary(pattern(100))
				g.WantBinary("an honest peer goes on", pattern(100))
				g.SendBinary(pattern(100 << 10))
				g.WantBinary("also with a large message", pattern(100<<10))
			}
		}
		for _, p := range good {
			p.SendText("still here")
			p.WantText("no honest peer was closed", "still here")
		}
		for _, p := range bad {
			if p.Conn().(*conntest.PipeConn).Readable() {
				p.WantClose("the others are told why", 1013, "all connections together hold more than they may")
				shed++
			}
		}
		want := peers - limit/(2*size) // at most so many stay: the buffers are twice what is in them less than what a frame was announced with
		t.Logf("%d of %d peers were closed", shed, peers)
		if shed < want/2 || shed == peers {
			t.Errorf("%d of %d peers were closed", shed, peers)
		}
	})
	// All at once: what comes before the first has given way meets the hard limit.
	inBubble(t, "10.4/all_at_once", func(t *testing.T) {
		r := &Registry{MaxBuffered: limit}
		cfg := &Config{Registry: r, PingInterval: -1}
		_, g := talkInto(t, cfg)
		var all sync.WaitGroup
		var conns []*Conn
		for range peers {
			c, p := talkInto(t, cfg)
			conns = append(conns, c)
			all.Go(func() {
				withhold(p, size)
				if n := r.Buffered(); n > limit+limit/8+int64(peers)*512 { // the beginnings of messages are not refused
					t.Errorf("%d bytes are held", n)
				}
			})
		}
		all.Wait()
		synctest.Wait()
		if n, counted := inMemory(r, conns), r.Buffered(); n != counted || n > limit {
			t.Errorf("%d bytes are held, %d are counted", n, counted)
		}
		g.SendText("still here")
		g.WantText("an honest peer goes on", "still here")
		time.Sleep(2 * time.Minute) // too slow, all of them
		if n := r.Buffered(); n != 0 {
			t.Errorf("%d bytes are held when all is over", n)
		}
	})
}

// talkInto is talk with a server that echoes.
func talkInto(t *testing.T, cfg *Config) (*Conn, *conntest.Peer) {
	c, p := talk(t, RoleServer, cfg)
	go echo(c)
	return c, p
}

// TestRegistryCounts: what is counted at each step of a conversation is what is held, and in the end nothing.
func TestRegistryCounts(t *testing.T) {
	compressed := &deflate.Config{ServerContextTakeover: true, ClientContextTakeover: true}
	for _, tt := range []struct {
		name string
		cfg  Config
		read func(c *Conn)
	}{
		{"Messages", Config{}, func(c *Conn) {
			for range c.Messages() {
			}
		}},
		{"Read", Config{}, func(c *Conn) {
			for err := error(nil); err == nil; {
				_, err = c.Read()
			}
		}},
		{"ReadAppend", Config{}, func(c *Conn) {
			for err := error(nil); err == nil; {
				_, err = c.ReadAppend(nil)
			}
		}},
		{"compressed", Config{Compression: compressed}, func(c *Conn) {
			for range c.Messages() {
			}
		}},
	} {
		inBubble(t, "10.4/"+tt.name, func(t *testing.T) {
			r := &Registry{}
			tt.cfg.Registry, tt.cfg.PingInterval = r, -1
			c, peer := Pipe(&tt.cfg)
			c, peer = peer, c
			go tt.read(c)
			both := []*Conn{c, peer}
			most := int64(0)
			check := func(sentence string) {
				t.Helper()
				synctest.Wait()
				if held, counted := inMemory(r, both), r.Buffered(); held != counted {
					t.Errorf("%s: %d bytes are held, %d are counted", sentence, held, counted)
				}
				most = max(most, r.Buffered())
			}
			for _, n := range []int{0, 1, 100, 5000, 9000, 70_000, 500_000} {
				peer.Write(Binary, pattern(n))
				check(fmt.Sprintf("after %d bytes", n))
			}
			send := func(wire []byte) {
				for from := 0; from < len(wire); from += 10_007 {
					peer.transport.write(wire[from:min(from+10_007, len(wire))], nil)
					check(fmt.Sprintf("inside a message, after %d bytes", from))
				}
				check("after the message")
			}
			if c.compression == nil {
				if most != 0 {
					t.Errorf("%d bytes are counted between messages", most)
				}
				wire := conntest.Frame{Opcode: conntest.Text, Masked: true, Payload: pattern(300_000)}.Append(nil)
				wire = conntest.Frame{Fin: true, Opcode: conntest.Continuation, Masked: true, Payload: pattern(3000)}.Append(wire)
				send(wire)
				if n := r.Buffered(); n != 0 || most < 300_000 {
					t.Errorf("%d bytes are counted, %d at most", n, most)
				}
			} else {
				if n := r.Buffered(); n != 32<<10 {
					t.Errorf("%d bytes are counted for the window", n)
				}
				random := rand.New(rand.NewPCG(1, 2))
				noise := make([]byte, 30_000)
				for i := range noise {
					noise[i] = byte(random.Uint32())
				}
				send(conntest.Frame{Fin: true, RSV: 4, Opcode: conntest.Binary, Masked: true, Payload: deflate.CompressMessage(nil, noise, 15, deflate.LevelFast)}.Append(nil))
				if n := r.Buffered(); n != 32<<10 || most < 32<<10+32<<10+inflaterSize {
					t.Errorf("%d bytes are counted for the window, %d at most", n, most)
				}
			}
			peer.CloseNow()
			synctest.Wait()
			if n := r.Buffered(); n != 0 || r.dying.Load() != 0 {
				t.Errorf("%d bytes are counted in the end", n)
			}
		})
	}
	inBubble(t, "10.4/small_messages_cost_nothing", func(t *testing.T) {
		c, p := talkInto(t, &Config{Registry: &Registry{}})
		for _, n := range []int{1, 100, 4000, 8000} {
			p.SendBinary(pattern(n))
			p.WantBinary("it echoes", pattern(n))
		}
		if c.meter.Load() != nil {
			t.Error("something was counted")
		}
	})
	inBubble(t, "10.4/the_next_message_is_held_anew", func(t *testing.T) {
		c, p := talkInto(t, &Config{Registry: &Registry{}})
		f := conntest.Frame{Fin: true, Opcode: conntest.Binary, Masked: true, Payload: pattern(30_000)}.Append(nil)
		p.SendBytes(f[:20_000])
		time.Sleep(10 * time.Second)
		since := func() int64 {
			synctest.Wait()
			m := c.meter.Load()
			m.mu.Lock()
			defer m.mu.Unlock()
			return m.since[stockReceived]
		}
		first := since()
		p.SendBytes(slices.Concat(f[20_000:], f[:20_000]))
		p.WantBinary("the first message is complete", pattern(30_000))
		if again := since(); again-first != int64(10*time.Second) {
			t.Errorf("held since %v, then since %v", first, again)
		}
	})
	inBubble(t, "10.4/what_the_function_has", func(t *testing.T) {
		r := &Registry{}
		c, p := talk(t, RoleServer, &Config{Registry: r})
		var bodies [2]int64
		for m, err := range c.MessagesContext(sendLater(t, p)) {
			if err != nil {
				break
			}
			bodies[min(len(m.Data)/1000, 1)] = r.Buffered()
		}
		if bodies[0] != 0 || bodies[1] < 100_000 {
			t.Errorf("%d bytes are counted in the body", bodies)
		}
	})
}

// sendLater sends a small and a large message, and ends the context.
func sendLater(t *testing.T, p *conntest.Peer) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		p.SendBinary(pattern(100))
		p.SendBinary(pattern(100_000))
		synctest.Wait()
	}()
	return ctx
}

// TestRegistryRefuses: a message for which there is no room is not gone on with, in whatever way it comes.
func TestRegistryRefuses(t *testing.T) {
	const limit = 64 << 10
	reads := map[string]func(c *Conn) error{
		"Messages": func(c *Conn) (err error) {
			for _, err = range c.Messages() {
			}
			return err
		},
		"Read": func(c *Conn) error { _, err := c.Read(); return err },
	}
	for name, read := range reads {
		for _, tt := range []struct {
			name   string
			frames []conntest.Frame
		}{
			{"one_frame", []conntest.Frame{{Fin: true, Opcode: conntest.Binary, Payload: pattern(2 * limit)}}},
			{"fragments", slices.Repeat([]conntest.Frame{{Opcode: conntest.Continuation, Payload: pattern(5000)}}, 30)},
		} {
			if tt.frames[0].Opcode == conntest.Continuation {
				tt.frames[0].Opcode = conntest.Binary
			}
			eachTransport(t, func(t *testing.T, ours, theirs net.Conn) {
				r := &Registry{MaxBuffered: limit}
				c := New(ours, RoleServer, nil, &Config{Registry: r})
				p := conntest.NewPeer(t, theirs, true)
				var wire []byte
				for i, f := range tt.frames {
					f.Masked, f.Key = true, [4]byte{1, 2, byte(i), 4}
					wire = f.Append(wire)
				}
				go theirs.Write(wire) // not all of which is taken
				err := read(c)
				e, ok := errors.AsType[*CloseError](err)
				if !ok || e.Sent == nil || e.Sent.Code != 1013 || e.Received != nil {
					t.Errorf("10.4/%s/%s: the read returns %v", name, tt.name, err)
				}
				if n := r.Buffered(); n != 0 {
					t.Errorf("10.4/%s/%s: %d bytes are counted", name, tt.name, n)
				}
				p.WantClose("the peer is told why", 1013, nil)
				p.Close()
				c.Wait(t.Context())
			})
		}
	}
	inBubble(t, "10.4/compressed", func(t *testing.T) {
		r := &Registry{MaxBuffered: limit}
		peer, c := Pipe(&Config{Registry: r, Compression: &deflate.Config{}})
		go peer.Write(Binary, make([]byte, 4*limit))
		_, err := c.Read()
		if e, ok := errors.AsType[*CloseError](err); !ok || e.Sent == nil || e.Sent.Code != 1013 {
			t.Errorf("Read returns %v", err)
		}
		peer.Read()
		if n := r.Buffered(); n != 0 {
			t.Errorf("%d bytes are counted", n)
		}
	})
	inBubble(t, "10.4/the_beginning_of_a_message", func(t *testing.T) {
		r := &Registry{MaxBuffered: 1 << 10}
		r.relieving.Store(true) // nobody is closed
		ours, theirs := conntest.Pipe(64 << 10)
		f := conntest.Frame{Opcode: conntest.Binary, Masked: true, Payload: pattern(20_000)}.Append(nil)
		c := New(ours, RoleServer, f, &Config{Registry: r})
		defer theirs.Close()
		if _, err := c.Read(); !errors.Is(err, errNoRoom) {
			t.Errorf("Read returns %v", err)
		}
	})
	inBubble(t, "10.4/without_a_Registry", func(t *testing.T) {
		c, _ := talk(t, RoleServer, nil)
		if c.hold(stockQueued, 1<<40); !c.tryHold(stockQueued, 1<<40) || c.meter.Load() != nil {
			t.Error("something is counted")
		}
	})
	// There was no room, but there is when the rest comes.
	inBubble(t, "10.4/room_again", func(t *testing.T) {
		r := &Registry{MaxBuffered: limit}
		_, p := talkInto(t, &Config{Registry: r, PingInterval: -1})
		other, _ := talk(t, RoleServer, &Config{Registry: r})
		f := conntest.Frame{Fin: true, Opcode: conntest.Binary, Masked: true, Payload: pattern(limit)}.Append(nil)
		r.relieving.Store(true) // nobody is closed
		if !other.tryHold(stockQueued, limit*5/8) || other.tryHold(stockQueued, limit) {
			t.Fatalf("%d bytes are counted", r.Buffered())
		}
		p.SendBytes(f[:len(f)-limit/2]) // what there is of it fills a buffer, and there is no room for a larger one
		synctest.Wait()
		if n := r.Buffered(); n != r.most()+readBufferSize {
			t.Fatalf("%d bytes are counted", n)
		}
		other.hold(stockQueued, -limit*5/8)
		p.SendBytes(f[len(f)-limit/2:])
		p.WantBinary("the message is complete", pattern(limit))
	})
	t.Run("10.4/over_it_there_is_503", func(t *testing.T) {
		for _, u := range upgraders {
			inBubble(t, u.name, func(t *testing.T) {
				r := &Registry{MaxBuffered: limit}
				r.relieving.Store(true) // nobody is closed
				c, _ := talk(t, RoleServer, &Config{Registry: r})
				c.hold(stockQueued, limit)
				if status, _, _ := u.upgrade(t, &Config{Registry: r}); status != 101 {
					t.Errorf("at the limit the answer is %d", status)
				}
				c.hold(stockQueued, 1)
				if status, header, _ := u.upgrade(t, &Config{Registry: r}); status != 503 || header.Get("Retry-After") != "10" {
					t.Errorf("over the limit the answer is %d, %v", status, header)
				}
				c.hold(stockQueued, -1-limit)
				r.Close()
			})
		}
	})
}

// TestRegistryLimits: the numbers of the contract.
func TestRegistryLimits(t *testing.T) {
	for _, tt := range []struct{ max, limit, most int64 }{
		{0, 1 << 30, 1<<30 + 1<<27},
		{-1, 1<<63 - 1, 1<<63 - 1},
		{1 << 62, 1 << 62, 1<<62 + 1<<59},
		{80, 80, 90},
	} {
		r := &Registry{MaxBuffered: tt.max}
		if r.limit() != tt.limit || r.most() != tt.most {
			t.Errorf("10.4/MaxBuffered %d: %d and %d", tt.max, r.limit(), r.most())
		}
	}
}

// TestRegistryVictims: who holds most for longest is closed, and nobody else.
func TestRegistryVictims(t *testing.T) {
	const limit = 1 << 20
	type holder struct {
		stock stock
		bytes int64
		since time.Duration // before the limit is passed
		anew  time.Duration // when it last began anew; 0 for never
		shed  bool
	}
	for _, tt := range []struct {
		name    string
		holders []holder
	}{
		{"most", []holder{{stockReceived, 600 << 10, 0, 0, true}, {stockReceived, 500 << 10, 0, 0, false}}},
		{"longest", []holder{{stockReceived, 600 << 10, time.Second, 0, false}, {stockReceived, 500 << 10, 3 * time.Second, 0, true}}},
		{"a_queue", []holder{{stockQueued, 400 << 10, 3 * time.Second, 0, true}, {stockReceived, 650 << 10, 0, 0, false}}},
		{"messages_one_after_the_other_are_not_one", []holder{{stockReceived, 500 << 10, time.Hour, time.Millisecond, false}, {stockReceived, 400 << 10, 5 * time.Second, 0, true}, {stockReceived, 200 << 10, 0, 0, false}}},
		{"windows_are_no_guilt", []holder{{stockKept, 32 << 10, time.Hour, 0, false}, {stockReceived, 1000 << 10, 0, 0, true}}},
		{"but_if_there_is_nothing_else", []holder{{stockKept, 300 << 10, time.Hour, 0, false}, {stockKept, 800 << 10, 0, 0, true}}},
		{"as_many_as_it_takes", []holder{{stockReceived, 300 << 10, 4 * time.Second, 0, true}, {stockReceived, 300 << 10, 3 * time.Second, 0, true}, {stockReceived, 300 << 10, 2 * time.Second, 0, false}, {stockReceived, 300 << 10, time.Second, 0, false}}},
		{"not_over_it", []holder{{stockReceived, 512 << 10, time.Hour, 0, false}, {stockReceived, 512 << 10, time.Hour, 0, false}}},
	} {
		inBubble(t, "10.4/"+tt.name, func(t *testing.T) {
			r := &Registry{MaxBuffered: limit}
			var conns []*Conn
			for range tt.holders {
				c, p := talk(t, RoleServer, &Config{Registry: r, CloseTimeout: -1})
				defer p.Close()
				conns = append(conns, c)
			}
			began := time.Now()
			for i, h := range tt.holders {
				time.AfterFunc(time.Hour-h.since, func() { conns[i].hold(h.stock, h.bytes) })
				if h.anew > 0 {
					time.AfterFunc(time.Hour-h.anew, func() { conns[i].holdAnew(h.stock) })
				}
			}
			time.Sleep(time.Hour)
			synctest.Wait()
			if time.Since(began) != time.Hour {
				t.Fatal("time")
			}
			for i, h := range tt.holders {
				if e := conns[i].CloseInfo(); (e != nil) != h.shed {
					t.Errorf("number %d: ended with %v, want that %v", i+1, e, h.shed)
				}
				conns[i].hold(h.stock, -h.bytes)
			}
			if r.Buffered() != 0 || r.dying.Load() != 0 {
				t.Errorf("%d bytes, %d of them dying", r.Buffered(), r.dying.Load())
			}
		})
	}
}

// TestRegistryShedding: a connection that is closed from outside gives back what it holds and tells its peer, whatever its reader does.
func TestRegistryShedding(t *testing.T) {
	const reason = "all connections together hold more than they may"
	for _, tt := range []struct {
		name string
		use  func(c *Conn) error // returns what ended it
	}{
		{"Read", func(c *Conn) error { _, err := c.Read(); return err }},
		{"Messages", func(c *Conn) (err error) {
			for _, err = range c.Messages() {
			}
			return err
		}},
		{"between_reads", func(c *Conn) error {
			ctx, cancel := context.WithCancel(context.Background())
			go func() {
				for c.meter.Load() == nil {
					time.Sleep(time.Millisecond)
				}
				time.Sleep(10 * time.Millisecond)
				cancel()
			}()
			_, err := c.ReadContext(ctx)
			if !errors.Is(err, context.Canceled) {
				return err
			}
			<-c.done()
			_, err = c.Read()
			return err
		}},
	} {
		eachTransport(t, func(t *testing.T, ours, theirs net.Conn) {
			r := &Registry{}
			c := New(ours, RoleServer, nil, &Config{Registry: r})
			ended := make(chan error, 1)
			go func() { ended <- tt.use(c) }()
			p := conntest.NewPeer(t, theirs, true)
			withhold(p, 50<<10)
			for r.Buffered() < 50<<10 {
				time.Sleep(time.Millisecond)
			}
			if tt.name == "between_reads" {
				for !c.turn.tryTake() {
					time.Sleep(time.Millisecond)
				}
				c.turn.pass(nobody)
			}
			c.shed()
			p.WantClose("the peer is told", 1013, reason)
			for r.Buffered() > 0 {
				time.Sleep(time.Millisecond)
			}
			p.SendBytes([]byte{0})
			p.SendClose(1013, "")
			p.WantEOF("it lingers until the peer is done")
			p.Close()
			err := <-ended
			e, ok := errors.AsType[*CloseError](err)
			if !ok || e.Err != errNoRoom || e.Sent == nil || e.Sent.Code != 1013 {
				t.Errorf("10.4/%s: ended with %v", tt.name, err)
			}
			<-c.done()
			c.shed() // of a connection that has ended
			if r.Len() != 0 || r.dying.Load() != 0 {
				t.Errorf("10.4/%s: %d connections, %d bytes dying", tt.name, r.Len(), r.dying.Load())
			}
		})
	}
	inBubble(t, "10.4/a_reader_that_does_not_notice", func(t *testing.T) {
		r := &Registry{}
		c, p := talk(t, RoleServer, &Config{Registry: r})
		c.turn.tryTake()
		c.shed()
		p.WantClose("the peer is told", 1013, reason)
		began := time.Now()
		c.setReadDeadline(began.Add(time.Hour)) // what was due when it looked last
		if _, err := c.transport.read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != 0 {
			t.Errorf("the next wait ends with %v after %v", err, time.Since(began))
		}
		time.Sleep(DefaultCloseTimeout)
		p.WantEOF("it is cut")
		<-c.done()
		c.turn.pass(nobody)
	})
	// The memory is the function's; but the connection ends in time.
	inBubble(t, "10.4/the_body_of_Messages", func(t *testing.T) {
		r := &Registry{}
		c, p := talk(t, RoleServer, &Config{Registry: r})
		leave := make(chan bool)
		go func() {
			for _, err := range c.Messages() {
				if err == nil {
					<-leave
				}
			}
		}()
		p.SendBinary(pattern(50 << 10))
		synctest.Wait()
		c.shed()
		p.WantClose("the peer is told", 1013, reason)
		if err := c.Write(Text, nil); !errors.Is(err, ErrClosed) {
			t.Errorf("Write returns %v", err)
		}
		time.Sleep(DefaultCloseTimeout)
		p.WantEOF("it is cut")
		if r.Buffered() == 0 || r.living() != 0 {
			t.Errorf("%d bytes, %d by connections that live", r.Buffered(), r.living())
		}
		leave <- true
		synctest.Wait()
		if r.Buffered() != 0 || r.Len() != 0 {
			t.Errorf("%d bytes of %d connections", r.Buffered(), r.Len())
		}
	})
	// What a connection holds that was cut is no reason to close others.
	inBubble(t, "10.4/CloseNow_in_the_body_of_Messages", func(t *testing.T) {
		r := &Registry{}
		c, p := talk(t, RoleServer, &Config{Registry: r})
		go p.SendBinary(pattern(50 << 10))
		for range c.Messages() {
			if c.CloseNow(); r.Buffered() == 0 || r.living() != 0 {
				t.Errorf("%d bytes, %d by connections that live", r.Buffered(), r.living())
			}
			break
		}
		if r.Buffered() != 0 || r.dying.Load() != 0 {
			t.Errorf("%d bytes, %d of them dying", r.Buffered(), r.dying.Load())
		}
	})
}

// TestRegistryCountsOutput: what waits for a peer that does not read counts, until it has left or is dropped; a prepared message counts its bytes to nobody.
func TestRegistryCountsOutput(t *testing.T) {
	r := &Registry{}
	eachPipe(t, "10.4/send_queue", &Config{Registry: r}, func(t *testing.T, c *Conn, p *conntest.Peer) {
		n := fill(t, c)
		before := r.Buffered()
		if before < 1 {
			t.Errorf("%d bytes are counted of the rest of a frame", before)
		}
		c.Send(Binary, pattern(1000))
		if got := r.Buffered() - before; got != 1000+queuedOverhead {
			t.Errorf("%d bytes are counted of a message of 1000", got)
		}
		m, _ := Prepare(Binary, pattern(1000))
		c.SendPrepared(m)
		if got := r.Buffered() - before; got != 1000+2*queuedOverhead {
			t.Errorf("%d bytes are counted with a prepared message", got)
		}
		for range n + 2 {
			p.Next("what was sent")
		}
		synctest.Wait()
		if got := r.Buffered(); got != 0 {
			t.Errorf("%d bytes are counted when all has left", got)
		}
		fill(t, c)
		c.Send(Binary, pattern(1000))
		c.CloseNow()
		synctest.Wait()
		if got := r.Buffered(); got != 0 {
			t.Errorf("%d bytes are counted when the connection has ended", got)
		}
	})
	eachPipe(t, "10.4/no_room", &Config{Registry: &Registry{MaxBuffered: 100_000}}, func(t *testing.T, c *Conn, p *conntest.Peer) {
		fill(t, c)
		var err error
		for err == nil {
			err = c.SendContext(t.Context(), Binary, pattern(10_000))
		}
		if err != ErrSendQueueFull && !errors.Is(err, errNoRoom) {
			t.Errorf("error is %v", err)
		}
	})
}
