package workload

import (
	"bytes"
	"fmt"
	"testing"
	"unicode/utf8"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/conntest"
)

func TestSize(t *testing.T) {
	for n, want := range map[int]string{16: "16B", 125: "125B", 1 << 10: "1KiB", 1500: "1500B", 64 << 10: "64KiB", 1 << 20: "1MiB"} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestTextIsValidAndExact(t *testing.T) {
	for i, l := range Languages {
		for _, n := range []int{0, 1, 2, 3, 125, 1 << 10, 4099} {
			t.Run(fmt.Sprintf("%s/%d", l.Name, n), func(t *testing.T) {
				b := l.Text(n)
				if len(b) != n || !utf8.Valid(b) {
					t.Fatalf("%d bytes, valid: %t", len(b), utf8.Valid(b))
				}
				// What the name promises: most characters have sequences of i+1 octets.
				if perRune := float64(n) / float64(utf8.RuneCount(b)); n > 1000 && (perRune > float64(i+1) || perRune < float64(i)+0.5) {
					t.Errorf("%.2f octets a character", perRune)
				}
			})
		}
	}
}

// Every frame that is measured is legal in the eyes of the strict parser.
func TestFramesAreLegal(t *testing.T) {
	f := NewFrames()
	b := f.buf
	for range f.N {
		got, n, err := conntest.ParseFrame(b)
		if err != nil || n == 0 || !got.Fin || !got.Masked || got.Opcode != conntest.Text || len(got.Payload) != FramesPayload {
			t.Fatalf("%v, %d bytes, error %v", got, n, err)
		}
		b = b[n:]
	}
	if len(b) != 0 || len(f.buf) > 64<<10 || len(f.buf) < 64<<10-200 {
		t.Errorf("%d bytes, %d of them behind the last frame", len(f.buf), len(b))
	}
}

// A second and a third pass over the same buffer receive as many messages as the first, and the first and the third see the text.
func TestReceiveMayBeRepeated(t *testing.T) {
	f := NewFrames()
	for pass := range 3 {
		f.View = nil
		if n := f.Receive(); n != f.N {
			t.Fatalf("pass %d: %d messages, want %d", pass, n, f.N)
		}
		if want := Languages[0].Text(FramesPayload); bytes.Equal(f.View, want) != (pass%2 == 0) {
			t.Errorf("pass %d: the last message is %q", pass, f.View)
		}
	}
}

func TestReceiveStopsAtWhatIsRefused(t *testing.T) {
	for name, at := range map[string]int{"header": 0, "text": 6} {
		t.Run(name, func(t *testing.T) {
			f := NewFrames()
			f.buf[10*len(f.buf)/f.N+at] = 0xff
			if n := f.Receive(); n != 10 {
				t.Errorf("%d messages, want 10", n)
			}
		})
	}
}

func TestJSON(t *testing.T) {
	for _, n := range []int{1, 100, 1024} {
		first, second := JSON(1, n), JSON(2, n)
		if len(first) != n || !bytes.Equal(first, JSON(1, n)) || n > 100 && bytes.Equal(first, second) || n > 25 && !bytes.Equal(first[:25], second[:25]) {
			t.Errorf("%d bytes: %q and %q", n, first, second)
		}
	}
}

func TestHeadersAreLegal(t *testing.T) {
	for _, h := range Headers {
		t.Run(h.Name, func(t *testing.T) {
			b := frame.AppendHeader(nil, h.Header)
			got, n := frame.ConsumeHeader(b)
			if n != len(b) || got != h.Header {
				t.Fatalf("%+v, %d bytes", got, n)
			}
			if err := frame.Check(got, n, frame.Rules{Masked: got.Masked}); err != nil {
				t.Error(err)
			}
		})
	}
}
