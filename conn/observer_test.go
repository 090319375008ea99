package conn

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/conntest"
)

// events is an Observer that notes what it is told.
type events struct {
	mu  sync.Mutex
	all []string
}

func (o *events) Observe(c *Conn, e Observation) {
	c.State() // may be asked
	s := e.Kind.String()
	if e.Kind != ObservedOpened && e.Kind != ObservedClosed {
		s += fmt.Sprintf(" %v %d", e.Opcode, e.Size)
	}
	if e.Code != 0 {
		s += fmt.Sprintf(" code %d", e.Code)
	}
	if e.RTT != 0 {
		s += " rtt " + e.RTT.String()
	}
	if e.Queue != 0 {
		s += fmt.Sprintf(" queue %d", e.Queue)
	}
	if e.End != nil {
		s += ": " + e.End.Error()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, s)
}

func (o *events) want(t *testing.T, want ...string) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if !slices.Equal(o.all, want) {
		t.Errorf("events are\n\t%s\nwant\n\t%s", strings.Join(o.all, "\n\t"), strings.Join(want, "\n\t"))
	}
	o.all = nil
}

func TestObserver(t *testing.T) {
	o := &events{}
	eachPipe(t, "5/all_kinds", &Config{Observer: o, SendQueue: 2000}, func(t *testing.T, c *Conn, p *conntest.Peer) {
		o.want(t, "opened")
		got := readAll(c)
		p.SendText("Hello")
		p.SendPing("abc")
		synctest.Wait()
		p.WantPong("answered", "abc")
		o.want(t, "message received text 5", "control frame received ping 3", "control frame sent pong 3")
		c.Write(Binary, pattern(10))
		w := writer(t, c, Text)
		w.Write([]byte("1"))
		w.Flush()
		w.Close()
		m, _ := Prepare(Text, []byte("prepared"))
		c.SendPrepared(m)
		c.Send(Text, []byte("sent"))
		synctest.Wait()
		o.want(t, "message sent binary 10", "message sent text 1", "message sent continuation 0", "message sent text 8", "message sent text 4")
		if c.Send(Text, make([]byte, 1990)) == nil {
			t.Error("there was room")
		}
		for range 5 {
			p.Next("what was sent")
		}
		rtt := make(chan time.Duration)
		go func() {
			d, _ := c.Ping(t.Context())
			rtt <- d
		}()
		f := p.Next("the ping")
		time.Sleep(time.Second)
		p.SendPong(string(f.Payload))
		<-rtt
		synctest.Wait() // the Observer is told after who waits
		o.want(t, "send queue full text 1990", "control frame sent ping 8", "control frame received pong 8 rtt 1s")
		p.SendClose(1001, "bye")
		p.WantClose("echoed", 1001, "")
		p.Close()
		<-got
		synctest.Wait()
		c.CloseNow()
		o.want(t, "control frame received connection close 3 code 1001", "control frame sent connection close 2 code 1001", `closed: hawser: connection closed: received close 1001 (Going Away) "bye", sent close 1001 (Going Away)`)
	})
	eachPipe(t, "5/queue_full", &Config{Observer: o, SendQueue: 70000}, func(t *testing.T, c *Conn, p *conntest.Peer) {
		fill(t, c)
		synctest.Wait()
		o.mu.Lock()
		o.all = nil
		o.mu.Unlock()
		before := c.BufferedAmount()
		c.Send(Binary, make([]byte, 69930))
		o.want(t, fmt.Sprintf("send queue full binary 69930 queue %d", before))
		c.Send(Binary, make([]byte, 70000))
		o.want(t, fmt.Sprintf("send queue full binary 70000 queue %d", before))
	})
}

func TestObservationKindNames(t *testing.T) {
	for k := ObservedOpened; k <= ObservedClosed; k++ {
		if k.String() == "invalid" {
			t.Errorf("%d has no name", k)
		}
	}
	if ObservationKind(0).String() != "invalid" {
		t.Error("0 has a name")
	}
}

func TestLogObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		l := slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}))
		o := LogObserver(l)
		client, server := Pipe(nil)
		o.Observe(client, Observation{Kind: ObservedOpened})
		o.Observe(client, Observation{Kind: ObservedControlReceived, Opcode: frame.OpcodePong, Size: 8, RTT: time.Second})
		o.Observe(client, Observation{Kind: ObservedControlSent, Opcode: frame.OpcodeClose, Size: 2, Code: 1000})
		o.Observe(client, Observation{Kind: ObservedQueueFull, Opcode: frame.OpcodeText, Size: 3, Queue: 4})
		o.Observe(client, Observation{Kind: ObservedClosed, End: &CloseError{Received: &Close{Code: 1000}}})
		o.Observe(client, Observation{Kind: ObservedClosed, End: &CloseError{EOF: EOFInside}})
		want := `level=INFO msg="hawser: opened" remote=pipe subprotocol="" extensions=""
level=DEBUG msg="hawser: control frame received" remote=pipe opcode=pong size=8 rtt=1s
level=DEBUG msg="hawser: control frame sent" remote=pipe opcode="connection close" size=2 code=1000
level=INFO msg="hawser: send queue full" remote=pipe opcode=text size=3 queue=4
level=INFO msg="hawser: closed" remote=pipe end="hawser: connection closed: received close 1000 (Normal Closure)"
level=WARN msg="hawser: closed" remote=pipe end="hawser: connection closed: the peer ended the stream inside a message"
`
		if b.String() != want {
			t.Errorf("it logs\n%swant\n%s", b.String(), want)
		}
		b.Reset()
		LogObserver(slog.New(slog.NewTextHandler(&b, nil))).Observe(client, Observation{Kind: ObservedMessageSent})
		if b.Len() > 0 {
			t.Errorf("it logs %q at a level that is not asked for", b.String())
		}
		client.CloseNow()
		server.CloseNow()
	})
}

func TestStats(t *testing.T) {
	eachPipe(t, "5/counts", nil, func(t *testing.T, c *Conn, p *conntest.Peer) {
		begun := time.Now()
		if s := c.Stats(); s != (Stats{Opened: begun, LastReceived: s.LastReceived}) || s.LastReceived.Sub(begun) > 1 {
			t.Errorf("at first: %+v", s)
		}
		got := readAll(c)
		time.Sleep(time.Second)
		p.SendText("12345")
		p.SendPing("")
		p.WantPong("answered", "")
		c.Write(Binary, pattern(1000))
		w := writer(t, c, Binary)
		w.Write(pattern(20000))
		w.Close()
		for range 3 {
			p.Next("a frame")
		}
		synctest.Wait()
		s := c.Stats()
		mask := uint64(4) // of a client's frames
		if c.Role() == RoleServer {
			mask = 0
		}
		if s.MessagesReceived != 1 || s.MessagesSent != 2 || s.BytesReceived != 2+5+2+2*(4-mask) || s.BytesSent != 2+4+1000+4+20000+2+4*mask || !s.Reading ||
			s.LastReceived.Sub(begun).Round(time.Millisecond) != time.Second || s.BufferedAmount != 0 {
			t.Errorf("it is %+v", s)
		}
		p.SendClose(1000, "")
		p.WantClose("echoed", 1000, "")
		p.Close()
		<-got
		synctest.Wait()
		if c.Stats().Reading {
			t.Error("nobody reads")
		}
	})
}
