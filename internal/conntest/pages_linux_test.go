package conntest

import (
	"os"
	"runtime/debug"
	"testing"
	"unsafe"
)

func TestGuardedPages(t *testing.T) {
	b := GuardedPages(t, 2)
	if len(b) != 2*os.Getpagesize() {
		t.Fatalf("%d bytes", len(b))
	}
	b[0], b[len(b)-1] = 1, 1
	ReadOnly(t, b)
	if b[0] != 1 {
		t.Error("the content is lost")
	}
	for name, access := range map[string]func(){
		"before":    func() { sinkByte = *(*byte)(unsafe.Add(unsafe.Pointer(&b[0]), -1)) },
		"behind":    func() { sinkByte = *(*byte)(unsafe.Add(unsafe.Pointer(&b[len(b)-1]), 1)) },
		"read-only": func() { b[0] = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
			defer func() {
				if recover() == nil {
					t.Error("the access was allowed")
				}
			}()
			access()
		})
	}
}

var sinkByte byte
