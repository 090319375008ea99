package conn

import (
	"math"
	"sync/atomic"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/internal/bufpool"
	"github.com/hawser-go/hawser/internal/protocol"
	"github.com/hawser-go/hawser/mask"
)

// streaming is what input needs to hand a message out in pieces as they come, instead of gathering it. Whoever asks input for a whole message while one is open so gets the next one: the rest is discarded.
type streaming struct {
	read atomic.Uint64 // the number of the last message that was read to its end

	piecewise
}

// piecewise is a message that is handed out in pieces.
type piecewise struct {
	number uint64 // changes with each message that is opened or given up
	open   bool   // it has not come to its end
	taken  int    // how much has been handed out of what had been gathered before it was opened
	size   int    // how much has been handed out

	inflating bool // compressed: there is something to inflate still, or to fetch from the inflater
	src       int  // so many bytes before input.r, which are unmasked already
	last      bool // the message ends with them

	dst    []byte // where a read may put payload, without a buffer between: only during a call that hands out
	direct int    // so many bytes in dst were read straight into it and are not processed yet
}

// discardSize is how much of a message that nobody wants is inflated or copied at a time.
const discardSize = 4 << 10

// discard gives up the message that is open. What it holds is input's.
func (s *streaming) discard() {
	if s != nil {
		s.piecewise = piecewise{number: s.number}
	}
}

// startPieces looks for the next message that can be handed out in pieces: the one that is unfinished, or else the next one. It returns
//   - a Message event if there is one: piece returns it, and its type is known,
//   - a Ping, Pong or Close event,
//   - a Fragment event if the rest of the one before has been discarded,
//   - a None event if it needs more bytes,
//   - or the rule or limit that the peer broke.
func (in *input) startPieces() (protocol.Event, error) {
	in.release()
	if in.stream == nil {
		in.stream = new(streaming)
	}
	if in.stream.open {
		return in.skip()
	}
	if in.reading == nil {
		return protocol.Event{}, nil
	}
	for !in.insideData() {
		if !in.inFrame {
			ok, err := in.header()
			if !ok || err != nil {
				return protocol.Event{}, err
			}
			continue
		}
		_, e, more, err := in.take(math.MaxInt)
		if more || err != nil || e.Kind != protocol.None {
			return e, err
		}
	}
	if in.view { // it is gathered no more where it lies
		if in.start < in.r {
			if !in.grow(in.r - in.start) {
				return protocol.Event{}, errNoRoom
			}
			in.msgLen = copy(*in.msg, (*in.buf)[in.start:in.r])
		}
		in.view = false
	}
	if z := in.inflation; z != nil && z.inflater != nil {
		z.inflater.Drain((*in.msg)[:in.msgLen])
	}
	in.stream.piecewise = piecewise{number: in.stream.number + 1, open: true}
	return protocol.Event{Kind: protocol.Message}, nil
}

// insideData reports whether a message has begun.
func (in *input) insideData() bool {
	return in.reading != nil && (in.recv.InMessage() || in.inFrame && !in.control)
}

// piece puts what comes next of the message that is open into dst, which is not empty, and returns how many bytes that are. It returns 0 with
//   - a Ping, Pong or Close event,
//   - a None event if it needs more bytes,
//   - or the rule or limit that the peer broke, which may also come with the last bytes before it.
//
// With a Message event, and any number of bytes, the message has ended.
func (in *input) piece(dst []byte) (n int, e protocol.Event, err error) {
	in.release()
	s := in.stream
	if in.msg != nil {
		n = copy(dst, (*in.msg)[s.taken:in.msgLen])
		if s.taken += n; s.taken == in.msgLen {
			bufpool.Put(in.msg)
			in.msg, in.msgLen, s.taken = nil, 0, 0
		}
		if n > 0 {
			return n, protocol.Event{}, nil
		}
	}
	for {
		if s.inflating {
			n, e, err = in.inflatePiece(dst)
			if n > 0 || err != nil || e.Kind == protocol.Message {
				return n, e, err
			}
		}
		if !in.inFrame {
			ok, err := in.header()
			if !ok || err != nil {
				return 0, protocol.Event{}, err
			}
		}
		limit := math.MaxInt
		if !in.control && !in.recv.Compressed() {
			limit = len(dst)
		}
		chunk, e, more, err := in.take(limit)
		switch {
		case more || err != nil:
			return 0, protocol.Event{}, err
		case in.control:
			if e.Kind != protocol.None {
				return 0, e, nil
			}
		case in.recv.Compressed():
			s.inflating, s.src, s.last = true, len(chunk), e.Kind == protocol.Message
		default:
			n = copy(dst, chunk) // from dst itself, where it was read straight into it
			if e.Kind == protocol.Message {
				s.open = false
				return n, e, nil
			}
			if n > 0 {
				return n, protocol.Event{}, nil
			}
		}
	}
}

// take processes what is there of the current frame's payload, at most limit bytes. more says that there is nothing, and that the frame is not complete.
func (in *input) take(limit int) (chunk []byte, e protocol.Event, more bool, err error) {
	switch s := in.stream; {
	case s.direct > 0:
		chunk, s.direct = s.dst[:s.direct], 0
	case in.r < in.w:
		n := min(uint64(in.w-in.r), uint64(limit), in.recv.Remaining())
		chunk = (*in.buf)[in.r : in.r+int(n)]
		in.r += int(n)
	}
	if len(chunk) == 0 && in.recv.Remaining() != 0 {
		return nil, protocol.Event{}, true, nil
	}
	if in.recv.Frame().Masked {
		in.key = mask.XOR(chunk, in.key)
	}
	e, err = in.recv.Payload(chunk)
	if e.Kind != protocol.None {
		in.inFrame = false
	}
	return chunk, e, false, err
}

// inflatePiece inflates to dst what has come of a compressed message.
func (in *input) inflatePiece(dst []byte) (n int, e protocol.Event, err error) {
	s, z := in.stream, in.inflation
	if z.inflater == nil {
		z.inflater = deflate.GetInflater(&z.window, z.limit)
	}
	var src []byte
	if s.src > 0 {
		src = (*in.buf)[in.r-s.src : in.r]
	}
	out, used, err := z.inflater.Inflate(dst[:0:len(dst)], src, s.last)
	s.src -= used
	done := err == nil
	if err := in.recv.Inflated(out, s.last && done); err != nil {
		return 0, e, err // text that is invalid before its end is the first to say so
	}
	switch {
	case done && s.last:
		deflate.PutInflater(z.inflater)
		z.inflater = nil
		s.inflating, s.open = false, false
		return len(out), protocol.Event{Kind: protocol.Message}, nil
	case done:
		s.inflating = false
	case err != deflate.ErrShortDst:
		err = inflateError(err)
		in.recv.Fail(err)
		return len(out), e, err
	}
	z.inflater.Drain(out)
	return len(out), e, nil
}

// skip discards the rest of the message that is open. It is checked like any other: later ones may refer to it (RFC 7692, 7.1.1).
func (in *input) skip() (protocol.Event, error) {
	bufpool.Put(in.msg)
	in.msg, in.msgLen, in.stream.taken = nil, 0, 0
	in.stream.number++ // nobody may go on with it, also if the discarding is interrupted
	buf := bufpool.Get(discardSize)
	defer bufpool.Put(buf)
	for {
		n, e, err := in.piece(*buf)
		switch {
		case err != nil:
			return protocol.Event{}, err
		case e.Kind == protocol.Message:
			return protocol.Event{Kind: protocol.Fragment}, nil
		case n == 0:
			return e, nil
		}
	}
}

// directSpace returns where payload is read straight to, nil if it is less than least: that must be worth a read, for what follows the frame needs another one.
func (in *input) directSpace(least int) []byte {
	s := in.stream
	if s == nil || s.dst == nil || in.r != in.w || !in.inFrame || in.control || in.recv.Compressed() {
		return nil
	}
	n := min(uint64(len(s.dst)), in.recv.Remaining())
	if n < uint64(least) {
		return nil
	}
	s.direct = int(n)
	return s.dst[:n]
}
