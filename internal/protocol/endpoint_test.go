package protocol

import (
	"encoding/binary"
	"fmt"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/mask"
)

// endpoint drives a Receiver and a Sender with nothing but bytes: the smallest driver there is. It also is the model of one: what it does
// per frame is what package conn does.
type endpoint struct {
	recv Receiver
	send Sender

	in      []byte // not yet processed
	inFrame bool
	key     mask.Key
	message []byte

	trace []string // what happened, without where the input was split
	out   []byte
	err   error
}

var (
	defaultLimits = Limits{Message: 1 << 20, Fragments: 1024}
	// With permessage-deflate negotiated.
	compressedLimits = Limits{Message: 1 << 20, Compressed: 1 << 21, Fragments: 1024}
)

// errCorrupt is what the endpoint says of a compressed message that cannot be inflated.
var errCorrupt = &frame.ProtocolError{Code: frame.StatusInvalidFramePayloadData, Section: "RFC 7692, 6.2", Detail: "corrupt"}

// inflate stands for an inflater, because this package does not care what the compression is: each byte becomes its complement, and 00 is corrupt. What comes before the corrupt byte is returned, too.
func inflate(p []byte) (out []byte, err error) {
	for _, b := range p {
		if b == 0 {
			return out, errCorrupt
		}
		out = append(out, ^b)
	}
	return out, nil
}

func newEndpoint(role Role, limits Limits) *endpoint {
	return &endpoint{recv: NewReceiver(role, limits), send: NewSender(role)}
}

// feed processes b. It may be called with pieces of any size.
func (e *endpoint) feed(b []byte) {
	e.in = append(e.in, b...)
	for e.err == nil {
		if !e.inFrame {
			n, err := e.recv.Header(e.in)
			if err != nil {
				e.fail(err)
				return
			}
			if n == 0 {
				return
			}
			e.in = e.in[n:]
			e.inFrame, e.key = true, e.recv.Frame().MaskingKey
		}
		n := min(uint64(len(e.in)), e.recv.Remaining())
		if n == 0 && e.recv.Remaining() != 0 {
			return
		}
		p := e.in[:n]
		e.in = e.in[n:]
		e.key = mask.XOR(p, e.key)
		ev, err := e.recv.Payload(p)
		if err != nil {
			e.fail(err)
			return
		}
		if !e.recv.Frame().Opcode.IsControl() {
			if e.recv.Compressed() {
				if p, err = e.inflated(p, ev.Kind == Message); err != nil {
					e.fail(err)
					return
				}
			}
			e.message = append(e.message, p...)
		}
		if ev.Kind != None {
			e.inFrame = false
			e.event(ev)
		}
	}
}

// inflated inflates the next bytes of a compressed message as package conn does.
func (e *endpoint) inflated(p []byte, last bool) ([]byte, error) {
	out, corrupt := inflate(p)
	if err := e.recv.Inflated(out, last && corrupt == nil); err != nil {
		return nil, err
	}
	if corrupt != nil {
		e.recv.Fail(corrupt)
	}
	return out, corrupt
}

func (e *endpoint) event(ev Event) {
	switch ev.Kind {
	case Fragment:
		e.trace = append(e.trace, "fragment")
	case Message:
		e.trace = append(e.trace, fmt.Sprintf("%v %q", e.recv.Opcode(), e.message))
		e.message = nil
	case Ping:
		e.trace = append(e.trace, fmt.Sprintf("ping %q", ev.Payload))
	case Pong:
		e.trace = append(e.trace, fmt.Sprintf("pong %q", ev.Payload))
	case Close:
		e.trace = append(e.trace, fmt.Sprintf("close %d %q", uint16(ev.Code), ev.Payload))
		e.err = ErrEnded
	}
	e.send.Handle(ev)
	e.flush()
}

func (e *endpoint) fail(err error) {
	e.trace = append(e.trace, "fail: "+err.Error())
	e.err = err
	e.send.Fail(err.(*frame.ProtocolError).Code, "", err)
	e.flush()
}

func (e *endpoint) flush() {
	for e.send.ControlDue() {
		e.out = e.send.AppendControl(e.out, freshKey())
	}
}

var keys uint32

// freshKey returns a masking key that differs from the one before.
func freshKey() (k mask.Key) {
	keys++
	binary.BigEndian.PutUint32(k[:], keys*0x9E3779B1)
	return k
}
