package protocol

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/conntest"
	"github.com/hawser-go/hawser/mask"
)

// pair is two machines back to back: what one sends the other receives, after any delay and in pieces of any size.
type pair struct {
	ends [2]*endpoint // client, server
	wire [2][]byte    // sent by ends[i], not yet delivered
	want [2][]string  // what ends[i] must have come to, as far as the other side has sent it
	open [2]frame.Opcode
	part [2][]byte
	rsv1 [2]bool // what is open is compressed
	sent [2]bool // a Close
}

func newPair() *pair {
	return &pair{ends: [2]*endpoint{newEndpoint(Client, compressedLimits), newEndpoint(Server, compressedLimits)}}
}

// send puts a frame on the wire, as a driver would: data only if the Sender says so.
func (p *pair) send(i int, h frame.Header, payload []byte) {
	h.PayloadLength = uint64(len(payload))
	payload = slices.Clone(payload)
	if i == 0 {
		h.Masked, h.MaskingKey = true, freshKey()
		mask.XOR(payload, h.MaskingKey)
	}
	p.wire[i] = append(frame.AppendHeader(p.wire[i], h), payload...)
}

// fragment sends a data frame of a message, and says what the other side makes of it. A message is compressed if its first fragment is.
func (p *pair) fragment(i int, op frame.Opcode, fin, compressed bool, payload []byte) {
	if !p.ends[i].send.MaySendData() {
		return
	}
	h := frame.Header{Fin: fin, Opcode: op}
	if p.open[i] != 0 {
		h.Opcode = frame.OpcodeContinuation
	} else {
		p.open[i], p.rsv1[i], h.RSV1 = op, compressed, compressed
	}
	sent := payload
	if p.rsv1[i] {
		payload = bytes.ReplaceAll(payload, []byte{0xff}, nil) // whose complement is corrupt
		sent = slices.Clone(payload)
		for k := range sent {
			sent[k] = ^sent[k]
		}
	}
	p.send(i, h, sent)
	p.part[i] = append(p.part[i], payload...)
	if fin {
		p.expect(i, fmt.Sprintf("%v %q", p.open[i], p.part[i]))
		p.open[i], p.part[i] = 0, nil
	} else {
		p.expect(i, "fragment")
	}
}

func (p *pair) expect(i int, event string) { p.want[1-i] = append(p.want[1-i], event) }

// deliver moves n bytes from ends[i] to the other, and what that answers to its wire.
func (p *pair) deliver(i, n int) {
	n = min(n, len(p.wire[i]))
	other := p.ends[1-i]
	other.feed(slices.Clone(p.wire[i][:n]))
	p.wire[i] = p.wire[i][n:]
	p.collect(1 - i)
}

// collect moves what an endpoint has to say to its wire, and expects the other side to hear it.
func (p *pair) collect(i int) {
	out := p.ends[i].out
	p.ends[i].out = nil
	p.wire[i] = append(p.wire[i], out...)
	for len(out) > 0 {
		f, n, err := conntest.ParseFrame(out)
		if err != nil || n == 0 {
			panic(fmt.Sprintf("sent %x: %v", out, err))
		}
		switch f.Opcode {
		case conntest.Pong:
			p.expect(i, fmt.Sprintf("pong %q", f.Payload))
		case conntest.Close:
			code, reason, _ := frame.ConsumeClose(f.Payload)
			p.expect(i, fmt.Sprintf("close %d %q", uint16(code), reason))
			p.sent[i] = true
		}
		out = out[n:]
	}
}

// FuzzPair: two machines never diverge. A script of sends and deliveries, at any split: each side comes to what the other sent, in order, whatever was on the
// way, neither fails, and once one closes and all is delivered both are closed.
func FuzzPair(f *testing.F) {
	f.Add([]byte{0, 5, 9, 1, 7, 200, 13, 6, 3, 6, 255, 12, 6, 255, 14, 255})
	f.Add([]byte{2, 3, 10, 4, 6, 1, 6, 1, 6, 1, 12, 0, 14, 3, 13, 1, 7, 9, 7, 200})
	f.Add([]byte{1, 0, 5, 0, 8, 2, 6, 255, 7, 255, 12, 1, 13, 2, 6, 4, 7, 4})
	f.Fuzz(func(t *testing.T, script []byte) {
		// 512 sends at most: no message comes to the limit of 1,024 fragments, which the script's oracle does not know.
		script = script[:min(len(script), 1024)]
		p := newPair()
		for len(script) >= 2 {
			op, arg := script[0], script[1]
			script = script[2:]
			i := int(op & 1)
			switch op >> 1 % 7 {
			case 0: // a text in one frame, or the next piece of what is open
				p.fragment(i, frame.OpcodeText, true, arg >= 128, []byte("κόσμε")[:2*(arg%6)])
			case 1:
				p.fragment(i, frame.OpcodeBinary, false, arg%2 == 1, script[:min(int(arg), len(script))])
			case 2:
				p.fragment(i, frame.OpcodeBinary, true, arg%2 == 1, script[:min(int(arg), len(script))])
			case 3:
				p.deliver(i, int(arg)+1)
			case 4:
				if !p.sent[i] {
					p.send(i, frame.Header{Fin: true, Opcode: frame.OpcodePing}, []byte{arg})
					p.expect(i, fmt.Sprintf("ping %q", []byte{arg}))
				}
			case 5:
				p.deliver(i, 1)
			case 6:
				if arg < 64 && p.ends[i].send.Close(1000+frame.StatusCode(arg%4), "") {
					p.ends[i].flush()
					p.collect(i)
				}
			}
		}
		closed := p.sent[0] || p.sent[1]
		for len(p.wire[0])+len(p.wire[1]) > 0 {
			p.deliver(0, 7)
			p.deliver(1, 5)
		}
		for i, e := range p.ends {
			want := p.want[i]
			// Nothing is received behind a Close, and an endpoint does not answer pings behind the peer's.
			if k := slices.IndexFunc(want, func(s string) bool { return len(s) > 5 && s[:5] == "close" }); k >= 0 {
				want = want[:k+1]
			}
			if !slices.Equal(e.trace, want) {
				t.Fatalf("the %v came to %q, want %q", Role(1-i), e.trace, want)
			}
			if closed && e.send.State() != Closed || !closed && e.send.State() != Open {
				t.Fatalf("the %v is %v, closed: %v", Role(1-i), e.send.State(), closed)
			}
		}
	})
}
