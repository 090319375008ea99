package utf8stream

import (
	"os"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
)

// pages maps memory with a page before and a page behind that nobody may touch.
func pages(t *testing.T, n int) []byte {
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

// TestGuardPages: nothing outside of p is read.
func TestGuardPages(t *testing.T) {
	inside := pages(t, 2)
	// A fault becomes a panic of this goroutine.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	forEach(t, func(t *testing.T) {
		for _, fill := range append([]string{"世\xFF", "\x80"}, fills...) {
			for _, place := range []string{"first_octets", "last_octets"} {
				t.Run("8.1/"+fill+"_"+place, func(t *testing.T) {
					at := -1
					defer func() {
						if r := recover(); r != nil {
							t.Errorf("length %d: %v", at, r)
						}
					}()
					for n := range 700 {
						at = n
						p := inside[:n:n]
						if place == "last_octets" {
							p = inside[len(inside)-n:]
						}
						copy(p, strings.Repeat(fill, n/len(fill)+1))
						testPieces(t, p)
						testBulk(t, p)
					}
				})
			}
		}
	})
}
