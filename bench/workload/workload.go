// Package workload has the inputs of the framing core that the benchmarks, the guard and bench/cmd/core measure: each is defined once, so that their figures are
// about the same thing.
package workload

import (
	"fmt"
	"strings"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/protocol"
	"github.com/hawser-go/hawser/mask"
)

// Sizes are the payload sizes in bytes that whole connections are measured at: a key press, the longest payload of a short header, a chat message, a page of a feed, an image,
// and the default message limit.
var Sizes = []int{16, 125, 1 << 10, 4 << 10, 64 << 10, 1 << 20}

// Size returns how names of measurements spell a size in bytes: 125B, 4KiB, 1MiB.
func Size(n int) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%dMiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%dKiB", n>>10)
	}
	return fmt.Sprintf("%dB", n)
}

// Key is the masking key of everything that is masked here. None of its octets has the top bit: ASCII text stays ASCII text
// when it is masked, so that the same buffer can be unmasked again and again and is valid each time.
var Key = mask.Key{0x1c, 0x25, 0x73, 0x0e}

// A Language is a kind of text, by the length of its UTF-8 sequences.
type Language struct {
	Name   string
	sample string
}

// Languages are texts of one, two, three and four octets a character, mixed with the spaces and punctuation that such text has.
var Languages = []Language{
	{"ascii", "The quick brown fox jumps over the lazy dog. "},
	{"greek", "Ο καφέ αλεπού πηδάει πάνω από το τεμπέλικο σκυλί. "},
	{"chinese", "敏捷的棕色狐狸跳过了懒狗，然后它回家睡觉了。"},
	{"emoji", "😀😃😄😁😆😅🤣😂🙂🙃😉😊😇🥰😍🤩"},
}

// Text returns n bytes of valid UTF-8. The caller owns the result.
func (l Language) Text(n int) []byte {
	b := make([]byte, 0, n)
	for _, r := range strings.Repeat(l.sample, n/len(l.sample)+1) {
		if len(b)+len(string(r)) > n {
			break
		}
		b = append(b, string(r)...)
	}
	for len(b) < n {
		b = append(b, '.')
	}
	return b
}

// JSON returns n bytes of a JSON text, the i-th of a stream of such messages: the same names each time, and other values. A part of one is as good as a whole for what is measured.
// The caller owns the result.
func JSON(i, n int) []byte {
	symbols := [...]string{"AAPL", "MSFT", "GOOG", "AMZN", "NVDA", "HWSR"}
	seed := uint32(i)*2654435761 + 1
	next := func(m uint32) uint32 {
		seed = seed*1664525 + 1013904223
		return (seed >> 8) % m
	}
	b := []byte(`{"type":"quotes","data":[`)
	for len(b) < n {
		b = fmt.Appendf(b, `{"symbol":"%s","bid":%d.%02d,"ask":%d.%02d,"size":%d,"time":"2026-11-22T12:%02d:%02d.%03dZ"},`,
			symbols[next(6)], next(900), next(100), next(900), next(100), next(5000), next(60), next(60), next(1000))
	}
	return b[:n]
}

// A NamedHeader is a frame header that is measured.
type NamedHeader struct {
	Name   string
	Header frame.Header
}

// Headers are the forms of a header in ordinary traffic: the three forms of the length, from a server and from a client.
var Headers = []NamedHeader{
	{"len7", frame.Header{Fin: true, Opcode: frame.OpcodeText, PayloadLength: 100}},
	{"len7_masked", frame.Header{Fin: true, Opcode: frame.OpcodeText, Masked: true, MaskingKey: Key, PayloadLength: 100}},
	{"len16", frame.Header{Fin: true, Opcode: frame.OpcodeBinary, PayloadLength: 1000}},
	{"len16_masked", frame.Header{Fin: true, Opcode: frame.OpcodeBinary, Masked: true, MaskingKey: Key, PayloadLength: 1000}},
	{"len64", frame.Header{Fin: true, Opcode: frame.OpcodeBinary, PayloadLength: 1 << 20}},
	{"len64_masked", frame.Header{Fin: true, Opcode: frame.OpcodeBinary, Masked: true, MaskingKey: Key, PayloadLength: 1 << 20}},
}

// AppendFrame appends a whole frame to b: an unfragmented message, masked with Key if masked. It does not retain payload. The caller owns the result.
func AppendFrame(b []byte, op frame.Opcode, masked bool, payload []byte) []byte {
	h := frame.Header{Fin: true, Opcode: op, Masked: masked, PayloadLength: uint64(len(payload))}
	if masked {
		h.MaskingKey = Key
	}
	b = frame.AppendHeader(b, h)
	start := len(b)
	b = append(b, payload...)
	if masked {
		mask.XOR(b[start:], Key)
	}
	return b
}

// Frames is a read buffer full of small messages, and the server that receives them.
type Frames struct {
	N    int // how many frames the buffer holds
	View []byte

	buf  []byte
	recv protocol.Receiver
}

// FramesPayload is the payload of each frame in a [Frames], the longest that a header of 2 + 4 octets announces.
const FramesPayload = 125

// NewFrames returns a buffer of 64 KiB, as much as one read of a busy connection brings, full of masked text messages.
func NewFrames() *Frames {
	f := &Frames{recv: protocol.NewReceiver(protocol.Server, protocol.Limits{Message: 1 << 20, Fragments: 1024})}
	text := Languages[0].Text(FramesPayload)
	for next := []byte(nil); len(f.buf)+len(next) <= 64<<10; f.N++ {
		f.buf = append(f.buf, next...)
		next = AppendFrame(nil, frame.OpcodeText, true, text)
	}
	f.N-- // the first turn only made the frame
	return f
}

// Receive does with the whole buffer what package conn does with what it has read: parse, check, unmask, validate, deliver a view. It returns how many messages it
// has delivered, the last of which is View. It may be called again and again.
func (f *Frames) Receive() (messages int) {
	r := &f.recv
	for b := f.buf; len(b) > 0; {
		n, err := r.Header(b)
		if n == 0 || err != nil {
			return messages
		}
		payload := b[n : n+int(r.Remaining())]
		b = b[n+len(payload):]
		if r.Frame().Masked {
			mask.XOR(payload, r.Frame().MaskingKey)
		}
		e, err := r.Payload(payload)
		if err != nil {
			return messages
		}
		if e.Kind == protocol.Message {
			f.View = payload[:len(payload):len(payload)]
			messages++
		}
	}
	return messages
}
