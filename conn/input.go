package conn

import (
	"sync"
	"sync/atomic"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/bufpool"
	"github.com/hawser-go/hawser/internal/protocol"
	"github.com/hawser-go/hawser/mask"
)

// input turns the bytes of a peer into messages and events. It is fed and never blocks: a driver asks for space, reads into it, says how much came, and
// calls next until that needs more. It may be left at any byte and gone on with later.
//
// A message in one frame that fits the read buffer is unmasked where it lies and returned as a view of it. Any other message is gathered in a buffer of its own, which grows
// by what has arrived, never by what a header announces; as long as the read buffer is empty, its bytes are read straight into it. A message that is handed out in pieces is not gathered: see piece.go.
type input struct {
	*reading // nil while nothing is unfinished: see begin and rest

	limit  int64                     // on messages, see Config.MessageLimit
	limits atomic.Pointer[newLimits] // for the next message, nil if they stay as they are
	refuse func() error              // says why no data frame may come; nil if they may

	inflation *inflation // nil if permessage-deflate has not been negotiated
	stream    *streaming // nil until a message is handed out in pieces
	of        *Conn      // whose Registry counts what is held; nil if none does

	first     *[16]byte // where a read waits while there is no buffer; nil until one did
	waiting   bool      // it does
	full      bool      // reads filled the buffer, so the next one may be larger
	filled    bool      // the last read filled what space there was, so more may wait
	bulk      bool      // the last read into a fresh buffer filled a small one, so the next one takes a large buffer at once
	completed bool      // a message was, since what is held was counted
	refused   bool      // there is no room for the rest of the message
	role      Role

	unfinished bool // a message has begun to come, see Conn.noteMessages
}

// A reading is the part of input that is needed from the first byte of a message, or of what a read may bring, to the last one: a connection at rest has none.
type reading struct {
	recv protocol.Receiver

	buf  *[]byte // the read buffer, nil while nothing is in it and nobody reads
	r, w int     // (*buf)[r:w] has not been processed

	inFrame bool
	key     mask.Key // rotated to the next byte of the current frame
	control bool     // the current frame is a control frame
	view    bool     // the current frame is a message that stays in the read buffer
	fresh   bool     // the read buffer has been taken for the next read
	start   int      // where it began there

	msg    *[]byte // the message that is gathered, nil if none
	msgLen int
	behind int // bytes that have arrived and not been read, 0 if the transport does not say
	direct int // bytes at the end of msg that were read straight into it and are not processed yet

	pace pace

	lent    *[]byte // the buffer of the message that was returned last
	counted int64   // what the Registry knows of what is held
}

// readings holds those that no connection needs.
var readings = sync.Pool{New: func() any { return new(reading) }}

// begin gets input what it needs to read.
func (in *input) begin() {
	if in.reading == nil {
		in.reading = readings.Get().(*reading)
		in.recv = protocol.NewReceiver(protocol.Role(in.role), in.wire())
	}
}

// wire returns the limits on what comes.
func (in *input) wire() protocol.Limits {
	l := messageLimits(in.limit)
	if in.inflation != nil {
		l.Compressed = compressedLimit(l.Message)
	}
	return l
}

// rest is the end of begin, if nothing is unfinished.
func (in *input) rest() {
	s := in.reading
	if s == nil || s.buf != nil || s.msg != nil || s.lent != nil || s.inFrame || s.counted != 0 || !s.recv.AtRest() || in.stream != nil && in.stream.open {
		return
	}
	s.control, s.behind, s.pace = false, 0, pace{} // and the rest is as it was, or is set before it is used
	in.reading = nil
	readings.Put(s)
}

const (
	// readBufferSize has room for a message of 4 KiB and its header, and is held only while something is there.
	readBufferSize = 8 << 10
	// firstMessageBuffer is what a message that is gathered begins with.
	firstMessageBuffer = 4 << 10
	// bulkBufferSize is used while reads fill the buffer: fewer system calls for each byte. A larger one would leave the L2 cache.
	bulkBufferSize = 64 << 10
	// maxStraightRead is how much of a message is read before it is unmasked: that is faster while the bytes are in the processor's cache. A message of 1 MiB costs 5 % less than in one read (bench/peers, echo/1MiB/1,
	// 10 rounds; 64 KiB 1 %, 128 KiB 4 %).
	maxStraightRead = 256 << 10
)

// space returns where the driver puts the bytes that come next, at least one byte long. The driver must call advance before next or space is called
// again.
func (in *input) space() []byte {
	in.begin()
	in.release()
	if b := in.directSpace(readBufferSize); b != nil {
		return b
	}
	if in.readsStraight() {
		if in.msgLen < len(*in.msg) || in.grow(in.msgLen+int(min(uint64(max(in.behind, 1)), in.recv.Remaining()))) {
			return in.messageSpace()
		}
		in.refused, in.full = false, false // there may be room when something has come, for which a small buffer is enough
	}
	size, from := in.bufferSize(), in.needed()
	if in.view {
		size = max(size, int(in.recv.Frame().PayloadLength)) // which fitted the buffer that it came in
	}
	if in.buf == nil {
		in.buf = bufpool.Get(size)
		in.fresh = true
		in.countLarge()
		return *in.buf
	}
	if in.view && !in.filled && in.w < len(*in.buf) {
		return (*in.buf)[in.w:] // also of a small one that idle has left: a frame that trickles must not be moved at each byte
	}
	empty := from == in.w
	switch {
	case len(*in.buf) < size, empty && in.w <= readBufferSize && len(*in.buf) > size:
		in.move(size, from)
		in.countLarge()
	case empty, in.w == len(*in.buf):
		in.shift(*in.buf, from)
	}
	return (*in.buf)[in.w:]
}

// readsStraight reports whether what comes next goes straight into the message that is gathered.
func (in *input) readsStraight() bool {
	return in.r == in.w && in.inFrame && !in.control && !in.view && in.msg != nil && !in.recv.Compressed()
}

// needed returns where in the read buffer that begins which is needed still.
func (in *input) needed() int {
	switch {
	case in.view:
		return in.start
	case in.stream != nil:
		return in.r - in.stream.src
	}
	return in.r
}

// bufferSize returns how large the read buffer should be.
func (in *input) bufferSize() int {
	if in.full || in.bulk {
		return bulkBufferSize
	}
	return readBufferSize
}

// waitingSpace is space for a driver whose read will wait: as long as nothing has come, no read buffer is held, also not between the fragments of a message.
func (in *input) waitingSpace() []byte {
	if b := in.directSpace(len(in.first) + 1); b != nil { // else a message would come in pieces of len(in.first)
		return b
	}
	if in.reading == nil || in.buf == nil && !in.readsStraight() {
		in.release()
		in.waiting = true
		return in.landing()
	}
	if in.buf != nil && !in.filled && in.w < len(*in.buf) {
		in.release()
		return (*in.buf)[in.w:]
	}
	b := in.space()
	if in.msg != nil {
		in.count() // idle did not know of it
	}
	return b
}

// landing is where a read waits while there is no read buffer: in the free end of the message's buffer, or, if there is none, in a few bytes of in's own. It is the same until advance.
func (in *input) landing() []byte {
	if in.first == nil {
		in.first = new([16]byte)
	}
	if in.reading != nil && in.msg != nil && len(*in.msg)-in.msgLen > len(in.first) {
		free := (*in.msg)[in.msgLen:]
		return free[:min(len(free), in.bufferSize())]
	}
	return in.first[:]
}

// prime puts bytes into the read buffer that came before the first read. It does not retain p.
func (in *input) prime(p []byte) {
	if len(p) == 0 {
		return
	}
	in.begin()
	in.buf = bufpool.Get(max(len(p), readBufferSize))
	in.r, in.w = 0, copy(*in.buf, p)
}

// shift moves what is still needed, old[from:w], to the start of the read buffer. That always makes room: a view's frame fits the buffer as a whole, a header
// too.
func (in *input) shift(old []byte, from int) {
	copy(*in.buf, old[from:in.w])
	in.r -= from
	in.w -= from
	in.start = 0
}

// move moves what is still needed to a buffer of the given size.
func (in *input) move(size, from int) {
	old := in.buf
	in.buf = bufpool.Get(size)
	in.shift(*old, from)
	bufpool.Put(old)
}

// messageSpace returns the free rest of the message's buffer, no more than the current frame still needs, or than is good to read at once.
func (in *input) messageSpace() []byte {
	b := (*in.msg)[in.msgLen:]
	b = b[:min(len(b), maxStraightRead)]
	if rest := in.recv.Remaining(); uint64(len(b)) > rest {
		b = b[:rest]
	}
	in.direct = len(b) // what advance may add; corrected there
	return b
}

// grow makes room for n bytes in the message's buffer, or sets refused and reports false. A buffer that is full is replaced by one of twice the size, or by one that has room for
// what is known to have arrived: so it holds at most twice that, or firstMessageBuffer. To know saves half of the copies of a message of 1 MiB.
func (in *input) grow(n int) bool {
	switch {
	case in.msg == nil:
		n = max(n, firstMessageBuffer)
		if !in.room(n) {
			return false
		}
		in.msg = bufpool.Get(n)
		return true
	case n <= len(*in.msg):
		return true
	}
	return in.regrow(max(n, 2*len(*in.msg)))
}

// regrow moves the message that is gathered to a buffer of n bytes, or sets refused and reports false.
func (in *input) regrow(n int) bool {
	if !in.room(n) {
		return false
	}
	b := bufpool.Get(n)
	copy(*b, (*in.msg)[:in.msgLen])
	bufpool.Put(in.msg)
	in.msg = b
	return true
}

// advance tells that n bytes were put at the start of the last space.
func (in *input) advance(n int) {
	if in.stream != nil && in.stream.direct > 0 {
		in.filled = n == in.stream.direct
		in.stream.direct = n
		return
	}
	if in.waiting {
		in.waiting = false
		b := in.landing()
		in.filled = n == len(b)
		if n > 0 {
			in.begin()
			in.buf = bufpool.Get(in.bufferSize())
			in.r, in.w = 0, copy(*in.buf, b[:n])
		}
		return
	}
	if in.direct > 0 {
		in.filled = n == in.direct
		in.full = in.full || in.filled && uint64(n) < in.recv.Remaining()
		in.direct = n
		in.msgLen += n
		return
	}
	if in.fresh {
		in.fresh, in.bulk = false, n >= readBufferSize
	}
	in.w += n
	in.full = in.w == len(*in.buf)
	in.filled = in.full
}

// idle is called before nothing is read for a while. What is held of the read buffer then is at most twice what has arrived, or the smallest buffer.
func (in *input) idle() {
	if in.reading == nil {
		return
	}
	in.release()
	in.shrink()
	in.countWaiting()
	in.rest()
}

// shrink gives back the read buffer, or what is not needed of it.
func (in *input) shrink() {
	if in.buf == nil {
		return
	}
	from := in.needed()
	switch n := in.w - from; {
	case n == 0:
		bufpool.Put(in.buf)
		in.buf, in.r, in.w, in.start = nil, 0, 0, 0
	case !in.filled && len(*in.buf) > max(2*n, bufpool.Smallest):
		in.move(n, from)
	}
}

// discard gives back all buffers. Nothing more is read.
func (in *input) discard() {
	in.release()
	in.inflation.discard()
	in.stream.discard()
	if in.reading == nil {
		in.count()
		return
	}
	bufpool.Put(in.buf)
	bufpool.Put(in.msg)
	in.buf, in.msg, in.r, in.w, in.msgLen, in.direct, in.view = nil, nil, 0, 0, 0, 0, false
	in.count()
}

func (in *input) release() {
	if in.reading == nil || in.lent == nil {
		return
	}
	bufpool.Put(in.lent)
	in.lent = nil
	if in.counted > 0 {
		in.count()
	}
}

// insideMessage reports whether an end of the stream here would cut a frame or a message.
func (in *input) insideMessage() bool {
	return in.reading != nil && (in.inFrame || in.r != in.w || in.recv.InMessage())
}

// next processes bytes until something is complete. It returns
//   - a Message event with the message's bytes, valid until the next call to next, space, idle or discard,
//   - a Ping, Pong or Close event,
//   - a Fragment event if the rest of a message has been discarded that was handed out in pieces,
//   - a None event if it needs more bytes,
//   - or the rule or limit that the peer broke.
func (in *input) next() (protocol.Event, []byte, error) {
	if in.reading == nil {
		return protocol.Event{}, nil, nil
	}
	in.release()
	if in.stream != nil && in.stream.open {
		e, err := in.skip()
		return e, nil, err
	}
	for {
		if !in.inFrame {
			ok, err := in.header()
			if !ok || err != nil {
				return protocol.Event{}, nil, err
			}
		}
		chunk := in.chunk()
		if in.refused {
			return protocol.Event{}, nil, errNoRoom
		}
		if len(chunk) == 0 && in.recv.Remaining() != 0 {
			return protocol.Event{}, nil, nil
		}
		if in.recv.Frame().Masked {
			in.key = mask.XOR(chunk, in.key)
		}
		e, err := in.recv.Payload(chunk)
		if err != nil {
			return protocol.Event{}, nil, err
		}
		if e.Kind != protocol.None {
			in.inFrame = false
		}
		if in.control {
			if e.Kind != protocol.None {
				return e, nil, nil
			}
			continue
		}
		if in.recv.Compressed() {
			if err := in.inflate(chunk, e.Kind == protocol.Message); err != nil {
				return protocol.Event{}, nil, err
			}
		}
		if e.Kind == protocol.Message {
			return e, in.message(), nil
		}
	}
}

// frameWaits reports whether a whole frame lies behind the message that next returned last.
func (in *input) frameWaits() bool {
	if in.reading == nil || in.r == in.w {
		return false
	}
	h, n := frame.ConsumeHeader((*in.buf)[in.r:in.w])
	return n > 0 && h.PayloadLength <= uint64(in.w-in.r-n)
}

// header takes the next frame's header, if it is there, and decides where its payload goes.
func (in *input) header() (ok bool, err error) {
	if in.buf == nil {
		return false, nil
	}
	if l := in.limits.Load(); l != nil && !in.recv.InMessage() {
		in.setLimits(l)
	}
	n, err := in.recv.Header((*in.buf)[in.r:in.w])
	if n == 0 || err != nil {
		return false, err
	}
	in.r += n
	in.inFrame = true
	h := in.recv.Frame()
	in.key = h.MaskingKey
	in.control = h.Opcode.IsControl()
	if in.refuse != nil && !in.control {
		if err := in.refuse(); err != nil {
			return false, err
		}
	}
	in.view = h.Fin && !h.RSV1 && h.PayloadLength <= uint64(len(*in.buf)) &&
		(h.Opcode == frame.OpcodeText || h.Opcode == frame.OpcodeBinary)
	if in.view {
		in.start = in.r
	}
	return true, nil
}

// chunk returns what is there of the current frame's payload and counts it as processed, moving it to the message that is gathered, if it belongs there.
func (in *input) chunk() []byte {
	if in.direct > 0 {
		b := (*in.msg)[in.msgLen-in.direct : in.msgLen]
		in.direct = 0
		return b
	}
	if in.r == in.w {
		return nil
	}
	b := (*in.buf)[in.r:in.w]
	if rest := in.recv.Remaining(); uint64(len(b)) > rest {
		b = b[:rest]
	}
	in.r += len(b)
	if len(b) == 0 || in.view || in.control || in.recv.Compressed() {
		return b
	}
	if !in.grow(in.msgLen + len(b)) {
		return nil
	}
	n := copy((*in.msg)[in.msgLen:], b)
	in.msgLen += n
	return (*in.msg)[in.msgLen-n : in.msgLen]
}

// message returns the message that is complete. Its buffer, if it has one of its own, is given back by the next call.
func (in *input) message() []byte {
	in.completed = true
	if in.view {
		in.view = false
		return (*in.buf)[in.start:in.r:in.r]
	}
	n := in.msgLen
	in.lent, in.msg, in.msgLen = in.msg, nil, 0
	if in.lent == nil {
		return nil
	}
	return (*in.lent)[:n:n]
}

// keep makes b, the message that next returned last, the caller's for good: its own buffer changes hands, a view is copied.
func (in *input) keep(b []byte) []byte {
	if in.lent == nil {
		return append(make([]byte, 0, len(b)), b...)
	}
	bufpool.Keep(in.lent)
	in.lent = nil
	return b
}
