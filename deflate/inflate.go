package deflate

import (
	"math"
	"sync"
)

// An Inflater decompresses one message (RFC 7692, 7.2.2). It is fed the payload
// in pieces as they arrive, cut anywhere, and writes to a slice that the caller
// owns and enlarges or empties, at any octet of the output.
//
// It is used by one goroutine at a time.
type Inflater struct {
	w    *Window // of the connection
	h    *Window // what the message may refer to beside itself: w with context takeover, else &own
	own  Window  // only what Drain was given
	held int     // how many octets of the message are at the end of dst

	written int64 // how many octets of the message there are
	limit   int64 // how many there may be
	err     error // sticky
	state   state
	fed     bool // something has arrived

	in  []byte // during Inflate: what is left of src
	out []byte // during Inflate: the octets of the message in dst, and the room behind them
	op  int    // during Inflate: where in out the next octet goes

	acc   uint64 // bits that were taken from the input, the next one lowest
	nbits uint   // how many of them: the rest is 0

	final    bool // BFINAL of this block
	stored   int  // state storedBlock: how many octets are left
	copyLen  int  // state compressedBlock: how much is left of a copy that did not fit
	copyDist int
	litlen   *litlenTable // of this block: fixed or &dynLitlen
	dist     *distTable

	// The header of a dynamic block, RFC 1951, 3.2.7.
	nlitlen, nclen int // HLIT + 257, HCLEN + 4
	nlens          int // HLIT + 257 + HDIST + 1
	done           int // how many of the lengths are known
	prev           int // the last one
	clens          [clenSyms]uint8
	clen           [1 << clenTableBits]uint32
	clenBits       uint
	litlenCode     code
	distCode       code
	dynLitlen      litlenTable
	dynDist        distTable
}

type state uint8

const (
	blockHeader     state = iota // before a block
	storedHeader                 // before LEN, on a boundary of octets
	storedBlock                  // inside the octets of a block with no compression
	dynamicHeader                // before HLIT
	codeLengthCode               // inside the code lengths of the code length code
	codeLengths                  // inside the code lengths
	compressedBlock              // inside compressed data
	ended                        // after the message
)

// inflaters holds Inflaters that no message is using. One is 12 KiB, nearly all
// of it tables of the block at hand, of which a connection needs nothing
// between its messages.
var inflaters = sync.Pool{New: func() any { return new(Inflater) }}

// GetInflater lends an Inflater for one message of the connection whose window
// is w. The message may have at most limit octets, any number if limit is
// negative. Whatever becomes of the message, the Inflater has to go to
// [PutInflater], and w may not be used for anything else before.
func GetInflater(w *Window, limit int64) *Inflater {
	if w.bits == 0 {
		panic("hawser/deflate: the Window has not been initialised")
	}
	f := inflaters.Get().(*Inflater)
	lent(1)
	f.w = w
	f.own.Init(int(w.bits), true)
	if f.h = &f.own; w.takeover {
		f.h = w
	}
	if f.limit = limit; limit < 0 {
		f.limit = math.MaxInt64
	}
	f.held, f.written, f.err, f.fed = 0, 0, nil, false
	f.state, f.acc, f.nbits, f.copyLen = blockHeader, 0, 0, 0
	return f
}

// PutInflater takes back an Inflater that [GetInflater] has lent; nil is
// ignored. It must not be used afterwards. Putting it back a second time
// panics if nobody has got it in between.
func PutInflater(f *Inflater) {
	if f == nil {
		return
	}
	if f.w == nil {
		panic("hawser/deflate: PutInflater of an Inflater that is not lent")
	}
	f.own.Release()
	f.w, f.h, f.err = nil, nil, nil
	lent(-1)
	inflaters.Put(f)
}

// Inflate decompresses src, the next piece of the payload, and appends to dst
// within its capacity; it never allocates a larger one. last says that the
// message ends with src. out is dst with what was appended, and n is how much of
// src has been used.
//
// What was inflated of the message must be at the end of dst: it is what
// distances refer to. In between, the caller may move it to a larger slice, and
// may put it behind other data. To empty dst, it has to tell [Inflater.Drain].
//
// A nil error says that all of src has been used and that dst has room left or
// needs none; with last it also says that the message is complete and valid.
// [ErrShortDst] says that dst is full: the caller enlarges or drains it and
// calls Inflate again with src[n:]. After any other error there is no next
// call: a [*LimitError] if the message has more octets than the limit, the
// first of which are at the end of out then, or a [*CorruptError].
//
// With context takeover the window takes over what it needs of dst when the
// message is complete. After an error the window is of no use any more, and
// neither is the connection (RFC 6455, 7.1.7).
//
// The octets of dst between its length and its capacity are modified, also
// behind the end of out. dst must not overlap src. It does not retain dst. It
// does not retain src.
func (f *Inflater) Inflate(dst, src []byte, last bool) (out []byte, n int, err error) {
	base := len(dst) - f.held
	switch {
	case base < 0:
		panic("hawser/deflate: dst is without the octets inflated before")
	case f.w == nil || f.state == ended:
		panic("hawser/deflate: Inflate after the end of a message")
	case f.err != nil:
		return dst, 0, f.err
	}
	room := int64(cap(dst) - len(dst))
	room = min(room, f.limit-f.written)
	f.in, f.out, f.op = src, dst[base:len(dst)+int(room)], f.held
	f.fed = f.fed || len(src) > 0

	err = f.run()
	if err == nil && last {
		err = f.end()
	}
	f.written += int64(f.op - f.held)
	f.held = f.op
	n = len(src) - len(f.in)
	f.in, f.out = nil, nil
	if err == ErrShortDst && f.written == f.limit {
		err = &LimitError{f.limit}
	}
	if err != ErrShortDst {
		f.err = err
	}
	return dst[:base+f.held], n, err
}

// Drain is called before dst is emptied, with dst as [Inflater.Inflate] has last
// returned it: distances may go on referring to what is in it. The next dst
// need not contain anything. It does not retain dst.
func (f *Inflater) Drain(dst []byte) {
	if len(dst) < f.held {
		panic("hawser/deflate: dst is without the octets inflated before")
	}
	f.h.add(dst[len(dst)-f.held:])
	f.held = 0
}

// end judges the end of the message.
//
// "Append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the payload of the
// message" (RFC 7692, 7.2.2): these are LEN and NLEN of an empty block with no
// compression whose header the sender has left in place, and with nothing
// else before them has the message come from the algorithm of 7.2.1. So that is
// where it must have ended. It is stricter than to feed the four octets to
// DEFLATE and see whether it objects. What was cut inside a block could take
// them for data, and what was cut between two blocks would leave a block
// unfinished that nobody misses. It also refuses a sender that leaves out the
// octet 0x00 after a block with BFINAL set, which "is necessary" (7.2.3.4).
//
// No payload at all is an empty message, though it lacks the octet 0x00 of
// 7.2.3.6: there is nothing that could have been cut, and every implementation
// that hands the four octets to zlib takes it for one.
func (f *Inflater) end() error {
	if f.fed && (f.state != storedHeader || f.nbits != 0) {
		return errTruncated
	}
	f.state = ended
	if f.w.takeover {
		f.w.add(f.out[:f.op])
	}
	return nil
}

// run decodes as much as there is input and room for. It returns nil when it
// needs more input.
func (f *Inflater) run() error {
	for {
		var err error
		switch f.state {
		case blockHeader:
			err = f.header()
		case storedHeader:
			err = f.storedHeader()
		case storedBlock:
			err = f.storedBlock()
		case dynamicHeader:
			err = f.dynamicHeader()
		case codeLengthCode:
			err = f.codeLengthCode()
		case codeLengths:
			err = f.codeLengths()
		case compressedBlock:
			err = f.compressedBlock()
		}
		switch err {
		case nil:
		case errMoreInput:
			return nil
		default:
			return err
		}
	}
}
