package differential

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/hawser-go/hawser/internal/conntest"
)

// sentinel is the last message of each input: whoever delivers it has accepted all that was before it.
var sentinel = masked(conntest.Frame{Fin: true, Opcode: conntest.Text, Payload: []byte("sentinel")})

func masked(f conntest.Frame) []byte {
	f.Masked, f.Key = true, [4]byte{5, 6, 7, 8}
	return f.Append(nil)
}

// differences returns what the engine and the others disagree in, nothing twice.
func differences(input []byte) (list []string) {
	input = slices.Concat(input, sentinel)
	ours := engine(input)
	for _, impl := range others {
		theirs := impl.judge(input)
		difference := ""
		switch n := min(len(ours.messages), len(theirs.messages)); {
		case slices.Equal(ours.messages, theirs.messages):
			continue
		case !slices.Equal(ours.messages[:n], theirs.messages[:n]):
			difference = fmt.Sprintf("the messages differ: %q, %q", ours.messages, theirs.messages)
		case len(ours.messages) > n:
			difference = "the engine accepts more"
		case ours.rule == nil:
			difference = "the engine has ended without an error"
		default:
			difference = ours.rule.Section + ": " + ours.rule.Detail
		}
		if !slices.Contains(list, difference) {
			list = append(list, difference)
		}
	}
	return list
}

// TestEveryFirstOctet sends every first octet, masked or not, with lengths of every form, behind nothing and behind the beginning of a message.
func TestEveryFirstOctet(t *testing.T) {
	found := map[string]int{}
	cases := 0
	for b0 := range 256 {
		for _, before := range [][]byte{nil, masked(conntest.Frame{Opcode: conntest.Text, Payload: []byte("a")})} {
			for _, n := range []int{0, 1, 2, 125, 126, 127, 65535, 65536} {
				for _, form := range []int{1, 3, 9} {
					if form == 1 && n > 125 || form == 3 && n > 65535 {
						continue
					}
					f := conntest.Frame{Fin: b0&0x80 != 0, RSV: byte(b0 >> 4 & 7), Opcode: byte(b0 & 15), Payload: make([]byte, n), LengthForm: form}
					for i := range f.Payload {
						f.Payload[i] = "abcdefg"[i%7]
					}
					if f.Opcode == conntest.Close {
						copy(f.Payload, conntest.ClosePayload(1000, ""))
					}
					for _, frame := range [][]byte{masked(f), f.Append(nil)} {
						cases++
						for _, d := range differences(slices.Concat(before, frame)) {
							if found[d]++; rules[d] == "" {
								t.Errorf("%s: % x", d, frame[:min(len(frame), 20)])
							}
						}
					}
				}
			}
		}
	}
	t.Logf("of %d cases, there are disagreements in:", cases)
	for _, d := range slices.Sorted(maps.Keys(found)) {
		t.Logf("%d: %s", found[d], rules[d])
	}
}

// TestCloseFrames sends a Close frame with every status code, and with reasons that are UTF-8 and not. Nothing follows a Close frame, so only whether the sentinel comes can differ.
func TestCloseFrames(t *testing.T) {
	for code := range 1 << 16 {
		if code >= 5001 && code%97 != 0 {
			continue
		}
		for _, reason := range []string{"", "why", "\xff"} {
			for _, d := range differences(masked(conntest.Frame{Fin: true, Opcode: conntest.Close, Payload: conntest.ClosePayload(uint16(code), reason)})) {
				t.Errorf("code %d, reason %q: %s", code, reason, d)
			}
		}
	}
}

// frames makes frames of a script: first octet, length and form, payload.
func frames(script []byte) (b []byte) {
	for len(script) >= 2 && len(b) < 1<<12 {
		b0, b1 := script[0], script[1]
		script = script[2:]
		n := min(int(b1&63), len(script))
		f := conntest.Frame{Fin: b0&0x80 != 0, Opcode: b0 & 15, Payload: script[:n]}
		if b0&0x70 == 0x70 { // or the mutations are mostly about these
			f.RSV = b1 >> 6
		} else if b1>>6 == 3 {
			f.LengthForm = 3
		}
		script = script[n:]
		b = append(b, masked(f)...)
	}
	return b
}

// FuzzOthers: where the engine and the others do not deliver the same messages, rules.go has the words of the RFC that the engine goes by.
func FuzzOthers(f *testing.F) {
	f.Add([]byte("\x81\x05Hello"), true)
	f.Add([]byte("\x01\x02\xce\xba\x89\x01p\x80\x02\xe1\xbd"), true)
	f.Add([]byte("\x01\x01\xce\x8a\x00\x80\x01\xba\x88\x05\x03\xe8bye"), true)
	f.Add([]byte("\x02\x03abc\x00\x00\x80\xc3def\xf1\x40x"), true)
	f.Add([]byte("\x81\xfe\x00\x01\x00\x00\x00\x00a"), false)
	f.Add([]byte("\x88\x80\x00\x00\x00\x00\x81\x80\x00\x00\x00\x00"), false)
	f.Fuzz(func(t *testing.T, input []byte, script bool) {
		if script {
			input = frames(input)
		}
		for _, d := range differences(input) {
			if rules[d] == "" {
				t.Errorf("% x: %s", input, d)
			}
		}
	})
}
