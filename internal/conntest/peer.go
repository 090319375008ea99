package conntest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// Peer is the test's end of a connection, so that a test reads as a conversation: the peer sends
// something, and then wants something. Everything that it reads goes through a [Wire], so that
// each conversation also checks each rule of the protocol.
//
// Each Want has a sentence, "an unanswered ping closes the connection", which is the message of the
// failure. Failures are fatal: call the methods from the test's own goroutine. Each call that
// waits does so for Timeout at most, which in a bubble is virtual time.
type Peer struct {
	// Timeout bounds each wait: 5 seconds, unless the test changes it.
	Timeout time.Duration

	t      testing.TB
	c      net.Conn
	client bool
	wire   *Wire
	next   int // index in wire.frames of the frame that is wanted next
	early  []event
	keys   *rand.Rand
	buf    []byte
	extra  []byte // what was read behind the head of a handshake
}

// event is a frame, and the message that it completes, if any.
type event struct {
	f Frame
	m *Message
}

// NewPeer returns a peer that talks over c, as the client or as the server. It expects no opening
// handshake; for one there are [Peer.SendBytes] and [Peer.ReadHead].
func NewPeer(t testing.TB, c net.Conn, client bool) *Peer {
	other := Client
	if client {
		other = Server
	}
	return &Peer{
		Timeout: 5 * time.Second,
		t:       t,
		c:       c,
		client:  client,
		wire:    NewWire(other),
		keys:    rand.New(rand.NewPCG(6455, 13)), // the same in each run, so that a failure can be repeated
		buf:     make([]byte, 64<<10),
	}
}

// Conn returns the connection under the peer.
func (p *Peer) Conn() net.Conn { return p.c }

// Wire returns what checks the other end, for its settings and for all frames so far.
func (p *Peer) Wire() *Wire { return p.wire }

// Send sends the frames in one Write. A peer that is the client masks them, with the frame's own
// key if there is one that is not zero. Use [Peer.SendExactly] for a frame that breaks this rule.
func (p *Peer) Send(frames ...Frame) {
	p.t.Helper()
	frames = slices.Clone(frames) // a test's table is not ours to mask
	for i := range frames {
		f := &frames[i]
		if p.client {
			f.Masked = true
			for f.Key == [4]byte{} {
				binary.BigEndian.PutUint32(f.Key[:], p.keys.Uint32())
			}
		}
	}
	p.SendExactly(frames...)
}

// SendExactly sends the frames as they are in one Write, masked or not.
func (p *Peer) SendExactly(frames ...Frame) {
	p.t.Helper()
	var b []byte
	for _, f := range frames {
		b = f.Append(b)
	}
	p.SendBytes(b)
}

// SendBytes sends b in one Write. See [Hex].
func (p *Peer) SendBytes(b []byte) {
	p.t.Helper()
	p.c.SetWriteDeadline(time.Now().Add(p.Timeout))
	if n, err := p.c.Write(b); err != nil {
		p.t.Fatalf("the peer could write only %d of %d bytes: %v", n, len(b), err)
	}
	p.c.SetWriteDeadline(time.Time{})
}

// SendText sends a text message in one frame.
func (p *Peer) SendText(s string) {
	p.t.Helper()
	p.Send(Frame{Fin: true, Opcode: Text, Payload: []byte(s)})
}

// SendBinary sends a binary message in one frame. It does not retain b.
func (p *Peer) SendBinary(b []byte) {
	p.t.Helper()
	p.Send(Frame{Fin: true, Opcode: Binary, Payload: b})
}

// SendPing sends a ping.
func (p *Peer) SendPing(payload string) {
	p.t.Helper()
	p.Send(Frame{Fin: true, Opcode: Ping, Payload: []byte(payload)})
}

// SendPong sends a pong.
func (p *Peer) SendPong(payload string) {
	p.t.Helper()
	p.Send(Frame{Fin: true, Opcode: Pong, Payload: []byte(payload)})
}

// SendClose sends a Close frame; with code 1005 it has no payload.
func (p *Peer) SendClose(code uint16, reason string) {
	p.t.Helper()
	p.Send(Frame{Fin: true, Opcode: Close, Payload: ClosePayload(code, reason)})
}

// CloseWrite half-closes the connection.
func (p *Peer) CloseWrite() {
	p.t.Helper()
	if err := closeWrite(p.c); err != nil {
		p.t.Fatalf("the peer could not half-close: %v", err)
	}
}

// Close closes the connection. It may be called again.
func (p *Peer) Close() { p.c.Close() }

// Reset resets the connection, as far as it can be.
func (p *Peer) Reset() { reset(p.c) }

// ReadHead reads the head of an HTTP request or response, up to and with the empty line, and returns
// it. What was read behind it goes to the frames.
func (p *Peer) ReadHead(sentence string) string {
	p.t.Helper()
	var head []byte
	for {
		if i := bytes.Index(head, []byte("\r\n\r\n")); i >= 0 {
			p.extra = append(p.extra, head[i+4:]...)
			return string(head[:i+4])
		}
		b, err := p.read()
		head = append(head, b...)
		if err != nil {
			p.t.Fatalf("%s\n got %v after %q\nwant the head of an HTTP message", sentence, err, head)
		}
	}
}

// read reads once. The result is valid until the next call to read.
func (p *Peer) read() ([]byte, error) {
	if b := p.extra; len(b) > 0 {
		p.extra = nil
		return b, nil
	}
	p.c.SetReadDeadline(time.Now().Add(p.Timeout))
	n, err := p.c.Read(p.buf)
	p.c.SetReadDeadline(time.Time{})
	if n > 0 {
		err = nil // it comes again with the next Read
	}
	return p.buf[:n], err
}

// nextEvent returns the next frame, in the order of the wire.
func (p *Peer) nextEvent(sentence string) (event, error) {
	p.t.Helper()
	for {
		if p.next < len(p.wire.frames) {
			e := event{f: p.wire.frames[p.next]}
			if i := p.wire.ends[p.next]; i >= 0 {
				e.m = &p.wire.messages[i]
			}
			p.next++
			return e, nil
		}
		if p.wire.err != nil {
			// Only now: what was right before it has been wanted first.
			p.t.Fatalf("%s\nthe other end breaks the protocol: %v", sentence, p.wire.err)
		}
		b, err := p.read()
		if err != nil {
			return event{}, err
		}
		p.wire.Feed(b)
	}
}

// Next returns the next frame that no Want has taken, whatever it is.
func (p *Peer) Next(sentence string) Frame {
	p.t.Helper()
	return p.wanted(sentence, "a frame").f
}

// wanted returns the next frame that no Want has taken; no frame is a failure.
func (p *Peer) wanted(sentence string, want any) event {
	p.t.Helper()
	if len(p.early) > 0 {
		e := p.early[0]
		p.early = p.early[1:]
		return e
	}
	e, err := p.nextEvent(sentence)
	if err != nil {
		p.t.Fatalf("%s\n got %v%s\nwant %v", sentence, err, p.inside(), want)
	}
	return e
}

// inside describes the beginning of a frame that has come without its end.
func (p *Peer) inside() string {
	if len(p.wire.buf) == 0 {
		return ""
	}
	return fmt.Sprintf(" after a part of a frame: % x", p.wire.buf[:min(32, len(p.wire.buf))])
}

// WantFrame wants the next frame to be f: the same FIN, reserved bits, opcode and payload. Whether it
// is masked is for the [Wire] to judge; the other fields of f are not used.
func (p *Peer) WantFrame(sentence string, f Frame) {
	p.t.Helper()
	got := p.wanted(sentence, f).f
	if got.Fin != f.Fin || got.RSV != f.RSV || got.Opcode != f.Opcode || !bytes.Equal(got.Payload, f.Payload) {
		p.t.Fatalf("%s\n got %v\nwant %v%s", sentence, got, f, diff(got.Payload, f.Payload))
	}
}

// WantText wants the next message to be this text, in one frame or in several. Control frames that
// came between its frames are kept for the next Want.
func (p *Peer) WantText(sentence, s string) {
	p.t.Helper()
	p.wantMessage(sentence, Text, []byte(s))
}

// WantBinary is like WantText, for a binary message.
func (p *Peer) WantBinary(sentence string, b []byte) {
	p.t.Helper()
	p.wantMessage(sentence, Binary, b)
}

func (p *Peer) wantMessage(sentence string, opcode byte, payload []byte) {
	p.t.Helper()
	want := Frame{Fin: true, Opcode: opcode, Payload: payload}
	e := p.wanted(sentence, want)
	if e.f.Opcode != opcode {
		p.t.Fatalf("%s\n got %v\nwant %v", sentence, e.f, want)
	}
	for e.m == nil {
		next, err := p.nextEvent(sentence)
		if err != nil {
			p.t.Fatalf("%s\n got %v%s inside the message\nwant %v", sentence, err, p.inside(), want)
		}
		if next.f.Opcode >= Close {
			p.early = append(p.early, next)
			continue
		}
		e = next
	}
	if !bytes.Equal(e.m.Payload, payload) {
		got := Frame{Fin: true, Opcode: opcode, Payload: e.m.Payload}
		p.t.Fatalf("%s\n got %v\nwant %v%s", sentence, got, want, diff(e.m.Payload, payload))
	}
}

// WantPing wants the next frame to be this ping.
func (p *Peer) WantPing(sentence, payload string) {
	p.t.Helper()
	p.WantFrame(sentence, Frame{Fin: true, Opcode: Ping, Payload: []byte(payload)})
}

// WantPong wants the next frame to be this pong.
func (p *Peer) WantPong(sentence, payload string) {
	p.t.Helper()
	p.WantFrame(sentence, Frame{Fin: true, Opcode: Pong, Payload: []byte(payload)})
}

// WantClose wants the next frame to be a Close with this status code, where 1005 means none. The
// reason is a string that must be equal, or nil if it does not matter.
func (p *Peer) WantClose(sentence string, code uint16, reason any) {
	p.t.Helper()
	switch reason := reason.(type) {
	case string:
		p.WantFrame(sentence, Frame{Fin: true, Opcode: Close, Payload: ClosePayload(code, reason)})
	case nil:
		want := Frame{Fin: true, Opcode: Close, Payload: ClosePayload(code, "")}
		got := p.wanted(sentence, want).f
		if got.Opcode != Close || !bytes.HasPrefix(got.Payload, want.Payload) || code == 1005 && len(got.Payload) > 0 {
			p.t.Fatalf("%s\n got %v\nwant %v and any reason", sentence, got, want)
		}
	default:
		panic(fmt.Sprintf("hawser/conntest: reason is a %T", reason))
	}
}

// WantEOF wants the stream to end here, and not inside a frame.
func (p *Peer) WantEOF(sentence string) {
	p.t.Helper()
	p.wantError(sentence, io.EOF)
	if err := p.wire.End(); err != nil {
		p.t.Fatalf("%s\n got %v\nwant EOF", sentence, err)
	}
}

// WantReset wants the connection to be reset here.
func (p *Peer) WantReset(sentence string) {
	p.t.Helper()
	p.wantError(sentence, syscall.ECONNRESET)
}

func (p *Peer) wantError(sentence string, want error) {
	p.t.Helper()
	var e event
	var err error
	if len(p.early) > 0 {
		e = p.early[0]
	} else {
		e, err = p.nextEvent(sentence)
	}
	if err == nil {
		p.t.Fatalf("%s\n got %v\nwant %v", sentence, e.f, want)
	}
	if !errors.Is(err, want) {
		p.t.Fatalf("%s\n got %v%s\nwant %v", sentence, err, p.inside(), want)
	}
}

// WantIdle wants that there is nothing to read once all other goroutines of the bubble wait: no
// frame, no part of one, and not the end of the stream. It works in a [testing/synctest] bubble
// only. On connections other than a [PipeConn] it lets a nanosecond of the bubble's time pass.
func (p *Peer) WantIdle(sentence string) {
	p.t.Helper()
	if err := settle(); err != nil {
		p.t.Fatalf("%s\nWantIdle works in a synctest bubble only: %v", sentence, err)
	}
	if len(p.early) > 0 {
		p.t.Fatalf("%s\n got %v\nwant nothing", sentence, p.early[0].f)
	}
	quiet := p.next == len(p.wire.frames) && p.wire.err == nil && len(p.wire.buf) == 0 && len(p.extra) == 0
	if quiet && !p.readable() {
		return
	}
	e, err := p.nextEvent(sentence)
	if err != nil {
		p.t.Fatalf("%s\n got %v%s\nwant nothing", sentence, err, p.inside())
	}
	p.t.Fatalf("%s\n got %v\nwant nothing", sentence, e.f)
}

// readable reports whether there is something to read, and keeps what it had to read to know.
func (p *Peer) readable() bool {
	if c, ok := p.c.(interface{ Readable() bool }); ok {
		return c.Readable()
	}
	timeout := p.Timeout
	p.Timeout = 1
	b, err := p.read()
	p.Timeout = timeout
	p.extra = append(p.extra, b...)
	var ne net.Error
	return len(b) > 0 || !errors.As(err, &ne) || !ne.Timeout()
}

// settle waits until all other goroutines of the bubble wait. Outside of a bubble it returns an error.
func settle() (err error) {
	defer func() {
		if e := recover(); e != nil {
			err = fmt.Errorf("%v", e)
		}
	}()
	synctest.Wait()
	return nil
}

// diff shows where two payloads begin to differ, with the bytes around it.
func diff(got, want []byte) string {
	if bytes.Equal(got, want) {
		return ""
	}
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	from := max(0, at-8)
	row := func(b []byte) string {
		if from >= len(b) {
			return "(ends)"
		}
		s := fmt.Sprintf("% x", b[from:min(len(b), from+24)])
		if len(b) <= from+24 {
			s += " (ends)"
		}
		return s
	}
	return fmt.Sprintf("\npayloads of %d and %d bytes differ at byte %d; from byte %d:\n got %s\nwant %s\n     %s^^",
		len(got), len(want), at, from, row(got), row(want), strings.Repeat(" ", 3*(at-from)))
}
