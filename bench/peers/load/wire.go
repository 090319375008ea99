//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/klauspost/compress/flate"
)

// A wire is what every connection sends: whole messages, masked, one behind the other, again and again.
type wire struct {
	bytes []byte
	// ends has the end of each message in bytes.
	ends []int
	// payloads has the messages, as the server should see them. If there is one, all messages are alike.
	payloads [][]byte
	raw      bool
}

const (
	opcodeText   = 1
	opcodeBinary = 2
	opcodeClose  = 8
	rsv1         = 0x40
)

// cycle is how many different messages are sent with compression.
const cycle = 32

// newWire encodes the messages. windowBits is what the server allows our compressor with context takeover.
func newWire(o *options, windowBits int) (*wire, error) {
	if o.compress == "off" || o.raw {
		if o.mode == "held" {
			return newMessages(o, false, true), nil
		}
		return newMessages(o, false), nil
	}
	rng := rand.New(rand.NewPCG(6455, uint64(o.size)))
	w := &wire{raw: o.raw}
	first := o.first() | rsv1
	var compressed bytes.Buffer
	fw, err := flate.NewWriterWindow(&compressed, 1<<windowBits)
	if err != nil {
		return nil, err
	}
	for i := range cycle {
		payload := record(rng, o.size)
		w.payloads = append(w.payloads, payload)
		// With context takeover a message may refer to those before it, but not to those before the start of the cycle: so the cycle may follow itself.
		if o.compress == "nocontext" || i == 0 {
			fw.Reset(&compressed)
		}
		compressed.Reset()
		if _, err := fw.Write(payload); err != nil {
			return nil, err
		}
		if err := fw.Flush(); err != nil {
			return nil, err
		}
		p, ok := bytes.CutSuffix(compressed.Bytes(), []byte("\x00\x00\xff\xff"))
		if !ok {
			return nil, fmt.Errorf("the compressor's output does not end as RFC 7692, 7.2.1 wants")
		}
		w.append(first, rng.Uint32(), p)
	}
	return w, nil
}

// waitMark is the first octet of a message for which the server's handler wait waits. No other message begins with it.
const waitMark = '!'

// newMessages encodes messages without compression, one for each of marks, which says whether it begins with waitMark.
func newMessages(o *options, marks ...bool) *wire {
	rng := rand.New(rand.NewPCG(6455, uint64(o.size)))
	w := &wire{raw: o.raw}
	for _, marked := range marks {
		payload := make([]byte, o.size)
		for i := range payload {
			payload[i] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"[rng.IntN(64)]
		}
		if marked && o.size > 0 {
			payload[0] = waitMark
		}
		w.payloads = append(w.payloads, payload)
	}
	// As many as are in flight, so that they leave in one write. If there is one message, all are alike, and may begin anywhere.
	key := rng.Uint32()
	for i := range max(o.inflight, len(marks)) {
		w.append(o.first(), key, w.payloads[i%len(marks)])
	}
	return w
}

// first is the first octet of a frame: FIN and the opcode.
func (o *options) first() byte {
	if o.text {
		return 0x80 | opcodeText
	}
	return 0x80 | opcodeBinary
}

// record makes text as applications send it: keys that repeat, values that do not.
func record(rng *rand.Rand, size int) []byte {
	words := []string{"order", "price", "created", "customer", "status", "shipped", "pending", "quantity", "warehouse", "north", "south", "updated"}
	b := []byte(`{"type":"update","items":[`)
	for len(b) < size {
		b = fmt.Appendf(b, `{"id":%d,"name":%q,"state":%q,"value":%.2f},`, rng.IntN(1e6), words[rng.IntN(len(words))], words[rng.IntN(len(words))], rng.Float64()*1000)
	}
	return b[:size]
}

// append encodes one masked frame. No byte of the key is 0: every byte has to be unmasked.
func (w *wire) append(first byte, key uint32, payload []byte) {
	w.bytes = appendFrame(w.bytes, first, key|0x01010101, payload)
	w.ends = append(w.ends, len(w.bytes))
}

// appendFrame appends a masked frame (RFC 6455, 5.2 and 5.3).
func appendFrame(dst []byte, first byte, key uint32, payload []byte) []byte {
	dst = append(dst, first)
	switch n := len(payload); {
	case n <= 125:
		dst = append(dst, 0x80|byte(n))
	case n < 1<<16:
		dst = append(dst, 0x80|126)
		dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	default:
		dst = append(dst, 0x80|127)
		dst = binary.BigEndian.AppendUint64(dst, uint64(n))
	}
	var k [4]byte
	binary.BigEndian.PutUint32(k[:], key)
	dst = append(dst, k[:]...)
	for i, b := range payload {
		dst = append(dst, b^k[i%4])
	}
	return dst
}
