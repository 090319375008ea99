package conn

import (
	"reflect"

	"github.com/hawser-go/hawser/deflate"
)

// inflaterSize is what an unfinished compressed message holds beside its buffer.
var inflaterSize = int64(reflect.TypeFor[deflate.Inflater]().Size())

// held returns how many bytes are held for messages.
func (in *input) held() (n int64) {
	if in.reading != nil {
		for _, b := range [...]*[]byte{in.buf, in.msg, in.lent} {
			if b != nil {
				n += int64(len(*b))
			}
		}
	}
	if in.inflation != nil && in.inflation.inflater != nil {
		n += inflaterSize
	}
	return n
}

// countWaiting is count before a wait. A small buffer that is about to be read into is not counted, unless that was known already: in most cases the rest of a small message is there, and that shall cost nothing. If it is not there, the
// buffer is counted, and has become smaller, when anything comes, at the latest the answer to a Ping.
func (in *input) countWaiting() {
	if in.of == nil {
		return
	}
	if n := in.held(); in.filled && n > in.counted && n <= readBufferSize {
		return
	}
	in.count()
}

// count tells the connection's Registry what is held.
func (in *input) count() {
	if in.of == nil {
		return
	}
	if n := in.held(); in.reading != nil && (n != 0 || in.counted != 0) {
		in.of.hold(stockReceived, n-in.counted)
		in.counted = n
		if in.completed {
			in.of.holdAnew(stockReceived)
		}
	}
	in.completed = false
	if z := in.inflation; z != nil {
		n := int64(z.window.Held())
		in.of.hold(stockKept, n-z.counted)
		z.counted = n
	}
}

// countLarge is count for a read buffer that is not small.
func (in *input) countLarge() {
	if in.of != nil && len(*in.buf) > readBufferSize {
		in.count()
	}
}

// room counts a buffer of n bytes for the message that is gathered, in the place of the one that it has, unless it is small. If there is no room for it, the message is not gone on with.
func (in *input) room(n int) bool {
	if in.of == nil || n <= readBufferSize {
		return true
	}
	held := in.held() + int64(n)
	if in.msg != nil {
		held -= int64(len(*in.msg))
	}
	if !in.of.tryHold(stockReceived, held-in.counted) {
		in.refused = true
		return false
	}
	in.counted = held
	return true
}
