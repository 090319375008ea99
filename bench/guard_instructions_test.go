package bench

import (
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hawser-go/hawser/bench/workload"
	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/conntest"
	"github.com/hawser-go/hawser/internal/utf8stream"
	"github.com/hawser-go/hawser/mask"
)

var instructionGuard = guardGroup{
	name: "instructions",
	about: `Instructions per operation of the framing core under valgrind --tool=callgrind, amd64 and the build tag purego: the portable code, whatever the processor has.
They are those of ` + guardedGo + ` and are not measured with another Go. receive: a masked text message of 125 bytes through parse, check, unmask, validate and deliver.`,
	slack: func(_ string, recorded float64) float64 { return recorded * 0.02 }, // what a patch release of the compiler may do
}

// guardedGo is the Go whose compiler made the instructions in guard.txt.
const guardedGo = "go1.26"

// counted are the operations whose instructions are counted, by name.
var counted = func() map[string]func() {
	m := make(map[string]func())
	frames := workload.NewFrames()
	m["receive"] = func() { frames.Receive() }
	for _, size := range []int{16, 125, 4 << 10} {
		p, q := make([]byte, size), make([]byte, size)
		m["mask_xor/"+workload.Size(size)] = func() { mask.XOR(p, workload.Key) }
		m["mask_copy/"+workload.Size(size)] = func() { mask.Copy(q, p, workload.Key) }
	}
	for _, l := range workload.Languages {
		for _, size := range []int{125, 4 << 10} {
			p := l.Text(size)
			var v utf8stream.Validator
			m["utf8/"+l.Name+"/"+workload.Size(size)] = func() {
				v.Reset()
				v.Feed(p)
			}
		}
	}
	for _, h := range workload.Headers {
		encoded := frame.AppendHeader(nil, h.Header)
		var got frame.Header
		b := make([]byte, 0, frame.MaxHeaderSize)
		m["header_consume/"+h.Name] = func() { got.Consume(encoded) }
		m["header_check/"+h.Name] = func() { h.Header.Check(len(encoded), frame.Rules{Masked: h.Header.Masked}) }
		m["append_header/"+h.Name] = func() { b = frame.AppendHeader(b[:0], h.Header) }
	}
	return m
}()

const (
	// countedRuns is how often each operation runs while instructions are counted.
	countedRuns = 100
	// countedTimes is how often they are counted. The least counts: on a busy machine the scheduler takes the thread away now and then, which costs it some thousand instructions.
	countedTimes = 3
)

func init() {
	children["instructions"] = func() error {
		runtime.LockOSThread() // callgrind switches counting for the thread
		for _, name := range slices.Sorted(maps.Keys(counted)) {
			counted[name]()
			for range countedTimes {
				countInstructions(counted[name])
			}
		}
		return nil
	}
}

// countInstructions is where callgrind counts: from its call to its return, when it writes what it has counted to a file.
//
//go:noinline
func countInstructions(f func()) {
	for range countedRuns {
		f()
	}
}

// countedBinary returns valgrind and a binary of these tests to be run under it, with purego, and with the symbols, which go test leaves out. Without valgrind the test is skipped.
func countedBinary(t *testing.T) (valgrind, binary string) {
	t.Helper()
	valgrind, err := exec.LookPath("valgrind")
	if err != nil {
		t.Skip("Instructions are not counted: there is no valgrind.")
	}
	goCommand, err := exec.LookPath("go")
	if err != nil {
		t.Skip("Instructions are not counted: there is no go command to build the portable code with.")
	}
	binary = filepath.Join(t.TempDir(), "bench.test")
	build := exec.Command(goCommand, "test", "-c", "-tags", "purego", "-o", binary, ".")
	build.Env = append(os.Environ(), "GOAMD64=v1")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return valgrind, binary
}

func guardInstructions(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" || conntest.RaceEnabled {
		t.Skip("Instructions are counted on linux/amd64, without the race detector.")
	}
	if v := runtime.Version(); v != guardedGo && !strings.HasPrefix(v, guardedGo+".") {
		t.Skipf("Instructions were recorded with %s; this is %s. Change guardedGo and run with -update.", guardedGo, v)
	}
	valgrind, binary := countedBinary(t)
	counts, err := callgrind(t, valgrind, binary)
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]float64)
	for name, n := range counts {
		if name == "receive" {
			n /= float64(workload.NewFrames().N)
		}
		got["instructions/"+name] = math.Round(n / countedRuns)
	}
	instructionGuard.check(t, got)
}

// callgrind returns how many instructions the child spends in countInstructions, by operation.
func callgrind(t *testing.T, valgrind, binary string) (counts map[string]float64, err error) {
	const tries = 3 // valgrind itself may stumble over a Go program's threads
	for range tries {
		file := filepath.Join(t.TempDir(), "callgrind.out")
		cmd := exec.Command(valgrind, "--tool=callgrind", "--callgrind-out-file="+file, "--collect-atstart=no",
			"--toggle-collect="+countedFunction, "--dump-after="+countedFunction, binary)
		cmd.Env = append(os.Environ(), childVariable+"=instructions",
			// One thread that runs Go code, nothing that interrupts it, and the same instructions on every processor.
			"GOMAXPROCS=1", "GOGC=off", "GODEBUG=asyncpreemptoff=1,cpu.all=off")
		if out, failed := cmd.CombinedOutput(); failed != nil {
			err = fmt.Errorf("%w: %s", failed, out)
			continue
		}
		if counts, err = readCounts(file); err == nil {
			return counts, nil
		}
	}
	return nil, err
}

// countedFunction is how callgrind finds countInstructions, "*" for the module's path.
const countedFunction = "*/bench.countInstructions"

var totals = regexp.MustCompile(`(?m)^totals: ([0-9]+)$`)

// readCounts reads the files that callgrind wrote: countedTimes, with numbers, for each operation in order.
func readCounts(file string) (map[string]float64, error) {
	counts := make(map[string]float64)
	for i, name := range slices.Sorted(maps.Keys(counted)) {
		counts[name] = math.Inf(1)
		for j := range countedTimes {
			dump := fmt.Sprintf("%s.%d", file, i*countedTimes+j+1)
			text, err := os.ReadFile(dump)
			if err != nil {
				return nil, err
			}
			m := totals.FindSubmatch(text)
			if m == nil {
				return nil, fmt.Errorf("there is no total in %s", dump)
			}
			n, err := strconv.ParseFloat(string(m[1]), 64)
			if err != nil || n < countedRuns {
				return nil, fmt.Errorf("%s: %s instructions, error %v", name, m[1], err)
			}
			counts[name] = min(counts[name], n)
		}
	}
	return counts, nil
}
