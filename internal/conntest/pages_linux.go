package conntest

import (
	"os"
	"syscall"
	"testing"
)

// GuardedPages returns n pages of memory between two that nobody may touch, for what must not read or write outside of a slice: an access ends the
// process, or is a panic after debug.SetPanicOnFault. The memory is unmapped at the end of the test.
func GuardedPages(t testing.TB, n int) []byte {
	t.Helper()
	page := os.Getpagesize()
	all, err := syscall.Mmap(-1, 0, (n+2)*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(all); err != nil {
			t.Error(err)
		}
	})
	for _, guard := range [][]byte{all[:page], all[(n+1)*page:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return all[page : (n+1)*page]
}

// ReadOnly makes b, which GuardedPages returned, read-only.
func ReadOnly(t testing.TB, b []byte) {
	t.Helper()
	if err := syscall.Mprotect(b, syscall.PROT_READ); err != nil {
		t.Fatal(err)
	}
}
