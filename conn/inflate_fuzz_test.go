package conn

import (
	"bytes"
	"slices"
	"testing"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/conntest"
	"github.com/hawser-go/hawser/internal/protocol"
)

// FuzzInputInflating: whatever a client sends where permessage-deflate has been negotiated, and wherever it is split, the input does not panic, the split does not change what happens, and the messages
// are those that an independent parser and the standard library's inflater come to.
func FuzzInputInflating(f *testing.F) {
	for _, takeover := range []bool{false, true} {
		b, _ := compressedConversation(newPacker(6, takeover), 0, 5, 300)
		f.Add(b, uint(2), takeover)
	}
	z := newPacker(9, true)
	var b []byte
	for _, p := range []string{"Hello", "κόσμε", "a\xc0b", "Hello"} {
		for _, fr := range pieces(conntest.Text, z.pack([]byte(p)), 3) {
			b = masked(fr).Append(b)
		}
		f.Add(slices.Clone(b), uint(0), true)
	}
	f.Add(masked(compressedFrame(conntest.Binary, z.pack(make([]byte, 10000)))).Append(nil), uint(1), false) // beyond the limit
	f.Fuzz(func(t *testing.T, b []byte, step uint, takeover bool) {
		whole, chopped := newInflatingFeeder(5000, 15, takeover), newInflatingFeeder(5000, 15, takeover)
		whole.feed(b, len(b))
		chopped.feed(b, int(step%7)+1)
		if !slices.Equal(whole.trace, chopped.trace) {
			t.Fatalf("in steps of %d: %s", step%7+1, firstDifference(chopped.trace, whole.trace))
		}
		whole.in.discard()
		chopped.in.discard()
		allPutBack(t)

		wire := conntest.NewWire(conntest.Client)
		wire.AllowFixedKeys()
		wire.PermessageDeflate(takeover)
		wireErr := wire.Feed(b)
		f := newInflatingFeeder(5000, 15, takeover)
		got, err := messagesOf(&f.in, b)
		f.in.discard()
		want := wire.Messages()
		for i := range min(len(got), len(want)) {
			if got[i].Opcode != want[i].Opcode || !bytes.Equal(got[i].Payload, want[i].Payload) {
				t.Fatalf("message %d is %q, want %q", i, got[i].Payload, want[i].Payload)
			}
		}
		if len(got) > len(want) && wireErr == nil || len(got) < len(want) && err == nil {
			t.Fatalf("%d messages (%v), want %d (%v)", len(got), err, len(want), wireErr)
		}
	})
}

// messagesOf returns the messages in b, and what ended them: a rule that was broken, or protocol.ErrEnded.
func messagesOf(in *input, b []byte) (messages []conntest.Message, err error) {
	for len(b) > 0 {
		n := copy(in.space(), b)
		in.advance(n)
		b = b[n:]
		for {
			e, data, err := in.next()
			switch {
			case err != nil:
				return messages, err
			case e.Kind == protocol.Close:
				return messages, protocol.ErrEnded
			case e.Kind == protocol.Message:
				m := conntest.Message{Opcode: conntest.Binary, Payload: slices.Clone(data)}
				if in.recv.Opcode() == frame.OpcodeText {
					m.Opcode = conntest.Text
				}
				messages = append(messages, m)
				continue
			case e.Kind != protocol.None:
				continue
			}
			break
		}
	}
	return messages, nil
}
