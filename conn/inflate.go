package conn

import (
	"errors"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/protocol"
)

// inflation is what input needs for compressed messages (RFC 7692, 6.2): the window that is kept between messages, and the inflater, which is held only while a message is unfinished.
type inflation struct {
	window   deflate.Window
	inflater *deflate.Inflater
	limit    int64 // of an inflated message
	counted  int64 // what the Registry knows of the window
}

func newInflation(d deflate.Direction, limit int64) *inflation {
	z := &inflation{limit: limit}
	z.window.Init(d.WindowBits, d.ContextTakeover)
	return z
}

// discard gives back all that is held.
func (z *inflation) discard() {
	if z == nil {
		return
	}
	deflate.PutInflater(z.inflater)
	z.inflater = nil
	z.window.Release()
}

// inflate takes the next bytes of a compressed message's payload, and appends what they inflate to to the message that is gathered. last says that the message ends with them.
func (in *input) inflate(src []byte, last bool) error {
	z := in.inflation
	if z.inflater == nil {
		z.inflater = deflate.GetInflater(&z.window, z.limit)
	}
	if in.msg == nil {
		in.grow(1)
	}
	for {
		start := in.msgLen
		out, n, err := z.inflater.Inflate((*in.msg)[:start], src, last)
		in.msgLen = len(out)
		src = src[n:]
		done := err == nil
		if err := in.recv.Inflated(out[start:], last && done); err != nil {
			return err // text that is invalid before its end is the first to say so
		}
		switch {
		case done && last:
			deflate.PutInflater(z.inflater)
			z.inflater = nil
			return nil
		case done:
			return nil
		case err == deflate.ErrShortDst:
			if !in.growInflated() {
				return errNoRoom
			}
		default:
			err = inflateError(err)
			in.recv.Fail(err)
			return err
		}
	}
}

// growInflated makes room for more of an inflated message: the buffer, which is full, grows fourfold, up to the limit; or it sets refused and reports false. So all the buffers that such a message has gone through, which the pool keeps for
// a while, have a third more than the last one, and not as much again as when it doubles.
func (in *input) growInflated() bool {
	return in.regrow(int(min(4*int64(len(*in.msg)), in.inflation.limit))) // in 64 bits, for int may have 32
}

// inflateError returns the error with which a message that cannot be inflated fails the connection.
func inflateError(err error) error {
	if e, ok := errors.AsType[*deflate.CorruptError](err); ok {
		return &frame.ProtocolError{Code: frame.StatusInvalidFramePayloadData, Section: e.Section, Detail: "compressed message: " + e.Detail}
	}
	return protocol.ErrMessageTooBig // the other error there is, a *deflate.LimitError
}
