package conntest

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestCheckLeaks(t *testing.T) {
	t.Run("goroutine", func(t *testing.T) {
		f := new(fakeTB)
		checkLeaks(f, 0)
		stop := make(chan struct{})
		go func() { <-stop }()
		f.cleanup()
		close(stop)
		if len(f.log) != 1 || !strings.Contains(f.log[0], "TestCheckLeaks") {
			t.Errorf("%q", f.log)
		}
	})
	t.Run("descriptor", func(t *testing.T) {
		if runtime.GOOS != "linux" {
			t.Skip("descriptors are counted on Linux only")
		}
		f := new(fakeTB)
		checkLeaks(f, 0)
		r, w, err := os.Pipe()
		must(t, err)
		f.cleanup()
		r.Close()
		w.Close()
		if len(f.log) != 2 || !strings.Contains(f.log[0], "descriptor of pipe:") {
			t.Errorf("%q", f.log)
		}
	})
	t.Run("late_but_gone", func(t *testing.T) {
		f := new(fakeTB)
		checkLeaks(f, time.Minute)
		go func() {
			for range 1000 {
				runtime.Gosched()
			}
		}()
		f.cleanup()
		if f.failed {
			t.Errorf("%q", f.log)
		}
	})
	t.Run("failed_test_is_not_checked", func(t *testing.T) {
		f := new(fakeTB)
		checkLeaks(f, 0)
		stop := make(chan struct{})
		go func() { <-stop }()
		f.failed = true
		f.cleanup()
		close(stop)
		if len(f.log) != 0 {
			t.Errorf("%q", f.log)
		}
	})
	t.Run("many_goroutines", func(t *testing.T) {
		f := new(fakeTB)
		CheckLeaks(f)
		stop := make(chan struct{})
		for range 1000 {
			go func() { <-stop }()
		}
		if n := len(goroutines()); n < 1000 {
			t.Errorf("%d goroutines", n)
		}
		close(stop)
		f.cleanup()
		if f.failed {
			t.Errorf("%q", f.log)
		}
	})
}
