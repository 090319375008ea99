package deflate_test

import (
	"fmt"
	"slices"

	"github.com/hawser-go/hawser/deflate"
)

// Two messages of RFC 7692, 7.2.3, of which the second refers to the first. The first arrives in two frames.
func ExampleInflater() {
	var w deflate.Window // one for each connection
	w.Init(15, true)
	defer w.Release()

	var dst []byte
	for _, frames := range [][]string{{"\xf2\x48\xcd", "\xc9\xc9\x07\x00"}, {"\xf2\x00\x11\x00\x00"}} {
		f := deflate.GetInflater(&w, 1<<20)
		dst = dst[:0]
		for i, frame := range frames {
			payload, last := []byte(frame), i == len(frames)-1
			for {
				out, n, err := f.Inflate(dst, payload, last)
				if dst, payload = out, payload[n:]; err == nil {
					break
				}
				if err != deflate.ErrShortDst {
					fmt.Println(err)
					return
				}
				dst = slices.Grow(dst, 1)
			}
		}
		deflate.PutInflater(f)
		fmt.Printf("%s\n", dst)
	}
	// Output:
	// Hello
	// Hello
}
