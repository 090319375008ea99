package conn

import (
	"sync"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/utf8stream"
)

// A Prepared is one message for many connections: its text is validated once, its frame is made once, and it is compressed once for each window and level that they have agreed on, when the first of them needs
// it. All methods may be called from any goroutine.
type Prepared struct {
	out   outgoing
	whole []byte // the frame that a server sends uncompressed

	mu         sync.Mutex
	compressed map[preparedKey]preparedForm
}

// preparedForm is a message as a server sends it compressed.
type preparedForm struct {
	frame, payload []byte // nil if it does not get shorter
}

// preparedKey is what the compressed form of a message depends on.
type preparedKey struct {
	windowBits int
	level      deflate.Level
}

// Prepare returns the message p of type t for [Conn.WritePrepared], [Conn.SendPrepared] and [Broadcast]. t may have [Uncompressed]. Errors are those of [Conn.Write]. It does not retain p.
func Prepare(t MessageType, p []byte) (*Prepared, error) {
	if err := checkMessage(t&^Uncompressed, p); err != nil {
		return nil, err
	}
	m := &Prepared{out: outgoing{opcode: frame.Opcode(t &^ Uncompressed), plain: t&Uncompressed != 0}}
	m.whole, m.out.data = wholeFrame(frame.Header{Fin: true, Opcode: m.out.opcode}, p)
	m.out.prepared = m
	return m, nil
}

// wholeFrame returns the unmasked frame with the header h and a copy of p, and that copy.
func wholeFrame(h frame.Header, p []byte) (whole, payload []byte) {
	h.PayloadLength = uint64(len(p))
	whole = h.Append(make([]byte, 0, frame.SizeHeader(h)+len(p)))
	n := len(whole)
	whole = append(whole, p...)
	return whole, whole[n:]
}

func (m *Prepared) outgoing() *outgoing { return &m.out }

// frame returns the frame that a server sends whose connection compresses with z, nil if it does not, and notes it there.
func (m *Prepared) frame(z *compression) []byte {
	if z == nil || m.out.plain || len(m.out.data) < z.minSize {
		return m.whole
	}
	whole, _, shorter := m.forms(z)
	if shorter {
		z.compressor.Note(m.out.data) // the peer's window has it, too
	}
	return whole
}

// forms returns the frame that a server sends and the payload that it has, compressed if that is shorter.
func (m *Prepared) forms(z *compression) (whole, payload []byte, shorter bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f, ok := m.compressed[z.prepared]
	if !ok {
		if b := deflate.CompressMessage(nil, m.out.data, z.prepared.windowBits, z.prepared.level); len(b) < len(m.out.data) {
			f.frame, f.payload = wholeFrame(frame.Header{Fin: true, RSV1: true, Opcode: m.out.opcode}, b)
		}
		if m.compressed == nil {
			m.compressed = make(map[preparedKey]preparedForm)
		}
		m.compressed[z.prepared] = f
	}
	if f.frame == nil {
		return m.whole, m.out.data, false
	}
	return f.frame, f.payload, true
}

// checkMessage returns why a message may not be sent.
func checkMessage(t MessageType, p []byte) error {
	switch t {
	case Binary:
		return nil
	case Text:
		var v utf8stream.Validator // several times as fast as utf8.Valid on what is not ASCII
		if !v.Feed(p) || !v.Complete() {
			return ErrInvalidUTF8
		}
		return nil
	}
	return ErrInvalidMessageType
}
