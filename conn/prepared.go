package conn

import (
	"sync"

	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/utf8stream"
)

// A Prepared is one message for many connections: its text is validated once, and it is compressed once for each window and level that they have agreed on, when the first of them needs it. All methods may be
// called from any goroutine.
type Prepared struct {
	typ   MessageType
	plain bool // has Uncompressed
	data  []byte

	mu         sync.Mutex
	compressed map[preparedKey][]byte // nil for what does not get shorter
}

// preparedKey is what the compressed form of a message depends on.
type preparedKey struct {
	windowBits int
	level      deflate.Level
}

// Prepare returns the message p of type t for [Conn.WritePrepared]. t may have [Uncompressed]. Errors are those of [Conn.Write]. It does not retain p.
func Prepare(t MessageType, p []byte) (*Prepared, error) {
	m := &Prepared{typ: t &^ Uncompressed, plain: t&Uncompressed != 0}
	if err := checkMessage(m.typ, p); err != nil {
		return nil, err
	}
	m.data = append([]byte(nil), p...)
	return m, nil
}

// deflated returns the message's compressed payload, nil if it would not be shorter.
func (m *Prepared) deflated(k preparedKey) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.compressed[k]
	if !ok {
		b = deflate.CompressMessage(nil, m.data, k.windowBits, k.level)
		if len(b) >= len(m.data) {
			b = nil
		}
		if m.compressed == nil {
			m.compressed = make(map[preparedKey][]byte)
		}
		m.compressed[k] = b
	}
	return b
}

// WritePrepared writes m like [Conn.Write] writes a message. On a connection with context takeover the compressed form refers to nothing before it, and later messages may refer to it.
func (c *Conn) WritePrepared(m *Prepared) error {
	if err := c.lockWrite(); err != nil {
		return err
	}
	defer c.unlockWrite()
	if c.writeErr != nil {
		return c.closeError()
	}
	h := frame.Header{Fin: true, Opcode: frame.Opcode(m.typ)}
	if z := c.compression; z != nil && !m.plain && len(m.data) >= z.minSize && !c.over.Load() {
		if b := m.deflated(z.prepared); b != nil {
			z.compressor.Note(m.data) // the peer's window has it, too
			h.RSV1 = true
			return c.writeFrame(h, b)
		}
	}
	return c.writeFrame(h, m.data)
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
