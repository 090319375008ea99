package conn

import (
	"crypto/rand"
	"sync"

	"github.com/hawser-go/hawser/mask"
)

// keyBatch holds random bytes for masking keys. A call of crypto/rand for each key costs two to four times as much (BenchmarkMaskingKey), so keys are
// drawn in batches, and batches are shared by all connections. A key is used once and erased.
type keyBatch struct {
	used int
	b    [512]byte
}

var keyBatches = sync.Pool{New: func() any {
	return &keyBatch{used: len(keyBatch{}.b)}
}}

// newMaskingKey returns a masking key for one frame: "The masking key needs to be unpredictable; thus, the masking key MUST be derived from a strong source of
// entropy" (RFC 6455, 5.3).
func newMaskingKey() (k mask.Key) {
	b := keyBatches.Get().(*keyBatch)
	if b.used == len(b.b) {
		rand.Read(b.b[:]) // never fails: it ends the process instead
		b.used = 0
	}
	b.used += copy(k[:], b.b[b.used:])
	clear(b.b[b.used-len(k) : b.used])
	keyBatches.Put(b)
	return k
}
