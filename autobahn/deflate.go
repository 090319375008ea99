package autobahn

import (
	"bytes"

	"github.com/klauspost/compress/flate"
)

// A deflater compresses the messages of one side of a connection (RFC 7692, 7.2.1).
type deflater struct {
	takeover bool
	b        bytes.Buffer
	w        *flate.Writer
}

// newDeflater never refers further back than 2^windowBits octets. Without takeover it never
// refers to an earlier message.
func newDeflater(windowBits int, takeover bool) *deflater {
	d := &deflater{takeover: takeover}
	var err error
	if windowBits < 15 {
		d.w, err = flate.NewWriterWindow(&d.b, 1<<windowBits)
	} else {
		d.w, err = flate.NewWriter(&d.b, flate.BestSpeed)
	}
	if err != nil {
		panic("autobahn: " + err.Error()) // windowBits is none
	}
	return d
}

// message returns the compressed payload of a message. It is valid until the next call. It
// does not retain b.
func (d *deflater) message(b []byte) []byte {
	d.b.Reset()
	if !d.takeover {
		d.w.Reset(&d.b)
	}
	// A bytes.Buffer takes everything, so there are no errors.
	d.w.Write(b)
	d.w.Flush()
	// "Remove 4 octets (that are 0x00 0x00 0xff 0xff) from the tail end." RFC 7692, 7.2.1
	return bytes.TrimSuffix(d.b.Bytes(), []byte{0x00, 0x00, 0xff, 0xff})
}
