package conntest

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// leakPatience is how long what is on its way out gets to leave, in real time.
const leakPatience = 5 * time.Second

// CheckLeaks makes the test fail if goroutines or, on Linux, file descriptors that did not exist at
// the call still do when the test is over. Call it first, so that its check comes after all
// other cleanups; outside of a synctest bubble; and not in tests that run in parallel with others, whose
// goroutines it could not tell from this test's. A test that has failed for another reason is not
// checked.
func CheckLeaks(t testing.TB) { checkLeaks(t, leakPatience) }

func checkLeaks(t testing.TB, patience time.Duration) {
	t.Helper()
	oldRoutines := goroutines()
	oldFiles := descriptors()
	t.Cleanup(func() {
		t.Helper()
		if t.Failed() {
			return
		}
		var routines, files []string
		// The one place with real time: nothing else tells when a goroutine that has done its last
		// statement is gone.
		deadline := time.Now().Add(patience)
		for pause := time.Duration(0); ; pause = min(2*pause+time.Microsecond, 20*time.Millisecond) {
			routines, files = added(oldRoutines, goroutines()), added(oldFiles, descriptors())
			if len(routines)+len(files) == 0 {
				return
			}
			if !time.Now().Before(deadline) {
				break
			}
			runtime.Gosched()
			time.Sleep(pause)
		}
		for _, stack := range routines {
			t.Errorf("leaked %s", stack)
		}
		for _, f := range files {
			t.Errorf("leaked descriptor of %s", f)
		}
	})
}

// added returns the values of after whose keys are not in before, in the order of the keys.
func added(before, after map[string]string) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(after)) {
		if _, ok := before[k]; !ok {
			out = append(out, after[k])
		}
	}
	return out
}

// goroutines returns the stacks of the goroutines that are not the test runner's, by their number.
func goroutines() map[string]string {
	buf := make([]byte, 64<<10)
	n := runtime.Stack(buf, true)
	for n == len(buf) {
		buf = make([]byte, 2*len(buf))
		n = runtime.Stack(buf, true)
	}
	out := map[string]string{}
	for stack := range strings.SplitSeq(string(buf[:n]), "\n\n") {
		header, _, _ := strings.Cut(stack, " [")
		if !runners(stack) {
			out[header] = strings.TrimSpace(stack)
		}
	}
	return out
}

// runners reports whether a stack is that of a goroutine which tests cannot leak: it runs the tests,
// came into being with the runtime, or waits for the events of all connections.
func runners(stack string) bool {
	for _, mark := range []string{
		"\ntesting.(*T).Run(",
		"\ntesting.(*M).",
		"\ntesting.tRunner(",
		"\ntesting.(*B).run1(",
		"\ntesting.(*B).launch(",
		"\ntesting.runFuzzing(",
		"\ninternal/synctest.Run(",
		"\ncreated by runtime.",
		"\ncreated by runtime/pprof.",
		"\ncreated by runtime/trace.",
		"\ncreated by os/signal.",
		"/internal/evloop.(*owner).wait(",
		"/internal/evloop.(*Group).monitor(",
	} {
		if strings.Contains(stack, mark) {
			return true
		}
	}
	return false
}

// startPoller opens what the runtime's poller keeps for ever, which is not a leak of the first test that
// uses a socket.
var startPoller = sync.OnceFunc(func() {
	if r, w, err := os.Pipe(); err == nil {
		r.Close()
		w.Close()
	}
})

// descriptors returns what the open file descriptors refer to, by number and target: the same number
// may be another file later. Elsewhere than on Linux it returns nothing.
func descriptors() map[string]string {
	startPoller()
	const dir = "/proc/self/fd"
	out := map[string]string{}
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		// The descriptor with which the list was read is closed by now.
		if target, err := os.Readlink(dir + "/" + e.Name()); err == nil {
			key := fmt.Sprintf("%s, number %s", target, e.Name())
			out[key] = key
		}
	}
	return out
}
