package conn

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/conntest"
)

// This file is what a declared length may cost: T-LEN and T-PIN, over connections.

// declares returns a frame header of 64 bits of length, with a masking key of zeros where the sender masks.
func declares(role Role, first byte, length uint64) []byte {
	b := []byte{first, 127}
	b = binary.BigEndian.AppendUint64(b, length)
	if role == RoleServer {
		b[1] |= 0x80
		b = append(b, 0, 0, 0, 0)
	}
	return b
}

// raw returns a connection in the given role, and the other end of its transport.
func raw(role Role, cfg *Config) (*Conn, *conntest.PipeConn) {
	ours, theirs := conntest.Pipe(64 << 10)
	return New(ours, role, nil, cfg), theirs
}

// send writes bytes that the transport has room for, or whose reader is there.
func send(t testing.TB, nc net.Conn, b ...byte) {
	t.Helper()
	if _, err := nc.Write(b); err != nil {
		t.Fatal(err)
	}
}

// TestDeclaredLengths is T-LEN, F1: every length near an edge is decided on the header alone and at once, costs no memory, and the verdict stays.
func TestDeclaredLengths(t *testing.T) {
	lengths := []uint64{1 << 63, 1<<63 + 5, math.MaxUint64, math.MaxUint64 - 1, math.MaxUint64 - 3, math.MaxUint64 - 9,
		math.MaxUint64 - 13, 1<<63 - 1, 1<<63 - 14, 1 << 62, 1 << 32, 1<<32 - 1, 1 << 31, 1<<31 - 1}
	for _, limit := range []int64{1, 64 << 10, 1<<31 - 1, 1<<63 - 1, -1} {
		for _, opcode := range []byte{0, 1, 2, 8, 9, 10} {
			bothRoles(t, fmt.Sprintf("5.2/T-LEN/limit_%d/opcode_%d", limit, opcode), func(t *testing.T, role Role) {
				for _, length := range lengths {
					declareLength(t, role, limit, opcode, length)
				}
			})
		}
	}
}

func declareLength(t *testing.T, role Role, limit int64, opcode byte, length uint64) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // garbage counts
	c, theirs := raw(role, &Config{MessageLimit: limit})
	have := uint64(0)
	if opcode == 0 {
		have = 1
		first := masked(conntest.Frame{Opcode: conntest.Text, Payload: []byte("a")})
		first.Masked = role == RoleServer
		send(t, theirs, first.Append(nil)...)
	}
	begin := time.Now()
	before := heapNow()
	send(t, theirs, declares(role, 0x80|opcode, length)...)
	// The table: RFC 6455, 5.2, 5.5, 7.4.1, in the order in which they come.
	want := frame.StatusCode(0)
	most := uint64(maxMessage) // what this machine can hold
	if limit > 0 {
		most = min(most, uint64(limit))
	}
	switch {
	case length>>63 == 1, opcode >= 8:
		want = frame.StatusProtocolError
	case length > most-have:
		want = frame.StatusMessageTooBig
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := c.ReadContext(ctx)
	grown := heapNow() - before
	p, _ := errors.AsType[*frame.ProtocolError](err)
	switch {
	case want == 0 && (!errors.Is(err, context.DeadlineExceeded) || c.State() != StateOpen):
		t.Errorf("%#x: allowed, and Read returns %v, state %v", length, err, c.State())
	case want != 0 && (p == nil || p.Code != want):
		t.Errorf("%#x: Read returns %v, want code %d", length, err, want)
	case want != 0 && time.Since(begin) != 0:
		t.Errorf("%#x: the verdict took %v", length, time.Since(begin))
	}
	if want != 0 {
		if _, again := c.Read(); again != err {
			t.Errorf("%#x: Read returns %v, and then %v", length, err, again)
		}
	}
	if grown >= 64<<10 && !conntest.RaceEnabled {
		t.Errorf("%#x: the heap has grown by %d bytes", length, grown)
	}
	c.CloseNow()
	theirs.Close()
	<-c.done()
}

// TestSumOfLengths: 10 bytes have come, and the next fragment declares so many that the sum passes what an int64 holds (T-LEN).
func TestSumOfLengths(t *testing.T) {
	for _, limit := range []int64{0, 1<<63 - 1, -1} {
		bothRoles(t, fmt.Sprintf("5.4/T-LEN/limit_%d", limit), func(t *testing.T, role Role) {
			c, p := talk(t, role, &Config{MessageLimit: limit})
			got := readAll(c)
			p.Send(conntest.Frame{Opcode: conntest.Text, Payload: pattern(10)})
			p.SendBytes(declares(role, 0x80, 1<<63-1))
			p.WantClose("too big, whatever the sum looks like", 1009, nil)
			p.WantEOF("and the stream ends")
			if o := <-got; len(o.messages) != 0 || !errors.Is(o.err, ErrClosed) {
				t.Errorf("got %q, %v", o.messages, o.err)
			}
		})
	}
}

// fedConn is a transport without memory of its own: what it reads is handed to it, and what is written to it is gone.
type fedConn struct {
	net.Conn
	fed    chan []byte
	rest   []byte
	limit  *deadline // of reads; nil: the reads of this one have none, for its timer would count
	closed chan struct{}
	once   sync.Once
}

func newFedConn() *fedConn {
	return &fedConn{fed: make(chan []byte), limit: newDeadline(), closed: make(chan struct{})}
}

// feed hands over b, which may be shared, and returns when it is being read; false if nobody reads any more.
func (f *fedConn) feed(b []byte) bool {
	select {
	case f.fed <- b:
		return true
	case <-f.closed:
		return false
	}
}

// end is the end of the stream.
func (f *fedConn) end() { close(f.fed) }

func (f *fedConn) Read(p []byte) (int, error) {
	var passed <-chan struct{}
	if f.limit != nil {
		passed = f.limit.passed()
	}
	for len(f.rest) == 0 {
		select {
		case b, ok := <-f.fed:
			if !ok {
				return 0, io.EOF
			}
			f.rest = b
		case <-passed:
			return 0, os.ErrDeadlineExceeded
		case <-f.closed:
			return 0, net.ErrClosed
		}
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

func (f *fedConn) Write(p []byte) (int, error)      { return len(p), nil }
func (f *fedConn) SetDeadline(t time.Time) error    { return f.SetReadDeadline(t) }
func (f *fedConn) SetWriteDeadline(time.Time) error { return nil }
func (f *fedConn) CloseWrite() error                { return nil }
func (f *fedConn) LocalAddr() net.Addr              { return pipeAddr{} }
func (f *fedConn) RemoteAddr() net.Addr             { return pipeAddr{} }

func (f *fedConn) SetReadDeadline(t time.Time) error {
	if f.limit != nil {
		f.limit.set(t)
	}
	return nil
}

func (f *fedConn) Close() error {
	f.once.Do(func() { close(f.closed) })
	return nil
}

// TestPinnedMemory is T-PIN, D8: 1,000 connections whose peers declare a message of nearly the limit and stall cost a reading each, and then twice what comes and 4 KiB, too. What is inside a compressed message has an
// inflater beside that, of 12 KiB, until the message is complete or comes too slowly.
func TestPinnedMemory(t *testing.T) {
	if conntest.RaceEnabled {
		t.Skip("the race detector allocates")
	}
	const conns, limit = 1000, 1 << 20
	for _, tt := range []struct {
		name                    string
		compressed, inFragments bool
	}{{"in_a_frame", false, false}, {"between_fragments", false, true}, {"compressed", true, false}, {"compressed_between_fragments", true, true}} {
		bothRoles(t, "10.4/T-PIN/"+tt.name, func(t *testing.T, role Role) {
			cs, peers := make([]*Conn, conns), make([]*fedConn, conns)
			ended := make(chan error, conns)
			first := byte(0x82)
			cfg := &Config{MessageLimit: limit, PingInterval: -1}
			if tt.compressed {
				first, cfg.Compression = 0xc2, &deflate.Config{}
			}
			for i := range cs {
				peers[i] = newFedConn()
				peers[i].limit = nil
				cs[i] = New(peers[i], role, nil, cfg)
				if tt.compressed {
					cs[i].compress(deflate.Params{ServerMaxWindowBits: 15, ClientMaxWindowBits: 15}, "")
				}
				go func() { ended <- echo(cs[i]) }()
			}
			synctest.Wait()
			before := heapObjects()
			each := func(n int, most int64) {
				synctest.Wait()
				if grown := (heapObjects() - before) / conns; grown > most+2*int64(n) {
					t.Errorf("%d bytes that have come make a connection hold %d, more than %d", n, grown, most+2*int64(n))
				} else {
					t.Logf("after %d bytes: %d for each connection", n, grown)
				}
			}
			state := int64(reflect.TypeFor[reading]().Size())
			most := state + 4<<10 + 32 // a buffer's slice has 24 bytes
			if tt.compressed {
				most += 12 << 10
			}
			came := 0
			feed := func(b []byte, most int64) {
				for i := range peers {
					peers[i].feed(b)
				}
				came += len(b)
				each(came, most)
			}
			if !tt.inFragments {
				feed(declares(role, first, limit-1), state)
			}
			payload := newPacker(0, false).pack(noise(5000)) // stored blocks: as many bytes come out
			sent := 0
			for _, n := range []int{1, 2, 10, 100, 1000, 3000} {
				piece := payload[sent:n]
				if tt.inFragments {
					f := conntest.Frame{Opcode: first & 15, RSV: first & 0x70 >> 4, Masked: role == RoleServer, Payload: piece}
					if first = 0; sent > 0 {
						f.Opcode, f.RSV = 0, 0
					}
					piece = f.Append(nil)
				}
				feed(piece, most)
				sent = n
			}
			for i := range peers {
				cs[i].CloseNow()
				peers[i].end()
			}
			for range conns {
				if err := <-ended; !errors.Is(err, ErrClosed) {
					t.Error(err)
				}
			}
			runtime.KeepAlive(cs)
		})
	}
}

// heapObjects returns the bytes of live objects on the heap.
func heapObjects() int64 {
	for range 2 { // a sync.Pool keeps what it has for one more
		runtime.GC()
	}
	return heapNow()
}
