package bench

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/bench/workload"
	"github.com/hawser-go/hawser/internal/conntest"
)

var syscallGuard = guardGroup{
	name: "syscalls",
	about: `System calls per message of a server process that echoes over one loopback socket, counted by strace -f -c on linux/amd64 with GOMAXPROCS=1. The peer sends a message
when it has the one before, pipelined 16 messages of 125 bytes. read: those that brought bytes. again: those that brought nothing. write: and writev. other: what is neither
here nor a matter of timing, as epoll_wait and futex are.`,
	slack: func(name string, _ float64) float64 {
		switch {
		case strings.Contains(name, "/64KiB/"):
			return 4 // a socket may bring or take it in pieces
		case strings.HasSuffix(name, "/again"):
			return 0.5 // now and then bytes come while the ones before are answered, and wake whom they need not
		}
		return 0.05
	},
}

// syscallKinds maps strace's names to those of guard.txt. What is not here is "other".
var syscallKinds = map[string]string{
	"read": "read", "readv": "read", "recvfrom": "read", "recvmsg": "read",
	"write": "write", "writev": "write", "sendto": "write", "sendmsg": "write",
	// The runtime's own, at times of its choice.
	"epoll_wait": "", "epoll_pwait": "", "epoll_pwait2": "", "futex": "",
	"nanosleep": "", "sched_yield": "", "madvise": "", "mmap": "", "munmap": "", "rt_sigprocmask": "", "rt_sigreturn": "", "tgkill": "", "getpid": "",
	"total": "",
}

func init() {
	// An echo server for one connection. Its address is the only line of its output.
	children["echo"] = func() error {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		l.(*net.TCPListener).SetDeadline(time.Now().Add(30 * time.Second)) // whoever started this may be gone
		fmt.Println(l.Addr())
		nc, err := l.Accept()
		if err != nil {
			return err
		}
		c := hawser.New(nc, hawser.RoleServer, nil, nil)
		for m, err := range c.Messages() {
			if err != nil {
				return err
			}
			if err := c.Write(m.Type, m.Data); err != nil {
				return err
			}
		}
		return nil
	}
}

func guardSyscalls(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" || conntest.RaceEnabled {
		t.Skip("System calls are counted on linux/amd64, without the race detector.")
	}
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("System calls are not counted: there is no strace.")
	}
	if out, err := exec.Command(strace, "-f", "-c", "-o", os.DevNull, "true").CombinedOutput(); err != nil {
		t.Skipf("System calls are not counted: strace may not trace here (%s).", strings.TrimSpace(string(out)))
	}
	got := make(map[string]float64)
	for _, size := range []int{16, 1 << 10, 4 << 10, 64 << 10} {
		countSyscalls(t, got, strace, "echo/"+workload.Size(size), messageFrame(true, size), len(messageFrame(false, size)), 1)
	}
	var pipelined []byte
	for range pipelineDepth {
		pipelined = append(pipelined, messageFrame(true, 125)...)
	}
	countSyscalls(t, got, strace, "pipelined", pipelined, pipelineDepth*len(messageFrame(false, 125)), pipelineDepth)
	syscallGuard.check(t, got)
}

// countSyscalls has a server echo bursts of some messages, and adds its system calls per message to got. What the process does before and after is left out, as the difference
// between two runs.
func countSyscalls(t *testing.T, got map[string]float64, strace, name string, burst []byte, response, messages int) {
	t.Helper()
	const few, many = 200, 1200
	short := trace(t, strace, burst, response, few)
	long := trace(t, strace, burst, response, many)
	each := func(kind string) float64 {
		n := max(0, (long[kind]-short[kind])/float64((many-few)*messages))
		return math.Round(n*pipelineDepth) / pipelineDepth
	}
	for _, kind := range []string{"read", "again", "write", "other"} {
		got["syscalls/"+name+"/"+kind] = each(kind)
	}
}

// trace returns how many system calls of each kind a server needs for some rounds.
func trace(t *testing.T, strace string, burst []byte, response, rounds int) map[string]float64 {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	table := filepath.Join(t.TempDir(), "strace")
	cmd := exec.Command(strace, "-f", "-c", "-o", table, exe)
	cmd.Env = append(os.Environ(), childVariable+"=echo", "GOMAXPROCS=1", "GODEBUG=asyncpreemptoff=1", "GOGC=off")
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	err = errors.Join(converse(stdout, burst, response, rounds), cmd.Wait())
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	return kindsOf(parseStrace(string(text)))
}

// kindsOf sums up what strace counted by the kinds of guard.txt.
func kindsOf(table map[string]straceLine) map[string]float64 {
	counts := make(map[string]float64)
	for name, l := range table {
		switch kind, ok := syscallKinds[name]; {
		case !ok:
			counts["other"] += l.calls
		case kind == "read":
			counts["read"] += l.calls - l.errors
			counts["again"] += l.errors
		default:
			counts[kind] += l.calls
		}
	}
	return counts
}

// converse plays the client of the child whose output this is. If it fails, the child ends by itself: its connection does.
func converse(stdout io.Reader, burst []byte, response, rounds int) error {
	address, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return err
	}
	nc, err := net.Dial("tcp", strings.TrimSpace(address))
	if err != nil {
		return err
	}
	p := newPeer(nc)
	for range rounds {
		if err := p.exchange(burst, response); err != nil {
			nc.Close()
			return err
		}
	}
	return p.close()
}

type straceLine struct{ calls, errors float64 }

// parseStrace reads the table of strace -c: % time, seconds, usecs/call, calls, errors if there were any, and the name.
func parseStrace(text string) map[string]straceLine {
	table := make(map[string]straceLine)
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 5 {
			continue
		}
		calls, err := strconv.ParseFloat(f[3], 64)
		if err != nil {
			continue
		}
		l := straceLine{calls: calls}
		if len(f) == 6 {
			l.errors, _ = strconv.ParseFloat(f[4], 64)
		}
		table[f[len(f)-1]] = l
	}
	return table
}

func TestParseStrace(t *testing.T) {
	got := kindsOf(parseStrace(`% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 61.05    0.022374          11      2003      1001 read
 38.95    0.014274          14      1004           write
  0.00    0.000000           0         3           writev
  0.00    0.000000           0       700           epoll_pwait
  0.00    0.000000           0        20         5 futex
  0.00    0.000000           0        77           nanosleep
  0.00    0.000000           0         8           setsockopt
------ ----------- ----------- --------- --------- ----------------
100.00    0.036648          12      3815      1006 total
`))
	delete(got, "")
	want := map[string]float64{"read": 1002, "write": 1007, "again": 1001, "other": 8}
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
