//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A machine says where the figures come from. It names no host.
type machine struct {
	CPU     string `json:"cpu"`
	Cores   int    `json:"cores"`
	Memory  int64  `json:"memory_bytes"`
	Virtual bool   `json:"virtual"`
	Kernel  string `json:"kernel"`
	Go      string `json:"go"`
	Arch    string `json:"arch"`
	Server  int    `json:"server_core"`
	Load    []int  `json:"load_cores"`
	// Governor is the frequency governor of the server's core, "" if there is none to be seen.
	Governor string `json:"governor,omitempty"`
}

// cores says where the two processes run.
type cores struct {
	server int
	load   []int
}

// chooseCores gives the server the last core that this process may use, and the load generator the others, except those that share the server's physical core.
func chooseCores() (c cores, err error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return c, fmt.Errorf("sched_getaffinity: %w", err)
	}
	var allowed []int
	for i := range 1024 {
		if set.IsSet(i) {
			allowed = append(allowed, i)
		}
	}
	if len(allowed) < 2 {
		return c, errors.New("two cores are needed, one for the server and one for the load")
	}
	c.server = allowed[len(allowed)-1]
	siblings := siblingsOf(c.server)
	for _, i := range allowed {
		if i != c.server && !siblings[i] {
			c.load = append(c.load, i)
		}
	}
	if len(c.load) == 0 { // nothing but the server's own other threads
		c.load = allowed[:len(allowed)-1]
	}
	return c, nil
}

// siblingsOf reads which cores are threads of the same physical core, as "0,4" or "0-1".
func siblingsOf(core int) map[int]bool {
	siblings := make(map[int]bool)
	text, err := os.ReadFile(fmt.Sprintf("/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", core))
	if err != nil {
		return siblings
	}
	for part := range strings.SplitSeq(strings.TrimSpace(string(text)), ",") {
		low, high, isRange := strings.Cut(part, "-")
		from, err := strconv.Atoi(low)
		if err != nil {
			continue
		}
		to := from
		if isRange {
			if to, err = strconv.Atoi(high); err != nil {
				continue
			}
		}
		for i := from; i <= to; i++ {
			siblings[i] = true
		}
	}
	return siblings
}

func readMachine(c cores) machine {
	m := machine{Cores: runtime.NumCPU(), Go: runtime.Version(), Arch: runtime.GOARCH, Server: c.server, Load: c.load}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			name, value, _ := strings.Cut(line, ":")
			switch strings.TrimSpace(name) {
			case "model name", "Model":
				if m.CPU == "" {
					m.CPU = strings.TrimSpace(value)
				}
			case "flags":
				m.Virtual = m.Virtual || strings.Contains(value, " hypervisor")
			}
		}
	}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		m.Memory = int64(info.Totalram) * int64(info.Unit)
	}
	var uts unix.Utsname
	if unix.Uname(&uts) == nil {
		m.Kernel = unix.ByteSliceToString(uts.Sysname[:]) + " " + unix.ByteSliceToString(uts.Release[:])
	}
	if text, err := os.ReadFile(fmt.Sprintf("/sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor", c.server)); err == nil {
		m.Governor = strings.TrimSpace(string(text))
	}
	return m
}

// commit is the one checked out, with "-dirty" if files differ from it that are no results.
func commit() string {
	hash, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	c := strings.TrimSpace(string(hash))
	if status, err := exec.Command("git", "status", "--porcelain", "--untracked-files=no", "--", ":/", ":!results").Output(); err != nil || len(status) > 0 {
		c += "-dirty"
	}
	return c
}

// maxConns is how many connections the limit of open files leaves, with a margin for everything else.
func maxConns() int {
	var rl unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &rl) != nil {
		return 500
	}
	return int(min(rl.Max, 1<<20)) - 200
}

// raiseLimit raises the soft limit of open files for the processes to be started: Go gives them the old one back.
func raiseLimit() {
	var rl unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &rl) == nil {
		rl.Cur = rl.Max
		unix.Setrlimit(unix.RLIMIT_NOFILE, &rl)
	}
}
