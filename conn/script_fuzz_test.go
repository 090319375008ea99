package conn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/conntest"
)

// A fuzzScript is one connection's life: what the peer sends, frame by frame, legal or not, where its bytes are split, which operation of the transport fails, and which calls this side makes
// meanwhile.
type fuzzScript struct {
	role    Role
	deflate bool
	loop    bool // a Messages loop reads all the time, else only the calls of Read do
	split   int  // reads of the transport end after so many bytes, 0 for anywhere
	fault   int  // the operation that fails
	kind    conntest.Kind
	steps   []byte // two bytes for each
}

const (
	mostSteps   = 40
	scriptLimit = 40 << 10 // of a message
)

func parseScript(b []byte) (s fuzzScript, ok bool) {
	if len(b) < 4 {
		return s, false
	}
	s = fuzzScript{role: Role(b[0] & 1), deflate: b[0]&2 != 0, loop: b[0]&4 != 0, split: int(b[1]%16) + 1, fault: int(b[2] % 64), kind: -1}
	if kinds := conntest.Kinds(); b[3]&1 != 0 {
		s.kind = kinds[int(b[3]/2)%len(kinds)]
	}
	s.steps = b[4:min(len(b), 4+2*mostSteps)]
	return s, true
}

// story is what a script came to.
type story struct {
	messages []string
	end      string
	input    []byte // what the peer sent
}

// scriptRun is a script that runs, in a bubble.
type scriptRun struct {
	t    *testing.T
	s    fuzzScript
	c    *Conn
	peer *conntest.PipeConn
	story
}

// run runs the script with these splits, and its fault if faulty.
func (s fuzzScript) run(t *testing.T, split int, faulty bool) (told story) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := conntest.Pipe(4 << 20) // more than a script sends: the peer never waits
		var nc net.Conn = conntest.Chopped(ours, split)
		if faulty {
			nc = conntest.NewFaultConn(nc, s.fault, s.kind)
		}
		tap := conntest.Tap(t, nc, conntest.Role(s.role))
		tap.Inspect(func(w *conntest.Wire) {
			w.AllowFixedKeys() // of 10^8 runs, some would meet the same random key twice
			if s.deflate {
				w.PermessageDeflate(true)
			}
		})
		r := &scriptRun{t: t, s: s, peer: theirs}
		r.c = New(tap, s.role, nil, &Config{MessageLimit: scriptLimit, SendQueue: 32 << 10, Compression: &deflate.Config{}})
		if s.deflate {
			r.c.compress(takeover, "")
		}
		go io.Copy(io.Discard, theirs)
		read := make(chan struct{})
		go func() {
			defer close(read)
			if !s.loop {
				return
			}
			for m, err := range r.c.Messages() {
				if err != nil {
					if !errors.Is(err, ErrClosed) {
						t.Errorf("the loop ended with %v, which is not terminal", err)
					}
					return
				}
				r.message(m)
			}
		}()
		for step := range slices.Chunk(s.steps, 2) {
			synctest.Wait()
			if len(step) == 2 {
				r.step(step[0], step[1])
			}
		}
		synctest.Wait()
		r.end()
		theirs.Close()
		<-read
		synctest.Wait() // a goroutine that is left makes the bubble fail
		told = r.story
	})
	return told
}

func (r *scriptRun) message(m Message) {
	r.messages = append(r.messages, fmt.Sprintf("%v %q", m.Type, m.Data))
}

// end ends the connection, and checks that nothing works any more.
func (r *scriptRun) end() {
	if e := r.c.CloseInfo(); e != nil {
		r.story.end = fmt.Sprintf("%v, local %v, clean %v", e, e.Local, e.Clean())
	}
	r.call("CloseNow", func() error { r.c.CloseNow(); return nil })
	synctest.Wait()
	if r.c.CloseInfo() == nil {
		r.t.Error("CloseNow did not end the connection")
	}
	_, err := r.c.Read()
	if write := r.c.Write(Text, nil); !errors.Is(err, ErrClosed) || !errors.Is(write, ErrClosed) {
		r.t.Errorf("after the end Read returns %v, Write %v", err, write)
	}
}

// patience is more than any call may take: the longest are the write timeout, the close timeout, and a keepalive that has to notice a read that stalls.
const patience = 2 * (DefaultPingInterval + DefaultPongTimeout + DefaultCloseTimeout)

func (r *scriptRun) call(name string, f func() error) {
	start := time.Now()
	err := f()
	if took := time.Since(start); took > patience {
		r.t.Errorf("%s took %v and returned %v", name, took, err)
	}
}

var scriptCodes = [...]uint16{1000, 1001, 1002, 1005, 999, 1004, 1006, 1007, 1014, 1015, 3000, 4999, 5000, 0, 65535, 1011}

// step does one step: something that the peer sends, or a call.
func (r *scriptRun) step(op, arg byte) {
	switch op % 20 {
	case 0:
		r.send(conntest.Frame{Fin: true, Opcode: conntest.Text, Payload: []byte("κόσμε")[:arg%11]})
	case 1:
		r.send(conntest.Frame{Fin: arg&1 != 0, Opcode: conntest.Text + arg>>1&1, Payload: pattern(int(arg))})
	case 2:
		r.send(conntest.Frame{Fin: arg&1 != 0, Opcode: conntest.Continuation, Payload: pattern(int(arg) * 10)})
	case 3:
		r.send(conntest.Frame{Fin: true, Opcode: conntest.Ping + arg&1, Payload: pattern(int(arg >> 1))})
	case 4:
		r.send(conntest.Frame{Fin: true, Opcode: conntest.Close, Payload: conntest.ClosePayload(scriptCodes[arg%16], "why"[:arg>>4%4])})
	case 5: // any first octet, so any bits and any opcode
		r.send(conntest.Frame{Fin: arg&0x80 != 0, RSV: arg >> 4 & 7, Opcode: arg & 15, Payload: []byte{arg}})
	case 6:
		r.send(conntest.Frame{Fin: true, Opcode: conntest.Binary, Payload: pattern(int(arg) * 200)})
	case 7: // a length in a form that does not fit, or that nothing follows
		length := uint64(1) << (arg % 64)
		form := [...]int{0, 3, 9, 9}[arg>>6]
		r.send(conntest.Frame{Fin: true, Opcode: conntest.Binary, LengthForm: form, DeclaredLength: &length})
	case 8: // compressed, as RFC 7692, 7.2.3.1 shows it, and with one octet changed
		p := conntest.Hex("f248cdc9c90700")
		if arg >= 128 {
			p[arg%7] ^= arg
		}
		r.send(compressedFrame(conntest.Text, p))
	case 9: // masked as the other side would have to
		r.raw(conntest.Frame{Fin: true, Opcode: conntest.Text, Masked: r.s.role == RoleClient, Key: [4]byte{1, 2, 3, arg}}.Append(nil))
	case 10:
		r.raw([]byte{arg})
	case 11:
		r.peer.CloseWrite()
	case 12:
		r.call("Write", func() error { return r.c.Write(Text+MessageType(arg&1), pattern(int(arg)*100)) })
	case 13:
		r.call("Send", func() error { return r.c.Send(Binary, pattern(int(arg)*20)) })
	case 14:
		r.call("Writer", func() error {
			w, err := r.c.Writer(context.Background(), Text)
			if err != nil {
				return err
			}
			for range arg % 4 {
				w.Write(pattern(int(arg)))
			}
			return w.Close()
		})
	case 15:
		if arg < 64 { // it waits, in virtual time
			r.call("Ping", func() error { _, err := r.c.Ping(context.Background()); return err })
		} else {
			time.Sleep(time.Duration(arg-64) * time.Second / 4)
		}
	case 16, 17:
		if r.s.loop {
			return
		}
		r.call("Read", func() error {
			ctx, stop := context.WithTimeout(context.Background(), time.Duration(arg)*time.Millisecond)
			defer stop()
			m, err := r.c.ReadContext(ctx)
			if err == nil {
				r.message(m)
			}
			return err
		})
	case 18:
		r.call("Close", func() error { return r.c.Close(frame.StatusCode(scriptCodes[arg%16]), "why"[:arg>>4%4]) })
	case 19:
		switch arg % 8 {
		case 0:
			r.call("CloseNow", func() error { return r.c.CloseNow() })
		case 1:
			r.peer.Reset()
		default:
			r.call("Stats", func() error { r.c.Stats(); r.c.BufferedAmount(); r.c.State(); return nil })
		}
	}
}

// send sends a frame masked as it has to be.
func (r *scriptRun) send(f conntest.Frame) {
	if r.s.role == RoleServer {
		f = masked(f)
	}
	r.raw(f.Append(nil))
}

func (r *scriptRun) raw(b []byte) {
	if n, err := r.peer.Write(b); err == nil {
		r.input = append(r.input, b[:n]...)
	}
}

// FuzzScript: whatever the peer sends, whatever is called meanwhile and whatever fails, nothing panics, every call returns in time, what is written is strictly legal, no goroutine and no inflater is
// left, the messages are the first ones that an independent parser reads, and without a fault the split changes neither them nor how the connection ended.
func FuzzScript(f *testing.F) {
	for role := range byte(2) {
		for _, reader := range []byte{0, 4} {
			f.Add([]byte{role | reader, 0, 0, 0, 0, 10, 12, 30, 1, 0, 3, 8, 2, 1, 16, 200, 16, 200, 18, 0})
			f.Add([]byte{role | reader | 2, 2, 0, 0, 8, 0, 8, 1, 16, 200, 12, 250, 16, 200, 8, 200, 16, 200})
			f.Add([]byte{role | reader, 6, 9, 1, 6, 250, 16, 250, 13, 250, 13, 250, 14, 7, 15, 3, 4, 0})
			f.Add([]byte{role | reader, 4, 3, 11, 1, 2, 2, 0, 3, 40, 2, 1, 17, 250, 12, 255, 18, 16})
			f.Add([]byte{role | reader, 1, 0, 0, 7, 200, 16, 9, 5, 0xc1, 15, 200, 12, 1, 19, 2})
			f.Add([]byte{role | reader, 3, 5, 13, 0, 3, 9, 1, 10, 0x81, 10, 0x7f, 11, 0, 17, 255, 19, 1})
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, ok := parseScript(b)
		if !ok {
			return
		}
		whole := s.run(t, 0, false)
		chopped := s.run(t, s.split, false)
		if !slices.Equal(chopped.messages, whole.messages) {
			t.Errorf("in reads of %d: %s", s.split, firstDifference(chopped.messages, whole.messages))
		}
		if chopped.end != whole.end {
			t.Errorf("in reads of %d the connection ended with %q, whole with %q", s.split, chopped.end, whole.end)
		}
		s.compare(t, whole)
		s.compare(t, chopped)
		if s.kind >= 0 {
			s.compare(t, s.run(t, 0, true))
		}
		allPutBack(t)
	})
}

// compare compares the messages with those of an independent parser. It has no limits, so it may read more of them, and stays behind where the engine delivers before the end of the message is
// judged: never.
func (s fuzzScript) compare(t *testing.T, told story) {
	wire := conntest.NewWire(conntest.Role(1 - s.role))
	wire.AllowFixedKeys()
	if s.deflate {
		wire.PermessageDeflate(true)
	}
	wire.Feed(told.input)
	var want []string
	for _, m := range wire.Messages() {
		want = append(want, fmt.Sprintf("%v %q", MessageType(m.Opcode), bytes.Clone(m.Payload)))
	}
	if len(told.messages) > len(want) || !slices.Equal(told.messages, want[:len(told.messages)]) {
		t.Errorf("the messages are not those that were sent: %s", firstDifference(told.messages, want))
	}
}
